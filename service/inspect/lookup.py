"""One customer, read from the state changelog: history, today's judgement, the next dates."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

import msgspec

from service.cluster.partitioner import function_of
from service.cluster.tail import open_reader, partitions_of, records_until_now
from service.config import Settings
from service.domain.calendar import DAY_US, NEVER, to_date, to_datetime
from service.domain.changelog import (
    CURVES_KEY,
    MERGED_PREFIX,
    NEWCOMERS_KEY,
    PARTITION_KEY,
    TABLE_KEY,
    chunk_of_key,
)
from service.domain.customer import Customer
from service.domain.customer_fields import FIELDS
from service.domain.customer_record import fields_of
from service.domain.engine import Engine
from service.domain.findings import Evidence, Kind, Scores
from service.domain.outreach.evidence import evidence_of
from service.domain.scores import lost_us
from service.domain.stumbling import LaterReleaseError
from service.engines import new_engine, of_a_later_release
from service.errors import ConfigurationError, NotThereError
from service.feed.partitions import partition_for
from service.inspect.curve import Point, marks_days, point_of
from service.wire.key_hash import DEFAULT_PARTITIONER
from service.wording.language import Language
from service.wording.languages import DEFAULT, LANGUAGES, language_of
from service.wording.sentences import sentence


class Inspection(NamedTuple):
    """What is known of one customer. Times are local to the shop."""

    partition: int
    now: datetime
    """Stream time of the customer's partition."""
    customer: Customer
    scores: Scores
    visit_days: list[str]
    """The visit days still kept, ISO dates, oldest first."""
    dates: list[tuple[str, datetime]]
    """What would happen next if nothing arrived: (what, when)."""
    curve: list[tuple[datetime, Point]]
    """Lengths of the present silence, ascending: when each is reached, and what it means. Empty without a visit."""
    overdue: Evidence | None
    """What an alert of this instant would rest on; None for who is no regular or is not late yet."""
    released: str | None
    """Name of the newest step that went out in the present silence; None where none has."""

    def in_words(self, language: Language | None = None) -> str | None:
        """What an alert of this instant would say, in the customer's own language unless another is asked for.

        None where there is nothing that an alert could rest on.
        """
        if self.overdue is None:
            return None
        spoken = language or language_of(self.overdue.locale) or DEFAULT
        return sentence(Kind.WIN_BACK, self.overdue, self.scores.customer_id, spoken)


def inspect_customer(settings: Settings, customer_id: str) -> Inspection:
    """What the worker knows of a customer. Raises as `engine_of`."""
    return inspection_of(settings, *engine_of(settings, customer_id))


def engine_of(settings: Settings, customer_id: str) -> tuple[Engine, int, str]:
    """An engine that knows this customer alone, the partition, and the id under which it knows them.

    Reads the customer's partition of the state topic: it takes as long as the partition is large. A customer who is
    not there is looked for in the others; of an id that is another customer's since a merge that one is told.
    Raises ConfigurationError when the broker, the topic or the customer is not there.
    """
    topic = settings.kafka.state_topic
    key = customer_id.encode()
    merged = MERGED_PREFIX + key
    with open_reader(settings.kafka) as reader:
        partitions = partitions_of(reader, topic)
        if not partitions:
            raise ConfigurationError(
                f"The topic {topic} does not exist; is kafka.group = {settings.kafka.group!r} right?"
            )
        home = partition_for(key, len(partitions), function_of(reader, settings) or DEFAULT_PARTITIONER)
        # Then the others: a state that began before its records were carried may hold a customer where they lay.
        for number in [home, *(other for other in range(len(partitions)) if other != home)]:
            found = {
                record.key: record.value
                for record in records_until_now(reader, [partitions[number]])
                if record.key in {key, merged, PARTITION_KEY, TABLE_KEY, CURVES_KEY, NEWCOMERS_KEY}
                or _is_of(record.key, customer_id)
            }
            if found.get(key) is not None:
                break
            into = found.get(merged)
            if into is not None:
                return engine_of(settings, into.decode())
        else:
            raise NotThereError(
                f"Customer {customer_id!r} is not known in group {settings.kafka.group!r} "
                f"(partition {home}, nor any other)."
            )
    engine = new_engine(settings)
    try:
        for known, value in found.items():
            engine.restore(known, value)
        engine.restored()
    except LaterReleaseError as error:
        raise of_a_later_release(f"{topic}-{number}", error) from error
    return engine, number, customer_id


def _is_of(key: bytes, customer_id: str) -> bool:
    """Whether it is the key of a chunk of the customer's purchases."""
    chunk = chunk_of_key(key)
    return chunk is not None and chunk[0] == customer_id


def inspection_of(settings: Settings, engine: Engine, partition: int, customer_id: str) -> Inspection:
    """Of an engine that knows the customer. Raises ConfigurationError where there is nothing to tell of them."""
    customer, zone = engine.roster.customer(customer_id), settings.shop.zone
    if customer is None:
        raise NotThereError(f"Customer {customer_id!r} is not known.")
    if customer.objects:
        since = local_time(customer.objection, zone)
        raise ConfigurationError(
            f"Customer {customer_id!r} objects to profiling (profiling = false, {since:%Y-%m-%d %H:%M}): nothing is worked "
            "out about them."
        )
    scores = engine.scores(customer_id)
    if scores is None:
        raise NotThereError(f"Customer {customer_id!r} is not known.")
    dates = [("expected visit", scores.expected_visit_us)]
    chosen = " (if chosen under the volume)" if engine.ladder.volume is not None and not customer.episode.rung else ""
    dates += [
        (f"alert: {rung}{chosen if not place else ''}", due_us)
        for place, (rung, due_us) in enumerate(engine.ladder.rungs_ahead(customer))
    ]
    if customer.visits:
        model = engine.everybody.learned.model
        dates.append(("counted as lost", lost_us(customer, model, settings.shop.regular_min_visits)))
    if customer.change_us < NEVER:
        dates.append(("band or segment changes", customer.change_us))
    now_us = max(engine.now_us, customer.last_us)
    silences = marks_days(customer) if customer.visits else []
    if silences:
        silences += [
            (at_us - customer.last_us) / DAY_US
            for at_us in (now_us, *(due for _, due in engine.ladder.rungs_ahead(customer)))
        ]
    learned, least = engine.everybody.learned, settings.shop.regular_min_visits
    late = scores.expected_visit_us is not None and scores.expected_visit_us < now_us
    win_back = engine.ladder.message_of(0)
    overdue = evidence_of(customer, win_back, learned, now_us) if late and customer.visits >= least else None
    return Inspection(
        partition,
        local_time(now_us, zone),
        customer,
        scores,
        [to_date(day).isoformat() for day in customer.visit_days()],
        sorted(
            [(what, local_time(at_us, zone)) for what, at_us in dates if at_us is not None], key=lambda date: date[1]
        ),
        [
            (local_time(customer.last_us + int(days * DAY_US), zone), point_of(customer, learned, least, days))
            for days in sorted(set(silences))
        ],
        overdue,
        engine.ladder.newest_release(customer),
    )


def local_time(at_us: int, zone: ZoneInfo) -> datetime:
    """The instant in the shop's zone."""
    return to_datetime(at_us).astimezone(zone)


def as_json(inspection: Inspection, *, stored: bool = True) -> str:
    """Everything, for programs; `stored`: the customer's own state too, contact included."""
    state = {
        name: value
        for name, value in zip(FIELDS, fields_of(inspection.customer), strict=False)
        if name not in {"days", "seen", "bucket", "order_memory", "bought"}
    }
    return msgspec.json.encode(
        {
            "partition": inspection.partition,
            "now": inspection.now,
            "scores": inspection.scores,
            "in_words": {code: inspection.in_words(language) for code, language in LANGUAGES.items()},
            "visit_days": inspection.visit_days,
            "dates": [{"what": what, "when": when} for what, when in inspection.dates],
            "curve": [
                {
                    "silence_days": point.silence_days,
                    "when": when,
                    "tail_probability": point.tail_probability,
                    "churn_risk": point.churn_risk,
                }
                for when, point in inspection.curve
            ],
            **({"state": state} if stored else {}),
        }
    ).decode()
