"""What an error of our own is about is set aside after the second try, and the partition goes on without it.

Nothing is undone in memory: whatever raises an error that nobody expected, the engine is forgotten and read back, as
after a crash. Before that, the try is noted in the ledger topic, in a transaction of its own, so that the next life
knows. There is no third try: a record goes to dead-letters with its bytes, a customer's dates do not come up, a weekly
refresh of what is learned is left out. A turn in which nobody knows which record it was is taken apart into smaller
ones first.

A customer whose dates were set aside is looked at again by another version of the program. More than so many in so many
minutes are no accident: then the partition stops until an operator says that it may go on.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from enum import StrEnum
from traceback import walk_tb
from typing import Final, NamedTuple

from service.build_info import version
from service.config import Settings
from service.domain.calendar import DAY_US, utc_text
from service.domain.changelog import STUMBLED_PREFIX, pack, unpack
from service.domain.stumbling import hold
from service.errors import CeilingError, place_of

TRIES: Final = 2
"""After so many in vain it is set aside."""
TOLD_FOR_US: Final = DAY_US
"""So long readiness and metrics tell of what was set aside."""
_SMALLER: Final = 150
"""Into so many parts a turn is taken in which an error is not any one record's."""
_WARY: Final = 50
"""Records of a turn while one that was stumbled over is ahead."""
_FRAMES: Final = 12
_TURN: Final = b"turn"
_STOPPED: Final = b"stopped"


class Kind(StrEnum):
    """What an error was about."""

    RECORD = "record"
    CUSTOMER = "customer"
    """A date of theirs that came up."""
    REFRESH = "refresh"
    """Of what is learned from everybody."""
    OUTPUT = "output"
    """A decision or a customer's scores, which could not be written."""
    TURN = "turn"
    """Of several records, and nobody knows which."""


class Place(NamedTuple):
    """A record: where it lies, or its number among those that were carried from there."""

    topic: str
    partition: int
    number: int


class Stumbled(Exception):  # noqa: N818 - it is what has happened, not yet an error for anybody
    """An error of our own on something that can be told apart; the cause is that error. Whoever catches it notes it and
    reads the state back."""

    def __init__(self, kind: Kind, identity: bytes, told: str, customer_id: str = "") -> None:
        super().__init__(told)
        self.kind = kind
        self.identity = identity
        self.told = told
        """What it is about, without a name."""
        self.customer_id = customer_id
        """Whose date it was."""


class Note(NamedTuple):
    """As it stands in the ledger."""

    kind: str
    tries: int
    at_us: int
    """Of the last try."""
    version: str
    told: str
    reason: str
    """Kind of error and place in our code."""


def told_of(place: Place) -> str:
    return f"the record {place.topic} {place.partition}/{place.number}"


def of_record(place: Place) -> bytes:
    return pack(["record", *place])


def of_customer(customer_id: str) -> bytes:
    """A hash: the ledger names nobody."""
    return b"customer" + hashlib.blake2b(customer_id.encode(), digest_size=12).digest()


def of_refresh(at_us: int) -> bytes:
    return pack(["refresh", at_us])


def frames_of(error: BaseException) -> list[str]:
    """Where an error came from, innermost last: files, lines and functions of ours. No text of it, which may name
    somebody."""
    inner = error
    while inner.__cause__ is not None:
        inner = inner.__cause__
    found = [
        f"{frame.f_code.co_filename.rpartition('/service/')[2]}:{line} {frame.f_code.co_name}"
        for frame, line in walk_tb(inner.__traceback__)
    ]
    return [*found[-_FRAMES:], type(inner).__name__]


def reason_of(error: BaseException) -> str:
    """Kind of error and place in our code, in a word."""
    inner = error
    while inner.__cause__ is not None:
        inner = inner.__cause__
    return type(inner).__name__ + place_of(inner)


class Quarantine:
    """Of one partition, over its lives. Call `restore` for its records of the ledger first."""

    def __init__(self, settings: Settings) -> None:
        self._most = settings.limits.set_aside_most
        self._window_us = int(settings.limits.set_aside_minutes * 60_000_000)
        self._version = version()
        self._notes: dict[bytes, Note] = {}
        self._news: dict[bytes, bytes | None] = {}
        self._small: tuple[int, dict[str, int]] | None = None
        """Most records of a turn, until the inputs have been read up to there."""
        self.allowed_us = 0
        """When the operator last said that it may go on."""
        self._is_past = False
        """Whether every record that was stumbled over lies behind."""
        self._stopped_us = 0
        """When it stopped for a person; 0: it has not."""

    def restore(self, key: bytes, value: bytes | None) -> None:
        """One record of the partition's ledger under STUMBLED_PREFIX. Raises ValueError for what cannot be read."""
        identity = key.removeprefix(STUMBLED_PREFIX)
        if identity == _TURN:
            self._small = None if value is None else _small_of(value)
        elif identity == _STOPPED:
            self._stopped_us = 0 if value is None else unpack(value)[0]
        elif value is None:
            self._notes.pop(identity, None)
        else:
            fields = unpack(value)
            hold(fields, len(Note._fields), "what was stumbled over")
            self._notes[identity] = Note(*fields)

    def restored(self) -> None:
        """All have been read: what another version has stumbled over twice is tried again by this one."""
        for identity, note in list(self._notes.items()):
            if note.tries >= TRIES and note.version != self._version and note.kind != Kind.OUTPUT:
                self._drop(identity)

    # ---- what to do with something

    @property
    def _wary(self) -> bool:
        """Whether a record that was stumbled over may be ahead."""
        return any(note.kind == Kind.RECORD for note in self._notes.values()) and not self._is_past

    def is_aside(self, identity: bytes) -> bool:
        note = self._notes.get(identity)
        return note is not None and note.tries >= TRIES

    @property
    def any_noted(self) -> bool:
        """Whether anything has been stumbled over: a look at each record is worth it."""
        return bool(self._notes)

    @property
    def has_customers(self) -> bool:
        """Whether there are customers whose dates are set aside."""
        return any(note.kind == Kind.CUSTOMER and note.tries >= TRIES for note in self._notes.values())

    def refreshes(self) -> set[int]:
        """Instants of refreshes that are left out."""
        return {
            unpack(identity)[1]
            for identity, note in self._notes.items()
            if note.kind == Kind.REFRESH and note.tries >= TRIES
        }

    def turn_records(self, most: int) -> int:
        """Most records of the next turn: few where something was stumbled over, so that what comes before is kept."""
        if self._small is not None:
            return min(most, self._small[0])
        return min(most, _WARY) if self._wary else most

    # ---- what has happened

    def note(self, stumbled: Stumbled, now_us: int) -> tuple[bytes, bytes]:
        """The record of the ledger by which the next life knows of one more try in vain."""
        before = self._notes.get(stumbled.identity)
        tries = 1 if before is None or before.version != self._version else before.tries + 1
        note = Note(stumbled.kind, tries, now_us, self._version, stumbled.told, reason_of(stumbled))
        self._notes[stumbled.identity] = note
        return STUMBLED_PREFIX + stumbled.identity, pack(note)

    def note_turn(self, records: int, until: Mapping[str, int]) -> tuple[bytes, bytes]:
        """The same of a turn of so many records, which ended before these positions."""
        limit = 1 if records <= _SMALLER else records // _SMALLER
        return STUMBLED_PREFIX + _TURN, pack([limit, dict(until)])

    def tries(self, identity: bytes) -> int:
        note = self._notes.get(identity)
        return 0 if note is None else note.tries

    def set_aside(self, kind: Kind, identity: bytes, told: str, reason: str, now_us: int) -> None:
        """It is done without at once: nothing had changed when it failed. Raises CeilingError where that happens too
        often."""
        note = Note(kind, TRIES, now_us, self._version, told, reason)
        self._notes[identity] = note
        self._news[STUMBLED_PREFIX + identity] = pack(note)
        self.hold(now_us)

    def reason(self, identity: bytes) -> str:
        """Of what is set aside."""
        return self._notes[identity].reason

    def hold(self, now_us: int) -> None:
        """Raises CeilingError where so much was set aside lately that somebody has to look."""
        since_us = max(now_us - self._window_us, self.allowed_us)
        lately = sorted(
            (note.at_us, f"{note.told}: {note.reason}")
            for note in self._notes.values()
            if note.tries >= TRIES and note.at_us > since_us
        )
        if len(lately) > self._most or self._stopped_us > self.allowed_us:
            last = f", the last: {lately[-1][1]}" if lately else ""
            raise CeilingError(
                f"Errors of our own have come up with more than {self._most} records or customers within "
                f"{self._window_us // 60_000_000} minutes{last}. That is no accident, and this partition stops: install a "
                "release in which it is mended, or say `churn-alert dead-letters resume` to have further ones set aside "
                "(limits.set_aside_most)."
            )

    def note_stop(self, now_us: int) -> tuple[bytes, bytes]:
        """The record of the ledger by which the next life knows that a person is waited for."""
        self._stopped_us = now_us
        return STUMBLED_PREFIX + _STOPPED, pack([now_us])

    def passed(self, positions: Mapping[str, int], partition: int) -> None:
        """The inputs have been read up to there: what is below and was not set aside went well at another try."""
        if self._small is not None and all(positions.get(topic, 0) >= at for topic, at in self._small[1].items()):
            self._small = None
            self._news[STUMBLED_PREFIX + _TURN] = None
        if self._is_past or not self._notes:
            return
        self._is_past = True
        for identity, note in list(self._notes.items()):
            if note.kind == Kind.RECORD:
                _, topic, number, at = unpack(identity)
                if number == partition and positions.get(topic, 0) <= at:
                    self._is_past = False
                elif number == partition and note.tries < TRIES:
                    self._drop(identity)

    def take_news(self, now_us: int) -> list[tuple[bytes, bytes | None]]:
        """Records for the ledger since the last call; what was set aside long ago, and is passed, goes with them."""
        if not self._news:
            return []
        for identity, note in list(self._notes.items()):
            if note.kind in {Kind.RECORD, Kind.OUTPUT, Kind.REFRESH} and note.at_us < now_us - 2 * TOLD_FOR_US:
                self._drop(identity)
        news, self._news = list(self._news.items()), {}
        return news

    def lately(self, now_us: int) -> list[Note]:
        """What was set aside within a day, and the customers who still are."""
        return [
            note
            for note in self._notes.values()
            if note.tries >= TRIES and (note.at_us > now_us - TOLD_FOR_US or note.kind == Kind.CUSTOMER)
        ]

    def _drop(self, identity: bytes) -> None:
        del self._notes[identity]
        self._news[STUMBLED_PREFIX + identity] = None


def _small_of(value: bytes) -> tuple[int, dict[str, int]]:
    fields = unpack(value)
    hold(fields, 2, "a small turn")
    limit, until = fields
    return int(limit), dict(until)


def sentence(note: Note) -> str:
    """For readiness."""
    return f"{note.told} was set aside at {utc_text(note.at_us)} after an error of our own ({note.reason})"
