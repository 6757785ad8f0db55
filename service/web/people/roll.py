"""Everybody of the shop, as `customer-scores` and `outreach-decisions` tell of them: what lists are made of.

Any worker's page knows all customers, whoever holds their partitions. Memory is bounded by the customers, some 600
bytes each: what lists sort and filter by lies in columns, the rest packed; of decisions only the newest is known, and
where in the topic each of them lies. Who is erased, or objects to profiling, leaves with their record.
"""

from __future__ import annotations

import time
from array import array
from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any, Final

import msgspec

from schemas.kinds import Kind
from service.domain.findings import HealthBand, Segment
from service.web.people.heard import Heard, LastDecision, decided_in
from service.wire.ours import NOT_OURS

SEGMENTS: Final = tuple(each.value for each in Segment)
BANDS: Final = tuple(each.value for each in HealthBand)
KINDS: Final = tuple(each.value for each in Kind)
AT_RISK: Final = frozenset({Segment.SLOWING.value, Segment.QUIET.value})
"""Segments of who has not gone for good, and will if nothing happens; so is everybody whose health is at risk."""
_NOTHING: Final = -1
_LOST: Final = SEGMENTS.index(Segment.LOST.value)
_RISKY: Final = frozenset(SEGMENTS.index(each) for each in AT_RISK)
_BAND_AT_RISK: Final = BANDS.index(HealthBand.AT_RISK.value)
_DAY_S: Final = 86_400


class Part(msgspec.Struct, frozen=True, array_like=True):
    """One component of the health."""

    name: str
    points: float
    of: float


class Answer(msgspec.Struct, frozen=True, array_like=True):
    """The newest answer to one survey."""

    survey: str
    score: int
    answered_at: datetime
    order_id: str | None = None


class Standing(msgspec.Struct, frozen=True, array_like=True):
    """What `customer-scores` says of one customer, without the id. Money is text in the shop's currency; None = not
    enough evidence."""

    as_of: datetime
    segment: str
    health: float | None
    band: str | None
    parts: tuple[Part, ...]
    visits: int
    orders: int
    revenue: str
    first_visit_at: datetime | None
    last_visit_at: datetime | None
    usual_gap_days: float | None
    gap_spread: float | None
    expected_visit_at: datetime | None
    tail_probability: float | None
    churn_risk: float | None
    expected_purchases: float | None
    expected_value: str | None
    value_at_risk: str | None
    answers: tuple[Answer, ...]
    consent: bool | None
    store: str | None
    days: tuple[date, ...]
    """Of the newest visits, oldest first; empty for who is healthy."""

    @property
    def value_a_year(self) -> float | None:
        """What they would bring if they had surely stayed."""
        if self.expected_value is None or self.value_at_risk is None:
            return None
        return float(self.expected_value) + float(self.value_at_risk)


class _WirePart(msgspec.Struct):
    name: str
    points: float
    of: float


class _WireAnswer(msgspec.Struct):
    survey: str
    score: int
    answered_at: datetime
    order_id: str | None = None


class _Scored(msgspec.Struct):
    """The data of `customer.scored`."""

    as_of: datetime
    segment: str
    visits: int
    orders: int
    revenue: str
    health: float | None = None
    band: str | None = None
    health_parts: tuple[_WirePart, ...] = ()
    first_visit_at: datetime | None = None
    last_visit_at: datetime | None = None
    usual_gap_days: float | None = None
    gap_spread: float | None = None
    expected_visit_at: datetime | None = None
    tail_probability: float | None = None
    churn_risk: float | None = None
    expected_purchases_365d: float | None = None
    expected_value_365d: str | None = None
    value_at_risk: str | None = None
    answers: tuple[_WireAnswer, ...] = ()
    marketing_consent: bool | None = None
    store: str | None = None
    visit_days: tuple[date, ...] = ()


class _ScoredEvent(msgspec.Struct):
    data: _Scored


_scored = msgspec.json.Decoder(_ScoredEvent)
_pack = msgspec.msgpack.Encoder().encode
_unpack = msgspec.msgpack.Decoder(Standing).decode


class Roll:
    """Takes the records of both topics; a row of the columns is one customer."""

    def __init__(self, *, wall_clock: bool = True) -> None:
        """`wall_clock`: it is now; otherwise now is the newest time that was told."""
        self._wall_clock = wall_clock
        self._rows: dict[str, int] = {}
        self._ids: list[str | None] = []
        self._free: list[int] = []
        self._packed: list[bytes] = []
        self._stores: dict[str, int] = {}
        self._store_names: list[str] = []
        self.segment = array("b")
        self.band = array("b")
        """−1: none."""
        self.health = array("f")
        """−1: none."""
        self.value_at_risk = array("d")
        """−1: not known."""
        self.last_visit_s = array("q")
        """0: never visited."""
        self.visits = array("i")
        self.store = array("i")
        """Index into `stores`; −1: never said."""
        self._heard: dict[str, Heard] = {}
        self._newest_s = 0
        self.newest_visit_s = 0
        """Of anybody's visits; 0: nobody has come."""
        self.known = False
        """Whether both topics have been read to what was their end at first."""
        self.unreadable = 0
        """Records that were of another make."""

    def __len__(self) -> int:
        return len(self._rows)

    def __contains__(self, customer_id: str) -> bool:
        return customer_id in self._rows

    @property
    def now_s(self) -> int:
        """Unix seconds: the wall clock's, or in a replay the newest time that was told."""
        return int(time.time()) if self._wall_clock else self._newest_s

    @property
    def stores(self) -> list[str]:
        """In order of their names."""
        return sorted(self._store_names)

    # ---- what is told

    def take_scores(self, key: bytes, value: bytes | None) -> None:
        """One record of `customer-scores`."""
        try:
            customer_id = key.decode()
            if value is None:
                self._forget(customer_id)
                return
            self._stand(customer_id, _scored.decode(value).data)
        except (*NOT_OURS, ValueError):
            self.unreadable += 1

    def take_decision(self, partition: int, offset: int, value: bytes | None) -> None:
        """One record of `outreach-decisions`."""
        try:
            data = decided_in(value)
        except NOT_OURS:
            self.unreadable += 1
            return
        heard = self._heard.get(data.customer_id)
        if heard is None:
            heard = self._heard[data.customer_id] = Heard()
        heard.hear(data, partition, offset)
        self._newest_s = max(self._newest_s, int(data.decided_at.timestamp()))

    def _stand(self, customer_id: str, data: _Scored) -> None:
        row = self._rows.get(customer_id)
        if row is None:
            row = self._rows[customer_id] = self._new_row(customer_id)
        standing = Standing(
            data.as_of,
            data.segment,
            data.health,
            data.band,
            tuple(Part(each.name, each.points, each.of) for each in data.health_parts),
            data.visits,
            data.orders,
            data.revenue,
            data.first_visit_at,
            data.last_visit_at,
            data.usual_gap_days,
            data.gap_spread,
            data.expected_visit_at,
            data.tail_probability,
            data.churn_risk,
            data.expected_purchases_365d,
            data.expected_value_365d,
            data.value_at_risk,
            tuple(Answer(each.survey, each.score, each.answered_at, each.order_id) for each in data.answers),
            data.marketing_consent,
            data.store,
            data.visit_days,
        )
        self._packed[row] = _pack(standing)
        self.segment[row] = SEGMENTS.index(data.segment) if data.segment in SEGMENTS else _NOTHING
        self.band[row] = BANDS.index(data.band) if data.band in BANDS else _NOTHING
        self.health[row] = _NOTHING if data.health is None else data.health
        self.value_at_risk[row] = _NOTHING if data.value_at_risk is None else float(data.value_at_risk)
        self.last_visit_s[row] = 0 if data.last_visit_at is None else int(data.last_visit_at.timestamp())
        self.newest_visit_s = max(self.newest_visit_s, self.last_visit_s[row])
        self.visits[row] = data.visits
        self.store[row] = _NOTHING if data.store is None else self._number_of(data.store)
        self._newest_s = max(self._newest_s, int(data.as_of.timestamp()))

    def _new_row(self, customer_id: str) -> int:
        if self._free:
            row = self._free.pop()
            self._ids[row] = customer_id
            return row
        self._ids.append(customer_id)
        self._packed.append(b"")
        columns = (self.segment, self.band, self.health, self.value_at_risk, self.last_visit_s, self.visits, self.store)
        for column in columns:
            column.append(0)
        return len(self._ids) - 1

    def _forget(self, customer_id: str) -> None:
        """Their record has gone: so has whatever else was known of them here."""
        self._heard.pop(customer_id, None)
        row = self._rows.pop(customer_id, None)
        if row is not None:
            self._ids[row], self._packed[row] = None, b""
            self._free.append(row)

    def _number_of(self, store: str) -> int:
        number = self._stores.get(store)
        if number is None:
            number = self._stores[store] = len(self._store_names)
            self._store_names.append(store)
        return number

    def complete(self) -> None:
        """All that was written has been taken: what is known of people without a record is of those who have gone."""
        self._heard = {customer_id: heard for customer_id, heard in self._heard.items() if customer_id in self._rows}
        self.known = True

    # ---- what is asked

    def rows(self) -> Iterator[tuple[str, int]]:
        """(customer_id, row) of everybody."""
        return iter(self._rows.items())

    def standing(self, customer_id: str) -> Standing | None:
        """None: nobody of that id has a record."""
        row = self._rows.get(customer_id)
        return None if row is None else _unpack(self._packed[row])

    def last_decision(self, customer_id: str) -> LastDecision | None:
        """None: none is known. What waited for the end of a silence is withdrawn by the visit that ended it."""
        heard = self._heard.get(customer_id)
        if heard is None or heard.last is None:
            return None
        row = self._rows.get(customer_id)
        return heard.last if row is None else heard.last.after(self.last_visit_s[row])

    def last_decisions(self) -> Iterator[LastDecision]:
        """Of everybody about whom one is known."""
        return (last for last in map(self.last_decision, self._heard) if last is not None)

    def name_of(self, customer_id: str) -> str | None:
        """The first name, as a decision has told it; None: it has not."""
        heard = self._heard.get(customer_id)
        return None if heard is None else heard.name

    def places_of(self, customer_id: str) -> list[tuple[int, int]]:
        """Where the decisions about a customer lie: (partition, offset), oldest first."""
        heard = self._heard.get(customer_id)
        flat = [] if heard is None else heard.places
        return list(zip(flat[::2], flat[1::2], strict=True))

    def store_number(self, store: str) -> int:
        """−2 for a store that nobody belongs to."""
        return self._stores.get(store, -2)

    def store_of(self, row: int) -> str:
        """Empty: it was never said."""
        number = self.store[row]
        return "" if number < 0 else self._store_names[number]

    def is_at_risk(self, row: int) -> bool:
        """Slowing or quiet, or of a health at risk, and not lost."""
        segment = self.segment[row]
        return segment in _RISKY or (self.band[row] == _BAND_AT_RISK and segment != _LOST)


def silence_days(standing: Standing, now_s: int) -> float | None:
    """Days since the last visit; None: there was none."""
    if standing.last_visit_at is None:
        return None
    return max(0.0, (now_s - standing.last_visit_at.timestamp()) / _DAY_S)


def utc(at_s: int) -> datetime:
    return datetime.fromtimestamp(at_s, UTC)


Detail = dict[str, Any]
"""What the worker that holds a customer says of them (`inspect`)."""
