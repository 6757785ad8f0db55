"""What an owner asks beside who is at risk: which store loses regulars, what comes due tonight, who has looked at whom,
whether purchases arrive."""

from __future__ import annotations

from collections.abc import Generator
from datetime import timedelta

import msgspec

from service.domain.calendar import DAY_US
from service.web.coming import MOST, Coming, coming_of, in_bits
from service.web.people.stores import Beside, stores_of
from service.web.seen import Look, Seen
from tests.support.engines import START_US, make_engine, purchase
from tests.support.made_up_people import NOW, SIGNED, FakePeople, a_few, client_of, coming_of_tonight
from tests.support.made_up_shop import SETTINGS
from tests.unit.test_web_people import READER, READING, proof_in, signed_in, told


def two_stores() -> FakePeople:
    """The north has lost 12 of 40 regulars, the south 2 of 40."""
    people = FakePeople()
    for number in range(40):
        gone = "lost" if number < 3 else "quiet" if number < 12 else "regular"
        people.scores(f"n-{number}", silent_days=3.0, segment=gone, value_at_risk="10.00", store="north")
        people.scores(f"s-{number}", silent_days=3.0, segment="quiet" if number < 2 else "vip", store="south")
    people.scores("once", visits=1, segment="lost", store="south")
    people.scores("long-ago", silent_days=400.0, segment="lost", store="south")
    return people


def test_a_store_that_loses_more_regulars_than_the_others_stands_out() -> None:
    north, south = stores_of(two_stores().roll, 4)

    assert (north.store, north.regulars, north.quiet, north.lost, north.share) == ("north", 40, 9, 3, 0.3)
    assert (north.value_at_risk, north.beside) == (90.0, Beside.WORSE.value)
    assert (south.regulars, south.quiet, south.lost, south.beside) == (40, 2, 0, Beside.BETTER.value)


async def test_the_page_of_the_stores_and_its_api_name_the_one_that_loses_most() -> None:
    async with client_of(two_stores()) as client:
        closed = await client.get("/api/v1/stores")
        found = (await client.get("/api/v1/stores", headers=SIGNED)).json()
        await signed_in(client)
        page = told(await client.get("/stores"))

    assert closed.status_code == 401
    assert [each["store"] for each in found["stores"]] == ["north", "south"]
    assert "north loses the most: 12 of 40 regulars (30.0%)" in page


async def test_a_shop_without_stores_is_told_what_to_send() -> None:
    people = FakePeople()
    people.scores("c-1", store=None)
    async with client_of(people) as client:
        await signed_in(client)

        assert "Send store_id" in told(await client.get("/stores"))


def whole_of(bits: Generator[None, None, bytes]) -> tuple[bytes, int]:
    """What it gives in the end, and after how many bits."""
    count = 0
    while True:
        try:
            next(bits)
        except StopIteration as end:
            found: bytes = end.value
            return found, count
        count += 1


def test_of_more_than_can_be_named_the_others_are_counted_by_the_hour_and_never_in_one_go() -> None:
    engine, crowd = make_engine(), MOST + 200
    for visit in range(5):
        for each in range(crowd):
            engine.apply(purchase(f"{each:05d}", 7.0 * visit + each / crowd / 2))
    due_us = sorted(engine.ladder.rungs_ahead(each)[0][1] for each in engine.customers.values())
    now_us = due_us[0] - DAY_US // 24

    told, bits = whole_of(in_bits([engine], now_us, 1))

    coming, hour_us = coming_of(told), DAY_US // 24
    expected = [0] * 25
    for each in due_us[MOST:]:
        if each < now_us + DAY_US:
            expected[(each - now_us + now_us % hour_us) // hour_us] += 1
    assert not coming.whole
    assert len(coming.due) <= MOST
    assert sum(expected) > 100
    assert list(coming.beyond) == expected
    assert bits > crowd / 100


async def test_the_page_counts_those_whom_it_cannot_name() -> None:
    people = a_few()
    people.ahead = msgspec.structs.replace(coming_of_tonight(), whole=False, beyond=(0,) * 7 + (1_200, 30) + (0,) * 16)
    async with client_of(people) as client:
        await signed_in(client)
        page = told(await client.get("/coming"))

    assert ": 1,232 people; waiting: 1." in page
    assert "and 1,200 more" in page
    assert "More come due than can be named here" in page


def test_what_comes_due_within_a_day_is_what_the_engine_would_look_at() -> None:
    engine = make_engine()
    for visit in range(8):
        engine.apply(purchase("a", 7.0 * visit))
    (due,) = engine.ladder.rungs_ahead(engine.customers["a"])[:1]
    before_us, within_us = due[1] - 2 * DAY_US, due[1] - DAY_US // 2

    early = coming_of(whole_of(in_bits([engine], before_us, 1))[0])
    engine.advance(within_us, within_us)
    late = coming_of(whole_of(in_bits([engine], within_us, 2))[0])

    assert due[1] > START_US
    assert early.due == ()
    assert [(each.customer_id, each.step) for each in late.due] == [("a", due[0])]
    assert (late.whole, late.partial, early.partial) == (True, True, False)
    assert late.due[0].at - late.now == timedelta(hours=12)


async def test_the_next_hours_tell_who_comes_due_when_and_what_holds_it() -> None:
    people = a_few()
    people.ahead = coming_of_tonight()
    settings = SETTINGS.changed(outreach={"quiet_hours": "21:00-09:00"})
    async with client_of(people, settings) as client:
        found = (await client.get("/api/v1/coming", headers=SIGNED)).json()
        await signed_in(client)
        page = told(await client.get("/coming?lang=fr"))
        english = told(await client.get("/coming"))

    assert msgspec.convert(found, Coming, strict=False) == people.ahead
    assert "entre 21:00 et 09:00" in page
    assert ": 2 people; waiting: 1." in english
    assert "jeu. 22:00 1 – c-2 échéance « incentive »" in page
    assert "Other workers hold the other customers" in english


async def test_a_worker_that_does_not_say_what_comes_next_is_named() -> None:
    async with client_of(a_few()) as client:
        refused = await client.get("/api/v1/coming", headers=SIGNED)
        await signed_in(client)
        page = told(await client.get("/coming"))

    assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")
    assert "it does not answer just now" in page


async def test_who_has_looked_at_somebody_stands_on_their_page_for_the_owner_alone() -> None:
    async with client_of(a_few(), READING) as client:
        await signed_in(client, READER)
        reading = told(await client.get("/people/one?id=c-1"))
        reader = await client.get("/api/v1/customers/c-1/looks", headers={"authorization": f"Bearer {READER}"})
        owner = (await client.get("/api/v1/customers/c-1/looks", headers=SIGNED)).json()
        await signed_in(client)
        page = told(await client.get("/people/one?id=c-1"))
        nobody = await client.get("/api/v1/customers/nobody/looks", headers=SIGNED)

    assert "on this worker’s page" not in reading
    assert (reader.status_code, nobody.status_code) == (403, 404)
    assert [(each["who"], each["path"]) for each in owner["looks"]] == [("till", "/people/one")]
    assert "/people/one · 127.0.0.1 till" in page
    assert f"that hold {owner['in_log']}" in page


def test_what_is_seen_is_bounded_and_says_since_when_it_is_whole() -> None:
    seen, first, second = Seen(most=3), "f" * 16, "0" * 16
    began = seen.since_s
    for minute in range(3):
        seen.note(Look(began + 60.0 * minute, "till", "::1", "/people"), [first, second])

    assert [each.at_s - began for each in seen.of(first)] == [120.0]
    assert seen.since_s == began + 60.0
    assert seen.of("1" * 16) == []


async def test_whoever_is_searched_is_found_also_among_those_who_are_well() -> None:
    async with client_of(a_few()) as client:
        await signed_in(client)
        today = (await client.get("/today")).text
        narrow = await client.get("/people?q=c-4")
        wide = await client.get("/people?segment=all&q=c-4")

    assert '<input type="hidden" name="segment" value="all">' in today
    assert "Look among everybody: 1 person" in told(narrow)
    assert "Look among everybody" not in told(wide)


async def test_every_page_of_persons_says_whether_purchases_arrive() -> None:
    async with client_of(a_few()) as client:
        newest = (await client.get("/api/v1/today", headers=SIGNED)).json()["newest_visit_at"]
        await signed_in(client)
        pages = [(await client.get(path)).text for path in ("/today", "/people", "/stores", "/coming")]

    assert newest == (NOW - timedelta(days=2)).strftime("%Y-%m-%dT%H:%M:%SZ")
    assert all('class="condition live"' in page for page in pages)
    assert "newest purchase" in pages[0]


async def test_who_has_been_forgotten_is_told_so_although_nobody_is_known_by_then() -> None:
    people = a_few()
    async with client_of(people) as client:
        await signed_in(client)
        proof = proof_in(await client.get("/people/one?id=c-1"))
        done = await client.post("/people/one/forget", data={"id": "c-1", "sure": "yes", "proof": proof})
        people.roll.take_scores(b"c-1", None)
        page = await client.get(done.headers["location"])

    assert (page.status_code, "is being erased" in told(page)) == (200, True)
