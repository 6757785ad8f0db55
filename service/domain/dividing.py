"""One partition's state, divided over several: what each of them holds when the inputs have more partitions.

Exact is what belongs to somebody: each customer goes to one partition, as they are, with their purchases, their dates
and whatever waits to be said; so nobody is decided upon twice, and nobody is forgotten. Exact are also the numbers:
those that are sums over partitions (days of the ledger, what messages have brought, what alerts did) go whole to the
*heir*, the partition that keeps the number, and the others begin at nothing, so every sum is what it was.

What was learned from everybody belongs to nobody, and is divided by rule, one for each field (`RULES`):

COPY    what is true of each part as of the whole: time, curves, tables, models, the shop's pace; running totals of
        silences too, since customers remember them.
SHARE   evidence that is weighed against the partition's own customers: so much of it as the partition has of the
        customers (of regulars, where it is of regulars). The parts add up to the whole.
PARTS   the same for counts: whole numbers that add up. Messages that went out under a limit are divided evenly, like
        the limit.
WIDER   the usual time between two events: longer by as much as there are fewer.
HEIR    sums that are shown: whole with the heir.
ANEW    what follows from the customers, and is counted again.

Ids that are another customer's since a merge go where the id belongs and where that customer lives; hashes of erased
ids, which tell nobody's partition, to all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from enum import Enum, auto
from typing import Any, Final, NamedTuple, TypeVar

from service.domain import cadence
from service.domain.changelog import (
    ASKED_PREFIX,
    BRAKE_KEY,
    CURVES_KEY,
    ERASED_PREFIX,
    GATES_KEY,
    GO_ON_KEY,
    JUDGED_PREFIX,
    KEYED_KEY,
    LOGS_KEY,
    MADE_UNDER_KEY,
    MERGED_PREFIX,
    NEWCOMERS_KEY,
    OF_NEWCOMERS,
    OWN_PREFIX,
    PACE_KEY,
    PART_PREFIX,
    PARTITION_KEY,
    PARTITIONER_KEY,
    PASSAGE_KEY,
    POSITION_KEY,
    PROGRESS_KEY,
    RESUME_KEY,
    RETRIED_PREFIX,
    RHYTHM_PREFIX,
    ROW_PREFIX,
    SENT_PREFIX,
    SIGNED_OUT_PREFIX,
    SOURCE_PREFIX,
    STUMBLED_PREFIX,
    TABLE_KEY,
    TODAY_KEY,
    chunk_of_key,
    day_of_key,
    month_of_key,
    pack,
    unpack,
)
from service.domain.clock import ClockState
from service.domain.customer import Customer
from service.domain.customer_record import restore
from service.domain.feed_gap import GapState
from service.domain.learning.population import PopulationState
from service.domain.learning.silences import Row
from service.domain.outreach.brake import BrakeState
from service.domain.outreach.realised import Realised
from service.domain.outreach.release import ReleaseState
from service.domain.outreach.volume import VolumeState
from service.domain.partition_state import PartitionState
from service.domain.rhythm import RhythmState
from service.domain.stored import Stored

State = TypeVar("State", bound=Stored)

_SOURCE_BYTES: Final = 8
"""Of a source's number; behind it stands the hour of its week, of a record that is of one."""
_PREFIXES_COPIED: Final = (ERASED_PREFIX, JUDGED_PREFIX)
_KEYS_COPIED: Final = (TABLE_KEY, CURVES_KEY, KEYED_KEY)
_KEYS_LEFT_OUT: Final = (LOGS_KEY, PASSAGE_KEY, POSITION_KEY)
"""Whoever divides says what of the inputs is contained."""


class Rule(Enum):
    """What becomes of a field."""

    COPY = auto()
    SHARE = auto()
    PARTS = auto()
    EVENLY = auto()
    """PARTS, whatever the customers."""
    WIDER = auto()
    HEIR = auto()
    ANEW = auto()


RULES: Final[Mapping[type[Stored], Mapping[Rule, str]]] = {
    ClockState: {
        Rule.COPY: "now_us heard_us pending intervals stalled_us pause_us longest_us unexplained",
        Rule.WIDER: "interval_us",
    },
    PopulationState: {
        Rule.COPY: "mu0 next_refresh_us fits next_fit_us model fit_position fit_rivals",
        Rule.ANEW: "log_gap_sum regulars regular_revenue_minor sample_level",
    },
    ReleaseState: {
        Rule.COPY: "next_slot_us next_turn_us asked unknown_share day next_day",
        Rule.EVENLY: "sent_today places_taken",
        Rule.ANEW: "minutes",
    },
    VolumeState: {
        Rule.COPY: "until_us days share alert_value",
        Rule.SHARE: "tokens arrived visits refused loyal_tokens loyal_arrived",
    },
    GapState: {Rule.COPY: "until_us", Rule.HEIR: "gaps records"},
    BrakeState: {
        Rule.COPY: "day known weeks learned_days due_spread visit_spread stalled_us held_us held_day missed lifted_us "
        "free_until_day missing_days doubted_days resumed_us expected_share",
        Rule.PARTS: "due visits",
        Rule.SHARE: "usual_due usual_visits lasting_visits",
    },
    RhythmState: {
        Rule.COPY: "first_hour hour total skipped due_hour heard_hour short_hour silent_hour silent_from_us revival_hour "
        "stalled_us period begun_hour ahead_hour came_utc_hour pause_from_us pause_us across",
        Rule.PARTS: "arrivals returning late late_returning odd",
        Rule.SHARE: "missed shortfall revival awaited longest longest_before longest_earlier",
    },
    Row: {Rule.COPY: "aged", Rule.SHARE: "closed gap_days usual_days weight pull"},
}
"""Of each state the fields by rule; every stored field is in one. The minutes of a release, which alternate with their
counts, and what alerts really did, which is all the heir's, are seen to apart."""


class Part(NamedTuple):
    """What one of the partitions holds."""

    state: dict[bytes, bytes]
    ledger: dict[bytes, bytes]


class Shares(NamedTuple):
    """How much each of the partitions has, heir first; each list adds up to 1."""

    customers: list[float]
    regulars: list[float]

    @property
    def evenly(self) -> list[float]:
        return [1.0 / len(self.customers)] * len(self.customers)


def divide(
    state: Mapping[bytes, bytes],
    ledger: Mapping[bytes, bytes],
    homes: Sequence[int],
    home: Callable[[bytes], int],
    regular_min_visits: int,
) -> dict[int, Part]:
    """The records of one partition → those of each of `homes`, of which the first is the heir.

    `home` tells the partition of a customer's key. A customer who lay in a partition that was not theirs (an earlier
    release left them there) goes to the heir. Without positions, which depend on the inputs, and without what
    partitions tell each other. Raises ValueError for what is no record of this release.
    """
    division = _Division(homes, home, regular_min_visits)
    return division.run(state, ledger)


class _Division:
    def __init__(self, homes: Sequence[int], home: Callable[[bytes], int], min_visits: int) -> None:
        self._homes = list(homes)
        self._home = home
        self._min_visits = min_visits
        self._parts = [Part({}, {}) for _ in homes]
        self._place = {number: place for place, number in enumerate(homes)}
        self._shares = Shares([1.0], [1.0])
        self._populations = [PopulationState() for _ in homes]

    def run(self, state: Mapping[bytes, bytes], ledger: Mapping[bytes, bytes]) -> dict[int, Part]:
        self._shares = self._deal_customers(state)
        read = PartitionState()
        if PARTITION_KEY in state:
            read = PartitionState.unpack(state[PARTITION_KEY])
        if BRAKE_KEY in state:
            read.restore_brake(unpack(state[BRAKE_KEY]))
        if PARTITION_KEY in state or BRAKE_KEY in state:
            self._partition(read, braked=BRAKE_KEY in state)
        for key, value in state.items():
            if key.startswith(OWN_PREFIX):
                self._own(key, value)
        for key, value in ledger.items():
            self._ledger(key, value)
        return dict(zip(self._homes, self._parts, strict=True))

    # ---- who goes where

    def _of(self, customer: bytes) -> int:
        return self._place.get(self._home(customer), 0)

    def _deal_customers(self, state: Mapping[bytes, bytes]) -> Shares:
        """Each to one part; what is counted of them is counted there."""
        customers, regulars = [0] * len(self._homes), [0] * len(self._homes)
        for key, value in state.items():
            if key.startswith(OWN_PREFIX):
                continue
            place = self._of(key)
            self._parts[place].state[key] = value
            customer = restore(key.decode(), value)
            customers[place] += customer.visits > 0
            if customer.visits >= self._min_visits:
                regulars[place] += 1
                self._count(self._populations[place], customer)
        return Shares(_shares(customers), _shares(regulars))

    @staticmethod
    def _count(population: PopulationState, customer: Customer) -> None:
        population.regulars += 1
        population.log_gap_sum += cadence.own_mean_log_gap(customer)
        population.regular_revenue_minor += customer.revenue_minor

    # ---- the partition's own

    def _partition(self, read: PartitionState, *, braked: bool) -> None:
        """Its own record, and the brake."""
        shares = self._shares
        clocks = _divided(read.clock, ClockState, shares.customers)
        populations = _divided(read.population, PopulationState, shares.customers)
        releases = self._releases(read.release)
        volumes = None if read.volume is None else _divided(read.volume, VolumeState, shares.regulars)
        gaps = _divided(read.gap, GapState, shares.customers)
        rhythms = _divided(read.rhythm, RhythmState, shares.customers)
        brakes = _divided(read.brake, BrakeState, shares.regulars)
        for place, part in enumerate(self._parts):
            counted, population = self._populations[place], populations[place]
            population.regulars, population.log_gap_sum = counted.regulars, counted.log_gap_sum
            population.regular_revenue_minor = counted.regular_revenue_minor
            one = PartitionState(
                clocks[place],
                population,
                releases[place],
                None if volumes is None else volumes[place],
                read.realised if place == 0 else Realised(),
                read.delay,
                gaps[place],
                rhythms[place],
            )
            one.brake = brakes[place]
            one.judgements, one.published = read.judgements, read.published
            part.state[PARTITION_KEY] = one.pack()
            if braked:
                part.state[BRAKE_KEY] = pack(one.brake.fields())

    def _releases(self, read: ReleaseState) -> list[ReleaseState]:
        """Minutes alternate with how many went out in them."""
        minutes, counts = read.minutes[::2], read.minutes[1::2]
        states = _divided(read, ReleaseState, self._shares.evenly)
        for place, sent in enumerate(_spread(counts, self._shares.evenly, Rule.PARTS)):
            states[place].minutes = [number for pair in zip(minutes, sent, strict=True) for number in pair]
        return states

    def _own(self, key: bytes, value: bytes) -> None:
        """A record of the partition's own; what is not known to be divided is refused."""
        shares = self._shares
        chunk = chunk_of_key(key)
        if chunk is not None:
            self._parts[self._of(chunk[0].encode())].state[key] = value
        elif key.startswith(MERGED_PREFIX):
            for place in {self._of(key.removeprefix(MERGED_PREFIX)), self._of(value)}:
                self._parts[place].state[key] = value
        elif key in _KEYS_COPIED or key.startswith(_PREFIXES_COPIED):
            for part in self._parts:
                part.state[key] = value
        elif key.startswith(ROW_PREFIX):
            rows = _divided(Row.of(unpack(value)), Row, shares.regulars)
            self._give(key, [row.fields() for row in rows])
        elif key.startswith(PART_PREFIX):
            aged, *weights = unpack(value)
            self._give(key, [(aged, *each) for each in _spread(weights, shares.regulars, Rule.SHARE)])
        elif key.startswith(SENT_PREFIX):
            of = shares.customers if key[-1] == OF_NEWCOMERS else shares.regulars
            self._give(key, _spread(unpack(value), of, Rule.SHARE))
        elif key == NEWCOMERS_KEY:
            closed, found = unpack(value)
            self._give(key, [(each, found) for each in _spread(closed, shares.customers, Rule.SHARE)])
        elif key == PACE_KEY:
            self._paces(key, unpack(value))
        elif key.startswith(RHYTHM_PREFIX):
            self._cells(key, unpack(value))
        elif key.startswith(SOURCE_PREFIX):
            if len(key) > len(SOURCE_PREFIX) + _SOURCE_BYTES:
                self._cells(key, unpack(value))
            else:
                *named, rhythm = unpack(value)[:5]
                rhythms = _divided(RhythmState.of(rhythm), RhythmState, shares.customers)
                self._give(key, [(*named, each.fields()) for each in rhythms])
        elif key not in (PARTITION_KEY, BRAKE_KEY, *_KEYS_LEFT_OUT):
            raise ValueError(f"a record {key[:20]!r} is none that this release can divide")

    def _cells(self, key: bytes, stored: Sequence[Any]) -> None:
        """An hour of a week: who comes in it, and when that was last brought up to date."""
        *usual, learned_at = stored[:3]
        self._give(key, [(*each, learned_at) for each in _spread(usual, self._shares.customers, Rule.SHARE)])

    def _paces(self, key: bytes, stored: Sequence[Sequence[Any]]) -> None:
        """By kind: a day, how many went out on it, its week, how many in it."""
        paces: list[list[object]] = [[] for _ in self._parts]
        for kind, day, on_day, week, in_week in stored:
            spread = _spread([on_day, in_week], self._shares.evenly, Rule.PARTS)
            for place, (of_day, of_week) in enumerate(spread):
                paces[place].append((kind, day, of_day, week, of_week))
        self._give(key, paces)

    def _give(self, key: bytes, fields: Sequence[Any]) -> None:
        for part, each in zip(self._parts, fields, strict=True):
            part.state[key] = pack(each)

    # ---- the ledger

    def _ledger(self, key: bytes, value: bytes) -> None:
        if day_of_key(key) is not None or month_of_key(key) is not None or key.startswith(SIGNED_OUT_PREFIX):
            self._parts[0].ledger[key] = value
        elif key in (TODAY_KEY, RESUME_KEY, MADE_UNDER_KEY, GO_ON_KEY) or key.startswith(
            (ASKED_PREFIX, RETRIED_PREFIX)
        ):
            for part in self._parts:
                part.ledger[key] = value
        elif key not in (PARTITIONER_KEY, PROGRESS_KEY, GATES_KEY) and not key.startswith(STUMBLED_PREFIX):
            raise ValueError(f"a record {key[:20]!r} of the ledger is none that this release can divide")


def _shares(counts: Sequence[int]) -> list[float]:
    """Each counted once more than it is, so that no part is without evidence."""
    whole = sum(counts) + len(counts)
    return [(count + 1) / whole for count in counts]


def _divided(state: State, made: type[State], shares: Sequence[float]) -> list[State]:
    """One state for each of the parts, heir first, by the rules of its kind."""
    states = [made() for _ in shares]
    for rule, names in RULES[made].items():
        for name in names.split():
            for each, value in zip(states, _by_rule(rule, getattr(state, name), shares), strict=True):
                if value is not None:
                    setattr(each, name, value)
    return states


def _by_rule(rule: Rule, value: Any, shares: Sequence[float]) -> list[Any]:
    """The value of each part; None: as at the beginning."""
    match rule:
        case Rule.COPY:
            return [_copy(value) for _ in shares]
        case Rule.WIDER:
            return [value / share for share in shares]
        case Rule.HEIR:
            return [value, *[None] * (len(shares) - 1)]
        case Rule.ANEW:
            return [None] * len(shares)
        case Rule.EVENLY:
            return _spread(value, [1.0 / len(shares)] * len(shares), Rule.PARTS)
        case Rule.PARTS | Rule.SHARE:
            return _spread(value, shares, rule)


def _copy(value: Any) -> Any:
    return [_copy(each) for each in value] if isinstance(value, list) else value


def _spread(value: Any, shares: Sequence[float], rule: Rule) -> list[Any]:
    """Of a number its parts, of a list the lists of the parts of its members."""
    if isinstance(value, list):
        parts: list[list[Any]] = [[] for _ in shares]
        for member in value:
            for part, each in zip(parts, _spread(member, shares, rule), strict=True):
                part.append(each)
        return list(parts)
    if rule is Rule.SHARE:
        return [value * share for share in shares]
    return _parts_of(value, shares)


def _parts_of(count: int, shares: Sequence[float]) -> list[int]:
    """Whole numbers that add up to the count: up to each part, the share that is due rounded down."""
    parts: list[int] = []
    due, given = 0.0, 0
    for share in shares[:-1]:
        due += share * count
        parts.append(int(due + 1e-9) - given)
        given += parts[-1]
    return [*parts, count - given]
