"""What is added up over the people of an arm whose following is over. Integers only: parts of partitions, a replay and
a restart give the same to the last digit, whatever the order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from service.domain.uplift.intervals import Pairs

CHANCE_ONE: Final = 1_000_000
"""What a chance of 1 is counted as."""
SUMMED: Final = (
    "people", "returned", "first", "first_square", "window", "window_square", "chance", "chance_square", "chance_returned",
    "worth", "worth_square", "worth_first", "worth_window",
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
        self.worth: int = 0
        """Σ of the revenue that was expected of each within the window."""
        self.worth_square: int = 0
        self.worth_first: int = 0
        self.worth_window: int = 0
        """Σ of expected × what came."""

    def count(self, returned: bool, first: int, window: int, chance: int, worth: int) -> None:
        """A following is over."""
        self.people += 1
        self.first += first
        self.first_square += first * first
        self.window += window
        self.window_square += window * window
        self.chance += chance
        self.chance_square += chance * chance
        self.worth += worth
        self.worth_square += worth * worth
        self.worth_first += worth * first
        self.worth_window += worth * window
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
        return Pairs(self.people, self.worth, self.worth_square, self.first, self.first_square, self.worth_first)

    def windows(self) -> Pairs:
        """y = revenue of the window."""
        return Pairs(self.people, self.worth, self.worth_square, self.window, self.window_square, self.worth_window)
