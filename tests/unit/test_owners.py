"""Whose a record of an input is, for the person who asks what is held of them."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from service.config import Settings
from service.inspect.owners import Owners
from service.inspect.person import _refused_of
from tests.unit.test_mapping import ORDER, SHOP

DEBEZIUM = {**SHOP, "envelope": "debezium", "only": {"state": ["paid"]}}


def owners(said: dict[str, Any] | None = None) -> Owners:
    return Owners(Settings(inputs={} if said is None else {"purchases": said}))


def test_of_ours_the_key_says_it() -> None:
    assert owners().of("purchases", b"anna", b"{}", ()) == "anna"
    assert owners().of("purchases", None, b'{"customer_id": "anna"}', ()) is None
    assert owners(SHOP).of("surveys", b"anna", b"{}", ()) == "anna"


@pytest.mark.parametrize(
    ("value", "whose"),
    [
        ({"op": "c", "after": {**ORDER, "state": "paid"}}, "c-1"),
        ({"op": "c", "after": {**ORDER, "state": "open", "total": "much"}}, "c-1"),
        ({"op": "d", "before": ORDER, "after": None}, "c-1"),
        ({"op": "c", "after": {**ORDER, "buyer": None}}, None),
        ({"status": "BEGIN", "ts_ms": 1}, None),
        ("nothing", None),
    ],
)
def test_of_events_that_are_keyed_otherwise_the_event_does_taken_or_not(value: object, whose: str | None) -> None:
    assert owners(DEBEZIUM).of("purchases", b"4711", json.dumps(value).encode(), ()) == whose
    assert owners(DEBEZIUM).of("purchases", b"c-1", None, ()) is None


def test_a_dead_letter_is_of_whom_the_record_in_it_names() -> None:
    refused = json.dumps({"op": "c", "after": {**ORDER, "total": "much"}}).encode()
    letter = {
        "source_topic": "purchases",
        "key_base64": base64.b64encode(b"4711").decode(),
        "value_base64": base64.b64encode(refused).decode(),
        "headers": [{"name": "h", "value_base64": None}],
    }

    assert _refused_of(json.dumps(letter).encode(), {"c-1"}, owners(DEBEZIUM))
    assert not _refused_of(json.dumps(letter).encode(), {"c-2"}, owners(DEBEZIUM))
