"""Who comes in spells is told by their own visit days."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from random import Random

import pytest

from service.domain.spells import NEWEST, break_days


def newest_first(gaps: Sequence[int]) -> list[int]:
    return [*accumulate(gaps, initial=1000)][::-1]


@pytest.mark.parametrize(
    ("gaps", "longest"),
    [
        ([1, 1, 2, 8, 1, 1, 1, 9, 2, 1, 1, 8, 1], 9),
        ([1, 1, 2, 8, 1, 1, 1, 9, 2, 1, 1, 8, 1, 40, 1], 9),
        ([1, 1, 2, 8, 1, 1, 1, 9, 2, 1, 1], 0),
        ([1, 1, 2, 8, 1, 5, 1, 9, 2, 4, 1, 8, 1], 0),
        ([7, 28, 7, 28, 7, 28, 7, 28], 0),
        ([1, 1, 1, 1, 3, 1, 1, 1, 1, 3, 1, 1, 1, 1, 3], 0),
        ([7, 7, 7, 7, 7], 0),
        ([], 0),
    ],
    ids=["spells", "a journey", "two breaks", "gaps between", "no spells", "weekends", "weekly", "one visit"],
)
def test_breaks_are_long_and_alike_and_nothing_lies_between(gaps: list[int], longest: int) -> None:
    assert break_days(newest_first(gaps)) == longest


@pytest.mark.parametrize("stages", [1, 2, 8])
def test_gaps_that_come_by_chance_hardly_look_like_spells(stages: int) -> None:
    random = Random(stages)
    told = 0
    for _ in range(1000):
        gaps = [max(1, round(random.gammavariate(stages, 10 / stages))) for _ in range(random.randrange(9, NEWEST))]
        told += break_days(newest_first(gaps)) > 0

    assert told <= 15
