"""Of each customer the newest scores are posted, one at a time, and nothing that was read is lost by a crash."""

from __future__ import annotations

import random

import msgspec
import pytest

from schemas.envelope import CustomerRemovedEvent
from service.delivery.channel import Attempt, Result
from service.delivery.pace import Backoff
from service.delivery.score_desk import REMOVED, ScoreDesk, event_of

DONE, AGAIN, REFUSED = Attempt(Result.DELIVERED), Attempt(Result.RETRY), Attempt(Result.FAILED)


def desk() -> ScoreDesk:
    return ScoreDesk(Backoff(5.0, 60.0), lambda: 0.0, 0)


def test_newer_scores_take_the_place_of_those_that_wait() -> None:
    one = desk()
    for offset in range(3):
        one.take(offset, b"c1", {"n": offset})

    assert one.due(0, 10) == [(b"c1", {"n": 2})]
    assert one.committable == 0
    one.end(b"c1", DONE, 0)
    assert (one.committable, len(one)) == (3, 0)


def test_what_comes_while_older_scores_are_on_their_way_follows_them() -> None:
    one = desk()
    one.take(0, b"c1", {"n": 0})
    one.due(0, 10)
    one.take(1, b"c1", {"n": 1})
    one.take(2, b"c1", {"n": 2})

    assert one.due(0, 10) == [], "one at a time"
    one.end(b"c1", DONE, 0)
    assert one.committable == 1
    assert one.due(0, 10) == [(b"c1", {"n": 2})]


def test_what_did_not_go_is_tried_again_later_with_what_is_newest_then() -> None:
    one = desk()
    one.take(0, b"c1", {"n": 0})
    one.due(0, 10)
    one.take(1, b"c1", {"n": 1})
    one.end(b"c1", AGAIN, 0)

    assert one.due(4_999_999, 10) == []
    assert one.committable == 0
    assert one.due(5_000_000, 10) == [(b"c1", {"n": 1})]
    one.end(b"c1", Attempt(Result.RETRY, "", 100.0), 5_000_000)
    assert one.next_us() == 105_000_000


def test_scores_that_are_refused_hold_nobody_up() -> None:
    one = desk()
    one.take(0, b"c1", {})
    one.take(1, b"c2", {})
    one.due(0, 1)
    one.end(b"c1", REFUSED, 0)

    assert one.committable == 1


@pytest.mark.parametrize("seed", range(20))
def test_whenever_it_dies_the_newest_scores_of_everybody_arrive(seed: int) -> None:
    rng = random.Random(seed)
    topic = [(b"c%d" % rng.randrange(5), {"n": number}) for number in range(60)]
    crm: dict[bytes, int] = {}
    committed = 0
    while committed < len(topic):
        life, read, under_way = ScoreDesk(Backoff(0.5, 2.0), rng.random, committed), committed, list[bytes]()
        of_this_life: dict[bytes, int] = {}
        for now_us in range(0, rng.randrange(1, 400) * 100_000, 100_000):
            if read < len(topic) and rng.random() < 0.6:
                life.take(read, *topic[read])
                read += 1
            for key, event in life.due(now_us, 3):
                under_way.append(key)
                posted = event["n"]
                assert posted >= of_this_life.get(key, -1), "in order"
                crm[key] = of_this_life[key] = posted
            if under_way and rng.random() < 0.7:
                key = under_way.pop(rng.randrange(len(under_way)))
                life.end(key, rng.choice((DONE, DONE, AGAIN)), now_us)
            assert life.committable >= committed
            if rng.random() < 0.2:
                committed = life.committable

    assert crm == {key: event["n"] for key, event in topic}


def test_a_tombstone_becomes_an_event() -> None:
    event = event_of(3, 17, "Zoë".encode(), None, 1_767_258_000_000)

    assert (event["type"], event["id"], event["data"]) == (REMOVED, "customer.removed.3.17", {"customer_id": "Zoë"})
    assert event["time"].startswith("2026-01-01T09:00:00")


@pytest.mark.parametrize("value", [b"", b"nonsense", b"[]", b"{}", b'{"id": 1, "data": {}}', b'{"id": "x"}', b"\xff"])
def test_what_is_no_event_is_told(value: bytes) -> None:
    with pytest.raises(ValueError):
        event_of(0, 0, b"c1", value, 0)


def test_the_event_of_a_customer_who_is_gone_is_as_its_schema_says() -> None:
    event = event_of(3, 17, b"anna", None, 1_700_000_000_000)

    told = CustomerRemovedEvent.model_validate_json(msgspec.json.encode(event))

    assert (told.subject, told.data.customer_id) == ("anna", "anna")
