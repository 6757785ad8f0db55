"""What messages bring: each decision is followed until its window is over, then added to the sums of its arm."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import pytest

from service.domain.calendar import DAY_US
from service.domain.changelog import month_key, month_of_key, pack
from service.domain.engine import Engine
from service.domain.events import Erasure, Event, Merge
from service.domain.findings import Kind, Outcome
from service.domain.occasion_policy import MilestonePolicy, OccasionPolicies
from service.domain.outreach.brought import BroughtSums, Key
from service.domain.outreach.brought import fields_of as fields_of_month
from service.domain.policy import OutreachPolicy, Rung
from service.domain.uplift.sums import ArmSums
from service.streaming.brought_totals import BroughtTotals
from tests.support.engines import (
    OPEN_HOUSE,
    Changelog,
    apply_all,
    at,
    decisions,
    make_engine,
    purchase,
    shop_log,
    weekly,
    whole_state,
)

HALF = replace(OPEN_HOUSE, control_share=0.5, attribution_days=20.0)
LADDER = replace(
    HALF, level=4.0, rungs=(Rung("remind"), Rung("incentive", strictness=0.4), Rung("last", strictness=0.2))
)
LATER = 300.0


def sums_of(engine: Engine) -> dict[Key, ArmSums]:
    """Of all months."""
    found: dict[Key, ArmSums] = {}
    for rows in engine.brought_sums.months.values():
        for key, part in rows.items():
            found.setdefault(key, ArmSums()).add(part)
    return found


def fields_of(sums: BroughtSums) -> dict[int, dict[Key, list[str]]]:
    return {month: {key: row.fields() for key, row in rows.items()} for month, rows in sums.months.items()}


def decided(name: str, events: Iterable[Event], policy: OutreachPolicy = HALF) -> float:
    """Days after the start at which the first step is decided for the customer, who does what the events say."""
    made = decisions(apply_all(make_engine(policy), [*events, purchase("clock", LATER)]))
    first = next(each for each in made if each.customer_id == name)
    return (first.decided_us - at(0)) / DAY_US


def test_a_visit_within_the_window_is_the_return_and_all_money_within_it_counts() -> None:
    due = decided("anna", weekly("anna", 10))
    engine = make_engine(HALF)

    apply_all(
        engine,
        [
            *weekly("anna", 10),
            purchase("anna", due + 3.0, 500),
            purchase("anna", due + 3.01, 250),
            purchase("anna", due + 8.0, 1100),
            purchase("anna", due + 9.0, 300, refund=True),
            purchase("anna", due + 21.0, 9000),
            purchase("clock", due + 22.0),
        ],
    )

    found = sums_of(engine)
    assert {key[:2] for key in found} == {("win_back", "remind"), ("", "")}
    for row in found.values():
        assert (row.people, row.returned, row.first, row.window) == (1, 1, 750, 1550)
        assert 0 < row.chance < 1_000_000
        assert row.root > 0
    assert engine.customers["anna"].followed is None


def test_a_message_on_an_occasion_is_followed_in_both_arms() -> None:
    policy = replace(HALF, occasions=OccasionPolicies(milestone=MilestonePolicy(every=5)))
    names = [f"c{number}" for number in range(40)]
    fifth = weekly("c0", 5)[-1].at_us
    engine = make_engine(policy)

    made = decisions(
        apply_all(engine, [*(each for name in names for each in weekly(name, 5)), purchase("clock", 29.0)])
    )
    apply_all(engine, [purchase(names[0], 30.0, 900), purchase("clock", 31.0), purchase("clock", 60.0)])

    told = {each.customer_id: each.outcome for each in made if each.kind is Kind.MILESTONE}
    assert set(told) == set(names)
    assert all(each.decided_us > fifth for each in made if each.kind is Kind.MILESTONE)
    rows = {key: row for key, row in sums_of(engine).items() if key[0] == "milestone"}
    withheld = sum(outcome is Outcome.WITHHELD for outcome in told.values())
    assert 0 < withheld < len(names)
    assert {key[2]: row.people for key, row in rows.items()} == {True: withheld, False: len(names) - withheld}
    returned = {key[2]: row.returned for key, row in rows.items()}
    assert returned == {told[names[0]] is Outcome.WITHHELD: 1, told[names[0]] is not Outcome.WITHHELD: 0}


def test_who_stays_away_is_counted_when_the_window_is_over_and_not_before() -> None:
    due = decided("anna", weekly("anna", 10))
    engine = make_engine(HALF)

    apply_all(engine, [*weekly("anna", 10), purchase("clock", due + 19.9)])
    before = sums_of(engine)
    apply_all(engine, [purchase("clock", due + 20.1)])

    assert before == {}
    assert [(row.people, row.returned, row.window) for row in sums_of(engine).values()] == [(1, 0, 0)] * 2


def test_a_purchase_of_before_the_decision_that_becomes_known_later_is_no_return() -> None:
    due = decided("anna", weekly("anna", 10))
    engine = make_engine(HALF)

    apply_all(engine, [*weekly("anna", 10), purchase("clock", due + 1.0), purchase("anna", due - 0.5)])
    apply_all(engine, [purchase("clock", due + 22.0)])

    assert [row.returned for row in sums_of(engine).values()] == [0, 0]


def test_the_order_in_which_visits_become_known_does_not_matter() -> None:
    due = decided("anna", weekly("anna", 10))
    visits = [purchase("anna", due + 5.0, 100), purchase("anna", due + 2.0, 700), purchase("anna", due + 9.0, 50)]
    found = []
    for order in (visits, visits[::-1], [visits[1], visits[2], visits[0]]):
        engine = make_engine(HALF)
        apply_all(engine, [*weekly("anna", 10), purchase("clock", due + 9.5), *order, purchase("clock", due + 22.0)])
        found.append({key: row.fields() for key, row in sums_of(engine).items()})

    assert found[0] == found[1] == found[2]
    assert {row[2] for row in found[0].values()} == {"700"}


def test_both_arms_are_followed_and_each_step_once_at_a_time() -> None:
    log = shop_log(3, customers=60, days=300)
    engine = make_engine(LADDER)
    for event in [*log, purchase("clock", 600.0)]:
        engine.apply(event)
    made = decisions(engine.drain().outputs)

    found = sums_of(engine)
    for outcome, control in ((Outcome.RELEASED, False), (Outcome.WITHHELD, True)):
        first = [each for each in made if each.outcome is outcome and each.rung == "remind"]
        over: dict[str, int] = {}
        apart = 0
        for each in first:
            if each.decided_us > over.get(each.customer_id, 0):
                apart += 1
                over[each.customer_id] = each.decided_us + 20 * DAY_US
        assert apart >= 20
        assert found["win_back", "remind", control].people == apart
        assert found["", "", control].people <= apart
    every = sum(row.people for key, row in found.items() if key[0])
    assert every > sum(found["", "", control].people for control in (False, True))


def test_without_a_control_group_nobody_is_followed() -> None:
    engine = make_engine(replace(HALF, control_share=0.0))

    apply_all(engine, [*weekly("anna", 10), purchase("clock", LATER)])

    assert sums_of(engine) == {}


def test_a_restart_anywhere_leaves_the_sums_as_they_are() -> None:
    log = [*shop_log(5, customers=12, days=200), purchase("clock", 320.0)]
    whole, changelog = make_engine(LADDER), Changelog()
    apply_all(whole, log)
    engine = make_engine(LADDER)
    sums: dict[int, bytes] = {}
    for number, event in enumerate(log):
        engine.apply(event)
        if number % 97 == 0:
            turn = engine.drain()
            changelog.take(turn)
            sums.update(turn.brought)
            engine = changelog.revive(make_engine(LADDER))
            for month, value in sums.items():
                engine.brought_sums.restore(month, value)

    assert fields_of(engine.brought_sums) == fields_of(whole.brought_sums)
    assert sum(row.people for row in sums_of(whole).values()) > 20
    assert whole_state(engine)["customers"] == whole_state(whole)["customers"]


def test_of_merged_ids_what_either_buys_belongs_to_the_following() -> None:
    due = decided("anna", weekly("anna", 10))
    engine = make_engine(HALF)

    apply_all(
        engine,
        [
            *weekly("anna", 10),
            purchase("clock", due + 1.0),
            purchase("anna.b", due + 2.0, 400),
            Merge("m", "anna", at(due + 3.0), "anna.b"),
            purchase("anna.b", due + 5.0, 60),
            purchase("clock", due + 22.0),
        ],
    )

    assert [(row.people, row.returned, row.first, row.window) for row in sums_of(engine).values()] == [
        (1, 1, 400, 460)
    ] * 2


def test_erasure_closes_what_is_followed_with_what_it_brought_and_keeps_nothing_of_the_person() -> None:
    due = decided("anna", weekly("anna", 10))
    engine = make_engine(HALF)

    apply_all(engine, [*weekly("anna", 10), purchase("anna", due + 2.0, 400), Erasure("e", "anna", at(due + 3.0))])

    assert [(row.people, row.returned, row.window) for row in sums_of(engine).values()] == [(1, 1, 400)] * 2
    assert "anna" not in engine.customers
    assert not any(b"anna" in value for _, value in engine.drain().brought)


def test_the_parts_of_partitions_add_up_and_only_what_has_a_control_beside_it_is_told() -> None:
    totals, engines = BroughtTotals(), [make_engine(LADDER) for _ in range(2)]
    for number, engine in enumerate(engines):
        apply_all(engine, [*shop_log(7 + number, customers=40, days=250), purchase("clock", 600.0)])
    for number, engine in enumerate(engines):
        for month, rows in engine.brought_sums.months.items():
            totals.take(number, month, pack(fields_of_month(rows)))

    told = totals.rows()
    whole = next(row for row in told if row.kind == "all" and row.month == "all")
    months = [row for row in told if row.kind == "all" and row.month != "all"]
    assert whole.measured.treated.people == sum(sums_of(engine)["", "", False].people for engine in engines)
    assert len(months) >= 3
    assert all(row.measured.control.people for row in told)
    assert told[0] is whole


@pytest.mark.parametrize("month", [0, 24_000, 12 * 2026 + 10])
def test_the_key_of_a_month_can_be_read_back_and_is_no_day(month: int) -> None:
    assert month_of_key(month_key(month)) == month
    assert month_of_key(b"\x00today") is None
