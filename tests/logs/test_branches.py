"""A store that is shut, or whose till does not report, is nobody's absence, though the others sell."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from service.backtest import run
from service.config import Settings
from service.domain.calendar import DAY_US, to_datetime
from service.domain.events import Event, Purchase
from service.domain.policy import ConsentRule, OutreachPolicy
from service.domain.sources import MOST
from tests.support.engines import EVENT_TIME, Changelog, at, detections, make_engine, whole_state

POLICY = OutreachPolicy(level=2.0, consent=ConsentRule.EXTERNAL)
SHUT = (200, 230)
"""Days on which the second store is silent."""
Alert = tuple[str, int, int]


def two_stores(shut: tuple[int, int] = SHUT, named: bool = True, days: float = 300.0) -> list[Event]:
    """150 regulars of each, of whom a third leaves in the course of time; those of the second are now and then in the
    first."""
    random, events = Random(11), list[Event]()
    for number in range(300):
        pace, home, day = random.uniform(3.0, 10.0), number % 2, random.uniform(0.0, 10.0)
        end = random.uniform(80.0, days) if random.random() < 0.33 else days
        while day < end:
            store = home if random.random() < 0.95 else 0
            at_us = at(int(day) + random.uniform(0.35, 0.8))
            if not (store == 1 and shut[0] <= day < shut[1]):
                name = f"store {store}" if named else ""
                events.append(Purchase(f"{number}/{day}", f"c{number}", at_us, 500, source=name))
            day += max(1.0, random.gammavariate(5.0, pace / 5.0))
    return sorted(events, key=lambda event: event.at_us)


def alerts_of(events: list[Event]) -> list[Alert]:
    engine, found = make_engine(POLICY, EVENT_TIME), list[Alert]()
    for event in events:
        engine.apply(event)
        found += detections(engine.take_outputs())
    return found


def within(alerts: list[Alert], home: int, first: float, last: float) -> list[Alert]:
    return [alert for alert in alerts if int(alert[0][1:]) % 2 == home and at(first) <= alert[2] < at(last)]


def test_of_two_stores_one_is_silent_for_thirty_days_and_no_more_are_alerted_than_otherwise() -> None:
    usual, found = alerts_of(two_stores(shut=(0, 0))), alerts_of(two_stores())

    during, after = (SHUT[0] + 2, SHUT[1]), (SHUT[1], SHUT[1] + 30)
    assert len(within(found, 1, *during)) <= 5
    for first in range(*during, 5):
        assert len(within(found, 1, first, first + 5)) <= max(
            len(within(usual, 1, each, each + 5)) for each in range(100, 290, 5)
        )
    assert len(within(found, 1, *after)) <= 1.5 * len(within(usual, 1, *during)) + len(within(usual, 1, *after))
    others, as_usual = within(found, 0, *during), within(usual, 0, *during)
    assert len(as_usual) >= 5
    assert len(others) == pytest.approx(len(as_usual), rel=0.3)


def test_without_the_names_of_the_stores_those_of_the_silent_one_are_alerted() -> None:
    """What the names are for."""
    unnamed = within(alerts_of(two_stores(named=False)), 1, *SHUT)

    assert len(unnamed) > 10 * len(within(alerts_of(two_stores()), 1, SHUT[0] + 2, SHUT[1])) + 20


def test_purchases_that_name_no_store_are_decided_as_ever() -> None:
    one_source = [
        Purchase(e.event_id, e.customer_id, e.at_us, 500, source="the only one") for e in two_stores(shut=(0, 0))
    ]

    assert alerts_of(list(one_source)) == alerts_of(two_stores(shut=(0, 0), named=False))


@pytest.mark.parametrize("cut", [0.3, 0.69, 0.75])
def test_a_restart_at_any_moment_changes_nothing(cut: float) -> None:
    events = two_stores()
    whole, first, changelog = make_engine(POLICY, EVENT_TIME), make_engine(POLICY, EVENT_TIME), Changelog()
    place = int(len(events) * cut)
    for event in events[:place]:
        whole.apply(event)
        first.apply(event)
    whole.drain()
    changelog.take(first.drain())
    second = changelog.revive(first)

    for event in events[place : place + 800]:
        whole.apply(event)
        second.apply(event)

    assert detections(second.drain().outputs) == detections(whole.drain().outputs)
    assert whole_state(second) == whole_state(whole)


def test_however_many_stores_are_named_few_are_kept() -> None:
    engine = make_engine(POLICY, EVENT_TIME)

    for number in range(500):
        engine.apply(Purchase(f"e{number}", f"c{number}", at(number / 50), 500, source=f"store {number}"))

    assert len(engine.sources) == MOST + 1
    assert engine.customers["c499"].source


def test_a_customer_belongs_to_the_store_of_most_of_their_recent_visits() -> None:
    engine = make_engine(POLICY, EVENT_TIME)
    stores = ["a", "a", "a", "b", "a", "b", "b", "b", "b", "b"]

    belongs = []
    for day, store in enumerate(stores):
        engine.apply(Purchase(f"e{day}", "anna", at(day), 500, source=store))
        source = engine.sources.of(engine.customers["anna"])
        belongs.append(source.name if source else "")

    assert belongs[:6] == ["a"] * 6
    assert belongs[-1] == "b"


@pytest.mark.parametrize("column", ["store_id", "channel"])
def test_a_files_column_names_the_store(tmp_path: Path, column: str) -> None:
    log = tmp_path / "log.csv"
    with log.open("w") as stream:
        stream.write(f"customer_id,timestamp,amount,{column}\n")
        for event in two_stores():
            assert isinstance(event, Purchase)
            stream.write(f"{event.customer_id},{to_datetime(event.at_us).isoformat()},5,{event.source}\n")

    result = run.backtest(Settings().changed(outreach={"consent": "external", "level": 2.0}), [log])

    fired = [alert.decision for alert in result.alerts]
    shut = [d for d in fired if int(d.customer_id[1:]) % 2 and at(202) <= d.detected_us < at(230)]
    assert len(shut) <= 5
    assert len(fired) > 50
    assert all(made.detected_us - made.quiet_since_us > DAY_US for made in fired)
