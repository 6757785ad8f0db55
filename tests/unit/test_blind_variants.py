"""Exports that were written down, with what is right for them, before anybody knew what became of them."""

from __future__ import annotations

import json
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from service.domain.calendar import Calendar
from service.errors import ConfigurationError
from service.history import History, Wishes, open_history
from service.history.refund_tables import is_of_refunds
from service.history.states import state_of
from service.profiles import recognised
from tests.support.histories import bought
from tests.support.workbooks import Sheet, book

BERLIN = Calendar(ZoneInfo("Europe/Berlin"))
UTC = Calendar(ZoneInfo("UTC"))
A, B = ("a", "2025-01-16T20:29", Decimal("1234.50")), ("b", "2025-01-17T08:05", 2)
BACK = ("b", "2025-01-18T08:05", -2)


def read(tmp_path: Path, files: dict[str, str | bytes], calendar: Calendar = UTC) -> History:
    paths = [tmp_path / name for name in files]
    for path, content in zip(paths, files.values(), strict=True):
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return open_history(paths, calendar=calendar, minor_digits=2, wishes=Wishes(currency="EUR"))


def table(header: str, *rows: str) -> str:
    return "\n".join([header, *rows]) + "\n"


@pytest.mark.parametrize(
    ("header", "good", "gone"),
    [
        ("Kunde;Datum;Summe;Bestellstatus", "Versendet", "Storniert (Kunde)"),
        ("Kunde;Datum;Summe;Bestellstatus", "Abgeschlossen", "Widerrufen"),
        ("Client;Date;Montant;Statut", "Livrée", "Annulée par le client"),
        ("Client;Date;Montant;Statut", "Expédiée", "Panier abandonné"),
        ("Client;Date;Montant;Statut", "Payée", "Paiement en attente"),
        ("Cliente;Fecha;Total;Estado", "Entregado", "Cancelado por el vendedor"),
        ("Cliente;Data ordine;Totale;Stato ordine", "Consegnato", "Ordine annullato"),
        ("Kund;Datum;Belopp;Status", "Betald", "Makulerad"),
        ("Vevő;Dátum;Összeg;Állapot", "Teljesítve", "Törölt"),
        ("Πελάτης;Ημερομηνία;Σύνολο;Κατάσταση", "Ολοκληρώθηκε", "Ακυρώθηκε"),
        ("Kupac;Datum;Iznos;Status", "Plaćeno", "Otkazana"),
        ("Klientas;Data;Suma;Būsena", "Įvykdytas", "Atšauktas"),
        ("Kupec;Datum;Znesek;Stanje", "Zaključeno", "Preklicano"),
        ("Klient;Kuupäev;Summa;Olek", "Täidetud", "Tühistatud"),
        ("Klients;Datums;Summa;Statuss", "Izpildīts", "Atcelts"),
        ("customer;date;amount;status", "paid_out", "customer_approval_denied"),
        ("customer;date;amount;status", "5 - Delivered", "8 - Payment failed"),
        ("Number;Customer;Date;Total;Type", "Invoice", "Quote"),
        ("Nummer;Kunde;Datum;Betrag;Belegart", "Rechnung", "Lieferschein"),
        ("Number;Customer;Date;Total;Type", "Invoice", "Payment"),
        ("Nr;Kund;Datum;Belopp;Makulerad", "Nej", "Ja"),
        ("Nr;Cliente;Fecha;Importe;Anulada", "N", "S"),
        ("Nr;Клиент;Дата;Сумма;Аннулирован", "Нет", "Да"),
        ("Nr;Client;Date;Montant;Annulée le", "", "19/01/2025"),
        ("Nr;Klant;Datum;Bedrag;Geannuleerd op", "", "2025-01-19"),
    ],
)
def test_what_a_shop_says_of_its_orders_counts_in_its_language(
    tmp_path: Path, header: str, good: str, gone: str
) -> None:
    number = "1;" if header.count(";") == 4 else ""
    rows = [f"{number}a;2025-01-16 20:29;1234,50;{good}", f"{number}b;2025-01-17 08:05;2,00;{good}"]
    history = read(tmp_path, {"t.csv": table(header, *rows, f"{number}b;2025-01-18 08:05;9,00;{gone}")})

    assert bought(history) == [A, B]
    assert history.report.aside.total() == 1


@pytest.mark.parametrize(
    ("state", "reason"),
    [
        ("Cancelled by customer", "cancelled"),
        ("Cancelled, refunded", "cancelled"),
        ("Closed (cancelled)", "cancelled"),
        ("Payment failed", "failed"),
        ("Fully refunded", "paid back"),
        ("Not cancelled", ""),
        ("Cancellation refused", ""),
        ("Nicht storniert", ""),
        ("Delivery failed", ""),
        ("Delivered, payment pending", ""),
        ("Partially refunded", ""),
        ("Canceled Reversal", ""),
        ("the customer wanted it to be delivered and then cancelled it by phone", ""),
        ("", ""),
    ],
)
def test_words_beside_a_state_leave_it_what_it_is_where_they_are_known(state: str, reason: str) -> None:
    assert state_of(state) == reason


def test_a_state_that_nobody_knows_is_told_as_such(tmp_path: Path) -> None:
    rows = ["a,2025-01-16,2,Paid", "b,2025-01-17,2,Paid", "b,2025-01-18,2,Partially refunded", "b,2025-01-19,2,Refund"]
    said = read(tmp_path, {"t.csv": table("Customer,Date,Total,Payment state", *rows)}).report.said

    assert "  Payment state: bought: Paid (2); not known, and so counted as bought: Partially refunded (1); paid back: Refund (1)." in said  # fmt: skip


@pytest.mark.parametrize(
    ("name", "one", "other"),
    [
        ("Type", "Sale", "Order"),
        ("Type", "Cash", "Transfer"),
        ("Type", "Invoice", "Sales Receipt"),
        ("Type", "Payment", "Charge"),
        ("Order type", "Order", "Delivery"),
        ("Payment type", "Invoice", "Transfer"),
        ("Card type", "Credit", "Debit"),
    ],
)
def test_ways_to_buy_and_to_pay_all_count(tmp_path: Path, name: str, one: str, other: str) -> None:
    rows = [f"a;2025-01-16 20:29;1234,50;{one}", f"b;2025-01-17 08:05;2,00;{other}"]

    assert bought(read(tmp_path, {"t.csv": table(f"Customer;Date;Total;{name}", *rows)})) == [A, B]


def test_minutes_are_no_time_of_the_day(tmp_path: Path) -> None:
    rows = ["a;16.01.2025;120;1234,50", "b;17.01.2025;145;2,00"]

    assert [at[-5:] for _, at, _ in bought(read(tmp_path, {"t.csv": table("Kunde;Datum;Zeit;Betrag", *rows)}))] == [
        "00:00"
    ] * 2


@pytest.mark.parametrize("name", ["Blocked", "Bounced", "Consent withdrawn", "New", "Active"])
def test_what_is_said_of_a_customer_by_yes_and_no_is_not_said_of_the_order(tmp_path: Path, name: str) -> None:
    rows = ["a;2025-01-16 20:29;1234,50;No", "b;2025-01-17 08:05;2,00;Yes"]

    assert bought(read(tmp_path, {"t.csv": table(f"Customer;Date;Total;{name}", *rows)})) == [A, B]


@pytest.mark.parametrize(
    ("header", "sale", "back"),
    [
        ("Datum;Bon;Kunde;Art;Betrag", "Umsatz", "Retoure"),
        ("Дата;Бон;Клиент;Тип;Сума", "Продажба", "Връщане"),
        ("Datum;Bon;Kupac;Vrsta;Iznos", "Prodaja", "Povrat"),
        ("Ngày;Số;Khách hàng;Loại;Thành tiền", "Bán hàng", "Trả hàng"),
        ("วันที่;เลขที่;ลูกค้า;ประเภท;ยอดรวม", "ขาย", "คืนสินค้า"),
        ("Tanggal;No;Pelanggan;Jenis;Total", "Penjualan", "Retur"),
        ("التاريخ;رقم;العميل;النوع;المبلغ", "بيع", "مرتجع"),
        ("תאריך;מס;לקוח;סוג;סכום", "מכירה", "החזר"),
        ("Ημερομηνία;Νο;Πελάτης;Τύπος;Ποσό", "Πώληση", "Επιστροφή"),
        ("Dátum;Szám;Vevő;Típus;Összeg", "Eladás", "Visszáru"),
    ],
)
def test_a_till_says_in_its_language_what_it_paid_back(tmp_path: Path, header: str, sale: str, back: str) -> None:
    rows = [f"16.01.2025 20:29;1;a;{sale};1234,50", f"17.01.2025 08:05;2;b;{sale};2,00", f"18.01.2025 08:05;3;b;{back};2,00"]  # fmt: skip

    assert bought(read(tmp_path, {"t.csv": table(header, *rows)})) == [A, B, BACK]


def test_a_word_of_refunds_among_others_that_nobody_knows_is_told(tmp_path: Path) -> None:
    rows = ["a;2025-01-16;1;Klx", "b;2025-01-17;2;Klx", "b;2025-01-18;2;Retoure"]
    said = read(tmp_path, {"t.csv": table("Kunde;Datum;Betrag;Xy", *rows)}).report.said

    assert any("Xy has 'retoure' in some rows, and other words that are not known" in one for one in said)


def test_a_state_that_a_known_export_has_and_nobody_knows_is_told(tmp_path: Path) -> None:
    header = "id,Created date (UTC),Amount,Amount Refunded,Currency,Captured,Description,Fee,Status,Customer ID,Customer Email"
    rows = [
        f"ch_{n},2025-01-{n + 10} 10:00:00,5.00,{back},eur,true,,0.30,{state},a,a@x.org"
        for n, (state, back) in enumerate([("Paid", "0.00"), ("Partial Refund", "1.00"), ("Clawed back", "0.00")])
    ]
    said = read(tmp_path, {"t.csv": table(header, *rows)}).report.said

    assert [one for one in said if "not known" in one] == [
        "  Status: not known, and so counted as bought: Clawed back (1)."
    ]


ORDERS = table("order number,customer,order date,total", "1,a,2025-01-16 20:29,1234.50", "2,b,2025-01-17 08:05,2.00")
IN_GERMAN = table("Bestellnummer;Kunde;Bestelldatum;Betrag", "1;a;16.01.2025 20:29;1.234,50", "2;b;17.01.2025 08:05;2,00")  # fmt: skip


@pytest.mark.parametrize(
    ("sales", "name", "refunds"),
    [
        (ORDERS, "refunds.csv", table("refund id,order number,refund date,refund amount", "r1,2,2025-01-18 08:05,2.00")),
        (ORDERS, "refunds.csv", table("order number,customer,date,refunded amount", "2,b,2025-01-18 08:05,2.00")),
        (ORDERS, "SalesReturns.csv", table("order number,customer,date,total", "2,b,2025-01-18 08:05,-2.00")),
        (ORDERS, "refunds.csv", table("order number,order date,order total,refunded at,refund amount", "2,2025-01-17 08:05,2.00,2025-01-18 08:05,2.00")),
        (ORDERS, "refunds.csv", table("customer_id,timestamp,amount", "b,2025-01-18 08:05,2.00")),
        (IN_GERMAN, "Gutschriften 2025.csv", table("Gutschriftsnummer;Kunde;Datum;Betrag", "G1;b;18.01.2025 08:05;2,00")),
        (IN_GERMAN, "Rückerstattungen.csv", table("Bestellnummer;Erstattungsdatum;Erstattungsbetrag", "2;18.01.2025 08:05;2,00")),
        (table("N° commande;Client;Date de commande;Montant TTC", "1;a;16/01/2025 20:29;1 234,50", "2;b;17/01/2025 08:05;2,00"),
         "remboursements.csv", table("N° commande;Date du remboursement;Montant remboursé", "2;18/01/2025 08:05;2,00")),
    ],
)  # fmt: skip
def test_refunds_in_a_file_of_their_own_are_those_of_their_orders(
    tmp_path: Path, sales: str, name: str, refunds: str
) -> None:
    history = read(tmp_path, {"a.csv": sales, name: refunds})

    assert bought(history) == [A, B, BACK]
    assert any(f"{name} is of refunds: each row pays back" in said for said in history.report.said)


def test_refunds_in_a_sheet_of_their_own_pay_back(tmp_path: Path) -> None:
    header: list[str | Decimal | int | datetime] = ["Kunde", "Datum", "Betrag"]
    sales: list[list[str | Decimal | int | datetime]] = [
        header,
        ["a", "16.01.2025 20:29", Decimal("1234.50")],
        ["b", "17.01.2025 08:05", Decimal(2)],
    ]
    sheets = [Sheet("Rechnungen", sales), Sheet("Gutschriften", [header, ["b", "18.01.2025 08:05", Decimal(2)]])]

    assert bought(read(tmp_path, {"t.xlsx": book(sheets)})) == [A, B, BACK]


def test_a_refund_of_an_order_that_is_in_no_file_is_nobodys(tmp_path: Path) -> None:
    history = read(
        tmp_path,
        {
            "a.csv": ORDERS,
            "refunds.csv": table("order number,date,refund", "9,2025-01-18,2.00", "2,2025-01-18 08:05,2.00"),
        },
    )

    assert bought(history) == [A, B, BACK]
    assert history.report.nobodys_rows == 1


@pytest.mark.parametrize("told", ["refunded amount", "status"])
def test_refunds_that_the_orders_tell_already_are_not_taken_off_twice(tmp_path: Path, told: str) -> None:
    refunds = table("order number,customer,refund date,refund amount", "2,b,2025-01-18 08:05,2.00")
    nothing, something = ("0.00", "2.00") if told == "refunded amount" else ("paid", "refunded")

    def orders(cell: str) -> dict[str, str | bytes]:
        rows = [f"1,a,2025-01-16 20:29,1234.50,{nothing}", f"2,b,2025-01-17 08:05,2.00,{cell}"]
        return {"a.csv": table(f"order number,customer,order date,total,{told}", *rows), "refunds.csv": refunds}

    assert bought(read(tmp_path, orders(nothing))) == [A, B, BACK]
    with pytest.raises(
        ConfigurationError, match=f"says itself what was given back .{told}.: it would be taken off twice"
    ):
        read(tmp_path, orders(something))


def test_a_refund_at_the_time_of_its_order_is_not_the_order_once_more(tmp_path: Path) -> None:
    header = "order number,customer,date,total"
    files: dict[str, str | bytes] = {
        name: table(header, "1,a,2025-01-16,5.00") for name in ("orders.csv", "refunds.csv")
    }

    assert [amount for _, _, amount in bought(read(tmp_path, files))] == [0], "the rows of one order at one instant"


@pytest.mark.parametrize(
    ("name", "is_one"),
    [
        ("refunds_2025-01.csv", True),
        ("Note di credito.xlsx", True),
        ("OrderRefunds.csv", True),
        ("退款.csv", True),
        ("orders-and-refunds.csv", False),
        ("sales and returns.csv", False),
        ("return policy.csv", False),
        ("orders.csv", False),
    ],
)
def test_a_file_is_of_refunds_by_its_name(name: str, is_one: bool) -> None:
    assert is_of_refunds(name) is is_one


@pytest.mark.parametrize("of_ours", [True, False])
def test_times_of_which_some_have_an_offset_and_some_have_none_are_told(tmp_path: Path, of_ours: bool) -> None:
    header = "customer_id,timestamp,amount" if of_ours else "customer,date,total"
    rows = ["a,2025-01-16T20:29:00Z,1", "b,2025-01-17T08:05:00,1"]
    told = (
        "some of its times say their offset and some do not. Those without one are read by the clock of Europe/Berlin"
    )

    assert any(told in said for said in read(tmp_path, {"t.csv": table(header, *rows)}, BERLIN).report.said)
    for alike in (rows[:1], rows[1:], ["a,2025-01-16T20:29:00+01:00,1", "b,2025-01-17,1"]):
        assert not any(told in said for said in read(tmp_path, {"t.csv": table(header, *alike)}, BERLIN).report.said)


@pytest.mark.parametrize(
    "clocks", [("20.29", "08.05"), ("2029", "805"), ("202900", "80500"), ("20h29", "8h05"), ("20:29:59", "8:05:01")]
)
def test_a_time_of_the_day_in_a_column_of_its_own_is_not_lost(tmp_path: Path, clocks: tuple[str, str]) -> None:
    for days in (("16/01/2025", "17/01/2025"), ("20250116", "20250117")):
        rows = [f"{who};{day};{clock};{much}" for who, day, clock, much in zip("ab", days, clocks, ("1234,50", "2,00"), strict=True)]  # fmt: skip
        assert bought(read(tmp_path, {"t.csv": table("Cliente;Data;Ora;Totale", *rows)})) == [A, B]


@pytest.mark.parametrize(
    "cells", ["1,5 Mio. €", "1,5k€", "1,5 T€", "1,5 mln zł", "12 万元", "5만원", "1.2億円", "3 шт", "1,5 тыс."]
)
def test_thousands_and_pieces_beside_a_currency_are_no_amounts(tmp_path: Path, cells: str) -> None:
    with pytest.raises(ConfigurationError, match="no column looks like amount"):
        read(tmp_path, {"t.csv": table("Kunde;Datum;Betrag", f"a;16.01.2025;{cells}", f"b;17.01.2025;{cells}")})


def test_a_discount_beside_price_and_pieces_is_asked_about_where_there_is_one(tmp_path: Path) -> None:
    header, row = "Factuur;Datum;Klant;Aantal;Stukprijs;Korting", "1;16-01-2025 20:29;a;2;617,25;"

    assert bought(read(tmp_path, {"t.csv": table(header, f"{row}0%")})) == [A]
    with pytest.raises(ConfigurationError, match="Stukprijs and Aantal, and Korting beside them"):
        read(tmp_path, {"t.csv": table(header, f"{row}10%")})


def test_a_gift_card_in_a_table_that_nobody_knows_counts_when_it_is_used(tmp_path: Path) -> None:
    rows = ["1;16.01.2025;b;Geschenkgutschein;50,00", "2;17.01.2025;b;Tee;50,00"]
    history = read(tmp_path, {"t.csv": table("Belegnr;Datum;Kunde;Artikel;Betrag", *rows)})

    assert [amount for _, _, amount in bought(history)] == [0, 50]
    assert any(said.startswith("1 rows are of gift cards") for said in history.report.sentences())


@pytest.mark.parametrize(
    "rows",
    [
        ["Bon;Kunde;Datum;Artikel;Anzahl;Preis", "1;a;16.01.2025 20:29;Tee;2;617,25", "2;b;17.01.2025 08:05;Tee;1;2,00"],
        ["Paragon;Klient;Data;Ilość;Cena", "1;a;16.01.2025 20:29;2;617,25", "2;b;17.01.2025 08:05;1;2,00"],
        ["Kvitto;Kund;Datum;Antal;Pris", "1;a;2025-01-16 20:29;2;617,25", "2;b;2025-01-17 08:05;1;2,00"],
        ["Bon;Kunde;Datum;Preis", "1;a;16.01.2025 20:29;1234,50", "2;b;17.01.2025 08:05;2,00"],
        ["Client;Date;HT;TVA;TTC", "a;16/01/2025 20:29;1 000,00;234,50;1 234,50", "b;17/01/2025 08:05;1,00;1,00;2,00"],
        ["Date,Type,Customer,Amount", "2025-01-16 20:29,Charge,a,1234.50", "2025-01-17 08:05,Charge,b,2.00", "2025-01-17 08:05,Fee,b,-0.30", "2025-01-18 08:05,Payout,b,9.00"],
        ["Customer,Date,Total,Orders", "a,2025-01-16 20:29,1234.50,1", "b,2025-01-17 08:05,2.00,1"],
    ],
)  # fmt: skip
def test_the_price_of_a_piece_a_fee_and_a_tax_are_not_what_was_paid(tmp_path: Path, rows: list[str]) -> None:
    assert bought(read(tmp_path, {"t.csv": table(*rows)})) == [A, B]


@pytest.mark.parametrize(
    "rows",
    [
        ["Customer,Email,Created at,Total spent,Orders count", "a,a@x.org,2024-01-16,1234.50,5", "b,b@x.org,2024-01-17,2.00,1"],
        ["Kunde;Datum;Umsatz;Anzahl Bestellungen", "a;16.01.2024;1234,50;5", "b;17.01.2024;2,00;1"],
    ],
)  # fmt: skip
def test_a_list_of_customers_is_no_list_of_orders(tmp_path: Path, rows: list[str]) -> None:
    with pytest.raises(ConfigurationError, match="a list of customers and not of orders"):
        read(tmp_path, {"t.csv": table(*rows)})


def test_an_amount_that_is_called_that_of_the_order_counts_once_for_all_of_its_rows(tmp_path: Path) -> None:
    rows = [f"{n},c{n},2025-01-{n:02} 10:00,{item},9.00" for n in range(1, 8) for item in ("x", "y")]
    history = read(tmp_path, {"t.csv": table("order number,customer,date,item,order total", *rows)})

    assert [amount for _, _, amount in bought(history)] == [9] * 7
    assert "  order total is that of the whole order: it counts in the first of its rows." in history.report.said


@pytest.mark.parametrize(("one", "other"), [("12,345", "12345"), ("0171 1234567", "01711234567")])
def test_numbers_of_customers_with_and_without_marks_are_told(tmp_path: Path, one: str, other: str) -> None:
    rows = [f"{who};2025-01-{day};1" for day, who in ((11, one), (12, other), (13, one), (14, other))]
    said = " ".join(read(tmp_path, {"t.csv": table("customer;date;total", *rows)}).report.said)

    assert f"come with and without marks between their digits ({one} and {other})" in said


ITEMS = [{"sku": "x", "price": 600, "quantity": 2}, {"sku": "y", "price": 34.5, "quantity": 1}], [{"sku": "y", "price": 2, "quantity": 1}]  # fmt: skip
CENTS = [{"value": cents, "exponent": -2, "currency": "EUR"} for cents in (123450, 200)]
BACK_OF = [{"total": 1237.5, "refunds": [{"total": 2}, {"amount": "1.00"}]}, {"total": 2, "refunds": []}]


@pytest.mark.parametrize("parts", [[{"items": lines} for lines in ITEMS], [{"total": one} for one in CENTS], BACK_OF])
def test_what_was_paid_stands_within_an_object(tmp_path: Path, parts: list[dict[str, object]]) -> None:
    orders = [
        {"id": number, "customer": who, "date": at, **part}
        for number, ((who, at, _), part) in enumerate(zip((A, B), parts, strict=True))
    ]
    history = read(tmp_path, {"t.json": json.dumps(orders)})
    worth: dict[str, Decimal] = {}
    for who, _, amount in bought(history):
        worth[who] = worth.get(who, Decimal(0)) + amount

    assert worth == {"a": Decimal("1234.50"), "b": Decimal(2)}


def test_what_nobody_can_read_of_a_refund_is_not_passed_over(tmp_path: Path) -> None:
    orders = [{"id": 1, "customer": "a", "date": A[1], "total": 5, "refunds": [{"id": 7}]}, {"id": 2, "customer": "b", "date": B[1], "total": 2, "refunds": []}]  # fmt: skip

    assert "Not used, though they may matter: refunds.total." in " ".join(read(tmp_path, {"t.json": json.dumps(orders)}).report.said)  # fmt: skip


def test_a_row_within_which_the_file_ends_is_no_order(tmp_path: Path) -> None:
    whole = table("customer,date,total", "a,2025-01-16 20:29,1234.50", "b,2025-01-17 08:05,2.00")
    history = read(tmp_path, {"t.csv": f"{whole}b,2025-01-1"})

    assert bought(history) == [A, B]
    assert history.report.skipped == {"the file ends within a row: take the export once more": 1}
    lines = [f"c{n},2025-01-{n:02},{n}.00,x{n}" for n in range(1, 12)]
    whole = table("customer,date,total,city", *lines)
    assert len(bought(read(tmp_path, {"t.csv": f"{whole}b,2025-01-18,19"}))) == 11
    assert len(bought(read(tmp_path, {"t.csv": f"{whole}b,2025-01-18,19\n"}))) == 12
    assert read(tmp_path, {"t.csv": f"{whole}Total,,66.00"}).report.total_skipped == 0


def test_columns_under_our_own_names_are_no_sign_of_a_shop_system() -> None:
    assert recognised(["order_id", "customer_id", "timestamp", "order_total", "order_value"], surveys=False) is None


@pytest.mark.parametrize(
    "cell", ["16.01.2025 г. 20:29", "16.01.2025 г. в 20:29", "16.01.2025 r. 20:29", "16.01.2025 р. 20:29"]
)
def test_the_word_for_a_year_behind_a_day_is_no_part_of_the_time(tmp_path: Path, cell: str) -> None:
    assert bought(read(tmp_path, {"t.csv": table("Клиент;Дата;Сума", f"a;{cell};1234,50")})) == [A]
