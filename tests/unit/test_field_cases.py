"""Files of the field, as users have them: each is read as its people would expect, or refused with what to do."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple
from zoneinfo import ZoneInfo

import pytest

from service.domain.calendar import Calendar
from service.errors import ConfigurationError
from service.history import History, Wishes, open_history

FIELD = Path(__file__).parents[1] / "fixtures" / "field"
NEW_YORK = Calendar(ZoneInfo("America/New_York"))
Unpack = Callable[[str], Path]


class Shop(NamedTuple):
    """Money in minor units; orders of nobody are beside the others."""

    people: int
    orders: int
    revenue: int
    nobodys: int = 0


THE_SHOP = Shop(40, 1_697, 38_057_00)


@pytest.fixture
def unpack(tmp_path: Path) -> Unpack:
    def written(name: str) -> Path:
        """The file as the user has it: most are kept packed here, and some are packed in the field."""
        kept = FIELD / f"{name}.gz"
        path = tmp_path / Path(name).name
        path.write_bytes(gzip.decompress(kept.read_bytes()) if kept.is_file() else (FIELD / name).read_bytes())
        return path

    return written


def read(*paths: Path, wishes: Wishes | None = None) -> History:
    return open_history(paths, calendar=NEW_YORK, minor_digits=2, wishes=wishes or Wishes(currency="USD"))


def shop_of(history: History) -> Shop:
    events = list(history.purchases(makes_ids=False))
    return Shop(
        len({one.customer_id for one in events}),
        sum(not one.refund for one in events),
        sum(-one.amount_minor if one.refund else one.amount_minor for one in events),
        history.report.nobodys_orders,
    )


@pytest.mark.parametrize(
    ("name", "right"),
    [
        ("F01-shopify/orders_export.csv.gz", Shop(40, 1_583, 32_091_41, nobodys=64)),
        ("F03-stripe-payments/unified_payments.csv", Shop(40, 1_596, 33_732_50)),
        ("F04-woocommerce-guest-zero/woo.csv", Shop(20, 803, 17_223_50, nobodys=763)),
        ("F06-excel-german/excel_cp1252.csv", Shop(40, 1_697, 112_703_00)),
        ("F07-json-exports/epoch_ms.jsonl", THE_SHOP),
        ("F07-json-exports/nine_digits.jsonl", THE_SHOP),
        ("F07-json-exports/orders.json", THE_SHOP),
        ("F07-json-exports/segment.jsonl.gz", THE_SHOP),
        ("F07-json-exports/wire_events.jsonl", THE_SHOP),
        ("F12-id-shapes/email_case.csv", THE_SHOP),
        ("F12-id-shapes/float_mix.csv", THE_SHOP),
        ("F12-id-shapes/nbsp.csv", THE_SHOP),
        ("F12-id-shapes/nan_null.csv", Shop(31, 1_374, 30_346_50, nobodys=323)),
        ("F14-xlsx-zip/orders.csv.zip", THE_SHOP),
        ("F14-xlsx-zip/gz_without_name.csv", THE_SHOP),
        ("F19-walk-in-account/with_walkin.csv.gz", THE_SHOP._replace(nobodys=11_052)),
        ("F26-olist-id-per-order/olist_orders.csv", Shop(40, 1_613, 35_921_00)),
    ],
)
def test_a_file_of_the_field_is_the_shop_that_its_owner_knows(unpack: Unpack, name: str, right: Shop) -> None:
    history = read(unpack(name))

    assert shop_of(history) == right
    assert not history.report.total_skipped


@pytest.mark.parametrize(
    ("name", "header"),
    [
        ("F01-shopify/orders_export.csv.gz", {"Email": "customer_id", "Total": "amount", "Created at": "timestamp"}),
        ("F01-shopify/orders_export.csv.gz", {"Email": "customer_id", "Total": "amount", "Created at": "timestamp", "Name": "order_id"}),
        ("F03-stripe-payments/unified_payments.csv",
         {"id": "event_id", "Created date (UTC)": "timestamp", "Amount": "amount", "Customer ID": "customer_id"}),
        ("F04-woocommerce-guest-zero/woo.csv", {"date": "timestamp", "order_total": "amount"}),
    ],
)  # fmt: skip
def test_whoever_renamed_some_columns_to_ours_still_has_the_same_shop(
    tmp_path: Path, unpack: Unpack, name: str, header: dict[str, str]
) -> None:
    path = unpack(name)
    content = path.read_bytes()
    text = (gzip.decompress(content) if name.endswith(".gz") else content).decode()
    first, rest = text.split("\n", 1)
    renamed = tmp_path / "renamed.csv"
    renamed.write_text(",".join(header.get(column, column) for column in first.split(",")) + "\n" + rest)

    assert shop_of(read(renamed)) == shop_of(read(path))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
@pytest.mark.parametrize("before", ["", "sep=;\n"])
def test_a_german_spreadsheets_file_is_read_in_whichever_way_it_was_saved(
    tmp_path: Path, unpack: Unpack, encoding: str, before: str
) -> None:
    text = unpack("F06-excel-german/excel_cp1252.csv").read_text(encoding="cp1252")
    path = tmp_path / "saved.csv"
    path.write_bytes((before + text).encode(encoding))

    assert shop_of(read(path)) == Shop(40, 1_697, 112_703_00)


def test_thousands_that_may_be_decimals_are_never_guessed(unpack: Unpack) -> None:
    path = unpack("F06-excel-german/thousands_dot.csv")

    with pytest.raises(ConfigurationError, match="can be read in two ways"):
        read(path)
    assert shop_of(read(path, wishes=Wishes(decimal=","))).revenue == 3_805_700_00


@pytest.mark.parametrize("kind", ["event", "order", "plain"])
@pytest.mark.parametrize("order", [1, -1])
def test_two_exports_that_overlap_are_one_shop(unpack: Unpack, kind: str, order: int) -> None:
    halves = [unpack(f"F09-overlapping-exports/{half}_{kind}.csv") for half in ("h1", "h2")][::order]

    assert shop_of(read(*halves)) == THE_SHOP


def test_noughts_that_a_spreadsheet_took_are_told(unpack: Unpack) -> None:
    history = read(unpack("F12-id-shapes/zero_lost.csv"))

    assert any("with and without noughts" in said for said in history.report.said)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("F12-id-shapes/excel_sci.csv", "a spreadsheet has rounded"),
        ("F14-xlsx-zip/html_report.csv", "is a web page"),
        ("F14-xlsx-zip/orders.xlsx", "workbook that cannot be read"),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_cure(unpack: Unpack, name: str, said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        read(unpack(name))


def test_an_empty_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "empty.csv").touch()

    with pytest.raises(ConfigurationError, match="is empty"):
        read(tmp_path / "empty.csv")
