"""The examples do what they say: what the producer sends is taken, signatures are checked, Connect knows each key."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx
import pytest

from schemas import inputs, outputs
from service.config import WebhookSettings
from service.config.loading import load_settings
from service.delivery.channel import Result
from service.delivery.webhook import WebhookTarget
from tests.unit.test_webhook_delivery import EVENT, SECRET

EXAMPLES = Path(__file__).parents[2] / "examples"

OF_CONNECT = {
    "connector.class", "tasks.max", "topics", "key.converter", "value.converter", "transforms", "predicates",
    "consumer.override.isolation.level",
    # transforms and predicates that ship with Kafka, under the names that a file gives them
    "transforms.known.type", "transforms.known.predicate", "predicates.tombstone.type", "transforms.column.type", "transforms.column.field",
}  # fmt: skip
OF_HTTP = {
    "http.url", "http.authorization.type", "http.headers.authorization", "http.headers.content.type", "http.headers.additional",
    "oauth2.access.token.url", "oauth2.client.id", "oauth2.client.secret", "oauth2.client.authorization.mode", "oauth2.client.scope",
    "oauth2.response.token.property", "batching.enabled", "batch.max.size", "batch.prefix", "batch.suffix", "batch.separator",
    "kafka.retry.backoff.ms", "max.retries", "retry.backoff.ms", "http.timeout",
}  # fmt: skip
"""docs/sink-connector-config-options.rst of Aiven-Open/http-connector-for-apache-kafka."""
OF_JDBC = {
    "connection.url", "connection.user", "connection.password", "dialect.name", "insert.mode", "batch.size", "table.name.format",
    "pk.mode", "pk.fields", "fields.whitelist", "auto.create", "auto.evolve", "max.retries", "retry.backoff.ms",
}  # fmt: skip
"""docs/sink-connector.md of Aiven-Open/jdbc-connector-for-apache-kafka."""
CONFIGURATIONS = sorted((EXAMPLES / "connect").glob("*.json"))


async def posted_to(target: WebhookTarget) -> Result:
    attempt = await target.post(EVENT)
    await target.close()
    return attempt.result


def module(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


def test_what_the_producer_sends_is_what_the_schemas_ask_for() -> None:
    producer = module("producer")

    inputs.Purchase.model_validate_json(json.dumps(producer.purchase("c-1", "1", "3.80")))
    inputs.SurveyAnswer.model_validate_json(json.dumps(producer.answer("c-1", "1", 9)))
    said = inputs.CustomerEvent.model_validate_json(json.dumps(producer.profile("c-1", 1)))
    assert said.contact is not None
    assert said.marketing_consent is True


def test_the_receiver_takes_what_is_signed_and_nothing_else(tmp_path: Path) -> None:
    command = (sys.executable, str(EXAMPLES / "verify_webhook.py"), "0")
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={"WEBHOOK_SECRET": SECRET}) as receiver:
        try:
            assert receiver.stdout is not None
            url = f"http://127.0.0.1:{receiver.stdout.readline().split()[-1]}/"
            wrong = "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
            results = []
            for secret in (SECRET, f"{wrong} {SECRET}", wrong):
                target = WebhookTarget(WebhookSettings(url=url, secret=secret, allow_http=True, allow_private=True))
                results.append(asyncio.run(posted_to(target)))
            unsigned = httpx.post(url, json=EVENT).status_code
        finally:
            receiver.terminate()
        printed = receiver.stdout.read()

    assert results == [Result.DELIVERED, Result.DELIVERED, Result.FAILED]
    assert unsigned == 401
    assert printed == "outreach.requested c1\n", "the second one has the same id"


def test_what_the_readme_exports_is_a_target_on_ones_own_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    text = (EXAMPLES / "README.md").read_text(encoding="utf-8")
    said = dict(re.findall(r"\b((?:CHURN_ALERT|WEBHOOK)_[A-Z_]+)=(\S+)", text))
    for name, value in said.items():
        monkeypatch.setenv(name, value.replace("$WEBHOOK_SECRET", said["WEBHOOK_SECRET"]))

    webhook = load_settings(None).deliver.webhook
    WebhookTarget(webhook)

    assert len(said) == 5
    assert webhook.url == "http://127.0.0.1:8097/"
    assert "verify_webhook.py 8097" in text


def test_the_consumer_is_as_short_as_it_says() -> None:
    code = (EXAMPLES / "crm_consumer.py").read_text(encoding="utf-8").split('"""')[2]

    assert len([line for line in code.splitlines() if line.strip()]) <= 30


@pytest.mark.parametrize("path", CONFIGURATIONS, ids=lambda path: path.stem)
def test_every_key_of_a_connector_is_documented_and_nothing_that_is_taken_back_is_read(path: Path) -> None:
    whole: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    config = whole["config"]
    known = OF_HTTP if config["connector.class"] == "io.aiven.kafka.connect.http.HttpSinkConnector" else OF_JDBC

    assert set(whole) == {"name", "config"}
    assert all(isinstance(value, str) for value in config.values())
    assert set(config) <= OF_CONNECT | known
    assert config["consumer.override.isolation.level"] == "read_committed"
    assert config["topics"] in {"outreach", "customer-scores"}
    assert path.stem.startswith(config["topics"])
    for name in config.get("transforms", "").split(","):
        assert not name or f"transforms.{name}.type" in config


def test_there_is_a_connector_for_each_topic_and_way() -> None:
    assert {path.stem for path in CONFIGURATIONS} == {
        f"{topic}-{way}" for topic in ("outreach", "customer-scores") for way in ("http", "jdbc")
    }


def test_views_and_tables_of_fields_name_only_what_the_events_have() -> None:
    fields = {
        *outputs.CustomerScores.model_fields,
        *outputs.OutreachRequested.model_fields,
        *outputs.OutreachCancelled.model_fields,
    }
    views = (EXAMPLES / "connect" / "views.sql").read_text(encoding="utf-8")
    rows = [
        line.split("|")[1]
        for line in (EXAMPLES / "crm_fields.md").read_text(encoding="utf-8").splitlines()
        if line.startswith("| `")
    ]
    told = {name.partition(".")[0] for row in rows for name in re.findall(r"`([a-z_.]+)`", row)}

    assert len(rows) > 10
    assert told - fields == set()
    assert set(re.findall(r"'data' ->>? '([a-z_]+)'", views)) - fields == set()
