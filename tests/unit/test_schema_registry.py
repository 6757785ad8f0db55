"""The registry's client against a server that speaks its interface: what is known, what is unknown, and what means that
nobody knows yet."""

from __future__ import annotations

import asyncio
import json
import ssl
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme

from service.config import RegistrySettings, Settings
from service.errors import ConfigurationError, ErrorCode, FatalError, PoisonError
from service.registry.client import RegistryAwayError, RegistryClient, SchemaUnknownError
from service.registry.learning import Learning, learn
from service.wire.decoder import Decoder, DecoderSettings
from service.wire.schemas import UNKNOWN_FOR_S, Schemas
from tests.support.schema_registry import SchemaRegistry, framed
from tests.unit.test_avro import NOW_US, ORDER, ORDER_SCHEMA, SHOP, written
from tests.unit.test_protobuf import PROTO, order

LINE = {"type": "record", "name": "Line", "namespace": "shop", "fields": [{"name": "sku", "type": "string"}]}
BASKET = {"type": "record", "name": "Basket", "namespace": "shop", "fields": [{"name": "line", "type": "shop.Line"}]}
CART = {
    "type": "record",
    "name": "Cart",
    "fields": [{"name": "b", "type": "shop.Basket"}, {"name": "l", "type": "shop.Line"}],
}


@pytest.fixture
def registry() -> Iterator[SchemaRegistry]:
    with SchemaRegistry() as served:
        served.register(7, json.dumps(ORDER_SCHEMA))
        yield served


def asked(settings: RegistrySettings, schema_id: int = 7) -> Any:
    async def ask() -> Any:
        client = RegistryClient(settings)
        try:
            return await client.schema(schema_id)
        finally:
            await client.close()

    return asyncio.run(ask())


def settings_of(registry: SchemaRegistry, **more: Any) -> RegistrySettings:
    return RegistrySettings(url=registry.url, **{"timeout_s": 5.0, **more})


def test_a_schema_is_fetched_by_its_id(registry: SchemaRegistry) -> None:
    found = asked(settings_of(registry))

    assert (found.kind, json.loads(found.text), found.references) == ("AVRO", ORDER_SCHEMA, {})
    assert registry.asked == ["/schemas/ids/7"]


def test_what_it_refers_to_comes_first_and_once(registry: SchemaRegistry) -> None:
    registry.subject("shop/line", 3, json.dumps(LINE))
    registry.subject("basket", 1, json.dumps(BASKET), [("shop.Line", "shop/line", 3)])
    registry.register(8, json.dumps(CART), references=[("shop.Basket", "basket", 1), ("shop.Line", "shop/line", 3)])
    schemas = Schemas()

    async def ask() -> None:
        client = RegistryClient(settings_of(registry))
        await learn(client, schemas, 8)
        await client.close()

    asyncio.run(ask())
    row: Any = schemas.read(framed(8, b"\x02a\x02b"))
    assert (row.get("b"), row.get("l")) == ({"line": {"sku": "a"}}, {"sku": "b"})
    assert registry.asked == ["/schemas/ids/8", "/subjects/basket/versions/1", "/subjects/shop%2Fline/versions/3"]


def test_an_id_is_unknown_where_the_registry_says_so(registry: SchemaRegistry) -> None:
    with pytest.raises(SchemaUnknownError):
        asked(settings_of(registry), 9)
    registry.register(8, json.dumps(CART), references=[("shop.Basket", "away", 1)])
    with pytest.raises(SchemaUnknownError, match=r"shop\.Basket"):
        asked(settings_of(registry), 8)


@pytest.mark.parametrize(
    ("mode", "words"),
    [
        ("broken", "answers 500"),
        ("foreign", r"answers 404.*registry\.url"),
        ("odd", r"not answer as a schema registry does.*registry\.url"),
        ("moved", "answers 302"),
    ],
)
def test_anything_else_means_that_nobody_knows_yet(registry: SchemaRegistry, mode: str, words: str) -> None:
    registry.mode = mode
    with pytest.raises(RegistryAwayError, match=words):
        asked(settings_of(registry))


def test_one_that_hangs_is_given_up(registry: SchemaRegistry) -> None:
    registry.mode = "hangs"
    with pytest.raises(RegistryAwayError, match="no answer in time"):
        asked(settings_of(registry, timeout_s=0.2))


def test_the_next_address_is_tried(registry: SchemaRegistry) -> None:
    both = RegistrySettings(url=f"http://127.0.0.1:1, {registry.url}/")
    assert asked(both).kind == "AVRO"


@pytest.mark.parametrize(("password", "right"), [("sésame:1", True), ("other", False)])
def test_the_login(tmp_path: Path, password: str, right: bool) -> None:
    file = tmp_path / "password"
    file.write_text(f"{password}\n", encoding="utf-8")
    with SchemaRegistry(login=("anna", "sésame:1")) as served:
        served.register(7, json.dumps(ORDER_SCHEMA))
        settings = settings_of(served, username="anna", password_file=file, allow_plaintext_credentials=True)
        if right:
            assert asked(settings).kind == "AVRO"
        else:
            with pytest.raises(RegistryAwayError, match=r"401: look at registry\.username"):
                asked(settings)


def test_a_token(registry: SchemaRegistry) -> None:
    registry.bearer = "a-token-of-sixteen"
    assert asked(settings_of(registry, token=registry.bearer, allow_plaintext_credentials=True)).kind == "AVRO"


def test_an_authority_of_ones_own(tmp_path: Path) -> None:
    authority = trustme.CA()
    trusted, other = tmp_path / "ca.pem", tmp_path / "other.pem"
    authority.cert_pem.write_to_path(str(trusted))
    trustme.CA().cert_pem.write_to_path(str(other))
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(tls)
    with SchemaRegistry(tls=tls) as served:
        served.register(7, json.dumps(ORDER_SCHEMA))
        assert asked(settings_of(served, ca_file=trusted)).kind == "AVRO"
        with pytest.raises(RegistryAwayError, match="cannot be reached"):
            asked(settings_of(served, ca_file=other))
        with pytest.raises(ConfigurationError, match=r"registry\.ca_file"):
            RegistryClient(settings_of(served, ca_file=tmp_path / "away.pem"))


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"url": "registry:8081"}, "no web address"),
        ({"url": "http://r:8081", "username": "u", "password": "p"}, "without TLS"),
        ({"url": "https://r", "username": "u"}, "belong together"),
        ({"url": "https://r", "username": "u", "password": "p", "token": "t" * 16}, "two ways"),
        ({"url": "https://r", "key_file": "k.pem"}, "cert_file"),
    ],
)
def test_settings_that_cannot_be(said: dict[str, str], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        RegistrySettings(**said)


# ---- what is known


def test_what_is_missing_is_asked_for_once_and_what_is_unknown_again_later() -> None:
    schemas, values = Schemas(), [framed(7, b"x"), None, b"{}", b"\0\0", framed(8, b""), framed(7, b"y")]
    assert schemas.missing(values, 0.0) == {7, 8}

    schemas.put(7, lambda content: {"is": content}, 0.0)
    schemas.put_unknown(8, "away", 0.0)
    assert schemas.missing(values, 1.0) == set()
    assert schemas.missing(values, UNKNOWN_FOR_S + 1.0) == {8}
    schemas.put(8, lambda content: {"is": content}, 1.0)
    assert schemas.read(values[4] or b"").get("is") == b""


def test_a_record_of_an_unknown_schema_is_refused_and_one_that_was_not_looked_up_never_read() -> None:
    schemas = Schemas()
    with pytest.raises(FatalError, match="before the schema was there"):
        schemas.read(framed(7, b"x"))
    schemas.put_unknown(7, "the registry does not know it", 0.0)
    with pytest.raises(PoisonError, match="schema 7: the registry does not know it") as refused:
        schemas.read(framed(7, b"x"))
    assert refused.value.code is ErrorCode.UNKNOWN_SCHEMA
    for unframed in (b"{}", b"\0\0\0"):
        with pytest.raises(PoisonError) as refused:
            schemas.read(unframed)
        assert refused.value.code is ErrorCode.NOT_OF_SCHEMA


def test_more_unknown_ids_than_are_remembered_end_nothing() -> None:
    schemas = Schemas()
    for number in range(10_050):
        schemas.put_unknown(number, "away", 0.0)
    with pytest.raises(PoisonError, match="unknown_schema"):
        schemas.read(framed(3, b"x"))


@pytest.mark.parametrize(("kind", "schema"), [("AVRO", "{"), ("PROTOBUF", "message {"), ("YAML", "a: b")])
def test_a_schema_that_cannot_be_read_is_an_unknown_one(registry: SchemaRegistry, kind: str, schema: str) -> None:
    registry.register(5, schema, kind)
    schemas = Schemas()

    async def ask() -> None:
        client = RegistryClient(settings_of(registry))
        await learn(client, schemas, 5)
        await client.close()

    asyncio.run(ask())
    with pytest.raises(PoisonError, match="unknown_schema"):
        schemas.read(framed(5, b"x"))


def test_records_of_three_kinds_are_read_by_what_the_registry_says(registry: SchemaRegistry) -> None:
    registry.register(8, PROTO, "PROTOBUF")
    registry.register(9, json.dumps({"type": "object"}), "JSON")
    settings = Settings(inputs={"purchases": {**SHOP, "lines": {"sku": "sku"}}}, registry={"url": registry.url})
    decoder = Decoder(DecoderSettings.of(settings))
    as_json = {
        "id": 4711,
        "buyer": {"key": "c-1"},
        "made": "2026-03-01T08:30:00Z",
        "total": "12.50",
        "state": "paid",
        "lines": [{"sku": "latte"}],
    }
    values = [
        framed(7, written(ORDER_SCHEMA, ORDER)),
        framed(9, json.dumps(as_json).encode()),
        framed(8, b"\x04\x02\x00" + order().SerializeToString()),
    ]

    async def ask() -> None:
        client = RegistryClient(settings.registry)
        for schema_id in decoder.schemas.missing(values, time.monotonic()):
            await learn(client, decoder.schemas, schema_id)
        await client.close()

    asyncio.run(ask())
    avro, plain = (decoder.of_purchases(value, b"k", (), NOW_US) for value in values[:2])
    assert avro == plain
    assert "4711" in decoder.shown("purchases", values[2])
    with pytest.raises(PoisonError):  # this one has its customer elsewhere
        decoder.of_purchases(values[2], b"k", (), NOW_US)


async def until(holds: Callable[[], bool]) -> None:
    for _ in range(2_000):
        if holds():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it has not come about")


async def test_who_waits_is_woken_and_told_why_meanwhile(registry: SchemaRegistry) -> None:
    schemas, woken = Schemas(), asyncio.Event()
    registry.mode = "broken"
    learning = Learning(RegistryClient(settings_of(registry)), schemas, woken.set)

    learning.ask({7})
    async with asyncio.timeout(20):
        await until(lambda: bool(learning.waits))
        assert "answers 500" in learning.waits
        assert not woken.is_set()
        registry.mode = "well"
        await woken.wait()
        await until(lambda: not learning.waits)
    assert schemas.missing([framed(7, b"x")], time.monotonic()) == set()
    await learning.close()


async def test_waiting_ends_when_it_is_told_to(registry: SchemaRegistry) -> None:
    registry.mode = "hangs"
    learning = Learning(RegistryClient(settings_of(registry)), Schemas(), lambda: None)
    learning.ask({7})
    async with asyncio.timeout(20):
        await until(lambda: bool(registry.asked))
        await learning.close()


async def test_a_mistake_while_learning_ends_the_process_and_is_not_made_again(monkeypatch: pytest.MonkeyPatch) -> None:
    async def mistaken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("service.registry.learning.learn", mistaken)
    learning = Learning(RegistryClient(RegistrySettings(url="http://127.0.0.1:1")), Schemas(), lambda: None)
    learning.ask({7})
    assert learning._task is not None
    await asyncio.wait([learning._task])

    with pytest.raises(ZeroDivisionError):
        learning.ask({7})
