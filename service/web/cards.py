"""The numbers of one period as cards and as a table, each with what it rests on, its changes and its trend."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from markupsafe import Markup

from service.domain.periods.beyond_chance import Change, MoneyByDay, change_of
from service.domain.periods.numbers import UNITS, PeriodRow, Unit
from service.web.shop_view import Expected
from service.web.shown import Shown
from service.web.targets import Target
from service.wording.figures import sparkline
from service.wording.formats import Formats
from service.wording.period_names import before, name_with_state, period_name
from service.wording.period_numbers import (
    LESS_IS_BETTER,
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
_MIRRORED = "churn_rate"
"""It moves by what retention moves, the other way: that is said once."""
LIFETIME = "lifetime_value"
"""The one number of the page that is of no period: what is expected of a customer."""


@dataclass(frozen=True, slots=True)
class Moved:
    """A change, ready to print."""

    text: str
    mood: str
    """good, bad or flat: the class of the change."""
    interval: str
    """In words; empty where there is none."""


@dataclass(frozen=True, slots=True)
class Card:
    """A number, ready to print. Empty strings are left out by the template."""

    title: str
    explained: str
    known: bool
    value: str
    basis: str
    changes: list[Moved]
    target: Target | None
    running: tuple[str, str] | None
    """Value and basis of the running period."""
    method: str
    """How its interval is made."""
    trend: Markup
    trend_told: str


def card(name: str, of: Shown, target: Target | None, money_by_day: MoneyByDay, formats: Formats) -> Card:
    periods = of.periods
    shown, running = periods.shown, periods.running
    told = _trend_told(name, periods, formats)
    title = formats.say(f"number.{name}")
    changes = _changes(name, periods, money_by_day, formats)
    if not of.before_is_whole:
        changes = [replace(each, mood="flat") for each in changes]
    return Card(
        title=title,
        explained=formats.say(f"explain.{name}", of_before=before(shown.granularity, "of", formats)),
        known=getattr(shown, name) is not None,
        value=written(name, shown, formats),
        basis=formats.say("unknown.too_long") if name in of.unknown else rests_on(name, shown, formats),
        changes=changes,
        target=target,
        running=(written(name, running, formats), basis(name, running, formats)) if running else None,
        method=formats.say(f"method.{name}") if any(each.interval for each in changes) else "",
        trend=sparkline([value_of(row, name) for row in periods.trend], f"{title}: {told}"),
        trend_told=told,
    )


def lifetime_card(expected: Expected | None, target: Target | None, unit: Decimal, formats: Formats) -> Card:
    """`unit`: of the smallest coin."""
    known = expected is not None and expected.customers > 0
    told = []
    if expected is not None and known:
        everybody = formats.estimate(expected.value_minor * unit)
        told.append(formats.say(f"{LIFETIME}.all", all=everybody, customers=formats.count(expected.customers)))
    mean = Decimal(expected.value_minor) * unit / expected.customers if known and expected else Decimal(0)
    return Card(
        title=formats.say(f"number.{LIFETIME}"),
        explained=" ".join([formats.say(f"explain.{LIFETIME}"), *told]),
        known=known,
        value=formats.estimate(mean.quantize(unit)) if known else formats.say("unknown"),
        basis=formats.say(f"basis.{LIFETIME}") if known else "",
        changes=[],
        target=target,
        running=None,
        method="",
        trend=Markup(),
        trend_told="",
    )


def _changes(name: str, periods: ShownPeriods, money_by_day: MoneyByDay, formats: Formats) -> list[Moved]:
    """Against the period before, and the same one of the year before."""
    shown, found = periods.shown, []
    if not shown.complete or name == _MIRRORED:
        return []
    if periods.before is not None:
        change = change_of(name, shown, periods.before, money_by_day)
        if change is not None:
            found.append(_moved(name, change, before(shown.granularity, "on", formats), formats))
    if periods.last_year is not None:
        change = change_of(name, shown, periods.last_year, money_by_day)
        if change is not None:
            on = formats.say("before.on.named", period=period_name(periods.last_year, formats, short=True))
            found.append(_moved(name, change, on, formats))
    return found


def _moved(name: str, change: Change, on_before: str, formats: Formats) -> Moved:
    """Money in percent, everything else in points."""
    relative = UNITS[name] is Unit.MONEY
    if abs(change.value) < _ROUGHLY:
        return Moved(formats.say("no_change", on_before=on_before), "flat", "")
    text = formats.say("change", change=formats.signed(change.value, percent=relative), on_before=on_before)
    interval = ""
    if change.interval is not None:
        low, high = (formats.signed(each, percent=relative) for each in change.interval[1:])
        interval = formats.say("change.interval", on_before=on_before, low=low, high=high)
    if not change.beyond_chance:
        return Moved(formats.say("within_margin", change=text), "flat", interval)
    return Moved(text, "good" if (change.value > 0) is (name not in LESS_IS_BETTER) else "bad", interval)


def _trend_told(name: str, periods: ShownPeriods, formats: Formats) -> str:
    """What the drawing shows; empty where there is none."""
    known = [row for row in periods.trend if getattr(row, name) is not None]
    return "" if len(known) < 2 else trend(name, known, formats)


def table(rows: Sequence[PeriodRow], formats: Formats) -> tuple[list[str], list[tuple[str, list[str]]]]:
    """(column headings, rows of name and cells)."""
    written_rows = [(name_with_state(row, formats), [cell(name, row, formats) for name in TABLE]) for row in rows]
    return [formats.say(f"column.{name}") for name in TABLE], written_rows
