"""What messages bring, on real customers: the first decisions of a replayed log, with arms drawn anew and an effect
that is known because it was put in.

Nothing was sent to these people, so whoever of them is called treated has the outcome of the log, but for those who are
made to return. What was expected of each is what the engine expected at the decision. Reads the purchase logs named
below under the directory named by CHURN_ALERT_TEST_LOGS, and prints how wide the intervals are (`-s`).
"""

from __future__ import annotations

from collections.abc import Callable
from math import isqrt, sqrt
from typing import NamedTuple

import numpy as np
import pytest
from numpy.typing import NDArray

from service.backtest.run import backtest
from service.config import Settings
from service.domain.followed import Following
from service.domain.outreach.brought import ALL, BroughtSums
from service.domain.uplift.intervals import Difference
from service.domain.uplift.measured import Compared, Measured, measure
from service.domain.uplift.sums import CHANCE_ONE, ROOT_ONE, ArmSums
from tests.support.real_logs import MISSING, real_logs

LOGS = real_logs("cdnow", "grocery_elog", "online_retail_ii", "ta_feng")
SEEDS = 1_500
EFFECT = 0.04
ENOUGH = 300
"""People below which the log says nothing here."""
SETTINGS = {"outreach": {"consent": "external", "control_share": 0.5}}
Values = NDArray[np.int64]


class People(NamedTuple):
    """Of one log, a row each: what was expected, and what came without any message."""

    chance: Values
    worth: Values
    returned: Values
    first: Values
    window: Values


class Drawn(NamedTuple):
    """One number over all seeds: how often each interval held the truth, how wide they were, how far off."""

    plain_covers: float
    adjusted_covers: float
    plain_width: float
    adjusted_width: float
    plain_error: float
    adjusted_error: float
    """Means over the seeds, in standard errors of those means."""


@pytest.fixture(scope="module", params=LOGS, ids=lambda file: file.name)
def log(request: pytest.FixtureRequest) -> tuple[str, People]:
    """The followings of all kinds together whose windows lie within the log, in either arm."""
    followed: list[Following] = []

    def count(_: BroughtSums, month: int, following: Following) -> None:
        assert month > 0
        if following.kind == ALL:
            followed.append(following)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(BroughtSums, "count", count)
        backtest(Settings().changed(**SETTINGS), [request.param])
    control = sum(one.control for one in followed)
    assert abs(control - len(followed) / 2) < 4.0 * sqrt(len(followed)) / 2, "the arms of the replay are halves"
    rows = [(one.chance, one.worth, int(one.returned), one.first, one.window) for one in followed]
    return request.param.name, People(*np.array(rows, dtype=np.int64).T)


def sums(people: People) -> ArmSums:
    """As `ArmSums.count` adds them up."""
    chance, worth, returned, first, window = people
    arm = ArmSums()
    arm.people, arm.returned = len(chance), int(returned.sum())
    arm.first, arm.first_square = int(first.sum()), int(first @ first)
    arm.window, arm.window_square = int(window.sum()), int(window @ window)
    arm.chance, arm.chance_square = int(chance.sum()), int(chance @ chance)
    arm.chance_returned = int(chance @ returned)
    root = np.array([isqrt(each * ROOT_ONE * ROOT_ONE) for each in worth.tolist()], dtype=np.int64)
    arm.root, arm.root_square = int(root.sum()), int(root @ root)
    arm.root_first, arm.root_window = int(root @ first), int(root @ window)
    return arm


def shop(people: People, effect: float, random: np.random.Generator) -> Measured:
    """Half of the people, at random, get a message; it brings so many of those who would have stayed away that in all
    `effect` more come back. They spend what somebody else did who came back."""
    treated = random.random(len(people.chance)) < 0.5
    back = people.returned == 1
    brought = treated & ~back & (random.random(len(treated)) < effect / float(np.mean(~back)))
    like = random.choice(np.flatnonzero(back), len(treated))
    came = People(
        people.chance,
        people.worth,
        people.returned | brought,
        np.where(brought, people.first[like], people.first),
        np.where(brought, people.window[like], people.window),
    )
    return measure(*(sums(People(*(column[arm] for column in came))) for arm in (treated, ~treated)))


def over(shops: list[Measured], what: Callable[[Measured], Compared], truth: float) -> Drawn:
    both = [(plain, adjusted) for one in shops for plain, adjusted in [what(one)] if plain and adjusted]
    assert len(both) == len(shops)

    def covers(found: Difference) -> bool:
        return found.low <= truth <= found.high

    def error(found: list[Difference]) -> float:
        errors = [one.value - truth for one in found]
        return float(np.mean(errors) / np.std(errors) * sqrt(len(errors)))

    plain, adjusted = ([*column] for column in zip(*both, strict=True))
    return Drawn(
        float(np.mean([covers(one) for one in plain])),
        float(np.mean([covers(one) for one in adjusted])),
        float(np.mean([one.high - one.low for one in plain])),
        float(np.mean([one.high - one.low for one in adjusted])),
        error(plain),
        error(adjusted),
    )


@pytest.mark.skipif(not LOGS, reason=MISSING)
@pytest.mark.parametrize("effect", [EFFECT, 0.0])
def test_the_intervals_hold_the_effect_and_to_know_what_was_expected_narrows_them(
    log: tuple[str, People], effect: float
) -> None:
    name, people = log
    random = np.random.default_rng(5)
    assert len(people.chance) >= ENOUGH
    assert max(int(np.abs(column).max()) for column in people) ** 2 * len(people.chance) < 2**63

    shops = [shop(people, effect, random) for _ in range(SEEDS)]

    back = people.returned == 1
    found = {"returns": over(shops, lambda one: one.returns, effect)}
    if people.window.any():  # else it is a log without amounts
        found["first visit"] = over(shops, lambda one: one.first, effect * float(people.first[back].mean()))
        found["window"] = over(shops, lambda one: one.window, effect * float(people.window[back].mean()))
    print(f"\n{name}: {len(back):,} people, {back.mean():.1%} return by themselves; effect {effect:.0%}")
    for number, drawn in found.items():
        narrower = 1.0 - drawn.adjusted_width / drawn.plain_width
        print(
            f"  {number:<11} covers: plain {drawn.plain_covers:.1%}, adjusted {drawn.adjusted_covers:.1%}; width: plain "
            f"{drawn.plain_width:,.4g}, adjusted {drawn.adjusted_width:,.4g}, narrower by {narrower:.1%}; bias in standard "
            f"errors: plain {drawn.plain_error:+.1f}, adjusted {drawn.adjusted_error:+.1f}"
        )
    for drawn in found.values():
        assert 0.93 <= drawn.plain_covers <= 0.97
        assert 0.93 <= drawn.adjusted_covers <= 0.97
        assert abs(drawn.plain_error) < 3.5
        assert abs(drawn.adjusted_error) < 3.5
        assert drawn.adjusted_width <= drawn.plain_width


def test_sums_of_columns_are_those_of_people_counted_one_by_one() -> None:
    random = np.random.default_rng(1)
    people = People(*(random.integers(0, most, 60) for most in (CHANCE_ONE, 90_000, 2, 5_000, 9_000)))

    arm = ArmSums()
    for chance, worth, returned, first, window in zip(*people, strict=True):
        arm.count(bool(returned), int(first), int(window), int(chance), int(worth))

    assert sums(people).fields() == arm.fields()
