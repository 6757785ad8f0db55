"""The numbers of one period as cards and as a table, each with what it rests on, its change and its trend."""

from __future__ import annotations

from dataclasses import dataclass
from math import hypot, sqrt

from markupsafe import Markup

from service.domain.periods.numbers import UNITS, PeriodRow, Unit
from service.domain.quantiles import Z_95
from service.wording.figures import sparkline
from service.wording.formats import Formats
from service.wording.period_names import before, name_with_state
from service.wording.period_numbers import (
    LESS_IS_BETTER,
    OF_ANSWERS,
    TABLE,
    basis,
    cell,
    rests_on,
    trend,
    value_of,
    written,
)
from service.wording.shown_periods import ShownPeriods

_ROUGHLY = 0.05
"""A change that would be shown as 0.0 is none."""


@dataclass(frozen=True, slots=True)
class Card:
    """A number, ready to print. Empty strings are left out by the template."""

    title: str
    explained: str
    known: bool
    value: str
    basis: str
    change: str
    mood: str
    """good, bad or flat: the class of the change."""
    running: tuple[str, str] | None
    """Value and basis of the running period."""
    trend: Markup
    trend_told: str


def card(name: str, periods: ShownPeriods, formats: Formats) -> Card:
    shown, running = periods.shown, periods.running
    change, mood = _change(name, periods, formats)
    told = _trend_told(name, periods, formats)
    title = formats.say(f"number.{name}")
    return Card(
        title=title,
        explained=formats.say(f"explain.{name}", of_before=before(shown.granularity, "of", formats)),
        known=getattr(shown, name) is not None,
        value=written(name, shown, formats),
        basis=rests_on(name, shown, formats),
        change=change,
        mood=mood,
        running=(written(name, running, formats), basis(name, running, formats)) if running else None,
        trend=sparkline([value_of(row, name) for row in periods.trend], f"{title}: {told}"),
        trend_told=told,
    )


def _change(name: str, periods: ShownPeriods, formats: Formats) -> tuple[str, str]:
    """(how much, mood) against the period before. Money in percent, everything else in points."""
    if periods.before is None or not periods.shown.complete:
        return "", "flat"
    now, then = value_of(periods.shown, name), value_of(periods.before, name)
    relative = UNITS[name] is Unit.MONEY
    if now is None or then is None or (relative and then <= 0):
        return "", "flat"
    difference = (now / then - 1) * 100 if relative else now - then
    on_before = before(periods.shown.granularity, "on", formats)
    if abs(difference) < _ROUGHLY:
        return formats.say("no_change", on_before=on_before), "flat"
    change = formats.say("change", change=formats.signed(difference, percent=relative), on_before=on_before)
    if name in OF_ANSWERS:
        margin = _margin_of_change(name, periods.shown, periods.before)
        if margin is None:
            return change, "flat"
        if abs(difference) <= margin:
            return formats.say("within_margin", change=change), "flat"
    return change, "good" if (difference > 0) is (name not in LESS_IS_BETTER) else "bad"


def _margin_of_change(name: str, now: PeriodRow, then: PeriodRow) -> float | None:
    """Half the width of the 95 % interval of a change in the answers, a few of which always differ.

    None = it cannot be told (CES). For shares it is that of Agresti & Caffo 2000 ("Simple and effective confidence
    intervals for proportions and differences of proportions", The American Statistician 54(4)): one answer of each sort
    is added on both sides.
    """
    match name:
        case "nps":
            return hypot(now.nps_margin or 0.0, then.nps_margin or 0.0)
        case "csat":
            shares = [((row.csat_satisfied + 1) / (row.csat_n + 2), row.csat_n + 2) for row in (now, then)]
            return 100 * Z_95 * sqrt(sum(share * (1 - share) / n for share, n in shares))
        case _:
            return None


def _trend_told(name: str, periods: ShownPeriods, formats: Formats) -> str:
    """What the drawing shows; empty where there is none."""
    known = [row for row in periods.trend if getattr(row, name) is not None]
    return "" if len(known) < 2 else trend(name, known, formats)


def table(periods: ShownPeriods, formats: Formats) -> tuple[list[str], list[tuple[str, list[str]]]]:
    """(column headings, rows of name and cells)."""
    rows = [(name_with_state(row, formats), [cell(name, row, formats) for name in TABLE]) for row in periods.listed]
    return [formats.say(f"column.{name}") for name in TABLE], rows
