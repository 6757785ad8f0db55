"""Settings for a topic of the shop's own: what is suggested reads it, and where it is not plain nothing is."""

from __future__ import annotations

import json
import tomllib
from typing import Any

import pytest

from service.config import Settings
from service.wire.decoder import Decoder, DecoderSettings
from service.wire.suggested import Record, suggested

NOW_US = 1_780_000_000_000_000
AT_US = 1_772_353_800_000_000
SHOP = Settings(shop={"timezone": "Europe/Paris"})
Object = dict[str, Any]
NESTED: Object = {
    "id": 4711, "status": "paid", "customer": {"id": 17, "email": "anna@example.com"},
    "createdAt": "2026-03-01T08:30:00Z", "total": "12.50", "currency": "EUR",
    "items": [{"sku": "latte", "quantity": 1}, {"sku": "cake", "quantity": 2}],
}  # fmt: skip
FLAT: Object = {
    "orderId": "o-1", "customerId": "c-1", "orderDate": "2026-03-01 09:30:00", "totalCents": 1250, "storeId": "north",
}  # fmt: skip
GERMAN: Object = {"bestellnummer": 5, "kundennummer": "k-1", "bestelldatum": 1772353800000, "gesamtbetrag": 12.5}
CHANGE: Object = {"op": "c", "before": None, "after": FLAT, "source": {"ts_ms": 1}}


def records(*values: Object) -> list[Record]:
    return [Record(b"k", json.dumps(each).encode()) for each in values]


@pytest.mark.parametrize(
    ("order", "whose"),
    [(NESTED, "17"), (FLAT, "c-1"), (GERMAN, "k-1"), (CHANGE, "c-1"), ({"schema": None, "payload": FLAT}, "c-1")],
)
def test_what_is_suggested_reads_the_records(order: Object, whose: str) -> None:
    said = tomllib.loads(suggested(records(order, order), SHOP, NOW_US))

    shop = Decoder(DecoderSettings.of(Settings(shop={"timezone": "Europe/Paris"}, **said)))
    found = shop.of_purchases(json.dumps(order).encode(), b"k", (), NOW_US)

    assert (found.customer_id, found.at_us, found.amount_minor) == (whose, AT_US, 1250)


@pytest.mark.parametrize(
    "order",
    [
        {"a": 1, "b": 2},
        {"id": 1, "customerId": "c-1", "orderDate": "2026-03-01T08:30:00Z"},
        {"customerId": "c-1", "orderDate": "2026-03-01T08:30:00Z", "total": "12.50"},
        {"id": 1, "customerId": "c-1", "orderDate": "2026-03-01T08:30:00Z", "unitPrice": "12.50", "quantity": 2},
        {"id": 1, "customerId": "c-1", "orderDate": "03/04/2026 08:30", "total": "12.50"},
    ],
)
def test_where_it_is_not_plain_nothing_is_suggested(order: Object) -> None:
    assert suggested(records(order), SHOP, NOW_US) == ""


def test_records_of_several_kinds_and_what_is_no_json_suggest_nothing() -> None:
    assert suggested(records(FLAT, CHANGE), SHOP, NOW_US) == ""
    assert suggested([Record(None, b"\xff"), Record(None, None)], SHOP, NOW_US) == ""
