"""Section "The shop's numbers": the last complete periods side by side, their trend, and the periods one by one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import groupby
from typing import Final

from markupsafe import Markup

from service.domain.calendar import Granularity
from service.domain.periods.numbers import UNITS, PeriodRow, Unit
from service.domain.periods.rows import to_csv_cell
from service.report import charts
from service.report.material import Facts
from service.wording.formats import Formats
from service.wording.period_names import length_name, name_with_state, period_name
from service.wording.period_numbers import (
    GROUPS,
    OF_ANSWERS,
    TABLE,
    cell,
    rests_on,
    trend,
    value_of,
    written,
)
from service.wording.shown_periods import choose_periods

SIDE_BY_SIDE = (
    Granularity.MONTH.value, Granularity.QUARTER.value, Granularity.YEAR.value, "rolling_30", "rolling_365",
)  # fmt: skip
_FEWEST_MONTHS = 4
"""With fewer complete months the trend is shown by week."""
_MOST_STEPS = 36
"""Three years of months; more would not be read."""
_OF_MONEY: Final = frozenset(name for name, unit in UNITS.items() if unit is Unit.MONEY)

Rows = Mapping[str, Sequence[PeriodRow]]
"""By length of period, oldest first."""


@dataclass(frozen=True, slots=True)
class Cell:
    text: str
    raw: str
    """As in periods.csv; empty for unknown."""
    basis: str = ""


@dataclass(frozen=True, slots=True)
class Headline:
    """The one lifetime value, as on the page: what the model expects of a customer within 365 days."""

    title: str
    value: Cell
    explained: str


@dataclass(frozen=True, slots=True)
class Numbers:
    headline: Headline | None
    """None: the log holds no amounts, or everybody is lost."""
    columns: list[tuple[str, str]]
    """(kind of period, which one)"""
    rows: list[tuple[str, str, list[Cell]]]
    """(number, what it is, cells)"""
    remarks: list[str]
    charts: list[tuple[str, Markup, str]]
    """(title, drawing, what to say where there is none)"""
    steps: str
    """Name of the table of periods."""
    step_columns: list[str]
    step_rows: list[tuple[str, list[Cell]]]


def _begun(sentence: str) -> str:
    """A phrase as it stands by itself."""
    return sentence[:1].upper() + sentence[1:]


def compose(facts: Facts, formats: Formats) -> Numbers:
    rows = {name: [*found] for name, found in groupby(facts.periods, key=lambda row: row.granularity)}
    shown = [periods.shown for name in SIDE_BY_SIDE if (periods := choose_periods(rows.get(name, []))) is not None]
    years = rows.get(Granularity.YEAR.value, [])
    amounts = any(row.revenue for row in years)
    answers = any(row.nps_n or row.csat_n or row.ces_n for row in years)
    steps = _steps(rows)
    step = steps[0].granularity if steps else Granularity.WEEK.value
    columns = [name for name in TABLE if amounts or name not in _OF_MONEY]
    return Numbers(
        headline=_lifetime(facts, formats) if amounts else None,
        columns=[(length_name(row.granularity, formats), name_with_state(row, formats)) for row in shown],
        rows=[_side_by_side(name, shown, formats) for name in _told(shown, amounts=amounts)],
        remarks=[
            formats.say(f"numbers.{lacking}")
            for lacking, there in (("no_amounts", amounts), ("no_answers", answers))
            if not there
        ],
        charts=list(_charts(steps, formats, amounts=amounts)),
        steps=formats.say(f"numbers.steps.{step}"),
        step_columns=[formats.say(f"column.{name}") for name in columns],
        step_rows=[
            (
                period_name(row, formats),
                [Cell(cell(name, row, formats), to_csv_cell(getattr(row, name))) for name in columns],
            )
            for row in reversed(steps)
        ],
    )


def _lifetime(facts: Facts, formats: Formats) -> Headline | None:
    tally, unit = facts.customers, Decimal(1).scaleb(-facts.result.settings.shop.minor_digits)
    if not tally.expected_of:
        return None
    mean = (tally.expected_minor * unit / tally.expected_of).quantize(unit)
    everybody = formats.say(
        "lifetime_value.all",
        all=formats.estimate(tally.expected_minor * unit),
        customers=formats.count(tally.expected_of),
    )
    return Headline(
        formats.say("number.lifetime_value"),
        Cell(formats.estimate(mean), str(mean), formats.say("basis.lifetime_value")),
        _begun(f"{formats.say('explain.lifetime_value')} {everybody}"),
    )


def _told(shown: Sequence[PeriodRow], *, amounts: bool) -> Iterator[str]:
    """Without money where the log holds no amounts, and without what no survey was answered for."""
    for names in GROUPS.values():
        for name in names:
            if name in _OF_MONEY and not amounts:
                continue
            if name in OF_ANSWERS and all(getattr(row, name) is None for row in shown):
                continue
            yield name


def _side_by_side(name: str, shown: Sequence[PeriodRow], formats: Formats) -> tuple[str, str, list[Cell]]:
    """Explained as on the page, unless the report has an explanation of its own."""
    cells = [
        Cell(written(name, row, formats), to_csv_cell(getattr(row, name)), rests_on(name, row, formats))
        for row in shown
    ]
    explained = formats.catalogue.optional(f"numbers.{name}") or formats.say(f"explain.{name}")
    return formats.say(f"number.{name}"), explained, cells


def _steps(rows: Rows) -> Sequence[PeriodRow]:
    """Complete months, or weeks where there are few months; the newest ones."""
    months, weeks = (
        [row for row in rows.get(name, []) if row.complete]
        for name in (Granularity.MONTH.value, Granularity.WEEK.value)
    )
    return (months if len(months) >= _FEWEST_MONTHS else weeks)[-_MOST_STEPS:]


def _charts(steps: Sequence[PeriodRow], formats: Formats, *, amounts: bool) -> Iterator[tuple[str, Markup, str]]:
    def percent(rate: float) -> str:
        return formats.percent(rate, whole=True)

    drawings: list[tuple[str, Callable[..., Markup], Callable[[float], str]]] = [
        ("retention_rate", charts.line, percent),
        ("churn_rate", charts.line, percent),
        ("customers_at_end", charts.bars, lambda number: formats.count(round(number))),
    ]
    if amounts:
        drawings.append(("revenue", charts.bars, formats.short_money))
    monthly = bool(steps) and steps[0].granularity == Granularity.MONTH.value
    labels = [formats.label(row.start, "yMMM" if monthly else "MMMd") for row in steps]
    for name, draw, tick in drawings:
        title = formats.say(f"number.{name}")
        values = [value_of(row, name) for row in steps]
        if sum(value is not None for value in values) < 2:
            yield title, Markup(), formats.say("unknown")
        else:
            told = trend(name, steps, formats)
            yield title, draw(title, told, labels, values, tick), told
