"""Which thresholds a period crosses: pure. Of each threshold and period there is one notice at most.

The rules in words:

- Looked at is the newest period of the threshold's length that is over.
- below, above: told when the number crosses the limit, and not again before it has come back by more than the
  hysteresis, which is told too.
- falls, rises: told of each period that differs from the one before by more than chance (95 %), as the page colours it.
- A number that rests on too few people or answers is not judged, nor one that is not known.
- A threshold that is set otherwise under the same name begins anew.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final, NamedTuple

from service.config.sections.notices import ThresholdSettings
from service.domain.periods.beyond_chance import change_of
from service.domain.periods.numbers import PeriodRow

_RESTS_ON: Final[Mapping[str, str]] = {
    "retention_rate": "customers_at_start",
    "churn_rate": "customers_at_start",
    "nps": "nps_n",
    "csat": "csat_n",
    "ces": "ces_n",
    "ces_favourable_rate": "ces_n",
    "revenue": "orders",
    "average_order_value": "orders",
}
"""Number → what it is a share or a mean of; all others are of the period's customers."""


class State(StrEnum):
    BEGINS = "begins"
    """The limit has been crossed."""
    ENDS = "ends"
    """The number is back."""
    CHANGED = "changed"
    """It has fallen, or risen."""


class Notice(NamedTuple):
    """One thing to tell."""

    threshold: ThresholdSettings
    state: State
    row: PeriodRow
    before: PeriodRow | None
    """The period before; None: it is not known."""
    value: float
    rests_on: int
    low: float | None = None
    """95 % interval of the change against the period before; None: it is not told."""
    high: float | None = None

    @property
    def id(self) -> str:
        """The same threshold, length and period always give the same."""
        return f"{self.threshold.name}:{self.row.granularity}:{self.row.start.isoformat()}"


class Told(NamedTuple):
    """The newest notice of a threshold."""

    state: str
    about: tuple[object, ...]
    """What the threshold was then (`about`)."""


def about(threshold: ThresholdSettings) -> tuple[object, ...]:
    """What makes it this threshold and no other."""
    return (threshold.number, threshold.period, threshold.when, threshold.limit)


def notice_of(
    threshold: ThresholdSettings, row: PeriodRow, before: PeriodRow | None, told: Told | None
) -> Notice | None:
    """What the period `row`, which is over, gives to tell; None: nothing. `told`: the newest notice of the threshold,
    which is of an earlier period."""
    found = getattr(row, threshold.number)
    rests_on = getattr(row, _RESTS_ON.get(threshold.number, "customers_at_end"))
    if found is None or rests_on < threshold.at_least:
        return None
    value = float(found)
    if threshold.limit is None:
        return _change(threshold, row, before, value, rests_on)
    sign = 1.0 if threshold.when == "below" else -1.0
    beyond = sign * (threshold.limit - value)
    begun = told is not None and told.about == about(threshold) and told.state == State.BEGINS
    if begun:
        return Notice(threshold, State.ENDS, row, before, value, rests_on) if beyond <= -threshold.back_by else None
    return Notice(threshold, State.BEGINS, row, before, value, rests_on) if beyond > 0.0 else None


def _change(
    threshold: ThresholdSettings, row: PeriodRow, before: PeriodRow | None, value: float, rests_on: int
) -> Notice | None:
    if before is None:
        return None
    change = change_of(threshold.number, row, before, lambda *_: ())
    if change is None or not change.beyond_chance or change.interval is None:
        return None
    if (change.value < 0.0) != (threshold.when == "falls"):
        return None
    return Notice(threshold, State.CHANGED, row, before, value, rests_on, change.interval.low, change.interval.high)
