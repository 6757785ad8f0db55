"""The shop's yearly retention beside the usual one of its industry.

The usual rates are quoted everywhere and explained nowhere: they are rules of thumb. They are yearly, so that they
stand beside the last 365 days; a rate from month to month is lower by nature, and being below a yearly yardstick says
nothing then.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from service.domain.periods.numbers import PeriodRow
from service.domain.policy import Industry
from service.wording.figures import BarLine, bar
from service.wording.formats import Formats
from service.wording.shown_periods import caution

USUAL_RETENTION: Mapping[Industry, int] = {
    Industry.RETAIL: 63,
    Industry.CAFE: 55,
    Industry.PROFESSIONAL_SERVICES: 84,
}
"""Percent of a year's customers who buy in the next one. If wrong, a shop is pleased or worried for nothing; no
decision uses it."""
YEARLY = ("year", "rolling_365")
"""Granularities whose retention may be compared with it."""

_LEVEL = 1.0
"""Points; a rule of thumb is no finer than that."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """The panel, ready to print. Empty strings are left out by the template."""

    lines: list[BarLine]
    verdict: str
    caution: str


def compare(years: Sequence[PeriodRow], first_day: date | None, industry: Industry, formats: Formats) -> Comparison:
    """`years`: the rolling_365 rows, oldest first, of which the last complete one counts.

    `first_day`: that of the first purchase.
    """
    shown = next((row for row in reversed(years) if row.complete), None)
    rate = None if shown is None else shown.retention_rate
    own = formats.say("unknown") if rate is None else formats.percent(rate)
    lines = [BarLine("own", formats.say("yardstick.own"), own, bar(rate or 0.0, 100))]
    for each, usual in USUAL_RETENTION.items():
        if industry in (each, Industry.NONE):
            lines.append(BarLine("usual", formats.say(f"industry.{each.value}"), about(each, formats), bar(usual, 100)))
    if rate is None:
        careful = formats.say("yardstick.too_young")
    else:
        careful = caution(shown, first_day, formats) if shown and first_day else ""
    return Comparison(lines, _verdict(rate, industry, formats), careful)


def about(industry: Industry, formats: Formats) -> str:
    return formats.say("yardstick.about", rate=formats.percent(USUAL_RETENTION[industry], whole=True))


def _verdict(rate: float | None, industry: Industry, formats: Formats) -> str:
    """Empty where there is nothing to compare, or with what."""
    if rate is None or industry is Industry.NONE:
        return ""
    difference = rate - USUAL_RETENTION[industry]
    key = "level" if abs(difference) < _LEVEL else "above" if difference > 0 else "below"
    return formats.say(f"yardstick.{key}", points=formats.decimal(abs(difference)))
