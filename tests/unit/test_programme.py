"""The programme: the order of its reasons, what waits and until when, and what becomes of it when the policy
changes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import time
from itertools import pairwise
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from service.domain.answers import Answers
from service.domain.calendar import DAY_US, HOUR_US, MINUTE_US, Calendar
from service.domain.customer import Customer
from service.domain.engine import Engine
from service.domain.events import Event, Merge, Profile, Survey, SurveyAnswer, Withdrawal
from service.domain.findings import Decision, Kind, Outcome, Reason
from service.domain.outreach.gates import Asked, Verdict
from service.domain.outreach.release import Release, ReleaseState
from service.domain.policy import (
    ConsentRule,
    FrequencyCap,
    Measure,
    OutreachPolicy,
    QuietTimes,
    Rung,
    Unhappiness,
)
from service.domain.written_to import MOST, messages_us, returned_us, together, with_message, with_return
from tests.support.customers import answers_with, customer_with, profile_with
from tests.support.engines import (
    UNDISTURBED,
    WALL_TIME,
    Changelog,
    apply_all,
    at,
    decisions,
    make_engine,
    purchase,
    shop_log,
)
from tests.support.programme import make_programme

NOON = at(50.5)
OPEN = OutreachPolicy(consent=ConsentRule.EXTERNAL)


def asked(customer: Customer, now_us: int = NOON, **more: Any) -> Asked:
    given: dict[str, Any] = {"detected_us": now_us, "due_us": now_us, "now_us": now_us, "waits_for": None}
    return Asked(customer, **{**given, **more})


def decide(policy: OutreachPolicy, customer: Customer, now_us: int = NOON, **more: Any) -> Verdict:
    programme, question = make_programme(policy), asked(customer, now_us, **more)
    return programme.refusal(question) or programme.sending(question)


EVERYTHING = OutreachPolicy(
    consent=ConsentRule.REQUIRED,
    shadow=True,
    control_share=0.999999,
    frequency_caps=(FrequencyCap(1, 14),),
    cool_down_days=7,
    unhappy=Unhappiness(30),
    min_value_minor=1000,
    quiet=QuietTimes(time(9), time(15)),
    daily_limit=1,
    at_most_per_hour=1,
)


def test_of_several_reasons_the_first_in_the_order_is_given() -> None:
    """Everything stands against the message; what is first in the order is taken away, one after the other."""
    written_to = with_return(with_message(b"", NOON - DAY_US), NOON - HOUR_US)
    customer = customer_with(
        visits=5,
        profile=profile_with(consent=False),
        answers=answers_with(nps=3, nps_us=NOON - DAY_US),
        written_to=written_to,
    )
    state = ReleaseState()
    state.day, state.sent_today = NOON // DAY_US, 1
    state.minutes = [NOON // MINUTE_US, 1]
    more: dict[str, Any] = {"detected_us": NOON - 8 * DAY_US, "at_stake_minor": 999, "held_until_us": NOON + HOUR_US}
    policy, found = EVERYTHING, []

    def told() -> None:
        programme, question = make_programme(policy, state=state), asked(customer, **more)
        verdict = programme.refusal(question) or programme.sending(question)
        found.append((verdict.outcome.value, verdict.reason.value))

    told()
    assert customer.profile is not None
    customer.profile.consent = None
    told()
    customer.profile.consent = True
    told()
    more["detected_us"] = NOON - DAY_US
    told()
    customer.answers = Answers()
    told()
    more["at_stake_minor"] = 1000
    told()
    more["held_until_us"] = 0
    told()
    customer.written_to = with_message(b"", NOON - DAY_US)
    told()
    customer.written_to = b""
    told()
    policy = replace(policy, quiet=QuietTimes())
    told()
    more["detected_us"] = NOON
    told()
    state.sent_today = 0
    told()
    state.minutes = []
    told()
    policy, state.sent_today, state.minutes = replace(policy, control_share=0.0), 0, []
    told()
    policy = replace(policy, shadow=False)
    told()

    assert found == [
        ("suppressed", "no_consent"),
        ("suppressed", "consent_unknown"),
        ("suppressed", "stale"),
        ("suppressed", "unhappy"),
        ("suppressed", "min_value"),
        ("deferred", "surge"),
        ("deferred", "cool_down"),
        ("deferred", "frequency_cap"),
        ("deferred", "quiet_hours"),
        ("deferred", "release_rate"),
        ("deferred", "daily_limit"),
        ("deferred", "hourly_limit"),
        ("withheld", "control"),
        ("suppressed", "shadow"),
        ("released", "due"),
    ]


def test_who_cannot_be_reached_any_more_is_not_written_to() -> None:
    profile = profile_with(email="a@example.com", bounced={"a@example.com": 1})

    assert decide(OPEN, customer_with(visits=5, profile=profile))[:2] == (Outcome.SUPPRESSED, Reason.BOUNCED)
    profile.crm_id = "17"
    assert decide(OPEN, customer_with(visits=5, profile=profile)).outcome is Outcome.RELEASED


def test_what_has_waited_too_long_expires_whatever_it_waits_for() -> None:
    customer = customer_with(visits=5, written_to=with_message(b"", NOON - DAY_US))

    verdict = decide(
        replace(OPEN, frequency_caps=(FrequencyCap(1, 90),)),
        customer,
        detected_us=NOON - 15 * DAY_US,
        waits_for=Reason.FREQUENCY_CAP,
    )

    assert verdict[:2] == (Outcome.EXPIRED, Reason.STALE)


# ---- how often


@pytest.mark.parametrize(
    ("caps", "sent", "waits_until"),
    [
        (((1, 14),), [-13.99], 0.01),
        (((1, 14),), [-14.01], None),
        (((2, 30),), [-29, -1], 1),
        (((2, 30),), [-31, -1], None),
        (((1, 14), (3, 90)), [-80, -50, -13.5], 10),
        (((1, 14), (3, 90)), [-80, -50, -15], 10),
        (((1, 1), (1, 3)), [-0.5], 2.5),
        ((), [-0.1], None),
    ],
)
def test_caps_are_kept_over_rolling_windows(
    caps: tuple[tuple[int, float], ...], sent: list[float], waits_until: float | None
) -> None:
    written_to = b""
    for days in sent:
        written_to = with_message(written_to, NOON + int(days * DAY_US))
    policy = replace(OPEN, frequency_caps=tuple(FrequencyCap(*cap) for cap in caps))

    verdict = decide(policy, customer_with(visits=5, written_to=written_to))

    if waits_until is None:
        assert verdict.outcome is Outcome.RELEASED
    else:
        assert verdict[:2] == (Outcome.DEFERRED, Reason.FREQUENCY_CAP)
        assert 0 <= verdict.retry_us - (NOON + waits_until * DAY_US) < MINUTE_US
        later = decide(
            policy,
            customer_with(visits=5, written_to=written_to),
            verdict.retry_us,
            detected_us=NOON,
            waits_for=Reason.FREQUENCY_CAP,
        )
        assert later.outcome is Outcome.RELEASED


def test_what_is_remembered_of_messages_is_bounded_and_the_newest() -> None:
    written_to = with_return(b"", at(-1))
    for day in range(0, 3000, 50):
        written_to = with_message(written_to, at(day))
    assert messages_us(written_to) == [at(day) for day in range(2600, 3000, 50)], "those of a year"
    for minute in range(50):
        written_to = with_message(written_to, at(3000) + minute * MINUTE_US)
    assert len(messages_us(written_to)) == MOST
    assert returned_us(written_to) == at(-1)

    other = with_return(with_message(b"", at(2990)), at(2995))
    both = together(other, with_message(b"", at(2000)))
    assert (messages_us(both), returned_us(both)) == ([at(2990)], at(2995))
    assert together(b"", other) == together(other, b"") == other
    assert together(other, written_to) == together(written_to, other)


def test_a_visit_that_a_message_brought_is_followed_by_a_pause() -> None:
    customer = customer_with(visits=5, written_to=with_return(with_message(b"", at(10)), at(47)))

    verdict = decide(replace(OPEN, cool_down_days=7), customer)

    assert verdict[:2] == (Outcome.DEFERRED, Reason.COOL_DOWN)
    assert 0 <= verdict.retry_us - at(54) < MINUTE_US


# ---- who is unhappy, and what an offer is worth


@pytest.mark.parametrize(
    ("answers", "unhappy"),
    [
        ({"nps": 6, "nps_us": NOON - 29 * DAY_US}, True),
        ({"nps": 6, "nps_us": NOON - 31 * DAY_US}, False),
        ({"nps": 7, "nps_us": NOON}, False),
        ({"csat": 2, "csat_us": NOON}, True),
        ({"csat": 3, "csat_us": NOON}, False),
        ({"ces": 3, "ces_us": NOON}, True),
        ({"ces": 4, "ces_us": NOON}, False),
        ({"nps": 10, "nps_us": NOON, "csat": 1, "csat_us": NOON}, True),
        ({}, False),
    ],
)
def test_who_has_just_said_that_they_are_unhappy_gets_service_recovery_first(
    answers: dict[str, int], unhappy: bool
) -> None:
    customer = customer_with(visits=5, answers=answers_with(**answers))
    policy = replace(OPEN, unhappy=Unhappiness(30))

    verdict = decide(policy, customer)
    assert (verdict[:2] == (Outcome.SUPPRESSED, Reason.UNHAPPY)) == unhappy
    assert unhappy or verdict.outcome is Outcome.RELEASED

    programme = make_programme(policy)
    question = asked(customer)
    recovery = asked(customer, recovers=True)
    assert programme.refusal(recovery) is None
    assert decide(OPEN, customer).outcome is Outcome.RELEASED, "unless the shop has switched that off"
    assert (programme.refusal(question) is not None) == unhappy


def test_a_step_with_an_offer_is_left_out_where_little_is_at_stake() -> None:
    policy = ladder(
        min_value_minor=10_000_000, rungs=(Rung("remind"), Rung("offer", 0.9, offer="10 %"), Rung("last", 0.8))
    )

    found = decisions(apply_all(make_engine(policy), QUIET_WEEKLY))

    assert [(made.rung, made.outcome, made.reason) for made in found] == [
        ("remind", Outcome.RELEASED, Reason.DUE),
        ("offer", Outcome.SUPPRESSED, Reason.MIN_VALUE),
        ("last", Outcome.RELEASED, Reason.DUE),
    ]


# ---- the day's limit


@pytest.mark.parametrize(("limit", "partitions"), [(1, 1), (10, 4), (3, 4), (1, 7), (100, 3)])
def test_the_parts_of_the_partitions_add_up_to_the_limit_of_the_day_and_all_have_their_turn(
    limit: int, partitions: int
) -> None:
    policies = [replace(OPEN, daily_limit=limit, partition=n, partitions=partitions) for n in range(partitions)]
    releases = [Release(policy, Calendar(ZoneInfo("UTC"))) for policy in policies]

    for day in range(18_500, 18_500 + partitions):
        assert sum(release._allowed_on(day) for release in releases) == limit
    for release in releases:
        total = sum(release._allowed_on(day) for day in range(18_500, 18_500 + partitions))
        assert total == limit, "over as many days as there are partitions each has the same"


def test_what_is_beyond_the_days_limit_goes_out_on_the_following_days() -> None:
    policy = replace(OPEN, daily_limit=3, expires_after_days=40.0)
    programme, customer = make_programme(policy, "Europe/Paris"), customer_with(visits=5)
    calendar = Calendar(ZoneInfo("Europe/Paris"))
    waiting: list[tuple[int, str | None]] = [(NOON + n, None) for n in range(20)]
    sent: list[int] = []

    while waiting:
        waiting.sort(key=lambda each: each[0])
        now, waits_for = waiting.pop(0)
        verdict = programme.sending(asked(customer, now, detected_us=NOON, waits_for=waits_for))
        if verdict.outcome is Outcome.RELEASED:
            sent.append(now)
        else:
            assert verdict.reason is Reason.DAILY_LIMIT
            waiting.append((verdict.retry_us, verdict.reason))

    days = [calendar.day_of(now) for now in sent]
    assert {day: days.count(day) for day in days} == {NOON // DAY_US + n: 3 for n in range(6)} | {NOON // DAY_US + 6: 2}
    assert all(
        now == calendar.start_of(day) + n % 3 for n, (day, now) in enumerate(zip(days[3:], sent[3:], strict=True))
    )


def test_overdue_messages_of_a_night_get_their_slots_from_the_morning_on() -> None:
    programme = make_programme(replace(OPEN, quiet=QuietTimes(time(21), time(9)), overdue_per_hour=60))
    night = at(50) + 2 * HOUR_US

    found = [programme.sending(asked(customer_with(visits=5), night, detected_us=night - DAY_US)) for _ in range(3)]

    morning = at(50) + 9 * HOUR_US
    assert [verdict.reason for verdict in found] == [Reason.QUIET_HOURS] * 3
    assert [verdict.retry_us for verdict in found] == [morning + n * MINUTE_US for n in (1, 2, 3)]
    again = [asked(customer_with(visits=5), v.retry_us, detected_us=night - DAY_US, waits_for=v.reason) for v in found]
    assert {programme.sending(question).outcome for question in again} == {Outcome.RELEASED}


# ---- in an engine: what waits, and what a change of policy does to it


WEEKLY: list[Event] = [purchase("a", 0.5 + 7 * n) for n in range(8)]
LAST_DAY = 49


def clock(first: int, last: int) -> list[Event]:
    return [purchase(f"other {day}", float(day)) for day in range(first, last)]


QUIET_WEEKLY = [*WEEKLY, *clock(LAST_DAY + 1, LAST_DAY + 120)]


def ladder(**changes: object) -> OutreachPolicy:
    policy = OutreachPolicy(
        measure=Measure.PROBABILITY,
        level=0.05,
        consent=ConsentRule.EXTERNAL,
        rungs=(Rung("remind"), Rung("incentive", strictness=0.9), Rung("last_call", strictness=0.8)),
        expires_after_days=40.0,
    )
    return replace(policy, **changes)  # type: ignore[arg-type]


def told(found: Iterable[Decision]) -> list[tuple[str, str, str]]:
    return [(made.rung, made.outcome.value, made.reason.value) for made in found]


def test_what_waits_for_a_cap_goes_out_on_its_date_with_the_date_of_its_detection() -> None:
    capped = decisions(apply_all(make_engine(ladder(frequency_caps=(FrequencyCap(1, 14),))), QUIET_WEEKLY))
    free = decisions(apply_all(make_engine(ladder()), QUIET_WEEKLY))

    assert told(capped) == [
        ("remind", "released", "due"),
        ("incentive", "deferred", "frequency_cap"),
        ("incentive", "released", "due"),
        ("last_call", "deferred", "frequency_cap"),
        ("last_call", "released", "due"),
    ]
    released = [made for made in capped if made.outcome is Outcome.RELEASED]
    assert all(0 <= b.decided_us - a.decided_us - 14 * DAY_US < MINUTE_US for a, b in pairwise(released))
    assert released[1].detected_us == capped[1].detected_us == free[1].detected_us


def test_what_waits_and_is_met_by_a_visit_is_dropped_silently() -> None:
    engine = make_engine(ladder(frequency_caps=(FrequencyCap(1, 60),)))
    before = decisions(apply_all(engine, [*WEEKLY, *clock(LAST_DAY + 1, LAST_DAY + 40)]))
    assert told(before)[-1] == ("incentive", "deferred", "frequency_cap")

    after = decisions(apply_all(engine, [purchase("a", LAST_DAY + 41.0)]))

    assert {made.rung for made in after} == {"remind"}
    assert decisions(apply_all(engine, clock(LAST_DAY + 42, LAST_DAY + 46))) == []


def test_what_cannot_go_out_before_it_expires_expires_on_its_date() -> None:
    policy = ladder(frequency_caps=(FrequencyCap(1, 90),), expires_after_days=5.0)

    found = decisions(apply_all(make_engine(policy), QUIET_WEEKLY))

    waited, expired = found[1], found[2]
    assert told([waited, expired]) == [
        ("incentive", "deferred", "frequency_cap"),
        ("incentive", "expired", "stale"),
    ]
    assert expired.decided_us == waited.detected_us + 5 * DAY_US + 1


def test_caps_hold_across_absences() -> None:
    policy = ladder(frequency_caps=(FrequencyCap(2, 300),), rungs=(Rung("remind"),), cool_down_days=3)
    log = [*WEEKLY, *clock(50, 80)]
    for begin in (80, 160, 240):
        log += [purchase("a", begin + 0.25 + day) for day in range(0, 28, 7)]
        log += clock(begin + 22, begin + 80)
    log.sort(key=lambda event: event.at_us)

    found = decisions(apply_all(make_engine(policy), log))

    released = [made.decided_us for made in found if made.outcome is Outcome.RELEASED]
    assert len(released) == 2
    assert ("remind", "deferred", "frequency_cap") in told(found)


def waiting(policy: OutreachPolicy) -> tuple[Engine, Changelog, list[Decision]]:
    """`a` has been written to once and waits with the second step for the cap."""
    engine, changelog = make_engine(policy), Changelog()
    for event in [*WEEKLY, *clock(LAST_DAY + 1, LAST_DAY + 40)]:
        engine.apply(event)
    before = decisions(changelog.take(engine.drain()))
    assert told(before) == [("remind", "released", "due"), ("incentive", "deferred", "frequency_cap")]
    return engine, changelog, before


WAITING = ladder(frequency_caps=(FrequencyCap(1, 20),))
LATER = clock(LAST_DAY + 40, LAST_DAY + 80)


def after_change(policy: OutreachPolicy) -> list[Decision]:
    _, changelog, _ = waiting(WAITING)
    return decisions(apply_all(changelog.revive(make_engine(policy)), LATER))


def test_a_rung_that_the_policy_no_longer_has_does_not_go_out() -> None:
    assert told(after_change(replace(WAITING, rungs=WAITING.rungs[:1]))) == [
        ("incentive", "suppressed", "switched_off")
    ]


def test_a_rung_that_is_another_one_now_is_dropped_and_the_ladder_goes_on() -> None:
    rungs = (Rung("remind"), Rung("gift", strictness=0.9, offer="cake"), Rung("last_call", strictness=0.8))

    found = after_change(replace(WAITING, rungs=rungs))

    assert told(found)[0] == ("incentive", "suppressed", "switched_off")
    assert {made.rung for made in found[1:]} == {"last_call"}


def test_a_rung_that_stands_elsewhere_now_goes_out_once() -> None:
    rungs = (Rung("hello"), Rung("remind", strictness=0.9), Rung("last_call", strictness=0.8))

    found = after_change(replace(WAITING, rungs=rungs))

    assert "remind" not in {made.rung for made in found}, "it has gone out in this absence"
    assert told(found)[0] == ("incentive", "suppressed", "switched_off")
    assert [made.rung for made in found if made.outcome is Outcome.RELEASED] == ["last_call"]


def test_what_waits_has_the_offer_of_the_policy_of_its_moment() -> None:
    rungs = (Rung("remind"), Rung("incentive", strictness=0.9, offer="cake", template="new"), Rung("last_call", 0.8))

    (first, *_) = [made for made in after_change(replace(WAITING, rungs=rungs)) if made.outcome is Outcome.RELEASED]

    assert (first.rung, first.offer, first.template) == ("incentive", "cake", "new")


@pytest.mark.parametrize(
    ("change", "first"),
    [
        ({"expires_after_days": 3.0}, ("incentive", "expired", "stale")),
        ({"control_share": 0.999999}, ("incentive", "withheld", "control")),
        ({"shadow": True}, ("incentive", "suppressed", "shadow")),
        ({"consent": ConsentRule.REQUIRED}, ("incentive", "suppressed", "consent_unknown")),
        ({"frequency_caps": (FrequencyCap(1, 25),)}, ("incentive", "released", "due")),
        ({"frequency_caps": ()}, ("incentive", "released", "due")),
        ({"quiet": QuietTimes(time(0), time(23))}, ("incentive", "deferred", "quiet_hours")),
        ({"min_value_minor": 1_000_000_000}, ("incentive", "suppressed", "min_value")),
    ],
)
def test_what_waits_is_decided_by_the_policy_of_its_moment(
    change: dict[str, object], first: tuple[str, str, str]
) -> None:
    rungs = (Rung("remind"), Rung("incentive", strictness=0.9, offer="cake"), Rung("last_call", strictness=0.8))

    found = after_change(replace(replace(WAITING, rungs=rungs), **change))  # type: ignore[arg-type]

    assert told(found)[0] == first


def test_a_kind_that_is_switched_off_drops_what_waits() -> None:
    nudges = ladder(
        switched_on=((Kind.SECOND_VISIT, Rung("nudge", template="second_visit.nudge")),),
        quiet=QuietTimes(time(0), time(23)),
    )
    engine, changelog = make_engine(nudges), Changelog()
    waits: list[str] = []
    for event in shop_log(3, customers=40, days=250):
        engine.apply(event)
        waits = [name for name, known in engine.customers.items() if known.episode.waiting == "nudge"]
        if waits:
            break
    found = decisions(changelog.take(engine.drain()))
    assert any(made.kind is Kind.SECOND_VISIT and made.reason is Reason.QUIET_HOURS for made in found)

    off = changelog.revive(make_engine(replace(nudges, switched_on=())))
    after = decisions(apply_all(off, clock(240, 260)))

    dropped = {made.customer_id for made in after if made.reason is Reason.SWITCHED_OFF}
    assert dropped == set(waits)


# ---- consent that is withdrawn


def consent(said: bool | None, day: float, customer: str = "a") -> Profile:
    return Profile(f"p{day}", customer, at(day), marketing_consent=said, email="a@example.com")


ASKED = ladder(consent=ConsentRule.REQUIRED, expires_after_days=20.0)
UP_TO_TWO = [consent(True, 0.25), *WEEKLY, *clock(LAST_DAY + 1, LAST_DAY + 38)]


@pytest.mark.parametrize(
    ("word", "reason"),
    [
        (consent(False, LAST_DAY + 38.5), Reason.NO_CONSENT),
        (Withdrawal("w", "a", at(LAST_DAY + 38.5)), Reason.CONSENT_UNKNOWN),
    ],
)
@pytest.mark.parametrize("restart", [False, True])
def test_a_withdrawn_consent_stops_what_is_on_its_way(word: Event, reason: Reason, restart: bool) -> None:
    engine, changelog = make_engine(ASKED), Changelog()
    for event in UP_TO_TWO:
        engine.apply(event)
    sent = [made for made in decisions(changelog.take(engine.drain())) if made.outcome is Outcome.RELEASED]
    assert len(sent) >= 2

    engine.apply(word)
    stopped = decisions(changelog.take(engine.drain()))
    if restart:
        engine = changelog.revive(engine)

    valid = {made.decision_id for made in sent if at(LAST_DAY + 38.5) - made.decided_us <= 20 * DAY_US}
    assert {made.decision_id for made in stopped} == valid
    assert len(valid) >= 1
    assert {(made.outcome, made.reason) for made in stopped} == {(Outcome.CANCELLED, reason)}
    again = decisions(apply_all(engine, [consent(False, LAST_DAY + 38.75), purchase("a", LAST_DAY + 39.0)]))
    assert again == [], "it is void already: nothing is stopped twice, and no visit is credited to it"


def test_a_word_that_leaves_the_consent_as_it_is_stops_nothing() -> None:
    engine = make_engine(ASKED)
    apply_all(engine, UP_TO_TWO)

    assert decisions(apply_all(engine, [Profile("n", "a", at(LAST_DAY + 38.5), first_name="Anna")])) == []
    assert decisions(apply_all(engine, [consent(False, 0.1)])) == [], "an older word than the one that counts"


def test_a_merge_with_somebody_who_has_withdrawn_stops_it_too() -> None:
    engine = make_engine(ASKED)
    apply_all(engine, [*UP_TO_TWO, consent(False, LAST_DAY + 37.5, "b")])

    found = decisions(apply_all(engine, [Merge("m", "b", at(LAST_DAY + 38.5), "a")]))

    assert {(made.outcome, made.reason) for made in found} == {(Outcome.CANCELLED, Reason.NO_CONSENT)}


# ---- nothing forbidden ever goes out


def busy_log(random: Random) -> list[Event | Withdrawal]:
    """A shop with answers, words on consent, tombstones, erasures and merges."""
    log = shop_log(random.randrange(1 << 30), customers=30, days=200, everything=True)
    zones = ["Europe/Paris", "America/New_York", "Asia/Tokyo", None]
    more: list[Event | Withdrawal] = []
    for number in range(100):
        name, day = f"c{random.randrange(30)}", random.random() * 200
        lot = random.random()
        if lot < 0.5:
            more.append(
                Profile(
                    f"q{number}",
                    name,
                    at(day),
                    timezone=random.choice(zones),
                    marketing_consent=random.choice([True, True, True, False, None]),
                )
            )
        elif lot < 0.8:
            more.append(SurveyAnswer(f"s{number}", name, at(day), Survey.NPS, random.randrange(11)))
        elif lot < 0.9:
            more.append(Withdrawal(f"w{number}", name, at(day)))
        else:
            more.append(Merge(f"m{number}", name, at(day), f"c{random.randrange(30)}"))
    return sorted([*log, *more], key=lambda event: event.at_us)


BUSY = OutreachPolicy(
    level=8.0,
    rungs=(Rung("remind"), Rung("incentive", strictness=0.4, offer="cake"), Rung("last_call", strictness=0.2)),
    switched_on=((Kind.SECOND_VISIT, Rung("nudge", template="second_visit.nudge")),),
    control_share=0.3,
    frequency_caps=(FrequencyCap(1, 10), FrequencyCap(3, 60)),
    cool_down_days=5,
    unhappy=Unhappiness(20),
    quiet=QuietTimes(time(20), time(10), frozenset({6})),
    daily_limit=2,
    at_most_per_hour=2,
)


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("timing", [UNDISTURBED, WALL_TIME], ids=["event", "wall"])
def test_nobody_is_ever_written_to_who_may_not_be(seed: int, timing: object) -> None:
    random = Random(seed)
    log, policy = busy_log(random), BUSY
    engine = make_engine(policy, timing, zone="Europe/Paris")  # type: ignore[arg-type]
    changelog, wall, found = Changelog(), 0, []
    for event in log:
        wall = max(wall, event.at_us)
        if timing is WALL_TIME and random.random() < 0.3:
            engine.advance(wall, wall)
            found += checked(engine, changelog, policy, wall)
        engine.apply(event, wall)
        found += checked(engine, changelog, policy, wall)
        if random.random() < 0.02:
            engine = changelog.revive(engine)

    assert {Outcome.RELEASED, Outcome.WITHHELD, Outcome.DEFERRED, Outcome.CONVERTED} <= {made.outcome for made in found}
    released = [made for made in found if made.outcome is Outcome.RELEASED]
    calendar = Calendar(ZoneInfo("Europe/Paris"))
    days = [calendar.day_of(made.decided_us) for made in found if made.outcome in {Outcome.RELEASED, Outcome.WITHHELD}]
    assert max(days.count(day) for day in days) <= 2
    ids = [made.decision_id for made in released]
    assert len(ids) == len(set(ids)), "none goes out twice"
    cancelled = [made.decision_id for made in found if made.outcome is Outcome.CANCELLED]
    assert len(cancelled) == len(set(cancelled))
    assert set(cancelled) <= set(ids)


def checked(engine: Engine, changelog: Changelog, policy: OutreachPolicy, wall: int) -> list[Decision]:
    """What was decided at this instant, none of it against the rules as the state says they stood."""
    found = decisions(changelog.take(engine.drain()))
    quiet = engine.ladder.programme._quiet
    for made in found:
        if made.outcome not in {Outcome.RELEASED, Outcome.WITHHELD}:
            continue
        customer = engine.customers.get(made.customer_id)
        if customer is None:
            continue  # erased or merged by the same event, after it
        inside = engine.ladder.programme._control.holds(made.customer_id, made.detected_us)
        assert inside == (made.outcome is Outcome.WITHHELD)
        assert quiet.until_us(customer, made.decided_us)[0] == made.decided_us or made.decided_us < wall
        sent = messages_us(customer.written_to)
        for cap in policy.frequency_caps:
            newest = sent[-1 - cap.messages : -1] if len(sent) > cap.messages else []
            assert not newest or sent[-1] - newest[0] >= cap.days * DAY_US - MINUTE_US
        if customer.profile is not None and customer.profile.consent_us < made.decided_us:
            assert customer.profile.consent
    return found
