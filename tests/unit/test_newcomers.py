"""The second-visit nudge: when newcomers come again, learned from all of them, and who is nudged."""

from __future__ import annotations

from dataclasses import replace
from math import exp, log
from random import Random

import pytest

from service.domain.calendar import DAY_US
from service.domain.events import Event
from service.domain.findings import Decision, Kind, Outcome, Reason
from service.domain.learning.newcomers import Newcomers, ReturnTimes
from service.domain.policy import Rung
from service.wording.english import LANGUAGE as ENGLISH
from service.wording.french import LANGUAGE as FRENCH
from service.wording.language import Language
from service.wording.sentences import sentence
from tests.support.customers import customer_with
from tests.support.engines import (
    OPEN_HOUSE,
    Changelog,
    apply_all,
    at,
    decisions,
    due_of,
    make_engine,
    purchase,
    whole_state,
)

NUDGING = replace(
    OPEN_HOUSE, switched_on=((Kind.SECOND_VISIT, Rung("nudge", offer="WELCOME", template="second_visit.nudge")),)
)
ONE_BIN = log(3000) / 64
"""Width of the curve's bins in log days: what a binned quantile may miss."""


def nudges(found: list[Decision]) -> list[Decision]:
    return [each for each in found if each.kind is Kind.SECOND_VISIT]


def passing(days: range) -> list[Event]:
    """Somebody else's daily purchases, so that time passes."""
    return [purchase("clock", float(day)) for day in days]


# ---- the timing


@pytest.mark.parametrize(("visits", "gaps"), [(1, 2.0), (2, 1.7), (3, 1.4), (5, 1.4)])
def test_before_anything_is_learned_the_nudge_comes_after_some_of_the_shops_gaps(visits: int, gaps: float) -> None:
    unknown = ReturnTimes([], 10.0)

    assert unknown.nudge_days(visits) == pytest.approx(10 * gaps)
    assert unknown.tail_probability(visits, 10 * gaps) == pytest.approx(0.25)
    assert unknown.tail_probability(visits, 0.0) == 1.0


def test_the_nudge_comes_when_three_quarters_of_those_who_come_again_are_back() -> None:
    """Against Kaplan–Meier on every single gap, where the newest are cut off by today: without them it would be far too
    early."""
    random, today, pace = Random(7), 200, 14.0
    newcomers = Newcomers(4)
    seen: list[tuple[float, bool, float]] = []
    for _ in range(4000):
        first = random.randrange(150, today)
        gap = 20.0 * exp(random.gauss(0.0, 0.6)) if random.random() < 0.6 else 1e9
        if first + gap < today:
            newcomers.came_again(1, gap, log(pace))
            seen.append((gap, True, 0.5 ** (gap / 105)))
        else:
            newcomers.opened(customer_with(visits=1, last_day=first))
            seen.append((today - first + 0.5, False, 0.5 ** ((today - first + 0.5) / 105)))

    found = newcomers.refresh(today, log(pace))

    survival, at_risk, curve = 1.0, sum(weight for *_, weight in seen), []
    for gap, closed, weight in sorted(seen):
        if closed:
            survival *= 1 - weight / at_risk
        at_risk -= weight
        curve.append((gap, survival))
    never = next(s for gap, s in reversed(curve) if gap <= 6 * pace)
    exact = next(gap for gap, s in curve if s <= 1 - 0.75 * (1 - never))
    back = sorted(gap for gap, closed, _ in seen if closed)
    uncorrected = back[int(0.75 * len(back))]
    assert uncorrected < exact * exp(-1.5 * ONE_BIN), "the example must tell the two apart"
    assert found.nudge_days(1) == pytest.approx(exact, rel=0.5 * ONE_BIN)
    assert found.tail_probability(1, found.nudge_days(1)) == pytest.approx(0.25)
    assert found.tail_probability(1, 6 * pace) == pytest.approx(0.0, abs=1e-9)
    assert found.nudge_days(2) == pytest.approx(1.7 * pace), "of second visits nothing is known yet"


def test_what_was_learned_fades_with_the_weeks() -> None:
    newcomers = Newcomers(4)
    for _ in range(100):
        newcomers.came_again(1, 5.0, log(14.0))
    assert newcomers.refresh(7, log(14.0)).nudge_days(1) < 10
    for week in range(2, 40):
        last = newcomers.refresh(7 * week, log(14.0))

    assert last.nudge_days(1) == pytest.approx(28.0)


# ---- the engine


def test_a_newcomer_is_nudged_once_a_silence_and_by_the_same_id_on_every_replay() -> None:
    log_ = [purchase("a", 0.5), *passing(range(1, 80)), purchase("a", 80.2), *passing(range(81, 150))]

    first = nudges(decisions(apply_all(make_engine(NUDGING), log_)))
    again = nudges(decisions(apply_all(make_engine(NUDGING), log_)))

    of_a = [each for each in first if each.customer_id == "a"]
    assert [(each.rung, each.outcome, each.reason, each.evidence.visits) for each in of_a] == [
        ("nudge", Outcome.RELEASED, Reason.DUE, 1),
        ("nudge", Outcome.RELEASED, Reason.DUE, 2),
    ]
    assert abs(of_a[0].detected_us - at(0.5) - 28 * DAY_US) < 10
    assert (of_a[0].offer, of_a[0].template) == ("WELCOME", "second_visit.nudge")
    assert of_a[0].evidence.tail_probability == pytest.approx(0.25)
    assert first == again


def test_nobody_is_nudged_unless_it_is_switched_on() -> None:
    log_ = [purchase("a", 0.5), *passing(range(1, 80))]

    assert not nudges(decisions(apply_all(make_engine(OPEN_HOUSE), log_)))


def test_a_regular_gets_the_ladder_and_no_nudge() -> None:
    weekly = [purchase("a", 0.5 + 7 * n) for n in range(4)]

    found = decisions(apply_all(make_engine(NUDGING), [*weekly, *passing(range(29, 150))]))

    assert {each.kind for each in found if each.customer_id == "a"} == {Kind.WIN_BACK}


def test_who_comes_back_after_a_nudge_converts_and_the_message_is_withdrawn() -> None:
    engine = make_engine(NUDGING)
    released = nudges(decisions(apply_all(engine, [purchase("a", 0.5), *passing(range(1, 30))])))

    found = nudges(decisions(apply_all(engine, [purchase("a", 31.0, 700)])))

    assert [(each.outcome, each.reason, each.revenue_minor) for each in found] == [
        (Outcome.CONVERTED, Reason.RETURNED, 700),
        (Outcome.CANCELLED, Reason.RETURNED, None),
    ]
    assert {each.decision_id for each in found} == {each.decision_id for each in released}


def test_a_nudge_is_not_paid_from_the_volume_of_regulars_and_counts_for_no_promise() -> None:
    policy = replace(NUDGING, volume_per_100_visits=1.0)
    strangers = [purchase(f"s{n}", 0.1 + n / 50) for n in range(40)]

    engine = make_engine(policy)
    found = nudges(decisions(apply_all(engine, [*strangers, *passing(range(1, 60))])))

    assert len(found) == 40
    assert {each.outcome for each in found} == {Outcome.RELEASED}
    assert sum(one.alerts for one in engine.state.realised.classes) == 0
    assert engine.state.volume is not None
    assert engine.state.volume.tokens >= 1.0


def test_the_date_follows_what_is_learned_meanwhile() -> None:
    """All who come again do so on the sixth day: after a month nobody is waited for as long as at the start."""
    quick: list[Event] = []
    for n in range(60):
        quick += [purchase(f"q{n}", n / 2), purchase(f"q{n}", n / 2 + 6)]
    late = purchase("late", 40.0)
    log_ = sorted([*quick, *passing(range(1, 80)), late], key=lambda event: event.at_us)

    found = [each for each in nudges(decisions(apply_all(make_engine(NUDGING), log_))) if each.customer_id == "late"]

    assert 5.0 < found[0].evidence.gap_days < 8.0


def test_a_late_visit_that_makes_a_regular_ends_the_nudges() -> None:
    engine = make_engine(NUDGING)
    apply_all(engine, [*(purchase("a", 7.0 * n) for n in (1, 2, 4)), purchase("clock", 28.5)])
    as_newcomer = due_of(engine, "a")
    apply_all(engine, [purchase("a", 21.0)])

    assert engine.customers["a"].visits == 4
    assert engine.ladder.rungs_ahead(engine.customers["a"])[0][0] == "remind"
    assert due_of(engine, "a") != as_newcomer
    assert not any(engine.everybody.newcomers._open.get(day, {}).get(3) for day in engine.everybody.newcomers._open)  # type: ignore[union-attr]


def test_a_restart_leaves_no_trace_and_a_switch_off_ends_what_waits() -> None:
    changelog, engine = Changelog(), make_engine(NUDGING)
    log_ = [purchase(f"c{n}", n / 3) for n in range(60)] + [purchase(f"c{n}", 30 + n / 3) for n in range(0, 60, 2)]
    for event in sorted([*log_, *passing(range(1, 60))], key=lambda event: event.at_us):
        engine.apply(event)
    changelog.take(engine.drain())

    assert whole_state(changelog.revive(engine)) == whole_state(engine)

    without = changelog.revive(make_engine(OPEN_HOUSE))
    found = decisions(apply_all(without, passing(range(60, 120))))
    assert not [each for each in found if each.customer_id != "clock" and each.outcome is Outcome.RELEASED]


@pytest.mark.parametrize(
    ("visits", "language", "said"),
    [
        (1, ENGLISH, "Ada came once, 28 days ago, and second visits usually come sooner."),
        (3, ENGLISH, "Ada has come 3 times, last 28 days ago, and the next visit usually comes sooner."),
        (
            1,
            FRENCH,
            "Ada a fait une seule visite, il y a 28\u00a0jours, et la deuxième vient d’habitude plus tôt.",
        ),
        (
            2,
            FRENCH,
            "Ada a fait 2\u00a0visites, la dernière il y a 28\u00a0jours, et la suivante vient d’habitude plus tôt.",
        ),
    ],
)
def test_the_sentence_says_how_often_and_how_long_ago(visits: int, language: Language, said: str) -> None:
    log_ = [purchase("a", 0.5), *passing(range(1, 40))]
    seen = nudges(decisions(apply_all(make_engine(NUDGING), log_)))[0].evidence

    told = sentence(
        Kind.SECOND_VISIT,
        type(seen)(**{**{f: getattr(seen, f) for f in seen.__struct_fields__}, "visits": visits, "first_name": "Ada"}),
        "a",
        language,
    )

    assert told == said
