"""By the wall clock a partition concludes absences only for a time for which its feed has, as it usually does,
delivered."""

from __future__ import annotations

from operator import attrgetter
from types import SimpleNamespace
from typing import Any, NamedTuple
from unittest.mock import patch

import pytest

from service.config import Settings
from service.domain.calendar import DAY_US, HOUR_US, SECOND_US, utc_text
from service.domain.findings import Decision, Outcome
from service.streaming.job import PartitionJob

START_US = 20_000 * DAY_US
SETTINGS = Settings().changed(
    outreach={"consent": "external", "measure": "multiple", "level": 1.0},
    time={"clock": "wall"},
    shop={"timezone": "UTC"},
)
DAYS = 40
REGULARS = 20


STAY = DAYS - 8
"""Days after which whoever leaves comes no more."""


class Sent(NamedTuple):
    """What a shop sends, and when it lies in the log."""

    topic: str
    who: str
    arrived_us: int
    body: str


def bought(who: str, at_us: int, arrived_us: int) -> Sent:
    return Sent("purchases", who, arrived_us, f'{{"customer_id":"{who}","occurred_at":"{utc_text(at_us)}","amount":"5"')


def answered(who: str, at_us: int) -> Sent:
    body = f'{{"customer_id":"{who}","occurred_at":"{utc_text(at_us)}","survey":"nps","score":9'
    return Sent("surveys", who, at_us, body)


def noon(day: int, arrives_after_us: int, *, leaving: bool = False) -> list[Sent]:
    """All regulars buy, of whom the odd ones may have left."""
    at_us = START_US + day * DAY_US + 12 * HOUR_US
    there = [who for who in range(REGULARS) if not (leaving and who % 2 and day >= STAY)]
    return [
        bought(f"regular-{who}", at_us + who * SECOND_US, at_us + who * SECOND_US + arrives_after_us) for who in there
    ]


def told_in(job: PartitionJob, log: list[Sent], asleep: range = range(0)) -> list[Decision]:
    """The worker takes what has arrived each hour, but for those in which it is `asleep`."""
    decisions: list[Decision] = []
    offsets = dict.fromkeys(job.sources, 0)
    waiting = sorted(log, key=attrgetter("arrived_us"))
    for hour in range(24 * DAYS):
        now_us = START_US + hour * HOUR_US + 60 * SECOND_US
        if hour in asleep:
            continue
        with patch("time.time_ns", return_value=now_us * 1_000):
            arrived = [sent for sent in waiting if sent.arrived_us <= now_us]
            waiting = waiting[len(arrived) :]
            for topic in job.sources:
                records = [
                    record(offset, sent)
                    for offset, sent in enumerate([sent for sent in arrived if sent.topic == topic], offsets[topic])
                ]
                offsets[topic] += len(records)
                job.inbox.put(job.sources.index(topic), records)
            job.apply(job.inbox.take(lambda _: True, 10_000))
            job.advance(now_us, now_us)
            written = job.drain(len(arrived))
        decisions += [] if written is None else written.decisions
    return decisions


def record(offset: int, sent: Sent) -> Any:
    return SimpleNamespace(
        offset=offset,
        value=f'{sent.body},"event_id":"{sent.topic}-{offset}"}}'.encode(),
        key=sent.who.encode(),
        headers=(),
        topic=sent.topic,
        partition=0,
        timestamp=sent.arrived_us // 1_000,
        timestamp_type=0,
    )


def at_night(*, leaving: bool = False) -> list[Sent]:
    """The till delivers at two in the night."""
    return [sent for day in range(DAYS) for sent in noon(day, 14 * HOUR_US, leaving=leaving)]


def all_day(kind: str) -> list[Sent]:
    """What arrives at once, every hour, of two dozen others."""
    found = []
    for hour in range(24 * DAYS):
        at_us, who = START_US + hour * HOUR_US + 30 * SECOND_US, f"other-{hour % 24}"
        found.append(answered(who, at_us) if kind == "answers" else bought(who, at_us, at_us))
    return found


def test_a_shop_that_delivers_at_night_alerts_nobody_who_bought_at_noon() -> None:
    job = PartitionJob(SETTINGS, 0)

    told = told_in(job, at_night())

    assert told == []
    assert 14 * HOUR_US <= job._delay.delay_us(START_US + DAYS * DAY_US) <= 20 * HOUR_US


def test_its_regulars_would_have_been_alerted_where_the_delay_is_not_waited_for() -> None:
    deaf = SETTINGS.changed(time={"max_delay_days": 0, "clock": "wall"})

    told = told_in(PartitionJob(deaf, 0), at_night())

    assert Outcome.RELEASED in {decision.outcome for decision in told}


def test_a_shop_that_delivers_at_once_is_not_waited_for() -> None:
    job = PartitionJob(SETTINGS, 0)

    assert told_in(job, [sent for day in range(DAYS) for sent in noon(day, SECOND_US // 2)]) == []
    assert job._delay.delay_us(START_US + DAYS * DAY_US) == 0


@pytest.mark.parametrize("asleep", [range(0), range(24 * 20, 24 * 25 + 7)], ids=["awake", "after-a-backlog"])
@pytest.mark.parametrize("kind", ["answers", "orders"])
def test_what_arrives_at_once_calls_nobody_absent_whose_purchase_the_till_delivers_at_night(
    kind: str, asleep: range
) -> None:
    """An answer of this evening, or an order of the web shop's, moved time past noon; what was bought at noon came in
    the night, and every single alert was wrong."""
    told = told_in(PartitionJob(SETTINGS, 0), [*at_night(leaving=True), *all_day(kind)], asleep)

    released = [one.customer_id for one in told if one.outcome is Outcome.RELEASED]
    assert len(released) > REGULARS // 3
    assert {one.customer_id for one in told} <= {f"regular-{who}" for who in range(1, REGULARS, 2)}


def test_a_record_that_is_refused_tells_nothing_about_when_a_backlog_had_arrived() -> None:
    """It is the first of a backlog of eleven days; by today's clock nothing would be known of the till's nights."""
    backlog = range(24 * 20, 24 * 31)
    refused = Sent("purchases", "nobody", START_US + backlog.start * HOUR_US, '{"customer_id":"nobody","amount":"5"')
    told = told_in(PartitionJob(SETTINGS, 0), [*at_night(leaving=True), *all_day("answers"), refused], backlog)

    assert {one.customer_id for one in told} <= {f"regular-{who}" for who in range(1, REGULARS, 2)}
