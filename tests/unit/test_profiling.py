"""Who objects to profiling has no scores and no message that rests on them; what the shop counts of all goes on."""

from __future__ import annotations

import asyncio
import itertools
import json
from copy import copy
from dataclasses import replace
from datetime import date
from random import Random
from typing import Any

import pytest
from aiokafka.structs import ConsumerRecord

from service.config import Settings
from service.delivery.memory import State
from service.delivery.standings import Standings
from service.domain.calendar import DAY_US, NEVER
from service.domain.customer_record import restore, snapshot
from service.domain.engine import Engine
from service.domain.events import Erasure, Event, Merge, Profile, Purchase, Survey, SurveyAnswer, Withdrawal
from service.domain.findings import Decision, Kind, Outcome, Output, Reason, Scores, ScoresErased
from service.domain.occasion_policy import (
    DelightPolicy,
    FeedbackPolicy,
    FollowUpPolicy,
    MilestonePolicy,
    OccasionPolicies,
    RecoveryPolicy,
)
from service.domain.policy import OutreachPolicy, QuietTimes, Rung
from service.streaming.job import PartitionJob
from tests.support.delivery_world import Life, World, requested
from tests.support.engines import (
    EVENT_TIME,
    OPEN_HOUSE,
    UNDISTURBED,
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

LADDER = replace(OPEN_HOUSE, level=4.0, rungs=(Rung("remind"), Rung("incentive", strictness=0.4)))
EVERY_KIND = replace(
    LADDER,
    control_share=0.3,
    occasions=OccasionPolicies(
        service_recovery=RecoveryPolicy(),
        milestone=MilestonePolicy(every=2),
        delight=DelightPolicy(share=0.9, min_visits=2),
        follow_up=FollowUpPolicy(only_first=False, days_between=2.0),
        feedback_request=FeedbackPolicy(days_between=7.0),
    ),
)


HOLIDAYS = QuietTimes(dates=frozenset(date(2020, 11, day) for day in range(1, 31)))


def word(customer: str, days: float, profiling: bool | None, event_id: str = "", **said: Any) -> Profile:
    return Profile(event_id or f"w{customer}@{days}", customer, at(days), profiling=profiling, **said)


def of(outputs: list[Output], customer: str) -> list[Output]:
    return [output for output in outputs if output.customer_id == customer]


def told(made: list[Decision]) -> list[tuple[str, str, str]]:
    return [(each.rung, each.outcome.value, each.reason.value) for each in made]


# ---- the word itself


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_the_newest_word_counts_whatever_order_they_come_in(order: tuple[int, ...]) -> None:
    words = [
        word("a", 1, profiling=False),
        word("a", 3, profiling=True),
        word("a", 2, profiling=False, event_id="late"),
    ]
    engine = make_engine()

    apply_all(engine, [words[place] for place in order])

    assert not engine.customers["a"].objects
    assert engine.customers["a"].objection == -at(3) - 1


def test_of_two_words_at_one_instant_the_objection_counts() -> None:
    for first, second in itertools.permutations([True, False]):
        engine = make_engine()
        apply_all(engine, [word("a", 1, first, "one"), word("a", 1, second, "two")])
        assert engine.customers["a"].objects


def test_an_event_that_says_nothing_of_it_and_a_deleted_profile_leave_an_objection_as_it_is() -> None:
    engine = make_engine()

    apply_all(engine, [word("a", 1, profiling=False), word("a", 2, None, first_name="Ann")])
    engine.apply(Withdrawal("", "a", at(3)))

    assert engine.customers["a"].objects
    assert restore("a", snapshot(engine.customers["a"])).objects


def test_who_says_nothing_pays_nothing() -> None:
    engine = make_engine()
    apply_all(engine, [*weekly("a", 3), word("a", 30, None, first_name="Ann")])

    assert len(snapshot(engine.customers["a"])) == len(snapshot(restore("a", snapshot(engine.customers["a"]))))
    assert engine.customers["a"]._rare.empty
    assert b"objection" not in snapshot(engine.customers["a"])


def test_the_shops_spellings_are_understood_and_a_misspelt_field_is_counted() -> None:
    said = {"event_id": "1", "customer_id": "ann", "occurred_at": "2025-03-01T10:00:00Z"}
    job = worker(said | {"profiling": "no"})
    assert job.engine.customers["ann"].objects

    job = worker(said | {"profiling": "opted out"})
    assert job.engine.customers["ann"].objects

    job = worker(said | {"profiling_consent": False})
    assert not job.engine.customers["ann"].objects
    assert job.engine.counts.left_out == {"customers.profilingconsent": 1}


# ---- what stops


def test_scores_are_withdrawn_once_and_none_follow() -> None:
    engine = make_engine(LADDER)
    before = apply_all(engine, weekly("a", 6))
    heard = apply_all(engine, [word("a", 36, profiling=False)])
    after = apply_all(
        engine,
        [
            *weekly("a", 8, 40.5),
            SurveyAnswer("s", "a", at(93), Survey.NPS, 2),
            purchase("b", 400),
            word("a", 401, False),
        ],
    )

    assert [type(output) for output in of(before, "a")] == [Scores]
    assert of(heard, "a") == [ScoresErased("a")]
    assert of(after, "a") == []
    assert engine.scores("a") is None
    customer = engine.customers["a"]
    assert (customer.segment, customer.band, customer.risk_band) == (-1, -1, -1)
    assert customer.wake_us == NEVER
    assert sum(engine.scoreboard.segments) == 1


def test_who_objects_before_the_first_purchase_leaves_no_trace_on_customer_scores() -> None:
    assert apply_all(make_engine(LADDER), [word("a", 0, profiling=False), *weekly("a", 5), purchase("a", 200)]) == []


def test_a_score_that_waits_to_be_published_is_not() -> None:
    engine = make_engine(LADDER)
    for event in [*weekly("a", 6), word("a", 36, profiling=False)]:
        engine.apply(event)
    engine.drain(scores=0)

    assert engine.drain().outputs == []
    assert engine.scoreboard.waiting == 0


def test_nobody_follows_the_silence_of_who_objects() -> None:
    engine = make_engine(LADDER)

    made = apply_all(engine, [*weekly("a", 8), word("a", 50, profiling=False), purchase("clock", 400)])

    assert [each for each in decisions(made) if each.customer_id == "a"] == []
    assert engine.ladder.rungs_ahead(engine.customers["a"]) == []


def test_what_has_gone_out_is_cancelled_with_the_reason_and_the_return_is_nobodys() -> None:
    engine = make_engine(replace(LADDER, control_share=0.0))
    out = decisions(apply_all(engine, [*weekly("a", 8), purchase("clock", 80)]))
    made = decisions(apply_all(engine, [word("a", 81, profiling=False)]))
    later = decisions(apply_all(engine, [purchase("a", 82), purchase("clock", 400)]))

    assert told(out)[:1] == [("remind", "released", "due")]
    assert [(each.outcome, each.reason) for each in made] == [(Outcome.CANCELLED, Reason.NO_PROFILING)] * len(out)
    assert {each.decision_id for each in made} == {each.decision_id for each in out}
    assert [(each.evidence.churn_risk, each.evidence.value_at_risk_minor) for each in made] == [(None, None)] * len(out)
    assert [each for each in later if each.customer_id == "a"] == []


def test_what_waits_is_refused_at_once_with_the_reason() -> None:
    quiet = replace(LADDER, quiet=HOLIDAYS)
    engine = make_engine(quiet)
    waiting = decisions(apply_all(engine, [*weekly("a", 8), purchase("clock", 80)]))
    made = decisions(apply_all(engine, [word("a", 81, profiling=False)]))

    assert told(waiting) == [("remind", "deferred", "quiet_day")]
    assert told(made) == [("remind", "suppressed", "no_profiling")]
    assert made[0].decision_id == waiting[0].decision_id
    assert not engine.customers["a"].episode.detected_us


def test_of_the_kinds_that_an_occasion_brings_only_the_answer_to_a_complaint_goes_on_and_it_tells_nothing() -> None:
    engine = make_engine(replace(EVERY_KIND, control_share=0.0))
    events: list[Event] = [word("a", 0, profiling=False)]
    events += [Purchase(f"p{n}", "a", at(1 + 7 * n), 1000, order_id=f"o{n}") for n in range(8)]

    made = decisions(apply_all(engine, [*events, SurveyAnswer("s", "a", at(52), Survey.NPS, 1), purchase("b", 70)]))

    ours = [each for each in made if each.customer_id == "a"]
    assert [(each.kind, each.outcome) for each in ours] == [(Kind.SERVICE_RECOVERY, Outcome.RELEASED)]
    evidence = ours[0].evidence
    assert (evidence.usual_gap_days, evidence.tail_probability) == (0.0, 1.0)
    assert (evidence.churn_risk, evidence.value_at_risk_minor, evidence.favourite_items) == (None, None, ())
    assert evidence.latest_nps == 1


def test_occasions_that_wait_or_are_out_end_with_the_objection() -> None:
    engine = make_engine(replace(EVERY_KIND, control_share=0.0))
    events: list[Event] = [Purchase(f"p{n}", "a", at(1 + 7 * n), 1000, order_id=f"o{n}") for n in range(4)]
    out = [
        each
        for each in decisions(apply_all(engine, [*events, purchase("b", 23)]))
        if each.outcome is Outcome.RELEASED and each.customer_id == "a"
    ]
    ended = decisions(apply_all(engine, [word("a", 23.1, profiling=False), purchase("b", 90)]))

    open_then = {each.decision_id for each in out if each.expires_us > at(23.1)}
    ours = [each for each in ended if each.customer_id == "a"]
    assert open_then
    assert {each.decision_id for each in ours if each.outcome is Outcome.CANCELLED} == open_then
    assert {each.reason for each in ours} == {Reason.NO_PROFILING}


def test_what_their_messages_bring_is_not_followed_any_more() -> None:
    engine = make_engine(replace(LADDER, control_share=0.5))
    apply_all(engine, [*weekly("a", 8), purchase("clock", 80)])
    assert engine.customers["a"].followed is not None

    apply_all(engine, [word("a", 81, profiling=False)])

    assert engine.customers["a"].followed is None


# ---- what goes on


def test_period_numbers_count_who_objects_like_anybody_else() -> None:
    plain, objecting = make_engine(LADDER), make_engine(LADDER)
    log = [event for event in shop_log(5, everything=True) if not isinstance(event, Erasure)]
    apply_all(plain, log)
    apply_all(objecting, [word("c0", -1, profiling=False), word("c1", -1, profiling=False), *log])

    days = list(plain.ledger.days())
    assert days
    assert {day: objecting.ledger.record(day) for day in objecting.ledger.days()} == {
        day: plain.ledger.record(day) for day in days
    }
    assert objecting.customers["c0"].visits == plain.customers["c0"].visits


def test_a_word_that_takes_it_back_takes_scores_and_alerts_up_again() -> None:
    never, back = make_engine(LADDER), make_engine(LADDER)
    apply_all(never, weekly("a", 8))
    apply_all(back, weekly("a", 8))
    apply_all(back, [word("a", 50, profiling=False)])
    again = apply_all(back, [word("a", 51, profiling=True)])

    assert [type(output) for output in of(again, "a")] == [Scores]
    expected, found = (decisions(apply_all(engine, [purchase("clock", 200)])) for engine in (never, back))
    assert [each.outcome for each in expected] == [Outcome.RELEASED] * 2
    assert found == expected


def test_taken_back_in_a_silence_that_had_steps_the_next_one_follows() -> None:
    engine = make_engine(replace(LADDER, control_share=0.0, attribution_days=5.0))
    first = decisions(apply_all(engine, [*weekly("a", 8), purchase("clock", 75)]))
    apply_all(engine, [word("a", 75.5, profiling=False), purchase("clock", 80)])
    later = decisions(apply_all(engine, [word("a", 81, profiling=True), purchase("clock", 400)]))

    assert told(first) == [("remind", "released", "due")]
    assert [each.rung for each in later if each.customer_id == "a"][:1] == ["incentive"]
    assert all(each.detected_us > at(81) for each in later if each.customer_id == "a")


# ---- two ids


@pytest.mark.parametrize("which", ["a", "b"])
def test_an_objection_under_either_id_is_one_of_the_customer(which: str) -> None:
    engine = make_engine(LADDER)
    apply_all(engine, [*weekly("a", 8), *weekly("b", 6, 2.5), word(which, 60, profiling=False)])
    merged = apply_all(engine, [Merge("m", "a", at(61), "b")])
    later = apply_all(engine, [purchase("clock", 400)])

    assert engine.customers["b"].objects
    assert [output for output in merged if isinstance(output, Scores)] == []
    assert ScoresErased("a") in merged
    assert (ScoresErased("b") in merged) is (which == "a")  # else it was said before
    assert of(later, "b") == []


def test_a_newer_word_under_the_other_id_takes_it_back() -> None:
    engine = make_engine(LADDER)
    apply_all(
        engine, [*weekly("a", 8), word("a", 60, profiling=False), purchase("b", 60.5), word("b", 61, profiling=True)]
    )

    merged = apply_all(engine, [Merge("m", "a", at(62), "b")])
    later = decisions(apply_all(engine, [purchase("clock", 400)]))

    assert [type(output) for output in of(merged, "b")] == [Scores]
    assert [each.rung for each in later if each.customer_id == "b"] == ["remind", "incentive"]


def test_what_waits_under_an_id_that_becomes_one_of_who_objects_does_not_go_out() -> None:
    quiet = replace(LADDER, quiet=HOLIDAYS)
    engine = make_engine(quiet)
    apply_all(engine, [*weekly("a", 8), word("b", 1, profiling=False), purchase("clock", 80)])
    made = decisions(apply_all(engine, [Merge("m", "a", at(81), "b"), purchase("clock", 300)]))

    ours = [each for each in made if each.customer_id in {"a", "b"}]
    assert {each.outcome for each in ours} <= {Outcome.SUPPRESSED, Outcome.CANCELLED}
    assert engine.customers["b"].episode.detected_us == 0


# ---- replay


def with_words(events: list[Event], random: Random) -> list[Event]:
    """Now and then somebody objects, or takes it back, also late."""
    said: list[Event] = []
    for number, event in enumerate(events):
        said.append(copy(event))
        if random.random() < 0.06:
            at_us = event.at_us - random.choice([0, 0, 9 * DAY_US])
            profiling = random.choice([True, False, False])
            said.append(Profile(f"word{number}", event.customer_id, at_us, profiling=profiling))
    return said


@pytest.mark.parametrize("policy", [LADDER, EVERY_KIND], ids=["ladder", "every kind"])
@pytest.mark.parametrize("seed", range(6))
def test_turns_and_restarts_leave_no_trace_and_nothing_is_told_of_who_objects(
    seed: int, policy: OutreachPolicy
) -> None:
    random = Random(seed)
    timing = (EVENT_TIME, UNDISTURBED)[seed % 2]
    events = with_words(shop_log(seed, disorder=0.2, everything=True), random)
    once, engine, changelog = make_engine(policy, timing), make_engine(policy, timing), Changelog()
    expected = list[Output]()
    for event in events:
        objected = {name for name, customer in once.customers.items() if customer.objects}
        once.apply(event)
        made = once._outputs[len(expected) :]
        expected += made
        still = {name for name in objected if name in once.customers and once.customers[name].objects}
        kinds = {each.kind for each in decisions(made) if each.customer_id in still}
        assert kinds <= {Kind.SERVICE_RECOVERY}

    outputs = list[Output]()
    for event in events:
        engine.apply(event)
        if random.random() < 0.1:
            outputs += changelog.take(engine.drain())
            if random.random() < 0.5:
                engine = changelog.revive(engine)
    outputs += changelog.take(engine.drain())

    published = once.drain().outputs
    assert [each for each in outputs if isinstance(each, Decision)] == decisions(published)
    newest = {each.customer_id: each for each in outputs if isinstance(each, Scores | ScoresErased)}
    assert newest == {each.customer_id: each for each in published if isinstance(each, Scores | ScoresErased)}
    objecting = {name for name, customer in once.customers.items() if customer.objects}
    assert objecting
    assert not any(isinstance(newest.get(name), Scores) for name in objecting)
    assert whole_state(engine) == whole_state(once)
    assert whole_state(changelog.revive(engine)) == whole_state(once)


def test_without_records_the_same_is_decided() -> None:
    """A backtest's engine follows no bands, and decides alike."""
    events = with_words(shop_log(11, everything=True), Random(11))
    full = make_engine(EVERY_KIND)
    bare = Engine(full.policy, full.calendar, b"salt", keeps_records=False)

    expected = decisions(apply_all(full, events))
    for event in events:
        bare.apply(event)

    assert decisions(bare.take_outputs()) == expected
    assert {name for name, customer in bare.customers.items() if customer.objects} == {
        name for name, customer in full.customers.items() if customer.objects
    }


# ---- worker and delivery


def worker(*said: dict[str, Any]) -> PartitionJob:
    """A job that has taken in these records of `customers`."""
    job = PartitionJob(Settings(time={"clock": "event"}), 0)
    put(job, "customers", said)
    return job


def put(job: PartitionJob, topic: str, said: tuple[dict[str, Any], ...]) -> dict[str, list[tuple[Any, Any]]]:
    """Applies the records, all of ann's; returns what the turn writes, by topic."""
    source, first = job.sources.index(topic), job.positions[topic]
    records = [
        ConsumerRecord(topic, 0, first + n, 1_740_830_400_000, 0, b"ann", json.dumps(one).encode(), None, 3, 1, ())
        for n, one in enumerate(said)
    ]
    job.inbox.put(source, records)
    taken = job.inbox.take(lambda _: True, 1_000)
    job.apply(taken)
    turn = job.drain(len(taken))
    assert turn is not None
    return {to.topic: list(written) for to, written in turn.records.items()}


def test_the_workers_records_are_a_tombstone_and_a_state_that_remembers() -> None:
    job = PartitionJob(Settings(time={"clock": "event"}), 0)
    bought = [
        {"event_id": f"p{n}", "customer_id": "ann", "occurred_at": f"2025-01-{1 + 2 * n:02}T10:00:00Z", "amount": 9.5}
        for n in range(6)
    ]
    scored = put(job, "purchases", tuple(bought))["customer-scores"]
    said = {"event_id": "w", "customer_id": "ann", "occurred_at": "2025-01-20T10:00:00Z", "profiling": False}
    written = put(job, "customers", (said,))
    later = put(job, "purchases", ({**bought[0], "event_id": "p9", "occurred_at": "2025-01-25T10:00:00Z"},))

    assert scored[-1][1] is not None
    assert written["customer-scores"] == [(b"ann", None)]
    assert "customer-scores" not in later
    assert "churn-alert-ledger" in later or any("ledger" in topic for topic in later)


def test_an_order_on_its_way_is_stopped_at_the_last_moment_but_for_the_answer_to_a_complaint() -> None:
    world = World(3)
    world.outreach = [requested("r1", "a"), requested("r2", "a", kind="service_recovery"), requested("r3", "b")]
    objecting = Standings()
    objecting.take(word("a", 2, profiling=False))
    asyncio.run(Life(world, None, standings=objecting).live(10))

    assert sorted(world.sink) == [("r2", "a"), ("r3", "b")]
    refused = world.memory().get("r1")
    assert refused is not None
    assert (refused.state, refused.reason) == (State.CANCELLED, "no_profiling")

    standings = Standings()
    standings.take(word("a", 2, profiling=False))
    assert standings.why_not("a", at(1), None, profiled=True) == "no_profiling"
    assert standings.why_not("a", at(1), None) is None
    standings.take(word("a", 3, profiling=True))
    assert standings.why_not("a", at(1), None, profiled=True) is None
