"""The purchase history: packed entries, sealed chunks, look-ups, and what a customer with very many purchases costs."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.domain.calendar import DAY_US
from service.domain.changelog import CHUNK_PREFIX, chunk_key, chunk_of_key
from service.domain.customer import Customer
from service.domain.engine import Engine
from service.domain.events import Erasure, Event, Purchase, Survey, SurveyAnswer
from service.domain.hashed_ids import ID_BYTES, NO_ID, PURCHASE_SEED, event_hash, order_hash
from service.domain.purchase_history import (
    BOUGHT,
    GIVEN_BACK,
    SAID,
    Entry,
    booked_by,
    entries_of,
    knows,
    next_place,
    related,
    remember,
    rewrite,
)
from service.domain.sealed_chunks import CHUNK, appended, of_order_memory, rows_of
from tests.support.engines import Changelog, apply_all, at, make_engine, whole_state

HASHES = st.one_of(st.just(NO_ID), st.integers(1, 9).map(lambda n: n.to_bytes(ID_BYTES, "big")))
ROWS = st.tuples(
    HASHES,
    HASHES,
    st.integers(-(1 << 53), (1 << 53) - 1),
    st.one_of(st.integers(0, 70_000), st.integers(0, (1 << 64) - 1)),
    st.sampled_from([BOUGHT, GIVEN_BACK, SAID]),
)


@settings(deadline=None)
@given(rows=st.lists(ROWS, max_size=CHUNK))
def test_a_chunk_gives_back_what_was_put_in(rows: list[tuple[bytes, bytes, int, int, int]]) -> None:
    chunk = b""
    for row in rows:
        chunk = appended(chunk, *row)

    assert rows_of(chunk) == rows


def test_an_ordinary_purchase_takes_19_bytes() -> None:
    chunk = appended(b"", NO_ID, NO_ID, at(1), 65_535, BOUGHT)

    assert len(appended(chunk, NO_ID, NO_ID, at(2), 100, BOUGHT)) == 1 + 2 * 19
    assert len(appended(chunk, NO_ID, NO_ID, at(2), 65_536, BOUGHT)) == 1 + 2 * 20


@pytest.mark.parametrize("at_us", [-(1 << 60), 1 << 60])
def test_a_time_of_no_calendar_lies_at_the_bound(at_us: int) -> None:
    ((_, _, kept, _, _),) = rows_of(appended(b"", NO_ID, NO_ID, at_us, 1, BOUGHT))

    assert abs(kept) in {1 << 53, (1 << 53) - 1}


def test_orders_of_an_earlier_release_are_entries_without_an_event() -> None:
    memory = at(1).to_bytes(7, "big") + (1250).to_bytes(6, "big") + b"order1"

    assert rows_of(of_order_memory(memory)) == [(NO_ID, b"order", at(1), 1250, BOUGHT)]


@settings(deadline=None, max_examples=30)
@given(
    ids=st.lists(st.tuples(st.integers(0, 400), st.integers(0, 60)), max_size=400),
    days=st.integers(1, 40),
)
def test_look_ups_equal_a_reading_of_all_entries_however_many_there_are(ids: list[tuple[int, int]], days: int) -> None:
    customer, model = Customer("a"), list[Entry]()
    for place, (event, order) in enumerate(ids):
        entry = Entry(
            place, event_hash(str(event), PURCHASE_SEED), order_hash(str(order) if order else None), at(place), place, 0
        )
        remember(customer, entry.event, entry.order, entry.at_us, entry.amount, entry.what, place // CHUNK, days)
        model.append(entry)

    kept = entries_of(customer)
    assert kept == model[len(model) - len(kept) :]
    assert len(kept) >= min(len(model), CHUNK * days)
    assert next_place(customer) == len(model)
    for event, order in ids[:40]:
        wanted = {event_hash(str(event), PURCHASE_SEED), order_hash(str(order) if order else None)} - {NO_ID}
        assert all(
            knows(customer, digest, other)
            == any({digest, other} & {entry.event, entry.order} - {NO_ID} for entry in kept)
            for digest in wanted
            for other in (*wanted, NO_ID, b"other")
        )
        found = related(customer, *wanted, *[NO_ID] * (2 - len(wanted)))
        assert {entry for entry in kept if {entry.event, entry.order} & wanted} <= set(found)


def test_a_history_is_written_in_place_of_another_one() -> None:
    ann, bob = make_engine(), make_engine()
    apply_all(ann, [Purchase(f"a{n}", "ann", at(n), 100 + n, order_id=f"o{n}") for n in range(40)])
    apply_all(bob, [Purchase(f"b{n}", "bob", at(n + 0.5), 100 + n, order_id=f"p{n}") for n in range(60)])
    both = sorted([*entries_of(ann.customers["ann"]), *entries_of(bob.customers["bob"])], key=lambda entry: entry.at_us)
    customer = bob.customers["bob"]

    rewrite(customer, both, 18_600, 765)

    assert [entry[1:] for entry in entries_of(customer)] == [entry[1:] for entry in both]
    assert [(booked.at_us, booked.amount) for booked in booked_by(customer)] == [(e.at_us, e.amount) for e in both]
    assert customer.sealed is not None
    news = customer.sealed.take_news()
    assert {number for number, chunk in news.items() if chunk is None} == {0, 1}
    assert sorted(number for number, chunk in news.items() if chunk is not None) == [2, 3, 4, 5]


# ---- in the changelog


def busy(orders: int) -> list[Event]:
    return [Purchase(f"e{n}", "busy", at(n / 30), 1000 + n % 50, order_id=f"o{n}") for n in range(orders)]


def test_a_customer_with_20_000_orders_writes_at_most_a_kibibyte_a_visit() -> None:
    engine = make_engine()
    written, largest = 0, 0
    events = busy(20_000)

    for event in events:
        engine.apply(event)
        own = [
            len(key) + len(value or b"")
            for key, value in engine.drain().state
            if key == b"busy" or key.startswith(CHUNK_PREFIX)
        ]
        written += sum(own)
        largest = max(largest, sum(own))

    assert written / len(events) <= 1024
    assert largest <= 1200
    before = whole_state(engine)
    apply_all(engine, events[:10_000:7])
    assert engine.counts.duplicates == len(events[:10_000:7])
    assert whole_state(engine) == before


def test_a_sealed_chunk_is_written_once_and_withdrawn_when_history_has_passed_it() -> None:
    engine, writes, deleted = make_engine(), Counter[bytes](), Counter[bytes]()

    for n in range(1000):
        engine.apply(Purchase(f"e{n}", "a", at(2.0 * n), 1000))
        for key, value in engine.drain().state:
            if key.startswith(CHUNK_PREFIX):
                (deleted if value is None else writes)[key] += 1

    assert set(writes.values()) == {1}
    assert set(deleted.values()) == {1}
    assert len(writes) == 999 // CHUNK
    kept = entries_of(engine.customers["a"])
    assert 765 / 2 <= len(kept) <= 765 / 2 + 3 * CHUNK
    assert len(writes) - len(deleted) == (len(kept) - 1) // CHUNK


@pytest.mark.parametrize("restart_each", [1, 13, 100])
def test_a_restart_finds_every_entry_again(restart_each: int) -> None:
    engine, changelog, whole = make_engine(), Changelog(), make_engine()
    events: list[Event] = [Purchase(f"e{n}", "a", at(9.0 * n), 1000, order_id=f"o{n}") for n in range(300)]
    events[20:20] = [SurveyAnswer(f"s{n}", "a", at(30), Survey.NPS, 9) for n in range(30)]

    for n, event in enumerate(events):
        whole.apply(event)
        engine.apply(event)
        if n % restart_each == 0:
            changelog.take(engine.drain())
            engine = changelog.revive(engine)
    changelog.take(engine.drain())
    written = whole.drain()

    assert whole_state(changelog.revive(engine)) == whole_state(whole)
    final = {key: value for key, value in written.state if value is not None and key.startswith(CHUNK_PREFIX)}
    assert {k: v for k, v in changelog.state.items() if v is not None and k.startswith(CHUNK_PREFIX)} == final


def test_who_has_the_partition_already_takes_over_what_was_sealed_meanwhile() -> None:
    first, changelog = make_engine(), Changelog()
    events = busy(400)
    for event in events[:200]:
        first.apply(event)
    changelog.take(first.drain())
    second: Engine = changelog.revive(first)
    for event in events[200:]:
        second.apply(event)
    news = second.drain()

    for key, value in reversed(news.state):
        first.restore(key, value)
    for day, record in news.ledger:
        first.ledger.restore(day, record)
    first.restored()

    assert whole_state(first) == whole_state(second)


def test_an_erasure_withdraws_the_sealed_chunks() -> None:
    engine, changelog = make_engine(), Changelog()
    apply_all(engine, busy(50))
    changelog.take(engine.drain())

    engine.apply(Erasure("x", "busy", at(3)))
    changelog.take(engine.drain())

    left = [key for key, value in changelog.state.items() if value is not None]
    assert not any(b"busy" in key for key in left)
    assert changelog.state[chunk_key("busy", 0)] is None
    assert changelog.revive(engine).customers == {}


def test_the_key_of_a_chunk_tells_whose_it_is() -> None:
    assert chunk_of_key(chunk_key("café", 70_000)) == ("café", 70_000)
    assert chunk_of_key(b"\x00partition") is None


def test_entries_of_the_far_past_and_future_do_not_stop_anything() -> None:
    engine = make_engine()

    apply_all(engine, [Purchase(f"e{n}", "a", at(0) + (n - 20) * 400 * DAY_US, 5) for n in range(60)])

    assert engine.customers["a"].orders == 60
