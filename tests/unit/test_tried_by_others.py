"""Files as people keep them, each with the right numbers written before it was tried: those, or a refusal."""

from __future__ import annotations

import gzip
import json
import zipfile
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from io import BytesIO
from pathlib import Path
from typing import NamedTuple
from zoneinfo import ZoneInfo

import pytest

from service.domain.calendar import Calendar
from service.domain.events import SurveyAnswer
from service.errors import ConfigurationError
from service.history import History, Wishes, open_history
from tests.support.workbooks import Sheet, book, ods, xlsx

PARIS = Calendar(ZoneInfo("Europe/Paris"))


class Right(NamedTuple):
    people: int
    orders: int
    revenue: Decimal
    nobodys: int = 0
    first: datetime = datetime(2025, 1, 3, 10)  # noqa: DTZ001 - by the shop's clock
    """When the first order was; only the day where the file says no time."""


class Sale(NamedTuple):
    who: str
    at: datetime
    amount: Decimal
    number: int


SALES = [
    Sale(f"kunde{n % 7}@beispiel.de", datetime(2025, 1, 3, 10) + timedelta(days=9 * n, minutes=n), Decimal(420 + n * 4_871) / 100, 5000 + n)  # noqa: DTZ001
    for n in range(40)
]  # fmt: skip
ALL = Right(7, 40, sum((one.amount for one in SALES), Decimal(0)))
DAYS = ALL._replace(first=datetime(2025, 1, 3))  # noqa: DTZ001 - no time of the day is known
YEN = Right(7, 40, sum((Decimal(int(one.amount)) for one in SALES), Decimal(0)))
GERMAN = str.maketrans(",.", ".,")


def german(value: Decimal) -> str:
    return f"{value:,.2f}".translate(GERMAN)


def lines(
    header: str,
    when: Callable[[datetime], str] = lambda at: at.strftime("%Y-%m-%d %H:%M:%S"),
    much: Callable[[Decimal], str] = lambda value: f"{value:.2f}",
    *,
    cut: str = ",",
    more: Sequence[str] = (),
    sales: Sequence[Sale] = SALES,
) -> list[str]:
    """A header of who, when, how much and the number of the order, and a line each."""
    return [
        header,
        *(cut.join([one.who, when(one.at), much(one.amount), str(one.number), *more]) for one in sales),
    ]


def text(rows: Sequence[str], end: str = "\n") -> str:
    return end.join(rows) + end


PLAIN = lines("customer,order date,total,order number")
LOCAL = lines(
    "Kunde;Bestelldatum;Gesamtbetrag;Bestellnummer", lambda at: at.strftime("%d.%m.%Y %H:%M"), german, cut=";"
)
Cell = str | Decimal | int | datetime


def row_of(one: Sale) -> list[Cell]:
    return [one.who, one.at, one.amount, one.number]


TABLE: list[list[Cell]] = [
    ["Kunde", "Datum", "Betrag", "Belegnummer"],
    *(row_of(one) for one in SALES),
]


def mixed_ends() -> bytes:
    return "".join(line + ("\r\n", "\n")[n % 2] for n, line in enumerate(PLAIN)).encode()


def archive(members: dict[str, str | bytes]) -> bytes:
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        for name, content in members.items():
            file.writestr(name, content)
    return buffer.getvalue()


def since() -> list[list[Cell]]:
    return [[f"kunde{n}@beispiel.de", f"Name {n}", datetime(2020, 1, n + 1)] for n in range(7)]  # noqa: DTZ001


def summed_up() -> list[list[Cell]]:
    return [[f"kunde{n}@beispiel.de", 6, Decimal(100), datetime(2025, 12, n + 1)] for n in range(7)]  # noqa: DTZ001


def serial(at: datetime, first: datetime) -> str:
    return format(Decimal(round((at - first).total_seconds())) / 86_400, "f")


def with_refunds(kind: str, sale: str, header: str) -> list[str]:
    """The first three orders come back as rows of their own with amounts above zero."""
    rows = [f"{one.who};{one.at:%d.%m.%Y %H:%M};{german(one.amount)};{one.number};{sale}" for one in SALES]
    rows += [
        f"{one.who};{one.at + timedelta(days=2):%d.%m.%Y %H:%M};{german(one.amount)};{one.number};{kind}"
        for one in SALES[:3]
    ]
    return [header, *rows]


BACK = ALL._replace(revenue=ALL.revenue - sum((one.amount for one in SALES[:3]), Decimal(0)))


def with_states(header: str, good: str, bad: str, when: str, *, cut: str = ";", of: int = 4) -> list[str]:
    """Every fourth order was not to be."""
    return [
        header,
        *(
            cut.join(
                [str(one.number), one.who, one.at.strftime(when), german(one.amount), bad if n % of == 3 else good]
            )
            for n, one in enumerate(SALES)
        ),
    ]


KEPT = Right(7, 30, sum((one.amount for n, one in enumerate(SALES) if n % 4 != 3), Decimal(0)))
TOTAL = german(ALL.revenue)
MONTHS_FR = ("janv.", "févr.", "mars", "avr.", "mai", "juin", "juil.", "août", "sept.", "oct.", "nov.", "déc.")
MONTHS_PL = ("sty", "lut", "mar", "kwi", "maj", "cze", "lip", "sie", "wrz", "paź", "lis", "gru")


def monthly() -> dict[str, list[Sale]]:
    found: dict[str, list[Sale]] = {}
    for one in SALES:
        found.setdefault(f"{one.at:%Y-%m}", []).append(one)
    return found


def with_subtotals() -> list[str]:
    rows = [LOCAL[0]]
    for month, sales in monthly().items():
        rows += lines("", lambda at: at.strftime("%d.%m.%Y %H:%M"), german, cut=";", sales=sales)[1:]
        rows.append(f"Zwischensumme {month};;{german(sum((one.amount for one in sales), Decimal(0)))};")
    return rows


PAYPAL = {
    "Italian": ("Data,Ora,Fuso orario,Nome,Tipo,Stato,Valuta,Lordo,Tariffa,Netto,Indirizzo email mittente,Indirizzo email destinatario,Codice transazione", "Pagamento Express Checkout", "Completata", "Prelievo generico"),
    "Dutch": ("Datum,Tijd,Tijdzone,Naam,Type,Status,Valuta,Bruto,Kosten,Net,Van e-mailadres,Naar e-mailadres,Transactiereferentie", "Express Checkout-betaling", "Voltooid", "Algemene opname"),
    "Portuguese": ("Data,Hora,Fuso Horário,Nome,Tipo,Status,Moeda,Bruto,Tarifa,Líquido,Do endereço de e-mail,Para o endereço de e-mail,ID da transação", "Pagamento do checkout expresso", "Concluído", "Transferência geral"),
    "Polish": ("Data,Godzina,Strefa czasowa,Nazwisko (nazwa),Typ,Status,Waluta,Brutto,Opłata,Netto,Z adresu e-mail,Na adres e-mail,Identyfikator transakcji", "Płatność ekspresowa", "Zakończona", "Ogólna wypłata"),
}  # fmt: skip


def paypal(header: str, kind: str, status: str, withdrawal: str) -> str:
    """Sales, and what goes to the bank."""
    rows = [header]
    for n, one in enumerate(SALES):
        moment = f"{one.at:%d/%m/%Y},{one.at:%H:%M:%S},Europe/Paris"
        rows.append(
            f'{moment},Zoe,{kind},{status},EUR,"{german(one.amount)}","-0,35","{german(one.amount)}",{one.who},shop@x.fr,T{one.number}'
        )
        if n % 10 == 0:
            rows.append(
                f'{moment},,{withdrawal},{status},EUR,"-{german(one.amount)}","0,00","-{german(one.amount)}",shop@x.fr,,W{one.number}'
            )
    return text(rows)


READ: dict[str, tuple[str | bytes, Right]] = {
    "UTF-16 without a mark, low byte first": (text(PLAIN).encode("utf-16-le"), ALL),
    "UTF-16 without a mark, high byte first": (text(PLAIN).encode("utf-16-be"), ALL),
    "UTF-16 and sep=;": (("sep=;\r\n" + text(LOCAL, "\r\n")).encode("utf-16"), ALL),
    "two marks of UTF-8": (b"\xef\xbb\xbf\xef\xbb\xbf" + text(LOCAL).encode(), ALL),
    "line ends of both kinds": (mixed_ends(), ALL),
    "line ends of an old Mac": (text(PLAIN, "\r").encode(), ALL),
    "quotes and line breaks in cells": (
        text(
            lines('customer,order date,total,order number,"note ""x"", long"', more=['"said ""yes"", and\nleft"'])
        ),
        ALL,
    ),
    "thousands with a comma in quotes": (
        text(lines("customer,order date,total,order number", much=lambda value: f'"{value:,.2f}"')),
        ALL,
    ),
    "a bar between cells, with blanks around": (
        text([" | ".join(line.split(",")) for line in PLAIN]),
        ALL,
    ),
    "an empty column at the end of each line": (text([line + "," for line in PLAIN]), ALL),
    "an empty column at the end of the data only": (text([PLAIN[0], *(line + "," for line in PLAIN[1:])]), ALL),
    "names with hard blanks in them": (text(["Kunde;Datum\u00a0;Betrag\u00a0(EUR);Beleg\u00a0Nr.", *LOCAL[1:]]), ALL),
    "gzip of tabs": (gzip.compress(text([line.replace(";", "\t") for line in LOCAL]).encode()), ALL),
    # ---- headers in the languages of the products
    "WooCommerce in German": (
        text(with_states("Bestellnummer;E-Mail (Abrechnung);Bestelldatum;Bestellsumme;Bestellstatus", "Abgeschlossen", "Storniert", "%d.%m.%Y %H:%M")),
        KEPT,
    ),
    "PrestaShop in French": (
        text([
            "ID;Référence;Nouveau client;Livraison;Client;Total;Paiement;État;Date",
            *(
                f"{one.number};XK{one.number};0;France;{one.who};{one.amount:,.2f}\u202f€".translate(GERMAN).replace("@beispiel,de", "@beispiel.de")
                + f";Carte;{'Annulé' if n % 4 == 3 else 'Livré'};{one.at:%d/%m/%Y %H:%M:%S}"
                for n, one in enumerate(SALES)
            ),
        ]),
        KEPT,
    ),
    "Spanish": (text(with_states("Número de pedido;Cliente;Fecha del pedido;Importe total;Estado del pedido", "Completado", "Cancelado", "%d/%m/%Y %H:%M")), KEPT),
    "Italian": (text(with_states("Numero ordine;Cliente;Data ordine;Totale ordine;Stato ordine", "Spedito", "Annullato", "%d/%m/%Y %H:%M")), KEPT),
    "Dutch": (text(with_states("Ordernummer;Klant;Besteldatum;Totaalbedrag;Bestelstatus", "Verzonden", "Geannuleerd", "%d-%m-%Y %H:%M")), KEPT),
    "Polish in the letters of Windows": (text(with_states("Numer zamówienia;Klient;Data zamówienia;Kwota zamówienia;Status zamówienia", "Zrealizowane", "Anulowane", "%d.%m.%Y %H:%M")).encode("cp1250"), KEPT),
    "Portuguese": (text(with_states("Número do pedido;Cliente;Data do pedido;Valor total;Status do pedido", "Concluído", "Cancelado", "%d/%m/%Y %H:%M")), KEPT),
    "Japanese in Shift-JIS": (
        text([
            "注文番号,顧客ID,注文日時,合計金額,注文ステータス",
            *(f'{one.number},{one.who},{one.at:%Y/%m/%d %H:%M},"¥{int(one.amount):,}",発送済み' for one in SALES),
        ]).encode("shift_jis"),
        YEN,
    ),
    "Swedish": (text(with_states("Ordernummer;Kund;Orderdatum;Ordersumma;Orderstatus", "Levererad", "Avbruten", "%Y-%m-%d %H:%M")), KEPT),
    "Czech": (text(with_states("Číslo objednávky;Zákazník;Datum objednávky;Celkem;Stav objednávky", "Vyřízeno", "Zrušeno", "%d.%m.%Y %H:%M")), KEPT),
    # ---- amounts
    "thousands by a narrow blank, the sign behind": (text(lines(LOCAL[0], lambda at: at.strftime("%d.%m.%Y %H:%M"), lambda value: f"{value:,.2f}".translate(str.maketrans(",.", "\u202f,")) + "\u00a0€", cut=";")), ALL),
    "thousands by a hard blank, the code behind": (text(lines(LOCAL[0], lambda at: at.strftime("%d.%m.%Y %H:%M"), lambda value: f"{value:,.2f}".translate(str.maketrans(",.", "\u00a0,")) + " EUR", cut=";")), ALL),
    "the code behind, with commas between thousands": (text(lines("customer;order date;total;order number", much=lambda value: f"{value:,.2f} EUR", cut=";")), ALL),
    "thousands by an apostrophe": (text(lines(LOCAL[0], lambda at: at.strftime("%d.%m.%Y %H:%M"), lambda value: f"{value:,.2f}".replace(",", "\u2019"), cut=";")), ALL),
    "rupees in lakhs": (
        text(["customer;order date;total", "a;2025-01-03 10:00;₹1,23,456.00", "b;2025-02-13 10:00;₹950.50"]),
        Right(2, 2, Decimal("124406.50")),
    ),
    "dollars below zero in brackets": (
        text(["customer;order date;total", "a;2025-01-03 10:00;$1,200.50", "a;2025-02-13 10:00;($200.50)"]),
        Right(1, 1, Decimal("1000.00")),
    ),
    "the minus behind": (
        text(["Kunde;Datum;Betrag", "a;03.01.2025 10:00;1.200,50", "a;13.02.2025 10:00;200,50-"]),
        Right(1, 1, Decimal("1000.00")),
    ),
    "the minus behind the sign": (
        text(["customer;order date;total", "a;2025-01-03 10:00;€1200.50", "a;2025-02-13 10:00;€-200.50"]),
        Right(1, 1, Decimal("1000.00")),
    ),
    # ---- dates
    "numbers of a spreadsheet": (text(lines("customer,order date,total,order number", lambda at: serial(at, datetime(1899, 12, 30)))), ALL),  # noqa: DTZ001
    "half days, the month first": (text(lines("customer,order date,total,order number", lambda at: at.strftime("%m/%d/%Y %I:%M %p"))), ALL),
    "two digits of a year": (text(lines("customer,order date,total,order number", lambda at: at.strftime("%d/%m/%y %H:%M"))), ALL),
    "instants in UTC": (text(lines("customer,order date,total,order number", lambda at: at.replace(tzinfo=ZoneInfo("Europe/Paris")).astimezone(ZoneInfo("UTC")).strftime("%Y-%m-%dT%H:%M:%SZ"))), ALL),
    "milliseconds": (text(lines("customer,order date,total,order number", lambda at: str(int(at.replace(tzinfo=ZoneInfo("Europe/Paris")).timestamp() * 1000)))), ALL),
    "French months": (text(lines("Client;Date de commande;Montant;N° de commande", lambda at: f"{at.day} {MONTHS_FR[at.month - 1]} {at.year} à {at:%H:%M}", german, cut=";")), ALL),
    "Polish months": (text(lines("Klient;Data zamówienia;Kwota;Numer zamówienia", lambda at: f"{at.day} {MONTHS_PL[at.month - 1]} {at.year} {at:%H:%M}", german, cut=";")), ALL),
    "days of the week before": (text(lines(LOCAL[0], lambda at: ("Mo.", "Di.", "Mi.", "Do.", "Fr.", "Sa.", "So.")[at.weekday()] + at.strftime(" %d.%m.%Y %H:%M"), german, cut=";")), ALL),
    "the clock in a column of its own": (text(lines("Kunde;Datum;Uhrzeit;Betrag;Belegnummer", lambda at: at.strftime("%d.%m.%Y;%H:%M"), german, cut=";")), ALL),
    # ---- what stands around a table
    "titles above": (text(["Umsatzliste", "Filiale Köln;;;", "Zeitraum: 01.01.2025 - 31.12.2025", "", *LOCAL]), ALL),
    "the sum below": (text([*LOCAL, f"Gesamt;;{TOTAL};"]), ALL),
    "the sum and a remark below": (text([*LOCAL, ";;;", f"Summe:;;{TOTAL};", "Erstellt am 28.11.2025 von Kasse 1"]), ALL),
    "the sum below in the first column of dates": (text([*LOCAL, f";Summe;{TOTAL};"]), ALL),
    "sums of each month among the orders": (text(with_subtotals()), ALL),
    "the sum below, with a date": (text([*LOCAL, f"Gesamt;31.12.2025 23:59;{TOTAL};"]), ALL),
    "the sum of each day": (
        text([LOCAL[0], *(row for line, one in zip(LOCAL[1:], SALES, strict=True) for row in (line, f"Tagessumme;{one.at:%d.%m.%Y} 23:59;{german(one.amount)};"))]),
        ALL,
    ),
    "a clock and a zone under names that nobody knows": (
        text(["klant;datum;moment;plaats;totaal", *(f"{one.who};{one.at:%Y-%m-%d};{one.at:%H:%M:%S};Europe/Paris;{one.amount}" for one in SALES)]),
        ALL,
    ),
    "refunds that say in two columns what they pay back": (
        text([
            "Order,Customer,Date,Total,Refunded,Type",
            *(f"{one.number},{one.who},{one.at},{one.amount},0,Sale" for one in SALES),
            *(f"{one.number},{one.who},{one.at + timedelta(days=1)},{one.amount},{one.amount},Refund" for one in SALES[:3]),
        ]),
        BACK,
    ),
    **{f"PayPal, {name}": (paypal(*said), ALL) for name, said in PAYPAL.items()},
    "half days in Spanish": (
        text(["Cliente;Fecha;Importe", *(f"{one.who};{one.at:%d/%m/%Y %I:%M} {'a.' if one.at.hour < 12 else 'p.'}\u00a0m.;{german(one.amount)}" for one in SALES)]),
        ALL,
    ),
    "telephone numbers and seconds": (
        text(["phone,ts,total", *(f"+49 170 123{one.who[5]},{int(one.at.replace(tzinfo=ZoneInfo('Europe/Paris')).timestamp())},{one.amount}" for one in SALES)]),
        ALL,
    ),
    "a lot beside the amount": (
        text(["customer,date,subtotal,discount,tax,total,deposit,balance", *(f"{one.who},{one.at},{one.amount + 1},1.00,0.00,{one.amount},5.00,9.00" for one in SALES)]),
        ALL,
    ),
    "ISO weeks": (text(["customer,date,total", *(f"{one.who},{one.at:%G-W%V-%u},{one.amount}" for one in SALES)]), DAYS),
    "the names again after each page": (text([*LOCAL[:20], LOCAL[0], *LOCAL[20:]]), ALL),
    # ---- workbooks
    "cells of dates": (book([Sheet("Verkäufe", TABLE)]), ALL),
    "cells of dates, counted since 1904": (book([Sheet("Verkäufe", TABLE)], since_1904=True), ALL),
    "numbers for dates, counted since 1904": (
        xlsx([["Kunde", "Datum", "Betrag"], *([one.who, serial(one.at, datetime(1904, 1, 1)), f"{one.amount:.2f}"] for one in SALES)], since_1904=True),  # noqa: DTZ001
        ALL,
    ),
    "dates and amounts as texts": (
        book([Sheet("Verkäufe", [["Kunde", "Datum", "Betrag"], *([one.who, one.at.strftime("%d.%m.%Y %H:%M"), german(one.amount) + " €"] for one in SALES)])]),
        ALL,
    ),
    "a sheet a month": (
        book([Sheet(month, [TABLE[0], *map(row_of, sales)]) for month, sales in monthly().items()]),
        ALL,
    ),
    "a hidden sheet with another copy": (
        book([Sheet("Verkäufe", TABLE), Sheet("Alt", [row[:3] for row in TABLE[:20]], is_hidden=True)]),
        ALL,
    ),
    "a sheet of customers beside": (
        book([
            Sheet("Kunden", [["Kunde", "Name", "Kunde seit"], *since()]),
            Sheet("Verkäufe", TABLE),
        ]),
        ALL,
    ),
    "titles across merged cells": (
        book([Sheet("Verkäufe", [["Umsätze des Jahres 2025", "", "", ""], ["", "", "", ""], *TABLE], merged=["A1:D1"])]),
        ALL,
    ),
    "customers across merged cells": (
        book([
            Sheet(
                "Verkäufe",
                [TABLE[0], *(row_of(one._replace(who=one.who if place == 0 else "")) for n in range(7) for place, one in enumerate(SALES[n::7]))],
                merged=[f"A{2 + sum(len(SALES[k::7]) for k in range(n))}:A{1 + sum(len(SALES[k::7]) for k in range(n + 1))}" for n in range(7)],
            )
        ]),
        ALL,
    ),
    "ODS": (ods([["Kunde", "Datum", "Betrag"], *([one.who, one.at.strftime("%d.%m.%Y %H:%M"), f"{one.amount:.2f}"] for one in SALES)]), ALL),
    # ---- archives and JSON
    "an archive of a Mac": (archive({"orders.csv": text(PLAIN), "__MACOSX/._orders.csv": b"\0\5\26\7\0\2\0\0Mac OS X", ".DS_Store": b"\0\0\0\1Bud1"}), ALL),
    "a file a month in an archive": (archive({f"umsatz/{month}.csv": text(lines(PLAIN[0], sales=sales)) for month, sales in monthly().items()}), ALL),
    "JSON within JSON": (
        json.dumps({"data": {"orders": [{"id": one.number, "customer": {"email": one.who}, "created_at": one.at.isoformat(), "total": str(one.amount)} for one in SALES]}}),
        ALL,
    ),
    "JSON with a mark of UTF-8": (
        b"\xef\xbb\xbf" + json.dumps([{"customer_id": one.who, "order_date": one.at.isoformat(), "amount": float(one.amount)} for one in SALES]).encode(),
        ALL,
    ),
    # ---- refunds, copies and doubles
    "refunds as rows above zero": (text(with_refunds("Gutschrift", "Rechnung", "Kunde;Datum;Betrag;Belegnummer;Belegart")), BACK),
    "refunds above zero in French": (text(with_refunds("Remboursement", "Vente", "Client;Date;Montant;N° de ticket;Type")), BACK),
    "refunds above zero in Spanish": (text(with_refunds("Devolución", "Venta", "Cliente;Fecha;Importe;Número de ticket;Tipo")), BACK),
    "refunds above zero in Italian": (text(with_refunds("Reso", "Vendita", "Cliente;Data;Importo;Numero scontrino;Tipo")), BACK),
    "refunds above zero in Polish": (text(with_refunds("Zwrot", "Sprzedaż", "Klient;Data;Kwota;Numer paragonu;Rodzaj")), BACK),
    "two columns of one name that say the same": (text([line + ";" + line.split(";")[2] for line in LOCAL]), ALL),
    "codes of one currency in both cases": (text([LOCAL[0] + ";Währung", *(line + (";EUR", ";eur")[n % 2] for n, line in enumerate(LOCAL[1:]))]), ALL),
    "a line for each piece of an order": (
        text([
            "order number,customer,order date,item,line total",
            *(f"{one.number},{one.who},{one.at},{item},{part:.2f}" for one in SALES for item, part in (("Tea", one.amount - 1), ("Cup", Decimal(1)))),
        ]),
        ALL,
    ),
}  # fmt: skip
REFUSED: dict[str, tuple[str | bytes, str]] = {
    "thousands that may be decimals": (text(["Kunde;Datum;Betrag", "a;03.01.2025;1.250", "b;13.02.2025;2.500"]), "two ways"),
    "days that may be months": (text(["customer;date;total", "a;03/01/2025;12.50", "b;04/02/2025;9.00"]), "two ways|month"),
    "two columns of one name that differ": (text([line + ";" + ("Gesamtbetrag" if n == 0 else "1,00") for n, line in enumerate(LOCAL)]), "may be"),
    "the amount of an order in each of its lines": (
        text(["order number,customer,order date,item,total", *(f"{one.number},{one.who},{one.at},{item},{one.amount}" for one in SALES for item in ("Tea", "Cup"))]),
        "order_total",
    ),
    "numbers of orders that a spreadsheet has rounded": (
        text(["order id,customer,date,total", *(f"5.00012E+11,{one.who},{one.at},{one.amount}" for one in SALES)]),
        "the order 5.00012E.11 is a number that a spreadsheet has rounded",
    ),
    "a sheet that sums up the other one": (
        book([
            Sheet("Verkäufe", TABLE),
            Sheet("Übersicht", [["Kunde", "Anzahl", "Umsatz", "Datum"], *summed_up()]),
        ]),
        "does one of them sum up",
    ),
    "net beside what nobody knows": (
        text(["Kunde;Datum;Netto;Toplam KDV dahil", *(f"{one.who};{one.at:%d.%m.%Y};{german(one.amount - 1)};{german(one.amount)}" for one in SALES)]),
        "amount may be",
    ),
    "customers named in two columns": (
        text(["First Name,Last Name,Date,Total", *(f"Zoe,{one.who[:6]},{one.at},{one.amount}" for one in SALES)]),
        r'customer_id="First Name.Last Name"',
    ),
    "no names above": (text(PLAIN[1:]), "names"),
    "a pivot of months": (text(["Kunde;Januar;Februar;März", "a;12,00;13,00;14,00", "b;1,00;;3,00"]), "timestamp"),
}  # fmt: skip
"""Right is only the refusal, and what it says."""


def read(path: Path, content: str | bytes) -> History:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return open_history([path], calendar=PARIS, minor_digits=2, wishes=Wishes(currency="EUR"))


def shop_of(history: History) -> Right:
    events = list(history.purchases(makes_ids=False))
    return Right(
        len({one.customer_id for one in events}),
        sum(not one.refund for one in events),
        Decimal(sum(-one.amount_minor if one.refund else one.amount_minor for one in events)) / 100,
        history.report.nobodys_orders,
        datetime.fromtimestamp(min(one.at_us for one in events) / 1e6, ZoneInfo("Europe/Paris")).replace(tzinfo=None),
    )


@pytest.mark.parametrize("name", READ)
def test_a_file_as_somebody_keeps_it_has_the_numbers_that_they_know(tmp_path: Path, name: str) -> None:
    content, right = READ[name]

    history = read(tmp_path / "export", content)

    assert shop_of(history) == right
    assert history.report.total_skipped == 0


@pytest.mark.parametrize("name", REFUSED)
def test_a_file_of_which_nobody_can_say_the_numbers_is_refused_in_one_screen(tmp_path: Path, name: str) -> None:
    content, said = REFUSED[name]

    with pytest.raises(ConfigurationError, match=said) as error:
        read(tmp_path / "export", content)

    assert len(str(error.value)) < 2_000


ANSWERS: dict[str, tuple[str, list[str]]] = {
    "an NPS with labelled ends": (
        "Email;Date;How likely are you to recommend us to a friend?\na@x.org;2025-01-13;10 - Extremely likely\nb@x.org;2025-01-14;0 - Not at all likely\nc@x.org;2025-01-15;7\n",
        ["nps 10", "nps 0", "nps 7"],
    ),
    "a German NPS with labelled ends": (
        "E-Mail;Datum;Wie wahrscheinlich ist es, dass Sie uns weiterempfehlen?\na@x.org;13.01.2025;10 = sehr wahrscheinlich\nb@x.org;14.01.2025;0 = sehr unwahrscheinlich\n",
        ["nps 10", "nps 0"],
    ),
    "a German satisfaction in words": (
        "E-Mail;Datum;Wie zufrieden sind Sie mit uns?\na@x.org;13.01.2025;Sehr zufrieden\nb@x.org;14.01.2025;Unzufrieden\nc@x.org;15.01.2025;Zufrieden\n",
        ["csat 5", "csat 2", "csat 4"],
    ),
    "stars": (
        "Email,Date,How satisfied were you with your visit?\na@x.org,2025-01-13,★★★★★\nb@x.org,2025-01-14,★★☆☆☆\n",
        ["csat 5", "csat 2"],
    ),
    "an effort with labelled ends": (
        "Email,Date,The company made it easy for me to handle my issue\na@x.org,2025-01-13,7 - Strongly agree\nb@x.org,2025-01-14,1 - Strongly disagree\n",
        ["ces 7", "ces 1"],
    ),
    **{
        f"an NPS in {language}": (f"E-mail;{day};{question}\na@x.org;13/01/2025;10\nb@x.org;14/01/2025;2\n", ["nps 10", "nps 2"])
        for language, day, question in (
            ("Spanish", "Fecha", "¿Qué probabilidad hay de que nos recomiende a un amigo?"),
            ("Italian", "Data", "Quanto è probabile che ci consiglieresti a un amico?"),
            ("Dutch", "Datum", "Hoe waarschijnlijk is het dat u ons aanbeveelt?"),
            ("Polish", "Data", "Jak prawdopodobne jest, że polecisz nas znajomym?"),
            ("Portuguese", "Data", "Qual a probabilidade de nos recomendar a um amigo?"),
            ("Japanese", "日付", "友人にすすめる可能性はどのくらいですか"),
        )
    },
    "a French NPS": (
        "Adresse e-mail;Date;Quelle est la probabilité que vous nous recommandiez à un ami ?\na@x.org;13/01/2025;9\nb@x.org;14/01/2025;3\n",
        ["nps 9", "nps 3"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", ANSWERS)
def test_answers_as_people_keep_them_are_the_scores_that_were_given(tmp_path: Path, name: str) -> None:
    content, right = ANSWERS[name]
    (tmp_path / "orders.csv").write_text("customer_id,timestamp,amount\na@x.org,2025-01-01,1\n")
    (tmp_path / "answers").write_text(content)

    history = open_history([tmp_path / "orders.csv"], [tmp_path / "answers"], calendar=PARIS, minor_digits=2)
    found = [f"{one.survey.value} {one.score}" for one in history.events() if isinstance(one, SurveyAnswer)]

    assert found == right


def test_a_sheet_that_nobody_sees_is_left_aside_and_said(tmp_path: Path) -> None:
    content = book([Sheet("Verkäufe", TABLE), Sheet("Alt", TABLE[:20], is_hidden=True)])

    assert "export: left aside the hidden sheet Alt." in read(tmp_path / "export", content).report.said


def test_an_amount_across_the_lines_of_an_order_is_that_of_the_order(tmp_path: Path) -> None:
    """Who, when and which number hold for all lines, and the amount is there once."""
    at = SALES[0].at
    rows: list[list[Cell]] = [["Kunde", "Datum", "Belegnummer", "Artikel", "Betrag"]]
    for number in range(30):
        when = at + timedelta(days=9 * number)
        rows += [[f"k{number % 5}", when, 100 + number, "Tee", Decimal("12.50")], ["", "", "", "Tasse", ""]]
    merged = [f"{column}{2 + 2 * n}:{column}{3 + 2 * n}" for n in range(30) for column in "ABCE"]

    found = shop_of(read(tmp_path / "export", book([Sheet("Verkäufe", rows, merged=merged)])))

    assert found == Right(5, 30, Decimal("375.00"), first=at)


def test_whole_numbers_that_may_be_cents_are_doubted(tmp_path: Path) -> None:
    cents = ["customer,order date,total", *(f"{one.who},{one.at},{int(one.amount * 100)}" for one in SALES)]
    euros = ["customer,order date,total", *(f"{one.who},{one.at},{n % 30 + 5}" for n, one in enumerate(SALES))]

    assert any("amount_cents" in said for said in read(tmp_path / "export", text(cents)).report.said)
    assert not any("amount_cents" in said for said in read(tmp_path / "export", text(euros)).report.said)


def test_where_the_orders_are_hidden_the_refusal_names_their_sheet(tmp_path: Path) -> None:
    content = book(
        [Sheet("Übersicht", [["Monat", "Umsatz"], ["Januar", Decimal(5)]]), Sheet("Daten", TABLE, is_hidden=True)]
    )

    with pytest.raises(ConfigurationError, match=r"hidden sheets \(Daten\) were not read"):
        read(tmp_path / "export", content)


def test_a_customer_called_like_a_sum_counts_where_their_rows_are_numbered(tmp_path: Path) -> None:
    rows = [line.replace("kunde1@beispiel.de", "TOTAL") for line in PLAIN]

    assert shop_of(read(tmp_path / "export", text(rows))) == ALL


@pytest.mark.parametrize("above", [[], ["Sales of the year,,,", ""]])
def test_a_customer_may_be_named_in_two_columns(tmp_path: Path, above: list[str]) -> None:
    rows = [f"{one.who[:3]},{one.who},{one.at},{one.amount}" for one in SALES]
    (tmp_path / "export").write_text(text([*above, "First Name,Last Name,Date,Total", *rows]))
    columns = {"customer_id": "First Name+Last Name", "timestamp": "Date", "amount": "Total"}

    history = open_history(
        [tmp_path / "export"], calendar=PARIS, minor_digits=2, wishes=Wishes(currency="EUR", columns=columns)
    )

    assert shop_of(history) == ALL
    assert {one.customer_id for one in history.purchases()} == {f"kun {one.who}" for one in SALES}


def test_two_columns_of_which_one_is_not_there_are_refused(tmp_path: Path) -> None:
    (tmp_path / "export").write_text("First Name,Date,Total\nZoe,2025-01-03,1\n")
    columns = {"customer_id": "First Name+Last Name", "timestamp": "Date", "amount": "Total"}

    with pytest.raises(ConfigurationError, match="has no column"):
        open_history([tmp_path / "export"], calendar=PARIS, minor_digits=2, wishes=Wishes(columns=columns))
