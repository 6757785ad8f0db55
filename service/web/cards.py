"""The numbers of one period as cards and as a table, each with what it rests on, its change and its trend.

Large stands the last complete period, because one that has just begun looks like a disaster: whoever has not come yet counts
as lost. The running one stands beside it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import Enum, auto
from math import hypot, sqrt
from typing import assert_never

from markupsafe import Markup

from service.domain.calendar import Granularity, previous_period, to_date, to_day
from service.domain.periods.rows import LENGTH_YEARS, PeriodRow
from service.web.drawing import sparkline
from service.wording.formats import Words, window_days

_TREND_PERIODS = 13
"""Of months: a year, and the same month of the year before."""
_TREND_DAYS = 91
"""Rolling windows have a number every day; a quarter of them tells a trend from a wave."""
_TABLE_WINDOWS = 6
_ROUGHLY = 0.05
"""A change that would be shown as 0.0 is none."""
_Z_95 = 1.959963984540054
"""97.5 % quantile of the standard normal distribution: two-sided 95 %."""


class Unit(Enum):
    PERCENT = auto()
    POINTS = auto()
    MEAN = auto()
    MONEY = auto()


@dataclass(frozen=True, slots=True)
class Figure:
    """One number of a period. `better` +1: more is good, −1: less is."""

    name: str
    unit: Unit
    better: int = 1


GROUPS: dict[str, tuple[Figure, ...]] = {
    "come_back": (
        Figure("retention_rate", Unit.PERCENT),
        Figure("churn_rate", Unit.PERCENT, -1),
        Figure("repeat_purchase_rate", Unit.PERCENT),
    ),
    "bring": (
        Figure("customer_lifetime_value", Unit.MONEY),
        Figure("revenue", Unit.MONEY),
        Figure("average_order_value", Unit.MONEY),
    ),
    "say": (Figure("nps", Unit.POINTS), Figure("csat", Unit.PERCENT), Figure("ces", Unit.MEAN)),
}
TABLE = (
    "customers_at_start", "retained", "lost", "new", "returned", "customers_at_end", "retention_rate", "churn_rate",
    "repeat_purchase_rate", "orders", "revenue", "average_order_value", "purchase_frequency", "customer_lifetime_value",
)  # fmt: skip
"""Columns of the table."""
_UNITS = {figure.name: figure.unit for figures in GROUPS.values() for figure in figures} | {
    "purchase_frequency": Unit.MEAN
}


@dataclass(frozen=True, slots=True)
class Card:
    """A figure, ready to print. Empty strings are left out by the template."""

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


@dataclass(frozen=True, slots=True)
class History:
    """The rows of one granularity, oldest first, and which of them are shown."""

    rows: Sequence[PeriodRow]
    shown: PeriodRow
    """The last complete one; before there is one, the running one."""
    before: PeriodRow | None
    """The complete one that `shown` is compared with: it ends where `shown` begins."""
    running: PeriodRow | None
    """None where it is `shown` already."""
    trend: Sequence[PeriodRow]
    listed: Sequence[PeriodRow]
    """Of the table: periods that do not overlap, newest first; the running one, which may, on top."""


def history_of(rows: Sequence[PeriodRow]) -> History | None:
    """None before the first event."""
    if not rows:
        return None
    complete = [row for row in rows if row.complete]
    shown = complete[-1] if complete else rows[-1]
    running = rows[-1] if rows[-1] is not shown else None
    length = window_days(shown.granularity)
    newest_first = complete[::-1]
    side_by_side = newest_first[:_TREND_PERIODS] if length is None else newest_first[::length][:_TABLE_WINDOWS]
    return History(
        rows=rows,
        shown=shown,
        before=next((row for row in reversed(complete) if row.end == shown.start), None),
        running=running,
        trend=complete[-_TREND_PERIODS if length is None else -_TREND_DAYS :],
        listed=[*([rows[-1]] if not rows[-1].complete else []), *side_by_side],
    )


def before_is_partly_unknown(row: PeriodRow, first_day: date) -> bool:
    """Whether the first purchase known lies within the period before, so that customers at the start are only some of them."""
    length = window_days(row.granularity)
    if length is not None:
        begin = row.start - timedelta(days=length)
    else:
        begin = to_date(previous_period(Granularity(row.granularity), to_day(row.start)))
    return begin < first_day < row.start


def period_name(row: PeriodRow, words: Words) -> str:
    """Of a running calendar period with the warning that it is one; of the window of today just that."""
    if row.complete:
        return words.period(row)
    return words.say("with_today") if window_days(row.granularity) else words.say("so_far", period=words.period(row))


def card(figure: Figure, history: History, words: Words) -> Card:
    shown, running = history.shown, history.running
    known = getattr(shown, figure.name) is not None
    change, mood = _change(figure, history, words)
    granularity = shown.granularity
    values = [_number(row, figure.name) for row in history.trend]
    told = _trend_told(figure, history, words)
    title = words.say(f"number.{figure.name}")
    return Card(
        title=title,
        explained=words.say(f"explain.{figure.name}", of_before=words.before(granularity, "of")),
        known=known,
        value=written(figure.name, shown, words),
        basis=_basis(figure.name, shown, words) if known else _why_unknown(figure.name, shown, words),
        change=change,
        mood=mood,
        running=(written(figure.name, running, words), _basis(figure.name, running, words)) if running else None,
        trend=sparkline(values, f"{title}: {told}"),
        trend_told=told,
    )


def written(name: str, row: PeriodRow, words: Words) -> str:
    """A number of the row in its unit."""
    number = getattr(row, name)
    if number is None:
        return words.say("unknown")
    match _UNITS.get(name):
        case None:
            return words.count(number)
        case Unit.PERCENT:
            return words.percent(number)
        case Unit.POINTS:
            return words.points(number)
        case Unit.MEAN:
            return words.decimal(number)
        case Unit.MONEY:
            return words.money(number)
        case unit:
            assert_never(unit)


def _number(row: PeriodRow, name: str) -> float | None:
    value = getattr(row, name)
    return None if value is None else float(value)


def _basis(name: str, row: PeriodRow, words: Words) -> str:
    """What the number rests on: numerator and denominator, number of answers, margin. Empty where there is nothing."""
    if getattr(row, name) is None:
        return ""
    key = f"basis.{name}" + ("" if row.complete or window_days(row.granularity) else ".running")
    filled: dict[str, object]
    match name:
        case "retention_rate":
            filled = {"part": words.count(row.retained), "whole": words.count(row.customers_at_start)}
        case "churn_rate":
            filled = {"part": words.count(row.lost), "whole": words.count(row.customers_at_start)}
        case "repeat_purchase_rate":
            filled = {"part": words.count(row.repeat_customers), "whole": words.count(row.customers_at_end)}
        case "customer_lifetime_value":
            return words.say(key) if key.endswith(".running") else _lifetime(row, words)
        case "revenue":
            filled = {"orders": words.counted(row.orders, "orders")}
        case "average_order_value":
            filled = {"orders": words.measured(row.purchase_frequency or 0.0, "orders")}
        case "nps":
            filled = {"count": words.counted(row.nps_n, "answers"), "margin": words.points(row.nps_margin or 0.0)}
        case "csat":
            filled = {"part": words.count(row.csat_satisfied), "count": words.counted(row.csat_n, "answers")}
        case "ces":
            share = words.percent(row.ces_favourable_rate or 0.0)
            filled = {"share": share, "count": words.counted(row.ces_n, "answers")}
        case _:
            return ""
    return words.tongue.optional(key, **filled) or words.say(f"basis.{name}", **filled)


def _lifetime(row: PeriodRow, words: Words) -> str:
    """The three factors; empty where an order brought nothing, so that no lifespan can be told from the value."""
    average, value = row.average_order_value, row.customer_lifetime_value
    if not average or not row.purchase_frequency or value is None:
        return ""
    a_year = row.purchase_frequency / float(LENGTH_YEARS[row.granularity])
    return words.say(
        "basis.customer_lifetime_value",
        average=words.money(average),
        orders=words.measured(a_year, "orders"),
        years=words.measured(float(value / average) / a_year, "years"),
    )


def _why_unknown(name: str, row: PeriodRow, words: Words) -> str:
    if name in ("nps", "csat", "ces"):
        return words.say("unknown.answers")
    if name in ("repeat_purchase_rate", "average_order_value") or (
        name == "customer_lifetime_value" and not row.orders
    ):
        return words.say("unknown.orders")
    return words.say("unknown.before", of_before=words.before(row.granularity, "of"))


def _change(figure: Figure, history: History, words: Words) -> tuple[str, str]:
    """(how much, mood) against the period before. Money in percent, everything else in points."""
    if history.before is None or not history.shown.complete:
        return "", "flat"
    after, before = _number(history.shown, figure.name), _number(history.before, figure.name)
    relative = figure.unit is Unit.MONEY
    if after is None or before is None or (relative and before <= 0):
        return "", "flat"
    difference = (after / before - 1) * 100 if relative else after - before
    on_before = words.before(history.shown.granularity, "on")
    if abs(difference) < _ROUGHLY:
        return words.say("no_change", on_before=on_before), "flat"
    change = words.say("change", change=words.signed(difference, percent=relative), on_before=on_before)
    if figure.name in ("nps", "csat", "ces"):
        margin = _margin_of_change(figure.name, history.shown, history.before)
        if margin is None:
            return change, "flat"
        if abs(difference) <= margin:
            return words.say("within_margin", change=change), "flat"
    return change, "good" if difference * figure.better > 0 else "bad"


def _margin_of_change(name: str, after: PeriodRow, before: PeriodRow) -> float | None:
    """Half the width of the 95 % interval of a change in the answers: a few of them always differ. None = it cannot be told (CES).

    For shares that of Agresti & Caffo 2000 ("Simple and effective confidence intervals for proportions and differences of
    proportions", The American Statistician 54(4)): one answer of each sort added on both sides.
    """
    match name:
        case "nps":
            return hypot(after.nps_margin or 0.0, before.nps_margin or 0.0)
        case "csat":
            shares = [((row.csat_satisfied + 1) / (row.csat_n + 2), row.csat_n + 2) for row in (after, before)]
            return 100 * _Z_95 * sqrt(sum(share * (1 - share) / n for share, n in shares))
        case _:
            return None


def _trend_told(figure: Figure, history: History, words: Words) -> str:
    """What the drawing shows, in words: its span, its lowest and its highest value."""
    known = [row for row in history.trend if getattr(row, figure.name) is not None]
    if len(known) < 2:
        return ""
    lowest, highest = (pick(known, key=lambda row: getattr(row, figure.name)) for pick in (min, max))
    return words.say(
        "trend",
        step=words.say("step.day" if window_days(known[0].granularity) else f"step.{known[0].granularity}"),
        span=words.from_to(known[0], known[-1]),
        low=written(figure.name, lowest, words),
        high=written(figure.name, highest, words),
    )


def table(history: History, words: Words) -> tuple[list[str], list[tuple[str, list[str]]]]:
    """(column headings, rows of name and cells). A dash stands for what is unknown."""
    rows = [
        (
            period_name(row, words),
            [written(name, row, words) if getattr(row, name) is not None else "–" for name in TABLE],
        )
        for row in history.listed
    ]
    return [words.say(f"column.{name}") for name in TABLE], rows
