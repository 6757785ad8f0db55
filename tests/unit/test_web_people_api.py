"""The API about persons, and the roll that it answers from."""

from __future__ import annotations

import httpx
import pytest
from fastapi import HTTPException
from pydantic import SecretStr
from structlog.testing import capture_logs

from service.errors import ConfigurationError
from service.web.cursors import Cursors
from service.web.people.heard import MOST_DECISIONS
from service.web.people.query import EVERYBODY, Query, Sort, find
from service.web.people.roll import Roll
from service.web.people.today import today_of
from tests.support.made_up_people import NOW, SIGNED, FakePeople, a_few, client_of, decision, scored
from tests.support.made_up_shop import SETTINGS

CURSORS = Cursors(b"key")


def ids(answer: httpx.Response) -> list[str]:
    return [each["customer_id"] for each in answer.json()["customers"]]


# ---- the roll


def test_who_is_erased_leaves_with_everything_that_is_known_of_them_and_the_row_is_used_again() -> None:
    people = a_few()
    roll = people.roll

    roll.take_scores(b"c-1", None)

    assert "c-1" not in roll
    assert (roll.standing("c-1"), roll.name_of("c-1"), roll.places_of("c-1")) == (None, None, [])
    people.scores("c-9", store="east")
    assert len(roll) == 5
    assert find(roll, Query(store="east"), CURSORS, None, 10).ids == ["c-9"]
    assert "Wilhelmina" not in repr(vars(roll))


def test_decisions_about_people_without_a_record_are_forgotten_once_all_is_read() -> None:
    roll = Roll(wall_clock=False)
    roll.take_decision(0, 0, decision("gone"))
    roll.take_scores(b"c-1", scored("c-1"))
    roll.take_decision(0, 1, decision("c-1"))

    roll.complete()

    assert roll.places_of("gone") == []
    assert roll.places_of("c-1") == [(0, 1)]


def test_the_newest_decision_counts_whatever_the_order_of_the_partitions() -> None:
    roll = Roll(wall_clock=False)
    roll.take_scores(b"c-1", scored("c-1"))
    roll.take_decision(1, 7, decision("c-1", 1.0, outcome="released"))
    roll.take_decision(0, 3, decision("c-1", 9.0, outcome="deferred"))

    last = roll.last_decision("c-1")
    assert last is not None
    assert last.outcome == "released"
    assert roll.places_of("c-1") == [(1, 7), (0, 3)]


@pytest.mark.parametrize(
    ("kind", "silent_days", "stands"),
    [
        ("win_back", 20.0, ("deferred", "release_rate")),
        ("win_back", 2.0, ("cancelled", "returned")),
        ("second_visit", 2.0, ("cancelled", "returned")),
        ("milestone", 2.0, ("deferred", "release_rate")),
    ],
)
def test_what_waited_for_the_end_of_a_silence_is_withdrawn_by_the_visit_that_ended_it(
    kind: str, silent_days: float, stands: tuple[str, str]
) -> None:
    """No record says so: a visit before the release drops the message silently."""
    roll = Roll(wall_clock=False)
    roll.take_decision(0, 0, decision("c-1", kind=kind, outcome="deferred", reason="release_rate"))
    roll.take_scores(b"c-1", scored("c-1", silent_days=silent_days))

    last = roll.last_decision("c-1")
    assert last is not None
    assert (last.outcome, last.reason) == stands
    assert today_of(roll).waiting == (stands[0] == "deferred")


def test_of_one_customer_the_newest_decisions_alone_are_kept_in_mind() -> None:
    roll = Roll(wall_clock=False)
    for offset in range(MOST_DECISIONS + 5):
        roll.take_decision(0, offset, decision("c-1"))

    assert [offset for _, offset in roll.places_of("c-1")] == list(range(5, MOST_DECISIONS + 5))


@pytest.mark.parametrize("value", [b"", b"{", b"[]", b'{"data": {}}', b'{"data": {"customer_id": 3}}'])
def test_records_of_another_make_are_counted_and_passed_over(value: bytes) -> None:
    roll = Roll(wall_clock=False)

    roll.take_scores(b"c-1", value)
    roll.take_decision(0, 0, value)

    assert (len(roll), roll.unreadable) == (0, 2)


def test_a_record_of_before_store_and_days_were_told_is_read() -> None:
    old = scored("c-1").replace(b'"store"', b'"x1"').replace(b'"visit_days"', b'"x2"').replace(b'"answers"', b'"x3"')
    roll = Roll(wall_clock=False)

    roll.take_scores(b"c-1", old)

    standing = roll.standing("c-1")
    assert standing is not None
    assert (standing.store, standing.days, standing.answers) == (None, (), ())


def test_in_a_replay_it_is_as_late_as_was_told() -> None:
    assert a_few().roll.now_s == int(NOW.timestamp())


@pytest.mark.parametrize("sort", list(Sort))
@pytest.mark.parametrize("limit", [1, 2, 3, 7, 100])
def test_pages_of_any_length_make_up_the_whole_list_and_unknown_values_come_last(sort: Sort, limit: int) -> None:
    people = FakePeople()
    for number in range(30):
        people.scores(
            f"c-{number:02}",
            silent_days=float(number % 7 + 1),
            value_at_risk=None if number % 5 == 0 else f"{number % 4}.10",
            health=None if number % 6 == 0 else float(number % 9) + 0.1,
        )
    query, seen, cursor = Query(segment=EVERYBODY, sort=sort), list[str](), None
    while True:
        found = find(people.roll, query, CURSORS, cursor, limit)
        seen += found.ids
        cursor = found.following
        if cursor is None:
            break

    assert seen == find(people.roll, query, CURSORS, None, 1_000).ids
    assert sorted(seen) == [f"c-{number:02}" for number in range(30)]
    known = [people.roll.standing(each) for each in seen]
    if sort is Sort.VALUE:
        assert [each.value_at_risk is None for each in known if each] == [False] * 24 + [True] * 6
    if sort is Sort.HEALTH:
        assert [each.health is None for each in known if each] == [False] * 25 + [True] * 5


def test_a_cursor_of_another_list_is_refused() -> None:
    roll = a_few().roll
    cursor = find(roll, Query(), CURSORS, None, 1).following

    with pytest.raises(HTTPException):
        find(roll, Query(sort=Sort.HEALTH), CURSORS, cursor, 1)


# ---- the API


async def test_customers_are_listed_with_filters_and_cursors() -> None:
    async with client_of(a_few(), headers=SIGNED) as client:
        first = await client.get("/api/v1/customers?limit=2")
        second = await client.get(f"/api/v1/customers?limit=2&cursor={first.json()['next']}")
        filtered = await client.get("/api/v1/customers?segment=all&outcome=converted")

    assert (ids(first), ids(second), second.json()["next"]) == (["c-1", "c-3"], ["c-2"], None)
    assert (first.json()["total"], first.json()["value_at_risk"]) == (3, 640.0)
    assert ids(filtered) == ["c-4"]
    assert first.json()["customers"][0]["last_decision"]["outcome"] == "released"
    assert first.json()["customers"][0]["silence_days"] == 20.0


async def test_one_customer_comes_with_decisions_and_what_the_worker_knows() -> None:
    people = a_few()
    people.details["c-1"] = {"partition": 0}
    async with client_of(people, headers=SIGNED) as client:
        answer = await client.get("/api/v1/customers/c-1")
        again = await client.get("/api/v1/customers/c-1", headers={"if-none-match": answer.headers["etag"]})
        unknown = await client.get("/api/v1/customers/nobody")

    told = answer.json()
    assert [each["outcome"] for each in told["decisions"]] == ["released", "deferred"]
    assert told["detail"] == {"partition": 0}
    assert told["customer"]["health_parts"][0] == {"name": "recency", "points": 20.0, "of": 62.0}
    assert again.status_code == 304
    assert (unknown.status_code, unknown.headers["content-type"]) == (404, "application/problem+json")


@pytest.mark.parametrize("customer_id", ["a/b", "a b", "é?#%", "a/forget", "..%2f"])
async def test_whatever_an_id_holds_it_is_found_percent_encoded(customer_id: str) -> None:
    people = FakePeople()
    people.scores(customer_id)
    async with client_of(people, headers=SIGNED) as client:
        answer = await client.get("/api/v1/customers/" + "".join(f"%{byte:02X}" for byte in customer_id.encode()))

    assert answer.json()["customer"]["customer_id"] == customer_id


async def test_a_view_of_one_customer_is_on_record_without_the_id_in_its_path() -> None:
    with capture_logs() as logged:
        async with client_of(a_few(), headers=SIGNED) as client:
            await client.get("/api/v1/customers/c-1")

    assert [line["path"] for line in logged] == ["/api/v1/customers/{customer_id:path}"]
    assert "c-1" not in str(logged)


async def test_nothing_is_told_before_everybody_is_known() -> None:
    people = a_few()
    people.roll.known = False
    async with client_of(people, headers=SIGNED) as client:
        for path in ("/api/v1/today", "/api/v1/customers", "/api/v1/customers/c-1"):
            assert (await client.get(path)).status_code == 503


@pytest.mark.parametrize("action", ["do-not-contact", "forget"])
async def test_what_changes_something_takes_a_header_of_that_scope_and_no_cookie(action: str) -> None:
    people, reader = a_few(), "a-token-that-only-reads"
    settings = SETTINGS.changed(web={"tokens": [{"name": "r", "token": SecretStr(reader), "scopes": ["persons"]}]})
    address = f"/api/v1/customers/c-1/{action}"
    async with client_of(people, settings) as client:
        await client.post("/sign-in", data={"token": SIGNED["authorization"].removeprefix("Bearer ")})
        by_cookie = await client.post(address)
        by_reader = await client.post(address, headers={"authorization": f"Bearer {reader}"})
        unknown = await client.post(address.replace("c-1", "nobody"), headers=SIGNED)
        assert people.said == []
        done = await client.post(address, headers=SIGNED)

    assert [each.status_code for each in (by_cookie, by_reader, unknown, done)] == [401, 403, 404, 202]
    assert people.said == [(action.replace("-", "_"), "c-1")]


async def test_what_is_held_of_a_person_is_given_to_who_may_change_it_and_why_not_is_said() -> None:
    people = a_few()
    async with client_of(people, headers=SIGNED) as client:
        held = await client.get("/api/v1/customers/c-1/export")
        people.failure = ConfigurationError("No Kafka broker answers.")
        failed = await client.get("/api/v1/customers/c-1/export")

    assert held.json() == {"customer_id": "c-1", "purchases": []}
    assert (failed.status_code, failed.json()["detail"]) == (503, "No Kafka broker answers.")
