"""What the commands that read a user's files share: their options, and the first block of what they say."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from service.commands.console import counted
from service.config import Settings
from service.domain.money import minor_to_text
from service.errors import ConfigurationError, LossesError

if TYPE_CHECKING:
    from service.history import History, ReadReport, Wishes

_MONTHS_SHOWN = 13
_MOST_LINES = 30
"""With what comes after it, a screen."""

Map = Annotated[
    list[str] | None,
    typer.Option("--map", help='Which column is what: customer_id=Kunde,timestamp="Date de commande",amount=Total'),
]
MapSurveys = Annotated[list[str] | None, typer.Option("--map-surveys", help="The same for the files of --surveys.")]
Decimals = Annotated[str | None, typer.Option("--decimal", help='Decimal mark of amounts, "," or ".", where both fit.')]
Dates = Annotated[
    str | None, typer.Option("--dates", help="day-first, month-first or year-first, where more than one fits.")
]
AcceptLosses = Annotated[
    bool, typer.Option("--accept-losses", help="End well though more than 2 % of the rows could not be read.")
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only read the files and say what was understood.")]


def wishes_of(
    settings: Settings, columns: list[str] | None, answers: list[str] | None, decimal: str | None, dates: str | None
) -> Wishes:
    """What the settings and then the options say. Raises ConfigurationError for what is no such thing."""
    from service.history import Wishes

    given: dict[str, Any] = {
        "columns": dict(settings.files.columns) | _pairs("--map", columns),
        "survey_columns": dict(settings.files.survey_columns) | _pairs("--map-surveys", answers),
    }
    if decimal is not None:
        given["decimal"] = decimal
    if dates is not None:
        given["dates"] = dates
    files = settings.changed(files=given).files
    return Wishes(
        columns=files.columns,
        answer_columns=files.survey_columns,
        decimal=files.decimal,
        dates=files.dates,
        currency=settings.shop.currency,
        rates=settings.shop.rates,
    )


def _pairs(option: str, texts: Iterable[str] | None) -> dict[str, str]:
    """FIELD=COLUMN, several separated by commas; a comma within a column's name stands where no FIELD= follows it."""
    found: dict[str, str] = {}
    last = ""
    for text in texts or ():
        for part in text.split(","):
            name, equals, column = part.partition("=")
            if equals and name.strip().replace("_", "").isalpha() and name.strip().islower():
                last = name.strip()
                found[last] = column.strip().strip("\"'")
            elif last:
                found[last] += f",{part}"
            else:
                raise ConfigurationError(f"{option} needs FIELD=COLUMN, not {part[:60]!r}.")
    return found


def looks_like(
    console: Console, report: ReadReport, settings: Settings, people: int, months: Iterable[tuple[str, int, int]]
) -> None:
    """The first block: whether this is the shop that the user knows. `months` are (month, orders, minor units)."""
    digits, currency = settings.shop.minor_digits, report.currency or settings.shop.currency
    rows = list(months)
    orders, revenue = sum(row[1] for row in rows), sum(row[2] for row in rows)
    lines = ["Does this look like your shop?"]
    most = _MOST_LINES // 2
    lines += [f"  {line}" for line in report.said[:most]]
    if len(report.said) > most:
        lines.append(
            f"  And {len(report.said) - most:,} lines more, which the report has: fewer files at once say all here."
        )
    priced = any(row[2] for row in rows) or bool(report.nobodys_minor)
    worth = f", {_money(revenue, digits)} {currency}." if priced else ". They hold no amounts."
    lines.append(f"  {people:,} {'person' if people == 1 else 'people'}, {counted(orders, 'order')}{worth}")
    if report.nobodys_rows:
        minor = int(report.nobodys_minor.to_integral_value())
        lines.append(
            f"  Beside them {counted(report.nobodys_orders, 'order')} ({_money(minor, digits)}) of nobody who is named: "
            f"the shop sold {counted(orders + report.nobodys_orders, 'order')}, {_money(revenue + minor, digits)} {currency}, "
            "and no rhythm is told of those."
        )
    lines += _own_totals(report, revenue, digits, currency)
    rows = _with_nobodys(rows, report)
    if rows:
        shown = rows[-_MONTHS_SHOWN:]
        before = f"… {len(rows) - len(shown)} months before; " if len(rows) > len(shown) else ""
        lines.append(
            ("  By month, all of them: " if report.nobodys_rows else "  By month: ")
            + before
            + ", ".join(
                f"{month} {count:,} ({_money(minor, digits)})" if priced else f"{month} {count:,}"
                for month, count, minor in shown
            )
        )
    for line in lines[:_MOST_LINES]:
        console.print(line, highlight=False, soft_wrap=True)


def _with_nobodys(months: list[tuple[str, int, int]], report: ReadReport) -> list[tuple[str, int, int]]:
    """Orders and revenue of the shop by month, those of nobody among them."""
    from service.domain.calendar import to_date

    found = {month: (orders, minor) for month, orders, minor in months}
    for day, (orders, minor) in report.nobodys_days.items():
        date_of = to_date(day)
        known_orders, known_minor = found.get(month := f"{date_of.year}-{date_of.month:02}", (0, 0))
        found[month] = (known_orders + orders, known_minor + int(minor.to_integral_value()))
    return [(month, *counts) for month, counts in sorted(found.items())]


def _own_totals(report: ReadReport, revenue: int, digits: int, currency: str) -> list[str]:
    """What the files say of themselves, beside what was read."""
    if len(report.own_totals) != 1:
        return []
    own = int(report.own_totals[0].__round__())
    read = revenue + int(report.nobodys_minor.to_integral_value())
    if own == read:
        return [f"  The file adds itself up to {_money(own, digits)} {currency}, and so does what was read."]
    more = "more" if read > own else "less"
    return [
        f"  The file adds itself up to {_money(own, digits)} {currency}: {_money(abs(read - own), digits)} {more} was read."
    ]


def _money(minor: int, digits: int) -> str:
    whole, point, fraction = minor_to_text(abs(minor), digits).partition(".")
    return ("-" if minor < 0 else "") + f"{int(whole):,}{point}{fraction}"


def months_of(history: History, settings: Settings) -> tuple[int, list[tuple[str, int, int]]]:
    """People, and orders and revenue by month, counted from the files alone."""
    from service.domain.calendar import to_date

    day_of = settings.shop.calendar().day_of
    people: set[str] = set()
    months: dict[str, tuple[int, int]] = {}
    for purchase in history.purchases(makes_ids=False):
        people.add(purchase.customer_id)
        day = to_date(day_of(purchase.at_us))
        month = f"{day.year}-{day.month:02}"
        orders, minor = months.get(month, (0, 0))
        signed = -purchase.amount_minor if purchase.refund else purchase.amount_minor
        months[month] = (orders + (not purchase.refund), minor + signed)
    return len(people), [(month, *counts) for month, counts in sorted(months.items())]


def check_losses(report: ReadReport, *, accepted: bool) -> None:
    """Raises LossesError where more was left out for errors than may be passed over."""
    if report.loses_much and not accepted:
        total = report.rows + report.nobodys_rows + report.total_skipped
        raise LossesError(
            f"{report.total_skipped:,} of {total:,} rows ({100 * report.total_skipped / total:.0f} %) could not be read, so this is "
            "not the whole shop: see the reasons above. --accept-losses takes it as it is."
        )
