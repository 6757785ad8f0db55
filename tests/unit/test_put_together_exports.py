"""Exports of markets, tills and books that are put together from several kinds of rows, under their true headers."""

from __future__ import annotations

from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from service.domain.calendar import Calendar, to_datetime
from service.history import History, Wishes, open_history

LOYVERSE = """Date,Receipt number,Receipt type,Gross sales,Discounts,Net sales,Taxes,Total collected,Cost of goods,Gross profit,Payment type,Description,Dining option,POS,Store,Cashier name,Customer name,Customer contacts,Status
7/28/26 1:33 PM,4-10378,Sale,90.00,0.00,90.00,9.00,99.00,18.35,71.65,Transfer,1 x Choc,Dine in,POS 1,Cafe,T,Ann,a@x.org,Closed
7/27/26 12:57 PM,4-10371,Sale,200.00,0.00,200.00,0.00,200.00,40.00,160.00,Cash,1 x Salad,Dine in,POS 1,Cafe,T,Bob,,Cancelled
7/26/26 11:46 AM,4-10340,Refund,180.00,0.00,-180.00,0.00,-180.00,0.00,-180.00,Cash,1 x Pie,Dine in,POS 1,Cafe,T,Ann,a@x.org,Closed
7/25/26 11:46 AM,4-10339,Sale,180.00,0.00,180.00,0.00,180.00,0.00,180.00,Cash,1 x Pie,Dine in,POS 1,Cafe,T,,,Closed
"""
LOYVERSE_ITEMS = """Date,Receipt number,Receipt type,Category,SKU,Item,Variant,Modifiers applied,Quantity,Gross sales,Discounts,Net sales,Cost of goods,Gross profit,Taxes,POS,Store,Cashier name,Customer name,Customer contacts,Comment,Status
2026-01-01 08:00:00,T-1,Sale,Test,1,Cake,,,1,1.000,0.000,1.000,0.400,0.600,0.000,POS 1,S,T,Ann,,,Closed
2026-01-01 08:00:00,T-1,Sale,Test,2,Tea,,,1,2.750,0.000,2.750,0.400,0.600,0.000,POS 1,S,T,Ann,,,Closed
2026-01-02 08:05:00,T-2,Refund,Test,1,Cake,,,-1,-1.000,0.000,-1.000,-0.400,-0.600,0.000,POS 1,S,T,Ann,,,Closed
2026-01-03 08:10:00,T-3,Sale,Test,1,Cake,,,1,0.500,0.000,0.500,0.400,0.600,0.000,POS 1,S,T,Bob,,,Cancelled
"""
EBAY_ORDERS = """
Sales Record Number,Order Number,Buyer Username,Buyer Name,Buyer Email,Item Number,Item Title,Custom Label,Quantity,Sold For,Shipping And Handling,Seller Collected Tax,eBay Collected Tax,Total Price,Payment Method,Sale Date,Paid On Date,Transaction ID

101,12-34567-89012,buyer_1,"Smith, Pat",p@x.org,335001234567,"Vintage Lamp, brass",L1,1,$45.99,$12.00,$0.00,$3.00,$57.99,PayPal,Jul-21-26,Jul-21-26,2857301
102,12-34567-89013,buyer_2,Bo,b@x.org,,,,2,$30.00,$5.00,$0.00,$0.00,$35.00,PayPal,Jul-22-26,Jul-22-26,
102,12-34567-89013,buyer_2,Bo,b@x.org,335001234568,Cup,C1,1,$10.00,,,,,,Jul-22-26,,2857302
102,12-34567-89013,buyer_2,Bo,b@x.org,335001234569,Pot,C2,1,$20.00,,,,,,Jul-22-26,,2857303

2 record(s) downloaded
Seller ID : shop-777
"""
EBAY_TRANSACTIONS = """--,--,--
Transaction report
Seller,shop
Start date,"Jan 1, 2026"
Transaction creation date,Type,Order number,Legacy order ID,Buyer username,Buyer name,Ship to city,Net amount,Payout currency,Payout date,Item ID,Transaction ID,Item title,Custom label,Quantity,Item subtotal,Shipping and handling,eBay collected tax,Final Value Fee - fixed,Gross transaction amount,Transaction currency,Exchange rate,Reference ID,Description
"Jan 5, 2026",Order,11-1,11-1,buyer1,Buyer One,City,10,USD,--,1,9,Lamp,SKU,1,10,2,0,-0.3,12.50,USD,--,--,--
"Jan 6, 2026",Refund,11-1,11-1,buyer1,Buyer One,City,-10,USD,--,1,9,Lamp,--,--,--,--,--,--,-12.50,USD,--,--,--
"Jan 7, 2026",Payout,--,--,--,--,--,-90,USD,--,--,--,--,--,--,--,--,--,--,-90.25,--,--,--,--
"Jan 8, 2026",Other fee,11-1,--,buyer1,--,--,-2,USD,--,--,--,--,--,--,--,--,--,--,-2.00,USD,--,--,Promoted
"Jan 9, 2026",Order,11-2,11-2,buyer2,Buyer Two,City,10,USD,--,1,9,Lamp,SKU,1,10,2,0,-0.3,33.00,USD,--,--,--
"""
EBAY_GERMAN = """--,--,--
Transaktionsbericht
Datum der Transaktionserstellung;Typ;Bestellnummer;Nutzername des Käufers;Name des Käufers;Versandziel - Ort;Betrag abzügl. Kosten;Artikelnr.;Angebotstitel;Bestandseinheit;Stückzahl;Zwischensumme Artikel;Verpackung und Versand;Transaktionsbetrag (inkl. Kosten);Beschreibung
"Dez 29, 2025";Bestellung;08-1;kany;Benj;Bremen;"23,65";267;Lüfter;SKU-1;1;"19,9";"6,19";"26,09";--
"Dez 29, 2025";Andere Gebühr;08-1;kany;Benj;--;"-2,14";267;--;--;--;--;--;"-2,14";Promoted
"Dez 30, 2025";Rückerstattung;08-1;kany;Benj;--;"-26,09";267;--;--;--;--;--;"-26,09";--
"""
QUICKBOOKS = """Ridgeline Tree Co,,,,,,,,,
Sales by Customer Detail,,,,,,,,,
All Dates,,,,,,,,,

,Date,Transaction Type,Num,Product/Service,Memo/Description,Qty,Sales Price,Amount,Balance
Mike Sanderson,,,,,,,,,
,03/02/2026,Invoice,2001,Tree removal,Oak,1,"2,000.00","2,000.00","2,000.00"
,03/02/2026,Invoice,2001,Stump grinding,Stump,1,400.00,400.00,"2,400.00"
Total for Mike Sanderson,,,,,,,,"$2,400.00",
Jane Doe,,,,,,,,,
,04/17/2026,Sales Receipt,2002,Pruning,Maple,1,650.00,650.00,650.00
,05/01/2026,Credit Memo,2003,Pruning,Refund,1,-50.00,-50.00,600.00
,05/02/2026,Payment,2003,,,,,-650.00,600.00
Total for Jane Doe,,,,,,,,$600.00,
TOTAL,,,,,,,,"$3,000.00",

"Thursday, Aug 20, 2026 10:00 AM GMT-7 - Cash Basis",,,,,,,,,
"""


def read(path: Path, content: str) -> History:
    path.write_text(content)
    wishes = Wishes(currency="USD" if "$" in content or "USD" in content else "EUR")
    return open_history([path], calendar=Calendar(ZoneInfo("UTC")), minor_digits=2, wishes=wishes)


@pytest.mark.parametrize(
    ("content", "system", "right"),
    [
        (LOYVERSE, "Loyverse receipts", ["Ann 07-26T11:46 -180.00", "Ann 07-28T13:33 99.00"]),
        (LOYVERSE_ITEMS, "Loyverse receipts by item", ["Ann 01-01T08:00 3.75", "Ann 01-02T08:05 -1.00"]),
        (EBAY_ORDERS, "eBay orders", ["buyer_1 07-21T00:00 57.99", "buyer_2 07-22T00:00 35.00"]),
        (EBAY_TRANSACTIONS, "eBay transactions", ["buyer1 01-05T00:00 12.50", "buyer1 01-06T00:00 -12.50", "buyer2 01-09T00:00 33.00"]),
        (EBAY_GERMAN, "eBay transactions", ["kany 12-29T00:00 26.09", "kany 12-30T00:00 -26.09"]),
        (QUICKBOOKS, "QuickBooks sales by customer", ["Mike Sanderson 03-02T00:00 2400.00", "Jane Doe 04-17T00:00 650.00", "Jane Doe 05-01T00:00 -50.00"]),
    ],
)  # fmt: skip
def test_what_the_system_exports_is_read_as_it_stands(
    tmp_path: Path, content: str, system: str, right: list[str]
) -> None:
    history = read(tmp_path / "export.csv", content)
    bought = [
        f"{one.customer_id} {to_datetime(one.at_us):%m-%dT%H:%M} {'-' if one.refund else ''}{one.amount_minor / 100:.2f}"
        for one in history.purchases()
    ]

    assert bought == right
    assert any(f"read as {system};" in said for said in history.report.said)
    assert history.report.total_skipped == 0


def test_the_sum_of_a_grouped_report_is_told_and_no_sale(tmp_path: Path) -> None:
    assert read(tmp_path / "sales.csv", QUICKBOOKS).report.own_totals == [300_000]


PAYPAL_GERMAN = (
    '"Datum","Uhrzeit","Zeitzone","Beschreibung","Währung","Brutto","Entgelt","Netto","Guthaben","Transaktionscode",'
    '"Absender E-Mail-Adresse","Name","Zugehöriger Transaktionscode"\n'
    '"06.01.2025","09:00:00","Europe/Berlin","Website-Zahlung","EUR","1.250,00","-1,00","1.249,00","0","T1","a@x.org","Ann",""\n'
    '"08.01.2025","09:00:00","Europe/Berlin","Rückzahlung","EUR","-20,00","0,00","-20,00","0","T2","shop@x.org","Ann","T1"\n'
    '"09.01.2025","09:00:00","Europe/Berlin","Allgemeine Abbuchung","EUR","-900,00","0,00","-900,00","0","T3","","",""\n'
)
PAYPAL_SPANISH = (
    '"Fecha","Hora","Zona horaria","Descripción","Divisa","Bruto ","Comisión ","Neto","Saldo","Id. de transacción",'
    '"Correo electrónico del remitente","Nombre"\n'
    '"27/1/2025","09:00:00","Europe/Madrid","Pago con Pago exprés","EUR","1.250,00","-1,00","1.249,00","0","T1","a@x.org","Ann"\n'
    '"28/1/2025","09:00:00","Europe/Madrid","Retirada iniciada por el usuario","EUR","-900,00","0,00","-900,00","0","T2","","Ann"\n'
    '"29/1/2025","09:00:00","Europe/Madrid","Comisión por contracargo","EUR","-16,00","0,00","-16,00","0","T3","",""\n'
)


@pytest.mark.parametrize(
    ("content", "right"),
    [
        (PAYPAL_GERMAN, [("a@x.org", 125_000, False), ("a@x.org", 2_000, True)]),
        (PAYPAL_SPANISH, [("a@x.org", 125_000, False)]),
    ],
)
def test_a_refund_is_of_whom_its_payment_came_from_and_a_fee_is_nobodys(
    tmp_path: Path, content: str, right: list[tuple[str, int, bool]]
) -> None:
    history = read(tmp_path / "activity.csv", content)

    assert [(one.customer_id, one.amount_minor, one.refund) for one in history.purchases()] == right
    assert history.report.nobodys_rows == 0


@pytest.mark.parametrize(
    ("state", "counts"),
    [
        ("Unpaid", False),
        ("Quote", False),
        ("Impayée", False),
        ("Angebot", False),
        ("Chargeback", False),
        ("Shipped", True),
    ],
)
def test_what_was_never_paid_is_no_purchase(tmp_path: Path, state: str, counts: bool) -> None:
    rows = "".join(f"c{day},2025-01-0{day} 08:00,1{day}.50,{state if day == 1 else 'Paid'}\n" for day in range(1, 6))
    bought = list(read(tmp_path / "orders.csv", f"Customer,Order Date,Total,Status\n{rows}").purchases())

    assert sum(one.amount_minor for one in bought) == 5600 + (1150 if counts else 0)
