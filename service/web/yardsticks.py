"""The shop's yearly retention beside the usual one of its industry, where the two can be compared: a rate of a year
stands beside a year, or the last 365 days, and beside nothing shorter. From month to month every shop keeps fewer.

The usual rates are those of a list that is copied everywhere (`SOURCE`); how they were asked is not told in it, so they
are rules of thumb.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from service.domain.periods.beyond_chance import is_off_target
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
SOURCE = "Exploding Topics, “Customer Retention By Industry”, December 2023, explodingtopics.com/blog/customer-retention-rates"
"""Where all three are in one list; for cafés it is that of hospitality, travel and restaurants."""
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
    source: str


def compare(shown: PeriodRow, first_day: date | None, industry: Industry, formats: Formats) -> Comparison | None:
    """`first_day`: that of the first purchase. None where the period has no yardstick: it is no year, or not over."""
    if shown.granularity not in YEARLY or not shown.complete:
        return None
    rate = shown.retention_rate
    own = formats.say("unknown") if rate is None else formats.percent(rate)
    lines = [BarLine("own", formats.say("yardstick.own"), own, bar(rate or 0.0, 100))]
    for each, usual in USUAL_RETENTION.items():
        if industry in (each, Industry.NONE):
            lines.append(BarLine("usual", formats.say(f"industry.{each.value}"), about(each, formats), bar(usual, 100)))
    careful = caution(shown, first_day, formats) if first_day else ""
    if rate is None:
        careful = formats.say("yardstick.too_young")
    return Comparison(
        lines, _verdict(shown, industry, formats), careful, formats.say("yardstick.source", source=SOURCE)
    )


def about(industry: Industry, formats: Formats) -> str:
    return formats.say("yardstick.about", rate=formats.percent(USUAL_RETENTION[industry], whole=True))


def _verdict(shown: PeriodRow, industry: Industry, formats: Formats) -> str:
    """Empty where there is nothing to compare, or with what. Level is what may be chance, or no more than a point."""
    if shown.retention_rate is None or industry is Industry.NONE:
        return ""
    usual = USUAL_RETENTION[industry]
    difference = shown.retention_rate - usual
    off = abs(difference) >= _LEVEL and is_off_target("retention_rate", shown, usual)
    key = "level" if not off else "above" if difference > 0 else "below"
    return formats.say(f"yardstick.{key}", points=formats.decimal(abs(difference)))
