"""What is added up over the people of an arm whose following is over. Integers only: parts of partitions, a replay and
a restart give the same to the last digit, whatever the order."""

from __future__ import annotations

from collections.abc import Sequence
from math import isqrt
from typing import Final

from service.domain.uplift.intervals import Pairs

CHANCE_ONE: Final = 1_000_000
"""What a chance of 1 is counted as."""
ROOT_ONE: Final = 1_000
"""What a root of 1 is counted as."""
SUMMED: Final = (
    "people", "returned", "first", "first_square", "window", "window_square", "chance", "chance_square", "chance_returned",
    "root", "root_square", "root_first", "root_window",
)  # fmt: skip


class ArmSums:
    """Of one arm. Money in minor units."""

    __slots__ = SUMMED

    def __init__(self) -> None:
        self.people: int = 0
        self.returned: int = 0
        """Who visited within the window after the decision."""
        self.first: int = 0
        """Revenue of the first of those visits."""
        self.first_square: int = 0
        self.window: int = 0
        """Revenue of the whole window, net of refunds in it."""
        self.window_square: int = 0
        self.chance: int = 0
        """Σ of the chance to return within the window that each had by what was learned then, × CHANCE_ONE."""
        self.chance_square: int = 0
        self.chance_returned: int = 0
        """Σ of the chances of those who did."""
        self.root: int = 0
        """Σ of the square root of the revenue that was expected of each within the window, × ROOT_ONE. Its root, since
        money spreads the more the more is expected, and one account of a hundred times the usual would lay the slope
        alone. Standard error of the window's money against no covariate, on four real logs: expected revenue −16 to
        +9 %, its root −3 to −19 % (`tests/logs/test_effect_on_real_customers.py`)."""
        self.root_square: int = 0
        self.root_first: int = 0
        self.root_window: int = 0
        """Σ of root × what came."""

    def count(self, returned: bool, first: int, window: int, chance: int, worth: int) -> None:
        """A following is over."""
        self.people += 1
        self.first += first
        self.first_square += first * first
        self.window += window
        self.window_square += window * window
        self.chance += chance
        self.chance_square += chance * chance
        root = isqrt(max(worth, 0) * ROOT_ONE * ROOT_ONE)
        self.root += root
        self.root_square += root * root
        self.root_first += root * first
        self.root_window += root * window
        if returned:
            self.returned += 1
            self.chance_returned += chance

    def add(self, other: ArmSums) -> None:
        """Another partition's, or another month's, on top."""
        for name in SUMMED:
            setattr(self, name, getattr(self, name) + getattr(other, name))

    def fields(self) -> list[str]:
        """As decimal text: squares of many amounts do not fit the integers of MessagePack."""
        return [str(getattr(self, name)) for name in SUMMED]

    @classmethod
    def of(cls, fields: Sequence[str]) -> ArmSums:
        """Back from `fields`; what is missing is 0."""
        sums = ArmSums()
        for name, value in zip(SUMMED, fields, strict=False):
            setattr(sums, name, int(value))
        return sums

    # ---- as pairs of what was expected and what came

    def returns(self) -> Pairs:
        """y = 1 for who returned, × CHANCE_ONE like the chances."""
        one = CHANCE_ONE
        return Pairs(
            self.people,
            self.chance,
            self.chance_square,
            one * self.returned,
            one * one * self.returned,
            one * self.chance_returned,
        )

    def first_visits(self) -> Pairs:
        """y = revenue of the first visit."""
        return Pairs(self.people, self.root, self.root_square, self.first, self.first_square, self.root_first)

    def windows(self) -> Pairs:
        """y = revenue of the window."""
        return Pairs(self.people, self.root, self.root_square, self.window, self.window_square, self.root_window)
