"""A new user, with the export of each of five systems: settings, a look, the report, in three commands and no answer.

One made-up shop is written as each system writes it, so what is right is known: the people, orders and revenue, and who
of them is quiet at the end.
"""

from __future__ import annotations

import csv
import json
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from io import StringIO
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from typer.testing import CliRunner

from service.cli import app

PARIS = ZoneInfo("Europe/Paris")
PEOPLE = 24
FIRST, WEEKS = datetime(2025, 1, 6, 9, tzinfo=PARIS), 25
QUIET = 3
"""People who came weekly and stopped three weeks before the end."""


@dataclass(frozen=True)
class Order:
    number: int
    email: str
    at: datetime
    total: Decimal


def the_shop() -> list[Order]:
    """Everybody comes weekly, on a day of their own."""
    shop = random.Random(4)
    visits = sorted(
        (FIRST + timedelta(weeks=week, days=person % 7, minutes=shop.randrange(500)), person)
        for person in range(PEOPLE)
        for week in range(WEEKS if person >= QUIET else WEEKS - 3)
    )
    return [
        Order(1000 + place, f"guest{person}@example.com", at, Decimal(shop.randrange(400, 180_000)) / 100)
        for place, (at, person) in enumerate(visits)
    ]


def written(header: str, rows: Iterator[Sequence[object]], delimiter: str = ",") -> str:
    text = StringIO()
    writer = csv.writer(text, delimiter=delimiter)
    writer.writerow(header.split(","))
    writer.writerows(rows)
    return text.getvalue()


def german(value: Decimal) -> str:
    return f"{value:,.2f}".translate(str.maketrans(",.", ".,"))


def shopify(orders: Sequence[Order]) -> str:
    """Two lines an order, the second without what holds for both; one order was cancelled, a test of the checkout."""

    def rows() -> Iterator[Sequence[object]]:
        for one in orders:
            at = one.at.strftime("%Y-%m-%d %H:%M:%S %z")
            yield f"#{one.number}", one.email, "paid", "EUR", one.total, at, 1, "Beans", "", "0.00"
            yield f"#{one.number}", one.email, "", "", "", at, 2, "Filters", "", ""
        at = orders[-1].at.strftime("%Y-%m-%d %H:%M:%S %z")
        yield "#1", orders[0].email, "voided", "EUR", "99.00", at, 1, "Beans", at, "0.00"

    return written("Name,Email,Financial Status,Currency,Total,Created at,Lineitem quantity,Lineitem name,Cancelled at,Refunded Amount,Lineitem price", ([*row, ""] for row in rows()))  # fmt: skip


def woocommerce(orders: Sequence[Order]) -> str:
    """In German, by an exporter of which nobody knows the name."""

    def rows() -> Iterator[Sequence[object]]:
        for one in orders:
            yield one.number, "Abgeschlossen", one.at.strftime("%d.%m.%Y %H:%M"), one.email, german(one.total)
        yield 1, "Storniert", orders[-1].at.strftime("%d.%m.%Y %H:%M"), orders[0].email, "99,00"

    return written("Bestellnummer,Bestellstatus,Bestelldatum,E-Mail (Abrechnung),Bestellung Gesamtsumme", rows(), ";")


def paypal(orders: Sequence[Order]) -> str:
    def rows() -> Iterator[Sequence[object]]:
        for one in orders:
            yield one.at.strftime("%d.%m.%Y"), one.at.strftime("%H:%M:%S"), "Europe/Paris", "PayPal Express-Zahlung", "Abgeschlossen", "EUR", german(one.total), "-0,35", german(one.total), one.email, "shop@example.com", f"T{one.number}"  # fmt: skip
        yield orders[-1].at.strftime("%d.%m.%Y"), "23:00:00", "Europe/Paris", "Allgemeine Auszahlung", "Abgeschlossen", "EUR", "-5.000,00", "0,00", "-5.000,00", "shop@example.com", "", "T1"  # fmt: skip

    return written("Datum,Uhrzeit,Zeitzone,Typ,Status,Währung,Brutto,Gebühr,Netto,Absender E-Mail-Adresse,Empfänger E-Mail-Adresse,Transaktionscode", rows())  # fmt: skip


def square(orders: Sequence[Order]) -> str:
    """Two items a sale, by the clock of another place."""

    def rows() -> Iterator[Sequence[object]]:
        for one in orders:
            at = one.at.astimezone(ZoneInfo("America/New_York"))
            for item, price in (("Latte", Decimal(1)), ("Cake", one.total - 1)):
                yield at.strftime("%m/%d/%y"), at.strftime("%H:%M:%S"), "Eastern Time (US & Canada)", item, "1", f"€{price:,.2f}", f"€{price:,.2f}", f"T{one.number}", "Payment", one.email  # fmt: skip

    return written("Date,Time,Time Zone,Item,Qty,Gross Sales,Net Sales,Transaction ID,Event Type,Customer ID", rows())


def segment(orders: Sequence[Order]) -> str:
    """Lines of JSON, in UTC."""
    return "\n".join(
        json.dumps({
            "event": "Order Completed", "userId": one.email, "messageId": f"m{one.number}",
            "timestamp": one.at.astimezone(ZoneInfo("UTC")).strftime("%Y-%m-%dT%H:%M:%S.000Z"),
            "properties": {"order_id": str(one.number), "total": float(one.total), "currency": "EUR"},
        })
        for one in orders
    )  # fmt: skip


@pytest.mark.parametrize("system", [shopify, woocommerce, paypal, square, segment])
def test_three_commands_lead_from_a_shops_export_to_its_report(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, system: Callable[[Sequence[Order]], str]
) -> None:
    monkeypatch.chdir(tmp_path)
    orders = the_shop()
    export = Path("export_as_downloaded")
    export.write_text(system(orders), encoding="utf-8")
    right = f"{PEOPLE} people, {len(orders):,} orders, {sum(one.total for one in orders):,.2f} EUR."

    def run(*words: str) -> str:
        done = CliRunner().invoke(app, words, catch_exceptions=False)
        assert done.exit_code == 0, done.output
        return done.output

    run("init", str(export), "--timezone", "Europe/Paris", "--defaults")
    looked = run("--config", "churn-alert.toml", "backtest", str(export), "--dry-run")
    said = run("--config", "churn-alert.toml", "backtest", str(export), "--out", "report", "--with-customers")

    assert right in looked
    assert right in said
    assert (tmp_path / "report" / "report.html").stat().st_size > 10_000
    with (tmp_path / "report" / "quiet.csv").open(encoding="utf-8-sig", newline="") as file:
        assert sorted(row["customer_id"] for row in csv.DictReader(file)) == [
            f"guest{n}@example.com" for n in range(QUIET)
        ]
