"""The export of a shop goes in as it was downloaded: what each system's file is read as, and what is refused."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
import zipfile
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from io import BytesIO
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import zstandard

from service.domain.calendar import Calendar, to_datetime
from service.domain.events import SurveyAnswer
from service.errors import ConfigurationError
from service.history import History, Wishes, open_history
from service.profiles import ANSWER_FIELDS, FIELDS, profiles, read_profile, recognised
from tests.support.workbooks import ods, xlsx

Write = Callable[[str, str | bytes], Path]
NEW_YORK = Calendar(ZoneInfo("America/New_York"))


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write_file(name: str, content: str | bytes) -> Path:
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write_file


def read(
    *paths: Path, surveys: Sequence[Path] = (), wishes: Wishes | None = None, in_memory_lines: int = 500_000
) -> History:
    return open_history(
        paths,
        surveys,
        calendar=NEW_YORK,
        minor_digits=2,
        wishes=wishes or Wishes(currency="USD"),
        in_memory_lines=in_memory_lines,
    )


@dataclass
class Told:
    """What a shop is, as far as its events say it."""

    people: int
    orders: int
    revenue: Decimal


def told(history: History) -> Told:
    events = list(history.purchases())
    minor = sum(-one.amount_minor if one.refund else one.amount_minor for one in events)
    return Told(len({one.customer_id for one in events}), sum(not one.refund for one in events), Decimal(minor) / 100)


def refused(*paths: Path) -> str:
    with pytest.raises(ConfigurationError) as error:
        read(*paths)
    said = str(error.value)
    assert len(said) < 2_000
    return said


SHOPIFY = """\
Name,Email,Financial Status,Paid at,Currency,Subtotal,Total,Created at,Lineitem quantity,Lineitem name,Lineitem price,Lineitem sku,Notes,Cancelled at,Refunded Amount,Id
#4,ann@example.com,paid,2025-09-02 20:27:53 -0400,USD,42.00,42.00,2025-09-02 20:27:53 -0400,1,Beans,25.00,BAG,"no
milk, please",,0.00,4
#4,ann@example.com,,,,,,2025-09-02 20:27:53 -0400,2,Cake,8.50,CAK,,,,
#3,Bob@Example.com,partially_refunded,2025-09-01 10:00:00 -0400,USD,10.00,10.00,2025-09-01 10:00:00 -0400,1,Beans,10.00,BAG,,,2.50,3
#2,ann@example.com,voided,,USD,9.00,9.00,2025-08-30 10:00:00 -0400,1,Beans,9.00,BAG,,2025-08-30 10:00:00 -0400,0.00,2
#2,ann@example.com,,,,,,2025-08-30 10:00:00 -0400,1,Cake,0.00,CAK,,,,
#1,,paid,2025-08-29 10:00:00 -0400,USD,5.00,5.00,2025-08-29 10:00:00 -0400,1,Beans,5.00,BAG,,,0.00,1
#0,bob@example.com,refunded,2025-08-28 10:00:00 -0400,USD,7.00,7.00,2025-08-28 10:00:00 -0400,1,Beans,7.00,BAG,,,7.00,0
"""


def test_a_shopify_export_counts_orders_and_not_lines_and_takes_refunds_off(write: Write) -> None:
    history = read(write("whatever.txt", SHOPIFY))

    assert told(history) == Told(2, 3, Decimal("49.50"))
    report = history.report
    assert (report.nobodys_orders, int(report.nobodys_minor), report.aside) == (1, 500, Counter({"voided": 1}))
    first = next(one for one in history.purchases() if one.amount_minor == 4200)
    assert [item.sku for item in first.items] == ["BAG", "CAK"]
    assert "read as Shopify orders" in report.said[0]


def test_whoever_has_renamed_the_columns_to_ours_gets_the_same(write: Write) -> None:
    renamed = (
        SHOPIFY.replace("Email,", "customer_id,", 1)
        .replace(",Total,", ",amount,", 1)
        .replace("Created at", "timestamp", 1)
    )

    assert told(read(write("renamed.csv", renamed))) == Told(2, 3, Decimal("49.50"))


STRIPE = """\
id,Created date (UTC),Amount,Amount Refunded,Currency,Captured,Converted Amount,Mode,Refunded date (UTC),Status,Customer ID,Customer Email
ch_1,2025-01-06 03:30:00,10.00,0.00,usd,true,10.00,Live,,Paid,cus_1,a@example.com
ch_2,2025-01-07 03:30:00,20.00,5.00,usd,true,20.00,Live,2025-02-01 10:00:00,Refunded,cus_1,a@example.com
ch_3,2025-01-08 03:30:00,30.00,0.00,usd,false,30.00,Live,,Failed,cus_1,a@example.com
ch_4,2025-01-09 03:30:00,40.00,0.00,usd,true,40.00,Test,,Paid,cus_2,b@example.com
"""


def test_stripes_payments_are_in_utc_and_a_refund_is_of_the_day_on_which_it_was_paid_back(write: Write) -> None:
    history = read(write("unified_payments.csv", STRIPE))

    events = list(history.purchases())
    assert [(to_datetime(one.at_us).isoformat(), one.amount_minor, one.refund) for one in events] == [
        ("2025-01-06T03:30:00+00:00", 1000, False),
        ("2025-01-07T03:30:00+00:00", 2000, False),
        ("2025-02-01T10:00:00+00:00", 500, True),
    ]
    assert history.report.aside == Counter({"failed": 1, "test": 1})


WOO = """\
order_id,order_number,date,status,shipping_total,tax_total,order_total,payment_method,customer_id,billing_email
1,1,2025-01-06 08:29:48,completed,0,0,68.00,stripe,8,a@example.com
2,2,2025-01-07 08:29:48,wc-processing,0,0,10.00,stripe,8,a@example.com
3,3,2025-01-08 08:29:48,failed,0,0,99.00,stripe,8,a@example.com
4,4,2025-01-09 08:29:48,refunded,0,0,7.00,stripe,9,b@example.com
5,5,2025-01-10 08:29:48,completed,0,0,6.00,stripe,0,c@example.com
"""


def test_woocommerces_guests_are_nobody_and_their_address_is_named(write: Write) -> None:
    file = write("woo.csv", WOO)
    history = read(file)

    assert told(history) == Told(2, 3, Decimal("78.00"))
    assert (history.report.nobodys_orders, history.report.aside) == (1, Counter({"failed": 1}))
    assert any('--map customer_id="billing_email"' in said for said in history.report.said)
    by_address = read(file, wishes=Wishes(columns={"customer_id": "billing_email"}))
    assert told(by_address) == Told(3, 4, Decimal("84.00"))


def lines(*rows: str) -> str:
    return "\n".join(rows) + "\n"


@pytest.mark.parametrize(
    ("name", "content", "right"),
    [
        ("square items", lines(
            "Date,Time,Time Zone,Category,Item,Qty,SKU,Gross Sales,Discounts,Net Sales,Tax,Transaction ID,Payment ID,Location,Event Type,Customer ID",
            "01/13/2025,08:29:48,Eastern Time (US & Canada),Coffee,Latte,2,L,$9.00,$0.00,$9.00,$0.00,T1,P1,Cafe,Payment,C1",
            "01/13/2025,08:29:48,Eastern Time (US & Canada),Cake,Cake,1,K,$6.00,($1.00),$5.00,$0.00,T1,P1,Cafe,Payment,C1",
            "01/14/2025,10:00:00,Eastern Time (US & Canada),Cake,Cake,1,K,($6.00),$0.00,($6.00),$0.00,T2,P2,Cafe,Refund,C1",
            "01/15/2025,10:00:00,Eastern Time (US & Canada),Cake,Cake,1,K,$6.00,$0.00,$6.00,$0.00,T3,P3,Cafe,Payment,",
        ), Told(1, 1, Decimal("8.00"))),
        ("square transactions", lines(
            "Date,Time,Time Zone,Gross Sales,Net Sales,Total Collected,Transaction ID,Payment ID,Event Type,Location,Customer ID,Transaction Status",
            '1/13/25,08:29:48,Eastern Time (US & Canada),"$1,009.00","$1,009.00","$1,009.00",T1,P1,Payment,Cafe,C1,Complete',
            "1/14/25,08:29:48,Eastern Time (US & Canada),$6.00,$6.00,$6.50,T2,P2,Payment,Cafe,C2,Complete",
        ), Told(2, 2, Decimal("1015.50"))),
        ("paypal", lines(
            '"Date","Time","TimeZone","Name","Type","Status","Currency","Gross","Fee","Net","From Email Address","To Email Address","Transaction ID"',
            '"13/01/2025","08:29:48","CET","A","Express Checkout Payment","Completed","EUR","1.010,00","-0,50","9,50","a@example.com","s@example.com","X1"',
            '"14/01/2025","08:29:48","CET","A","General Withdrawal","Completed","EUR","-500,00","0,00","-500,00","","","X2"',
            '"15/01/2025","08:29:48","CET","A","Express Checkout Payment","Pending","EUR","5,00","0,00","5,00","a@example.com","s@example.com","X3"',
            '"16/01/2025","08:29:48","CET","A","Payment Refund","Completed","EUR","-4,00","0,00","-4,00","a@example.com","s@example.com","X4"',
        ), Told(1, 1, Decimal("1006.00"))),
        ("magento", lines(
            '"ID","Purchase Point","Purchase Date","Bill-to Name","Grand Total (Base)","Grand Total (Purchased)","Status","Customer Email","Total Refunded"',
            '"000000001","Main","Jan 6, 2025, 8:29:48 AM","A","$10.00","$10.00","Complete","a@example.com",""',
            '"000000002","Main","Jan 7, 2025, 8:29:48 PM","A","$20.00","$20.00","Closed","a@example.com","$20.00"',
            '"000000003","Main","Jan 8, 2025, 8:29:48 AM","A","$30.00","$30.00","Canceled","a@example.com",""',
        ), Told(1, 2, Decimal("10.00"))),
        ("prestashop", lines(
            '"ID";"Référence";"Nouveau client";"Livraison";"Client";"Total";"Paiement";"État";"Date"',
            '"1";"XKBKNABJK";"1";"France";"A. Martin";"1 061,80 €";"Carte";"Livré";"13/01/2025 08:29:48"',
            '"2";"OHSATSERP";"0";"France";"A. Martin";"69,90 €";"Chèque";"Annulé";"14/01/2025 08:29:48"',
        ), Told(1, 1, Decimal("1061.80"))),
        ("online retail", lines(
            "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country",
            "536365,85123A,HOLDER,6,12/1/2010 8:26,2.55,17850,United Kingdom",
            "536365,71053,LANTERN,6,12/1/2010 8:26,3.39,17850.0,United Kingdom",
            "C536379,D,Discount,-1,12/13/2010 9:41,27.50,17850,United Kingdom",
            "536414,22139,,56,12/1/2010 11:52,0,,United Kingdom",
        ), Told(1, 1, Decimal("8.14"))),
        ("olist", lines(
            "order_id,customer_id,order_status,order_purchase_timestamp,order_approved_at,payment_value,customer_unique_id",
            "o1,s1,delivered,2025-01-06 08:29:48,,68.00,u1", "o2,s2,delivered,2025-02-06 08:29:48,,10.00,u1",
            "o3,s3,canceled,2025-02-06 08:29:48,,10.00,u2",
        ), Told(1, 2, Decimal("78.00"))),
        ("klaviyo", lines(
            "Metric,Value,Email,Timestamp,Event ID", "Placed Order,12.50,a@example.com,2025-01-06T08:29:48+00:00,e1",
            "Opened Email,,a@example.com,2025-01-07T08:29:48+00:00,e2", "Refunded Order,2.50,a@example.com,2025-01-08T08:29:48+00:00,e3",
        ), Told(1, 1, Decimal("10.00"))),
        ("toast payments", lines(
            "Payment Id,Order Id,Paid Date,Amount,Status,Refund Amount,Refund Date,Email,Swiped Card Amount,Location",
            "1,10,1/13/25 8:29 AM,12.50,CAPTURED,0.00,,a@example.com,12.50,Cafe", "2,11,1/14/25 8:29 PM,9.00,VOIDED,0.00,,a@example.com,0,Cafe",
        ), Told(1, 1, Decimal("12.50"))),
        ("lightspeed", lines(
            "Date,Receipt Number,Line Type,Customer Code,Customer Name,Register,Outlet,Total,Status,Sku,Details",
            "2025-01-06 08:29:48,7,Sale,C1,A,Main,Cafe,15.50,CLOSED,,", "2025-01-06 08:29:48,7,Sale Line,C1,A,Main,Cafe,9.00,,L,Latte",
            "2025-01-06 08:29:48,7,Sale Line,C1,A,Main,Cafe,6.50,,K,Cake", "2025-01-07 08:29:48,8,Sale,C1,A,Main,Cafe,3.00,VOIDED,,",
        ), Told(1, 1, Decimal("15.50"))),
        ("squarespace", lines(
            "Order ID,Email,Financial Status,Paid at,Currency,Amount Refunded,Total,Created at,Lineitem quantity,Lineitem name,Lineitem price,Lineitem sku",
            "00001,a@x.com,PAID,2025-01-13 08:29:48 -0500,EUR,5.00,25.00,2025-01-13 08:29:48 -0500,1,A,10,S1", "00001,,,,,,,,1,B,10,S2",
        ), Told(1, 1, Decimal(20))),
        ("wix", lines(
            "Order number,Date created,Time,Contact email,Item,SKU,Qty,Price,Currency,Total,Payment status,Fulfillment status",
            "10001,Jan 13 2025,8:29:48 AM,a@x.com,A,S1,1,10,EUR,25,Paid,Fulfilled", "10002,Jan 14 2025,8:29:48 AM,a@x.com,A,S1,1,10,EUR,25,Unpaid,Fulfilled",
        ), Told(1, 1, Decimal(25))),
        ("a table nobody knows", lines(
            "Kunde;Bestelldatum;Gesamtbetrag;Bemerkung", "Müller 07;06.01.2025 08:29;6.800,00;x", "Müller 17;06.01.2025 09:54;34,25;",
        ), Told(2, 2, Decimal("6834.25"))),
    ],
)  # fmt: skip
def test_exports_of_other_systems(write: Write, name: str, content: str, right: Told) -> None:
    assert told(read(write(f"{name}.csv", content), wishes=Wishes(currency="EUR"))) == right


def test_what_is_no_history_of_orders_is_told_what_it_lacks(write: Write) -> None:
    assert "customer_unique_id" in refused(write("o.csv", lines(
        "order_id,customer_id,order_status,order_purchase_timestamp,order_approved_at,order_delivered_customer_date", "1,2,delivered,2025-01-06,,",
    )))  # fmt: skip
    assert "one row for each customer" in refused(write("r.csv", "CustomerID,Recency,Frequency,Monetary\n1,2,3,4\n"))


EVENT = {
    "event_id": "e1",
    "customer_id": "c7",
    "occurred_at": "2025-01-06T08:29:48-05:00",
    "amount": "68.00",
    "kind": "purchase",
}
SEGMENT = {
    "messageId": "m1", "type": "track", "event": "Order Completed", "userId": "c7", "timestamp": "2025-01-06T13:29:48.000Z",
    "properties": {"order_id": "1", "total": 68.0, "currency": "USD", "products": [{"sku": "L", "name": "Latte", "price": 34.0, "quantity": 1}] * 2},
}  # fmt: skip
PLAIN = {"customer_id": "c7", "timestamp": "2025-01-06T08:29:48-05:00", "amount": 68.0}


@pytest.mark.parametrize(
    "content",
    [
        json.dumps(PLAIN), json.dumps([PLAIN]), json.dumps([PLAIN], indent=1), json.dumps({"orders": [PLAIN]}, indent=2),
        json.dumps({"data": [PLAIN], "has_more": False}), json.dumps(EVENT), json.dumps(SEGMENT), json.dumps([SEGMENT]),
        json.dumps({**PLAIN, "timestamp": 1736170188000}), json.dumps({**PLAIN, "timestamp": "2025-01-06T08:29:48.123456789-05:00"}),
        "\ufeff" + json.dumps(PLAIN), json.dumps({**PLAIN, "timestamp": 1736170188}),
    ],
)  # fmt: skip
def test_json_of_any_shape_is_read(write: Write, content: str) -> None:
    history = read(write("orders.json", content + "\n"))

    (order,) = history.purchases()
    assert (order.customer_id, order.amount_minor, order.at_us // 1_000_000) == ("c7", 6800, 1736170188)


def test_json_that_is_cut_off_is_refused_in_one_sentence(write: Write) -> None:
    assert "cut-off JSON after object 1" in refused(write("o.json", json.dumps([PLAIN, PLAIN])[:-20]))


TABLE = "customer_id;timestamp;amount;item\nMüller 07;2025-01-06 08:29;6.50;Käse\nZoë;2025-01-07 08:29;34.25;x\n"
RIGHT = [("Müller 07", 650), ("Zoë", 3425)]


def zipped(*members: tuple[str, bytes]) -> bytes:
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in members:
            archive.writestr(name, content)
    return buffer.getvalue()


@pytest.mark.parametrize(
    "content",
    [
        TABLE.encode(), TABLE.encode("utf-8-sig"), TABLE.encode("utf-16"), TABLE.encode("utf-16-le"), TABLE.encode("cp1252"),
        ("sep=;\n" + TABLE).encode("utf-8-sig"), TABLE.replace(";", "\t").encode(), TABLE.replace(";", "|").encode(),
        TABLE.replace(";", ",").encode(), TABLE.replace("\n", "\r\n").encode("cp1252"), gzip.compress(TABLE.encode()),
        bz2.compress(TABLE.encode()), lzma.compress(TABLE.encode()), zstandard.compress(TABLE.encode()),
        zipped(("orders.csv", TABLE.encode())), zipped(("a/orders.csv.gz", gzip.compress(TABLE.encode())), ("__MACOSX/x", b"x")),
        zipped(("1.csv", "\n".join(TABLE.splitlines()[:2]).encode()), ("2.csv", "\n".join(TABLE.splitlines()[::2]).encode()), ("read me", b"hi")),
        xlsx([line.split(";") for line in TABLE.splitlines()]), ods([line.split(";") for line in TABLE.splitlines()]),
        ("Export of the shop\n\nfrom;to\n" + TABLE).encode(),
    ],
)  # fmt: skip
def test_what_a_file_is_its_content_says_and_not_its_name(write: Write, content: bytes) -> None:
    for name in ("orders.csv", "orders"):
        history = read(write(name, content))

        assert [(one.customer_id, one.amount_minor) for one in history.purchases()] == RIGHT


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty"), (b"\xef\xbb\xbf\n", "is empty"), (b"<!DOCTYPE html><html>sign in</html>", "is a web page"),
        (b"%PDF-1.4", "is a PDF"), (zipped(), "without a table"), (zipped(("[Content_Types].xml", b"<x/>")), "workbook that cannot be read"),
        (b"\x00\x01\x02\x03" * 9, "neither text nor a table"), (gzip.compress(TABLE.encode())[:-9], "cut off"),
        ("é;ü;ö\n".encode() * 3 + b"\xe9;x;y\n", "in another encoding"), (b"no table at all", "is it a table"),
    ],
)  # fmt: skip
def test_what_is_no_table_is_refused_in_one_sentence(write: Write, content: bytes, said: str) -> None:
    assert said in refused(write("orders.csv", content))


def column(*cells: str, name: str = "amount") -> str:
    header = {"amount": "customer_id;timestamp;amount", "timestamp": "customer_id;amount;timestamp"}[name]
    middle = {"amount": "2025-01-06", "timestamp": "1"}[name]
    return lines(header, *(f"c{number};{middle};{cell}" for number, cell in enumerate(cells)))


@pytest.mark.parametrize(
    ("cells", "minor"),
    [
        (("1.250,00", "3,5"), [125_000, 350]), (("1,250.00", "3"), [125_000, 300]), (("1.250.000", "1.250"), [125_000_000, 125_000]),
        (("1 250,50 €", "(3,00)"), [125_050, -300]), (("1'250.50", "CHF 3.00"), [125_050, 300]), (("$3.00-", "-$1,000.00"), [-300, -100_000]),
        (("1.250", "3.50"), [125, 350]), (("1.250", "3,50"), [125_000, 350]), (("0.125", "1.250"), [12, 125]),
        (("1.250,-", "-3,-", "4,--"), [125_000, -300, 400]), (("Fr. 1'250.-", "3.--"), [125_000, 300]), (("1.250,- kr", "$(3,00)"), [125_000, -300]),
    ],
)  # fmt: skip
def test_amounts_are_read_as_the_whole_column_says(write: Write, cells: Sequence[str], minor: Sequence[int]) -> None:
    events = list(read(write("a.csv", column(*cells))).purchases())

    assert [-one.amount_minor if one.refund else one.amount_minor for one in events] == minor


def test_amounts_that_can_be_read_in_two_ways_are_refused_until_it_is_said(write: Write) -> None:
    file = write("a.csv", column("1.250", "600"))

    assert '--decimal ","' in refused(file)
    assert told(read(file, wishes=Wishes(decimal=","))).revenue == Decimal(1850)
    assert told(read(file, wishes=Wishes(decimal="."))).revenue == Decimal("601.25")
    assert "in two ways ('1,5' and '1.5')" in refused(write("b.csv", column("1,5", "1.5")))


def test_amounts_that_come_to_be_doubtful_after_many_plain_ones_are_refused_too(write: Write) -> None:
    file = write("a.csv", column(*["600"] * 1_200, "1.250"))

    assert "--decimal" in refused(file)
    with pytest.raises(ConfigurationError, match="--decimal"):
        list(read(file, in_memory_lines=10).purchases())


@pytest.mark.parametrize(
    ("cells", "days"),
    [
        (("13.01.2025", "02.01.2025 20:00"), ["2025-01-13", "2025-01-02"]), (("13/01/2025", "02/01/2025"), ["2025-01-13", "2025-01-02"]),
        (("01/13/2025", "02/01/2025 8:00 PM"), ["2025-01-13", "2025-02-01"]), (("45670", "45671.5"), ["2025-01-13", "2025-01-14"]),
        (("13 janv. 2025", "Feb 1, 2025"), ["2025-01-13", "2025-02-01"]), (("2025/01/13", "2025/02/01"), ["2025-01-13", "2025-02-01"]),
        (("08-11-16", "31-12-15"), ["2016-11-08", "2015-12-31"]), (("20250113", "20250201"), ["2025-01-13", "2025-02-01"]), (("1736787600", "1738429200000"), ["2025-01-13", "2025-02-01"]),
    ],
)  # fmt: skip
def test_dates_are_read_as_the_whole_column_says(write: Write, cells: Sequence[str], days: Sequence[str]) -> None:
    events = read(write("d.csv", column(*cells, name="timestamp"))).purchases()

    found = {one.customer_id: to_datetime(one.at_us).astimezone(NEW_YORK.zone).date().isoformat() for one in events}
    assert [found[f"c{number}"] for number in range(len(cells))] == days


def test_dates_that_can_be_read_in_two_ways_are_refused_until_it_is_said(write: Write) -> None:
    file = write("d.csv", column("03/04/2025", "05/04/2025", name="timestamp"))

    assert "--dates day-first" in refused(file)
    (first, _) = read(file, wishes=Wishes(dates="month-first")).purchases()
    assert to_datetime(first.at_us).date().isoformat() == "2025-03-04"
    assert "in three ways" in refused(write("s.csv", column("03-04-05", "05-04-05", name="timestamp")))
    assert "in two ways" in refused(write("e.csv", column("13/04/2025", "04/13/2025", name="timestamp")))
    assert "a spreadsheet has understood some" in refused(
        write("f.csv", column("45670", "13/01/2025", name="timestamp"))
    )


@pytest.mark.parametrize(
    "spellings",
    [("Ann@Example.com", "ann@example.com"), ("17850.0", "17850"), ("zoe\u0308", "zoë"), ("c1\u00a0", "c1"), ("a  b", "a b"), (" c1 ", "c1")],
)  # fmt: skip
def test_one_customer_has_one_spelling(write: Write, spellings: Sequence[str]) -> None:
    rows = [f"{who},2025-01-0{day},1" for day, who in enumerate(spellings, 1)]

    assert told(read(write("p.csv", lines("customer_id,timestamp,amount", *rows)))).people == 1


def test_nobody_counts_beside_the_people(write: Write) -> None:
    nobody = ["", "0", "guest", "NaN", "NULL", "None", "N/A", "Walk-In", "0.0", "n/a"]
    rows = [f"{who},2025-01-06,1" for who in [*nobody, "c1"]]
    history = read(write("n.csv", lines("customer_id,timestamp,amount", *rows)))

    assert told(history) == Told(1, 1, Decimal(1))
    assert (history.report.nobodys_orders, int(history.report.nobodys_minor)) == (len(nobody), 100 * len(nobody))
    assert history.report.total_skipped == 0


def test_ids_that_a_spreadsheet_has_rounded_are_refused(write: Write) -> None:
    said = refused(write("s.csv", lines("customer_id,timestamp,amount", "4.47700E+11,2025-01-06,1")))

    assert "a spreadsheet has rounded" in said


@pytest.mark.parametrize("in_memory_lines", [50, 100_000])
def test_an_account_of_everybody_is_named_and_counts_as_nobody(write: Write, in_memory_lines: int) -> None:
    rows = [f"K{number},2025-01-{day:02},1" for number in range(25) for day in range(1, 5)]
    rows += [f"TILL,2025-01-{1 + number % 28:02},2" for number in range(300)]
    history = read(
        write("w.csv", lines("customer_id,timestamp,amount", *sorted(rows, key=lambda row: row[5:]))),
        in_memory_lines=in_memory_lines,
    )

    assert told(history) == Told(25, 100, Decimal(100))
    assert history.report.nobodys_orders == 300
    assert any(said.startswith("TILL has 300 of 400 orders (75 %)") for said in history.report.said)


def test_ids_of_one_order_each_are_doubted_and_the_column_that_is_meant_is_named(write: Write) -> None:
    rows = [f"s{number},2025-01-06 08:{number:02},1,u{number % 5}" for number in range(40)]
    history = read(write("i.csv", lines("customer_id,timestamp,amount,buyer_key", *rows)))

    assert any('--map customer_id="buyer_key"' in said for said in history.report.said)


def test_noughts_that_were_lost_are_told(write: Write) -> None:
    history = read(write("z.csv", lines("customer_id,timestamp,amount", "000007,2025-01-06,1", "7,2025-01-07,1")))

    assert any("000007 and 7" in said for said in history.report.said)


@pytest.mark.parametrize("in_memory_lines", [50, 100_000])
@pytest.mark.parametrize("far", ["1970-01-01", "2099-12-31"])
def test_days_far_from_all_others_are_left_out_and_counted(write: Write, far: str, in_memory_lines: int) -> None:
    rows = [f"c{number % 9},2025-{1 + number % 12:02}-06,1" for number in range(120)]
    history = read(write("f.csv", lines("customer_id,timestamp,amount", *sorted([*rows, f"c1,{far},9"], key=lambda row: row[3:]))),
                   in_memory_lines=in_memory_lines)  # fmt: skip

    assert told(history) == Told(9, 120, Decimal(120))
    assert history.report.skipped == {"years away from all other days": 1}


def test_columns_that_sound_as_if_they_should_count_are_named(write: Write) -> None:
    history = read(write("c.csv", lines("customer_id,timestamp,amount,Discount code,Colour", "c1,2025-01-06,1,X,red")))

    assert history.report.said == ["Not used, though they may matter: Discount code. --map says what they are."]


@pytest.mark.parametrize("number", ["", "order_id", "event_id"])
def test_exports_that_overlap_count_once(write: Write, number: str) -> None:
    header = "customer_id,timestamp,amount" + (f",{number}" if number else "")
    rows = [f"c{n % 7},2025-01-{1 + n:02}T10:00,{n}" + (f",n{n}" if number else "") for n in range(28)]
    first, second = write("1.csv", lines(header, *rows[:20])), write("2.csv", lines(header, *rows[10:]))

    history = read(first, second)

    assert told(history) == told(read(write("all.csv", lines(header, *rows))))
    assert any(said.startswith("10 rows stand in more than one of the files") for said in history.report.said)


def test_of_an_order_in_two_exports_the_newest_amount_counts(write: Write) -> None:
    header = "customer_id,timestamp,amount,order_id"
    old = write("1.csv", lines(header, "a,2025-01-01,5,1", "a,2025-01-02,6,2"))
    new = write("2.csv", lines(header, "a,2025-01-02,4,2", "a,2025-01-03,1,3"))

    assert told(read(new, old)) == told(read(old, new)) == Told(1, 3, Decimal(10))


def test_rows_that_are_alike_by_chance_are_kept(write: Write) -> None:
    header = "customer_id,timestamp,amount"
    one = write("1.csv", lines(header, *(f"a,2025-01-{day:02},1" for day in range(1, 20))))
    other = write("2.csv", lines(header, *(f"b,2025-01-{day:02},1" for day in range(1, 19)), "a,2025-01-19,1"))

    assert told(read(one, other)).orders == 38


def test_files_in_several_currencies_are_converted_or_left_out(write: Write) -> None:
    file = write(
        "p.csv", lines("Kunde,Datum,Betrag,currency", "a,2025-01-06,1,USD", "a,2025-01-07,2,EUR", "a,2025-01-08,4,GBP")
    )

    history = read(file, wishes=Wishes(currency="USD", rates={"EUR": Decimal("1.5")}))

    assert told(history) == Told(1, 2, Decimal(4))
    assert history.report.skipped == {"no rate for the currency GBP in shop.rates": 1}


@pytest.mark.parametrize("in_memory_lines", [1, 100_000])
@pytest.mark.parametrize(
    "rows",
    [
        ("Kunde;Datum;Betrag", "a;06.01.2025;1.000,00", ";;", "b;13.01.2025;2,50", "Summe;;1.002,50", ";;"),
        ("Datum;Kunde;Betrag", "06.01.2025;a;1.000,00", "13.01.2025;b;2,50", ";;", "Gesamt:;;1.002,50"),
        ("customer_id,timestamp,amount", "a,2025-01-06,1000.00", "b,2025-01-13,2.50", ",,", "Total,,1002.50"),
    ],
)
def test_empty_rows_are_none_and_a_row_of_totals_is_compared(
    write: Write, rows: Sequence[str], in_memory_lines: int
) -> None:
    history = read(write("t.csv", lines(*rows)), wishes=Wishes(currency="EUR"), in_memory_lines=in_memory_lines)

    assert told(history) == Told(2, 2, Decimal("1002.5"))
    assert (history.report.total_skipped, history.report.own_totals) == (0, [100250])


PURCHASE = "customer_id,timestamp,amount\na@example.com,2025-01-01,1\n"


@pytest.mark.parametrize(
    ("content", "answers"),
    [
        (lines("Respondent ID,Collector ID,Start Date,End Date,Email Address,How likely is it that you would recommend us?,Why?",
               ",,,,,Response,Open-Ended Response", "1,2,01/13/2025 08:00:00 AM,01/13/2025 08:05:00 AM,A@example.com,Extremely likely - 10,9 lives"),
         [("nps", 10)]),
        (lines("#,How likely are you to recommend us to a friend?,email,Start Date (UTC),Submit Date (UTC),Network ID,Tags",
               "x1,9,a@example.com,2025-01-13 08:00:00,2025-01-13 08:05:00,n,"), [("nps", 9)]),
        (lines("StartDate,EndDate,Status,RecordedDate,ResponseId,RecipientEmail,ExternalReference,DistributionChannel,Q1,Q1_NPS_GROUP",
               "Start Date,End Date,Response Type,Recorded Date,Response ID,Recipient Email,External Data Reference,Distribution Channel,How likely to recommend?,x",
               '"{""ImportId"":""startDate""}",b,c,d,e,f,g,h,i,j',
               "2025-01-13 08:00:00,2025-01-13 08:05:00,IP Address,2025-01-13 08:05:00,R_1,a@example.com,a@example.com,email,0 - Not at all likely,Detractor",
               "2025-01-13 08:00:00,2025-01-13 08:05:00,Survey Preview,2025-01-13 08:05:00,R_2,,,preview,5,Detractor"), [("nps", 0)]),
        (lines("Timestamp,Email Address,How satisfied are you?,The shop made it easy for me,Comment",
               "1/13/2025 8:05:00,a@example.com,Very satisfied,Agree,5"), [("csat", 5), ("ces", 6)]),
        (lines("Response ID,Date,Email,How satisfied were you? (1 = very dissatisfied - 5 = very satisfied)", "1,2025-01-13,a@example.com,5 = very satisfied"),
         [("csat", 5)]),
        (lines("customer,date,nps", "a@example.com,13.01.2025,10"), [("nps", 10)]),
        (lines("timestamp,customer_id,The shop made it easy for me", "2025-01-13,a@example.com,Somewhat disagree"), [("ces", 3)]),
        (lines("Score,Comment,Person Email,Created At", "9,nice,a@example.com,2025-01-13 08:05:00 -0500"), [("nps", 9)]),
        (json.dumps({"event_id": "s1", "customer_id": "a@example.com", "occurred_at": "2025-01-13T08:05:00-05:00", "survey": "csat", "score": 4}) + "\n",
         [("csat", 4)]),
    ],
)  # fmt: skip
def test_answers_of_survey_tools(write: Write, content: str, answers: Sequence[tuple[str, int]]) -> None:
    history = read(write("p.csv", PURCHASE), surveys=[write("answers", content)])

    found = [one for one in history.events() if isinstance(one, SurveyAnswer)]
    assert [(one.survey.value, one.score) for one in found] == answers
    assert {one.customer_id for one in found} == {"a@example.com"}
    assert history.report.total_skipped == 0


def test_profiles_can_be_told_from_our_own_files_and_from_each_other() -> None:
    ours = [name for name in FIELDS[:10] if name != "event_id"]
    for surveys in (False, True):
        assert recognised([*ours, "event_id"], surveys=surveys) is None
        assert (
            recognised(["customer_id", "timestamp", "survey", "score", "event_id", "order_id"], surveys=surveys) is None
        )
    for profile in profiles():
        header = [*profile.recognised_by, *(names[0] for names in profile.columns.values() if names)]
        found = recognised(header, surveys=profile.surveys)
        assert found is not None
        assert found.name == profile.name, header


def test_every_profile_says_where_its_export_is_found_and_what_it_was_held_against() -> None:
    names = [profile.name for profile in profiles()]

    assert len(set(names)) == len(names) > 30
    for profile in profiles():
        assert profile.where.endswith((".", "…"))
        assert profile.verified
        assert {"customer_id", "timestamp"} <= set(profile.columns) or profile.needs
        assert all(
            names_of_field or field in FIELDS + ANSWER_FIELDS for field, names_of_field in profile.columns.items()
        ), profile.name


@pytest.mark.parametrize(
    "text", ["name = 1", "nonsense = [", 'name="x"\nwhere="x"\nverified="x"\nrecognised_by=[]\n[columns]\nwho=["x"]']
)
def test_a_profile_with_a_mistake_is_named(text: str) -> None:
    with pytest.raises(ConfigurationError, match=r"The profile mine\.toml cannot be used"):
        read_profile("mine.toml", text)


def shopify(*orders: tuple[str, str, str, str, str]) -> str:
    """Number, customer, state, total and what was paid back; a day each."""
    return lines(
        "Name,Email,Financial Status,Currency,Total,Created at,Lineitem quantity,Lineitem name,Lineitem price,Cancelled at,Refunded Amount",
        *(
            f"#{number},{who},{state},USD,{total},2025-01-{int(number):02} 10:00:00 -0500,1,Beans,1.00,"
            f"{'2025-02-01 10:00:00 -0500' if state == 'voided' else ''},{back}"
            for number, who, state, total, back in orders
        ),
    )


@pytest.mark.parametrize("newest_first", [False, True])
@pytest.mark.parametrize("in_memory_lines", [1, 100_000])
def test_what_a_later_export_says_to_be_cancelled_or_paid_back_counts_as_that(
    write: Write, newest_first: bool, in_memory_lines: int
) -> None:
    early = shopify(
        ("1", "a@x.com", "paid", "10.00", "0.00"), ("2", "a@x.com", "paid", "20.00", "0.00"), ("3", "b@x.com", "paid", "5.00", "0.00"),
        ("4", "b@x.com", "pending", "7.00", "0.00"),
    )  # fmt: skip
    late = shopify(
        ("1", "a@x.com", "partially_refunded", "10.00", "4.00"), ("2", "a@x.com", "voided", "20.00", "0.00"),
        ("3", "b@x.com", "voided", "5.00", "0.00"), ("4", "b@x.com", "paid", "7.00", "0.00"),
    )  # fmt: skip
    files = [write("1.csv", early), write("2.csv", late)]
    history = read(*(reversed(files) if newest_first else files), in_memory_lines=in_memory_lines)

    assert told(history) == Told(2, 2, Decimal(13))
    assert any(said.startswith("2 rows are of orders that another of the files says") for said in history.report.said)


def test_orders_of_nobody_in_two_exports_count_once_and_in_the_month_of_the_shops_day(write: Write) -> None:
    rows = [
        ("1", "", "paid", "10.00", "0.00"),
        ("2", "a@x.com", "paid", "20.00", "0.00"),
        ("3", "", "paid", "5.00", "0.00"),
    ]
    history = read(write("1.csv", shopify(*rows[:2])), write("2.csv", shopify(*rows)))

    assert told(history) == Told(1, 1, Decimal(20))
    report = history.report
    assert (report.nobodys_orders, report.nobodys_minor) == (2, Decimal(1500))
    assert sorted(report.nobodys_days.values()) == [(1, Decimal(500)), (1, Decimal(1000))]


def test_a_time_of_the_day_in_a_column_of_its_own_belongs_to_the_guess(write: Write) -> None:
    (order,) = read(write("t.csv", lines("client;date;heure;montant", "a;13/01/2025;20:29;1,50"))).purchases()

    assert to_datetime(order.at_us).isoformat() == "2025-01-14T01:29:00+00:00"


def test_cents_of_a_file_are_those_of_each_rows_currency(write: Write) -> None:
    charge = {
        "id": "ch_1", "object": "charge", "amount": 1250, "amount_refunded": 0, "captured": True, "created": 1772353800,
        "currency": "eur", "customer": "cus_1", "livemode": True, "status": "succeeded",
    }  # fmt: skip
    others = [("jpy", 500), ("huf", 500_000), ("isk", 50_000)]
    charges = [charge, *({**charge, "id": f"ch_{code}", "currency": code, "amount": said} for code, said in others)]
    file = write("charges.json", json.dumps({"object": "list", "data": charges}))

    history = read(file, wishes=Wishes(currency="EUR", rates=dict.fromkeys(("JPY", "HUF", "ISK"), Decimal("0.01"))))

    assert told(history) == Told(1, 4, Decimal("72.50")), "12.50 + 5 + 50 + 5"
