"""When the shop is told that a number has gone too far: `[[notices.thresholds]]`, one table each. None by default."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from service.config.sections.section import Section
from service.domain.periods.numbers import UNITS

WITH_CHANCE = frozenset({"retention_rate", "churn_rate", "repeat_purchase_rate", "nps", "csat", "ces"})
"""Numbers of which it can be told whether a change is more than chance."""
_USUAL_RETURN = 0.05


class ThresholdSettings(Section):
    """One thing that the shop wants to hear of."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,59}$")]
    """What it is called in the notice and its id; every threshold has another one."""
    number: str
    """Which number, as `period-metrics` calls it, e.g. retention_rate or nps."""
    period: Literal["week", "month", "quarter", "year", "rolling_7", "rolling_30", "rolling_90", "rolling_365"] = (
        "month"
    )
    """Length of the periods that are looked at when they are over."""
    when: Literal["below", "above", "falls", "rises"] = "below"
    """below or above a limit; falls or rises by more than chance against the period before."""
    limit: Annotated[float, Field(ge=-1e12, le=1e12, allow_inf_nan=False)] | None = None
    """For below and above, and required there; in the number's own unit: rates in percent, money in the shop's
    currency."""
    hysteresis: Annotated[float, Field(ge=0, le=1e12, allow_inf_nan=False)] | None = None
    """By how much the number must be back beyond the limit before that is told and it can be told anew; unset: a
    twentieth of the limit."""
    at_least: Annotated[int, Field(ge=1, le=1_000_000_000)] = 30
    """People or answers that the number must rest on."""

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        if self.number not in UNITS:
            raise ValueError(f"there is no number {self.number!r}; there are {', '.join(sorted(UNITS))}")
        if self.when in ("below", "above"):
            if self.limit is None:
                raise ValueError(f"{self.when} needs a limit")
        elif self.limit is not None:
            raise ValueError(f"{self.when} has no limit: it compares with the period before")
        elif self.number not in WITH_CHANCE:
            raise ValueError(
                f"of {self.number} it cannot be told whether it {self.when} by more than chance; of "
                f"{', '.join(sorted(WITH_CHANCE))} it can"
            )
        return self

    @property
    def back_by(self) -> float:
        """The hysteresis that holds."""
        if self.hysteresis is not None:
            return self.hysteresis
        return _USUAL_RETURN * abs(self.limit or 0.0)


class NoticeSettings(Section):
    """Without a threshold nothing is looked at, and there is no topic."""

    thresholds: Annotated[list[ThresholdSettings], Field(max_length=100)] = []
    """What the shop wants to be told of on `shop-notices`: a table of its own each."""
    wait_days: Annotated[int, Field(ge=0, le=31)] = 1
    """So many whole days after its end is a period looked at: what arrives late is in it by then."""

    @model_validator(mode="after")
    def _named_once(self) -> Self:
        names = [threshold.name for threshold in self.thresholds]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"thresholds: {', '.join(twice)} is there twice; every threshold needs a name of its own")
        return self
