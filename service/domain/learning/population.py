"""The regulars of one partition as a whole: how many they are, how often they come, what they have brought."""

from __future__ import annotations

from collections.abc import Iterable
from math import fsum, log
from typing import ClassVar, Final

from service.domain.stored import Stored

_COLD_GAP_DAYS: Final = 14.0
"""The usual gap of a shop of which nothing is known."""
_REGULARS_NEEDED: Final = 30
"""Regulars below which the pace stays what is supposed."""


class PopulationState(Stored):
    """What a restart must know of what is learned from everybody; open silences are rebuilt from the customers."""

    STORED: ClassVar[tuple[str, ...]] = (
        "mu0", "log_gap_sum", "regulars", "regular_revenue_minor", "next_refresh_us",
        "sample_level", "fits", "next_fit_us", "model", "fit_position", "fit_rivals",
    )  # fmt: skip

    def __init__(self) -> None:
        self.mu0: float = log(_COLD_GAP_DAYS)
        self.log_gap_sum: float = 0.0
        """Σ over regulars of their mean log gap."""
        self.regulars: int = 0
        self.regular_revenue_minor: int = 0
        self.next_refresh_us: int = 0
        """0 before the first event."""
        self.sample_level: int = 0
        self.fits: int = 0
        """Fits of the churn model so far."""
        self.next_fit_us: int = 0
        self.model: list[float] = []
        """Arguments of the churn model, as of the last fit; empty = the defaults."""
        self.fit_position: list[float] = []
        """Where the next fit goes on."""
        self.fit_rivals: list[list[float]] = []
        """The same for each number of stages, from 1 on; empty where it was not tried."""


class Population:
    """Sums over the regulars. O(1) per call."""

    def __init__(self, state: PopulationState) -> None:
        self.state = state

    @property
    def mu0(self) -> float:
        """Mean log gap of the shop's regulars, in days; as of the last refresh."""
        return self.state.mu0

    def voted(self, added: float, removed: float) -> None:
        """A regular's mean log gap has changed."""
        self.state.log_gap_sum += added - removed

    def joined(self, mean_log_gap: float, revenue_minor: int) -> None:
        """A customer has become a regular, or is one again."""
        self.state.regulars += 1
        self.state.log_gap_sum += mean_log_gap
        self.state.regular_revenue_minor += revenue_minor

    def left(self, mean_log_gap: float, revenue_minor: int) -> None:
        """A regular is taken out."""
        self.state.regulars -= 1
        self.state.log_gap_sum -= mean_log_gap
        self.state.regular_revenue_minor -= revenue_minor

    def spent(self, minor: int) -> None:
        """A regular has paid, or got back where it is negative."""
        self.state.regular_revenue_minor += minor

    def recounted(self, regulars: Iterable[tuple[float, int]]) -> None:
        """Who is a regular is told anew: mean log gap and revenue of each, in whatever order."""
        told = list(regulars)
        self.state.regulars, self.state.log_gap_sum = len(told), fsum([mean_log_gap for mean_log_gap, _ in told])
        self.state.regular_revenue_minor = sum([revenue_minor for _, revenue_minor in told])

    @property
    def lacks_regulars(self) -> bool:
        """Whether there are too few regulars to tell the pace."""
        return self.state.regulars < _REGULARS_NEEDED

    def settle(self) -> None:
        """The pace is told anew, from regulars enough."""
        if not self.lacks_regulars:
            self.state.mu0 = self.state.log_gap_sum / self.state.regulars

    def mean_regular_revenue_minor(self) -> float | None:
        """None without regulars."""
        return self.state.regular_revenue_minor / self.state.regulars if self.state.regulars else None
