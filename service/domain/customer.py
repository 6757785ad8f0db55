"""One customer's state. Bounded: 192 + 32 bytes of visit days, 128 event ids, 6 favourite items, 3 last items, one answer per survey.

The snapshot is the struct itself as a MessagePack array whose first element is the schema version; new fields are
appended with defaults, so an older snapshot is upgraded by reading it.
"""

from __future__ import annotations

import msgspec

from service.domain.events import Item

VERSION = 1
NEVER = 1 << 62
"""A date that does not come."""
NO_DAY = -(1 << 40)
"""Local day of a visit that has not happened."""

_KEPT_DAY_BYTES = 192
DAYS_AHEAD = 760
"""A visit dated further ahead of the stream is not marked: its bit would push days of the kept history (765 and more) out of the set."""
_DROP_BYTES = 32
_ID_BYTES = 6
_KEPT_IDS = 128
_SEEN_BYTES = _ID_BYTES * _KEPT_IDS
_FAVOURITES = 6
_NAME_LENGTH = 60


class ItemMemory(msgspec.Struct, array_like=True, gc=False):
    """What the customer usually takes: Space-Saving counters (Metwally et al. 2005) and the last basket."""

    counts: dict[str, int]
    last: list[str]

    def remember(self, items: tuple[Item, ...]) -> None:
        counts = self.counts
        for item in items:
            name = (item.name or item.sku)[:_NAME_LENGTH]
            if name in counts:
                counts[name] += 1
            elif len(counts) < _FAVOURITES:
                counts[name] = 1
            else:
                least = min(counts, key=lambda known: (counts[known], known))
                counts[name] = counts.pop(least) + 1
        self.last = [(item.name or item.sku)[:_NAME_LENGTH] for item in items[:3]]

    def favourites(self) -> tuple[str, ...]:
        """Up to three names taken more than once, the most frequent first."""
        ranked = sorted(self.counts, key=lambda name: (-self.counts[name], name))
        return tuple(name for name in ranked if self.counts[name] > 1)[:3]


class Answers(msgspec.Struct, array_like=True, gc=False):
    """The newest answer per survey with its time; None = never asked or never answered."""

    nps: int | None = None
    nps_us: int = 0
    csat: int | None = None
    csat_us: int = 0
    ces: int | None = None
    ces_us: int = 0


class ProfileState(msgspec.Struct, array_like=True, gc=False):
    """What the shop said of the customer. None = unknown. `said_us` is the time of the newest word."""

    said_us: int = 0
    first_name: str | None = None
    locale: str | None = None
    timezone: str | None = None
    email: str | None = None
    phone: str | None = None
    crm_id: str | None = None
    consent: bool | None = None
    consent_us: int = 0


class Customer(msgspec.Struct, array_like=True, gc=False):
    """State of one customer. Days are local day numbers, times µs, money minor units."""

    version: int = VERSION
    visits: int = 0
    orders: int = 0
    revenue_minor: int = 0
    first_us: int = 0
    """First purchase; meaningless while visits = 0, like the next fields."""
    last_us: int = 0
    """First purchase of the last visit: where the present silence begins."""
    first_day: int = NO_DAY
    """First visit day booked in the ledger (a visit older than the kept history moves first_us only); NO_DAY: none booked."""
    last_day: int = NO_DAY
    previous_day: int = NO_DAY
    """Day of the visit before the last."""
    days_from: int = 0
    """Local day of bit 0 of `days`."""
    days: bytearray = msgspec.field(default_factory=bytearray)
    """Bit set of the visit days booked in the ledger, little-endian; the oldest are dropped beyond 1,792 days."""
    seen: bytes = b""
    """Six-byte hashes of the newest event ids."""
    log_usual: float = 0.0
    log_recent: float = 0.0
    gap_weight: float = 0.0
    gap_total: float = 0.0
    gap_square: float = 0.0
    visit_minor: int = 0
    """Spent so far in the last visit."""
    recent_spend: float = -1.0
    """Fast mean of what completed visits brought, minor units; −1 before the first has been completed."""
    due_us: int = NEVER
    """When the next rung of this episode is to be looked at."""
    rung: int = 0
    """Rungs already decided in this episode."""
    detected_us: int = 0
    """Stored date of the rung that is deferred; 0 if none is."""
    released_us: int = 0
    """Release of the newest rung of this episode; 0 if none."""
    released_rung: int = 0
    stalled_us: int = 0
    """Feed silence (running total of the clock) already added to the dates of this episode."""
    change_us: int = NEVER
    """When band or segment change if nothing arrives."""
    segment: int = -1
    band: int = -1
    scored_day: int = 0
    """Day of the newest record on customer-scores."""
    bucket: int = -1
    """Where the due queue holds this customer; not restored."""
    items: ItemMemory | None = None
    answers: Answers | None = None
    profile: ProfileState | None = None
    paused_us: int = 0
    """Feed silence added to the dates of this episode."""

    @property
    def wake_us(self) -> int:
        """Next date at which this customer wants to be looked at."""
        due, change = self.due_us, self.change_us
        return min(change, due)

    def has_seen(self, digest: bytes) -> bool:
        """Whether the six-byte hash is among the newest ids."""
        seen = self.seen
        at = seen.find(digest)
        while at >= 0:
            if at % _ID_BYTES == 0:
                return True
            at = seen.find(digest, at + 1)
        return False

    def remember_id(self, digest: bytes) -> None:
        seen = self.seen + digest
        self.seen = seen if len(seen) <= _SEEN_BYTES else seen[-_SEEN_BYTES:]

    def mark_day(self, day: int) -> None:
        """Sets the bit of a visit day."""
        days = self.days
        if not days:
            self.days_from = day
        offset = day - self.days_from
        if offset < 0:
            missing = (-offset + 7) // 8
            days[:0] = bytes(missing)
            self.days_from -= 8 * missing
            offset = day - self.days_from
        index = offset >> 3
        if index >= len(days):
            if index >= _KEPT_DAY_BYTES + _DROP_BYTES:
                drop = min(len(days), index - _KEPT_DAY_BYTES + 1)
                del days[:drop]
                if not days:
                    self.days_from = day
                    days.append(1)
                    return
                self.days_from += 8 * drop
                index -= drop
            days.extend(bytes(index + 1 - len(days)))
        days[index] |= 1 << (offset & 7)

    def visit_days(self) -> list[int]:
        """The visit days still kept, ascending."""
        bits, start = int.from_bytes(self.days, "little"), self.days_from
        result = []
        while bits:
            low = (bits & -bits).bit_length() - 1
            result.append(start + low)
            bits &= bits - 1
        return result

    def visited(self, day: int) -> bool:
        offset = day - self.days_from
        index = offset >> 3
        return 0 <= index < len(self.days) and bool(self.days[index] >> (offset & 7) & 1)


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Customer)


def snapshot(customer: Customer) -> bytes:
    return _encoder.encode(customer)


def restore(value: bytes) -> Customer:
    """Raises msgspec.ValidationError for bytes that are no snapshot of this or an earlier version."""
    customer = _decoder.decode(value)
    customer.bucket = -1
    return customer
