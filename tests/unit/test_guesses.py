"""What a refused record looks like: the settings that read it, or nothing."""

from __future__ import annotations

import json

import pytest

from service.wire.guesses import looks_like
from tests.unit.test_ingest import OURS, SHOPIFY, SQUARE, STRIPE, WOO

CHANGE = {"op": "c", "before": None, "after": {"id": 1}, "source": {"ts_ms": 1}}
MAXWELL = {"database": "shop", "table": "orders", "type": "insert", "ts": 1, "data": {"id": 1}}


@pytest.mark.parametrize(
    ("record", "settings"),
    [
        (SHOPIFY, 'profile = "shopify", key = "any"'),
        (WOO, 'profile = "woocommerce", key = "any"'),
        (SQUARE, 'profile = "square", key = "any"'),
        (STRIPE, 'profile = "stripe", key = "any"'),
        (CHANGE, 'envelope = "debezium"'),
        ({"schema": {"type": "struct"}, "payload": CHANGE}, 'envelope = "debezium"'),
        (MAXWELL, 'envelope = "maxwell"'),
        ({**MAXWELL, "isDdl": False, "data": [{"id": 1}]}, 'envelope = "canal"'),
        (OURS, ""),
        ([1, 2], ""),
    ],
)
def test_a_record_tells_how_it_is_read(record: object, settings: str) -> None:
    assert looks_like(json.dumps(record).encode()) == settings


@pytest.mark.parametrize("value", [None, b"", b"\xff", b"{"])
def test_what_is_no_json_tells_nothing(value: bytes | None) -> None:
    assert looks_like(value) == ""
