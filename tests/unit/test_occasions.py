"""Kinds of message that follow an occasion: what brings them, when they come, what makes them void, and their ids."""

from __future__ import annotations

from dataclasses import replace
from datetime import time
from itertools import pairwise

import pytest

from service.domain.calendar import DAY_US, HOUR_US, utc_text
from service.domain.engine import Engine
from service.domain.events import Erasure, Event, Merge, Profile, Purchase, Resolved, Survey, SurveyAnswer
from service.domain.findings import Decision, Kind, Outcome, Reason
from service.domain.occasion_policy import (
    DelightPolicy,
    FeedbackPolicy,
    FollowUpPolicy,
    MilestonePolicy,
    OccasionPolicies,
    RecoveryPolicy,
)
from service.domain.policy import ClockMode, FrequencyCap, OutreachPolicy, QuietTimes, Timing
from service.domain.written_to import with_return
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
    weekly,
)


def shop_with(timing: Timing = UNDISTURBED, outreach: OutreachPolicy = OPEN_HOUSE, **kinds: object) -> Engine:
    """Only these kinds are on beside the ladder, with these policies; how often anybody is written to does not
    matter."""
    return make_engine(replace(outreach, frequency_caps=(), occasions=OccasionPolicies(**kinds)), timing)  # type: ignore[arg-type]


def told(engine: Engine, events: list[Event], until: float = 0.0) -> list[Decision]:
    """What was decided on occasions, once time has reached that day (a stranger's purchase moves it)."""
    moved = [*events, purchase("somebody else", until)] if until else events
    return [d for d in decisions(apply_all(engine, moved)) if d.customer_id != "somebody else" and d.evidence.about]


def kinds_of(made: list[Decision]) -> list[tuple[str, str, str, str]]:
    return [(d.kind.value, d.rung, d.outcome.value, d.evidence.about.mark if d.evidence.about else "") for d in made]


def order(customer: str, days: float, order_id: str, *, refund: bool = False) -> Purchase:
    return Purchase(f"{order_id}{refund}", customer, at(days), 1000, refund, order_id)


def answer(customer: str, days: float, score: int, survey: Survey = Survey.NPS, order_id: str | None = None) -> Event:
    return SurveyAnswer(f"{customer}@{days}", customer, at(days), survey, score, order_id)


# ---- milestone


def test_every_nth_visit_is_a_milestone_told_two_hours_later() -> None:
    made = told(shop_with(milestone=MilestonePolicy(every=3)), weekly("a", 7), until=60)

    assert kinds_of(made) == [
        ("milestone", "reached", "released", "3"),
        ("milestone", "reached", "released", "6"),
    ]
    assert made[0].detected_us == at(14.5) + 2 * HOUR_US
    assert (made[0].template, made[0].episode_id) == ("milestone.reached", "2020-09-09")
    assert len({d.decision_id for d in made}) == 2


def test_a_late_purchase_shifts_no_milestone_that_was_told() -> None:
    engine = shop_with(milestone=MilestonePolicy(every=3))
    first = told(engine, weekly("a", 3), until=16)

    later = told(engine, [purchase("a", 3.5), *weekly("a", 2, first_day=21.5)], until=60)

    assert [mark for *_, mark in kinds_of(first)] == ["3"]
    assert [mark for *_, mark in kinds_of(later)] == ["6"]


def test_a_late_purchase_that_completes_the_card_is_a_milestone_of_the_last_visit() -> None:
    engine = shop_with(milestone=MilestonePolicy(every=3))
    told(engine, weekly("a", 2), until=8)

    made = told(engine, [purchase("a", 3.5)], until=9)

    assert [outcome for _, _, outcome, _ in kinds_of(made)] == ["deferred", "released"]  # late: it waits for a slot
    assert made[0].detected_us == at(7.5) + 2 * HOUR_US
    assert made[0].decided_us > at(8)


def test_a_further_visit_leaves_a_milestone_as_it_is_and_a_second_may_wait_beside_it() -> None:
    engine = shop_with(milestone=MilestonePolicy(every=2, after_hours=48))

    made = told(engine, [purchase("a", day + 0.5) for day in range(5)], until=30)

    assert [mark for *_, mark in kinds_of(made)] == ["2", "4"]


# ---- follow-up


def test_the_first_purchase_is_thanked_for_once() -> None:
    made = told(shop_with(follow_up=FollowUpPolicy()), weekly("a", 4), until=60)

    assert kinds_of(made) == [("follow_up", "first", "released", "2020-08-26")]
    assert made[0].detected_us == at(1.5)
    assert made[0].expires_us == made[0].decided_us + 4 * DAY_US


def test_later_purchases_are_thanked_for_at_most_so_often() -> None:
    engine = shop_with(follow_up=FollowUpPolicy(only_first=False, days_between=20.0))

    made = told(engine, weekly("a", 8), until=60)

    assert [d.rung for d in made] == ["first", "again", "again"]
    assert all(b.decided_us - a.decided_us >= 20 * DAY_US for a, b in pairwise(made))


def test_an_order_given_back_is_not_thanked_for() -> None:
    engine = shop_with(follow_up=FollowUpPolicy())

    assert told(engine, [order("a", 0.5, "o1"), order("a", 0.6, "o1", refund=True)], until=10) == []
    assert engine.customers["a"].occasions is None


def test_money_given_back_before_the_order_is_known_is_the_same() -> None:
    engine = shop_with(follow_up=FollowUpPolicy())

    assert told(engine, [order("a", 0.6, "o1", refund=True), order("a", 0.5, "o1")], until=10) == []


def test_an_order_given_back_after_the_thank_you_stops_it() -> None:
    engine = shop_with(follow_up=FollowUpPolicy())
    sent = told(engine, [order("a", 0.5, "o1")], until=2)

    stopped = told(engine, [order("a", 2.5, "o1", refund=True)])

    assert [(d.outcome, d.reason) for d in stopped] == [(Outcome.CANCELLED, Reason.REFUNDED)]
    assert stopped[0].decision_id == sent[0].decision_id


def test_nothing_given_back_leaves_it() -> None:
    """What a door writes of an order that was cancelled, it may be, and is paid all the same."""
    engine = shop_with(follow_up=FollowUpPolicy())
    nothing = Purchase("back", "a", at(0.6), 0, refund=True, order_id="o1")

    made = told(engine, [order("a", 0.5, "o1"), nothing], until=10)

    assert [d.outcome for d in made] == [Outcome.RELEASED]


def test_another_order_given_back_leaves_it() -> None:
    engine = shop_with(follow_up=FollowUpPolicy())

    made = told(engine, [order("a", 0.5, "o1"), order("a", 0.6, "o2"), order("a", 0.7, "o2", refund=True)], until=10)

    assert [d.outcome for d in made] == [Outcome.RELEASED]


def test_a_visit_that_is_a_milestone_is_not_thanked_for_as_well() -> None:
    engine = shop_with(milestone=MilestonePolicy(every=2), follow_up=FollowUpPolicy(only_first=False, days_between=0.0))

    made = told(engine, weekly("a", 3), until=60)

    assert [(d.kind.value, d.rung) for d in made] == [
        ("follow_up", "first"),
        ("milestone", "reached"),
        ("follow_up", "again"),
    ]


def test_of_a_history_that_is_read_in_nothing_old_is_thanked_for() -> None:
    wall = Timing(clock=ClockMode.WALL)
    engine = shop_with(wall, follow_up=FollowUpPolicy(), milestone=MilestonePolicy(every=2))
    for event in weekly("a", 4):
        engine.apply(event, at(4000))
    engine.advance(at(4000), at(4000))

    made = [d for d in decisions(engine.drain().outputs) if d.evidence.about]

    assert [(d.kind.value, d.outcome, d.reason) for d in made] == [
        (kind, Outcome.SUPPRESSED, Reason.STALE) for kind in ("follow_up", "milestone", "milestone")
    ]
    assert engine.customers["a"].occasions is None


def test_what_comes_late_after_an_outage_waits_for_a_slot() -> None:
    engine = shop_with(Timing(clock=ClockMode.WALL), follow_up=FollowUpPolicy())
    engine.apply(purchase("a", 0.5), at(1))
    engine.advance(at(2.5), at(2.5))
    engine.advance(at(3), at(3))

    made = decisions(engine.drain().outputs)

    assert [(d.outcome, d.reason) for d in made] == [
        (Outcome.DEFERRED, Reason.RELEASE_RATE),
        (Outcome.RELEASED, Reason.DUE),
    ]
    assert len({d.decision_id for d in made}) == 1


# ---- gates and rates that all have


def test_consent_and_the_control_group_hold_for_occasions_too() -> None:
    thanks = FollowUpPolicy()
    asked = shop_with(outreach=OutreachPolicy(), follow_up=thanks)
    control = shop_with(outreach=replace(OPEN_HOUSE, control_share=0.999999), follow_up=thanks)
    refused: list[Event] = [purchase("a", 0.5), Profile("p", "a", at(0.6), marketing_consent=False)]

    assert [(d.outcome, d.reason) for d in told(asked, weekly("a", 1), until=9)] == [
        (Outcome.SUPPRESSED, Reason.CONSENT_UNKNOWN)
    ]
    assert [d.reason for d in told(shop_with(follow_up=thanks), refused, until=9)] == [Reason.NO_CONSENT]
    assert [(d.outcome, d.reason) for d in told(control, weekly("a", 1), until=9)] == [
        (Outcome.WITHHELD, Reason.CONTROL)
    ]


def test_what_is_beyond_the_rate_of_the_day_waits_for_the_next_ones() -> None:
    engine = shop_with(follow_up=FollowUpPolicy(at_most_per_day=2))
    crowd: list[Event] = [purchase(f"c{n}", 0.5 + n / 1000) for n in range(5)]

    made = told(engine, crowd, until=30)

    sent = [(d.decided_us - at(0)) // DAY_US for d in made if d.outcome is Outcome.RELEASED]
    assert sent == [1, 1, 2, 2, 3]
    assert {d.reason for d in made if d.outcome is Outcome.DEFERRED} == {Reason.KIND_LIMIT}


def test_what_waits_longer_than_it_is_good_for_expires() -> None:
    engine = shop_with(follow_up=FollowUpPolicy(at_most_per_week=1, expires_after_days=3))

    made = told(engine, [purchase(f"c{n}", 0.5 + n / 1000) for n in range(2)], until=30)

    assert [d.outcome for d in made] == [Outcome.RELEASED, Outcome.DEFERRED, Outcome.EXPIRED]


def test_a_shop_limit_of_less_than_one_a_day_is_one_every_so_many_days() -> None:
    engine = shop_with(follow_up=FollowUpPolicy(at_most_per_day=0.5, expires_after_days=30))

    made = told(engine, [purchase(f"c{n}", 0.5 + n / 1000) for n in range(3)], until=30)

    assert [(d.decided_us - at(0)) // DAY_US for d in made if d.outcome is Outcome.RELEASED] == [1, 3, 5]


# ---- erasure, merges, restarts


def test_an_erasure_drops_what_waits_and_stops_what_is_on_its_way() -> None:
    engine = shop_with(follow_up=FollowUpPolicy(), milestone=MilestonePolicy(every=2, after_hours=72))
    told(engine, [purchase("a", 0.5), purchase("a", 1.6)], until=2)

    ended = told(engine, [Erasure("x", "a", at(2.5))], until=30)

    assert [(d.kind, d.outcome, d.reason) for d in ended] == [(Kind.FOLLOW_UP, Outcome.CANCELLED, Reason.ERASED)]


def test_a_milestone_that_two_ids_reach_by_a_merge_is_told_once() -> None:
    engine = shop_with(milestone=MilestonePolicy(every=10))
    visits: list[Event] = [*weekly("old", 6), *weekly("new", 6, first_day=3.5)]

    made = told(engine, [*visits, Merge("m", "old", at(39), "new")], until=50)

    assert [(d.customer_id, *each) for d, each in zip(made, kinds_of(made), strict=True)] == [
        ("new", "milestone", "reached", "released", "10")
    ]


def test_of_two_ids_with_a_thank_you_each_for_the_same_day_one_goes_out() -> None:
    engine = shop_with(follow_up=FollowUpPolicy())

    made = told(engine, [purchase("old", 0.5), purchase("new", 0.6), Merge("m", "old", at(0.7), "new")], until=9)

    assert [(d.customer_id, d.outcome) for d in made] == [("new", Outcome.RELEASED)]


def test_what_went_out_under_the_id_that_is_gone_is_stopped_under_it_and_not_said_again() -> None:
    engine = shop_with(follow_up=FollowUpPolicy())
    sent = told(engine, [order("old", 0.5, "o1"), order("new", 0.9, "o2")], until=1.7)

    ended = told(engine, [Merge("m", "old", at(1.75), "new"), order("new", 1.8, "o1", refund=True)], until=9)

    assert [d.customer_id for d in sent] == ["old"]
    assert [(d.customer_id, d.outcome) for d in ended] == [("old", Outcome.CANCELLED)]
    assert ended[0].decision_id == sent[0].decision_id


def test_an_occasion_lives_in_the_snapshot_and_nobody_else_has_anything_of_it() -> None:
    engine, changelog = shop_with(milestone=MilestonePolicy(every=2, after_hours=24 * 5)), Changelog()
    engine.apply(purchase("b", 0.5))
    engine.apply(purchase("a", 1.5))
    engine.apply(purchase("a", 2.5))
    changelog.take(engine.drain())

    revived = changelog.revive(engine)

    assert revived.customers["b"].occasions is None
    made = told(revived, [], until=30)
    assert [mark for *_, mark in kinds_of(made)] == ["2"]


def test_a_kind_that_is_switched_off_meanwhile_says_nothing_more() -> None:
    engine, changelog = shop_with(milestone=MilestonePolicy(every=2, after_hours=24 * 5)), Changelog()
    for day in (1.5, 2.5):
        engine.apply(purchase("a", day))
    changelog.take(engine.drain())

    off = changelog.revive(shop_with())

    assert told(off, [], until=30) == []
    assert off.customers["a"].occasions is None


@pytest.mark.parametrize("timing", [EVENT_TIME, UNDISTURBED])
def test_where_every_kind_is_off_nobody_has_an_occasion(timing: Timing) -> None:
    engine = make_engine(OPEN_HOUSE, timing)

    apply_all(engine, [*weekly("a", 30), answer("a", 210, 0)])

    assert engine.customers["a"].occasions is None


# ---- feedback request


def test_the_question_names_the_survey_and_the_order() -> None:
    engine = shop_with(feedback_request=FeedbackPolicy(survey="csat"))

    made = told(engine, [order("a", 0.5, "o1")], until=9)

    about = made[0].evidence.about
    assert about is not None
    assert (about.survey, about.order_id, about.mark) == (Survey.CSAT, "o1", "o1")
    assert made[0].detected_us == at(2.5)


def test_nobody_is_asked_twice_within_the_time_between_nor_soon_after_an_answer() -> None:
    engine = shop_with(feedback_request=FeedbackPolicy(days_between=30.0))

    made = told(engine, [*weekly("a", 12), answer("b", 1, 9), purchase("b", 2)], until=120)

    assert [d.customer_id for d in made] == ["a", "a", "a"]
    assert all(b.decided_us - a.decided_us >= 30 * DAY_US for a, b in pairwise(made))


def test_an_answer_before_the_question_makes_it_void_and_one_to_another_survey_does_not() -> None:
    policy = FeedbackPolicy(survey="csat")

    assert told(shop_with(feedback_request=policy), [purchase("a", 0.5), answer("a", 1, 5, Survey.CSAT)], until=9) == []
    assert len(told(shop_with(feedback_request=policy), [purchase("a", 0.5), answer("a", 1, 9)], until=9)) == 1


def test_at_a_regular_interval_only_those_are_asked_who_still_come() -> None:
    engine = shop_with(feedback_request=FeedbackPolicy(every_days=20.0, days_between=0.0))

    made = told(engine, weekly("a", 6), until=300)

    about = [d.evidence.about for d in made]
    assert [(d.detected_us - at(0)) / DAY_US for d in made] == [20.5, 41.5]
    assert [each.order_id for each in about if each] == [None, None]


# ---- delight


def crowd(size: int = 150, visits: int = 8) -> list[Event]:
    events: list[Event] = [
        purchase(f"c{n}", 7 * week + 0.1 + n / size / 2) for week in range(visits) for n in range(size)
    ]
    return sorted(events, key=lambda event: event.at_us)


def test_a_share_of_the_loyal_is_delighted_the_same_on_replay_and_others_under_another_key() -> None:
    policy = DelightPolicy(share=0.2, min_visits=3, at_most_per_week=None)
    events = crowd()
    made, again = (told(shop_with(delight=policy), events, until=100) for _ in range(2))
    keyed = shop_with(delight=policy)
    other = Engine(keyed.policy, keyed.calendar, b"another secret")

    differently = told(other, events, until=100)

    picked = {(d.customer_id, d.evidence.about.mark) for d in made if d.evidence.about}
    assert 120 <= len(picked) == len(made) <= 240  # of 6 weeks of 150 who are loyal: 180, by five standard deviations
    assert [d.decision_id for d in again] == [d.decision_id for d in made]
    elsewhere = {(d.customer_id, d.evidence.about.mark) for d in differently if d.evidence.about}
    assert len(picked & elsewhere) < 70  # by chance a fifth
    assert min(d.evidence.visits for d in made) >= 3
    hours = sorted((d.detected_us - d.quiet_since_us) / HOUR_US for d in made)
    assert 0 <= hours[0] < 5
    assert 55 < hours[-1] <= 60


def test_beyond_the_week_s_number_nobody_is_delighted_later() -> None:
    policy = DelightPolicy(share=0.2, min_visits=3, at_most_per_week=3)

    made = told(shop_with(delight=policy), crowd(), until=100)

    weeks = [d.evidence.about.mark for d in made if d.evidence.about and d.outcome is Outcome.RELEASED]
    assert max(weeks.count(week) for week in weeks) <= 6  # drawn in one week, some are told in the next
    assert {d.reason for d in made if d.outcome is Outcome.SUPPRESSED} == {Reason.KIND_LIMIT}
    assert not [d for d in made if d.outcome is Outcome.DEFERRED]


def test_who_comes_more_than_once_in_a_week_draws_once() -> None:
    policy = DelightPolicy(share=1.0, min_visits=1, at_most_per_week=None, within_hours=1.0)

    made = told(shop_with(delight=policy), [purchase("a", day + 0.5) for day in range(12)], until=30)

    assert [mark for *_, mark in kinds_of(made)] == ["2020-W35", "2020-W36"]


# ---- service recovery


@pytest.mark.parametrize(
    ("survey", "score", "apologised"),
    [
        (Survey.NPS, 6, True), (Survey.NPS, 7, False), (Survey.CSAT, 2, True), (Survey.CSAT, 3, False),
        (Survey.CES, 2, True), (Survey.CES, 3, False),
    ],
)  # fmt: skip
def test_an_answer_at_its_threshold_is_apologised_for(survey: Survey, score: int, apologised: bool) -> None:
    engine = shop_with(service_recovery=RecoveryPolicy(person="Anna", write_to="anna@shop.example"))

    made = told(engine, [purchase("a", 0.5), answer("a", 1, score, survey, "o1")], until=9)

    assert [(d.kind, d.rung) for d in made] == ([(Kind.SERVICE_RECOVERY, "apology")] if apologised else [])
    for about in [d.evidence.about for d in made]:
        assert about is not None
        assert (about.survey, about.score, about.order_id, about.write_to) == (survey, score, "o1", "anna@shop.example")


def test_a_further_low_answer_is_the_same_case_until_it_is_old() -> None:
    engine = shop_with(service_recovery=RecoveryPolicy(case_days=20))

    made = told(engine, [answer("a", day, 1) for day in (1, 5, 30)], until=60)

    assert [d.evidence.about.at_us for d in made if d.evidence.about] == [at(1), at(30)]


def test_who_thinks_better_of_it_before_the_apology_gets_none() -> None:
    engine = shop_with(service_recovery=RecoveryPolicy(after_hours=12))

    assert told(engine, [answer("a", 1, 1), answer("a", 1.1, 10)], until=9) == []


def test_who_has_never_bought_is_apologised_to_with_numbers_that_mean_something() -> None:
    made = told(shop_with(service_recovery=RecoveryPolicy()), [answer("a", 1, 0)], until=9)

    (found,) = made
    assert (found.quiet_since_us, found.evidence.visits, found.evidence.churn_risk) == (at(1), 0, None)
    assert found.evidence.customer_since_us == at(1)
    assert found.evidence.gap_days == pytest.approx(1 / 24)
    assert 0 <= found.evidence.tail_probability <= 1


def test_when_the_shop_closes_the_case_the_customer_hears_what_was_done() -> None:
    engine = shop_with(service_recovery=RecoveryPolicy())
    apology = told(engine, [purchase("a", 0.5), answer("a", 1, 1, order_id="o1")], until=2)

    done = told(engine, [Resolved("r", "a", at(3), note="A new grinder.")], until=9)

    assert [d.rung for d in apology + done] == ["apology", "resolved"]
    about = done[0].evidence.about
    assert about is not None
    assert (about.note, about.survey, about.score, about.order_id) == ("A new grinder.", Survey.NPS, 1, "o1")
    assert about.mark == f"nps@{utc_text(at(1))}"
    assert (done[0].detected_us, done[0].template) == (at(3), "service_recovery.resolved")


def test_a_case_is_closed_once_and_a_low_answer_after_it_is_another() -> None:
    engine = shop_with(service_recovery=RecoveryPolicy())

    made = told(
        engine,
        [answer("a", 1, 1), Resolved("r1", "a", at(3)), Resolved("r1", "a", at(3)), Resolved("r2", "a", at(4)),
         answer("a", 5, 2)],
        until=9,
    )  # fmt: skip

    assert [d.rung for d in made] == ["apology", "resolved", "apology"]


def test_what_is_dealt_with_before_the_apology_is_told_instead_of_it() -> None:
    engine = shop_with(service_recovery=RecoveryPolicy(after_hours=24))

    made = told(engine, [answer("a", 1, 1), Resolved("r", "a", at(1.2))], until=9)

    assert [d.rung for d in made] == ["resolved"]


@pytest.mark.parametrize(
    "word",
    [
        Resolved("r", "b", at(3)),
        Resolved("r", "a", at(3), survey=Survey.CES),
        Resolved("r", "a", at(3), order_id="another"),
    ],
)
def test_a_word_about_another_customer_survey_or_order_closes_nothing(word: Resolved) -> None:
    engine = shop_with(service_recovery=RecoveryPolicy())

    made = told(engine, [answer("a", 1, 1, order_id="o1"), answer("b", 1, 9), word], until=9)

    assert [d.rung for d in made] == ["apology"]


def test_a_case_that_was_opened_before_the_kind_was_switched_on_can_be_closed() -> None:
    engine, changelog = make_engine(), Changelog()
    engine.apply(answer("a", 1, 1))
    changelog.take(engine.drain())
    on = changelog.revive(shop_with(service_recovery=RecoveryPolicy()))

    made = told(on, [Resolved("r", "a", at(3))], until=9)

    assert [d.rung for d in made] == ["resolved"]


# ---- caps, and offers that have to be worth it

ONE_IN_TWO_WEEKS = replace(OPEN_HOUSE, frequency_caps=(FrequencyCap(1, 14),))


def capped_shop(outreach: OutreachPolicy = ONE_IN_TWO_WEEKS, **kinds: object) -> Engine:
    return make_engine(replace(outreach, occasions=OccasionPolicies(**kinds)), UNDISTURBED)  # type: ignore[arg-type]


def kept_in(made: list[Decision]) -> list[tuple[str, str, str, float]]:
    return [(d.kind.value, d.outcome.value, d.reason.value, (d.decided_us - at(0.5)) / DAY_US) for d in made]


def test_an_apology_does_not_wait_for_the_caps_and_counts_for_what_comes_after() -> None:
    engine = capped_shop(
        follow_up=FollowUpPolicy(), service_recovery=RecoveryPolicy(), milestone=MilestonePolicy(every=3)
    )

    made = told(engine, [purchase("a", 0.5), answer("a", 2.5, 1), purchase("a", 7.5), purchase("a", 15.5)], until=30)

    assert kept_in(made) == [
        ("follow_up", "released", "due", 1.0),
        ("service_recovery", "released", "due", 2.0 + 1 / 24),
        ("milestone", "deferred", "frequency_cap", 15.0 + 2 / 24),  # 14 days after the thank-you, 13 after the apology
        ("milestone", "released", "due", 16.0 + 1 / 24),
    ]


def test_an_apology_does_not_wait_for_the_pause_after_a_visit_that_a_message_brought() -> None:
    pausing = replace(OPEN_HOUSE, cool_down_days=30.0)
    engine = capped_shop(pausing, service_recovery=RecoveryPolicy(), milestone=MilestonePolicy(every=2))
    told(engine, [purchase("a", 0.5)])
    engine.customers["a"].written_to = with_return(b"", at(0.5))

    made = told(engine, [answer("a", 1.5, 1), purchase("a", 2.5)], until=4)

    assert [(d.kind, d.outcome, d.reason) for d in made] == [
        (Kind.SERVICE_RECOVERY, Outcome.RELEASED, Reason.DUE),
        (Kind.MILESTONE, Outcome.DEFERRED, Reason.COOL_DOWN),
    ]


def test_an_apology_keeps_the_quiet_hours_and_asks_for_consent() -> None:
    quiet = replace(ONE_IN_TWO_WEEKS, quiet=QuietTimes(time(10), time(18)))
    engine = capped_shop(quiet, service_recovery=RecoveryPolicy())
    no = Profile("p", "b", at(0.2), marketing_consent=False)

    made = told(engine, [no, answer("a", 0.5, 1), answer("b", 0.5, 1)], until=3)

    assert [(d.customer_id, d.outcome, d.reason) for d in made] == [
        ("a", Outcome.DEFERRED, Reason.QUIET_HOURS),
        ("b", Outcome.SUPPRESSED, Reason.NO_CONSENT),
        ("a", Outcome.RELEASED, Reason.DUE),
    ]
    assert made[-1].decided_us == at(0.75)


def test_a_question_waits_out_the_cap_after_a_thank_you_rather_than_expire() -> None:
    engine = capped_shop(follow_up=FollowUpPolicy(), feedback_request=FeedbackPolicy())

    made = told(engine, [purchase("a", 0.5)], until=40)

    assert kept_in(made) == [
        ("follow_up", "released", "due", 1.0),
        ("feedback_request", "deferred", "frequency_cap", 2.0),
        ("feedback_request", "released", "due", 15.0),
    ]


def test_a_question_that_may_pass_the_caps_comes_on_time_as_often_as_its_own_interval_lets_it() -> None:
    engine = capped_shop(
        follow_up=FollowUpPolicy(only_first=False, days_between=0.0),
        feedback_request=FeedbackPolicy(past_caps=True, days_between=30.0),
    )

    made = told(engine, weekly("a", 8), until=60)

    asked = [d for d in kept_in(made) if d[0] == "feedback_request"]
    assert asked == [
        ("feedback_request", "released", "due", 2.0),
        ("feedback_request", "released", "due", 37.0),
    ]
    thanked = [d for d in made if d.kind is Kind.FOLLOW_UP and d.outcome is Outcome.RELEASED]
    assert all(b.decided_us - a.decided_us >= 14 * DAY_US for a, b in pairwise(thanked))


OFFERING = {
    "milestone": MilestonePolicy(every=2, offer="COFFEE"),
    "delight": DelightPolicy(share=1.0, min_visits=1, within_hours=1.0, offer="CAKE"),
    "follow_up": FollowUpPolicy(offer="TEN"),
    "feedback_request": FeedbackPolicy(offer="DRAW"),
    "service_recovery": RecoveryPolicy(offer="SORRY"),
}


@pytest.mark.parametrize("name", list(OFFERING))
def test_an_offer_of_any_kind_goes_only_to_those_who_are_worth_it(name: str) -> None:
    for least, offering, reasons in (
        (0, True, {Reason.DUE}),
        (1, True, {Reason.DUE}),
        (10_000_000, True, {Reason.MIN_VALUE}),
        (10_000_000, False, {Reason.DUE}),
    ):
        kind = OFFERING[name] if offering else replace(OFFERING[name], offer="")
        engine = shop_with(outreach=replace(OPEN_HOUSE, min_value_minor=least), **{name: kind})  # type: ignore[arg-type]

        made = told(engine, [*weekly("a", 2), answer("a", 8.5, 1)], until=14)

        assert {d.reason for d in made if d.kind.value == name} == reasons, (least, offering)


def test_of_who_has_only_answered_nothing_is_expected() -> None:
    engine = shop_with(outreach=replace(OPEN_HOUSE, min_value_minor=1), service_recovery=RecoveryPolicy(offer="SORRY"))

    made = told(engine, [answer("a", 0.5, 1)], until=3)

    assert [(d.outcome, d.reason) for d in made] == [(Outcome.SUPPRESSED, Reason.MIN_VALUE)]
