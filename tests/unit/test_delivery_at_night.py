"""A mail server that was away until the night: what waited is sent in the morning of the customer's own zone."""

from __future__ import annotations

import random
from datetime import UTC, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest

from service.delivery.channel import Order, Result
from service.delivery.memory import State
from service.delivery.requests import read_request
from service.domain.calendar import MINUTE_US, SECOND_US, to_datetime, to_us
from service.domain.events import Profile
from service.domain.findings import Outcome
from service.domain.policy import ConsentRule, Measure, OutreachPolicy, QuietTimes
from service.domain.quiet_times import Quiet
from service.wire.encoder import Encoder, EncoderSettings, TopicKind
from tests.support.delivery_world import Life, World, cancelled, requested
from tests.support.engines import at, decisions, make_engine, purchase

NIGHT = Quiet(QuietTimes(time(21), time(9)), ZoneInfo("Europe/Paris"))
EVENING_US = to_us(datetime(2026, 11, 27, 19, 50, tzinfo=UTC))
"""In Paris ten minutes to nine."""


class Evening:
    """A deliverer from ten to nine on; its mail server takes nothing before nine."""

    def __init__(self, *requests: bytes) -> None:
        self.world = World(1, answers=self._answer, outreach=list(requests), now_us=EVENING_US)
        self.taken: list[datetime] = []
        """In UTC."""

    def _answer(self, _rng: random.Random) -> Result:
        if self.world.now_us < EVENING_US + 10 * MINUTE_US:
            return Result.RETRY
        self.taken.append(to_datetime(self.world.now_us))
        return Result.DELIVERED

    async def until_noon(self) -> None:
        life = Life(self.world, None, quiet=NIGHT)
        for _ in range(16 * 60):
            await life.live(1)
            self.world.now_us += 58 * SECOND_US

    def state(self, request_id: str) -> tuple[State, str]:
        entry = self.world.memory().get(request_id)
        assert entry is not None
        return entry.state, entry.reason


@pytest.mark.parametrize(
    ("zone", "minute"),
    [
        ({}, "2026-11-28T08:00"),  # the shop's own: nine in Paris
        ({"timezone": None}, "2026-11-28T08:00"),
        ({"timezone": "Not/AZone"}, "2026-11-28T08:00"),
        ({"timezone": "Europe/London"}, "2026-11-27T20:00"),  # eight in the evening there: still time
        ({"timezone": "Asia/Tokyo"}, "2026-11-28T00:00"),
    ],
)
async def test_what_waited_into_the_night_is_sent_in_the_morning(zone: dict[str, Any], minute: str) -> None:
    evening = Evening(requested("r1", "c1", **zone))

    await evening.until_noon()

    (at,) = evening.taken
    expected = datetime.fromisoformat(f"{minute}:00+00:00")
    assert 0 <= (at - expected).total_seconds() <= 120


@pytest.mark.parametrize(
    ("own", "told"), [(None, "Asia/Tokyo"), ("Europe/London", "Europe/London"), ("Europe/Atlantis", "Asia/Tokyo")]
)
def test_a_request_says_by_whose_clock_its_customer_lives(own: str | None, told: str) -> None:
    """Their own, else that of their store: whoever delivers it knows nothing of stores."""
    policy = OutreachPolicy(
        measure=Measure.PROBABILITY,
        level=0.05,
        consent=ConsentRule.EXTERNAL,
        quiet=QuietTimes(store_zones=(("tokyo", "Asia/Tokyo"),)),
    )
    engine = make_engine(policy)
    if own is not None:
        engine.apply(Profile("says", "a", at(0.0), timezone=own))
    for week in range(8):
        engine.apply(msgspec.structs.replace(purchase("a", 7.0 * week + 0.5), source="tokyo"))
    for day in range(51, 120):
        engine.apply(purchase(f"other {day}", float(day)))
    released = [made for made in decisions(engine.drain().outputs) if made.outcome is Outcome.RELEASED]

    requests = [
        read_request(record.value)
        for made in released
        for record in Encoder(EncoderSettings()).encode(made)
        if record.topic is TopicKind.OUTREACH
    ]

    assert requests
    assert {order.data["timezone"] for order in requests if isinstance(order, Order)} == {told}


async def test_a_sample_is_sent_at_any_hour() -> None:
    evening = Evening(requested("r1", "c1", sample=True))

    await evening.until_noon()

    assert [at.hour for at in evening.taken] == [20]


async def test_what_expires_at_night_is_not_sent_and_what_is_taken_back_ends_at_once() -> None:
    night_us = EVENING_US + 180 * MINUTE_US
    evening = Evening(requested("r1", "c1", expires_us=night_us), requested("r2", "c2"), cancelled("r2", "c2"))

    await evening.until_noon()

    assert evening.taken == []
    assert evening.state("r1") == (State.EXPIRED, "expired")
    assert evening.state("r2") == (State.CANCELLED, "returned")
