"""What is decided when a rung comes due, with its reason; and what becomes of it afterwards."""

from __future__ import annotations

import heapq
import uuid
from dataclasses import replace
from random import Random
from zoneinfo import ZoneInfo

import pytest

from service.domain.calendar import DAY_US, HOUR_US, SECOND_US, Calendar
from service.domain.customer import Customer
from service.domain.decision_ids import decision_id
from service.domain.engine import Engine
from service.domain.events import Profile
from service.domain.findings import Decision, Kind, Outcome, Reason
from service.domain.outreach.gates import Asked, Verdict
from service.domain.outreach.release import Release
from service.domain.policy import ConsentRule, OutreachPolicy, Rung
from tests.support.customers import customer_with, profile_with
from tests.support.engines import (
    OPEN_HOUSE,
    WALL_TIME,
    apply_all,
    at,
    decisions,
    due_of,
    make_engine,
    purchase,
    weekly,
)
from tests.support.programme import make_programme

ASKED = OutreachPolicy(consent=ConsentRule.REQUIRED)
DUE = at(50)


def with_consent(consent: bool | None) -> Customer:
    return customer_with(visits=5, profile=profile_with(consent=consent))


def decide(policy: OutreachPolicy, customer: Customer, late_us: int = 0, *, deferred: bool = False) -> Verdict:
    programme = make_programme(policy)
    waits_for = Reason.RELEASE_RATE if deferred else None
    asked = Asked(customer, detected_us=DUE, due_us=DUE, now_us=DUE + late_us, waits_for=waits_for)
    return programme.refusal(asked) or programme.sending(asked)


@pytest.mark.parametrize(
    ("policy", "consent", "outcome", "reason"),
    [
        (ASKED, True, Outcome.RELEASED, Reason.DUE),
        (ASKED, None, Outcome.SUPPRESSED, Reason.CONSENT_UNKNOWN),
        (ASKED, False, Outcome.SUPPRESSED, Reason.NO_CONSENT),
        (OPEN_HOUSE, True, Outcome.RELEASED, Reason.DUE),
        (OPEN_HOUSE, None, Outcome.RELEASED, Reason.DUE),
        (OPEN_HOUSE, False, Outcome.SUPPRESSED, Reason.NO_CONSENT),
    ],
)
def test_consent_decides_first(policy: OutreachPolicy, consent: bool | None, outcome: Outcome, reason: Reason) -> None:
    assert decide(policy, with_consent(consent))[:2] == (outcome, reason)


def test_a_customer_of_whom_nothing_is_said_has_not_consented() -> None:
    assert decide(ASKED, customer_with(visits=5))[:2] == (Outcome.SUPPRESSED, Reason.CONSENT_UNKNOWN)


@pytest.mark.parametrize(("days", "reason"), [(6.99, Reason.RELEASE_RATE), (7.01, Reason.STALE), (400, Reason.STALE)])
def test_an_alert_noticed_a_week_late_is_recorded_not_sent(days: float, reason: Reason) -> None:
    assert decide(OPEN_HOUSE, customer_with(visits=5), int(days * DAY_US)).reason is reason


def test_shadow_mode_decides_and_releases_nothing() -> None:
    shadow = OutreachPolicy(consent=ConsentRule.EXTERNAL, shadow=True)

    assert decide(shadow, customer_with(visits=5))[:2] == (Outcome.SUPPRESSED, Reason.SHADOW)


def test_a_few_minutes_late_is_not_overdue() -> None:
    assert decide(OPEN_HOUSE, customer_with(visits=5), 299 * SECOND_US).outcome is Outcome.RELEASED
    assert decide(OPEN_HOUSE, customer_with(visits=5), 301 * SECOND_US).outcome is Outcome.DEFERRED


def test_overdue_alerts_get_slots_spread_by_the_release_rate() -> None:
    programme = make_programme(OutreachPolicy(consent=ConsentRule.EXTERNAL, overdue_per_hour=60))
    now = DUE + DAY_US
    late = Asked(customer_with(visits=5), detected_us=DUE, due_us=DUE, now_us=now, waits_for=None)

    slots = [programme.sending(late).retry_us for _ in range(180)]

    assert slots == [now + (n + 1) * HOUR_US // 60 for n in range(180)]


def test_a_deferred_alert_that_outlives_its_expiry_is_dropped() -> None:
    assert decide(OPEN_HOUSE, customer_with(visits=5), 14 * DAY_US, deferred=True).outcome is Outcome.RELEASED
    assert decide(OPEN_HOUSE, customer_with(visits=5), 14 * DAY_US + 1, deferred=True).outcome is Outcome.EXPIRED


def test_the_time_for_which_one_was_held_is_no_waiting() -> None:
    programme, held_until = make_programme(OPEN_HOUSE), DUE + 40 * DAY_US

    def late(days: float) -> Verdict | None:
        now_us = held_until + int(days * DAY_US)
        return programme.refusal(
            Asked(
                customer_with(visits=5),
                detected_us=DUE,
                due_us=now_us,
                now_us=now_us,
                waits_for=Reason.SURGE,
                waited_until_us=held_until,
            )
        )

    assert late(14) is None
    assert late(14.01) == (Outcome.EXPIRED, Reason.STALE, 0)


def test_a_shop_that_sends_no_consents_is_told_so() -> None:
    release = Release(ASKED, Calendar(ZoneInfo("UTC")))
    for _ in range(20):
        assert not release.lacks_consents
        release.decided(Reason.CONSENT_UNKNOWN)
    assert release.lacks_consents

    for _ in range(4):
        release.decided(Reason.DUE)
    assert not release.lacks_consents


def test_in_no_hour_more_goes_out_than_the_ceiling() -> None:
    programme, random, sent = make_programme(replace(OPEN_HOUSE, at_most_per_hour=50)), Random(1), []
    waiting = [DUE + int(random.expovariate(1 / (20 * SECOND_US))) * 3 for _ in range(400)]

    while waiting:
        now = heapq.heappop(waiting)
        verdict = programme.sending(
            Asked(customer_with(visits=5), detected_us=now, due_us=now, now_us=now, waits_for=None)
        )
        if verdict.outcome is Outcome.RELEASED:
            sent.append(now)
        else:
            assert verdict.reason is Reason.HOURLY_LIMIT
            assert verdict.retry_us > now
            heapq.heappush(waiting, verdict.retry_us)

    assert len(sent) == 400, "all of them, in the end"
    assert max(sum(1 for at in sent if since <= at <= since + HOUR_US) for since in sent) <= 50
    assert sent[-1] - DUE < 12 * HOUR_US, "and not much later than the ceiling makes them"


def test_consent_is_looked_at_again_at_the_slot() -> None:
    assert decide(OPEN_HOUSE, with_consent(consent=False), HOUR_US, deferred=True).reason is Reason.NO_CONSENT


def test_the_same_customer_episode_kind_and_rung_always_have_the_same_id() -> None:
    known = decision_id(Kind.WIN_BACK, "remind", 18_500, "c-1")

    assert known == decision_id(Kind.WIN_BACK, "remind", 18_500, "c-1")
    assert uuid.UUID(known).version == 5
    others = {
        decision_id(Kind.DELIGHT, "remind", 18_500, "c-1"),
        decision_id(Kind.WIN_BACK, "incentive", 18_500, "c-1"),
        decision_id(Kind.WIN_BACK, "remind", 18_501, "c-1"),
        decision_id(Kind.WIN_BACK, "remind", 18_500, "c-2"),
    }
    assert len(others | {known}) == 5


@pytest.mark.parametrize("customer_id", ["c-1", "a" * 128, "Zoë/✓", *map(str, range(50))])
def test_the_id_is_the_uuid_of_version_5_of_its_four_parts(customer_id: str) -> None:
    namespace = uuid.UUID("6f1d2f0a-6c0e-5d55-9b52-0d0a7c2f7f11")

    expected = uuid.uuid5(namespace, f"win_back/remind/2020-08-26/{customer_id}")
    assert decision_id(Kind.WIN_BACK, "remind", 18_500, customer_id) == str(expected)


# ---- in the engine


def outcomes(found: list[Decision]) -> list[tuple[str, Outcome, Reason]]:
    return [(d.customer_id, d.outcome, d.reason) for d in found]


def after_an_outage(customers: int, hours_late: float) -> tuple[Engine, int, list[Decision]]:
    """A worker that wakes up so late: all customers came weekly in step, and are due. (engine, wall, decisions)"""
    engine = make_engine(OPEN_HOUSE, WALL_TIME)
    names = [f"c{n:02}" for n in range(customers)]
    others = [purchase(f"other{n}-{week // 3}", 0.1 + n / 2 + 7 * week) for week in range(30) for n in range(14)]
    others.sort(key=lambda event: event.at_us)  # the shop sells all the time, to people who come three times
    events = [*(event for name in names for event in weekly(name, 6)), *(one for one in others if one.at_us < at(36))]
    events.sort(key=lambda event: event.at_us)
    apply_all(engine, events, at(36))
    due = due_of(engine, names[-1])
    wall = due + int(hours_late * HOUR_US)
    backlog = [one for one in others if at(36) <= one.at_us < wall]
    for event in [*backlog, purchase("pulse", (wall - at(0)) / DAY_US)]:
        engine.apply(event, wall)
    engine.advance(wall, wall)
    return engine, wall, decisions(engine.drain().outputs)


def test_after_an_outage_overdue_alerts_come_late_and_one_after_the_other() -> None:
    engine, wall, found = after_an_outage(5, hours_late=10)
    assert {d.outcome for d in found} == {Outcome.DEFERRED}
    assert {d.reason for d in found} == {Reason.RELEASE_RATE}
    assert len(found) == 5

    released = []
    for minute in range(8):
        now = wall + minute * 60 * SECOND_US + SECOND_US
        engine.advance(now, now)
        released += [(minute, d) for d in decisions(engine.drain().outputs)]

    assert [minute for minute, _ in released] == [1, 2, 3, 4, 5]
    assert {d.outcome for _, d in released} == {Outcome.RELEASED}
    assert [d.decision_id for _, d in released] == [d.decision_id for d in found]
    assert [d.detected_us for _, d in released] == [d.detected_us for d in found]


def test_a_visit_before_the_slot_cancels_silently() -> None:
    engine, wall, found = after_an_outage(1, hours_late=10)
    assert [d.outcome for d in found] == [Outcome.DEFERRED]

    found = decisions(apply_all(engine, [purchase("c00", (wall + SECOND_US - at(0)) / DAY_US)], wall))
    engine.advance(wall + DAY_US, wall + DAY_US)

    assert found == []
    assert decisions(engine.drain().outputs) == []


def test_at_switch_on_the_past_is_recorded_not_sent() -> None:
    _, _, found = after_an_outage(3, hours_late=24 * 30)

    assert outcomes(found) == [(f"c0{n}", Outcome.SUPPRESSED, Reason.STALE) for n in range(3)]


def test_a_backfill_of_old_purchases_alerts_nobody() -> None:
    engine = make_engine(OPEN_HOUSE, WALL_TIME)
    apply_all(engine, [purchase("a", 365.0)], at(365))

    apply_all(engine, weekly("b", 6), at(365))
    engine.advance(at(366), at(366))

    assert outcomes(decisions(engine.drain().outputs)) == [("b", Outcome.SUPPRESSED, Reason.STALE)]


@pytest.mark.parametrize("rungs", [1, 2])
def test_each_rung_fires_once_an_episode_and_a_visit_arms_them_again(rungs: int) -> None:
    ladder = (Rung("remind"), Rung("incentive", strictness=0.3))[:rungs]
    engine = make_engine(OutreachPolicy(consent=ConsentRule.EXTERNAL, level=8.0, rungs=ladder))

    first = apply_all(engine, [*weekly("a", 6), purchase("b", 300.0)])
    second = apply_all(engine, [purchase("a", 301.0), purchase("b", 900.0)])

    for found in (decisions(first), decisions(second)):
        assert [d.rung for d in found if d.outcome is Outcome.RELEASED] == [rung.name for rung in ladder]
    assert len({d.decision_id for d in decisions(first + second)}) == 2 * rungs


def released_then_back(days_after: float) -> list[Decision]:
    """A weekly customer is asked back; so many days after the release they come."""
    engine = make_engine(OPEN_HOUSE)
    apply_all(engine, weekly("a", 6))
    release_day = (due_of(engine, "a") - at(0)) / DAY_US
    (released,) = decisions(apply_all(engine, [purchase("b", release_day + 0.01)]))
    assert released.outcome is Outcome.RELEASED
    found = decisions(apply_all(engine, [purchase("a", release_day + days_after, 4321)]))
    assert {d.decision_id for d in found} <= {released.decision_id}
    return found


def test_a_visit_soon_after_the_release_converts_and_cancels() -> None:
    converted, cancelled = released_then_back(5)

    assert (converted.outcome, converted.reason, converted.revenue_minor) == (Outcome.CONVERTED, Reason.RETURNED, 4321)
    assert (cancelled.outcome, cancelled.reason, cancelled.revenue_minor) == (Outcome.CANCELLED, Reason.RETURNED, None)
    assert converted.returned_us == cancelled.returned_us == converted.decided_us


def test_a_visit_after_the_expiry_converts_but_there_is_nothing_to_cancel() -> None:
    assert [d.outcome for d in released_then_back(20)] == [Outcome.CONVERTED]


def test_a_visit_after_the_attribution_window_is_neither() -> None:
    assert released_then_back(31) == []


def test_a_visit_dated_before_the_release_cancels_but_is_no_conversion() -> None:
    assert [d.outcome for d in released_then_back(-1)] == [Outcome.CANCELLED]


def test_consent_said_on_the_customers_topic_opens_and_closes_the_door() -> None:
    for consent, reason in ((True, Reason.DUE), (False, Reason.NO_CONSENT), (None, Reason.CONSENT_UNKNOWN)):
        engine = make_engine(ASKED)
        profile = Profile("p", "a", at(1), first_name="Ada", marketing_consent=consent)

        (found,) = decisions(apply_all(engine, [profile, *weekly("a", 6), purchase("b", 300.0)]))

        assert found.reason is reason
        assert found.evidence.first_name == "Ada"
