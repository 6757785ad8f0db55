"""What other shops' Kafka has done to programs like this one, case by case: what its owner expects is what happens.

Each name is the case's; where it takes a broker to see the whole of it, a test of tests/integration has it as well.
"""

from __future__ import annotations

import json
from collections import Counter
from functools import cache
from random import Random
from typing import Any

import pytest
from aiokafka.structs import ConsumerRecord

from service.cluster.log_ends import Ends, Log
from service.cluster.partitioner import Kept, Sample
from service.cluster.topic_plan import topic_plan
from service.cluster.topic_problems import Existing, problems_of
from service.config import KafkaSettings, Settings
from service.domain.calendar import DAY_US, utc_text
from service.domain.engine import Engine
from service.domain.events import Event, Item, Profile, Purchase
from service.domain.findings import Decision, Outcome, Reason, Scores
from service.domain.policy import Timing
from service.errors import ConfigurationError
from service.streaming.job import PartitionJob
from service.wire.decoder import Decoder, DecoderSettings
from service.wire.key_hash import FUNCTIONS
from tests.support.engines import START_US, apply_all, at, decisions, due_of, make_engine, purchase, weekly
from tests.support.load import settings_for
from tests.support.small_group import SmallGroup, mixed_of
from tests.unit.test_backfill_overlap import Log as OverlappingLog
from tests.unit.test_backfill_overlap import totals
from tests.unit.test_batches import TOPIC, Stage, ends
from tests.unit.test_batches import Event as Arrived
from tests.unit.test_membership import ELSEWHERE, Group, place_of

PARTITIONS, PEOPLE, LEAVERS, WEEKS, LEFT = 2, 12, 4, 16, 8
LATER_US = START_US + 1_000 * 86_400_000_000
KINDS = ("murmur2", "crc32")


# ---- where records lie


def shop(outreach: dict[str, Any]) -> Settings:
    return settings_for("127.0.0.1:1", outreach=outreach)


@cache
def bought() -> tuple[Purchase, ...]:
    """Everybody comes weekly; some stay away after half of the time, while the others come on."""
    found = [
        purchase(f"c{who:02}", 7 * week + 0.3 + who / 100)
        for week in range(WEEKS)
        for who in range(PEOPLE)
        if who >= LEAVERS or week < LEFT
    ]
    return tuple(sorted(found, key=lambda event: event.at_us))


def placed(events: list[Event], function: str) -> list[tuple[int, Event]]:
    return [(FUNCTIONS[function](event.customer_id.encode()) % PARTITIONS, event) for event in events]


def run(arrivals: list[tuple[int, Event]], kept: Kept, outreach: dict[str, Any]) -> SmallGroup:
    group = SmallGroup(shop(outreach), PARTITIONS, 2, LATER_US, kept)
    for partition, event in arrivals:
        group.append(partition, event)
    group.run([], Random(3))
    return group


def released(group: SmallGroup) -> Counter[str]:
    """Who was to be written to, and how often."""
    return Counter(
        decision.customer_id
        for each in group.decisions
        for decision in each
        if decision.outcome is Outcome.RELEASED and decision.rung == "remind"
    )


def orders(group: SmallGroup) -> int:
    return sum(job.engine.counts.purchases for job in group.jobs.values())


EXTERNAL, ASKED = {"consent": "external", "level": 1.0}, {"consent": "required", "level": 1.0}


def test_w01_two_partitioners() -> None:
    lots = Random(5)
    mixed = [placed([event], lots.choice(KINDS))[0] for event in bought()]
    group = run(mixed, Kept("murmur2", mixed_of(mixed, PARTITIONS), LATER_US), EXTERNAL)
    alone = run(placed(list(bought()), "murmur2"), Kept("murmur2", [], LATER_US), EXTERNAL)

    assert released(group) == released(alone) == Counter({f"c{who:02}": 1 for who in range(LEAVERS)})
    assert orders(group) == orders(alone) == len(bought())


def test_w01b_consent_other_partitioner() -> None:
    said: list[Event] = [Profile(f"p{who}", f"c{who:02}", at(0), marketing_consent=True) for who in range(PEOPLE)]
    arrivals = [*placed(said, "crc32"), *placed(list(bought()), "murmur2")]
    group = run(arrivals, Kept("murmur2", mixed_of(arrivals, PARTITIONS), LATER_US), ASKED)

    assert released(group) == Counter({f"c{who:02}": 1 for who in range(LEAVERS)})
    reasons = Counter(decision.reason.value for each in group.decisions for decision in each)
    assert "consent_unknown" not in reasons


def test_w01c_all_by_librdkafka_default() -> None:
    sample = Sample(PARTITIONS)
    for partition, event in placed(list(bought()), "crc32"):
        sample.add("purchases", partition, event.customer_id.encode())
    kept = sample.decide()
    assert (kept.function, kept.mixed) == ("crc32", [])

    twice = [*placed(list(bought()), "crc32"), *placed(list(bought()), "crc32")]
    group = run(twice, kept, EXTERNAL)

    found = {name: number for number, job in group.jobs.items() for name in job.engine.roster.ids()}
    assert found == {f"c{who:02}": FUNCTIONS["crc32"](b"c%02d" % who) % PARTITIONS for who in range(PEOPLE)}
    assert sum(job.engine.counts.duplicates for job in group.jobs.values()) == len(bought()) == orders(group)


# ---- what the log holds beside records


def test_w03_transactional_input() -> None:
    stage = Stage()
    stage.source.last = {TOPIC: 1}
    stage.source.end = {TOPIC: ends(3, 3)}  # two records and the marker of their commit
    stage.arrive(Arrived([0, 1], None))
    stage.apply()
    stage.intake.follow_positions()

    end = stage.intake.ends()[TOPIC]
    assert end is not None
    assert end.log.stable - stage.job.positions[TOPIC] == 0


def test_w21_open_transaction_hides_purchase() -> None:
    stage = Stage()
    others = dict.fromkeys(stage.job.sources, ends(0, 0))
    stage.source.end = others | {TOPIC: Ends(0, Log(1_000_000, 0, 0, 0))}
    before = stage.intake.complete_us()
    stage.source.end = others | {TOPIC: Ends(0, Log(9_000_000, 0, 0, 1))}  # one lies there that nobody may see yet

    assert before == stage.intake.complete_us() == 1_000_000, "no absence is concluded after it"
    assert stage.intake.at_ends() == [True, False, True]


def test_w11_retention_hole() -> None:
    stage = Stage()
    stage.job.positions[TOPIC] = 400
    stage.arrive(Arrived([500, 501], None, log=Log(1, 500, 502, 502), timestamp=5_000))
    (gap,) = stage.intake.take_gaps()
    assert gap.records == 100
    stage.job.lost(gap.topic, gap.records, gap.until_us)

    assert gap.position == 400
    assert [(topic, known.records) for topic, known in stage.job.logs.losses()] == [(TOPIC, 100)]
    engine = make_engine()
    apply_all(engine, weekly("ann", 10))
    due_us = due_of(engine, "ann")
    engine.lost_purchases(gap.records, due_us - DAY_US)
    first, *_ = decisions(apply_all(engine, [Purchase("b", "bob", due_us + DAY_US, 500)]))
    assert (first.customer_id, first.outcome, first.reason) == ("ann", Outcome.DEFERRED, Reason.GAP_IN_LOG)


# ---- what records say


def test_w07b_sku_missing() -> None:
    said = {
        "event_id": "e", "customer_id": "ann", "occurred_at": utc_text(at(10)), "amount": "12.50",
        "items": [{"sku": "", "name": "?"}, {"name": "Bag"}, {"sku": None}, {"sku": "latte"}],
    }  # fmt: skip
    found = Decoder(DecoderSettings()).purchase(json.dumps(said).encode(), b"ann", (), LATER_US)

    assert (found.amount_minor, found.items) == (1250, (Item("latte", "latte"),))
    assert found.left_out == ("items.sku",) * 3


def newest(engine: Engine, events: list[Event]) -> list[str]:
    """Revenue of the newest scores of each customer of whom there is something new."""
    found = {output.customer_id: output for output in apply_all(engine, events) if isinstance(output, Scores)}
    return [f"{scores.revenue_minor / 100:.2f}" for scores in found.values()]


def test_w09_double_refund() -> None:
    engine = make_engine()

    def back(event_id: str, minor: int) -> Purchase:
        return Purchase(event_id, "ann", at(40), minor, True, "o1")

    assert newest(engine, [*weekly("ann", 5), Purchase("e1", "ann", at(36), 5000, False, "o1")]) == ["100.00"]
    assert newest(engine, [back("r1", 2000)]) == ["80.00"]
    assert newest(engine, [back("r1", 2000)]) == [], "the same refund again"
    assert newest(engine, [back("r2", 4000)]) == ["50.00"], "no more than the order amounts to"
    assert engine.counts.refunds_beyond_order == 1


def test_w10_backfill_overlap(tmp_path: Any) -> None:
    log, engine = OverlappingLog(10), make_engine()
    apply_all(engine, log.replayed(tmp_path / "h.csv"))
    apply_all(engine, log.live(400, number_as_text=True))

    assert totals(engine) == (500, log.total, 500)


def record(topic: str, offset: int, key: bytes, value: bytes | None) -> ConsumerRecord:
    return ConsumerRecord(topic, 0, offset, LATER_US // 1000 + offset, 0, key, value, None, 0, 0, ())


def taken(job: PartitionJob, records: list[ConsumerRecord]) -> Counter[str]:
    """Dead letters by their code."""
    for each in records:
        job.inbox.put(job.sources.index(each.topic), [each])
    found = job.inbox.take(lambda _: True, 10_000)
    job.apply(found)
    written = job.drain(len(found))
    return Counter() if written is None else written.dead_letters


def test_w15_customer_tombstone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.time_ns", lambda: (LATER_US + 1_000_000) * 1_000)
    job = PartitionJob(Settings(), 0)
    said = {"event_id": "p", "customer_id": "ann", "occurred_at": utc_text(at(10)), "marketing_consent": True}
    said |= {"contact": {"email": "ann@example.com"}}
    bought_once = {"event_id": "e", "customer_id": "ann", "occurred_at": utc_text(at(10)), "amount": 5}
    letters = taken(
        job,
        [
            record("customers", 0, b"ann", json.dumps(said).encode()),
            record("purchases", 0, b"ann", json.dumps(bought_once).encode()),
            record("customers", 1, b"ann", None),
        ],
    )

    profile = job.engine.customers["ann"].profile
    assert letters == Counter()
    assert profile is not None
    assert (profile.email, profile.consent) == (None, None)
    assert job.engine.counts.withdrawals == 1


def test_w18_half_the_feed_rejected() -> None:
    """A currency in small letters is one; and whoever is refused for another one was there all the same."""
    decoder, engine, found = Decoder(DecoderSettings()), make_engine(timing=Timing()), list[Decision]()
    for event in [purchase(f"c{who:02}", 7 * week + who / 50) for week in range(16) for who in range(12)]:
        said = {"event_id": event.event_id, "customer_id": event.customer_id, "amount": 5}
        said |= {"occurred_at": utc_text(event.at_us), "currency": "eur"}
        refused = event.at_us > at(70) and int(event.customer_id[1:]) % 2
        value, key = json.dumps(said | ({"currency": "xyz"} if refused else {})).encode(), event.customer_id.encode()
        sign = decoder.sign_of_purchases(value, key, (), LATER_US, LATER_US) if refused else None
        heard = decoder.purchase(value, key, (), LATER_US) if not refused else sign
        assert heard is not None
        found += decisions(apply_all(engine, [heard]))

    assert engine.counts.signs_of_life == 36
    assert Outcome.RELEASED not in {each.outcome for each in found}


# ---- what others read, and who runs


def test_w22_scores_topic_stale() -> None:
    engine = make_engine()
    told: dict[str, Scores] = {}
    for event in bought():
        told |= {output.customer_id: output for output in apply_all(engine, [event]) if isinstance(output, Scores)}
        assert told[event.customer_id].orders == engine.customers[event.customer_id].orders

    assert {name: scores.orders for name, scores in told.items()} == {
        name: customer.orders for name, customer in engine.customers.items()
    }


def test_w25_same_instance_id() -> None:
    group = Group([place_of(ELSEWHERE)])

    with pytest.raises(ConfigurationError, match=r"till.*on host 10"):
        group.refuse(KafkaSettings(instance_id="till", session_timeout_s=10))


def test_topics_of_other_partition_counts_are_named_with_the_cure() -> None:
    settings = Settings()
    existing = {spec.name: Existing(4, dict(spec.configs)) for spec in topic_plan(settings, 4)}
    problems = problems_of(settings, existing | {"customers": Existing(1, existing["customers"].configs)})
    assert any("equal partition counts" in each and "customers has 1" in each for each in problems)


def test_more_partitions_than_a_state_has_are_not_advised() -> None:
    """Somebody has given one input more: with the advice to give the others as many nobody could go on."""
    settings = Settings()
    existing = {spec.name: Existing(4, dict(spec.configs)) for spec in topic_plan(settings, 4)}
    grown = {"purchases": Existing(6, existing["purchases"].configs)}
    (told,) = [each for each in problems_of(settings, existing | grown) if "equal partition counts" in each]
    assert "the state of the group (churn-alert-state) has 4" in told
    assert "docs/operations/more-partitions.md" in told
    assert "kafka-topics.sh --alter" not in told
