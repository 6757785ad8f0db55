"""Topics that hold what shop systems post: one purchase a record, corrected by the next about the same order."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from service.config import Settings
from service.config.sections.inputs import MappedPurchases
from service.domain.calendar import Calendar
from service.domain.events import Item, Purchase
from service.errors import ConfigurationError, PassedOverError
from service.history import Wishes, open_history
from service.wire.decoder import Decoder, DecoderSettings
from service.wire.guesses import looks_like
from tests.unit.test_ingest import SHOPIFY, SQUARE, STRIPE, WOO, changed, events

NOW_US = 1_780_000_000_000_000
AT_US = 1_772_353_800_000_000


def read(profile: str, body: dict[str, Any], **said: Any) -> Purchase:
    settings = Settings(
        shop={"currency": "USD", "rates": {"EUR": 1, "ISK": 1}},
        inputs={"purchases": {"profile": profile, "key": "any", **said}},
    )
    decoder = Decoder(DecoderSettings.of(settings))
    return decoder.of_purchases(json.dumps(body).encode(), b"k", (), NOW_US)


def passed_over(profile: str, body: dict[str, Any]) -> bool:
    with pytest.raises(PassedOverError):
        read(profile, body)
    return True


def test_an_order_of_shopify_counts_what_it_is_now() -> None:
    assert read("shopify", SHOPIFY) == Purchase(
        "820982911946154508", "john@example.com", AT_US + 21_600_000_000, 35_994, False, "#1001",
        (Item("IPOD-1", "IPod"), Item("Gift", "Gift")),
    )  # fmt: skip
    assert read("shopify", {**SHOPIFY, "customer": None}).customer_id == "jon@example.com"
    assert passed_over("shopify", changed(SHOPIFY, "test", True))
    assert passed_over("shopify", changed(SHOPIFY, "financial_status", "pending"))
    assert passed_over("shopify", {"id": 7, "order_id": 8, "transactions": []})


def test_a_cancelled_order_of_shopify_is_worth_nothing_whatever_its_post_says() -> None:
    for left in ("359.94", "0.00"):
        void = read("shopify", {**SHOPIFY, "current_total_price": left, "cancelled_at": "2026-03-02T00:00:00Z"})
        assert (void.event_id, void.refund, void.amount_minor, void.order_id) == (
            "820982911946154508", False, 0, "#1001",
        )  # fmt: skip
    for nothing in (None, ""):
        assert read("shopify", {**SHOPIFY, "cancelled_at": nothing}).amount_minor == 35_994


@pytest.mark.parametrize(
    ("profile", "body"), [("shopify", SHOPIFY), ("woocommerce", WOO), ("square", SQUARE), ("stripe", STRIPE)]
)
def test_what_gateways_and_event_buses_put_around_a_body_is_taken_off(profile: str, body: dict[str, Any]) -> None:
    for around in (
        {"topic": "orders/paid", "shop": "x", "payload": body},
        {"headers": {"x": "y"}, "body": json.dumps(body)},
        {"version": "0", "detail-type": "order", "detail": body},
        {"detail-type": "shopifyWebhook", "detail": {"metadata": {"X-Shopify-Topic": "orders/paid"}, "payload": body}},
    ):
        assert read(profile, around) == read(profile, body)
        assert looks_like(json.dumps(around).encode()) == f'profile = "{profile}", key = "any"'
    assert passed_over(profile, {"payload": {"id": 7}})


def test_an_order_of_woocommerce_and_its_end() -> None:
    assert read("woocommerce", WOO) == Purchase("727", "17", AT_US, 2_935, False, "727", (Item("93", "Woo Single"),))
    for status in ("cancelled", "refunded", "failed", "trash"):
        back = read("woocommerce", {**WOO, "status": status})
        assert (back.event_id, back.refund, back.amount_minor, back.order_id) == ("727-cancelled", False, 0, "727")
    partly = [{"id": 1, "total": "-5.00"}, {"id": 2, "total": "-1.35"}]
    assert read("woocommerce", {**WOO, "refunds": partly}).amount_minor == 2_300
    for status in ("cancelled", "failed", "trash"):
        assert passed_over("woocommerce", {**WOO, "status": status, "date_paid_gmt": None})
    assert passed_over("woocommerce", {**WOO, "customer_id": 0})
    assert passed_over("woocommerce", {**WOO, "status": "pending"})


def test_a_payment_of_square_less_what_was_given_back() -> None:
    money = "data.object.payment.refunded_money"
    assert read("square", SQUARE).amount_minor == 1_250
    assert read("square", changed(SQUARE, money, {"amount": 250, "currency": "USD"})).amount_minor == 1_000
    assert read("square", SQUARE).source == "S8GWD5R9QB376"
    assert passed_over("square", changed(SQUARE, "data.object.payment.status", "FAILED"))
    assert passed_over("square", {"type": "refund.updated", "data": {"object": {"refund": {"id": "r"}}}})


def test_a_charge_of_stripe_less_what_was_given_back() -> None:
    assert read("stripe", STRIPE) == Purchase("ch_3MmlLr", "cus_17", AT_US, 1_250, False, "ch_3MmlLr")
    assert read("stripe", changed(STRIPE, "data.object.amount_refunded", 250)).amount_minor == 1_000
    assert read("stripe", changed(STRIPE, "data.object.amount_refunded", 1_250)).amount_minor == 0
    assert read("stripe", changed(STRIPE, "data.object.currency", "isk")).amount_minor == 1_250, (
        "Stripe's krónur are in hundredths"
    )
    assert passed_over("stripe", changed(STRIPE, "data.object.livemode", False))
    assert passed_over("stripe", changed(STRIPE, "data.object.captured", False))
    assert passed_over("stripe", changed(STRIPE, "data.object.object", "payment_intent"))


def captured(taken: int, back: int, *, whole: bool = False) -> dict[str, Any]:
    said = {"amount_captured": taken, "amount_refunded": back, "refunded": whole}
    return changed(STRIPE, "data.object", {**STRIPE["data"]["object"], **said})


MONEY = "data.object.payment.refunded_money"
WHOLE_SHOPIFY = {**SHOPIFY, "subtotal_price": "400.00"}
CARD: dict[str, Any] = {"title": "Gift Card", "gift_card": True, "price": "50.00", "quantity": 1, "current_quantity": 1}
TEA: dict[str, Any] = {"title": "Tea", "gift_card": False, "price": "20.00", "quantity": 2, "current_quantity": 2}
SAME: list[tuple[str, dict[str, Any], str]] = [
    ("shopify", WHOLE_SHOPIFY, "359.94"),
    ("shopify", {**WHOLE_SHOPIFY, "current_total_price": "300.00", "refunds": []}, "300.00"),
    ("shopify", {**WHOLE_SHOPIFY, "processed_at": "2025-12-24T18:00:00Z"}, "359.94"),
    (
        "shopify",
        {
            **WHOLE_SHOPIFY,
            "refunds": [],
            "line_items": [CARD, TEA],
            "total_price": "90.00",
            "current_total_price": "90.00",
        },
        "40.00",
    ),
    ("woocommerce", WOO, "29.35"),
    ("woocommerce", {**WOO, "refunds": [{"id": 1, "total": "-5.00"}, {"id": 2, "total": "-1.35"}]}, "23.00"),
    ("woocommerce", {**WOO, "status": "cancelled"}, "0.00"),
    ("square", SQUARE, "12.50"),
    ("square", changed(SQUARE, MONEY, {"amount": 250, "currency": "USD"}), "10.00"),
    ("stripe", STRIPE, "12.50"),
    ("stripe", changed(STRIPE, "data.object.amount_refunded", 250), "10.00"),
    ("stripe", changed(STRIPE, "data.object.captured", False), "0.00"),
    ("stripe", captured(750, 0), "7.50"),
    ("stripe", captured(750, 500), "7.50"),
    ("stripe", captured(750, 600), "6.50"),
    ("stripe", captured(750, 750, whole=True), "0.00"),
]


@pytest.mark.parametrize(("system", "body", "amount"), SAME)
def test_an_order_is_worth_the_same_by_door_topic_and_file(
    system: str, body: dict[str, Any], amount: str, tmp_path: Path
) -> None:
    order = body["data"]["object"] if system in {"square", "stripe"} else body
    (tmp_path / "orders.json").write_text(json.dumps([order.get("payment", order)]))

    def by_door() -> Decimal:
        made = events(system, body)
        signs = [-1 if each.get("kind") == "refund" else 1 for each in made]
        return sum((sign * Decimal(each["amount"]) for sign, each in zip(signs, made, strict=True)), Decimal(0))

    def by_topic() -> Decimal:
        return Decimal(read(system, body).amount_minor) / 100

    def by_file() -> Decimal:
        wishes = Wishes(currency="USD", rates={"EUR": Decimal(1)})
        history = open_history(
            [tmp_path / "orders.json"], calendar=Calendar(ZoneInfo("UTC")), minor_digits=2, wishes=wishes
        )
        found = [each for each in history.events() if isinstance(each, Purchase)]
        return Decimal(sum(-each.amount_minor if each.refund else each.amount_minor for each in found)) / 100

    for way in (by_door, by_topic, by_file):
        try:
            worth = way()
        except (PassedOverError, ConfigurationError):  # it is none
            worth = Decimal(0)
        assert f"{worth:.2f}" == amount, way.__name__


@pytest.mark.parametrize(
    ("lines", "total", "now", "back", "worth"),
    [
        ([CARD], "50.00", "50.00", None, 0),
        ([CARD, TEA], "90.00", "90.00", None, 4_000),
        ([{**CARD, "quantity": 2, "current_quantity": 2}, TEA], "140.00", "140.00", None, 4_000),
        ([{**CARD, "current_quantity": 0}, TEA], "90.00", "40.00", "50.00", 4_000),
        ([CARD, {**TEA, "current_quantity": 0}], "90.00", "50.00", "40.00", 0),
        ([{**CARD, "discount_allocations": [{"amount": "5.00"}]}, TEA], "85.00", "85.00", None, 4_000),
        ([{**CARD, "price": "?"}, TEA], "90.00", "90.00", None, 9_000),
    ],
)
def test_a_gift_card_of_shopify_counts_when_it_is_used(
    lines: list[Any], total: str, now: str, back: str | None, worth: int
) -> None:
    paid_back = {"id": 1, "transactions": [{"kind": "refund", "status": "success", "amount": back}]}
    refunds = [] if back is None else [paid_back]
    body = {**SHOPIFY, "line_items": lines, "total_price": total, "current_total_price": now, "refunds": refunds}

    signs = [(-1 if each.get("kind") == "refund" else 1, each["amount"]) for each in events("shopify", body)]

    assert sum(sign * Decimal(amount) for sign, amount in signs) * 100 == worth
    assert read("shopify", body).amount_minor == worth


def test_an_order_of_shopify_that_was_brought_in_later_is_of_the_time_of_its_sale(tmp_path: Path) -> None:
    """An order of the till, or of another shop system, is created when it is imported."""
    body = {**WHOLE_SHOPIFY, "processed_at": "2025-12-24T18:00:00Z"}
    (tmp_path / "orders.json").write_text(json.dumps([body]))
    wishes = Wishes(currency="USD", rates={})
    history = open_history(
        [tmp_path / "orders.json"], calendar=Calendar(ZoneInfo("UTC")), minor_digits=2, wishes=wishes
    )
    (by_file,) = (each for each in history.events() if isinstance(each, Purchase))

    by_door = events("shopify", body)[0]["occurred_at"]

    assert by_door == "2025-12-24T18:00:00Z"
    assert read("shopify", body).at_us == by_file.at_us == 1_766_599_200_000_000
    assert read("shopify", {**body, "processed_at": None}).at_us == AT_US + 21_600_000_000


@pytest.mark.parametrize(
    ("dispute", "left"),
    [
        ({"status": "lost", "amount": 1250, "created": 1_772_953_800}, [1_250, -1_250]),
        ({"status": "lost", "amount": 250, "created": 1_772_953_800}, [1_250, -250]),
        ({"status": "won", "amount": 1250, "created": 1_772_953_800}, [1_250]),
        ("dp_1", [1_250]),
        (None, [1_250]),
    ],
)
def test_what_a_lost_dispute_took_of_a_charge_was_given_back(dispute: object, left: list[int], tmp_path: Path) -> None:
    charge = {**STRIPE["data"]["object"], "disputed": dispute is not None, "dispute": dispute}
    other = {**charge, "id": "ch_2", "dispute": None}
    (tmp_path / "charges.json").write_text(json.dumps({"object": "list", "data": [charge, other]}))
    wishes = Wishes(currency="EUR", rates={})
    history = open_history(
        [tmp_path / "charges.json"], calendar=Calendar(ZoneInfo("UTC")), minor_digits=2, wishes=wishes
    )

    found = [each for each in history.events() if isinstance(each, Purchase) and each.event_id.startswith("ch_3MmlLr")]
    assert [-each.amount_minor if each.refund else each.amount_minor for each in found] == left


def test_what_is_said_goes_before_what_is_known() -> None:
    assert read("shopify", SHOPIFY, fields={"customer_id": "customer.id"}).customer_id == "115310627314723954"
    assert read("stripe", {**STRIPE, "total": 700}, fields={"amount": "total"}).amount_minor == 700
    assert read("shopify", changed(SHOPIFY, "test", True), not_if={"test": ["never"]}).event_id == "820982911946154508"


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (
            {
                "fields": {"event_id": "i", "customer_id": "c", "occurred_at": "t", "amount": "a"},
                "cancelled_if": {"s": ["x"]},
            },
            "order_id",
        ),
        ({"fields": {"event_id": "i", "customer_id": "c|", "occurred_at": "t", "amount": "a"}}, "is no path"),
        ({"not_if": {"s": ["x"]}}, "without it not_if has no meaning"),
        ({"profile": "shopify", "fields": {"colour": "c"}}, "no field of ours"),
    ],
)
def test_what_cannot_be_is_named(said: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        MappedPurchases(**said)
