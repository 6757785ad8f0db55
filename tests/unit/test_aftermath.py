"""A complaint, or mail that comes back late, is written against the message it is about, once, whatever
starts again."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping
from functools import partial

import pytest

from schemas.envelope import DeliveryRecordedEvent
from service.delivery.aftermath import CLOCKS_US, aftermath_of, changed_by
from service.delivery.channel import Result
from service.delivery.memory import Memory, State, pack, unpack
from service.delivery.standings import Standings
from service.domain.calendar import DAY_US, HOUR_US, SECOND_US
from service.domain.events import Erasure, Merge, Profile
from tests.support.delivery_world import CHANNEL, NOW_US, Life, World, requested


def told(customer_id: str, at_us: int, *, outreach_id: str | None = None, bounced: str | None = None) -> Profile:
    """A complaint, unless mail came back."""
    no = None if bounced is not None else False
    complained = bounced is None
    return Profile("e", customer_id, at_us, None, marketing_consent=no, bounced=bounced, complained=complained,
                   outreach_id=outreach_id)  # fmt: skip


def sent(*messages: tuple[str, str], answers: Mapping[str, Result] | None = None) -> World:
    """Messages (id, customer), two hours between them."""
    world = World(1)
    for request_id, customer_id in messages:
        how = (answers or {}).get(request_id, Result.DELIVERED)
        world.answers = partial(_always, how)
        world.outreach.append(requested(request_id, customer_id))
        run(world)
        world.now_us += 2 * HOUR_US
    return world


def _always(how: Result, _rng: random.Random) -> Result:
    return how


def run(world: World, standings: Standings | None = None) -> None:
    """A deliverer starts, reads everything, and has nothing more to do."""

    async def live() -> bool:
        life = Life(world, None, standings=standings)
        await life.reach()
        return await life.live(4)

    assert asyncio.run(live())


def states(world: World) -> dict[str, str]:
    memory = world.memory()
    return {one: entry.state.value for one, entry in memory._entries.items()}


def test_a_complaint_is_about_the_last_message_that_was_delivered_by_then() -> None:
    world = sent(("a", "c1"), ("b", "c1"), ("x", "c2"))
    at_us = world.now_us
    world.customers.append(told("c1", at_us))
    run(world)
    entry = world.memory().get("b")

    assert states(world) == {"a": "delivered", "b": "complained", "x": "delivered"}
    assert entry is not None
    assert (entry.reason, entry.at_us) == ("complaint", at_us)
    assert entry.delivered_us is not None
    assert entry.delivered_us < at_us - HOUR_US


def test_what_is_read_again_at_each_start_changes_nothing_more() -> None:
    world = sent(("a", "c1"), ("b", "c1"), ("c", "c1"))
    world.customers += [told("c1", world.now_us), told("c1", world.now_us + 1, bounced="")]
    run(world)
    written = len(world.deliveries)
    for _ in range(3):
        run(world)

    assert states(world) == {"a": "delivered", "b": "delivered", "c": "complained"}
    assert len(world.deliveries) == written


def test_what_was_said_before_the_partition_came_here_is_not_lost() -> None:
    world = sent(("a", "c1"))
    standings = Standings()
    standings.take(told("c1", world.now_us))
    run(world, standings)

    assert states(world) == {"a": "complained"}


@pytest.mark.parametrize("name", ["a", "q-a"], ids=["ours", "that of the mail server"])
def test_the_message_that_is_named_is_the_one(name: str) -> None:
    world = sent(("a", "c1"), ("b", "c1"))
    world.customers.append(told("c1", world.now_us, outreach_id=name))
    run(world)

    assert states(world) == {"a": "complained", "b": "delivered"}


@pytest.mark.parametrize("outreach_id", ["x", "unheard of"])
def test_a_name_of_no_message_to_this_customer_changes_nothing(outreach_id: str) -> None:
    world = sent(("a", "c1"), ("x", "c2"))
    world.customers.append(told("c1", world.now_us, outreach_id=outreach_id))
    run(world)

    assert states(world) == {"a": "delivered", "x": "delivered"}


def test_who_is_erased_cannot_be_found_at_the_provider_either() -> None:
    world = sent(("a", "c1"))
    before = world.memory().get("a")
    world.customers.append(Erasure("e", "c1", world.now_us))
    run(world)
    after = world.memory().get("a")

    assert before is not None
    assert after is not None
    assert (before.customer_id, before.provider_id) == ("c1", "q-a")
    assert (after.customer_id, after.provider_id, after.state) == (None, None, State.DELIVERED)


def test_mail_that_comes_back_late_turns_the_last_message_into_a_bounce() -> None:
    world = sent(("a", "c1"), ("b", "c1"))
    world.customers.append(told("c1", world.now_us, bounced="c1@example.org"))
    run(world)
    entry = world.memory().get("b")

    assert states(world) == {"a": "delivered", "b": "bounced"}
    assert entry is not None
    assert entry.reason == "late_bounce"


def test_a_message_that_bounced_at_once_does_not_make_the_one_before_it_a_bounce() -> None:
    world = sent(("a", "c1"), ("b", "c1"), answers={"b": Result.BOUNCED})
    bounced_us = world.now_us - 2 * HOUR_US
    world.customers += [
        told("c1", bounced_us, bounced="c1@example.org"),
        told("c1", bounced_us, outreach_id="b", bounced=""),
    ]
    run(world)

    assert states(world) == {"a": "delivered", "b": "bounced"}


def test_news_that_is_older_than_the_message_is_about_another_one() -> None:
    world = sent(("a", "c1"))
    entry = world.memory().get("a")
    assert entry is not None
    world.customers.append(told("c1", entry.at_us - CLOCKS_US - 1, bounced=""))
    run(world)
    before = states(world)
    world.customers.append(told("c1", entry.at_us - CLOCKS_US, bounced=""))
    run(world)

    assert before == {"a": "delivered"}
    assert states(world) == {"a": "bounced"}


def test_two_ids_of_one_person_are_one() -> None:
    world = sent(("a", "old"))
    world.customers += [Merge("m", "old", world.now_us, "new"), told("new", world.now_us + 1)]  # type: ignore[list-item]
    run(world)

    assert states(world) == {"a": "complained"}


def test_who_is_erased_is_not_asked_about_again() -> None:
    world = sent(("a", "c1"))
    world.customers += [told("c1", world.now_us), Erasure("e", "c1", world.now_us), told("c1", world.now_us + 5)]
    run(world)
    entry = world.memory().get("a")

    assert entry is not None
    assert entry.customer_id is None


def test_news_that_was_sooner_than_the_record_of_the_end_is_looked_at_again() -> None:
    world = World(1)
    world.outreach.append(requested("a", "c1"))

    async def live() -> None:
        life = Life(world, None)

        send = life.send

        async def sends(order: object) -> object:
            world.customers.append(told("c1", world.now_us, outreach_id="a", bounced=""))
            return await send(order)  # type: ignore[arg-type]

        life.send = sends  # type: ignore[method-assign, assignment]
        assert await life.live(4)

    asyncio.run(live())
    run(world)

    assert states(world) == {"a": "bounced"}


def test_news_older_than_requests_are_kept_changes_nothing() -> None:
    world = sent(("a", "c1"))
    world.customers.append(told("c1", world.now_us))
    world.now_us += 30 * DAY_US + SECOND_US
    run(world)

    assert states(world) == {"a": "delivered"}


def test_a_bounce_is_no_news_of_a_webhook_and_a_complaint_is() -> None:
    world = sent(("a", "c1"))
    entry = world.memory().get("a")
    assert entry is not None
    memory = Memory("webhook", 30 * DAY_US)
    memory.put("a", entry)
    bounce, complaint = (aftermath_of(told("c1", world.now_us, bounced=said)) for said in ("", None))
    assert bounce is not None
    assert complaint is not None

    assert changed_by(bounce, memory, ["c1"], world.now_us) is None
    changed = changed_by(complaint, memory, ["c1"], world.now_us)
    assert changed is not None
    assert changed[1].state is State.COMPLAINED


def test_the_record_says_when_it_was_delivered_and_is_as_its_schema_says() -> None:
    world = sent(("a", "c1"))
    world.customers.append(told("c1", world.now_us))
    run(world)
    entry = world.memory().get("a")
    assert entry is not None
    value = pack(CHANNEL, "a", entry)
    event = DeliveryRecordedEvent.model_validate_json(value)

    assert unpack(value) == (CHANNEL, "a", entry)
    assert (event.data.state, event.data.reason) == ("complained", "complaint")
    assert event.data.delivered_at is not None
    assert entry.at_us > NOW_US
