"""Long lost customers: what they take in memory, when they leave it, and that nothing of them stays when they are
erased."""

from __future__ import annotations

import gc
import sqlite3
import sys
import threading
from pathlib import Path
from random import Random

import pytest

from service.domain.changelog import Turn
from service.domain.due import FOLDED_AFTER
from service.domain.engine import Engine
from service.domain.events import Erasure, Event, Item, Profile, Purchase
from service.domain.folding import attic as attic_room
from service.domain.folding.attic import MOST_IN_MEMORY, Attic
from service.domain.folding.may_hold import MayHold
from service.domain.folding.shelves import OVERHEAD, Shelves, hash_of, name_of, packed_of, record_of
from service.domain.sealed_chunks import CHUNK
from service.errors import ConfigurationError, FatalError
from service.streaming import local_store as local_store_room
from service.streaming.local_store import LocalStore, local_store
from tests.support.engines import Changelog, apply_all, at, make_engine, purchase, weekly, whole_state
from tests.support.folds import MemoryStore, fold_all, folding_engine, unfold_all


def one_time_buyers(number: int, day: float = 0.5) -> list[Event]:
    return [
        Purchase(
            f"evt-{each:09d}", f"cust-{each:09d}", at(day) + each, 1000 + each, order_id=f"o-{each}",
            items=(Item("sku-1", "Flat white"), Item("sku-2", "Croissant")),
        )
        for each in range(number)
    ]  # fmt: skip


def long_after(engine: Engine, days: float = 900) -> None:
    """A turn a month, in which a regular is the only one who comes."""
    for day in range(2, int(days), 60):
        apply_all(engine, [purchase("regular", day)])


def test_one_time_buyers_long_lost_are_folded_and_take_120_bytes_at_most_all_in_all() -> None:
    engine = folding_engine()
    attic = engine.roster.attic
    assert attic is not None
    apply_all(engine, one_time_buyers(300))
    assert attic.folded == 0

    long_after(engine)

    assert list(engine.customers) == ["regular"]
    assert attic.folded == 300
    shelves = sum(sys.getsizeof(shelf) for shelf in attic._shelves._shelves) + sys.getsizeof(attic._shelves._shelves)
    dates = sum(sys.getsizeof(dates) for dates in attic._dates.values())
    assert (shelves + dates) / attic.folded <= MOST_IN_MEMORY
    assert attic.size + OVERHEAD * attic.folded <= MOST_IN_MEMORY * attic.folded


def test_who_comes_back_is_unfolded_and_who_was_there_lately_is_not_folded() -> None:
    engine = folding_engine()
    apply_all(engine, [*one_time_buyers(2), purchase("late", 800)])
    apply_all(engine, [purchase("regular", day) for day in range(810, 800 + FOLDED_AFTER, 5)])
    for day in range(800 + FOLDED_AFTER - 5, 800 + FOLDED_AFTER):
        apply_all(engine, [purchase("regular", day + 0.5)])
    assert "late" in engine.customers
    assert "cust-000000001" not in engine.customers

    apply_all(engine, [purchase("cust-000000001", 900)])

    assert engine.customers["cust-000000001"].visits == 2


def test_a_duplicate_a_refund_and_a_profile_find_who_is_folded() -> None:
    engine = folding_engine()
    first = one_time_buyers(1)
    apply_all(engine, first)
    long_after(engine)
    assert not engine.customers.keys() - {"regular"}

    apply_all(engine, first)
    refund = Purchase("r", "cust-000000000", at(901), 400, refund=True, order_id="o-0")
    apply_all(engine, [refund, Profile("p", "cust-000000000", at(901), first_name="Ann")])

    customer = engine.roster.customer("cust-000000000")
    assert customer is not None
    assert engine.counts.duplicates == 1
    assert (customer.revenue_minor, customer.orders) == (600, 1)
    assert customer.profile is not None
    assert customer.profile.first_name == "Ann"


def test_a_date_far_ahead_finds_the_folded_as_they_were() -> None:
    """At 2.6 years of silence between the visits, the change to lost lies years ahead."""
    plain, folding = make_engine(), folding_engine()
    for engine in (plain, folding):
        for day in (0.5, 950.5):
            apply_all(engine, [purchase("slow", day)])
    assert fold_all(folding) == 1
    attic = folding.roster.attic
    assert attic is not None
    assert attic._dates

    told = []
    for engine in (plain, folding):
        engine.timeline.advance(at(20_000))
        told.append(engine.drain().outputs)

    assert told[0] == told[1]
    assert told[0]


@pytest.mark.parametrize("most", [0, 1000])
def test_a_state_is_read_back_into_the_folded_form(most: int) -> None:
    plain, engine, changelog = make_engine(), folding_engine(), Changelog()
    events = [
        *one_time_buyers(40),
        *weekly("many", CHUNK * 3),
        *[purchase("regular", 2 + day) for day in range(0, 900, 9)],
    ]
    for begin in range(0, len(events), 25):
        changelog.take(_turn(engine, events[begin : begin + 25]))
        apply_all(plain, events[begin : begin + 25])
    store = MemoryStore()
    revived = folding_engine(attic=Attic(most, store))
    for _ in range(2):  # once more: a partition that comes back is read on
        for key, value in changelog.state.items():
            revived.restore(key, value)
        for day, record in changelog.ledger.items():
            revived.ledger.restore(day, record)
        revived.restored()
        attic = revived.roster.attic
        assert attic is not None
        assert attic.folded + attic.away == 41
        assert list(revived.customers) == ["regular"]
        assert attic.away == len(store) > 0, "a history of 72 purchases is too large for memory"

    assert revived.roster.customer("many").visits == CHUNK * 3  # type: ignore[union-attr]
    unfold_all(revived)
    found, expected = whole_state(revived), whole_state(plain)
    assert found == expected


def test_an_erasure_costs_the_same_among_many_customers_and_leaves_nothing(tmp_path: Path) -> None:
    """Measured in the calls that Python makes, which do not depend on the machine."""
    calls: dict[int, int] = {}
    for number in (50, 400):
        engine = folding_engine(attic=Attic(0, LocalStore(str(tmp_path))))
        apply_all(engine, one_time_buyers(number))
        long_after(engine)
        counted = 0

        def count(frame: object, event: str, _: object) -> None:
            nonlocal counted
            counted += event == "call"

        sys.setprofile(count)
        for each in range(20):
            engine.apply(Erasure(f"e{each}", f"cust-{each:09d}", at(901)))
        sys.setprofile(None)
        calls[number] = counted
        assert not any(engine.roster.knows(f"cust-{each:09d}") for each in range(20))
        assert engine.roster.knows("cust-000000030")
    assert calls[400] <= 1.2 * calls[50]


def test_beyond_the_ceiling_those_who_have_been_away_longest_leave_memory() -> None:
    attic = Attic(store=MemoryStore())
    engine = folding_engine(attic=attic)
    apply_all(engine, one_time_buyers(300))
    apply_all(engine, [purchase(f"later{number}", 100.5) for number in range(300)])
    long_after(engine)
    assert (attic.folded, attic.away) == (600, 0)

    attic.most_in_memory = 400
    engine.drain()

    assert attic.folded + len(engine.customers) <= 400
    assert attic.folded + attic.away == 600
    assert set(attic.names()) >= {f"later{number}" for number in range(300)}
    assert engine.scores("cust-000000007") is not None


def test_where_the_store_takes_no_more_everybody_stays_in_memory_until_it_has_room_again() -> None:
    """Else a disk that was full for a minute would leave memory without a ceiling until the next start."""
    store = MemoryStore(room=100)
    attic = Attic(0, store)
    engine = folding_engine(attic=attic)
    apply_all(engine, one_time_buyers(300))
    long_after(engine)

    assert attic.refused
    assert attic.folded + attic.away == 300
    assert attic.away <= 100
    assert all(engine.roster.knows(f"cust-{number:09d}") for number in range(300))

    store.room = 1_000
    for _ in range(attic_room._TRIED_AGAIN // 2):
        attic.relieve(0)
    still = attic.away
    for _ in range(attic_room._TRIED_AGAIN):
        attic.relieve(0)

    assert still <= 100
    assert attic.away == 300
    assert all(engine.roster.knows(f"cust-{number:09d}") for number in range(300))


# ---- shelves and filters


def test_shelves_are_found_again_however_many_there_are() -> None:
    shelves, random = Shelves(), Random(3)
    names = [f"{random.random():.12f}" for _ in range(3000)]
    for name in names:
        shelves.add(hash_of(name), record_of(name.encode(), 1, name.encode() * 2))
    for name in names[::3]:
        taken = shelves.take(hash_of(name), name.encode())
        assert taken is not None
        assert (name_of(taken), packed_of(taken)) == (name.encode(), name.encode() * 2)
        assert shelves.find(hash_of(name), name.encode()) is None
    assert shelves.records == 2000 == sum(1 for _ in shelves.all())
    assert shelves.size == sum(map(len, shelves.all()))
    assert all(shelves.find(hash_of(name), name.encode()) for name in set(names) - set(names[::3]))
    assert max(len(shelves.shelf(place)) for place in range(len(shelves))) < 40


def test_a_filter_never_says_no_to_who_is_there_and_seldom_yes_to_who_is_not() -> None:
    may_hold = MayHold()
    there = [hash_of(f"there {number}") for number in range(20_000)]
    for digest in there:
        may_hold.add(digest)

    assert all(digest in may_hold for digest in there)
    assert sum(hash_of(f"elsewhere {number}") in may_hold for number in range(20_000)) < 200
    assert may_hold.size <= 4 * len(there)


# ---- the store


def test_the_file_of_the_store_has_no_name_and_goes_with_it(tmp_path: Path) -> None:
    store = LocalStore(str(tmp_path))
    assert store.write({1: b"one", 2: b"two"})

    assert list(tmp_path.iterdir()) == []
    assert (store.read(1), store.read(2), store.read(3)) == (b"one", b"two", None)
    store.close()
    assert not [each for each in Path("/proc/self/fd").iterdir() if str(tmp_path) in _target(each)]


def test_of_who_is_taken_out_nothing_stays_on_the_disk(tmp_path: Path) -> None:
    store = LocalStore(str(tmp_path))
    secret = b"anna@example.com, 12 rue des Lilas"
    store.write({1: secret, 2: b"two"})
    assert secret in _bytes_of(tmp_path)

    store.drop(1)

    assert secret not in _bytes_of(tmp_path)
    assert b"rue des Lilas" not in _bytes_of(tmp_path)
    assert b"two" in _bytes_of(tmp_path)


def test_a_damaged_store_ends_the_worker_rather_than_tell_something_else(tmp_path: Path) -> None:
    store = LocalStore(str(tmp_path))
    store.write({1: b"a record that is long enough to be found"})
    store._asked("UPDATE even SET record = ? WHERE digest = 1", (b"another",))  # type: ignore[arg-type]

    with pytest.raises(FatalError, match="is damaged"):
        store.read(1)


def test_a_store_that_cannot_be_made_is_told_once_and_takes_nothing(tmp_path: Path) -> None:
    store = LocalStore(str(tmp_path / "missing"))

    assert not store.write({1: b"one"})
    assert len(store) == 0
    assert not store.may_hold(1)


def _bytes_of(directory: Path) -> bytes:
    """Of the file without a name in that directory."""
    found = [each for each in Path("/proc/self/fd").iterdir() if str(directory) in _target(each)]
    assert found
    return b"".join(each.read_bytes() for each in found)


def _target(link: Path) -> str:
    try:
        return str(link.readlink())
    except OSError:
        return ""


def _turn(engine: Engine, events: list[Event]) -> Turn:
    for event in events:
        engine.apply(event)
    return engine.drain()


def test_a_disk_that_is_full_when_a_state_is_read_back_ends_no_worker(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever had found room on it is read again; it had ended every life of the worker at its start."""
    monkeypatch.setattr(local_store_room, "_PRAGMAS", (*local_store_room._PRAGMAS, "max_page_count = 20"))
    store, given = LocalStore(str(tmp_path)), dict[int, bytes]()
    while store.write({len(given): b"%d" % len(given) * 100}):
        given[len(given)] = b"%d" % len(given) * 100

    found = store.taken_over()
    taken = [next(found)]
    while store.write({10_000 + len(taken): b"again" * 100}):
        taken.append(next(found))
    taken += found
    again = list(store.taken_over())

    assert len(given) > 50
    assert taken == list(given.values())
    assert again == [b"again" * 100] * len(again)
    assert store.write({1: b"x" * 400}), "what was read for the last time has made room"


def test_a_store_that_is_forgotten_is_closed(tmp_path: Path) -> None:
    """Also in a circle of references, and by another thread: a partition that is taken away leaves no open file."""
    store = LocalStore(str(tmp_path))
    assert store.write({1: b"record"})
    connection = store._opened()
    circle = [store]
    circle.append(circle)  # type: ignore[arg-type]
    del store, circle

    collector = threading.Thread(target=gc.collect)
    collector.start()
    collector.join()

    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        connection.execute("SELECT 1")


@pytest.mark.parametrize("directory", ["no/such", "a\0b", "9" * 5_000, __file__])
def test_a_directory_that_takes_no_files_is_refused(directory: str) -> None:
    with pytest.raises(ConfigurationError, match=r"limits\.store_directory"):
        local_store(directory)


def test_a_directory_that_is_not_set_is_the_systems_own(tmp_path: Path) -> None:
    assert len(local_store("")) == len(local_store(str(tmp_path))) == 0
