"""What a purchase costs that is not of our own form: the café's, mapped from JSON, and from Avro with a registry.

The full job, by an installed worker, in processor time; each form takes turns with our own. What decoding alone costs
is told beside it.
"""

from __future__ import annotations

import asyncio
import json
import os
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from io import BytesIO
from typing import Any

import fastavro
import pytest

from service.config import Settings
from service.wire.avro import avro_reading
from service.wire.decoder import Decoder, DecoderSettings
from tests.benchmarks.backlog import Backlog, cafe_purchases
from tests.benchmarks.figures import Figures
from tests.benchmarks.sides import settings_for
from tests.benchmarks.worker_side import Run, delete_topics, run_worker
from tests.support.broker import TestBroker
from tests.support.installed import COMPILED, Build
from tests.support.schema_registry import SchemaRegistry, framed

RECORDS = int(os.environ.get("BENCHMARK_RECORDS", "600000"))
ENOUGH = 600_000
"""Purchases from which on the bar holds: the start weighs less, the more come after it."""
PAIRS = int(os.environ.get("BENCHMARK_PAIRS", "3"))
PARTITIONS = 4
DECODED = 50_000
SCHEMA_ID = 7
FIELDS = {
    "event_id": "id",
    "customer_id": "customer.number",
    "occurred_at": "created",
    "amount": "total",
    "kind": "what",
}
SCHEMA: dict[str, Any] = {
    "type": "record",
    "name": "Order",
    "fields": [
        {"name": "id", "type": "string"},
        {"name": "customer", "type": {"type": "record", "name": "Customer", "fields": [{"name": "number", "type": "string"}]}},
        {"name": "created", "type": {"type": "long", "logicalType": "timestamp-micros"}},
        {"name": "total", "type": "string"},
        {"name": "what", "type": "string"},
        {"name": "state", "type": {"type": "enum", "name": "State", "symbols": ["open", "paid"]}},
    ],
}  # fmt: skip
_PARSED = fastavro.parse_schema(SCHEMA)

pytestmark = [pytest.mark.benchmark, pytest.mark.broker, pytest.mark.timeout(1800)]


@dataclass(frozen=True)
class Form:
    name: str
    inputs: dict[str, Any]
    translate: Callable[[dict[str, Any]], bytes]
    least: float
    """Of our own form's speed."""


def order_of(event: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": event["event_id"],
        "customer": {"number": event["customer_id"]},
        "created": event["occurred_at"],
        "total": event["amount"],
        "what": event["kind"],
        "state": "paid",
    }


def as_avro(event: dict[str, Any]) -> bytes:
    out = BytesIO()
    order = order_of(event)
    fastavro.schemaless_writer(out, _PARSED, {**order, "created": datetime.fromisoformat(order["created"])})
    return framed(SCHEMA_ID, out.getvalue())


def as_json(event: dict[str, Any]) -> bytes:
    return json.dumps(order_of(event), separators=(",", ":")).encode()


MAPPING = {"fields": FIELDS, "only": {"state": ["paid"]}}
OURS = Form("our own JSON", {}, lambda event: json.dumps(event, separators=(",", ":")).encode(), 1.0)
FORMS = (
    Form("mapped JSON", MAPPING, as_json, 0.7),
    Form("Avro with a registry", {**MAPPING, "format": "avro"}, as_avro, 0.5),
)


class Translated(Backlog):
    """The same purchases in another form."""

    def __init__(self, of: Backlog, form: Form) -> None:
        self._of, self._form = of, form
        self.records, self.value_bytes, self.customers = of.records, of.value_bytes, of.customers

    def lines(self) -> Iterator[tuple[bytes, bytes]]:
        for key, value in self._of.lines():
            yield key, self._form.translate(json.loads(value))


@pytest.fixture(scope="module")
def backlog(tmp_path_factory: pytest.TempPathFactory) -> Backlog:
    return Backlog(tmp_path_factory.mktemp("forms") / "café", cafe_purchases(RECORDS))


def decoding_us(form: Form, backlog: Backlog) -> float:
    """Processor time of decoding a record, in this process; the best of three."""
    registry = {"url": "http://nobody.example"}
    decoder = Decoder(DecoderSettings.of(Settings(inputs={"purchases": form.inputs}, registry=registry)))
    decoder.schemas.put(SCHEMA_ID, avro_reading(json.dumps(SCHEMA)), 0.0)
    lines = [
        (key, form.translate(json.loads(value)))
        for (key, value), _ in zip(backlog.lines(), range(DECODED), strict=False)
    ]
    now_us, best, decode = time.time_ns() // 1000, float("inf"), decoder.of_purchases
    for _ in range(3):
        began = time.process_time()
        for key, value in lines:
            decode(value, key, (), now_us)
        best = min(best, time.process_time() - began)
    return 1e6 * best / len(lines)


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.name)
def test_another_form_costs_not_much_more(
    form: Form, backlog: Backlog, build: Build, broker: TestBroker, figures: Figures
) -> None:
    def measured(which: Form, url: str) -> Run:
        base = settings_for(broker.bootstrap_servers, f"t{uuid.uuid4().hex[:10]}-")
        settings = base.changed(registry={"url": url}, inputs={"purchases": which.inputs})
        run = asyncio.run(run_worker(build, settings, Translated(backlog, which), PARTITIONS))
        delete_topics(settings)
        return run

    with SchemaRegistry() as registry:
        registry.register(SCHEMA_ID, json.dumps(SCHEMA))
        pairs = [(measured(OURS, registry.url), measured(form, registry.url)) for _ in range(PAIRS)]
    ours, theirs = (min(run.cpu_us for run in runs) for runs in zip(*pairs, strict=True))
    alone = [decoding_us(each, backlog) for each in (OURS, form)]

    figures.tell(
        "forms",
        f"{form.name}: {theirs:.1f} µs CPU/event, our own JSON {ours:.1f}: {ours / theirs:.2f} times as fast (at least "
        f"{form.least:g}); decoding alone {alone[1]:.1f} and {alone[0]:.1f} µs",
    )
    if build.engine != COMPILED or backlog.records < ENOUGH:
        pytest.skip(f"the bar is that of {ENOUGH:,} purchases with the compiled engine")
    assert ours / theirs >= form.least


def test_forms_are_the_same_purchases(backlog: Backlog) -> None:
    """What is measured is the same work."""
    key, value = next(backlog.lines())
    now_us, event = time.time_ns() // 1000, json.loads(value)
    registry = {"url": "http://nobody.example"}
    found = []
    for form in (OURS, *FORMS):
        decoder = Decoder(DecoderSettings.of(Settings(inputs={"purchases": form.inputs}, registry=registry)))
        decoder.schemas.put(SCHEMA_ID, avro_reading(json.dumps(SCHEMA)), 0.0)
        found.append(decoder.of_purchases(form.translate(event), key, (), now_us))

    assert found[0] == found[1] == found[2]
