"""Section "The shop's numbers": the last complete periods side by side, their trend, and the periods one by one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby

from babel.dates import format_skeleton
from babel.numbers import format_compact_currency
from markupsafe import Markup

from service.config import ShopSettings
from service.domain.calendar import Granularity
from service.domain.periods.numbers import UNITS, PeriodRow, Unit
from service.domain.periods.rows import to_cell
from service.report import charts
from service.report.material import Facts
from service.web.cards import GROUPS, TABLE, card, history_of, period_name, written
from service.wording.formats import Words

SIDE_BY_SIDE = (
    Granularity.MONTH.value, Granularity.QUARTER.value, Granularity.YEAR.value, "rolling_30", "rolling_365",
)  # fmt: skip
_FEWEST_MONTHS = 4
"""With fewer complete months the trend is shown by week."""
_MOST_STEPS = 36
"""Three years of months; more would not be read."""


@dataclass(frozen=True, slots=True)
class Cell:
    text: str
    raw: str
    """As in periods.csv; empty for unknown."""
    basis: str = ""


@dataclass(frozen=True, slots=True)
class Numbers:
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


def compose(facts: Facts, words: Words, shop: ShopSettings) -> Numbers:
    by_granularity = {name: [*rows] for name, rows in groupby(facts.periods, key=lambda row: row.granularity)}
    histories = [history for name in SIDE_BY_SIDE if (history := history_of(by_granularity.get(name, []))) is not None]
    remarks, rows = [], []
    no_amounts = not any(row.revenue for row in by_granularity.get(Granularity.YEAR.value, []))
    for group, figures in GROUPS.items():
        for figure in figures:
            cards = [card(figure, history, words) for history in histories]
            if no_amounts and _is_money(figure.name):
                continue
            if group == "say" and not any(each.known for each in cards):
                continue
            cells = [
                Cell(each.value, to_cell(getattr(history.shown, figure.name)), each.basis)
                for each, history in zip(cards, histories, strict=True)
            ]
            # explained as on the page, unless the report has an explanation of its own
            explained = words.tongue.optional(f"numbers.{figure.name}") or words.say(f"explain.{figure.name}")
            rows.append((words.say(f"number.{figure.name}"), explained, cells))
    if no_amounts:
        remarks.append(words.say("numbers.no_amounts"))
    if not any(row.nps_n or row.csat_n or row.ces_n for row in by_granularity.get(Granularity.YEAR.value, [])):
        remarks.append(words.say("numbers.no_answers"))
    months = [row for row in by_granularity.get(Granularity.MONTH.value, []) if row.complete]
    granularity = Granularity.MONTH.value if len(months) >= _FEWEST_MONTHS else Granularity.WEEK.value
    steps = [row for row in by_granularity.get(granularity, []) if row.complete][-_MOST_STEPS:]
    return Numbers(
        columns=[(_kind(history.shown.granularity, words), period_name(history.shown, words)) for history in histories],
        rows=rows,
        remarks=remarks,
        charts=_charts(steps, granularity, no_amounts, words, shop),
        steps=words.say(f"numbers.steps.{granularity}"),
        step_columns=[words.say(f"column.{name}") for name in TABLE if not (no_amounts and _is_money(name))],
        step_rows=[
            (
                words.period(row),
                [
                    Cell(
                        written(name, row, words) if getattr(row, name) is not None else "–",
                        to_cell(getattr(row, name)),
                    )
                    for name in TABLE
                    if not (no_amounts and _is_money(name))
                ],
            )
            for row in reversed(steps)
        ],
    )


def _is_money(name: str) -> bool:
    return UNITS[name] is Unit.MONEY


def _kind(granularity: str, words: Words) -> str:
    _, rolling, days = granularity.partition("rolling_")
    return words.say("period.rolling", days=days) if rolling else words.say(f"period.{granularity}")


def _charts(
    steps: Sequence[PeriodRow], granularity: str, no_amounts: bool, words: Words, shop: ShopSettings
) -> list[tuple[str, Markup, str]]:
    locale = words.tongue.locale
    skeleton = "yMMM" if granularity == Granularity.MONTH.value else "MMMd"
    labels = [str(format_skeleton(skeleton, row.start, locale=locale)) for row in steps]

    def told(name: str) -> str:
        known = [row for row in steps if getattr(row, name) is not None]
        lowest, highest = (pick(known, key=lambda row: getattr(row, name)) for pick in (min, max))
        return words.say(
            "trend",
            step=words.say(f"step.{granularity}"),
            span=words.from_to(steps[0], steps[-1]),
            low=written(name, lowest, words),
            high=written(name, highest, words),
        )

    def money(amount: float) -> str:
        return str(format_compact_currency(amount, shop.currency, locale=locale, fraction_digits=1))

    def percent(rate: float) -> str:
        return words.percent(rate, whole=True)

    found = []
    drawings: list[tuple[str, Callable[..., Markup], Callable[[float], str]]] = [
        ("retention_rate", charts.line, percent),
        ("churn_rate", charts.line, percent),
        ("customers_at_end", charts.bars, lambda number: words.count(round(number))),
    ]
    if not no_amounts:
        drawings.append(("revenue", charts.bars, money))
    for name, draw, tick in drawings:
        title = words.say(f"number.{name}")
        values = [None if (value := getattr(row, name)) is None else float(value) for row in steps]
        if sum(value is not None for value in values) < 2:
            found.append((title, Markup(), words.say("unknown")))
        else:
            found.append((title, draw(title, told(name), labels, values, tick), told(name)))
    return found
