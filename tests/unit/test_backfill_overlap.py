"""A history and a live feed that overlap: the same orders, once replayed from a file by their order numbers, once sent
by the shop with event ids of its own."""

from __future__ import annotations

import json
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from service.domain.calendar import Calendar
from service.domain.engine import Engine
from service.domain.events import Event
from service.domain.periods.ledger import unpack
from service.feed.records import key_of, value_of
from service.history import open_history
from service.wire.decoder import Decoder, DecoderSettings
from tests.support.engines import make_engine

NOW_US = 1_800_000_000_000_000


class Log:
    """500 orders of 40 customers; the file holds all, the live feed the newest 100 once more."""

    def __init__(self, seed: int) -> None:
        rng, at = random.Random(seed), datetime(2025, 1, 6, 8, 0, tzinfo=UTC)
        self.orders: list[tuple[str, datetime, str, str]] = []
        for number in range(1001, 1501):
            at += timedelta(seconds=rng.randrange(600, 30_000))
            self.orders.append((f"c{rng.randrange(40):02}", at, f"{rng.randrange(100, 9000) / 100:.2f}", str(number)))
        self.total = sum(round(float(amount) * 100) for _, _, amount, _ in self.orders)

    def replayed(self, path: Path) -> list[Event]:
        rows = [f"{who},{at.isoformat()},{amount},{number}" for who, at, amount, number in self.orders]
        path.write_text("customer_id,timestamp,amount,order_id\n" + "\n".join(rows) + "\n")
        decoder = Decoder(DecoderSettings())
        events = open_history([path], calendar=Calendar(ZoneInfo("UTC")), minor_digits=2).events()
        return [decoder.purchase(value_of(event, 2), key_of(event), None, NOW_US) for event in events]

    def live(self, first: int, *, number_as_text: bool) -> list[Event]:
        decoder = Decoder(DecoderSettings())
        return [
            decoder.purchase(
                json.dumps(
                    {
                        "event_id": f"evt-{number}",
                        "customer_id": who,
                        "occurred_at": at.isoformat(),
                        "amount": amount,
                        "order_id": number if number_as_text else int(number),
                    }
                ).encode(),
                who.encode(),
                None,
                NOW_US,
            )
            for who, at, amount, number in self.orders[first:]
        ]


def totals(engine: Engine) -> tuple[int, int, int]:
    """Orders and revenue of the customers, and orders in the ledger."""
    customers = engine.customers.values()
    in_periods = sum(unpack(engine.ledger.record(day)).orders for day in engine.ledger.days())
    return sum(c.orders for c in customers), sum(c.revenue_minor for c in customers), in_periods


@pytest.mark.parametrize("number_as_text", [True, False], ids=["order numbers as texts", "as JSON numbers"])
@pytest.mark.parametrize("live_first", [False, True], ids=["history first", "live feed first"])
@pytest.mark.parametrize("seed", [1, 2])
def test_orders_that_come_from_the_history_and_from_the_live_feed_count_once(
    tmp_path: Path, seed: int, live_first: bool, number_as_text: bool
) -> None:
    log, engine = Log(seed), make_engine()
    history, live = log.replayed(tmp_path / "h.csv"), log.live(400, number_as_text=number_as_text)

    for event in [*live, *history] if live_first else [*history, *live]:
        engine.apply(event)

    assert totals(engine) == (500, log.total, 500)
    assert engine.counts.duplicates == 100
