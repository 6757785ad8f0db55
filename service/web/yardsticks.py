"""The shop's yearly retention beside the usual one of its industry.

The usual rates (SPEC section 8) are quoted everywhere and explained nowhere: rules of thumb. They are yearly, so that they stand
beside the last 365 days; a rate from month to month is lower by nature, and being below a yearly yardstick says nothing then.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from service.domain.periods.numbers import PeriodRow
from service.domain.policy import Industry
from service.web.cards import before_is_partly_unknown
from service.web.drawing import Line, bar
from service.wording.formats import Words

USUAL_RETENTION: Mapping[Industry, int] = {
    Industry.RETAIL: 63,
    Industry.CAFE: 55,
    Industry.PROFESSIONAL_SERVICES: 84,
}
"""Percent of a year's customers who buy in the next one. If wrong, a shop is pleased or worried for nothing; no decision uses it."""
YEARLY = ("year", "rolling_365")
"""Granularities whose retention may be compared with it."""

_LEVEL = 1.0
"""Points; a rule of thumb is no finer than that."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """The panel, ready to print. Empty strings are left out by the template."""

    lines: list[Line]
    verdict: str
    caution: str


def compare(years: Sequence[PeriodRow], first_day: date | None, industry: Industry, words: Words) -> Comparison:
    """`years` are the rolling_365 rows, oldest first; the last complete one is the shop's. `first_day` is that of the first purchase."""
    shown = next((row for row in reversed(years) if row.complete), None)
    rate = None if shown is None else shown.retention_rate
    own = words.say("unknown") if rate is None else words.percent(rate)
    lines = [Line("own", words.say("yardstick.own"), own, bar(rate or 0.0, 100))]
    for each, usual in USUAL_RETENTION.items():
        if industry in (each, Industry.NONE):
            lines.append(Line("usual", words.say(f"industry.{each.value}"), about(each, words), bar(usual, 100)))
    caution = ""
    if rate is None:
        caution = words.say("yardstick.too_young")
    elif shown and first_day and before_is_partly_unknown(shown, first_day):
        caution = words.say("partly_known", day=words.day(first_day), of_before=words.before("rolling_365", "of"))
    return Comparison(lines, _verdict(rate, industry, words), caution)


def about(industry: Industry, words: Words) -> str:
    return words.say("yardstick.about", rate=words.percent(USUAL_RETENTION[industry], whole=True))


def _verdict(rate: float | None, industry: Industry, words: Words) -> str:
    """Empty where there is nothing to compare, or with what."""
    if rate is None or industry is Industry.NONE:
        return ""
    difference = rate - USUAL_RETENTION[industry]
    key = "level" if abs(difference) < _LEVEL else "above" if difference > 0 else "below"
    return words.say(f"yardstick.{key}", points=words.decimal(abs(difference)))
