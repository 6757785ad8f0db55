"""Tables that nobody knows, as shops of other countries export them: what they say beside who, when and how much."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from service.domain.calendar import Calendar, to_datetime
from service.errors import ConfigurationError
from service.history import History, Wishes, open_history
from tests.support.workbooks import xlsx

PARIS = ZoneInfo("Europe/Paris")
DAYS = 12


def read(path: Path, **wishes: object) -> History:
    return open_history(
        [path], calendar=Calendar(PARIS), minor_digits=2, wishes=Wishes(**{"currency": "EUR", **wishes})  # type: ignore[arg-type]
    )  # fmt: skip


def told(history: History) -> tuple[int, int, Decimal]:
    """People, orders, revenue less refunds."""
    events = list(history.purchases())
    minor = sum(-one.amount_minor if one.refund else one.amount_minor for one in events)
    return len({one.customer_id for one in events}), sum(not one.refund for one in events), Decimal(minor) / 100


def table(header: str, row: Callable[[int], str]) -> str:
    """A row a day; amounts 1 to 12, of three customers in turn."""
    return "\n".join([header, *(row(number) for number in range(1, DAYS + 1))]) + "\n"


def refused(path: Path) -> str:
    with pytest.raises(ConfigurationError) as error:
        read(path)
    return str(error.value)


def one_of(number: int, words: Sequence[str]) -> str:
    """The first word, but for the last rows, which have one each of the others."""
    left = number - (DAYS - len(words)) - 1
    return words[left] if left > 0 else words[0]


ALL = Decimal(78)
"""1 + 2 + … + 12."""


@pytest.mark.parametrize(
    ("header", "words", "left_out"),
    [
        ("Bestellnummer;Bestelldatum;E-Mail (Abrechnung);Bestellung Gesamtsumme;Bestellstatus",
         ["Abgeschlossen", "In Bearbeitung", "Storniert", "Fehlgeschlagen", "Zahlung ausstehend"], 10 + 11 + 12),
        ("Numéro de commande;Date de commande;E-mail (facturation);Montant total de la commande;État de la commande",
         ["Terminée", "En cours", "Annulée", "Échouée", "En attente de paiement"], 10 + 11 + 12),
        ("Bestelnummer;Besteldatum;E-mailadres (factuur);Totaalbedrag bestelling;Status", ["Afgerond", "Geannuleerd", "Mislukt"], 11 + 12),
        ("Numer zamówienia;Data zamówienia;E-mail (rozliczeniowy);Suma zamówienia;Status zamówienia", ["Zrealizowane", "Anulowane"], 12),
        ("Order ID;Order Date;Customer Email;Total;Payment Status", ["Paid", "Pending", "cancelled", "DECLINED"], 11 + 12),
        ("Bon-Nr.;Datum;Kunde;Betrag;Storno", ["Nein", "Ja"], 12),
        ("Receipt;Date;Customer ID;Total;Voided", ["FALSE", "TRUE"], 12),
        ("Order;Date;Customer;Total;Cancelled at", ["", "2025-02-01"], 12),
        ("Order;Date;Customer;Total;Test", ["0", "1"], 12),
        ("customer_id;timestamp;x;amount;status", [], 0),
    ],
)  # fmt: skip
def test_what_a_table_says_not_to_be_bought_does_not_count(
    tmp_path: Path, header: str, words: list[str], left_out: int
) -> None:
    path = tmp_path / "orders.csv"
    if not words:  # our own columns, and one more
        header, words, left_out = "order_id;timestamp;customer_id;amount;status", ["completed", "cancelled"], 12
    path.write_text(table(header, lambda n: f"A{n};2025-01-{n:02} 10:00;c{n % 3}@x.com;{n};{one_of(n, words)}"))

    history = read(path)

    assert told(history)[2] == ALL - left_out
    assert sum(history.report.aside.values()) == DAYS - told(history)[1]


@pytest.mark.parametrize("amount", ["Line total", "Unit Price"])
def test_fewer_than_no_pieces_are_a_return(tmp_path: Path, amount: str) -> None:
    path = tmp_path / "till.csv"
    path.write_text(
        table(f"Receipt,Date,Customer No,Qty,{amount}", lambda n: f"{n},2025-01-{n:02},c{n % 3},{'-1' if n == 5 else 1},{n}")
    )  # fmt: skip

    assert told(read(path)) == (3, DAYS - 1, ALL - 5 - 5)


@pytest.mark.parametrize("cells", ["1.9k", "2.1 Mio", "3 Stk", "2.5M"])
def test_thousands_millions_and_pieces_are_no_amounts(tmp_path: Path, cells: str) -> None:
    path = tmp_path / "table.csv"
    path.write_text(table("Customer,Date,Total", lambda n: f"c{n % 3},2025-01-{n:02},{cells}"))

    assert "no column looks like amount" in refused(path)


def test_a_week_is_no_day(tmp_path: Path) -> None:
    path = tmp_path / "weeks.csv"
    path.write_text(table("customer_id,timestamp,amount", lambda n: f"c{n % 3},2025-W{n:02},{n}"))

    assert "unreadable time: '2025-W01'" in refused(path)


@pytest.mark.parametrize("sign", ["", "-"])
@pytest.mark.parametrize(("kind", "bought", "back"), [("Type", "Sale", "Return"), ("Receipt type", "Sale", "Refund"), ("Belegart", "Rechnung", "Gutschrift"), ("Vorgang", "Verkauf", "Storno")])  # fmt: skip
def test_a_row_that_pays_back_takes_off_whichever_sign_it_has(
    tmp_path: Path, kind: str, bought: str, back: str, sign: str
) -> None:
    path = tmp_path / "till.csv"
    path.write_text(
        table(f"Receipt,Date,Customer No,{kind},Amount", lambda n: f"{n},2025-01-{n:02},c{n % 3},{back if n == 5 else bought},{sign if n == 5 else ''}{n}")
    )  # fmt: skip

    assert told(read(path)) == (3, DAYS - 1, ALL - 5 - 5)


@pytest.mark.parametrize(("column", "cell", "back"), [("Refunded", "3.50", "3.5"), ("Returned", "yes", "12"), ("Erstattet", "0", "0")])  # fmt: skip
def test_what_was_given_back_of_an_order_is_taken_off(tmp_path: Path, column: str, cell: str, back: str) -> None:
    other = "no" if cell == "yes" else "0"
    path = tmp_path / "orders.csv"
    path.write_text(table(f"Order,Date,Customer,Total,{column}", lambda n: f"{n},2025-01-{n:02},c{n % 3},{n},{cell if n == 12 else other}"))  # fmt: skip

    assert told(read(path)) == (3, DAYS, ALL - Decimal(back))


@pytest.mark.parametrize("header", ["customer_id,timestamp,amount,currency", "Customer,Date,Total,Devise"])
def test_rows_of_a_currency_without_a_rate_are_said_and_not_added_up(tmp_path: Path, header: str) -> None:
    path = tmp_path / "orders.csv"
    path.write_text(table(header, lambda n: f"c{n % 3},2025-01-{n:02},{n},{'USD' if n > 8 else 'EUR'}"))

    history = read(path)
    with_a_rate = read(path, rates={"USD": Decimal("0.5")})

    assert told(history) == (3, 8, Decimal(36))
    assert history.report.skipped == {"no rate for the currency USD in shop.rates": 4}
    assert any("several currencies: 8 × EUR, 4 × USD" in said for said in history.report.said)
    assert told(with_a_rate) == (3, DAYS, 36 + (ALL - 36) / 2)


@pytest.mark.parametrize(("sign", "ours"), [("$", "$ is ours"), ("£", ""), ("USD ", "")])
def test_amounts_that_name_their_own_currency_are_not_added_to_others(tmp_path: Path, sign: str, ours: str) -> None:
    path = tmp_path / "orders.csv"
    path.write_text(table("Customer,Date,Total", lambda n: f"c{n % 3},2025-01-{n:02},{sign if n > 8 else '€'}{n}.00"))

    assert told(read(path)) == (3, 8, Decimal(36))
    if ours:
        assert told(read(path, currency="USD")) == (3, 4, ALL - 36)


def test_a_zone_in_a_column_of_its_own_places_the_times(tmp_path: Path) -> None:
    path = tmp_path / "orders.csv"
    path.write_text(table("customer,created_at,utc_offset,total", lambda n: f"c{n % 3},2025-01-{n:02} 03:00:00,-05:00,{n}"))  # fmt: skip

    hours = {to_datetime(one.at_us).astimezone(PARIS).hour for one in read(path).purchases()}

    assert hours == {9}


def test_minutes_that_may_be_hours_are_no_zone_and_are_said(tmp_path: Path) -> None:
    path = tmp_path / "orders.csv"
    path.write_text(table("customer,created_at,utc_offset,total", lambda n: f"c{n % 3},2025-01-{n:02} 03:00,-300,{n}"))

    assert "Not used, though they may matter: utc_offset. --map says what they are." in read(path).report.said


@pytest.mark.parametrize("header", ["customer_id,timestamp,amount,amount", "customer_id,timestamp,amount,Amount"])
def test_two_columns_of_one_name_that_differ_are_refused(tmp_path: Path, header: str) -> None:
    path = tmp_path / "orders.csv"
    path.write_text(table(header, lambda n: f"c{n % 3},2025-01-{n:02},{n},{2 * n}"))

    assert "two columns called amount" in refused(path)


def test_two_columns_of_one_name_that_say_the_same_are_one(tmp_path: Path) -> None:
    path = tmp_path / "orders.csv"
    path.write_text(table("customer_id,timestamp,amount,amount", lambda n: f"c{n % 3},2025-01-{n:02},{n},{n}"))

    assert told(read(path)) == (3, DAYS, ALL)


@pytest.mark.parametrize("header", ["customer_id,timestamp,amount", "Kunde,Datum,Betrag"])
def test_a_ledger_in_which_sales_are_taken_off_is_refused(tmp_path: Path, header: str) -> None:
    path = tmp_path / "stock.csv"
    path.write_text(
        "\n".join([header, *(f"c{n % 3},2025-01-{1 + n % 28:02},{'' if n == 1 else '-'}{n}.50" for n in range(60))])
    )

    assert "59 of 60 amounts are below zero" in refused(path)


def test_a_short_one_is_said(tmp_path: Path) -> None:
    path = tmp_path / "stock.csv"
    path.write_text(table("customer_id,timestamp,amount", lambda n: f"c{n % 3},2025-01-{n:02},-{n}.50"))

    assert any(said.startswith("12 of 12 amounts are below zero") for said in read(path).report.said)


def test_credit_and_debit_behind_an_amount_are_no_amount(tmp_path: Path) -> None:
    path = tmp_path / "book.csv"
    path.write_text(table("Customer,Date,Total", lambda n: f"c{n % 3},2025-01-{n:02},{n}.00 {'CR' if n % 2 else 'DR'}"))

    assert "no column looks like amount" in refused(path)


def test_yen_have_no_decimals_so_their_comma_is_one_between_thousands(tmp_path: Path) -> None:
    path = tmp_path / "orders.csv"
    path.write_text(table("Customer;Date;Total", lambda n: f"c{n % 3};2025-01-{n:02};¥{n},500"))

    assert told(read(path, currency="JPY")) == (3, DAYS, 1000 * ALL + 500 * DAYS)


def test_milliseconds_of_the_nineties_are_no_minutes_of_the_year_8520(tmp_path: Path) -> None:
    path = tmp_path / "cdnow.csv"
    path.write_text(table("Customer,Date,Total", lambda n: f"c{n % 3},{852_076_800_000 + n * 86_400_000},{n}"))

    assert [to_datetime(one.at_us).date().isoformat() for one in read(path).purchases()][:2] == [
        "1997-01-02",
        "1997-01-03",
    ]


@pytest.mark.parametrize("unit", [1, 1_000, 1_000_000])
def test_parts_of_a_second_are_told_by_their_digits(tmp_path: Path, unit: int) -> None:
    path = tmp_path / "cdnow.csv"
    path.write_text(table("Customer,Date,Total", lambda n: f"c{n % 3},{(852_076_800 + n * 86_400) * 1000 * unit},{n}"))

    assert to_datetime(next(iter(read(path).purchases())).at_us).date().isoformat() == "1997-01-02"


def test_the_sellers_address_in_every_row_is_not_the_customer(tmp_path: Path) -> None:
    path = tmp_path / "sales.csv"
    path.write_text(table("E-Mail,Buyer,Date,Total", lambda n: f"me@shop.com,c{n % 3},2025-01-{n:02},{n}"))

    assert told(read(path)) == (3, DAYS, ALL)


def test_one_customer_of_all_orders_is_said(tmp_path: Path) -> None:
    path = tmp_path / "sales.csv"
    rows = [f"me,2025-01-{1 + n % 28:02}T{n % 24:02}:00,1" for n in range(40)]
    path.write_text("\n".join(["customer_id,timestamp,amount", *rows]))

    assert any(said.startswith("All 40 orders have the same customer_id") for said in read(path).report.said)


def test_customers_named_once_above_their_rows_are_refused_and_said_where_it_is_meant(tmp_path: Path) -> None:
    path = tmp_path / "pivot.csv"
    path.write_text(table("Kunde,Datum,Betrag", lambda n: f"{f'c{n}' if n % 4 == 1 else ''},2025-01-{n:02},{n}"))

    columns = {"customer_id": "Kunde", "timestamp": "Datum", "amount": "Betrag"}
    assert "Kunde is empty in 9 of 12 rows" in refused(path)
    assert any(said.startswith("Kunde is empty in 9 of 12 rows") for said in read(path, columns=columns).report.said)


def test_dates_of_which_a_spreadsheet_has_understood_some_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "orders.csv"
    path.write_text(table("Customer,Date,Total", lambda n: f"c{n % 3},{f'2025-01-{n:02}' if n % 2 else f'{n + 12}/01/2025'},{n}"))  # fmt: skip

    assert "writes its dates in two ways" in refused(path)
    assert told(read(path, dates="day-first")) == (3, DAYS, ALL)


def test_an_order_that_lacks_cells_in_its_further_rows_takes_them_from_its_first(tmp_path: Path) -> None:
    path = tmp_path / "lines.csv"
    rows = [row for n in range(1, DAYS + 1) for row in (f"{n},c{n % 3},2025-01-{n:02},{n}", f"{n},,,1")]
    path.write_text("\n".join(["Order ID,Customer,Date,Amount", *rows]))

    assert told(read(path)) == (3, DAYS, ALL + DAYS)


def test_a_shop_that_only_shares_common_names_with_a_known_one_is_read_as_what_it_is(tmp_path: Path) -> None:
    path = tmp_path / "orders.csv"
    path.write_text(table("id,customer_id,created_at,total,status", lambda n: f"{n},c{n % 3},2025-01-{n:02},{n},{one_of(n, ['paid', 'cancelled'])}"))  # fmt: skip

    assert told(read(path)) == (3, DAYS - 1, ALL - 12)


def test_which_rows_counted_is_said(tmp_path: Path) -> None:
    path = tmp_path / "orders.csv"
    path.write_text(table("Order ID,Customer,Date,Total,Status", lambda n: f"{n},c{n % 3},2025-01-{n:02},{n},{one_of(n, ['Shipped', 'Odd', 'Refunded', 'Failed'])}"))  # fmt: skip

    assert "  Status: bought: Shipped (9); not known, and so counted as bought: Odd (1); paid back: Refunded (1); not counted: Failed (1)." in read(path).report.said  # fmt: skip


def test_an_etsy_order_that_was_adjusted_is_worth_what_is_left_and_the_others_their_total(tmp_path: Path) -> None:
    path = tmp_path / "EtsySoldOrders2025.csv"
    path.write_text(
        table(
            "Sale Date,Order ID,Buyer User ID,Currency,Order Value,Order Total,Status,Adjusted Order Total,SKU",
            lambda n: f"01/{n + 10}/25,{n},b{n % 3},EUR,{n},{n}.00,Shipped,{'4.50' if n == 5 else '0'},S",
        )
    )

    assert told(read(path)) == (3, DAYS, ALL - Decimal("0.50"))


def test_an_amazon_report_without_addresses_says_which_one_has_them(tmp_path: Path) -> None:
    path = tmp_path / "orders.txt"
    path.write_text(
        "amazon-order-id\tpurchase-date\torder-status\titem-price\n1\t2025-01-06T10:00:00+00:00\tShipped\t5\n"
    )

    assert "names no customers. Take the orders report" in refused(path)


def answers(path: Path) -> History:
    buy = path.with_name("buy.csv")
    buy.write_text("customer_id,timestamp,amount\nc1,2025-01-01,1\n")
    return open_history([buy], [path], calendar=Calendar(PARIS), minor_digits=2, wishes=Wishes(currency="EUR"))


@pytest.mark.parametrize(
    ("question", "cell"),
    [
        ("Wie zufrieden waren Sie? (1 = sehr zufrieden, 5 = sehr unzufrieden)", "2"),
        ("How satisfied were you?", "1 - Very satisfied"),
        ("How easy was it to order?", "7 (very difficult)"),
        ("Wie zufrieden waren Sie? (1 = sehr gut, 6 = ungenügend)", "2"),
        ("How satisfied were you? 1 excellent - 5 very bad", "2"),
        ("Effort of ordering (1 very low - 7 very high)", "2"),
        ("How much effort did you have to put in?", "2"),
    ],
)
def test_a_scale_whose_lowest_number_is_the_best_is_refused(tmp_path: Path, question: str, cell: str) -> None:
    path = tmp_path / "answers.csv"
    path.write_text(table(f'Timestamp,Email Address,"{question}"', lambda n: f"2025-01-{n:02},c{n}@x.com,{cell if n == 12 else 3}"))  # fmt: skip

    with pytest.raises(ConfigurationError, match="the lowest number is the best answer"):
        answers(path)


def test_a_scale_that_says_its_ends_the_right_way_round_is_read(tmp_path: Path) -> None:
    path = tmp_path / "answers.csv"
    question = "How satisfied were you (1 = very dissatisfied, 5 = very satisfied)?"
    path.write_text(table(f'Timestamp,Email Address,"{question}"', lambda n: f"2025-01-{n:02},c{n}@x.com,{'5 - Very satisfied' if n == 12 else 3}"))  # fmt: skip

    assert [one.score for one in answers(path).answers()] == [3] * 11 + [5]


def test_two_questions_of_one_survey_are_asked_about(tmp_path: Path) -> None:
    path = tmp_path / "answers.csv"
    path.write_text(table("Timestamp,Email Address,Would you recommend the shop?,Would you recommend the café?", lambda n: f"2025-01-{n:02},c{n}@x.com,9,1"))  # fmt: skip

    with pytest.raises(ConfigurationError, match="asks for nps in more than one column"):
        answers(path)


def test_an_effort_that_nobody_puts_above_five_may_be_on_another_scale(tmp_path: Path) -> None:
    path = tmp_path / "answers.csv"
    rows = [f"2025-01-{n:02},c{n}@x.com,{1 + n % 5}" for n in range(1, 25)]
    path.write_text("\n".join(["Submitted,Email,How easy was it to order?", *rows]))

    assert any("no answer is above 5, and ces goes to 7" in said for said in answers(path).report.said)


def test_the_older_export_of_qualtrics_is_one_too(tmp_path: Path) -> None:
    path = tmp_path / "answers.csv"
    path.write_text(
        "ResponseID,ResponseSet,IPAddress,StartDate,EndDate,RecipientEmail,ExternalDataReference,Finished,Status,Q1\n"
        "ResponseID,ResponseSet,IPAddress,StartDate,EndDate,RecipientEmail,ExternalDataReference,Finished,Status,How likely are you to recommend us?\n"
        "R_1,Default,1.2.3.4,2025-01-06 10:00:00,2025-01-06 10:05:00,a@x.com,,1,0,9\n"
        "R_2,Default,1.2.3.4,2025-01-07 10:00:00,2025-01-07 10:05:00,b@x.com,,1,1,2\n"
    )

    assert [(one.customer_id, one.score) for one in answers(path).answers()] == [("a@x.com", 9)]


def test_a_workbook_whose_dates_are_half_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "orders.xlsx"
    rows = [[f"c{n % 3}", "45670.5" if n % 2 else f"{n + 12}/01/2025", str(n)] for n in range(1, DAYS + 1)]
    path.write_bytes(xlsx([["Customer", "Date", "Total"], *rows]))

    assert "a spreadsheet has understood some of them only" in refused(path)
