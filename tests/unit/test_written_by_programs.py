"""Tables as programs and people write them: odd times, marks, packings, and files that were put together."""

from __future__ import annotations

import io
import json
import tarfile
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from service.domain.calendar import Calendar, to_datetime
from service.errors import ConfigurationError
from service.history import History, Wishes, open_history

DAY = datetime(2025, 1, 6, 8, 29, 48, tzinfo=UTC)
ORDERS = [(f"ann{n % 3}@x.org", DAY + timedelta(days=5 * n, hours=5 * n), 12.5 + n) for n in range(8)]
NAMES = ("customer_id", "timestamp", "amount")


def opened(*files: tuple[Path, str | bytes], currency: str = "EUR") -> History:
    for path, content in files:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    calendar = Calendar(ZoneInfo("UTC"))
    return open_history(
        [path for path, _ in files], calendar=calendar, minor_digits=2, wishes=Wishes(currency=currency)
    )


def bought(history: History) -> list[tuple[str, datetime, float]]:
    return [(one.customer_id, to_datetime(one.at_us), one.amount_minor / 100) for one in history.purchases()]


def plain(names: tuple[str, ...] = NAMES, mark: str = ",") -> list[str]:
    return [mark.join(names), *(mark.join((who, f"{at:%Y-%m-%d %H:%M:%S}", f"{much:.2f}")) for who, at, much in ORDERS)]


@pytest.mark.parametrize(
    "written",
    [
        lambda at: f"/Date({int(at.timestamp())}000)/",
        lambda at: f"/Date({int(at.timestamp())}000+0100)/",
        lambda at: f"{at:%Y%m%dT%H%M%SZ}",
        lambda at: f"{at:%Y%m%d %H:%M:%S}",
        lambda at: f"{at:%Y%m%d %H%M%S}",
        lambda at: f"{at:%a %b %d %H:%M:%S UTC %Y}",
        lambda at: f"{at:%a %b %d %H:%M:%S +0000 %Y}",
        lambda at: f"{at:%d/%b/%Y:%H:%M:%S +0000}",
        lambda at: f"{at:%d%b%Y:%H:%M:%S}".upper(),
        lambda at: f"{at:%d-%b-%y %I.%M.%S.000000 %p}".upper(),
        lambda at: f"{at:%d.%m.%Y um %H:%M:%S} Uhr",
        lambda at: f"{at:%d.%m.%Y kl. %H:%M:%S}",
        lambda at: f"{at:%d/%m/%Y à %H:%M:%S}",
        lambda at: f"{at:%d/%m/%Y - %H:%M:%S}",
        lambda at: f"{at:%m/%d/%Y, %I:%M:%S}\u202f{at:%p}",
        lambda at: f"{at:%m/%d/%Y %I:%M:%S%p}",
        lambda at: f"{at:%Y-%m-%d %I:%M:%S %p}",
        lambda at: f"{at:%Y-%m-%dT%I:%M:%S%p}",
        lambda at: f"{at:%a, %d %b %Y %H:%M:%S GMT}",
    ],
)
def test_a_time_is_read_as_programs_write_it(tmp_path: Path, written: Callable[[datetime], str]) -> None:
    rows = [f'{who},"{written(at)}",{much:.2f}' for who, at, much in ORDERS]

    assert bought(opened((tmp_path / "orders.csv", "Email,Order Date,Total\n" + "\n".join(rows)))) == ORDERS


@pytest.mark.parametrize("cell", ["2025-02-28 24:00", "28.02.2025 24:00:00", "2025-02-28T24:00:00+00:00"])
def test_the_24th_hour_is_the_next_day(tmp_path: Path, cell: str) -> None:
    history = opened((tmp_path / "orders.csv", f"Email,Order Date,Total\na@x.org,{cell},1.50\nb@x.org,{cell},2.50\n"))

    assert {at for _, at, _ in bought(history)} == {datetime(2025, 3, 1, tzinfo=UTC)}


def in_markup(row: str) -> str:
    return "<tr>" + "".join(f"<td>{cell}</td>" for cell in row.split(",")) + "</tr>"


def in_excel_2003(row: str) -> str:
    return "<Row>" + "".join(f'<Cell><Data ss:Type="String">{cell}</Data></Cell>' for cell in row.split(",")) + "</Row>"


def packed(content: str) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, text in (
            ("export/orders.csv", content),
            ("export/._orders.csv", "x"),
            ("export/read.me", "Hello.\n"),
        ):
            entry = tarfile.TarInfo(name)
            entry.size = len(text.encode())
            archive.addfile(entry, io.BytesIO(text.encode()))
    return buffer.getvalue()


LINES = plain()
FORMS: dict[str, str | bytes] = {
    "a page": f"<html><body><table border=1>{''.join(map(in_markup, LINES))}</table></body></html>",
    "Excel 2003": '<?xml version="1.0"?><?mso-application progid="Excel.Sheet"?>'
    '<Workbook xmlns="urn:schemas-microsoft-com:office:spreadsheet"><Worksheet ss:Name="Orders"><Table>'
    f"{''.join(map(in_excel_2003, LINES))}</Table></Worksheet></Workbook>",
    "tar": packed("\n".join(LINES)),
    "zeros at the end": "\n".join(LINES) + "\n" + "\0" * 5_000,
    "zeros in cells": "\n".join(line.replace("@", "\0@") for line in LINES),
    "empty lines first": "\n\n" + "\n\n".join(LINES),
    "carets": "\n".join(plain(mark="^")),
    "Hive": "\n".join(plain(mark="\x01")),
    "apostrophes": "\n".join("'" + line.replace(",", "','") + "'" for line in LINES),
    "noughts kept": "\n".join(
        [LINES[0], *('="' + line.replace(",", '",', 1) for line in LINES[1:])]
    ),
    "named once more": "\n".join([*LINES[:5], LINES[0], *LINES[5:]]),
    "named once more with a mark": "\n".join([*LINES[:5], f"\ufeff{LINES[0]}", *LINES[5:]]),
    "named once more, foreign": "\n".join(
        [*plain(("Email", "Order Date", "Total"))[:5], *plain(("Email", "Order Date", "Total"))[:1], *LINES[5:]]
    ),
}  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
def test_a_table_is_read_however_it_was_put_down(tmp_path: Path, form: str) -> None:
    history = opened((tmp_path / "orders.xls", FORMS[form]))

    assert bought(history) == ORDERS
    assert history.report.total_skipped == 0


def test_cells_that_span_several_keep_the_others_in_their_columns(tmp_path: Path) -> None:
    page = (
        "<table><tr><th colspan=4>Orders</th></tr><tr><th>Email</th><th>Order Date</th><th>Place</th><th>Total</th></tr>"
        "<tr><td>a@x.org</td><td>2025-01-06</td><td rowspan=2>Paris</td><td>1.50</td></tr>"
        "<tr><td>b@x.org</td><td>2025-01-07</td><td>2.50</td></tr><tr><td>c@x.org<td>2025-01-08<td colspan=1><td>3,000.50</table>"
    )

    assert [(who, much) for who, _, much in bought(opened((tmp_path / "orders.xls", page)))] == [
        ("a@x.org", 1.5),
        ("b@x.org", 2.5),
        ("c@x.org", 3000.5),
    ]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (("customer_id", "timestamp", "amount", "tax"), ("customer_id", "timestamp", "tax", "amount")),
        (("Email", "Order Date", "Total", "Tax"), ("Email", "Order Date", "Tax", "Total")),
        (("Email", "Order Date", "Total", "Status"), ("Status", "Order Date", "Total", "Email")),
    ],
)
def test_exports_put_together_with_other_columns_are_refused(
    tmp_path: Path, first: tuple[str, ...], second: tuple[str, ...]
) -> None:
    day = "2025-01-06 08:00:00"
    cells = {"order date": day, "timestamp": day, "total": "30.50", "amount": "30.50", "tax": "2.50", "status": "paid"}

    def rows(names: tuple[str, ...]) -> list[str]:
        people = [cells | {"email": f"{who}@x.org", "customer_id": f"{who}@x.org"} for who in "abc"]
        return [",".join(names), *[",".join(one[name.lower()] for name in names) for one in people]]

    with pytest.raises(ConfigurationError, match=r"line 5 names the columns once more, and in another order"):
        bought(opened((tmp_path / "orders.csv", "\n".join([*rows(first), *rows(second)]))))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (lambda pack: pack({"Index/Document.iwa": "x", "preview.jpg": "x"}), "is a document of Numbers"),
        (lambda pack: pack({"[Content_Types].xml": "x", "word/document.xml": "x"}), "is a text or slides"),
        (
            lambda _: b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600) + "EncryptedPackage".encode("utf-16-le") + bytes(600),
            "is protected by a password",
        ),
        (lambda _: b"ARROW1\0\0\x10\x02\n\0" * 9, "is neither text nor a table"),
        (lambda _: b"a@x.org,2025-01-06 08:00:00,12.50\nb@x.org,2025-01-07 08:00:00,13.50\n", "row of names above"),
        (
            lambda _: b"<html><table><tr><td>Name<td>Code<td>Sign in</tr><tr><td>a<td>b<td><input type='password'></table></html>",
            "web page",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_read_says_what_to_do(
    tmp_path: Path, content: Callable[[Callable[[dict[str, str]], bytes]], bytes], said: str
) -> None:
    def pack(members: dict[str, str]) -> bytes:
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            for name, text in members.items():
                archive.writestr(name, text)
        return buffer.getvalue()

    with pytest.raises(ConfigurationError, match=said):
        opened((tmp_path / "orders.xlsx", content(pack)))


def test_parquet_of_bytes_and_of_fields_within_each_other_is_read(tmp_path: Path) -> None:
    people, times, amounts = zip(*ORDERS, strict=True)
    as_bytes = pa.table({"customer_id": [who.encode() for who in people], "timestamp": times, "amount": amounts})
    nested = pa.table({"customer": [{"id": 1, "email": who} for who in people], "ordered": times, "total": amounts})
    numbered = pa.table({"customer_id": [bytes([n, 255] * 8) for n in (1, 2)], "timestamp": times[:2], "amount": amounts[:2]})  # fmt: skip
    found = []
    for table in (as_bytes, nested.rename_columns(["customer", "order_date", "total"]), numbered):
        buffer = io.BytesIO()
        pq.write_table(table, buffer)
        found.append(bought(opened((tmp_path / "orders.parquet", buffer.getvalue()))))

    assert found[0] == found[1] == ORDERS
    assert [who for who, _, _ in found[2]] == ["01ff" * 8, "02ff" * 8]


HEAD = "Email,Order Date,Total\n"


@pytest.mark.parametrize(
    ("doubtful", "plainly", "right"),
    [
        ("a@x.org,03/04/2025,5.50\n", "b@x.org,25/04/2025,5.50\n", (datetime(2025, 4, 3, tzinfo=UTC), 5.5)),
        ("a@x.org,03/04/2025,5.50\n", "b@x.org,04/25/2025,5.50\n", (datetime(2025, 3, 4, tzinfo=UTC), 5.5)),
        ('a@x.org,2025-04-03,"1.250"\n', 'b@x.org,2025-04-04,"12,50"\n', (datetime(2025, 4, 3, tzinfo=UTC), 1250.0)),
        ("a@x.org,03/04/2025,1.250\n", "b@x.org,04/25/2025,12.50\n", (datetime(2025, 3, 4, tzinfo=UTC), 1.25)),
    ],
)
def test_what_one_month_leaves_open_another_export_of_the_shop_says(
    tmp_path: Path, doubtful: str, plainly: str, right: tuple[datetime, float]
) -> None:
    history = opened((tmp_path / "april.csv", HEAD + doubtful), (tmp_path / "may.csv", HEAD + plainly))

    assert [(at, much) for who, at, much in bought(history) if who == "a@x.org"] == [right]
    assert any("april.csv" in said and "as may.csv says" in said for said in history.report.said)


def test_exports_that_contradict_each_other_decide_for_nobody(tmp_path: Path) -> None:
    files = [
        (tmp_path / f"{name}.csv", f"{HEAD}a@x.org,{day},5.50\n")
        for name, day in (("one", "03/04/2025"), ("two", "25/04/2025"), ("three", "04/25/2025"))
    ]

    with pytest.raises(ConfigurationError, match=r"one\.csv: The column Order Date can be read in two ways"):
        opened(*files)


def test_a_doubtful_table_of_an_archive_is_not_left_aside(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("jan.csv", "Email,Order Date,Total\na@x.org,03/04/2025,5.50\n")
        archive.writestr("feb.csv", "Mail,Date,Total\na@x.org,2025-04-25,5.50\n")

    with pytest.raises(ConfigurationError, match=r"jan\.csv: The column Order Date can be read in two ways"):
        opened((tmp_path / "all.zip", buffer.getvalue()))


def test_files_of_several_currencies_are_not_added_up(tmp_path: Path) -> None:
    head = "customer_id,timestamp,amount,currency\n"
    files = [(tmp_path / f"{code}.csv", f"{head}a,2025-01-06,5.50,{code}\n") for code in ("EUR", "USD")]

    with pytest.raises(ConfigurationError, match=r"USD\.csv is in USD, and other files are in EUR: .*shop\.rates"):
        opened(*files)


def test_dollars_of_a_shop_that_is_set_to_euros_are_said(tmp_path: Path) -> None:
    history = opened((tmp_path / "orders.csv", f"{HEAD}a@x.org,2025-01-06,$5.50\nb@x.org,2025-01-07,$6.50\n"))

    assert any("has amounts in $, and shop.currency is EUR" in said for said in history.report.said)


@pytest.mark.parametrize(
    ("names", "right"),
    [
        (("Total incl. VAT", "Total excl. VAT"), "Total incl. VAT"),
        (("Total (excl. tax)", "Total (incl. tax)"), "Total (incl. tax)"),
        (("Gesamt netto", "Gesamt brutto"), "Gesamt brutto"),
        (("Netto", "Brutto"), "Brutto"),
        (("Total HT", "Total TTC"), "Total TTC"),
        (("Net Total", "Gross Total"), ""),
        (("Total", "Total"), "Total"),
    ],
)
def test_of_totals_with_and_without_tax_the_one_that_was_paid_counts(
    tmp_path: Path, names: tuple[str, str], right: str
) -> None:
    same = names[0] == names[1]
    rows = [
        f"c{n};2025-01-0{n} 08:00;{n}2,50;{n}2,50\n" if same else f"c{n};2025-01-0{n} 08:00;{n}2,50;{n}5,50\n"
        for n in range(1, 6)
    ]
    content = ";".join(("Customer", "Order Date", *names)) + "\n" + "".join(rows)
    if not right:
        with pytest.raises(ConfigurationError, match=r"amount may be 'Net Total' or 'Gross Total'"):
            opened((tmp_path / "orders.csv", content))
        return
    first = bought(opened((tmp_path / "orders.csv", content)))[0]

    assert first[2] == (12.5 if names.index(right) == 0 else 15.5)


WOOCOMMERCE = {
    "id": 1, "status": "completed", "currency": "EUR", "date_created": "2025-01-06T09:00:00", "date_created_gmt": "2025-01-06T08:00:00",
    "total": "20.00", "customer_id": 8, "number": "1", "billing": {"email": "a@x.org"}, "refunds": [],
    "line_items": [{"name": "Cake", "quantity": 1, "sku": "s"}, {"name": "Tea", "quantity": 1, "sku": "t"}],
}  # fmt: skip


def test_what_woocommerce_gave_back_of_an_order_is_taken_off_and_its_own_clock_counts(tmp_path: Path) -> None:
    orders = [
        WOOCOMMERCE,
        {**WOOCOMMERCE, "id": 2, "number": "2", "customer_id": 9, "refunds": [{"id": 22, "total": "-5.00"}, {"id": 23, "total": "-1.50"}]},
        {**WOOCOMMERCE, "id": 3, "number": "3", "customer_id": 9, "status": "failed"},
    ]  # fmt: skip

    assert bought(opened((tmp_path / "orders.json", json.dumps(orders)))) == [
        ("8", datetime(2025, 1, 6, 8, tzinfo=UTC), 20.0),
        ("9", datetime(2025, 1, 6, 8, tzinfo=UTC), 13.5),
    ]
