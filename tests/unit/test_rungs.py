"""The ladder: each rung at most once an absence, well apart, and all that is on its way stopped when the customer comes
back."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest

from service.domain.calendar import DAY_US
from service.domain.events import Erasure, Event
from service.domain.findings import Decision, Outcome, Reason
from service.domain.policy import ConsentRule, Measure, OutreachPolicy, Rung
from tests.support.engines import Changelog, apply_all, at, decisions, make_engine, purchase

LADDER = (Rung("remind"), Rung("incentive", strictness=0.9), Rung("last_call", strictness=0.8))


def policy(**changes: object) -> OutreachPolicy:
    return OutreachPolicy(
        measure=Measure.PROBABILITY,
        level=0.05,
        consent=ConsentRule.EXTERNAL,
        rungs=LADDER,
        expires_after_days=40.0,
        **changes,  # type: ignore[arg-type]
    )


WEEKLY: list[Event] = [purchase("a", 0.5 + 7 * n) for n in range(8)]
LAST_DAY = 7 * 7


def outcomes(found: list[Decision]) -> list[tuple[str, Outcome, Reason]]:
    return [(decision.rung, decision.outcome, decision.reason) for decision in found]


def clock(days: list[int]) -> list[Event]:
    """Somebody else's purchases, so that time passes."""
    return [purchase(f"other {day}", float(day)) for day in days]


def test_each_rung_fires_once_in_its_order_and_at_least_half_a_usual_gap_apart() -> None:
    found = decisions(apply_all(make_engine(policy()), [*WEEKLY, *clock(list(range(LAST_DAY + 1, LAST_DAY + 200, 3)))]))

    assert outcomes(found) == [(rung.name, Outcome.RELEASED, Reason.DUE) for rung in LADDER]
    for earlier, later in pairwise(found):
        assert later.detected_us - earlier.decided_us >= 0.5 * later.evidence.usual_gap_days * DAY_US - 1


@pytest.mark.parametrize("restart", [False, True])
def test_a_return_stops_every_message_of_the_absence_and_credits_the_newest(restart: bool) -> None:
    engine = make_engine(policy())
    waiting = [*WEEKLY, *clock(list(range(LAST_DAY + 1, LAST_DAY + 60, 3)))]
    before = decisions(apply_all(engine, waiting))
    assert len(before) == 3
    if restart:
        changelog = Changelog()
        again = make_engine(policy())
        for event in waiting:
            again.apply(event)
        changelog.take(again.drain())
        engine = changelog.revive(again)

    found = decisions(apply_all(engine, [purchase("a", LAST_DAY + 61.0)]))

    newest = before[-1].rung
    assert outcomes(found)[0] == (newest, Outcome.CONVERTED, Reason.RETURNED)
    still_valid = [made.rung for made in reversed(before) if at(LAST_DAY + 61.0) - made.decided_us <= 40 * DAY_US]
    assert len(still_valid) >= 2
    assert outcomes(found)[1:] == [(rung, Outcome.CANCELLED, Reason.RETURNED) for rung in still_valid]


def test_an_erasure_stops_all_of_them() -> None:
    engine = make_engine(policy())
    before = decisions(apply_all(engine, [*WEEKLY, *clock(list(range(LAST_DAY + 1, LAST_DAY + 60, 3)))]))

    found = decisions(apply_all(engine, [Erasure("e", "a", at(LAST_DAY + 61.0))]))

    assert outcomes(found) == [(made.rung, Outcome.CANCELLED, Reason.ERASED) for made in reversed(before)]


def test_a_visit_arms_the_ladder_anew() -> None:
    log = [*WEEKLY, *clock(list(range(LAST_DAY + 1, LAST_DAY + 60, 3))), purchase("a", LAST_DAY + 61.0)]
    engine = make_engine(policy())
    apply_all(engine, log)

    found = decisions(apply_all(engine, clock(list(range(LAST_DAY + 62, LAST_DAY + 300, 3)))))

    assert [made.rung for made in found] == [rung.name for rung in LADDER]


def test_a_return_ends_what_was_sent_on_a_rung_that_the_policy_no_longer_has() -> None:
    engine, changelog = make_engine(policy()), Changelog()
    sent = decisions(apply_all(engine, [*WEEKLY, *clock(list(range(LAST_DAY + 1, LAST_DAY + 60, 3)))]))
    assert [each.rung for each in sent] == [rung.name for rung in LADDER]
    again = make_engine(policy())
    for event in [*WEEKLY, *clock(list(range(LAST_DAY + 1, LAST_DAY + 60, 3)))]:
        again.apply(event)
    changelog.take(again.drain())
    shorter = changelog.revive(make_engine(replace(policy(), rungs=LADDER[:1])))

    ended = decisions(apply_all(shorter, [purchase("a", LAST_DAY + 61.0)]))

    assert outcomes(ended)[0] == (LADDER[-1].name, Outcome.CONVERTED, Reason.RETURNED)
    stopped = {each.decision_id for each in ended if each.outcome is Outcome.CANCELLED}
    assert stopped <= {each.decision_id for each in sent}, "each under the id it went out with"
    assert len(stopped) >= 2
