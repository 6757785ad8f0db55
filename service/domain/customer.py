"""One customer's state. Bounded: 192 + 32 bytes of visit days, 6 favourite items, 3 last items, one answer per survey,
one absence, and the purchase history: an entry of some 19 bytes for each event of the kept days, of which the newest 24
at most are in the snapshot (purchase_history.py). How it is stored is in customer_record.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from service.domain.acyclic import i16, i32, mypyc_attr
from service.domain.answers import Answers
from service.domain.calendar import NEVER
from service.domain.customer_fields import OWN_FIELDS
from service.domain.episode import Episode
from service.domain.favourites import Favourites
from service.domain.followed import Followed
from service.domain.occasion import OwnOccasions
from service.domain.profile import ProfileState
from service.domain.rare import NOTHING, Rare
from service.domain.sealed_chunks import Sealed

NO_DAY: Final = -(1 << 40)
"""Local day of a visit that has not happened."""

_KEPT_DAY_BYTES: Final = 192
DAYS_AHEAD: Final = 760
"""A visit dated further ahead of the stream is not marked: its bit would push days of the kept history (765 and more)
out of the set."""
_DROP_BYTES: Final = 32
_MOST_DAYS: Final = 8 * (_KEPT_DAY_BYTES + _DROP_BYTES)
"""Whole bytes are dropped, as they are stored."""
_ID_BYTES: Final = 6

MOST_ORDERS: Final = (1 << 31) - 1
"""Of one customer that are counted: fifty a second for a year and more."""
_OF_ABSENCE: Final = "absence"
_WRITTEN_TO: Final = "written_to"
_OCCASIONS: Final = "occasions"
_OF_MESSAGES: Final = "followed"
_OBJECTION: Final = "objection"
_OF_FEW: Final = frozenset({_OF_ABSENCE, _WRITTEN_TO, _OCCASIONS, _OF_MESSAGES, _OBJECTION})
"""What few customers have lies in the last element, a map by these names, which is left out where there is nothing."""


@mypyc_attr(acyclic=True)
class Customer:
    """State of one customer. Days are local day numbers, times µs, money minor units.

    A plain class, so that the optional compilation (setup.py) can keep its fields unboxed.
    """

    __slots__ = ("_rare", "customer_id", "episode", "sealed", *OWN_FIELDS)

    def __init__(self, customer_id: str) -> None:
        self.customer_id: str = customer_id
        """The key of the snapshot, not in it; empty after an erasure."""
        self.episode: Final = Episode()
        """The present absence."""
        self._rare: Rare = NOTHING
        self.visits: int = 0
        self.revenue_minor: int = 0
        self.first_us: int = 0
        """First purchase; meaningless while visits = 0, like the next fields."""
        self.last_us: int = 0
        """First purchase of the last visit: where the present silence begins."""
        self.first_day: int = NO_DAY
        """First visit day booked in the ledger (a visit older than the kept history moves first_us only); NO_DAY: none
        booked."""
        self.last_day: int = NO_DAY
        self.previous_day: int = NO_DAY
        """Day of the visit before the last."""
        self.days_from: int = 0
        """Local day of bit 0 of `days`."""
        self.days: int = 0
        """Bit set of the visit days booked in the ledger; the oldest are dropped beyond 1,792 days. An int: it takes no
        memory of its own while it is small, and is stored as its bytes, little-endian."""
        self.log_usual: float = 0.0
        self.log_recent: float = 0.0
        self.gap_weight: float = 0.0
        self.gap_total: float = 0.0
        self.gap_square: float = 0.0
        self.visit_minor: int = 0
        """Spent so far in the last visit."""
        self.recent_spend: float = -1.0
        """Fast mean of what completed visits brought, minor units; −1 before the first has been completed."""
        self.change_us: int = NEVER
        """When band or segment change if nothing arrives."""
        self.segment: i16 = -1  # side by side, these four take eight bytes
        self.band: i16 = -1
        self.risk_band: i16 = -1
        self.source_votes: i16 = 0
        self.judged: int = 0
        """Number of the newest judgement that was, or is to be, published on customer-scores."""
        self.judged_after_us: int = -1
        """How long after the last visit that was; −1: an older release made it."""
        self.orders: i32 = 0  # these two take eight bytes as well
        self.bucket: i32 = -1
        """Where the due queue holds this customer; not stored."""
        self.items: Favourites | None = None
        self.answers: Answers | None = None
        self.profile: ProfileState | None = None
        self.source: int = 0
        """Where most of the recent visits were (sources.py); 0: not said."""
        self.log_gap_sum: float = 0.0
        """Σ of all log gaps, as they were."""
        self.bought: bytes = b""
        """The open chunk of the purchase history."""
        self.sealed: Sealed | None = None
        """Its full chunks, each a record of its own; None: there never was one."""

    # ---- what few have

    @property
    def followed(self) -> Followed | None:
        """What became of messages is being followed; None: of nobody's."""
        return self._rare.followed

    @followed.setter
    def followed(self, followed: Followed | None) -> None:
        self._own_rare().followed = followed
        self._settle_rare()

    @property
    def occasions(self) -> OwnOccasions | None:
        """What there is to say for another reason than the silence; None: nothing."""
        return self._rare.occasions

    @occasions.setter
    def occasions(self, occasions: OwnOccasions | None) -> None:
        self._own_rare().occasions = occasions
        self._settle_rare()

    @property
    def seen(self) -> bytes:
        """Six-byte hashes of event ids, as an earlier release has kept them: known, and nothing else is known of
        them."""
        return self._rare.seen

    @seen.setter
    def seen(self, seen: bytes) -> None:
        self._own_rare().seen = seen
        self._settle_rare()

    @property
    def sign_us(self) -> int:
        """Newest sign of life on a day after the last visit's that is no visit itself; 0: there was none. It postpones
        what is due, and is no end of the silence."""
        return self._rare.sign_us

    @sign_us.setter
    def sign_us(self, sign_us: int) -> None:
        self._own_rare().sign_us = sign_us
        self._settle_rare()

    @property
    def written_to(self) -> bytes:
        """What is remembered of the messages to this customer (written_to.py)."""
        return self._rare.written_to

    @written_to.setter
    def written_to(self, written_to: bytes) -> None:
        self._own_rare().written_to = written_to
        self._settle_rare()

    @property
    def objects(self) -> bool:
        """Whether the customer objects to profiling: nothing is worked out about them, and nobody is told."""
        return self._rare.objection > 0

    @property
    def objection(self) -> int:
        """The newest word on profiling: a microsecond after the time of an objection, or less than 0 by as much where
        one is taken back; 0: nothing was said."""
        return self._rare.objection

    def hear_of_profiling(self, word: int) -> None:
        """A word as `objection` tells it; the newest counts, whatever order they come in, and of two at one instant the
        objection."""
        known = self._rare.objection
        if (abs(word), word) > (abs(known), known):
            self._own_rare().objection = word

    def _own_rare(self) -> Rare:
        """This customer's alone, to be written to."""
        if self._rare is NOTHING:
            self._rare = Rare()
        return self._rare

    def _settle_rare(self) -> None:
        """Where nothing is left, nothing is kept."""
        if self._rare.empty:
            self._rare = NOTHING

    # ---- as it is stored

    def wipe(self) -> None:
        """The customer is erased, or another one: wherever this object still lies (the due queue finds out when the day
        comes), nothing in it tells of them."""
        nobody = Customer("")
        for name in OWN_FIELDS:
            setattr(self, name, getattr(nobody, name))
        self.customer_id, self.sealed, self._rare = "", None, NOTHING
        self.episode.begin(0)

    def rare_fields(self) -> dict[str, object]:
        """What few customers have, as it is stored; empty where there is nothing."""
        rare: dict[str, object] = {}
        if absence := self.episode.rare():
            rare[_OF_ABSENCE] = absence
        own = self._rare
        if own is NOTHING:
            return rare
        if own.written_to:
            rare[_WRITTEN_TO] = own.written_to
        if own.occasions is not None:
            rare[_OCCASIONS] = own.occasions.fields()
        if own.followed is not None:
            rare[_OF_MESSAGES] = own.followed.fields()
        if own.objection:
            rare[_OBJECTION] = own.objection
        if own.beyond is not None:
            rare.update(own.beyond)
        return rare

    def take_rare(self, rare: Mapping[str, Any]) -> None:
        """Takes over what `rare_fields` gave; what a later release has added is kept for it."""
        if absence := rare.get(_OF_ABSENCE):
            self.episode.take_rare(absence)
        if written_to := rare.get(_WRITTEN_TO):
            self.written_to = written_to
        if noted := rare.get(_OCCASIONS):
            self.occasions = OwnOccasions.of(noted)
        if followed := rare.get(_OF_MESSAGES):
            self.followed = Followed.of(followed)
        if objection := rare.get(_OBJECTION):
            self._own_rare().objection = objection
        beyond = {name: value for name, value in rare.items() if name not in _OF_FEW}
        if beyond:
            self._own_rare().beyond = beyond

    @property
    def wake_us(self) -> int:
        """Next date at which this customer wants to be looked at."""
        due, change = self.episode.due_us, self.change_us
        wake, rare = min(change, due), self._rare
        if rare is NOTHING:
            return wake
        if rare.occasions is not None:
            wake = min(wake, rare.occasions.wake_us)
        return wake if rare.followed is None else min(wake, rare.followed.ends_us)

    def has_seen(self, digest: bytes) -> bool:
        """Whether the hash is among the ids that an earlier release has kept, six bytes of each."""
        seen = self.seen
        at = seen.find(digest)
        while at >= 0:
            if at % _ID_BYTES == 0:
                return True
            at = seen.find(digest, at + 1)
        return False

    def mark_day(self, day: int) -> None:
        """Sets the bit of a visit day."""
        if not self.days:
            self.days_from = day
        offset = day - self.days_from
        if offset < 0:
            missing = (7 - offset) // 8 * 8
            self.days <<= missing
            self.days_from -= missing
            offset += missing
        elif offset >= _MOST_DAYS and offset // 8 > (self.days.bit_length() - 1) // 8:
            drop = (offset // 8 - _KEPT_DAY_BYTES + 1) * 8
            self.days >>= drop
            if self.days:
                self.days_from += drop
                offset -= drop
            else:
                self.days_from, offset = day, 0
        self.days |= 1 << offset

    def visit_days(self) -> list[int]:
        """The visit days still kept, ascending."""
        bits, start = self.days, self.days_from
        result = []
        while bits:
            low = (bits & -bits).bit_length() - 1
            result.append(start + low)
            bits &= bits - 1
        return result

    def newest_days(self, most: int) -> list[int]:
        """The newest visit days still kept, newest first."""
        bits, start = self.days, self.days_from
        result: list[int] = []
        while bits and len(result) < most:
            high = bits.bit_length() - 1
            result.append(start + high)
            bits ^= 1 << high
        return result

    def visited(self, day: int) -> bool:
        offset = day - self.days_from
        return offset >= 0 and bool(self.days >> offset & 1)
