"""Two ids of one customer that live in different partitions: what their engines send each other."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import pytest

from service.domain.customer import Customer
from service.domain.engine import Engine
from service.domain.episode import Episode
from service.domain.events import (
    Erasure,
    Event,
    Item,
    Merge,
    Profile,
    Purchase,
    Resolved,
    SignOfLife,
    Survey,
    SurveyAnswer,
    Withdrawal,
)
from service.domain.findings import Decision, Outcome, Output, Reason, ScoresErased
from service.domain.hashed_ids import NO_ID
from service.domain.parcels import (
    KINDS,
    Applied,
    Arrival,
    IdErased,
    Moved,
    Parcel,
    pack_event,
    time_of,
    unpack_event,
)
from service.domain.purchase_history import entries_of, knows, remember
from service.domain.sealed_chunks import CHUNK, Sealed
from tests.support.engines import Changelog, at, make_engine, purchase, weekly, whole_state


def home(customer_id: str) -> int:
    """An id ends with the number of its partition."""
    return int(customer_id[-1])


class Partitions:
    """Three of them. What they send each other arrives after each event, or when it is let through."""

    def __init__(self) -> None:
        self.engines = [make_engine() for _ in range(3)]
        self.changelogs = [Changelog() for _ in range(3)]
        self.under_way: list[tuple[int, Parcel]] = []
        for number in range(3):
            self._place(number)

    def _place(self, number: int) -> None:
        self.engines[number].identities.elsewhere = lambda customer_id: home(customer_id) != number

    def _turn(self, number: int, event: Applied) -> list[Output]:
        self.engines[number].apply(event)
        turn = self.engines[number].drain()
        self.under_way.extend((number, parcel) for parcel in turn.parcels)
        return self.changelogs[number].take(turn)

    def apply(self, *events: Event | Withdrawal | SignOfLife, deliver: bool = True) -> list[Output]:
        outputs: list[Output] = []
        for event in events:
            outputs += self._turn(home(event.customer_id), event)
            if deliver:
                outputs += self.deliver()
        return outputs

    def deliver(self, first: int | None = None) -> list[Output]:
        """All that is under way, that of one partition before the others if wanted."""
        outputs: list[Output] = []
        for _ in range(50):
            if not self.under_way:
                return outputs
            mine = [place for place, (sender, _) in enumerate(self.under_way) if sender == first]
            _, parcel = self.under_way.pop(mine[0] if mine else 0)
            outputs += self._turn(home(parcel.to), unpack_event(pack_event(parcel.event)))
        raise AssertionError("parcels go round in a circle")

    def restart(self) -> None:
        for number in range(3):
            self.engines[number] = self.changelogs[number].revive(self.engines[number])
            self._place(number)

    @property
    def customers(self) -> dict[str, Customer]:
        return {name: customer for engine in self.engines for name, customer in engine.customers.items()}


def merge(old: str, new: str, days: float) -> Merge:
    return Merge(f"{old} is {new}", old, at(days), new)


def decisions(outputs: Iterable[Output]) -> list[tuple[str, Outcome, Reason]]:
    return [(o.customer_id, o.outcome, o.reason) for o in outputs if isinstance(o, Decision)]


def visits(group: Partitions) -> dict[str, int]:
    return {name: customer.visits for name, customer in group.customers.items()}


def everything_of(customer_id: str) -> Iterator[Event | Withdrawal | SignOfLife]:
    """Each kind of later event, the last ones first undone."""
    yield purchase(customer_id, 10.0, event_id="later")
    yield SurveyAnswer("said", customer_id, at(11), Survey.NPS, 9)
    yield Profile("known", customer_id, at(12), first_name="Ann", marketing_consent=True)
    yield purchase(customer_id, 10.0, 300, event_id="back", refund=True)


def test_later_events_of_the_old_id_count_for_the_new_one_and_nothing_is_left_of_the_old() -> None:
    group = Partitions()
    outputs = group.apply(purchase("a0", 1.0), purchase("b1", 2.0), merge("a0", "b1", 3))
    group.restart()

    group.apply(*everything_of("a0"))
    group.apply(purchase("a0", 10.0, event_id="later"))

    assert [o.customer_id for o in outputs if isinstance(o, ScoresErased)] == ["a0"]
    assert visits(group) == {"b1": 3}
    customer = group.customers["b1"]
    assert (customer.orders, customer.revenue_minor, customer.first_us) == (3, 2700, at(1))
    assert customer.profile is not None
    assert (customer.profile.first_name, customer.profile.consent) == ("Ann", True)
    assert customer.answers is not None
    assert group.engines[1].counts.duplicates == 1
    group.apply(Withdrawal("", "a0", at(13)))
    assert (customer.profile.first_name, customer.profile.consent) == (None, None)


def test_a_refused_purchase_under_the_old_id_is_a_sign_of_life_of_the_new_one() -> None:
    group = Partitions()
    group.apply(*weekly("b1", 8), purchase("o1", 60.0), merge("a0", "b1", 61))

    group.apply(SignOfLife("a0", at(59), own_time=True))

    assert group.customers["b1"].sign_us == at(59)


def test_a_restart_between_leaving_and_arriving_leaves_no_trace() -> None:
    once, group = Partitions(), Partitions()
    log = [*weekly("a0", 30), *weekly("b1", 8, 2.0), merge("a0", "b1", 250), purchase("a0", 260.0)]

    def copies() -> list[Event]:
        return [unpack_event(pack_event(event)) for event in log]  # type: ignore[misc]  # events are what went in

    once.apply(*copies())
    for event in copies():
        group.apply(event, deliver=False)
        group.restart()
        group.deliver()
        group.restart()

    for number in range(3):
        assert whole_state(group.engines[number]) == whole_state(once.engines[number])
    assert len(entries_of(group.customers["b1"])) == 39
    assert whole_state(group.changelogs[1].revive(group.engines[1])) == whole_state(once.engines[1])


def test_chains_over_three_partitions_end_at_the_last_and_later_events_take_one_step() -> None:
    group = Partitions()
    group.apply(purchase("a0", 1.0), purchase("b1", 2.0), purchase("c2", 3.0), purchase("d0", 4.0))
    group.apply(merge("a0", "b1", 5), merge("d0", "a0", 6), merge("b1", "c2", 7))
    group.restart()

    group.apply(purchase("a0", 8.0), deliver=False)
    steps = [(sender, parcel.to) for sender, parcel in group.under_way]
    group.deliver()
    group.apply(purchase("b1", 9.0), purchase("d0", 10.0), purchase("c2", 11.0))

    assert steps == [(0, "c2")]
    assert visits(group) == {"c2": 8}
    group.apply(merge("c2", "a0", 12), merge("a0", "c2", 13), merge("a0", "b1", 14))
    assert visits(group) == {"c2": 8}
    assert [engine.counts.merges for engine in group.engines] == [0, 0, 0], "of one customer, already"


def test_a_merge_into_an_id_that_was_merged_goes_on_to_where_that_one_lives() -> None:
    group = Partitions()
    group.apply(purchase("a0", 1.0), purchase("b1", 2.0), merge("b1", "c2", 3))

    group.apply(merge("a0", "b1", 4))
    group.apply(purchase("a0", 5.0), purchase("e2", 6.0), merge("c2", "e2", 7), purchase("a0", 8.0))

    assert visits(group) == {"e2": 5}


@pytest.mark.parametrize("first", [0, 1, 2])
def test_merges_that_cross_go_round_in_no_circle_and_lose_nothing(first: int) -> None:
    group = Partitions()
    group.apply(purchase("a0", 1.0), purchase("b1", 2.0))
    group.apply(merge("a0", "b1", 3), merge("b1", "a0", 3), deliver=False)
    group.deliver(first)

    group.apply(purchase("a0", 4.0), purchase("b1", 5.0))

    assert visits(group) == {"a0": 4}


@pytest.mark.parametrize("first", [0, 1, 2])
def test_merges_in_a_ring_come_to_rest(first: int) -> None:
    group = Partitions()
    group.apply(purchase("a0", 1.0), purchase("b1", 2.0), purchase("c2", 3.0))
    group.apply(merge("a0", "b1", 4), merge("b1", "c2", 4), merge("c2", "a0", 4), deliver=False)
    group.deliver(first)

    group.apply(purchase("a0", 5.0), purchase("b1", 6.0), purchase("c2", 7.0))

    assert sum(visits(group).values()) == 6


def test_an_erasure_reaches_every_id_in_its_partition_and_all_of_them_stay_refused() -> None:
    group = Partitions()
    group.apply(purchase("a0", 1.0), purchase("b1", 2.0), purchase("c2", 3.0))
    group.apply(merge("a0", "b1", 4), merge("b1", "c2", 5), Erasure("x", "a0", at(6)))
    group.restart()

    group.apply(*[purchase(name, 7.0) for name in ("a0", "b1", "c2")], merge("n0", "a0", 8))

    assert group.customers == {}
    assert [engine.counts.of_erased for engine in group.engines] == [1, 1, 1]
    for changelog in group.changelogs:
        kept = [key for key, value in changelog.state.items() if value is not None]
        assert [key for key in kept if key[-2:] in {b"a0", b"b1", b"c2"}] == []


def test_who_is_merged_into_an_erased_customer_is_erased_and_what_went_out_is_stopped() -> None:
    group = Partitions()
    asked = group.apply(*weekly("a0", 8), purchase("b1", 2.0), purchase("o0", 90.0), Erasure("x", "b1", at(91)))

    made = group.apply(merge("a0", "b1", 92))
    group.apply(purchase("a0", 93.0))

    assert decisions(asked) == [("a0", Outcome.RELEASED, Reason.DUE)]
    assert decisions(made) == [("a0", Outcome.CANCELLED, Reason.ERASED)]
    assert visits(group) == {"o0": 1}
    assert sum(map(sum_of_visits, group.engines)) == 8 + 1 + 1, "what was counted stays counted"


def sum_of_visits(engine: Engine) -> int:
    from service.domain.periods.ledger import unpack

    parts = [unpack(engine.ledger.record(day)) for day in engine.ledger.days()]
    return sum(part.firsts + sum(part.gaps.values()) for part in parts)


def test_what_was_sent_under_the_old_id_is_not_sent_again_and_is_credited_when_they_return() -> None:
    group = Partitions()
    asked = group.apply(*weekly("a0", 8), purchase("o0", 90.0), purchase("o1", 90.0))

    made = group.apply(merge("a0", "b1", 91), purchase("o1", 92.0), purchase("b1", 93.0), purchase("o1", 94.0))

    assert decisions(asked) == [("a0", Outcome.RELEASED, Reason.DUE)]
    ended = [decision for decision in decisions(made) if decision[1] is not Outcome.CANCELLED]
    assert [(name, outcome) for name, outcome, _ in ended] == [("a0", Outcome.CONVERTED)]
    first = next(o for o in asked if isinstance(o, Decision))
    assert {o.decision_id for o in made if isinstance(o, Decision)} == {first.decision_id}


def test_who_had_bought_under_the_old_id_is_not_asked_where_the_new_one_lives() -> None:
    """The new id's partition is behind: its time moves to the old one's last visit, and the absence is over by then."""
    group = Partitions()
    group.apply(*weekly("b1", 8), purchase("a0", 100.0))

    made = group.apply(merge("a0", "b1", 101), purchase("o1", 102.0))

    assert decisions(made) == []
    assert group.customers["b1"].last_us == at(100)


def test_an_order_sent_under_both_ids_counts_once_wherever_it_was_counted() -> None:
    group = Partitions()
    orders = [
        Purchase(str(minor), who, at(3) + minor, minor, order_id="o-1") for who, minor in (("a0", 500), ("b1", 700))
    ]

    group.apply(*orders, merge("a0", "b1", 4))

    assert (group.customers["b1"].orders, group.customers["b1"].revenue_minor) == (1, 700)
    assert sum(map(sum_of_visits, group.engines)) == 1


def test_a_customer_too_large_for_a_parcel_loses_the_oldest_ids_and_nothing_else() -> None:
    customer = Customer("a0")
    for number in range(5 * CHUNK + 1):
        remember(customer, number.to_bytes(5, "big"), b"\0" * 5, at(number), 100, 0, 18_600, 765)
    assert customer.sealed is not None
    size = len(customer.sealed.chunks[0])

    kept = customer.sealed.newest(2 * size + 1)
    other = Sealed(customer.sealed.following)
    other.restored(kept)
    customer.sealed = other

    assert list(kept) == [4, 3]
    assert not knows(customer, (3 * CHUNK - 1).to_bytes(5, "big"), NO_ID)
    assert knows(customer, (3 * CHUNK).to_bytes(5, "big"), NO_ID)


def test_a_silence_of_the_feed_goes_along_and_that_of_the_other_partition_is_not_added() -> None:
    episode = Episode()
    episode.begin(10)
    episode.watch(500)

    episode.leave(40)

    assert (episode.due_us, episode.paused_us, episode.stalled_us) == (530, 30, 40)
    episode.defer(530, 600, "", "", 0)
    episode.leave(50)
    assert (episode.due_us, episode.paused_us) == (600, 40)


PACKED: list[Applied] = [
    Purchase("1", "a", 5, 7, refund=True, order_id="o", items=(Item("s", "n"),), left_out=("store_id",)),
    SurveyAnswer("2", "a", 5, Survey.CES, 3, "o"),
    Profile("3", "a", 5, first_name="Ann", marketing_consent=False),
    Erasure("4", "a", 5),
    Merge("5", "a", 5, "b"),
    Withdrawal("", "a", 5),
    SignOfLife("a", 5, own_time=False),
    Arrival("b", 5, "a", ["c"], b"\x91\x01", {3: b"chunk"}, [18_000, 18_001]),
    Moved("a", 5, "b"),
    IdErased("a", 5),
    Resolved("6", "a", 5, Survey.CES, "o", "mended"),
]


def test_every_event_travels_as_it_is() -> None:
    assert [type(event) for event in PACKED] == list(KINDS)
    assert [unpack_event(pack_event(event)) for event in PACKED] == PACKED
    assert [time_of(event) for event in PACKED] == [5] * 5 + [None, None] + [5] * 4


@pytest.mark.parametrize("value", [b"", b"\x92\xcc\xc8\x80", b"\x92\x00\x80"])
def test_what_this_release_does_not_know_is_refused(value: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        unpack_event(value)
