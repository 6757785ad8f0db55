"""What is learned from everybody of one partition: the usual pace, how long healthy silences last (silences.py), who is gone (churn_fit.py).

Refreshed weekly, in stream time. A visit costs O(1), and a refresh depends on the days and kinds of open silences, never on the
number of customers.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import exp, log
from typing import Any, Final

from service.domain.calendar import DAY_US
from service.domain.customer import NEVER, Customer
from service.domain.learning.churn_fit import Sample, fit
from service.domain.learning.churn_model import ChurnModel
from service.domain.learning.newcomers import Newcomers, ReturnTimes
from service.domain.learning.silences import UNKNOWN, Silences, Tolerances

REFRESH_US: Final = 7 * DAY_US
_COLD_GAP_DAYS: Final = 14.0
_REGULARS_NEEDED: Final = 30
_FIELDS: Final = (
    "mu0", "log_gap_sum", "regulars", "regular_revenue_minor", "next_refresh_us",
    "sample_level", "fits", "next_fit_us", "model", "fit_position",
)  # fmt: skip
_FITS_PER_PACE: Final = 8
_LONGEST_PACE: Final = 4
"""Weeks between fits of the churn model: one at first, one more after each 8 fits, four in the end."""


class PopulationState:
    """What a restart must know; open silences are rebuilt from the customers."""

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

    def fields(self) -> tuple[object, ...]:
        """In the order in which they are stored; new ones are appended."""
        return (
            self.mu0,
            self.log_gap_sum,
            self.regulars,
            self.regular_revenue_minor,
            self.next_refresh_us,
            self.sample_level,
            self.fits,
            self.next_fit_us,
            self.model,
            self.fit_position,
        )

    @classmethod
    def of(cls, fields: Sequence[Any]) -> PopulationState:
        """What `fields` gave; missing ones keep their defaults."""
        state = cls()
        for name, value in zip(_FIELDS, fields, strict=False):
            setattr(state, name, value)
        return state


class Learned:
    """What has been learned so far, frozen: a record tells the numbers of its own time, whatever is learned later in the turn."""

    def __init__(self, tolerances: Tolerances, model: ChurnModel, returns: ReturnTimes | None = None) -> None:
        self.tolerances: Final = tolerances
        self.model: Final = model
        self.returns: Final = returns
        """When newcomers come again; None where nobody asks."""


class Population:
    """Learning of one partition. Deterministic in the order of its calls."""

    def __init__(
        self, state: PopulationState | None = None, learn_until_us: int = NEVER, newcomers: Newcomers | None = None
    ) -> None:
        """`newcomers`: given where their next visits are learned too."""
        self.state = state or PopulationState()
        self._learn_until_us = learn_until_us
        """The last refresh; from then on what was learned stays as it is."""
        self.sample = Sample(self.state.sample_level)
        self.silences = Silences()
        self.newcomers: Final = newcomers
        self.learned = Learned(UNKNOWN, self._model(), self._returns_unknown())

    def _returns_unknown(self) -> ReturnTimes | None:
        return None if self.newcomers is None else ReturnTimes([], exp(self.state.mu0))

    def _model(self) -> ChurnModel:
        values = self.state.model
        return ChurnModel(int(values[0]), *values[1:]) if values else ChurnModel()

    def restored(self, tolerances: Tolerances, returns: ReturnTimes | None) -> None:
        """After the state and the rows of `silences` have been read back: what the last refresh had found; `returns` None = nothing yet."""
        self.learned = Learned(tolerances, self._model(), returns or self._returns_unknown())

    @property
    def mu0(self) -> float:
        """Mean log gap in days."""
        return self.state.mu0

    def vote(self, added: float, removed: float) -> None:
        """A regular's mean log gap has changed."""
        self.state.log_gap_sum += added - removed

    def regular_joined(self, mean_log_gap: float, revenue_minor: int) -> None:
        self.state.regulars += 1
        self.state.log_gap_sum += mean_log_gap
        self.state.regular_revenue_minor += revenue_minor

    def regular_left(self, mean_log_gap: float, revenue_minor: int) -> None:
        self.state.regulars -= 1
        self.state.log_gap_sum -= mean_log_gap
        self.state.regular_revenue_minor -= revenue_minor

    @property
    def next_refresh_us(self) -> int:
        return self.state.next_refresh_us

    def begin(self, now_us: int) -> None:
        """The first event: refreshes start at the next whole week since the epoch, the same for every partition."""
        self._next_after(now_us)

    def refresh(self, today: int) -> None:
        """The refresh that is due; `today` is the local day it falls on."""
        self._next_after(self.state.next_refresh_us)
        state = self.state
        if state.regulars >= _REGULARS_NEEDED:
            state.mu0 = state.log_gap_sum / state.regulars
        tolerances = self.silences.refresh(today, state.mu0) or self.learned.tolerances
        returns = None if self.newcomers is None else self.newcomers.refresh(today, state.mu0)
        self.learned = Learned(tolerances, self.learned.model, returns)

    def _next_after(self, now_us: int) -> None:
        if now_us >= self._learn_until_us:
            self.state.next_refresh_us = NEVER
        else:
            self.state.next_refresh_us = min((now_us // REFRESH_US + 1) * REFRESH_US, self._learn_until_us)

    def fit_due(self, now_us: int) -> bool:
        """Whether the churn model is to be fitted anew at this refresh."""
        return now_us >= min(self.state.next_fit_us, self._learn_until_us)

    def fit(self, sampled: list[Customer], now_us: int) -> None:
        """Fits the churn model to the customers of the sample."""
        state = self.state
        model, state.fit_position = fit(sampled, now_us, state.fit_position)
        state.model = [model.stages, model.r, model.alpha, model.a, model.b, model.spend_minor]
        state.next_fit_us = now_us + min(_LONGEST_PACE, 1 + state.fits // _FITS_PER_PACE) * REFRESH_US
        state.fits += 1
        self.learned = Learned(self.learned.tolerances, model, self.learned.returns)

    def first_visit(self, customer_id: str) -> None:
        """A customer has come for the first time, or was restored."""
        self.sample.offer(customer_id)
        self.state.sample_level = self.sample.level

    def mean_regular_revenue_minor(self) -> float | None:
        """None without regulars."""
        return self.state.regular_revenue_minor / self.state.regulars if self.state.regulars else None
