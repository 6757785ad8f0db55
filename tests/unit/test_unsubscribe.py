"""The page that the link of a message leads to, and what the delivery process says of itself."""

from __future__ import annotations

import httpx
import pytest
from aiokafka.errors import KafkaTimeoutError
from fastapi import FastAPI
from pydantic import SecretStr

from service.commands.serving_page import add_unsubscribing
from service.config import Settings
from service.delivery.customers import CustomersWriter
from service.delivery.links import Links
from service.delivery.metrics import DeliveryMetrics
from service.delivery.web import create_delivery_app
from service.web.responses import secure
from tests.support.promtool import complaints

LINKS = Links("https://anna.example", SecretStr("a secret of the tests"))


class Record:
    """What was withdrawn; `away`: the broker does not answer."""

    def __init__(self) -> None:
        self.withdrawn: list[str] = []
        self.away = False

    async def withdraw(self, customer_id: str) -> None:
        if self.away:
            raise KafkaTimeoutError
        self.withdrawn.append(customer_id)


@pytest.fixture
def record() -> Record:
    return Record()


@pytest.fixture
def app(record: Record) -> FastAPI:
    return create_delivery_app(DeliveryMetrics("smtp"), list, LINKS, record.withdraw)


def browser(app: FastAPI) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="https://anna.example")


async def test_opening_the_link_asks_and_changes_nothing(app: FastAPI, record: Record) -> None:
    async with browser(app) as client:
        answer = await client.get(LINKS.url("c1", "en"))

    assert answer.status_code == 200
    assert '<form method="post">' in answer.text
    assert "form-action 'self'" in answer.headers["Content-Security-Policy"]
    assert answer.headers["Cache-Control"] == "no-store"
    assert record.withdrawn == []


@pytest.mark.parametrize(
    "body",
    [
        {"data": {"List-Unsubscribe": "One-Click"}},
        {"files": {"List-Unsubscribe": (None, "One-Click")}},
        {},
    ],
    ids=["one-click", "one-click, multipart", "the button of the page"],
)
async def test_posting_does_it_at_once(app: FastAPI, record: Record, body: dict[str, object]) -> None:
    async with browser(app) as client:
        answer = await client.post(LINKS.url("c1", None), **body)  # type: ignore[arg-type]

    assert answer.status_code == 200
    assert record.withdrawn == ["c1"]
    assert "churn_alert_deliver_unsubscribes_total 1.0" in (await _metrics(app))


@pytest.mark.parametrize("token", ["", "nonsense", LINKS.token("c1")[:-1], LINKS.token("c1") + "A", "x" * 1_900])
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_forged_link_changes_nothing(app: FastAPI, record: Record, token: str, method: str) -> None:
    async with browser(app) as client:
        answer = await client.request(method, "/unsubscribe", params={"t": token})

    assert answer.status_code == 404
    assert "form" not in answer.text.lower().replace("information", "")
    assert record.withdrawn == []


async def test_it_is_done_only_when_it_is_on_record(app: FastAPI, record: Record) -> None:
    record.away = True
    async with browser(app) as client:
        answer = await client.post(LINKS.url("c1", "en"))

    assert answer.status_code == 503
    assert "try again" in answer.text
    assert "Traceback" not in answer.text
    assert "churn_alert_deliver_unsubscribes_total 0.0" in (await _metrics(app))


async def test_the_link_of_a_sample_shows_the_page_and_changes_nothing(app: FastAPI, record: Record) -> None:
    url = LINKS.url("c1", "en", sample=True)
    async with browser(app) as client:
        assert (await client.get(url)).status_code == 200
        answer = await client.post(url)

    assert answer.status_code == 200
    assert "test message" in answer.text
    assert record.withdrawn == []


@pytest.mark.parametrize(
    ("locale", "accepted", "language"),
    [
        ("fr-CA", "en", "fr"),
        (None, "fr-FR,fr;q=0.9,en;q=0.8", "fr"),
        ("de", "fr", "fr"),
        (None, None, "en"),
        ("en", "fr", "en"),
    ],
)
async def test_the_language_is_that_of_the_mail_or_else_the_browsers(
    app: FastAPI, locale: str | None, accepted: str | None, language: str
) -> None:
    headers = {} if accepted is None else {"Accept-Language": accepted}
    async with browser(app) as client:
        answer = await client.get(LINKS.url("c1", locale), headers=headers)

    assert answer.headers["Content-Language"] == language
    assert f'<html lang="{language}">' in answer.text
    assert ("Ne plus m’écrire" in answer.text) == (language == "fr")


async def test_a_process_whose_messages_hold_no_link_has_no_such_page(record: Record) -> None:
    async with browser(create_delivery_app(DeliveryMetrics("webhook"), list, None, record.withdraw)) as client:
        assert (await client.post(LINKS.url("c1", None))).status_code == 404
    assert record.withdrawn == []


@pytest.mark.parametrize("secret", [None, "a secret of the tests"])
async def test_the_workers_page_takes_the_link_where_it_knows_the_secret(secret: str | None) -> None:
    app = FastAPI()
    app.middleware("http")(secure)
    settings = Settings.model_validate({"deliver": {"unsubscribe_secret": secret}})
    add_unsubscribing(app, settings, CustomersWriter(settings))

    async with browser(app) as client:
        asked = await client.get(LINKS.url("c1", "en"))
        forged = await client.post("/unsubscribe?t=forged")

    assert asked.status_code == (404 if secret is None else 200)
    assert forged.status_code == 404
    assert secret is None or "form-action 'self'" in asked.headers["Content-Security-Policy"]


async def test_it_is_ready_when_nothing_is_missing(record: Record) -> None:
    missing = ["the mail server does not answer"]
    app = create_delivery_app(DeliveryMetrics("smtp"), lambda: missing, LINKS, record.withdraw)
    async with browser(app) as client:
        not_yet = await client.get("/readyz")
        missing.clear()
        now = await client.get("/readyz")
        alive = await client.get("/healthz")

    assert (not_yet.status_code, not_yet.json()["missing"]) == (503, ["the mail server does not answer"])
    assert (now.status_code, alive.status_code) == (200, 200)


async def test_its_metrics_are_as_prometheus_wants_them(app: FastAPI) -> None:
    page = await _metrics(app)

    assert complaints(page) == ""


async def _metrics(app: FastAPI) -> str:
    async with browser(app) as client:
        return (await client.get("/metrics")).text
