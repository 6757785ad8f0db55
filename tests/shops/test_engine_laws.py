"""Laws of the engine: turns, restarts, duplicates and orders of arrival change no number and no decision."""

from __future__ import annotations

import zlib
from dataclasses import replace
from fractions import Fraction
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.domain.calendar import DAY_US, to_date
from service.domain.customer import Customer
from service.domain.engine import Engine
from service.domain.events import Erasure, Event, Item, Purchase, SurveyAnswer
from service.domain.findings import HealthBand, Kind, Output, Scores, ScoresErased, Segment
from service.domain.occasion_policy import (
    DelightPolicy,
    FeedbackPolicy,
    FollowUpPolicy,
    MilestonePolicy,
    OccasionPolicies,
    RecoveryPolicy,
)
from service.domain.periods.rows import CSV_COLUMNS
from service.domain.periods.totals import PeriodTotals
from service.domain.policy import ConsentRule, OutreachPolicy, Rung, Shop, Timing
from service.domain.sealed_chunks import CHUNK
from tests.support import oracle_periods as oracle
from tests.support.engines import (
    EVENT_TIME,
    START_US,
    UNDISTURBED,
    WALL_TIME,
    Changelog,
    apply_all,
    at,
    decisions,
    make_engine,
    purchase,
    shop_log,
    whole_state,
)

LADDER = OutreachPolicy(
    level=4.0, consent=ConsentRule.EXTERNAL, rungs=(Rung("remind"), Rung("incentive", strictness=0.2))
)
LIMITED = replace(LADDER, volume_per_100_visits=8.0, volume_for_loyal=0.25)
DAILY = replace(LADDER, volume_per_day=0.3, switched_on=((Kind.SECOND_VISIT, Rung("nudge")),))
OCCASIONS = replace(
    LADDER,
    control_share=0.2,
    occasions=OccasionPolicies(
        service_recovery=RecoveryPolicy(case_days=20.0),
        milestone=MilestonePolicy(every=3, at_most_per_day=1.0),
        delight=DelightPolicy(share=0.3, min_visits=3),
        follow_up=FollowUpPolicy(only_first=False, days_between=9.0, at_most_per_week=2.0),
        feedback_request=FeedbackPolicy(days_between=14.0, at_most_per_day=0.5),
    ),
)
SEEDS = st.integers(0, 2**32)
FEW = settings(max_examples=5, deadline=None)
CLOCKS = pytest.mark.parametrize("timing", [EVENT_TIME, UNDISTURBED, WALL_TIME], ids=["event", "undisturbed", "wall"])
POLICIES = pytest.mark.parametrize(
    "policy", [LADDER, LIMITED, DAILY, OCCASIONS], ids=["ladder", "volume", "daily volume, nudges", "occasions"]
)


def in_one_turn(events: list[Event], timing: Timing, policy: OutreachPolicy = LADDER) -> tuple[list[Output], Engine]:
    engine = make_engine(policy, timing)
    return apply_all(engine, events, wall_us=at(500)), engine


def settled(outputs: list[Output]) -> tuple[list[Output], dict[str, Scores | ScoresErased]]:
    """Everything but the scores in order, and of the scores the newest of each customer, as in a compacted topic."""
    newest = {output.customer_id: output for output in outputs if isinstance(output, Scores | ScoresErased)}
    return [output for output in outputs if not isinstance(output, Scores)], newest


@POLICIES
@CLOCKS
@FEW
@given(seed=SEEDS, data=st.data())
def test_turns_and_restarts_leave_no_trace(
    policy: OutreachPolicy, timing: Timing, seed: int, data: st.DataObject
) -> None:
    events = shop_log(seed, disorder=0.2, everything=True, odd=0.01)
    cuts = st.sets(st.integers(0, len(events)), max_size=12)
    turns, restarts = data.draw(cuts), data.draw(cuts)
    expected, once = in_one_turn(events, timing, policy)

    engine, changelog, outputs = make_engine(policy, timing), Changelog(), list[Output]()
    for index, event in enumerate(events):
        engine.apply(event, at(500))
        if index in turns | restarts:
            outputs += changelog.take(engine.drain())
        if index in restarts:
            engine = changelog.revive(engine)
    outputs += changelog.take(engine.drain())

    assert settled(outputs) == settled(expected)
    assert whole_state(engine) == whole_state(once)
    assert whole_state(changelog.revive(engine)) == whole_state(once)


@FEW
@given(seed=SEEDS, data=st.data())
def test_events_sent_again_change_nothing_but_the_count_of_duplicates(seed: int, data: st.DataObject) -> None:
    events = shop_log(seed, disorder=0.2, everything=True)
    again = data.draw(st.sets(st.integers(0, max(0, len(events) - 1)), max_size=30))
    expected, once = in_one_turn(events, EVENT_TIME)

    engine, outputs, sent = make_engine(LADDER, EVENT_TIME), list[Output](), list[Event]()
    for index, event in enumerate(events):
        outputs += apply_all(engine, [event])
        sent.append(event)
        if index in again:
            recent = sent[-40:][Random(seed).randrange(min(40, len(sent)))]
            outputs += apply_all(engine, [recent])

    assert settled(outputs) == settled(expected)
    assert whole_state(engine) == whole_state(once)
    engine.counts.duplicates = once.counts.duplicates
    engine.counts.of_erased = once.counts.of_erased
    assert engine.counts.as_dict() == once.counts.as_dict()


@POLICIES
@FEW
@given(seed=SEEDS, share=st.floats(0.2, 1))
def test_cutting_the_log_leaves_every_earlier_decision_as_it_was(
    policy: OutreachPolicy, seed: int, share: float
) -> None:
    events = sorted(shop_log(seed, everything=True), key=lambda event: event.at_us)
    end = events[int(share * (len(events) - 1))].at_us if events else 0
    whole, _ = in_one_turn(events, EVENT_TIME, policy)

    cut, engine = in_one_turn([event for event in events if event.at_us <= end], EVENT_TIME, policy)

    reached = engine.now_us  # before `end` while a jump is doubted
    assert [d for d in decisions(cut) if d.decided_us < reached] == [
        d for d in decisions(whole) if d.decided_us < reached
    ]
    assert [d for d in decisions(cut) if d.decided_us > end] == []


@FEW
@given(seed=SEEDS, partitions=st.integers(1, 8), days=st.sampled_from([40, 400]), disorder=st.sampled_from([0.0, 0.5]))
def test_period_rows_equal_the_definitions(seed: int, partitions: int, days: int, disorder: float) -> None:
    shop = Shop()
    log = shop_log(seed, customers=5, days=days, disorder=disorder, everything=True, odd=0.0)
    events: list[Event] = [event for event in log if not isinstance(event, Erasure)]
    assert_rows_equal_the_definitions(events, partitions, shop, UNDISTURBED)


@FEW
@given(
    purchases=st.lists(
        st.tuples(st.sampled_from("ab"), st.integers(0, 700), st.integers(0, 3), st.booleans()), max_size=40
    ),
    partitions=st.integers(1, 2),
    timing=st.sampled_from([EVENT_TIME, UNDISTURBED]),
)
def test_period_rows_equal_the_definitions_in_any_order_also_where_dates_are_doubted(
    purchases: list[tuple[str, int, int, bool]], partitions: int, timing: Timing
) -> None:
    events: list[Event] = [
        purchase(who, day + hour / 24, 100, event_id=str(index), refund=refund and hour == 3)
        for index, (who, day, hour, refund) in enumerate(purchases)
    ]
    assert_rows_equal_the_definitions(events, partitions, Shop(), timing)


def assert_rows_equal_the_definitions(events: list[Event], partitions: int, shop: Shop, timing: Timing) -> None:
    if not events:
        return
    engines = [make_engine(timing=timing, shop=shop) for _ in range(partitions)]
    totals = PeriodTotals(shop)
    for index, event in enumerate(events):
        engines[zlib.crc32(event.customer_id.encode()) % partitions].apply(event)
        if index % 7 == 0 or index == len(events) - 1:
            for number, engine in enumerate(engines):
                for day, record in engine.drain().ledger:
                    totals.update(number, day, record)

    first, last = totals.first_day, totals.last_day
    if first is None or last is None:
        return
    unique = list({(type(event), event.event_id, event.customer_id): event for event in events}.values())
    money = [
        oracle.Money(e.customer_id, to_date(e.at_us // DAY_US), e.amount_minor, e.refund)
        for e in unique
        if isinstance(e, Purchase)
    ]
    answers = [
        oracle.Answer(to_date(e.at_us // DAY_US), e.survey.value, e.score)
        for e in unique
        if isinstance(e, SurveyAnswer)
    ]
    cap = Fraction(str(shop.max_lifespan_years))
    expected = list(oracle.rows(money, answers, to_date(first), to_date(last), max_lifespan_years=cap))
    found = [{column: getattr(row, column) for column in CSV_COLUMNS} for row in totals.rows(first, last)]
    assert found == expected


@FEW
@given(seed=SEEDS)
def test_what_is_older_than_the_kept_history_never_reaches_the_ledger(seed: int) -> None:
    random = Random(seed)
    late = [purchase("a", -random.randrange(770, 2500), event_id=f"old{n}") for n in range(8)]
    recent = [purchase("a", random.randrange(0, 60), event_id=f"new{n}") for n in range(8)]
    mixed: list[Event] = [*late, *recent]
    random.shuffle(mixed)
    today = purchase("b", 60.5)
    alone, both = make_engine(), make_engine()

    apply_all(alone, [today, *(event for event in mixed if event in recent)])
    apply_all(both, [today, *mixed])

    assert {d: both.ledger.record(d) for d in both.ledger.days()} == {
        d: alone.ledger.record(d) for d in alone.ledger.days()
    }
    assert both.customers["a"].orders == 16
    assert both.customers["a"].first_us == min(event.at_us for event in mixed)
    assert both.counts.beyond_history == 8


@FEW
@given(seed=SEEDS, data=st.data())
def test_lifetime_numbers_do_not_depend_on_the_order_of_arrival(seed: int, data: st.DataObject) -> None:
    events = [e for e in shop_log(seed, customers=4, everything=True) if not isinstance(e, Erasure)]
    shuffled = data.draw(st.permutations(events))

    numbers = []
    for order in (events, shuffled):
        engine = make_engine(timing=UNDISTURBED)
        apply_all(engine, list({e.event_id: e for e in order}.values()))
        numbers.append({name: lifetime(customer) for name, customer in engine.customers.items()})

    assert numbers[0] == numbers[1]


def lifetime(customer: Customer) -> tuple[object, ...]:
    days = customer.first_day, customer.last_day, customer.previous_day, customer.visit_days()
    return customer.visits, customer.orders, customer.revenue_minor, customer.first_us, customer.last_us, *days


@FEW
@given(
    days=st.lists(
        st.one_of(st.integers(-20_000, 40_000), st.integers(-900, 900), st.integers(0, 3000)), min_size=1, max_size=300
    ),
    others=st.integers(0, 300),
)
def test_memory_per_customer_is_bounded_whatever_the_dates(days: list[int], others: int) -> None:
    engine = make_engine(timing=EVENT_TIME)
    for index, day in enumerate(days):
        items = tuple(Item(f"s{index}{n}", "") for n in range(9))
        engine.apply(Purchase(str(index), "a", START_US + day * DAY_US, 100, items=items))
        if index < others:
            engine.apply(purchase(f"b{index % 5}", index * 5.0, event_id=f"b{index}"))

        customer = engine.customers["a"]
        assert len(customer.bought) <= 1 + CHUNK * 27
        assert customer.days.bit_length() <= 8 * (224 + 96)
        assert customer.items is not None
        assert len(customer.items.counts) <= 6
        assert len(customer.items.last) <= 3
    assert len(engine.timeline.clock.state.pending) <= 16
    assert engine.timeline.dates_waiting <= 2 * (len(days) + others)


@CLOCKS
@FEW
@given(seed=SEEDS)
def test_the_counters_of_segments_and_bands_equal_a_recount(timing: Timing, seed: int) -> None:
    engine = make_engine(LADDER, timing)

    for event in shop_log(seed, disorder=0.2, everything=True, odd=0.02):
        engine.apply(event, at(500))

    everybody = engine.customers.values()
    assert engine.scoreboard.segments == [sum(c.segment == index for c in everybody) for index in range(len(Segment))]
    assert engine.scoreboard.bands == [sum(c.band == index for c in everybody) for index in range(len(HealthBand))]
    assert sum(engine.scoreboard.segments) == sum(c.visits > 0 for c in everybody)
    assert engine.everybody.state.regulars == sum(c.visits >= 4 for c in everybody)
    assert engine.everybody.state.regular_revenue_minor == sum(c.revenue_minor for c in everybody if c.visits >= 4)
    open_silences = engine.everybody.silences._open.values()
    assert sum(sum(places.values()) for places in open_silences) == engine.everybody.state.regulars


@FEW
@given(seed=SEEDS)
def test_stream_time_never_runs_backwards_and_every_detection_lies_before_it(seed: int) -> None:
    engine = make_engine(LADDER, EVENT_TIME)
    before = 0

    for event in shop_log(seed, disorder=0.3, everything=True, odd=0.05):
        outputs = apply_all(engine, [event])
        assert engine.now_us >= before
        before = engine.now_us
        assert all(d.detected_us <= before for d in decisions(outputs))


@POLICIES
@settings(max_examples=5, deadline=None)
@given(seed=SEEDS, meanwhile=st.integers(1, 60))
def test_who_gets_a_partition_back_needs_only_what_has_changed_meanwhile(
    policy: OutreachPolicy, seed: int, meanwhile: int
) -> None:
    """A worker that had the partition, lost it to another one and owns it again, reads only what the other has
    written."""
    events = shop_log(seed, disorder=0.1, everything=True, customers=45, days=120)
    cut = len(events) - meanwhile
    first, changelog = make_engine(policy, EVENT_TIME), Changelog()
    for event in events[:cut]:
        first.apply(event)
    changelog.take(first.drain())
    second = changelog.revive(first)
    for event in events[cut:]:
        second.apply(event)
    news = second.drain()

    for key, value in news.state:
        first.restore(key, value)
    for day, record in news.ledger:
        first.ledger.restore(day, record)
    first.restored()

    assert whole_state(first) == whole_state(second)
