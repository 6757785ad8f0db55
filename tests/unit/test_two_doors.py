"""Several doors take the posts about one order, in any order and more than once: it ends as its newest post says."""

from __future__ import annotations

import json
from decimal import Decimal
from itertools import permutations
from typing import Any

import pytest

from service.config import Settings
from service.domain.purchase_history import booked_by
from service.errors import PassedOverError
from service.ingest.door import Door
from service.ingest.metrics import IngestMetrics
from service.wire.decoder import Decoder, DecoderSettings
from tests.support.engines import apply_all, make_engine
from tests.unit.test_ingest import NOW_S, SHOPIFY, SQUARE, STRIPE, WOO, Kafka, Served, changed, settings_with

Object = dict[str, Any]
Post = tuple[dict[str, str], bytes]
SETTINGS = settings_with()
JUDGE = Decoder(DecoderSettings(rates={"USD": Decimal(1)}))
DOORS = ((0, 0, 0, 0), (0, 1, 0, 1), (0, 0, 1, 1), (0, 1, 1, 0), (0, 1, 2, 3))
"""Which one takes the first post, the second … of a life."""


def shopify(minute: int, **more: Any) -> Object:
    bought = {"created_at": "2026-03-01T09:30:00Z", "refunds": [], "financial_status": "paid", "id": 9, "name": "#9"}
    left = {"total_price": "50.00", "current_total_price": "50.00", "updated_at": f"2026-03-01T10:{minute:02d}:00Z"}
    return {**SHOPIFY, **bought, **left, **more}


def woo(minute: int, **more: Any) -> Object:
    return {**WOO, "date_modified_gmt": f"2026-03-01T10:{minute:02d}:00", **more}


def stripe(minute: int, back: int) -> Object:
    return changed(changed(STRIPE, "data.object.amount_refunded", back), "created", 1_772_353_800 + 60 * minute)


def square(minute: int, back: int | None) -> Object:
    payment = "data.object.payment"
    body = changed(SQUARE, f"{payment}.updated_at", f"2026-03-01T10:{minute:02d}:00Z")
    return body if back is None else changed(body, f"{payment}.refunded_money", {"amount": back, "currency": "USD"})


def given_back(amount: str) -> list[Object]:
    return [{"id": 1, "processed_at": "2026-03-02T10:00:00Z", "transactions": [
        {"kind": "refund", "status": "success", "amount": amount},
    ]}]  # fmt: skip


LIVES: dict[str, tuple[str, list[Object], int]] = {
    "paid, cancelled, paid after all, partly given back": ("shopify", [
        shopify(0),
        shopify(10, cancelled_at="2026-03-01T10:10:00Z"),
        shopify(20),
        shopify(30, refunds=given_back("20.00"), current_total_price="30.00", financial_status="partially_refunded"),
    ], 3_000),
    "paid, sent, cancelled": ("shopify", [
        shopify(0),
        shopify(10, fulfillments=[{"created_at": "2026-03-01T10:09:00Z"}]),
        shopify(15, fulfillments=[{"created_at": "2026-03-01T10:09:00Z"}], tags="late"),
        shopify(20, cancelled_at="2026-03-01T10:20:00Z", fulfillments=[{"created_at": "2026-03-01T10:09:00Z"}]),
    ], 0),
    "paid, edited to more, to less, and back": ("shopify", [
        shopify(0),
        shopify(10, current_total_price="80.00", line_items=[{"title": "Tea", "quantity": 2, "current_quantity": 2}]),
        shopify(20, current_total_price="30.00", line_items=[{"title": "Tea", "quantity": 2, "current_quantity": 1}]),
        shopify(30, line_items=[{"title": "Tea", "quantity": 2, "current_quantity": 0}]),
    ], 5_000),
    "of WooCommerce": ("woocommerce", [
        WOO, woo(10, status="cancelled"), woo(20), woo(30, refunds=[{"id": 5, "total": "-9.35"}]),
    ], 2_000),
    "of WooCommerce, completed": ("woocommerce", [
        WOO,
        woo(10, status="failed"),
        woo(20, status="completed", date_completed_gmt="2026-03-01T10:20:00"),
        woo(30, status="completed", date_completed_gmt="2026-03-01T10:20:00", refunds=[{"id": 5, "total": "-9.35"}]),
    ], 2_000),
    "of WooCommerce, cancelled at last": ("woocommerce", [
        WOO, woo(10, status="cancelled"), woo(20), woo(30, status="cancelled"),
    ], 0),
    "of Stripe": ("stripe", [STRIPE, stripe(10, 1_250), stripe(20, 0), stripe(30, 250)], 1_000),
    "of Stripe, kept at last": ("stripe", [STRIPE, stripe(10, 250), stripe(20, 1_250), stripe(30, 0)], 1_250),
    "of Square": ("square", [square(0, None), square(10, 250), square(20, 0), square(30, 500)], 750),
}  # fmt: skip


def new_doors() -> list[Door]:
    return [Door(SETTINGS, Kafka(), IngestMetrics()) for _ in range(4)]


def counted(kind: str, posts: list[tuple[int, Post]]) -> tuple[int, int]:
    """Orders and revenue of what these doors write, one after the other."""
    doors, written = new_doors(), []
    for which, (headers, body) in posts:
        try:
            events, refused = doors[which].sources[kind].events_of(headers, body, NOW_S)
        except PassedOverError:
            continue
        assert not refused
        written += events
    engine = make_engine()
    apply_all(engine, [JUDGE.purchase(each.value, each.key, (), int(NOW_S * 1e6)) for each in written])
    (customer,) = engine.customers.values()
    return customer.orders, customer.revenue_minor


@pytest.mark.parametrize("life", LIVES)
def test_an_order_ends_as_its_newest_post_says_whatever_door_takes_which_post_when(life: str) -> None:
    kind, bodies, worth = LIVES[life]
    texts = [json.dumps(body).encode() for body in bodies]
    posts = [({name.lower(): said for name, said in Served.signed(kind, text).items()}, text) for text in texts]

    for number, order in enumerate(permutations(range(4))):
        doors = DOORS[number % len(DOORS)]
        first = [(doors[place], posts[post]) for place, post in enumerate(order)]
        again = [(3 - door, post) for door, post in (first if number % 2 else reversed(first))]
        assert counted(kind, first) == (1, worth), (order, doors)
        assert counted(kind, [*first, *again]) == (1, worth), (order, doors, "and again")


@pytest.mark.parametrize("life", LIVES)
def test_and_as_its_newest_body_says_in_whatever_order_they_lie_in_a_topic(life: str) -> None:
    kind, bodies, worth = LIVES[life]
    settings = Settings(shop={"rates": {"USD": 1}}, inputs={"purchases": {"profile": kind, "key": "any"}})
    read = Decoder(DecoderSettings.of(settings)).of_purchases
    events = [read(json.dumps(body).encode(), None, (), int(NOW_S * 1e6)) for body in bodies]

    for order in permutations(events):
        engine = make_engine()
        apply_all(engine, [*order, *reversed(order)])
        (customer,) = engine.customers.values()
        assert (customer.orders, customer.revenue_minor) == (1, worth)


def test_what_is_taken_back_later_counts_on_the_day_on_which_it_was() -> None:
    """And not on that of a word that nothing is."""
    kind = "shopify"
    bodies = [shopify(0), shopify(20), shopify(30, cancelled_at="2026-04-03T10:00:00Z")]
    texts = [json.dumps(body).encode() for body in bodies]
    door, engine = new_doors()[0], make_engine()
    for text in texts:
        headers = {name.lower(): said for name, said in Served.signed(kind, text).items()}
        events, _ = door.sources[kind].events_of(headers, text, NOW_S)
        apply_all(engine, [JUDGE.purchase(each.value, each.key, (), int(NOW_S * 1e6)) for each in events])

    (customer,) = engine.customers.values()
    booked = booked_by(customer)
    assert [(each.amount, each.refund) for each in booked] == [(5_000, False), (5_000, True)]
    assert booked[1].at_us - booked[0].at_us == pytest.approx(33 * 86_400e6, rel=0.01)
