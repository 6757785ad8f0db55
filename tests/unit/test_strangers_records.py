"""Whatever somebody else writes to the topics that we write ends no reader of them: not the worker that goes on from
what it has told, no deliverer, no page."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from types import SimpleNamespace
from typing import Any, Final

import pytest

from service.config import Settings
from service.delivery.companions import Companion
from service.delivery.memory import Memory
from service.delivery.requests import UnreadableError, read_request
from service.delivery.score_desk import event_of
from service.inspect.owners import Owners
from service.inspect.person import _refused_of, _shown, _told_of
from service.streaming.membership import Member
from service.streaming.period_totals import Publisher, ShopTotals
from service.streaming.shop_notices import ShopNotices
from service.web.expected_values import ExpectedValues
from service.web.people.roll import Roll
from service.web.recent import RecentDecisions

STRANGE: Final = {
    "nothing": b"",
    "another word": b"hello",
    "no text": b"\xff\xfe\x00",
    "no text within": b'{"data":{"customer_id":"\xe9","state":"\xe9"},"type":"outreach.requested"}',
    "nested beyond measure": b'{"data":' + b"[" * 200_000,
    "a number": b"1",
    "a list": b"[]",
    "null": b"null",
    "no data": b"{}",
    "data of another kind": b'{"data":"x"}',
    "a list of data": b'{"data":[]}',
    "no fields": b'{"data":{}}',
    "fields of other kinds": json.dumps(
        {
            "id": 1,
            "type": "outreach.requested",
            "key_base64": 7,
            "headers": 1,
            "data": {name: [1] for name in ("customer_id", "state", "at", "revision", "notice_id", "limit", "segment")},
        }
    ).encode(),
}
KEY: Final = b"\xff"


def _requests(value: bytes) -> None:
    with suppress(UnreadableError):
        read_request(value)


def _scores_to_post(value: bytes) -> None:
    with suppress(ValueError):
        event_of(0, 0, KEY, value, 0)


def _published(value: bytes, settings: Settings) -> None:
    record: Any = SimpleNamespace(key=KEY, value=value)
    Publisher(settings, ShopTotals(settings))._know([record])
    ShopNotices(settings).know([record])


def _person(value: bytes, settings: Settings) -> None:
    record = SimpleNamespace(value=value, timestamp=0, partition=0, offset=0)
    assert _shown(record)["offset"] == 0
    assert not _told_of(value, {"anna"})
    assert not _refused_of(value, {"anna"}, Owners(settings))


READERS: Final[dict[str, Callable[[bytes, Settings], object]]] = {
    "decisions": lambda value, settings: RecentDecisions(settings.kafka).take(value),
    "scores": lambda value, _: Roll(wall_clock=False).take_scores(KEY, value),
    "decisions of one": lambda value, _: Roll(wall_clock=False).take_decision(0, 0, value),
    "expected values": lambda value, settings: ExpectedValues(settings.kafka, 2).take(KEY, value),
    "deliveries": lambda value, _: Memory("smtp", 0).take(KEY, value),
    "requests": lambda value, _: _requests(value),
    "scores to post": lambda value, _: _scores_to_post(value),
    "numbers and notices": _published,
    "all of one person": _person,
    "another member": lambda value, _: Companion.told_by(Member("c", "h", None, told=value.decode(errors="replace"))),
}


@pytest.fixture(scope="module")
def settings() -> Settings:
    return Settings()


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("value", STRANGE)
def test_a_stranger_s_record_ends_no_reader(
    reader: str, value: str, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.streaming.period_totals.TransactionalProducer", lambda *_: None)

    READERS[reader](STRANGE[value], settings)
