"""What the shop wants its numbers to be; the page shows each beside its number."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from service.config.sections.section import Section

Share = Annotated[float, Field(ge=0, le=100, allow_inf_nan=False)]
"""In percent, as the numbers are told."""
Money = Annotated[Decimal, Field(ge=0, le=1_000_000_000_000, allow_inf_nan=False)]


class TargetSettings(Section):
    """A number without a target is shown without one."""

    period: Literal["week", "month", "quarter", "year", "rolling_7", "rolling_30", "rolling_90", "rolling_365"] = (
        "month"
    )
    """The length of period that `retention_rate`, `churn_rate`, `repeat_purchase_rate`, `revenue` and
    `purchase_frequency` are meant for: another length has other numbers, and shows none of these targets."""
    retention_rate: Share | None = None
    """At least so much of retention, in percent."""
    churn_rate: Share | None = None
    """At most so much of churn, in percent; with `retention_rate` it makes up 100."""
    repeat_purchase_rate: Share | None = None
    """At least so much of the repeat purchase rate, in percent."""
    lifetime_value: Money | None = None
    """At least so much money expected of a customer within the next 365 days, in the shop's currency."""
    revenue: Money | None = None
    """At least so much revenue in a period, in the shop's currency."""
    average_order_value: Money | None = None
    """At least so much money in an order, in the shop's currency."""
    purchase_frequency: Annotated[float, Field(ge=0, le=1_000_000, allow_inf_nan=False)] | None = None
    """At least so many orders per customer in a period."""
    nps: Annotated[float, Field(ge=-100, le=100, allow_inf_nan=False)] | None = None
    """At least so many points of the NPS."""
    csat: Share | None = None
    """At least so much of CSAT, in percent."""
    ces: Annotated[float, Field(ge=1, le=7, allow_inf_nan=False)] | None = None
    """At least so much on the scale of the CES, 1 (hard) to 7 (easy)."""

    @model_validator(mode="after")
    def _agree(self) -> Self:
        retention, churn = self.retention_rate, self.churn_rate
        if retention is not None and churn is not None and abs(retention + churn - 100) > _ROUNDING:
            raise ValueError(
                f"retention_rate {retention:g} and churn_rate {churn:g} do not add up to 100: set one of them"
            )
        return self


_ROUNDING = 0.05
OF_THE_PERIOD = frozenset({"retention_rate", "churn_rate", "repeat_purchase_rate", "revenue", "purchase_frequency"})
"""Targets that hold for one length of period."""
