"""The webhook door: what each shop system's posts become, and what each post is answered."""

from __future__ import annotations

import asyncio
import base64
import gzip
import hmac
import json
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import httpx
import pytest
from aiokafka.errors import KafkaTimeoutError
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from service.config import IngestSettings, Settings, SourceSettings
from service.errors import ConfigurationError, PassedOverError, PoisonError
from service.ingest.door import Door, create_ingest_app
from service.ingest.metrics import IngestMetrics, Outcome
from service.ingest.process import Ingest, check, limits_of
from service.ingest.shops import READERS
from service.ingest.writing import EventWriter, Ready
from service.web.access import Access
from service.web.protection import Protection
from service.wire.decoder import Decoder, DecoderSettings

Object = dict[str, Any]
SECRET, TOKEN = "hush", "a-token-of-sixteen"
NOW_S = 1_780_000_000.0
SHOPIFY: Object = {
    "id": 820982911946154508,
    "name": "#1001",
    "email": "Jon@Example.com",
    "created_at": "2026-03-01T09:30:00-05:00",
    "total_price": "409.94",
    "current_total_price": "359.94",
    "currency": "USD",
    "financial_status": "partially_refunded",
    "cancelled_at": None,
    "test": False,
    "source_name": "web",
    "customer": {"id": 115310627314723954, "email": "john@example.com"},
    "line_items": [{"sku": "IPOD-1", "title": "IPod", "quantity": 1, "price": "199.00"}, {"sku": "", "title": "Gift"}],
    "refunds": [
        {
            "id": 509562969,
            "created_at": "2026-03-05T10:00:00-05:00",
            "transactions": [
                {"kind": "refund", "status": "success", "amount": "50.00"},
                {"kind": "refund", "status": "failure", "amount": "9.00"},
            ],
        }
    ],
}
WOO: Object = {
    "id": 727,
    "number": "727",
    "status": "processing",
    "currency": "EUR",
    "date_created": "2026-03-01T09:30:00",
    "date_created_gmt": "2026-03-01T08:30:00",
    "date_modified": "2026-03-01T09:31:05",
    "date_modified_gmt": "2026-03-01T08:31:05",
    "date_paid_gmt": "2026-03-01T08:31:00",
    "total": "29.35",
    "customer_id": 17,
    "billing": {"email": "john.doe@example.com"},
    "line_items": [{"name": "Woo Single", "product_id": 93, "sku": "", "quantity": 2}],
    "refunds": [],
}
SQUARE: Object = {
    "merchant_id": "6SSW7HV8K2ST5",
    "type": "payment.updated",
    "event_id": "6a8f5f28-54a1-4eb0-a98a-3111513fd4fc",
    "created_at": "2026-03-01T08:31:00Z",
    "data": {
        "type": "payment",
        "id": "hYy9pRFVxpDsO1FB05SunFWUe9JZY",
        "object": {
            "payment": {
                "id": "hYy9pRFVxpDsO1FB05SunFWUe9JZY",
                "order_id": "05SunFWUe9JZYhYy9pRFVxpDsO1FB",
                "customer_id": "Q6VKKKGW8GWQNEYMDRMV01QMK8",
                "location_id": "S8GWD5R9QB376",
                "created_at": "2026-03-01T08:30:00.123Z",
                "updated_at": "2026-03-03T08:30:00Z",
                "status": "COMPLETED",
                "total_money": {"amount": 1250, "currency": "USD"},
            }
        },
    },
}
STRIPE: Object = {
    "id": "evt_1",
    "object": "event",
    "type": "charge.succeeded",
    "created": 1772353860,
    "livemode": True,
    "data": {
        "object": {
            "id": "ch_3MmlLr",
            "object": "charge",
            "amount": 1250,
            "amount_refunded": 0,
            "captured": True,
            "created": 1772353800,
            "currency": "eur",
            "customer": "cus_17",
            "livemode": True,
            "status": "succeeded",
        }
    },
}
OURS: Object = {"event_id": "e-1", "customer_id": "c-1", "occurred_at": "2026-03-01T09:30:00+01:00", "amount": "7.90"}
URL = "https://shop.example/churn"
SOURCES: list[Object] = [
    *({"kind": kind, "secret": SECRET} for kind in ("shopify", "woocommerce", "square", "stripe")),
    {"kind": "plain", "token": TOKEN},
    {"kind": "plain", "name": "answers", "token": TOKEN, "topic": "surveys"},
]


def settings_with(*sources: Object, **more: Any) -> Settings:
    return Settings(
        ingest={"sources": list(sources) or SOURCES, "public_url": URL, **more}, shop={"rates": {"USD": "0.92"}}
    )


def events(kind: str, body: Object, headers: dict[str, str] | None = None, **said: Any) -> list[Object]:
    source = {"token": TOKEN} if kind == "plain" else {"secret": SECRET}
    return READERS[kind](SourceSettings(kind=kind, **source, **said), headers or {}, body)


def changed(body: Object, path: str, value: Any) -> Object:
    copy = json.loads(json.dumps(body))
    *above, last = path.split(".")
    inner = copy
    for name in above:
        inner = inner[name]
    inner[last] = value
    return copy  # type: ignore[no-any-return]


def passed_over(kind: str, body: Object, headers: dict[str, str] | None = None) -> str:
    with pytest.raises(PassedOverError) as passed:
        events(kind, body, headers)
    return passed.value.why


# ---- what it becomes


def test_an_order_of_shopify_and_what_was_given_back_of_it() -> None:
    order, refund = events("shopify", SHOPIFY)

    assert order == {
        "event_id": "shopify-order-820982911946154508",
        "customer_id": "john@example.com",
        "occurred_at": "2026-03-01T09:30:00-05:00",
        "amount": "409.94",
        "currency": "USD",
        "order_id": "#1001",
        "items": [{"sku": "IPOD-1", "name": "IPod"}, {"sku": "Gift", "name": "Gift"}],
        "channel": "web",
    }
    assert (refund["event_id"], refund["kind"], refund["amount"], refund["order_id"]) == (
        "shopify-refund-509562969", "refund", "50.00", "#1001",
    )  # fmt: skip
    assert events("shopify", SHOPIFY) == [order, refund], "the same post is the same events"


def test_who_paid_in_a_currency_of_their_own_gets_that_back() -> None:
    sets = {
        "shop_money": {"amount": "409.94", "currency_code": "USD"},
        "presentment_money": {"amount": "375.00", "currency_code": "EUR"},
    }
    back = {"kind": "refund", "status": "success", "amount": "75.00", "currency": "EUR"}
    refunds = [{"id": 7, "transactions": [back]}]
    paid_in_euros = {**SHOPIFY, "current_total_price": "327.95", "total_price_set": sets, "refunds": refunds}

    order, refund = events("shopify", paid_in_euros)

    assert order["amount"] == "409.94"
    assert (refund["amount"], refund["currency"]) == ("81.99", "USD"), "by the order's own rate: 75 of 375"


@pytest.mark.parametrize(
    ("current", "refunds", "amount"),
    [
        ("459.94", [], "459.94"),
        ("309.94", [{"id": 1, "refund_line_items": [{"subtotal": 100.0}], "transactions": []}], "309.94"),
        ("209.94", [{"id": 1, "transactions": [{"kind": "refund", "status": "success", "amount": "100"}]}], "309.94"),
        (None, [], "409.94"),
    ],
)
def test_an_order_of_shopify_that_was_edited_is_what_it_is_now(
    current: str | None, refunds: list[Object], amount: str
) -> None:
    """As files and topics have it: the total stays what it was at first."""
    order, *back = events("shopify", {**SHOPIFY, "current_total_price": current, "refunds": refunds})

    assert order["amount"] == amount
    assert [each["amount"] for each in back] == (["100"] if current == "209.94" else [])


def test_shopify_without_a_purchase() -> None:
    assert passed_over("shopify", changed(SHOPIFY, "test", True)) == "test"
    assert passed_over("shopify", SHOPIFY, {"x-shopify-test": "true"}) == "test"
    for status in ("pending", "voided", "authorized", "expired"):
        assert passed_over("shopify", changed(SHOPIFY, "financial_status", status)) == "not_paid"
    assert passed_over("shopify", {"id": 5, "order_id": 7, "transactions": []}) == "of_no_order"
    nobody = {**SHOPIFY, "customer": None, "email": "", "contact_email": None}
    assert passed_over("shopify", nobody) == "no_customer"


def test_a_cancelled_order_that_was_paid_is_taken_back() -> None:
    bought, back = events(
        "shopify", {**SHOPIFY, "refunds": [], "financial_status": "paid", "cancelled_at": "2026-03-02T00:00:00Z"}
    )
    assert (bought["amount"], back["amount"], back["kind"]) == ("359.94", "359.94", "refund")
    for status in ("cancelled", "failed", "trash"):
        bought, back = events("woocommerce", {**WOO, "status": status})
        assert (bought["amount"], back["amount"], back["kind"], back["occurred_at"]) == (
            "29.35", "29.35", "refund", "2026-03-01T08:31:05Z",
        )  # fmt: skip
        assert passed_over("woocommerce", {**WOO, "status": status, "date_paid_gmt": None}) == "not_paid"


def test_who_the_customer_is_can_be_said() -> None:
    assert events("shopify", SHOPIFY, customer="customer.id")[0]["customer_id"] == "115310627314723954"
    assert events("woocommerce", WOO, customer="billing.email")[0]["customer_id"] == "john.doe@example.com"


def test_an_order_of_woocommerce() -> None:
    (order,) = events("woocommerce", WOO)
    assert order == {
        "event_id": "woocommerce-order-727",
        "customer_id": "17",
        "occurred_at": "2026-03-01T08:30:00Z",
        "amount": "29.35",
        "currency": "EUR",
        "order_id": "727",
        "items": [{"sku": "93", "name": "Woo Single"}],
    }
    _, back = events("woocommerce", changed(WOO, "refunds", [{"id": 73, "total": "-10.00"}]))
    assert (back["event_id"], back["amount"]) == ("woocommerce-refund-73", "10.00")
    assert events("woocommerce", {**WOO, "status": "refunded"})[1]["amount"] == "29.35"


def test_woocommerce_without_a_purchase() -> None:
    for status in ("pending", "checkout-draft"):
        assert passed_over("woocommerce", {**WOO, "status": status}) == "not_paid"
    assert passed_over("woocommerce", {**WOO, "status": "on-hold", "date_paid_gmt": None}) == "not_paid"
    assert passed_over("woocommerce", {**WOO, "customer_id": 0}) == "no_customer"
    assert passed_over("woocommerce", {"id": 727}) == "of_no_order"


def test_a_payment_of_square() -> None:
    (order,) = events("square", SQUARE)
    assert (order["event_id"], order["customer_id"], order["amount"], order["currency"], order["store_id"]) == (
        "square-payment-hYy9pRFVxpDsO1FB05SunFWUe9JZY", "Q6VKKKGW8GWQNEYMDRMV01QMK8", "12.50", "USD", "S8GWD5R9QB376",
    )  # fmt: skip
    back = changed(SQUARE, "data.object.payment.refunded_money", {"amount": 250, "currency": "USD"})
    assert (events("square", back)[1]["amount"], events("square", back)[1]["occurred_at"]) == (
        "2.50",
        "2026-03-03T08:30:00Z",
    )
    for status in ("APPROVED", "PENDING", "CANCELED", "FAILED"):
        assert passed_over("square", changed(SQUARE, "data.object.payment.status", status)) == "not_paid"
    assert (
        passed_over("square", {"type": "refund.updated", "data": {"object": {"refund": {"id": "r"}}}}) == "of_no_order"
    )
    yen = changed(SQUARE, "data.object.payment.total_money", {"amount": 1250, "currency": "JPY"})
    assert events("square", yen)[0]["amount"] == "1250"


def test_a_charge_of_stripe() -> None:
    (order,) = events("stripe", STRIPE)
    assert (order["event_id"], order["customer_id"], order["occurred_at"], order["amount"], order["currency"]) == (
        "stripe-ch_3MmlLr", "cus_17", "2026-03-01T08:30:00+00:00", "12.50", "eur",
    )  # fmt: skip
    assert events("stripe", changed(STRIPE, "data.object.amount_refunded", 250))[1]["amount"] == "2.50"
    assert passed_over("stripe", changed(STRIPE, "data.object.livemode", False)) == "test"
    assert passed_over("stripe", changed(STRIPE, "data.object.status", "failed")) == "not_paid"
    assert passed_over("stripe", changed(STRIPE, "data.object.captured", False)) == "not_paid"
    assert passed_over("stripe", changed(STRIPE, "data.object.object", "payment_intent")) == "of_no_order"


@pytest.mark.parametrize(
    ("currency", "said", "amount"),
    [
        ("HUF", 500_000, "5000.00"), ("COP", 1_250_000, "12500.00"), ("IDR", 1_250_000, "12500.00"), ("LBP", 50_000, "500.00"),
        ("JPY", 500, "500"), ("KWD", 12_340, "12.340"), ("ISK", 50_000, "500.00"), ("UGX", 50_000, "500.00"), ("MGA", 500, "500"),
    ],
)  # fmt: skip
def test_the_smallest_unit_is_what_programs_count_in_and_not_what_is_shown(
    currency: str, said: int, amount: str
) -> None:
    charge = changed(changed(STRIPE, "data.object.amount", said), "data.object.currency", currency.lower())
    assert events("stripe", charge)[0]["amount"] == amount
    payment = changed(SQUARE, "data.object.payment.total_money", {"amount": said, "currency": currency})
    usual = {"ISK": "50000", "UGX": "50000", "MGA": "5.00"}
    assert events("square", payment)[0]["amount"] == usual.get(currency, amount)


@given(
    st.sampled_from(["shopify", "woocommerce", "square", "stripe", "plain"]),
    st.data(),
)
def test_whatever_stands_in_a_body_is_taken_passed_over_or_refused(kind: str, data: st.DataObject) -> None:
    body = {"shopify": SHOPIFY, "woocommerce": WOO, "square": SQUARE, "stripe": STRIPE, "plain": OURS}[kind]
    body = json.loads(json.dumps(body))
    inner = body["data"]["object"] if kind in {"square", "stripe"} else body
    inner = inner["payment"] if kind == "square" else inner
    inside: st.SearchStrategy[Any] = st.integers() | st.text(max_size=3)
    odd: st.SearchStrategy[Any] = st.none() | st.booleans() | st.floats() | inside | st.lists(st.integers(), max_size=2)
    odd |= st.dictionaries(st.sampled_from(["id", "amount", "currency"]), inside, max_size=3)
    name = data.draw(st.sampled_from(sorted([*inner, "refunds", "refunded_money"])))
    inner[name] = data.draw(odd)
    try:
        assert events(kind, body)
    except PassedOverError as error:
        assert error.why  # noqa: PT017 - either is right
    except PoisonError as error:
        assert error.message  # noqa: PT017


# ---- what it is answered


class Kafka:
    """Takes what is written, unless it is away."""

    def __init__(self) -> None:
        self.written: list[Ready] = []
        self.away: Exception | None = None

    async def write(self, events: Sequence[Ready]) -> None:
        if self.away is not None:
            raise self.away
        self.written += events


class Served:
    def __init__(self, settings: Settings) -> None:
        self.kafka, self.metrics = Kafka(), IngestMetrics(source.path_name for source in settings.ingest.sources)
        door = Door(settings, self.kafka, self.metrics, lambda: NOW_S)
        app = create_ingest_app(door, self.metrics, list)
        limits = limits_of(settings)
        transport = httpx.ASGITransport(Protection(app, limits, Access(limits.settings)))
        self.client = httpx.AsyncClient(transport=transport, base_url="https://shop.example")

    async def post(self, name: str, body: object, headers: dict[str, str] | None = None) -> httpx.Response:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return await self.client.post(f"/ingest/{name}", content=content, headers=headers or self.signed(name, content))

    @staticmethod
    def signed(name: str, body: bytes) -> dict[str, str]:
        key = SECRET.encode()

        def over(signed: bytes) -> str:
            return base64.b64encode(hmac.new(key, signed, "sha256").digest()).decode()

        match name:
            case "shopify":
                return {"X-Shopify-Hmac-Sha256": over(body)}
            case "woocommerce":
                return {"X-WC-Webhook-Signature": over(body)}
            case "square":
                return {"x-square-hmacsha256-signature": over(f"{URL}/ingest/square".encode() + body)}
            case "stripe":
                digest = hmac.new(key, f"{int(NOW_S)}.".encode() + body, "sha256").hexdigest()
                return {"Stripe-Signature": f"t={int(NOW_S)},v1={digest}"}
            case _:
                return {"Authorization": f"Bearer {TOKEN}"}

    def count(self, source: str, outcome: Outcome) -> float | None:
        return self.metrics.registry.get_sample_value(
            "churn_alert_ingest_posts_total", {"source": source, "outcome": outcome.value}
        )


@pytest.fixture
def served() -> Served:
    return Served(settings_with())


@pytest.mark.parametrize(
    ("name", "body", "count"),
    [
        ("shopify", SHOPIFY, 2),
        ("woocommerce", WOO, 1),
        ("square", SQUARE, 1),
        ("stripe", STRIPE, 1),
        ("plain", OURS, 1),
    ],
)
async def test_a_signed_post_is_written_and_then_answered(served: Served, name: str, body: Object, count: int) -> None:
    answer = await served.post(name, body)

    assert (answer.status_code, answer.json()) == (200, {"taken": count, "passed_over": None})
    assert [json.loads(each.value)["customer_id"].encode() for each in served.kafka.written] == [
        each.key for each in served.kafka.written
    ]
    assert {each.topic for each in served.kafka.written} == {"purchases"}
    assert len(served.kafka.written) == count
    assert served.count(name, Outcome.TAKEN) == 1.0


@pytest.mark.parametrize("name", ["shopify", "woocommerce", "square", "stripe", "plain"])
async def test_who_does_not_have_the_key_is_turned_away(served: Served, name: str) -> None:
    for headers in ({"X-Nothing": "1"}, {key: value[:-2] + "xx" for key, value in served.signed(name, b"{}").items()}):
        answer = await served.post(name, b"{}", headers)
        assert answer.status_code == 401
    assert served.kafka.written == []
    assert served.count(name, Outcome.UNSIGNED) == 2.0


@pytest.mark.parametrize("away", [KafkaTimeoutError(), ConnectionError(), TimeoutError()])
async def test_without_kafka_nothing_is_said_to_be_taken(served: Served, away: Exception) -> None:
    served.kafka.away = away
    answer = await served.post("shopify", SHOPIFY)
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    assert served.count("shopify", Outcome.UNAVAILABLE) == 1.0


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"{", "not_json"),
        (b"[]", "not_an_object"),
        ({**OURS, "amount": "-1"}, "negative_amount"),
        ({**OURS, "occurred_at": "2026-03-01 09:30"}, "bad_time"),
        ({**OURS, "currency": "XXQ"}, "unknown_currency"),
        ({**OURS, "occurred_at": "2099-01-01T00:00:00Z"}, "time_in_future"),
        ({"events": [OURS, {**OURS, "event_id": ""}]}, "invalid_value"),
        ({"events": []}, "invalid_value"),
        ({"events": "?"}, "wrong_type"),
    ],
)
async def test_what_can_never_be_understood_has_the_code_of_a_dead_letter(
    served: Served, body: object, code: str
) -> None:
    answer = await served.post("plain", body)
    assert (answer.status_code, answer.json()["error_code"]) == (422, code)
    assert answer.json()["error_message"]
    assert served.kafka.written == [], "all of a post, or nothing"


async def test_an_order_that_a_setting_would_mend_is_written_for_the_worker_to_keep(served: Served) -> None:
    """Shop systems post a few times and no more: what is refused lies in Kafka, and `dead-letters retry` has it."""
    answer = await served.post("shopify", {**SHOPIFY, "currency": "KWD"})

    assert (answer.status_code, answer.json()["taken"]) == (200, 2)
    assert answer.json()["error_code"] == "unknown_currency"
    assert len(served.kafka.written) == 2
    assert served.count("shopify", Outcome.REFUSED) == 1.0


async def test_several_at_once_and_other_topics(served: Served) -> None:
    both = await served.post("plain", {"events": [OURS, {**OURS, "event_id": "e-2", "kind": "refund"}]})
    answer = {key: value for key, value in OURS.items() if key != "amount"} | {"survey": "nps", "score": 9}
    survey = await served.post("answers", answer)

    assert (both.json()["taken"], survey.json()["taken"]) == (2, 1)
    assert [each.topic for each in served.kafka.written] == ["purchases", "purchases", "surveys"]


async def test_a_list_is_each_of_it(served: Served) -> None:
    other = {**OURS, "event_id": "e-2"}
    cloud = {"specversion": "1.0", "id": "1", "type": "shop.order", "source": "/shop", "data": OURS}
    for body, taken in (([OURS, other], 2), ([cloud, cloud], 2), ({"events": [cloud, other]}, 2)):
        assert (await served.post("plain", body)).json()["taken"] == taken
    assert (await served.post("plain", [OURS, 5])).json()["error_code"] == "wrong_type"


async def test_a_batch_of_woocommerce_is_each_of_its_orders(served: Served) -> None:
    unpaid = {**WOO, "id": 729, "status": "pending"}
    batch = {"create": [WOO, unpaid], "update": [{**WOO, "id": 728, "number": "728"}], "delete": [7]}

    assert (await served.post("woocommerce", batch)).json() == {"taken": 2, "passed_over": None}
    assert (await served.post("woocommerce", {"update": [unpaid, unpaid]})).json()["passed_over"] == "not_paid"


def test_a_subscription_of_woocommerce_is_no_order_for_each_payment_of_it_is_one() -> None:
    plan = {**WOO, "status": "active", "billing_period": "month", "billing_interval": "1", "parent_id": 700}
    settings = Settings(inputs={"purchases": {"profile": "woocommerce", "key": "any"}})

    assert passed_over("woocommerce", plan) == "of_no_order"
    with pytest.raises(PassedOverError):
        Decoder(DecoderSettings.of(settings)).of_purchases(json.dumps(plan).encode(), b"k", (), int(NOW_S * 1e6))


def test_a_customer_of_stripe_that_was_expanded_is_the_same_one() -> None:
    whole = {"id": "cus_17", "object": "customer", "email": "z@example.com"}
    charge = changed(changed(STRIPE, "data.object.customer", whole), "data.object.receipt_email", "z@example.com")
    settings = Settings(inputs={"purchases": {"profile": "stripe", "key": "any"}})
    of_topic = Decoder(DecoderSettings.of(settings))

    for body in (charge, STRIPE):
        assert events("stripe", body)[0]["customer_id"] == "cus_17"
        found = of_topic.of_purchases(json.dumps(body).encode(), b"k", (), int(NOW_S * 1e6))
        assert found.customer_id == "cus_17"


async def test_what_is_no_purchase_is_answered_well_and_written_nowhere(served: Served) -> None:
    test_order = await served.post("shopify", {**SHOPIFY, "test": True})
    ping = await served.post("woocommerce", b"webhook_id=17", {"Content-Type": "application/x-www-form-urlencoded"})

    assert (test_order.status_code, test_order.json()) == (200, {"taken": 0, "passed_over": "test"})
    assert (ping.status_code, ping.json()) == (200, {"taken": 0, "passed_over": "ping"})
    assert (await served.post("shopify", b"webhook_id=17", {"X-Nothing": "1"})).status_code == 401
    assert served.kafka.written == []


@pytest.mark.parametrize(
    ("captured", "refunded", "left"),
    [
        (750, 0, "7.50"),  # as newer versions of their interface say it
        (750, 500, "7.50"),  # as older ones do, for which the rest was given back
        (750, 600, "6.50"),
        (750, 100, "6.50"),
        (1_250, 250, "10.00"),
        (None, 250, "10.00"),
    ],
)
def test_of_a_charge_that_was_captured_in_part_the_rest_was_never_paid(
    captured: int | None, refunded: int, left: str
) -> None:
    said = changed(changed(STRIPE, "data.object.amount_captured", captured), "data.object.amount_refunded", refunded)
    order, *back = events("stripe", said)
    settings = Settings(inputs={"purchases": {"profile": "stripe", "key": "any"}})
    of_topic = Decoder(DecoderSettings.of(settings)).of_purchases(json.dumps(said).encode(), b"k", (), int(NOW_S * 1e6))

    assert f"{Decimal(order['amount']) - sum(Decimal(each['amount']) for each in back):f}" == left
    assert of_topic.amount_minor == int(Decimal(left) * 100)


async def test_posts_that_never_tell_of_an_order_are_named_once(served: Served) -> None:
    """Whoever subscribed to nothing else would wait for purchases that never come."""
    session = {**STRIPE, "type": "checkout.session.completed", "data": {"object": {"object": "checkout.session"}}}
    with capture_logs() as said:
        for body in (session, session, {**session, "type": "payment_intent.succeeded"}):
            assert (await served.post("stripe", body)).json() == {"taken": 0, "passed_over": "of_no_order"}

    assert [each["kind"] for each in said] == ["checkout.session.completed", "payment_intent.succeeded"]


@pytest.mark.parametrize(
    ("name", "body", "path", "when"),
    [
        ("shopify", SHOPIFY, "updated_at", ("2026-03-01T09:31:00-05:00", "2026-03-01T16:00:00+01:00")),
        ("woocommerce", WOO, "date_modified_gmt", ("2026-03-02T08:30:00", "2026-03-03T08:30:00")),
        ("square", SQUARE, "data.object.payment.updated_at", ("2026-03-03T08:30:00Z", "2026-03-03T08:30:01Z")),
        ("stripe", STRIPE, "created", (1772353860, 1772353999)),
    ],
)
async def test_a_post_that_was_overtaken_changes_nothing(
    served: Served, name: str, body: Object, path: str, when: tuple[Any, Any]
) -> None:
    """In whatever order posts arrive, the newest says what an order amounts to; the same one again is written again."""
    before, after = (changed(body, path, moment) for moment in when)
    answers = [(await served.post(name, each)).json()["passed_over"] for each in (before, after, before, after)]

    assert answers == [None, None, "older", None]
    assert served.count(name, Outcome.PASSED_OVER) == 1.0


@pytest.mark.parametrize("name", ["shopify", "stripe", "plain"])
async def test_whatever_process_takes_it_the_same_post_is_the_same_events(name: str) -> None:
    body = {"shopify": SHOPIFY, "stripe": STRIPE, "plain": OURS}[name]
    written = []
    for _ in range(2):
        served = Served(settings_with())
        await served.post(name, body)
        written.append(served.kafka.written)
    assert written[0] == written[1]


async def test_a_body_may_be_packed_by_who_signed_it_or_by_a_proxy(served: Served) -> None:
    text = json.dumps(SHOPIFY).encode()
    packed, encoding = gzip.compress(text), {"Content-Encoding": "gzip"}
    for signed in (text, packed):
        answer = await served.post("shopify", packed, {**served.signed("shopify", signed), **encoding})
        assert answer.json()["taken"] == 2
    for body, headers, status, code in (
        (packed, {"Content-Encoding": "br"}, 422, "unknown_format"),
        (text, encoding, 422, "not_json"),
        (packed[:-9], encoding, 422, "too_large"),
        (gzip.compress(b" " * (4 << 20)), encoding, 422, "too_large"),
    ):
        refused = await served.post("plain", body, {**served.signed("plain", b""), **headers})
        assert (refused.status_code, refused.json()["error_code"]) == (status, code)
    assert (await served.post("shopify", packed, {**served.signed("shopify", b"x"), **encoding})).status_code == 401


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"", {}, 422),
        (json.dumps(OURS).encode(), {"Content-Type": "text/plain"}, 200),
        (b"\xef\xbb\xbf" + json.dumps(OURS).encode(), {"Content-Type": "application/json; charset=utf-8"}, 200),
        (json.dumps(OURS).encode("utf-16"), {"Content-Type": "application/json; charset=utf-16"}, 422),
        (b"event_id=e&amount=5", {"Content-Type": "application/x-www-form-urlencoded"}, 422),
    ],
)
async def test_a_body_is_what_it_is_whatever_its_type_says(
    served: Served, body: bytes, headers: dict[str, str], status: int
) -> None:
    answer = await served.post("plain", body, {**served.signed("plain", body), **headers})
    assert answer.status_code == status
    assert (len(served.kafka.written) == 1) is (status == 200)


async def test_size_rate_and_names_are_bounded() -> None:
    served = Served(settings_with(body_bytes=2_048, requests_per_second=1.0))
    statuses = [(await served.post("plain", b"x" * 3_000)).status_code]
    statuses += [
        (await served.post("nobody", OURS)).status_code,
        (await served.client.get("/ingest/plain")).status_code,
    ]
    statuses += [(await served.post("plain", OURS)).status_code for _ in range(3)]

    assert statuses[:3] == [413, 404, 405]
    assert statuses[-1] == 429
    too_often = await served.post("plain", OURS)
    assert "ingest.requests_per_second" in too_often.text, "not the setting of the page"


@pytest.mark.parametrize(
    ("body", "words"), [(b"[]", "an empty list"), (b'{"name": "M\xfcller"}', "JSON is written in UTF-8")]
)
async def test_what_is_wrong_with_a_body_is_said_in_words(served: Served, body: bytes, words: str) -> None:
    answer = await served.post("plain", body)
    assert (answer.status_code, words in answer.json()["error_message"]) == (422, True)


async def test_probes_and_metrics(served: Served) -> None:
    assert (await served.client.get("/healthz")).status_code == 200
    assert (await served.client.get("/readyz")).json() == {"ready": True, "missing": []}
    assert b"churn_alert_ingest_posts_total" in (await served.client.get("/metrics")).content


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (Settings(), "ingest.sources is empty"),
        (settings_with().changed(inputs={"purchases": {"profile": "shopify", "key": "any"}}), "holds others"),
        (settings_with().changed(inputs={"purchases": {"fields": {"event_id": "i", "customer_id": "c", "occurred_at": "t", "amount": "a"}}}),
         "inputs.purchases says that its topic holds others"),
    ],
)  # fmt: skip
def test_a_door_of_no_use_says_so(settings: Settings, words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        check(settings)


def test_a_key_that_is_none_is_told_before_it_begins() -> None:
    with pytest.raises(ConfigurationError, match="24 to 64 bytes"):
        Ingest(settings_with({"kind": "plain", "secret": "whsec_AAAA"}))


class Writer(EventWriter):
    """Opens at the second try."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self.tries = self.closed = 0
        self.opened = asyncio.Event()

    async def open(self, topics: Sequence[str]) -> None:
        assert topics == ["customers", "purchases", "surveys"]
        self.tries += 1
        if self.tries == 1:
            raise KafkaTimeoutError
        self.failed.clear()
        self.opened.set()

    async def close(self, within_s: float = 0.0) -> None:
        self.closed += 1
        self.opened.clear()


async def test_a_writer_that_has_failed_is_opened_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.ingest.process._FIRST_PAUSE_S", 0.0)
    writer = Writer(settings_with())
    process = Ingest(settings_with(), writer)
    assert process.missing() == ["no broker has answered yet"]
    keeping = asyncio.create_task(process.keep_open())
    async with asyncio.timeout(20):
        await writer.opened.wait()
        await asyncio.sleep(0)
        assert (process.missing(), writer.tries) == ([], 2)
        writer.failed.set()
        while writer.closed == 0:  # noqa: ASYNC110 - nothing tells it
            await asyncio.sleep(0)
        await writer.opened.wait()
    keeping.cancel()

    assert (writer.tries, writer.closed) == (3, 1)


async def test_what_is_written_to_a_writer_without_a_broker_is_refused() -> None:
    with pytest.raises(TimeoutError):
        await EventWriter(settings_with()).write([Ready("purchases", b"c", b"{}")])


def test_paths_are_told_apart_and_square_needs_its_address() -> None:
    with pytest.raises(ValueError, match="same name"):
        IngestSettings(sources=[SourceSettings(kind="stripe", secret="a"), SourceSettings(kind="stripe", secret="b")])  # noqa: S106
    with pytest.raises(ValueError, match="square signs the address"):
        IngestSettings(sources=[SourceSettings(kind="square", secret="a")])  # noqa: S106
