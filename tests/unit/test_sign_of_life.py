"""A refused purchase is still a sign of life: what is due waits a usual gap, it is on record why, and nothing else is
taken from it."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from aiokafka.structs import ConsumerRecord

from service.config import Settings
from service.domain.cadence import usual_gap_days
from service.domain.calendar import DAY_US
from service.domain.engine import Engine
from service.domain.events import Event, Purchase, SignOfLife
from service.domain.findings import Decision, Outcome, Reason
from service.domain.policy import Rung
from service.streaming.decoding import Refused
from service.streaming.job import PartitionJob
from tests.support.engines import (
    EVENT_TIME,
    OPEN_HOUSE,
    WALL_TIME,
    Changelog,
    apply_all,
    at,
    decisions,
    due_of,
    make_engine,
    purchase,
    weekly,
    whole_state,
)

LAST = 7 * 9 + 0.5
"""Day of ann's tenth weekly visit."""


def gone_quiet() -> Engine:
    engine = make_engine()
    apply_all(engine, weekly("ann", 10))
    return engine


def heard(day: float, customer: str = "ann") -> SignOfLife:
    return SignOfLife(customer, at(day), own_time=True)


def run_to(engine: Engine, day: float) -> list[Decision]:
    """What is decided until then; others keep the stream going."""
    return decisions(apply_all(engine, [purchase("zoe", day)]))


def test_what_is_due_waits_from_the_sign_as_long_as_after_a_visit_and_it_is_on_record_why() -> None:
    quiet, heard_of = gone_quiet(), gone_quiet()
    due_us = due_of(quiet, "ann")
    sign_day = (due_us - at(0)) / DAY_US - 1.0

    apply_all(heard_of, [heard(sign_day)])

    assert [d.reason for d in run_to(quiet, sign_day + 5)] == [Reason.DUE]
    (held,) = run_to(heard_of, sign_day + 5)
    assert (held.outcome, held.reason, held.detected_us) == (Outcome.DEFERRED, Reason.SIGN_OF_LIFE, due_us)
    (released,) = run_to(heard_of, sign_day + 60)
    assert (released.outcome, released.decision_id) == (Outcome.RELEASED, held.decision_id)
    ann = heard_of.customers["ann"]
    tolerated_us = due_us - ann.last_us
    assert released.detected_us == at(sign_day) + tolerated_us
    assert tolerated_us > usual_gap_days(ann) * DAY_US


def test_each_further_sign_postpones_again_and_none_of_them_is_a_visit() -> None:
    engine = gone_quiet()
    before = engine.customers["ann"]
    known = (before.visits, before.orders, before.revenue_minor, before.last_us)

    found = []
    for day in range(70, 130, 5):
        found += decisions(apply_all(engine, [heard(day), purchase("zoe", day + 0.1)]))

    assert {(d.customer_id, d.reason) for d in found if d.customer_id == "ann"} <= {("ann", Reason.SIGN_OF_LIFE)}
    ann = engine.customers["ann"]
    assert (ann.visits, ann.orders, ann.revenue_minor, ann.last_us) == known
    *held, last = (d for d in run_to(engine, 200) if d.customer_id == "ann")
    assert {d.reason for d in held} == {Reason.SIGN_OF_LIFE}
    assert last.outcome is Outcome.RELEASED
    assert last.detected_us >= at(125) + 6 * DAY_US


def test_a_rung_after_the_first_waits_as_well() -> None:
    ladder = replace(OPEN_HOUSE, rungs=(Rung("remind"), Rung("last", strictness=0.2)))
    engine = make_engine(ladder)
    apply_all(engine, weekly("ann", 10))
    (first,) = run_to(engine, (due_of(engine, "ann") - at(0)) / DAY_US + 0.01)
    ((_, second_us),) = engine.ladder.rungs_ahead(engine.customers["ann"])
    sign_day = (second_us - at(0)) / DAY_US - 0.5

    apply_all(engine, [heard(sign_day)])
    found = run_to(engine, sign_day + 3)

    assert (first.rung, first.outcome) == ("remind", Outcome.RELEASED)
    assert [(d.rung, d.reason) for d in found if d.customer_id == "ann"] == [("last", Reason.SIGN_OF_LIFE)]


def test_a_message_that_waits_for_its_slot_waits_as_after_a_visit_instead() -> None:
    engine = make_engine(timing=WALL_TIME)
    events = weekly("ann", 10)
    for event in events:
        engine.apply(event, event.at_us)
    due_us = due_of(engine, "ann")
    late = due_us + DAY_US
    engine.advance(late, late)
    assert [d.outcome for d in decisions(engine.drain().outputs)] == [Outcome.DEFERRED]

    engine.apply(SignOfLife("ann", due_us - 1, own_time=True), late)
    engine.advance(late + DAY_US, late + DAY_US)

    assert [d.reason for d in decisions(engine.drain().outputs)] == [Reason.SIGN_OF_LIFE]
    assert engine.customers["ann"].episode.detected_us == 0


@pytest.mark.parametrize("own_time", [True, False])
def test_a_sign_of_who_is_not_known_or_of_a_visits_own_day_changes_nothing(own_time: bool) -> None:
    engine = gone_quiet()
    before = whole_state(engine)["customers"]

    apply_all(engine, [SignOfLife("nobody", at(LAST), own_time), SignOfLife("ann", at(LAST), own_time)])
    apply_all(engine, [heard(LAST - 20)])

    assert whole_state(engine)["customers"] == before


def test_a_sign_without_a_time_of_its_own_counts_when_it_was_read_and_moves_no_time() -> None:
    engine = gone_quiet()
    run_to(engine, LAST + 5)
    now_us = engine.now_us

    apply_all(engine, [SignOfLife("ann", at(9_000), own_time=False)])

    assert engine.now_us == now_us
    assert engine.customers["ann"].sign_us == now_us
    apply_all(engine, [SignOfLife("ann", 0, own_time=False)])
    assert engine.customers["ann"].sign_us == now_us


def test_nothing_is_learned_from_a_silence_with_a_sign_in_it() -> None:
    def rows(*between: Event | SignOfLife) -> tuple[list[object], float]:
        engine = gone_quiet()
        for event in between:
            engine.apply(event)
        engine.apply(purchase("ann", LAST + 9))
        silences = engine.everybody.silences
        open_now = sum(sum(places.values()) for places in silences._open.values())
        assert open_now == 1
        return [row.fields() for row in silences.rows], sum(row.weight for row in silences.rows)

    (_, untold), (_, told) = rows(heard(LAST + 5)), rows()

    assert told - untold == pytest.approx(1.0, abs=0.1)
    assert rows(heard(LAST + 5))[0] == rows(heard(LAST + 3), heard(LAST + 5))[0]


def test_a_visit_ends_what_the_sign_began() -> None:
    engine = gone_quiet()
    apply_all(engine, [heard(LAST + 5), purchase("ann", LAST + 7)])

    assert engine.customers["ann"].sign_us == 0


def test_an_order_sent_again_later_is_a_sign_of_life_then() -> None:
    engine = make_engine()
    apply_all(engine, [Purchase(f"e{n}", "ann", at(7 * n + 0.5), 100, order_id=f"o{n}") for n in range(10)])
    apply_all(engine, [Purchase("again", "ann", at(LAST + 8), 100, order_id="o3")])

    assert engine.customers["ann"].sign_us == at(LAST + 8)
    assert engine.customers["ann"].orders == 10


@pytest.mark.parametrize("cut", [0, 1, 2, 3])
def test_a_restart_keeps_the_sign(cut: int) -> None:
    events: list[Event | SignOfLife] = [
        heard(LAST + 5),
        purchase("zoe", LAST + 16),
        heard(LAST + 17),
        purchase("ann", LAST + 40),
    ]
    whole, engine, changelog = gone_quiet(), gone_quiet(), Changelog()
    for event in events:
        whole.apply(event)

    for event in events[:cut]:
        engine.apply(event)
    fresh = make_engine()
    apply_before = weekly("ann", 10)
    for event in [*apply_before, *events[:cut]]:
        fresh.apply(event)
    changelog.take(fresh.drain())
    engine = changelog.revive(fresh)
    for event in events[cut:]:
        engine.apply(event)
    whole.drain()
    engine.drain()

    assert whole_state(engine) == whole_state(whole)


# ---- through the decoder

NOW_MS = 1_790_000_000_000


def record(value: object, key: bytes | None = b"ann", offset: int = 0, timestamp_ms: int = NOW_MS) -> ConsumerRecord:
    body = value if isinstance(value, bytes) or value is None else json.dumps(value).encode()
    return ConsumerRecord("purchases", 0, offset, timestamp_ms, 0, key, body, None, 0, 0, ())


PLAIN: dict[str, object] = {
    "event_id": "e1",
    "customer_id": "ann",
    "occurred_at": "2025-03-04T12:00:00Z",
    "amount": 5,
}


def sign_of(value: object, key: bytes | None = b"ann") -> SignOfLife | None:
    job = PartitionJob(Settings(), 0)
    source = job.sources.index("purchases")
    job.inbox.put(source, [record(value, key)])
    ((_, (_, _, event, refused, _)),) = job.inbox.take(lambda _: True, 10)
    assert event is None
    assert isinstance(refused, Refused)
    assert refused.says is None or isinstance(refused.says, SignOfLife)
    return refused.says


OWN = SignOfLife("ann", 1_741_089_600_000_000, own_time=True)
WRITTEN = SignOfLife("ann", NOW_MS * 1000, own_time=False)


@pytest.mark.parametrize(
    ("changes", "wanted"),
    [
        ({"currency": "XAU"}, OWN),
        ({"currency": 978}, OWN),
        ({"amount": "twelve"}, OWN),
        ({"amount": -5}, OWN),
        ({"event_id": ""}, OWN),
        ({"kind": "gift"}, OWN),
        ({"occurred_at": "yesterday"}, WRITTEN),
        ({"occurred_at": "2199-01-01T00:00:00Z"}, WRITTEN),
        ({"occurred_at": "1969-01-01T00:00:00Z"}, WRITTEN),
        ({"customer_id": None}, OWN),
        ({"customer_id": "bob"}, None),
        ({"kind": "Refund", "amount": -5}, None),
    ],
)
def test_a_purchase_refused_for_anything_but_its_customer_is_a_sign(
    monkeypatch: pytest.MonkeyPatch, changes: dict[str, object], wanted: SignOfLife | None
) -> None:
    monkeypatch.setattr("time.time_ns", lambda: (NOW_MS + 1000) * 1_000_000)

    assert sign_of(PLAIN | changes) == wanted


@pytest.mark.parametrize(
    ("value", "key", "wanted"),
    [
        (b"not json", b"ann", WRITTEN),
        (b"[1]", b"ann", WRITTEN),
        (b"x" * 300_000, b"ann", WRITTEN),
        (b"not json", None, None),
        (b"not json", b"\xff", None),
        (b"not json", b"", None),
        (None, b"ann", None),
        (PLAIN, None, OWN),
        (PLAIN, b"\xff", None),
    ],
)
def test_who_it_was_is_read_from_the_key_or_from_the_value(
    monkeypatch: pytest.MonkeyPatch, value: object, key: bytes | None, wanted: SignOfLife | None
) -> None:
    monkeypatch.setattr("time.time_ns", lambda: (NOW_MS + 1000) * 1_000_000)

    assert sign_of(value, key) == wanted


def test_half_a_feed_that_is_refused_writes_to_nobody_who_buys() -> None:
    """Twenty people buy weekly; from the eighth week on every purchase of every other one comes in a currency that
    nobody knows."""
    engine = make_engine(timing=EVENT_TIME)
    found: list[Decision] = []

    for day in range(200):
        for who in range(20):
            if day % 7 != who % 7:
                continue
            name, moment = f"c{who}", day + 0.4 + who / 100
            refused = day > 56 and who % 2
            event = heard(moment, name) if refused else purchase(name, moment)
            found += decisions(apply_all(engine, [event]))

    assert {d.outcome for d in found} <= {Outcome.DEFERRED}
    assert all(engine.customers[f"c{who}"].visits < 10 for who in range(1, 20, 2))
    assert engine.counts.signs_of_life > 150
