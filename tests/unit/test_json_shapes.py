"""Orders as databases, search engines, queries and data frames save them in JSON, and who is nobody at the till."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from service.domain.calendar import Calendar, to_datetime
from service.errors import ConfigurationError
from service.history import History, Wishes, open_history
from service.history.people import person

START = datetime(2025, 1, 6, 8, 29, 48, tzinfo=UTC)
ORDERS = [(f"ann{n % 3}@x.org", START + timedelta(days=3 * n), 12.5 + n, 1000 + n) for n in range(6)]
RIGHT = [(who, at, much) for who, at, much, _ in ORDERS]


def opened(path: Path, content: str) -> History:
    path.write_text(content)
    wishes = Wishes(currency="EUR")
    return open_history([path], calendar=Calendar(ZoneInfo("UTC")), minor_digits=2, wishes=wishes)


def bought(history: History) -> list[tuple[str, datetime, float]]:
    return [(one.customer_id, to_datetime(one.at_us), one.amount_minor / 100) for one in history.purchases()]


def text(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")


def flat(who: str, at: datetime, much: float, number: int) -> dict[str, Any]:
    return {"order_id": number, "email": who, "order_date": text(at), "total": much}


def of_mongo(who: str, at: datetime, much: float, number: int) -> dict[str, Any]:
    when = {"$date": {"$numberLong": str(int(at.timestamp() * 1000))}}
    return {"_id": {"$oid": f"{number:024}"}, "customerEmail": who, "createdAt": when, "total": {"$numberDecimal": f"{much}"}}  # fmt: skip


def of_dynamo(who: str, at: datetime, much: float, number: int) -> dict[str, Any]:
    return {"Item": {"id": {"N": f"{number}"}, "email": {"S": who}, "createdAt": {"S": text(at)}, "total": {"N": f"{much}"}}}  # fmt: skip


def of_graphql(who: str, at: datetime, much: float, number: int) -> dict[str, Any]:
    money = {"shopMoney": {"amount": f"{much}", "currencyCode": "EUR"}}
    return {"node": {"id": f"gid://shopify/Order/{number}", "name": f"#{number}", "createdAt": text(at), "email": who, "displayFinancialStatus": "PAID", "totalPriceSet": money}}  # fmt: skip


def of_square(who: str, at: datetime, much: float, number: int) -> dict[str, Any]:
    money = {"amount": int(much * 100), "currency": "EUR"}
    return {"id": f"p{number}", "created_at": text(at), "amount_money": money, "total_money": money, "status": "COMPLETED", "customer_id": who, "location_id": "L"}  # fmt: skip


def nested(who: str, at: datetime, much: float, number: int) -> dict[str, Any]:
    return {"order": {"id": number, "customer": {"email": who}, "placed_at": text(at), "total": {"amount": much, "currency": "EUR"}}}  # fmt: skip


def with_lines(who: str, at: datetime, much: float, number: int) -> dict[str, Any]:
    lines = [{"sku": "a", "price": much / 2, "quantity": 1}, {"sku": "b", "price": much / 2, "quantity": 1}]
    return {"number": number, "email": who, "date": text(at), "total": much, "items": lines}


def without_number(who: str, at: datetime, much: float, number: int) -> dict[str, Any]:
    return {key: value for key, value in with_lines(who, at, much, number).items() if key != "number"}


FLAT = [flat(*order) for order in ORDERS]
COLUMNS = {name: [row[name] for row in FLAT] for name in FLAT[0]}
HITS = [{"_index": "orders", "_id": str(number), "_source": row} for number, row in enumerate(FLAT)]
FORMS: dict[str, str] = {
    "MongoDB": "\n".join(json.dumps(of_mongo(*order)) for order in ORDERS),
    "DynamoDB": "\n".join(json.dumps(of_dynamo(*order)) for order in ORDERS),
    "Elasticsearch": json.dumps({"took": 1, "hits": {"total": 6, "hits": HITS}}),
    "GraphQL": json.dumps({"data": {"orders": {"edges": [of_graphql(*order) for order in ORDERS]}}}),
    "Square": json.dumps({"payments": [of_square(*order) for order in ORDERS]}),
    "fields within each other": json.dumps([nested(*order) for order in ORDERS]),
    "lines of orders": json.dumps([with_lines(*order) for order in ORDERS]),
    "lines of orders without a number": json.dumps([without_number(*order) for order in ORDERS]),
    "a list for each column": json.dumps(COLUMNS),
    "columns and data": json.dumps({"columns": [*COLUMNS], "index": [*range(6)], "data": [[*row.values()] for row in FLAT]}),
    "an object for each column": json.dumps({name: dict(enumerate(cells)) for name, cells in COLUMNS.items()}),
    "an object for each key": json.dumps({f"order-{row['order_id']}": row for row in FLAT}, indent=1),
    "an array of arrays": json.dumps([[*COLUMNS], *([*row.values()] for row in FLAT)]),
    "lines with commas": ",\n".join(json.dumps(row) for row in FLAT),
    "one list after the other": f"{json.dumps(FLAT[:2])}\n{json.dumps(FLAT[2:])};\n",
}  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
def test_orders_are_read_in_whichever_shape_they_were_saved(tmp_path: Path, form: str) -> None:
    history = opened(tmp_path / "orders.json", FORMS[form])

    assert bought(history) == RIGHT
    assert history.report.total_skipped == 0


def test_something_else_after_a_list_is_said(tmp_path: Path) -> None:
    with pytest.raises(
        ConfigurationError, match=r"holds something else after the list of 6 objects: '\{\"total\": 6\}'"
    ):
        bought(opened(tmp_path / "orders.json", json.dumps(FLAT) + '\n{"total": 6}'))


@pytest.mark.parametrize(
    "name",
    [
        "Walk-in Customer", "walk-in customer", "WALK IN", "Consumidor Final", "Público en General", "Client divers", "Barkunde", "Cash Sale",
        "Розничный покупатель", "散客", "非会員", "CLIENTE VARIOS", "Guest Checkout", "-1", "000000", "#REF!", "#BEZUG!", "\\N", "?", "—", "Gäst", "Perakende Müşteri", "Unknown Customer",
    ],
)  # fmt: skip
def test_the_account_of_everybody_is_nobody_in_any_language(name: str) -> None:
    assert person(f" {name} ") == ""


@pytest.mark.parametrize(
    "name", ["Mostar", "Guestrow", "Comptoir des Cotonniers", "Anna Gast", "Barbara Kunde", "Default Smith"]
)
def test_who_is_only_called_alike_is_somebody(name: str) -> None:
    assert person(name) == name


@pytest.mark.parametrize(
    ("cells", "one"),
    [
        (("+41 79 123 45 67", "+41791234567", "+41 (79) 123-45-67", "'+41 79 1234567"), "+41791234567"),
        (("Ann Lee <Ann@x.org>", "ann@x.org", "mailto:ann@x.org", "ann@x.org\u200b", "\ufeffAnn@X.org"), "ann@x.org"),
        (('="00123"', "00123", "\u200b00123"), "00123"),
    ],
)
def test_one_person_is_one_however_the_id_is_written(cells: tuple[str, ...], one: str) -> None:
    assert {person(cell) for cell in cells} == {one}


def log(ids: list[str], *, when: str = "%Y-%m-%dT%H:%M:%S") -> str:
    rows = [f"{who},{START + timedelta(hours=9 * n):{when}},{n}.50,{n}" for n, who in enumerate(ids)]
    return "\n".join(["customer_id,timestamp,amount,order_id", *rows])


def test_long_numbers_that_a_spreadsheet_has_rounded_are_refused_and_short_ones_are_not(tmp_path: Path) -> None:
    rounded = [f"{123_456_789_012_345 + n % 25}000" for n in range(60)]
    with pytest.raises(ConfigurationError, match=r"all end in noughts behind the fifteenth: a spreadsheet has rounded"):
        opened(tmp_path / "orders.csv", log(rounded))

    assert len(bought(opened(tmp_path / "orders.csv", log([f"{500 + n % 25}000" for n in range(60)])))) == 60
    assert len(bought(opened(tmp_path / "orders.csv", log([f"{who[:-1]}7" for who in rounded])))) == 60


@pytest.mark.parametrize("when", ["%Y-%m-%d", "%Y-%m-%d %H:%M"])
def test_the_same_orders_at_other_times_are_not_counted_twice(tmp_path: Path, when: str) -> None:
    people = [f"c{n % 7}" for n in range(40)]
    (tmp_path / "one.csv").write_text(log(people))
    (tmp_path / "two.csv").write_text(log(people, when=when))
    files = [tmp_path / "one.csv", tmp_path / "two.csv"]

    with pytest.raises(ConfigurationError, match=r"orders stand in two of the files, .* but at different times"):
        open_history(files, calendar=Calendar(ZoneInfo("UTC")), minor_digits=2)
