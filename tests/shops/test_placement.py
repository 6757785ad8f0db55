"""Wherever records lie, every customer is decided about and counted as if all of them had lain where they belong."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.outputs import DeadLetter
from service.cluster.partitioner import Kept
from service.domain.events import Event
from service.domain.findings import Decision
from service.domain.periods.ledger import unpack
from service.domain.periods.totals import PeriodTotals
from service.engines import new_engine
from service.refused.dead_letters import _bytes
from service.streaming.carriage import Carriage
from tests.chaos.mutants import AWAY
from tests.support import small_group
from tests.support.engines import START_US, shop_log, whole_state
from tests.support.load import settings_for
from tests.support.small_group import FUNCTION, Placed, SmallGroup, home, mixed_of

SETTINGS = settings_for("127.0.0.1:1", outreach={"consent": "external", "level": 4.0, "second_visit": True})
LATER_US = START_US + 1_000 * 86_400_000_000
SEEDS = st.integers(0, 2**32)
FEW = settings(max_examples=12, deadline=None)


def log_of(seed: int, *, everything: bool = True) -> list[Event]:
    """In order of time; no two events are of one instant, for their order in two partitions would be nobody's. What
    was sent twice is there twice."""
    found = shop_log(seed, customers=14, days=90, everything=everything)
    for number, event in enumerate({id(event): event for event in found}.values()):
        event.at_us += number
    return sorted(found, key=lambda event: event.at_us)


def right(events: list[Event], partitions: int) -> list[tuple[dict[str, object], list[Decision]]]:
    """State and decisions of each partition where every record lies right."""
    found = []
    for number in range(partitions):
        engine, decided = new_engine(SETTINGS, partitions=partitions), list[Decision]()
        for event in events:
            if home(event, partitions) == number:
                engine.apply(event)
        decided += [output for output in engine.drain().outputs if isinstance(output, Decision)]
        found.append((whole_state(engine), decided))
    return found


def days(state: dict[str, object]) -> dict[int, object]:
    """The ledger; in its records the order of customers of one day is that of their arrival."""
    ledger = state["ledger"]
    assert isinstance(ledger, dict)
    return {day: unpack(record) for day, record in ledger.items()}


def rows_of(states: list[dict[str, object]], today: int) -> list[object]:
    totals = PeriodTotals(SETTINGS.policy().shop)
    for number, state in enumerate(states):
        ledger = state["ledger"]
        assert isinstance(ledger, dict)
        for day, record in ledger.items():
            totals.update(number, day, record)
    return list(totals.changed_rows(today))


def check(group: SmallGroup, events: list[Event], partitions: int) -> None:
    expected = right(events, partitions)
    for number, (state, decided) in enumerate(expected):
        assert whole_state(group.jobs[number].engine) == state
        assert group.decisions[number] == decided
    states = [whole_state(group.jobs[number].engine) for number in range(partitions)]
    today = max(group.jobs[number].engine.today for number in range(partitions))
    assert rows_of(states, today) == rows_of([state for state, _ in expected], today)


@FEW
@given(
    seed=SEEDS,
    partitions=st.integers(2, 5),
    workers=st.integers(1, 3),
    restarts=st.integers(0, 6),
    backlog=st.sampled_from([0.0, 0.5, 1.0]),
)
def test_any_placement_gives_what_the_right_placement_gives(
    seed: int, partitions: int, workers: int, restarts: int, backlog: float
) -> None:
    """Read from a backlog or as it arrives, by any number of workers, whichever is lost in between."""
    lots, events = Random(seed), log_of(seed)
    placed: list[Placed] = [(lots.randrange(partitions), event) for event in events]
    kept = Kept(FUNCTION, mixed_of(placed, partitions), LATER_US)
    group = SmallGroup(SETTINGS, partitions, min(workers, partitions), LATER_US, kept)
    waiting = round(backlog * len(placed))
    for partition, event in placed[:waiting]:
        group.append(partition, event)

    group.run(placed[waiting:], lots, restarts=restarts)

    check(group, events, partitions)


def test_a_carried_record_that_is_dropped_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Some wait for it for ever, or it is missing in the end."""
    monkeypatch.setattr(small_group, "PATIENCE", 20_000)

    def tell() -> None:
        lots, events, partitions = Random(1), log_of(1), 3
        placed: list[Placed] = [(lots.randrange(partitions), event) for event in events]
        group = SmallGroup(SETTINGS, partitions, 2, LATER_US, Kept(FUNCTION, mixed_of(placed, partitions), LATER_US))
        for partition, event in placed:
            group.append(partition, event)
        group.run([], lots, restarts=2)
        check(group, events, partitions)

    tell()
    monkeypatch.setattr(Carriage, "take_out", Carriage.take_out)  # undone afterwards
    AWAY["carried record dropped"]()
    with pytest.raises(AssertionError):
        tell()


@FEW
@given(seed=SEEDS, partitions=st.integers(2, 4), restarts=st.integers(0, 6))
def test_what_begins_to_lie_wrong_on_the_way_is_lost_by_nobody_and_counted_once(
    seed: int, partitions: int, restarts: int
) -> None:
    """Nobody waits for what nobody expects, so a customer's purchases may come late; they are counted all the same."""
    lots, events = Random(seed), log_of(seed, everything=False)
    begins = lots.randrange(len(events))
    placed = [
        (home(event, partitions) if number < begins else lots.randrange(partitions), event)
        for number, event in enumerate(events)
    ]
    group = SmallGroup(SETTINGS, partitions, 2, LATER_US, Kept(FUNCTION, [], LATER_US))
    for partition, event in placed:
        group.append(partition, event)

    group.run([], lots, restarts=restarts)

    expected = right(events, partitions)
    for number, (state, _) in enumerate(expected):
        assert days(whole_state(group.jobs[number].engine)) == days(state)


@FEW
@given(seed=SEEDS, partitions=st.integers(2, 4), restarts=st.integers(0, 4))
def test_a_refused_record_is_refused_once_and_says_where_it_lay_at_first(
    seed: int, partitions: int, restarts: int
) -> None:
    lots, events = Random(seed), log_of(seed)[:60]
    placed: list[Placed] = [(lots.randrange(partitions), event) for event in events]
    group = SmallGroup(SETTINGS, partitions, 2, LATER_US, Kept(FUNCTION, [*range(partitions)], LATER_US))
    topics, bad = SETTINGS.kafka.topics, []
    for partition, event in placed:
        group.append(partition, event)
        if lots.random() < 0.3:
            key = lots.choice([None, b"anna", event.customer_id.encode()])
            value = lots.choice([b"no json", b"[]", None])
            record = group.append_record(topics.surveys, lots.randrange(partitions), key, value)
            bad.append((record.topic, record.partition, record.offset, record.key, record.value))

    group.run([], lots, restarts=restarts)

    letters = [
        DeadLetter.model_validate_json(value or b"")
        for place, records in group.outputs.items()
        if place.topic == topics.dead_letters
        for _, value in records
    ]
    found = [
        (
            each.source_topic,
            each.source_partition,
            each.source_offset,
            _bytes(each.key_base64),
            _bytes(each.value_base64),
        )
        for each in letters
    ]
    assert sorted(found, key=str) == sorted(bad, key=str)
    for number, (state, _) in enumerate(right(events, partitions)):
        assert whole_state(group.jobs[number].engine)["purchases"] == state["purchases"]
