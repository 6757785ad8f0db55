"""One partition's state over several: what belongs to somebody, and every sum, is what it was; nothing is decided twice
or lost."""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace

import pytest

from service.domain.calendar import NEVER
from service.domain.changelog import (
    BRAKE_KEY,
    CHUNK_PREFIX,
    ERASED_PREFIX,
    KEYED_KEY,
    MERGED_PREFIX,
    OWN_PREFIX,
    PARTITION_KEY,
    ROW_PREFIX,
    TODAY_KEY,
    day_key,
    day_of_key,
    month_key,
    unpack,
)
from service.domain.dividing import RULES, Part, divide
from service.domain.engine import Engine
from service.domain.events import Erasure, Event, Merge, Profile
from service.domain.findings import Decision, Kind, Outcome
from service.domain.learning.silences import Row
from service.domain.occasion_policy import FollowUpPolicy, MilestonePolicy, OccasionPolicies
from service.domain.outreach.realised import totals as realised_totals
from service.domain.partition_state import PartitionState
from service.domain.periods.totals import PeriodTotals
from service.domain.policy import OutreachPolicy, Shop, Timing
from service.domain.stored import Stored
from tests.support.engines import OPEN_HOUSE, UNDISTURBED, at, decisions, make_engine, purchase, shop_log

HOMES = (1, 4, 7)
"""Of six more partitions than the two there were, those that divide number 1."""
SHOP = Shop(regular_min_visits=3)
KINDS = OccasionPolicies(
    milestone=MilestonePolicy(every=3, at_most_per_day=2.0),
    follow_up=FollowUpPolicy(only_first=False, days_between=9.0),
)
BUSY = replace(
    OPEN_HOUSE,
    volume_per_100_visits=20.0,
    volume_for_loyal=0.25,
    control_share=0.3,
    daily_limit=6,
    occasions=KINDS,
    switched_on=((Kind.SECOND_VISIT, OPEN_HOUSE.rungs[0]),),
)


def home(key: bytes) -> int:
    return HOMES[zlib.crc32(key) % len(HOMES)]


class Written:
    """A partition's two topics, compacted, and what it has decided."""

    def __init__(self, outreach: OutreachPolicy = BUSY, timing: Timing = UNDISTURBED, part: Part | None = None) -> None:
        self.engine = make_engine(outreach, timing, SHOP)
        self.state: dict[bytes, bytes] = {}
        self.ledger: dict[bytes, bytes] = {}
        self.decided: list[Decision] = []
        if part is not None:
            self.state, self.ledger = part
            for key, value in part.state.items():
                self.engine.restore(key, value)
            for key, value in part.ledger.items():
                day = day_of_key(key)
                if day is not None:
                    self.engine.ledger.restore(day, value)
            self.engine.restored()

    def apply(self, events: Iterable[Event]) -> None:
        for event in events:
            self.engine.apply(event)
        self.drain()

    def drain(self) -> None:
        turn = self.engine.drain()
        for key, value in turn.state:
            self.state.pop(key, None)
            if value is not None:
                self.state[key] = value
        self.ledger.update((day_key(day), value) for day, value in turn.ledger)
        self.ledger.update((month_key(month), value) for month, value in turn.brought)
        self.decided += decisions(turn.outputs)

    def divided(self) -> dict[int, Part]:
        return divide(self.state, self.ledger, HOMES, home, SHOP.regular_min_visits)


def rows_of(ledgers: Sequence[dict[bytes, bytes]], today: int) -> list[str]:
    totals = PeriodTotals(SHOP)
    for number, ledger in enumerate(ledgers):
        for key, value in ledger.items():
            day = day_of_key(key)
            if day is not None:
                totals.update(number, day, value)
    return sorted(map(repr, totals.changed_rows(today)))


def customers_of(state: dict[bytes, bytes]) -> dict[bytes, bytes]:
    return {key: value for key, value in state.items() if not key.startswith(OWN_PREFIX)}


@pytest.fixture(scope="module")
def log() -> list[Event]:
    return shop_log(5, customers=60, days=260, everything=True, disorder=0.05)


@pytest.fixture(scope="module")
def before(log: list[Event]) -> Written:
    written = Written()
    written.apply(log[: len(log) * 2 // 3])
    return written


def test_every_stored_field_has_one_rule() -> None:
    state = PartitionState()
    kinds = {type(each) for each in vars(state).values() if isinstance(each, Stored)}
    untold = kinds - RULES.keys() - {type(state.delay)}  # how late purchases arrive is the same for every part

    assert untold == set()
    for kind, rules in RULES.items():
        named = Counter(name for names in rules.values() for name in names.split())
        assert named == Counter(kind.STORED), kind


def test_each_customer_is_in_one_part_as_they_were_with_their_purchases(before: Written) -> None:
    parts = before.divided()

    assert sum(len(customers_of(part.state)) for part in parts.values()) == len(before.engine.customers)
    assert len([part for part in parts.values() if customers_of(part.state)]) == len(HOMES)
    for number, part in parts.items():
        for key, value in customers_of(part.state).items():
            assert (home(key), before.state[key]) == (number, value)
        for key in part.state:
            if key.startswith(CHUNK_PREFIX):
                assert home(key[len(CHUNK_PREFIX) + 4 :]) == number
    chunks = [key for part in parts.values() for key in part.state if key.startswith(CHUNK_PREFIX)]
    assert sorted(chunks) == sorted(key for key in before.state if key.startswith(CHUNK_PREFIX))


def test_what_waits_to_be_said_waits_on_for_the_same_date(before: Written) -> None:
    revived = {number: Written(part=part).engine for number, part in before.divided().items()}

    waiting = 0
    for customer_id, customer in before.engine.customers.items():
        same = revived[home(customer_id.encode())].customers[customer_id]
        assert same.wake_us == customer.wake_us
        assert same.episode.detected_us == customer.episode.detected_us
        waiting += customer.episode.due_us < NEVER
    assert waiting > 10


def test_numbers_are_the_same_when_the_parts_go_on(log: list[Event], before: Written) -> None:
    whole = Written()
    whole.apply(log)
    parts = {number: Written(part=part) for number, part in before.divided().items()}

    for event in log[len(log) * 2 // 3 :]:
        parts[home(event.customer_id.encode())].engine.apply(event)
    for part in parts.values():
        part.drain()

    today = whole.engine.today
    assert rows_of([part.ledger for part in parts.values()], today) == rows_of([whole.ledger], today)
    engines = [part.engine for part in parts.values()]
    both = {customer_id: customer for engine in engines for customer_id, customer in engine.customers.items()}
    assert both.keys() == whole.engine.customers.keys()
    for customer_id, customer in whole.engine.customers.items():
        again = both[customer_id]
        assert (again.visits, again.orders, again.revenue_minor, again.visit_days()) == (
            customer.visits,
            customer.orders,
            customer.revenue_minor,
            customer.visit_days(),
        )
    assert sum(engine.everybody.state.regulars for engine in engines) == whole.engine.everybody.state.regulars


def test_nothing_is_released_twice_or_under_another_id(log: list[Event], before: Written) -> None:
    parts = {number: Written(part=part) for number, part in before.divided().items()}

    for event in log[len(log) * 2 // 3 :]:
        parts[home(event.customer_id.encode())].engine.apply(event)
    for part in parts.values():
        part.drain()

    all_decided = [*before.decided, *(made for part in parts.values() for made in part.decided)]
    gone_out = Counter(each.decision_id for each in all_decided if each.outcome is Outcome.RELEASED)
    assert set(gone_out.values()) == {1}
    new = {each.decision_id for part in parts.values() for each in part.decided if each.outcome is Outcome.RELEASED}
    assert len(new) > 20
    withheld = {each.customer_id for each in before.decided if each.outcome is Outcome.WITHHELD}
    assert (
        not {each.customer_id for part in parts.values() for each in part.decided if each.outcome is Outcome.RELEASED}
        & withheld
    )


def test_sums_stay_and_what_was_learned_is_shared(before: Written) -> None:
    parts = before.divided()
    engines = [Written(part=part).engine for part in parts.values()]
    whole = before.engine

    assert [one.fields() for one in realised_totals(each.state.realised for each in engines)] == [
        one.fields() for one in realised_totals([whole.state.realised])
    ]
    for each in engines:
        assert each.everybody.learned.tolerances.table == whole.everybody.learned.tolerances.table
        assert each.everybody.mu0 == whole.everybody.mu0
        assert each.now_us == whole.now_us
    for cell, row in enumerate(whole.everybody.silences.rows):
        assert sum(each.everybody.silences.rows[cell].weight for each in engines) == pytest.approx(row.weight)
    brake = whole.state.brake
    for place, visits in enumerate(brake.visits):
        assert sum(each.state.brake.visits[place] for each in engines) == visits
    assert sum(each.state.brake.lasting_visits for each in engines) == pytest.approx(brake.lasting_visits)
    volumes = [each.state.volume for each in engines]
    assert whole.state.volume is not None
    assert sum(each.tokens for each in volumes if each is not None) == pytest.approx(whole.state.volume.tokens)
    assert sum(each.state.release.sent_today for each in engines) == whole.state.release.sent_today
    assert sum(map(sum, [each.state.release.minutes[1::2] for each in engines])) == sum(
        whole.state.release.minutes[1::2]
    )


def test_merged_ids_go_where_the_id_and_the_customer_belong_and_erased_ones_everywhere() -> None:
    written = Written()
    written.apply([purchase(f"c{number}", number / 10) for number in range(30)])
    names = [f"c{number}" for number in range(30)]
    old = names[0]
    new = next(name for name in names if home(name.encode()) != home(old.encode()))
    written.engine.apply(Merge("m", old, at(40), new))
    written.engine.apply(Erasure("e", "c7", at(40)))
    written.drain()

    parts = written.divided()

    key = MERGED_PREFIX + old.encode()
    assert {number for number, part in parts.items() if key in part.state} == {home(old.encode()), home(new.encode())}
    for part in parts.values():
        assert [key for key in part.state if key.startswith(ERASED_PREFIX)] != []
        assert Written(part=part).engine.identities.is_erased("c7")


def test_a_customer_in_a_partition_that_is_not_theirs_goes_to_the_heir() -> None:
    written = Written()
    written.apply([purchase("anna", 0)])

    parts = divide(written.state, written.ledger, HOMES, lambda _: 5, SHOP.regular_min_visits)

    assert b"anna" in parts[HOMES[0]].state


def test_a_part_without_customers_has_a_little_of_everything() -> None:
    written = Written()
    written.apply([purchase("anna", day) for day in range(0, 60, 2)])

    parts = written.divided()
    empty = next(part for part in parts.values() if not customers_of(part.state))
    state = PartitionState.unpack(empty.state[PARTITION_KEY])

    assert state.population.regulars == 0
    assert state.clock.interval_us > 0
    rows = [Row.of(unpack(value)) for key, value in empty.state.items() if key.startswith(ROW_PREFIX)]
    assert all(row.weight >= 0 for row in rows)


def test_what_is_not_known_is_not_divided() -> None:
    with pytest.raises(ValueError, match="none that this release can divide"):
        divide({b"\0later": b""}, {}, HOMES, home, 3)
    with pytest.raises(ValueError, match="none that this release can divide"):
        divide({}, {b"\0later": b""}, HOMES, home, 3)


def test_the_name_that_keys_the_control_group_goes_with_the_state() -> None:
    """Where no secret is set, the group's name does it, and another group has another name."""
    first, second = make_engine(replace(BUSY, control_share=0.5)), make_engine(replace(BUSY, control_share=0.5))
    other = Engine(second.policy, second.calendar, b"another group")
    other.restore(KEYED_KEY, b"salt")
    other.restored()
    names = [f"c{number}" for number in range(40)]

    def withheld(engine: Engine) -> set[str]:
        for name in names:
            engine.apply(Profile(f"p{name}", name, at(0), marketing_consent=True))
        log = sorted(
            (purchase(name, 4 * visit + index / 50) for visit in range(8) for index, name in enumerate(names)),
            key=lambda event: event.at_us,
        )
        for event in log:
            engine.apply(event)
        engine.apply(purchase("late", 120))
        return {each.customer_id for each in decisions(engine.drain().outputs) if each.outcome is Outcome.WITHHELD}

    assert withheld(other) == withheld(first) != set()


def test_ledgers_tell_every_part_which_day_it_is() -> None:
    parts = divide({}, {TODAY_KEY: b"x", day_key(5): b"y"}, HOMES, home, 3)

    assert [part.ledger for part in parts.values()] == [
        {TODAY_KEY: b"x", day_key(5): b"y"},
        {TODAY_KEY: b"x"},
        {TODAY_KEY: b"x"},
    ]


def test_the_brake_is_where_it_was_held() -> None:
    written = Written()
    written.apply([purchase("anna", day) for day in range(0, 60, 2)])
    written.engine.ladder.brake.state.held_us, written.engine.ladder.brake.changed = at(50), True
    written.engine.apply(purchase("anna", 58.5))
    written.drain()

    parts = written.divided().values()

    assert all(BRAKE_KEY in part.state for part in parts)
    assert [Written(part=part).engine.ladder.brake.held_us for part in parts] == [at(50)] * len(HOMES)
