"""Exports of eighteen months with all that happens in a shop, from each of the systems: the numbers its owner knows."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from service.commands.shop_of_file import shop_of as shop_of_file
from service.domain.calendar import Calendar
from service.errors import ConfigurationError
from service.history import History, Wishes, open_history
from tests.support.shop_exports import SYSTEMS, Right

SHOP = Calendar(ZoneInfo("Europe/Paris"))


def read(path: Path, content: str, *, currency: str = "EUR", columns: dict[str, str] | None = None) -> History:
    path.write_bytes(content.encode())
    wishes = Wishes(currency=currency, columns=columns or {})
    return open_history([path], calendar=SHOP, minor_digits=2, wishes=wishes)


def shop_of(history: History) -> Right:
    events = list(history.purchases(makes_ids=False))
    minor = sum(-one.amount_minor if one.refund else one.amount_minor for one in events)
    report = history.report
    return Right(
        len({one.customer_id for one in events}),
        sum(not one.refund for one in events),
        Decimal(minor) / 100,
        report.nobodys_orders,
        Decimal(int(report.nobodys_minor)) / 100,
    )


@pytest.mark.parametrize("name", SYSTEMS)
def test_an_export_of_eighteen_months_is_the_shop_that_its_owner_knows(tmp_path: Path, name: str) -> None:
    content, right = SYSTEMS[name]()

    history = read(tmp_path / name, content)

    found = shop_of(history)
    assert found._replace(revenue=right.revenue) == right
    slack = Decimal("0.01") * content.count("General Currency Conversion") if name == "Download.CSV" else 0
    assert abs(found.revenue - right.revenue) <= slack  # PayPal says what came of the net, to the cent
    assert history.report.total_skipped == 0


def test_dollars_without_a_word_on_them_are_not_called_euros(tmp_path: Path) -> None:
    content, _ = SYSTEMS["transactions-2025-05-01.csv"]()

    history = read(tmp_path / "t.csv", content)

    assert history.report.currency == "USD"
    assert any('Set shop.currency, such as "USD"' in said for said in history.report.said)
    assert read(tmp_path / "t.csv", content, currency="CAD").report.currency == ""


@pytest.mark.parametrize(
    ("zone", "code"),
    [("America/Toronto", "CAD"), ("Australia/Sydney", "AUD"), ("America/New_York", "USD"), ("Europe/Paris", "USD")],
)
def test_a_dollar_is_that_of_the_place_whose_clock_the_file_shows(tmp_path: Path, zone: str, code: str) -> None:
    content, _ = SYSTEMS["transactions-2025-05-01.csv"]()

    assert read(tmp_path / "t.csv", content.replace("Eastern Time (US & Canada)", zone)).report.currency == code


def test_the_first_settings_of_a_shop_with_dollars_are_in_dollars(tmp_path: Path) -> None:
    content, _ = SYSTEMS["transactions-2025-05-01.csv"]()
    (tmp_path / "t.csv").write_text(content, encoding="utf-8")

    found = shop_of_file(tmp_path / "t.csv")

    assert (found.currency, found.zone) == ("USD", "America/New_York")


def test_payments_of_an_account_in_another_currency_than_the_settings_say_are_in_the_accounts(tmp_path: Path) -> None:
    content, right = SYSTEMS["unified_payments.csv"]()

    history = read(tmp_path / "p.csv", content, currency="GBP")

    assert shop_of(history) == right
    assert history.report.currency == "EUR"


def test_what_was_converted_may_be_named_and_so_is_what_was_given_back_of_it(tmp_path: Path) -> None:
    content, right = SYSTEMS["unified_payments.csv"]()
    columns = {"amount": "Converted Amount", "currency": "Converted Currency"}

    assert shop_of(read(tmp_path / "p.csv", content, columns=columns)) == right


PAID_IN_DOLLARS = """\
Date,Time,TimeZone,Type,Status,Currency,Gross,Fee,Net,From Email Address,To Email Address,Transaction ID,Reference Txn ID
01/12/2025,10:00:00,CET,Express Checkout Payment,Completed,EUR,10.00,0.00,10.00,a@x.com,shop@x.com,T1,
13/12/2025,10:00:00,CET,Express Checkout Payment,Completed,USD,100.00,-4.00,96.00,b@x.com,shop@x.com,T2,
13/12/2025,10:00:01,CET,{kind},Completed,USD,-96.00,0.00,-96.00,,,C1,T2
13/12/2025,10:00:01,CET,{kind},Completed,EUR,84.48,0.00,84.48,,,C2,T2
15/12/2025,10:00:00,CET,Payment Refund,Completed,USD,-50.00,0.00,-50.00,shop@x.com,b@x.com,R1,T2
"""


@pytest.mark.parametrize(
    "kind",
    ["General Currency Conversion", "Allgemeine Währungsumrechnung", "Conversion de devise standard", "Conversión de divisas general"],
)  # fmt: skip
def test_a_sale_in_another_currency_and_its_refund_count_at_the_rate_at_which_it_was_changed(
    tmp_path: Path, kind: str
) -> None:
    history = read(tmp_path / "p.csv", PAID_IN_DOLLARS.format(kind=kind))

    assert [(one.customer_id, one.amount_minor, one.refund) for one in history.purchases()] == [
        ("a@x.com", 10_00, False),
        ("b@x.com", 88_00, False),
        ("b@x.com", 44_00, True),
    ]


def test_a_sale_in_another_currency_of_which_nobody_says_the_rate_is_told_with_the_setting(tmp_path: Path) -> None:
    kept = [line for line in PAID_IN_DOLLARS.splitlines() if "{kind}" not in line]

    assert read(tmp_path / "p.csv", "\n".join(kept)).report.skipped == {"no rate for the currency USD in shop.rates": 2}


CHARGES = "id,Created date (UTC),Amount,Amount Refunded,Currency,Status,Customer ID,Disputed Amount,Dispute Date (UTC),Dispute Status\n"


@pytest.mark.parametrize(
    ("cells", "left"),
    [
        ("20.00,0.00,eur,Paid,c,20.00,2025-07-09 08:00:00,lost", [20_00, -20_00]),
        ("20.00,0.00,eur,Paid,c,20.00,2025-07-09 08:00:00,Won", [20_00]),
        ("20.00,0.00,eur,Paid,c,20.00,2025-07-09 08:00:00,under_review", [20_00]),
        ("20.00,0.00,eur,Paid,c,5.00,,lost", [15_00]),
        ("20.00,8.00,eur,Paid,c,20.00,,lost", [0]),
        ("20.00,0.00,eur,Paid,c,,,lost", [0]),
    ],
)
def test_a_payment_whose_dispute_was_lost_is_given_back_and_no_other_is(
    tmp_path: Path, cells: str, left: list[int]
) -> None:
    history = read(tmp_path / "p.csv", f"{CHARGES}ch_1,2025-07-01 09:12:33,{cells}\n")

    assert [-one.amount_minor if one.refund else one.amount_minor for one in history.purchases()] == left


def test_a_gift_card_counts_when_it_is_used_and_not_when_it_is_sold_or_given_back(tmp_path: Path) -> None:
    head = "Date,Time,Time Zone,Gross Sales,Gift Card Sales,Total Collected,Square Gift Card,Transaction ID,Payment ID,Event Type,Customer ID\n"
    rows = [
        "2025-11-10,10:00:00,Eastern Time (US & Canada),$4.00,$50.00,$54.00,$0.00,T1,P1,Payment,ann",
        "2025-11-11,10:00:00,Eastern Time (US & Canada),$12.00,$0.00,$12.00,$12.00,T2,P2,Payment,bob",
        "2025-11-12,10:00:00,Eastern Time (US & Canada),$0.00,-$50.00,-$50.00,$0.00,T3,P3,Refund,ann",
    ]

    events = list(read(tmp_path / "t.csv", head + "\n".join(rows)).purchases())

    assert [(one.customer_id, one.amount_minor, one.refund) for one in events] == [
        ("ann", 4_00, False),
        ("bob", 12_00, False),
    ]


@pytest.mark.parametrize(
    "name", ["amount_cents", "Betrag in Cent", "total_cents", "amountMinor", "Montant (centimes)", "price_in_pence"]
)
@pytest.mark.parametrize("said", [True, False])
def test_a_column_that_counts_cents_by_its_name_is_never_a_hundred_times_too_much(
    tmp_path: Path, name: str, said: bool
) -> None:
    rows = "".join(f"c{n % 3},2025-05-{n + 1:02},{1_250 + n}\n" for n in range(28))
    columns = {"customer_id": "customer_id", "timestamp": "day", "amount": name} if said else {}

    history = read(tmp_path / "t.csv", f"customer_id,{'day' if said else 'date'},{name}\n{rows}", columns=columns)

    assert shop_of(history).revenue == Decimal(sum(range(1_250, 1_278))) / 100


def test_cents_may_be_said_of_a_column_of_any_name(tmp_path: Path) -> None:
    columns = {"customer_id": "who", "timestamp": "day", "amount_cents": "sum"}

    assert shop_of(read(tmp_path / "t.csv", "who,day,sum\na,2025-05-01,1999\n", columns=columns)).revenue == Decimal(
        "19.99"
    )


@pytest.mark.parametrize(
    ("header", "cells", "said"),
    [
        ("customer_id,date,amount_cents", "a,2025-05-01,12.50", "has parts of one"),
        ("customer_id,date,amount_cents,refunded", "a,2025-05-01,1250,2.50", "amounts of both kinds are not added up"),
    ],
)
def test_cents_with_parts_or_beside_whole_units_are_asked_about(
    tmp_path: Path, header: str, cells: str, said: str
) -> None:
    with pytest.raises(ConfigurationError, match=said):
        read(tmp_path / "t.csv", f"{header}\n{cells}\n")
