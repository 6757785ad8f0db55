"""A shop that is exported as several tables: orders, who the customers are, and what was paid."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from service.domain.calendar import Calendar
from service.errors import ConfigurationError
from service.history import History, Wishes, open_history

TABLES = {
    "orders": """\
"order_id","customer_id","order_status","order_purchase_timestamp","order_approved_at","order_delivered_carrier_date","order_delivered_customer_date","order_estimated_delivery_date"
o1,s1,delivered,2017-10-02 10:56:33,,,,
o2,s2,delivered,2017-11-02 10:56:33,,,,
o3,s3,canceled,2017-12-02 10:56:33,,,,
""",
    "customers": """\
"customer_id","customer_unique_id","customer_zip_code_prefix","customer_city","customer_state"
s1,u1,14409,franca,SP
s2,u1,14409,franca,SP
s3,u2,14409,franca,SP
""",
    "payments": """\
"order_id","payment_sequential","payment_type","payment_installments","payment_value"
o1,1,credit_card,8,99.33
o1,2,voucher,1,0.67
o2,1,credit_card,1,24.39
""",
    "items": """\
"order_id","order_item_id","product_id","seller_id","shipping_limit_date","price","freight_value"
o1,1,p,s,2017-10-02 10:56:33,58.90,13.29
o1,2,p,s,2017-10-02 10:56:33,1.10,13.29
o2,1,p,s,2017-10-02 10:56:33,20.00,13.29
""",
    "translation": "product_category_name,product_category_name_english\nbeleza_saude,health_beauty\n",
}


def read(directory: Path, *names: str) -> History:
    return open_history(
        [directory / name for name in names],
        calendar=Calendar(ZoneInfo("UTC")),
        minor_digits=2,
        wishes=Wishes(currency="BRL"),
    )


def amounts(history: History) -> list[tuple[str, str | None, int]]:
    return [(one.customer_id, one.order_id, one.amount_minor) for one in history.purchases()]


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    for name, content in TABLES.items():
        (tmp_path / name).write_text(content)
    with zipfile.ZipFile(tmp_path / "archive", "w") as archive:
        for name in sorted(TABLES):
            archive.write(tmp_path / name, f"olist_{name}_dataset.csv")
    return tmp_path


@pytest.mark.parametrize(
    ("names", "minor"),
    [
        (["orders", "customers", "payments"], (100_00, 24_39)),
        (["payments", "customers", "orders"], (100_00, 24_39)),
        (["orders", "customers", "items"], (60_00, 20_00)),
        (["archive"], (100_00, 24_39)),
        (["orders", "customers"], (0, 0)),
    ],
)
def test_orders_given_with_their_customers_are_those_of_people(
    directory: Path, names: Sequence[str], minor: tuple[int, int]
) -> None:
    history = read(directory, *names)

    assert amounts(history) == [("u1", "o1", minor[0]), ("u1", "o2", minor[1])]
    assert history.report.aside == {"cancelled": 1}
    assert any("customer_unique_id from" in said for said in history.report.said)


@pytest.mark.parametrize("names", [["orders"], ["orders", "payments"]])
def test_orders_without_their_customers_are_refused_with_what_is_missing(directory: Path, names: Sequence[str]) -> None:
    with pytest.raises(ConfigurationError, match="olist_customers_dataset"):
        read(directory, *names)


def test_an_order_whose_customer_is_in_no_table_is_nobodys(directory: Path) -> None:
    (directory / "customers").write_text(TABLES["customers"].replace("s2,u1", "s9,u1"))

    history = read(directory, "orders", "customers", "payments")

    assert amounts(history) == [("u1", "o1", 100_00)]
    assert history.report.nobodys_orders == 1
