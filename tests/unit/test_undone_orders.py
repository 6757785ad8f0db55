"""What was done to an order and undone: it ends as what it is, by whatever way that is heard.

All posts and records about an order are of the order's own time, so one that says what an earlier one said is taken for
that one, unless it is told apart.
"""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from service.config import Settings
from service.domain.engine import Engine
from service.ingest.earlier import Earlier
from service.wire.decoder import Decoder, DecoderSettings
from tests.support.engines import apply_all, make_engine
from tests.unit.test_ingest import SQUARE, STRIPE, WOO, Served, changed, settings_with

NOW_US = 1_780_000_000_000_000
Object = dict[str, Any]
ROWS: Object = {
    "envelope": "debezium",
    "key": "any",
    "fields": {"event_id": "id", "customer_id": "who", "occurred_at": "at", "amount": "total", "order_id": "id"},
    "only": {"state": ["paid", "cancelled"]},
    "cancelled_if": {"state": ["cancelled"]},
}
ROW: Object = {"id": 7, "who": "17", "at": "2026-03-01T08:30:00Z", "total": "29.35", "state": "paid"}


def heard(decoder: Decoder, *records: tuple[bytes, bytes]) -> Engine:
    """Of keys and values."""
    engine = make_engine()
    apply_all(engine, [decoder.of_purchases(value, key, (), NOW_US) for key, value in records])
    return engine


def of_topic(said: Object, *records: object) -> Engine:
    settings = Settings(shop={"rates": {"USD": 1}}, inputs={"purchases": said})
    return heard(Decoder(DecoderSettings.of(settings)), *[(b"k", json.dumps(each).encode()) for each in records])


async def through_doors(name: str, *posts: Object | list[Object]) -> Engine:
    """Each post that is a list is by a door that has heard nothing before."""
    served, written = Served(settings_with()), []
    for post in posts:
        served = Served(settings_with()) if isinstance(post, list) else served
        answer = await served.post(name, post[0] if isinstance(post, list) else post)
        assert answer.status_code == 200, answer.text
        written += [(each.key, each.value) for each in served.kafka.written]
        served.kafka.written.clear()
    return heard(Decoder(DecoderSettings(rates={"USD": Decimal(1)})), *written)


def revenue(engine: Engine, customer: str = "17") -> tuple[int, int]:
    """(orders, revenue)."""
    return engine.customers[customer].orders, engine.customers[customer].revenue_minor


def woo(status: str, minute: int, **more: Any) -> Object:
    return {**WOO, "status": status, "date_modified_gmt": f"2026-03-01T09:{minute:02d}:00", **more}


PAID, CANCELLED, PAID_AFTER_ALL = WOO, woo("cancelled", 1), woo("processing", 2)
COMPLETED = woo("completed", 3, date_completed_gmt="2026-03-01T09:03:00")
WAYS = [
    ([PAID, CANCELLED], 0),
    ([PAID, CANCELLED, PAID_AFTER_ALL], 2_935),
    ([PAID, CANCELLED, PAID_AFTER_ALL, PAID_AFTER_ALL], 2_935),
    ([PAID, CANCELLED, COMPLETED], 2_935),
    ([CANCELLED, PAID_AFTER_ALL], 2_935),
    ([PAID, PAID_AFTER_ALL, COMPLETED, woo("completed", 4, date_completed_gmt="2026-03-01T09:03:00")], 2_935),
    ([PAID, CANCELLED, PAID_AFTER_ALL, woo("cancelled", 4)], 0),
    ([PAID, COMPLETED, woo("refunded", 4, refunds=[{"id": 1, "total": "-29.35"}])], 0),
    ([PAID, woo("processing", 1, refunds=[{"id": 1, "total": "-9.35"}]), woo("processing", 2)], 2_935),
]


@pytest.mark.parametrize(("posts", "counts"), WAYS)
async def test_an_order_of_woocommerce_is_what_its_last_post_says(posts: list[Object], counts: int) -> None:
    by_topic = of_topic({"profile": "woocommerce", "key": "any"}, *posts)

    assert revenue(by_topic) == (1, counts)
    assert revenue(await through_doors("woocommerce", *posts)) == (1, counts)


async def test_a_door_that_begins_anew_takes_an_order_for_paid_that_was_cancelled_before() -> None:
    engine = await through_doors("woocommerce", PAID, CANCELLED, [PAID_AFTER_ALL])

    assert revenue(engine) == (1, 2_935)


async def test_money_that_did_not_go_back_after_all_was_not_given_back() -> None:
    back = changed(changed(STRIPE, "data.object.amount_refunded", 1_250), "created", 1_772_353_900)
    failed = changed(STRIPE, "created", 1_772_354_000)

    assert revenue(await through_doors("stripe", STRIPE, back), "cus_17") == (1, 0)
    assert revenue(await through_doors("stripe", STRIPE, back, failed, failed), "cus_17") == (1, 1_250)


async def test_what_could_not_be_written_is_said_again() -> None:
    served = Served(settings_with())
    for post in (PAID, CANCELLED):
        await served.post("woocommerce", post)
    served.kafka.away = TimeoutError()
    assert (await served.post("woocommerce", COMPLETED)).status_code == 503
    served.kafka.away = None
    answer = await served.post("woocommerce", COMPLETED)

    assert answer.json()["taken"] == 2


async def test_payments_that_share_an_order_are_each_a_part_of_it() -> None:
    who = "Q6VKKKGW8GWQNEYMDRMV01QMK8"
    second = changed(changed(SQUARE, "data.object.payment.id", "second"), "data.object.payment.total_money.amount", 400)
    back = changed(
        changed(second, "data.object.payment.refunded_money", {"amount": 100, "currency": "USD"}),
        "data.object.payment.updated_at",
        "2026-03-04T08:30:00Z",
    )

    engine = await through_doors("square", SQUARE, second, SQUARE, back, SQUARE)
    topic = of_topic({"profile": "square", "key": "any"}, SQUARE, second, SQUARE, back, SQUARE)

    assert revenue(engine, who) == (2, 1_550)
    assert revenue(topic, who) == (2, 1_550)


# ---- rows of a database


def inserted(**row: Any) -> Object:
    return {"op": "c", "before": None, "after": {**ROW, **row}, "source": {"ts_ms": 1, "lsn": 1}}


def updated(lsn: int, before: Object, after: Object) -> Object:
    images = {"before": {**ROW, **before}, "after": {**ROW, **after}}
    return {"op": "u", **images, "source": {"ts_ms": 1, "lsn": lsn}}


THERE, BACK = updated(2, {}, {"total": "40.00"}), updated(3, {"total": "40.00"}, {})
VOID = updated(2, {}, {"state": "cancelled"})
AFTER_ALL = updated(3, {"state": "cancelled"}, {})
SHIPPED = updated(9, {}, {"parcel": "P1"})


@pytest.mark.parametrize(
    ("records", "counts"),
    [
        ([inserted(), THERE], 4_000),
        ([inserted(), THERE, BACK], 2_935),
        ([inserted(), THERE, BACK, THERE, BACK], 2_935),
        ([inserted(), THERE, BACK, SHIPPED], 2_935),
        ([inserted(), VOID], 0),
        ([inserted(), VOID, AFTER_ALL], 2_935),
        ([inserted(), VOID, AFTER_ALL, updated(4, {}, {"state": "cancelled"})], 0),
        ([inserted(), VOID, inserted(state="cancelled")], 0),
        ([inserted(state="cancelled")], 0),
        ([inserted(), {**THERE, "before": None}], 4_000),
    ],
)
def test_a_row_is_what_its_last_change_says(records: list[Object], counts: int) -> None:
    """A connector that starts again says the last changes once more, in their order."""
    assert revenue(of_topic(ROWS, *records)) == (1, counts)
    assert revenue(of_topic(ROWS, *records, *records[1:])) == (1, counts)


@pytest.mark.parametrize("envelope", ["maxwell", "canal"])
def test_so_is_one_whose_change_says_only_what_was_another_value(envelope: str) -> None:
    def changed_to(total: str, old: Object, at: int) -> Object:
        row = {**ROW, "total": total}
        said: Object = {"type": "UPDATE" if old else "INSERT", "data": row, "ts": at}
        if old:
            said["old"] = old
        return said if envelope == "maxwell" else {**said, "data": [row], "old": [old], "es": at * 1000}

    words = [
        changed_to("29.35", {}, 1),
        changed_to("40.00", {"total": "29.35"}, 2),
        changed_to("29.35", {"total": "40"}, 3),
    ]

    for more in ([], words[1:], [changed_to("29.35", {"parcel": "P1"}, 9)]):
        assert revenue(of_topic({**ROWS, "envelope": envelope}, *words, *more)) == (1, 2_935)


def test_what_is_remembered_of_orders_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.ingest.earlier._REMEMBERED", 3)
    earlier = Earlier()
    for number in range(9):
        order: dict[str, object] = {"event_id": f"o{number}", "order_id": f"n{number}", "amount": "1"}
        earlier.told_apart([order])
        earlier.completed([order, {"event_id": f"r{number}", "kind": "refund", "amount": "1"}], "now")

    assert len(earlier._paid_by) == len(earlier._given_back) == 3
    assert earlier.completed([{"event_id": "o0"}], "later") == [{"event_id": "o0"}]
