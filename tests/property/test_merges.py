"""A merge of two ids gives what a history under the one that stays would have given from the beginning."""

from __future__ import annotations

from copy import copy
from random import Random

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from service.domain.engine import Engine
from service.domain.events import Erasure, Event, Merge, Profile, Purchase, Survey, SurveyAnswer, Withdrawal
from service.domain.findings import Decision, Outcome, Reason, Scores, ScoresErased
from service.domain.periods.numbers import PeriodRow
from service.domain.periods.totals import PeriodTotals
from service.domain.policy import Shop
from tests.support.engines import (
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
from tests.support.examples import examples

SEEDS = st.integers(0, 2**32)
FEW = settings(max_examples=examples(12), deadline=None, phases=(Phase.explicit, Phase.generate))
STAYS = {f"c{number}x": f"c{number}" for number in range(3)}
"""The second id of some customers → the one that stays."""


def under_two_ids(events: list[Event], random: Random) -> list[Event]:
    """Some customers' events carry one id or the other; erasures are left out."""
    told: list[Event] = []
    for event in events:
        if not isinstance(event, Erasure):
            told.append(copy(event))
            other = f"{event.customer_id}x"
            if other in STAYS and random.random() < 0.4:
                told[-1].customer_id = other
    return told


def relabelled(events: list[Event]) -> list[Event]:
    named = []
    for event in events:
        named.append(copy(event))
        named[-1].customer_id = STAYS.get(event.customer_id, event.customer_id)
    return named


def with_merges(events: list[Event], places: list[int]) -> list[Event]:
    """The merges come after so many events."""
    merged = list(events)
    for (old, new), place in sorted(zip(STAYS.items(), places, strict=True), key=lambda each: -each[1]):
        at_us = events[min(place, len(events) - 1)].at_us if events else at(0)
        merged.insert(place, Merge(f"merge {old}", old, at_us, new))
    return merged


def periods(engine: Engine) -> list[PeriodRow]:
    totals = PeriodTotals(Shop())
    for day in engine.ledger.days():
        totals.update(0, day, engine.ledger.record(day))
    if totals.first_day is None or totals.last_day is None:
        return []
    return list(totals.rows(totals.first_day, totals.last_day))


def told(engine: Engine, customer_id: str) -> tuple[object, ...]:
    """What must be equal to the last digit."""
    scores, customer = engine.scores(customer_id), engine.customers[customer_id]
    assert scores is not None
    return (
        scores.visits, scores.orders, scores.revenue_minor, scores.first_visit_us, scores.last_visit_us,
        scores.latest_nps, scores.latest_csat, scores.latest_ces, scores.answers, customer.visit_minor,
        customer.visit_days(), customer.previous_day, customer.first_day,
        None if customer.profile is None else customer.profile.fields(),
    )  # fmt: skip


@FEW
@given(seed=SEEDS, data=st.data())
def test_a_merge_equals_a_history_that_always_carried_the_new_id(seed: int, data: st.DataObject) -> None:
    events = under_two_ids(shop_log(seed, days=200, everything=True), Random(seed))
    places = data.draw(st.lists(st.integers(0, len(events)), min_size=len(STAYS), max_size=len(STAYS)))
    expected, engine = make_engine(), make_engine()
    apply_all(expected, relabelled(events))

    outputs = apply_all(engine, with_merges(events, places))

    assert periods(engine) == periods(expected)
    assert engine.customers.keys() == expected.customers.keys()
    for customer_id in expected.customers:
        assert told(engine, customer_id) == told(expected, customer_id)
        mine, theirs = engine.scores(customer_id), expected.scores(customer_id)
        assert mine is not None
        assert theirs is not None
        if theirs.usual_gap_days is not None:
            assert mine.usual_gap_days == pytest.approx(theirs.usual_gap_days, rel=0.05), "but for the shop's pace then"
    newest = {o.customer_id: o for o in outputs if isinstance(o, Scores | ScoresErased)}
    for old in STAYS:
        assert not isinstance(newest.get(old), Scores)


@FEW
@given(seed=SEEDS, data=st.data())
def test_a_restart_around_a_merge_leaves_no_trace(seed: int, data: st.DataObject) -> None:
    events = under_two_ids(shop_log(seed, days=150, everything=True), Random(seed))
    places = data.draw(st.lists(st.integers(0, len(events)), min_size=len(STAYS), max_size=len(STAYS)))
    events = with_merges(events, places)
    cuts = data.draw(st.sets(st.integers(0, len(events)), max_size=8)) | set(places)
    once, engine, changelog = make_engine(), make_engine(), Changelog()
    expected = decisions(apply_all(once, events))

    made: list[Decision] = []
    for index, event in enumerate(events):
        engine.apply(copy(event))
        if index in cuts:
            made += decisions(changelog.take(engine.drain()))
            engine = changelog.revive(engine)
    made += decisions(changelog.take(engine.drain()))

    assert made == expected
    assert whole_state(engine) == whole_state(once)
    assert whole_state(changelog.revive(engine)) == whole_state(once)


def merge(old: str, new: str, days: float) -> Merge:
    return Merge(f"{old} is {new}", old, at(days), new)


def outcomes(made: list[Decision]) -> list[tuple[str, Outcome, Reason]]:
    return [(d.customer_id, d.outcome, d.reason) for d in made]


def test_what_went_out_to_someone_who_had_bought_under_another_id_is_stopped() -> None:
    engine = make_engine()
    asked = decisions(apply_all(engine, [*weekly("old", 8), purchase("other", 90.0)]))
    assert outcomes(asked) == [("old", Outcome.RELEASED, Reason.DUE)]
    before = (asked[0].decided_us - at(0)) / (at(1) - at(0)) - 1

    made = decisions(apply_all(engine, [purchase("new", before), merge("old", "new", 91)]))

    assert outcomes(made) == [("old", Outcome.CANCELLED, Reason.RETURNED)]
    assert made[0].decision_id == asked[0].decision_id
    assert engine.customers["new"].visits == 9
    assert "old" not in engine.customers


def test_what_was_sent_under_the_old_id_is_not_sent_again_and_is_credited_when_they_return() -> None:
    engine = make_engine()
    asked = decisions(apply_all(engine, [*weekly("old", 8), purchase("other", 90.0)]))

    later: list[Event] = [
        merge("old", "new", 90),
        purchase("other", 91.0),
        purchase("new", 92.0),
        purchase("other", 93.0),
    ]
    made = decisions(apply_all(engine, later))

    assert [(d.decision_id, d.outcome) for d in made if d.outcome is not Outcome.CANCELLED] == [
        (asked[0].decision_id, Outcome.CONVERTED)
    ]
    assert {d.customer_id for d in made} == {"old"}, "as it was told"


def test_nobody_is_asked_who_comes_every_week_under_two_ids_in_turn() -> None:
    turns = [purchase("ab"[n % 2], 0.5 + 7 * n) for n in range(30)]
    engine = make_engine()

    made = decisions(apply_all(engine, [*turns[:6], merge("b", "a", 38), *turns[6:]]))

    assert made == []
    assert engine.customers["a"].visits == 30
    alone = make_engine()
    apply_all(alone, [purchase("a", 0.5 + 7 * n) for n in range(30)])
    assert engine.customers["a"].log_usual == pytest.approx(alone.customers["a"].log_usual, rel=1e-12)


def test_an_order_sent_under_both_ids_counts_once() -> None:
    def order(customer: str, event_id: str, minor: int) -> Purchase:
        return Purchase(event_id, customer, at(3) + minor, minor, order_id="o-1")

    engine = make_engine()
    apply_all(engine, [order("a", "1", 500), order("b", "2", 700), merge("b", "a", 4)])

    assert (engine.customers["a"].orders, engine.customers["a"].revenue_minor) == (1, 700)
    (day,) = [row for row in periods(engine) if row.granularity == "month"]
    assert (day.orders, day.customers_at_end, float(day.revenue)) == (1, 1, 7.0)


def test_an_answer_sent_under_both_ids_counts_once() -> None:
    engine = make_engine()
    answers = [SurveyAnswer("1", who, at(3), Survey.NPS, 10) for who in "ab"]
    apply_all(engine, [purchase("a", 1.0), *answers, merge("b", "a", 4)])

    (month,) = [row for row in periods(engine) if row.granularity == "month"]
    assert month.nps_n == 1


def test_ids_that_are_merged_one_after_the_other_are_all_the_last() -> None:
    engine = make_engine()
    apply_all(
        engine, [purchase("a", 1.0), purchase("b", 2.0), purchase("c", 3.0), merge("a", "b", 4), merge("b", "c", 5)]
    )
    apply_all(engine, [purchase("a", 6.0), purchase("b", 7.0), merge("c", "a", 8), merge("a", "c", 9)])

    assert {name: customer.visits for name, customer in engine.customers.items()} == {"c": 5}
    assert engine.counts.merges == 2
    assert engine.counts.duplicates == 2


def test_an_erasure_reaches_every_id_and_all_of_them_stay_refused() -> None:
    engine, changelog = make_engine(), Changelog()
    for event in (purchase("a", 1.0), purchase("b", 2.0), merge("a", "b", 3), Erasure("x", "a", at(4))):
        engine.apply(event)
        changelog.take(engine.drain())

    engine = changelog.revive(engine)
    apply_all(engine, [purchase("a", 5.0), purchase("b", 6.0), merge("new", "b", 7)])

    assert engine.customers == {}
    assert [
        key for key, value in changelog.state.items() if value is not None and (key[-1:] == b"a" or key == b"b")
    ] == []


def test_who_is_merged_into_an_erased_customer_is_erased() -> None:
    engine = make_engine()
    outputs = apply_all(engine, [purchase("a", 1.0), purchase("b", 2.0), Erasure("x", "b", at(3)), merge("a", "b", 4)])

    assert engine.customers == {}
    assert [o.customer_id for o in outputs if isinstance(o, ScoresErased)] == ["b", "a"]
    apply_all(engine, [purchase("a", 5.0)])
    assert engine.customers == {}


def test_a_no_under_either_id_is_heard() -> None:
    engine = make_engine()
    yes, no = (Profile(str(said), who, at(2), marketing_consent=said) for who, said in (("a", True), ("b", False)))
    apply_all(engine, [yes, no, merge("b", "a", 4)])

    profile = engine.customers["a"].profile
    assert profile is not None
    assert profile.consent is False


def test_a_withdrawn_profile_leaves_no_contact_and_no_consent_and_an_older_word_does_not_bring_them_back() -> None:
    engine = make_engine()
    said = Profile("1", "a", at(2), first_name="Ann", email="a@example.com", marketing_consent=True)
    late = Profile("2", "a", at(3), phone="+33 1", marketing_consent=True)
    apply_all(engine, [purchase("a", 1.0), said])
    engine.apply(Withdrawal("", "a", at(4)))
    apply_all(engine, [late])

    profile = engine.customers["a"].profile
    assert profile is not None
    assert (profile.first_name, profile.email, profile.phone, profile.consent) == (None, None, None, None)
    apply_all(engine, [Profile("3", "a", at(5), email="b@example.com", marketing_consent=True)])
    assert (profile.email, profile.consent) == ("b@example.com", True)
    assert engine.customers["a"].visits == 1
