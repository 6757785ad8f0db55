"""A shop that has moved to another time zone and begun anew writes to nobody twice: the absence has another id, and the
deliverer knows it all the same."""

from __future__ import annotations

import asyncio
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.config import Settings
from service.delivery.channel import Result
from service.domain.calendar import DAY_US, HOUR_US, SECOND_US, to_date, utc_text
from service.domain.decision_ids import decision_id, occasion_id
from service.domain.findings import Kind
from tests.support.delivery_world import NOW_US, Life, World, requested

VISIT_US = NOW_US - 20 * DAY_US


def asked(day: int, since_us: int = VISIT_US, customer: str = "anna", *, sample: bool = False) -> bytes:
    """A request about the absence that began on that local day."""
    request_id = decision_id(Kind.WIN_BACK, "remind", day, customer)
    since = utc_text(since_us)
    return requested(request_id, customer, episode_id=to_date(day).isoformat(), quiet_since=since, sample=sample)


def delivered(*requests: bytes, answers: Result = Result.DELIVERED) -> list[tuple[str, str]]:
    """What the server has taken of the requests, each sent before the next is read."""
    world = World(1, answers=lambda _rng: answers)

    async def live() -> None:
        life = Life(world, None)
        for request in requests:
            world.outreach.append(request)
            assert await life.live(4)

    asyncio.run(live())
    return world.sink


ZONES = st.sampled_from(
    ["UTC", "Europe/Paris", "America/New_York", "Asia/Tokyo", "Pacific/Kiritimati", "Etc/GMT+12", "Asia/Kathmandu"]
)
HOURS = st.sampled_from(["00:00", "05:00", "23:00"])


@given(ZONES, ZONES, HOURS, HOURS, st.integers(0, 47))
def test_in_whatever_zone_the_visit_lies_one_message_goes_out(
    zone: str, other: str, begins: str, other_begins: str, hour: int
) -> None:
    at_us = VISIT_US + hour * HOUR_US
    days = [
        Settings().changed(shop={"timezone": name, "day_starts_at": begin}).shop.calendar().day_of(at_us)
        for name, begin in ((zone, begins), (other, other_begins))
    ]

    assert len(delivered(*(asked(day, at_us) for day in days))) == 1


def test_the_local_day_is_another_one_in_another_zone() -> None:
    at = datetime(2027, 1, 1, 23, 30, tzinfo=ZoneInfo("UTC"))
    paris = Settings().changed(shop={"timezone": "Europe/Paris"}).shop.calendar()

    assert (
        paris.day_of(int(at.timestamp()) * SECOND_US)
        == Settings().shop.calendar().day_of(int(at.timestamp()) * SECOND_US) + 1
    )


def test_another_absence_is_written_about_however_near_it_lies() -> None:
    """The message was sent before the customer came again."""
    later_us = NOW_US + DAY_US
    day = VISIT_US // DAY_US

    assert len(delivered(asked(day), asked(day + 1, later_us))) == 2


@pytest.mark.parametrize(
    "other",
    [
        asked(VISIT_US // DAY_US + 1, customer="bert"),
        asked(VISIT_US // DAY_US + 3),
        asked(VISIT_US // DAY_US + 1, sample=True),
        requested(decision_id(Kind.WIN_BACK, "offer", VISIT_US // DAY_US + 1, "anna"), "anna", rung="offer"),
        requested(occasion_id(Kind.MILESTONE, "reached", "10", "anna"), "anna", kind="milestone", rung="reached"),
        requested("somebody-elses-id", "anna", episode_id="2026-12-27"),
    ],
    ids=["another customer", "another week", "a sample", "another rung", "an occasion", "an id of another program"],
)
def test_what_is_another_message_goes_out(other: bytes) -> None:
    assert len(delivered(asked(VISIT_US // DAY_US), other)) == 2


def test_what_never_reached_the_customer_holds_nothing_up() -> None:
    day = VISIT_US // DAY_US
    world = World(1, answers=lambda _rng: Result.FAILED)

    async def live() -> None:
        life = Life(world, None)
        world.outreach.append(asked(day))
        assert await life.live(4)
        world.answers = lambda _rng: Result.DELIVERED
        world.outreach.append(asked(day + 1))
        assert await life.live(4)

    asyncio.run(live())
    assert [customer for _, customer in world.sink] == ["anna"]


def test_what_still_waits_under_its_former_id_goes_out_once() -> None:
    day = VISIT_US // DAY_US
    world = World(1)
    world.outreach = [asked(day), asked(day + 1)]

    async def live() -> None:
        assert await Life(world, None).live(6)
        assert await Life(world, None).live(6)  # and a successor reads both again

    asyncio.run(live())
    assert len(world.sink) == 1
