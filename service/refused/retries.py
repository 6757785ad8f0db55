"""What has become of dead letters that were sent back: remembered in the ledger topic, so that every call and every
worker knows, and nothing counts twice.

A letter is known by where its record lay and what it held, through any number of retries. `dead-letters retry` writes
that it was asked for, then the record; the worker that reads it writes, with its turn, what it became. What was taken
is never taken again, however many events lie between; what is refused once more makes no further letter, and the first
one tells why.

The mark on a record that was sent back is signed with a key that the group's workers and commands have: another
producer's record is never taken for one.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable
from datetime import datetime, tzinfo
from enum import StrEnum
from typing import Final, NamedTuple

from schemas.outputs import DeadLetter
from service.config import Settings
from service.domain.calendar import DAY_US, utc_text
from service.domain.changelog import ASKED_PREFIX, RETRIED_PREFIX, pack, unpack
from service.domain.stumbling import hold

RETRIED_HEADER: Final = "churn-alert-retry-of"
"""On a record that was sent back: "partition/offset" of its dead letter, for people."""
MARK_HEADER: Final = "churn-alert-retry"
"""On the same: which letter it is, the how manieth attempt, and the seal."""
OWN_HEADERS: Final = (RETRIED_HEADER, MARK_HEADER)
_ID_BYTES: Final = 12
_SEAL_BYTES: Final = 12
_LONGEST_MESSAGE: Final = 300
"""Characters of what is wrong that are remembered."""
_KEPT_BEYOND_DAYS: Final = 30
"""After the letter itself is gone, for the record that was sent back may still lie in the input."""


class Mark(NamedTuple):
    """What a record that was sent back says of itself."""

    identity: bytes
    attempt: int


class Became(NamedTuple):
    """What a worker has made of one attempt."""

    attempt: int
    taken: bool
    at_us: int
    code: str = ""
    """Why it was refused once more; empty where it was taken."""
    message: str = ""


class Standing(StrEnum):
    """Of a dead letter, as it is told."""

    NEVER = "never"
    """It was not sent back."""
    WAITS = "waits"
    """It was sent back, and no worker has read it yet."""
    TAKEN = "taken"
    """It was accepted: nothing is left to do."""
    REFUSED = "refused"
    """It was refused once more."""


class Marks:
    """Makes and reads the marks of one group."""

    def __init__(self, settings: Settings) -> None:
        secret = settings.shop.erasure_salt
        key = settings.kafka.group.encode() if secret is None else secret.get_secret_value().encode()
        self._key = hmac.digest(key, b"churn-alert-retry", "sha256")

    def header(self, mark: Mark) -> tuple[str, bytes]:
        """As it stands on the record."""
        text = f"{mark.identity.hex()}/{mark.attempt}"
        return MARK_HEADER, f"{text}/{self._seal(text)}".encode()

    def of(self, headers: Iterable[tuple[str, bytes | None]]) -> Mark | None:
        """None for a record that was not sent back, or whose mark is none of this group's."""
        for name, value in headers:
            if name == MARK_HEADER:
                try:
                    text, _, seal = (value or b"").decode("ascii").rpartition("/")
                    identity, _, attempt = text.partition("/")
                    if hmac.compare_digest(seal, self._seal(text)):
                        return Mark(bytes.fromhex(identity), int(attempt))
                except ValueError:
                    return None
        return None

    def _seal(self, text: str) -> str:
        return hmac.digest(self._key, text.encode(), "sha256")[:_SEAL_BYTES].hex()


def identity_of(letter: DeadLetter) -> bytes:
    """The same for every letter about one record: where it lay, when, and what it held: topics can be made anew."""
    digest = hashlib.blake2b(digest_size=_ID_BYTES)
    for part in (
        letter.source_topic,
        str(letter.source_partition),
        str(letter.source_offset),
        letter.source_timestamp or "",
        letter.key_base64 or "",
        letter.value_base64 or "",
    ):
        digest.update(len(part).to_bytes(4, "big") + part.encode())
    return digest.digest()


def pack_asked(attempt: int, at_us: int) -> bytes:
    """The value of a letter's record under ASKED_PREFIX."""
    return pack([attempt, at_us])


class Retries:
    """What the ledger topic holds of all letters; `take` each of its records."""

    def __init__(self) -> None:
        self._asked: dict[bytes, int] = {}
        self._became: dict[bytes, Became] = {}

    def take(self, key: bytes, value: bytes | None) -> None:
        """One record of the ledger topic; most are of no interest here. Raises ValueError for what cannot be read."""
        if value is None:
            return
        if key.startswith(ASKED_PREFIX):
            identity = key.removeprefix(ASKED_PREFIX)
            self._asked[identity] = max(self._asked.get(identity, 0), unpack(value)[0])
        elif key.startswith(RETRIED_PREFIX):
            identity, became = key.removeprefix(RETRIED_PREFIX), became_of(value)
            known = self._became.get(identity)
            # Of two partitions it is in, as after its key was mended: taken by either is taken.
            if known is None or (became.taken, became.attempt) > (known.taken, known.attempt):
                self._became[identity] = became

    def attempts(self, letter: DeadLetter) -> int:
        """How often it was sent back."""
        return self._asked.get(identity_of(letter), 0)

    def standing(self, letter: DeadLetter) -> Standing:
        asked, became = self.attempts(letter), self.became(letter)
        if became is not None and became.taken:
            return Standing.TAKEN
        if asked > (0 if became is None else became.attempt):
            return Standing.WAITS
        return Standing.NEVER if became is None else Standing.REFUSED

    def became(self, letter: DeadLetter) -> Became | None:
        """Of the last attempt that was read."""
        return self._became.get(identity_of(letter))

    def told(self, letter: DeadLetter) -> dict[str, object]:
        """For programs."""
        became = self.became(letter)
        return {
            "standing": self.standing(letter).value,
            "attempts": self.attempts(letter),
            "at": None if became is None else utc_text(became.at_us),
            "error_code": None if became is None else became.code or None,
            "error_message": None if became is None else became.message or None,
        }


def became_of(value: bytes) -> Became:
    """Back from `pack_became`. Raises ValueError for anything else."""
    attempt, taken, at_us, code, message, *_ = unpack(value)
    return Became(attempt, taken, at_us, code, message)


def pack_became(became: Became) -> bytes:
    return pack(became._replace(message=became.message[:_LONGEST_MESSAGE]))


class Readings:
    """What one partition has made of records that were sent back, and has to write of it."""

    def __init__(self, settings: Settings) -> None:
        self._kept_us = (settings.kafka.dead_letters_retention_days + _KEPT_BEYOND_DAYS) * DAY_US
        self._taken: dict[bytes, int] = {}
        """Identity → when."""
        self._news: dict[bytes, bytes | None] = {}

    def restore(self, key: bytes, value: bytes | None) -> None:
        """One record of the partition's ledger under RETRIED_PREFIX."""
        identity = key.removeprefix(RETRIED_PREFIX)
        if value is None:
            self._taken.pop(identity, None)
        else:
            hold(unpack(value), len(Became._fields), "what became of a letter")
            became = became_of(value)
            if became.taken:
                self._taken[identity] = became.at_us

    def was_taken(self, mark: Mark) -> bool:
        """Whether the record was taken before, so that it must not count again."""
        return mark.identity in self._taken

    def note(self, mark: Mark, now_us: int, refusal: tuple[str, str] | None = None) -> None:
        """What became of it: it was taken, or refused for that code and message."""
        code, message = refusal or ("", "")
        if refusal is None:
            self._taken[mark.identity] = now_us
        became = Became(mark.attempt, refusal is None, now_us, code, message)
        self._news[RETRIED_PREFIX + mark.identity] = pack_became(became)

    def take_news(self, now_us: int) -> list[tuple[bytes, bytes | None]]:
        """Records for the ledger since the last call; those of letters that are long gone are taken away with them."""
        if not self._news:
            return []
        for identity in [each for each, at_us in self._taken.items() if at_us < now_us - self._kept_us]:
            del self._taken[identity]
            self._news[RETRIED_PREFIX + identity] = None
        news, self._news = list(self._news.items()), {}
        return news


def shown_at(became: Became, zone: tzinfo) -> str:
    """A day and time for a table."""
    return f"{datetime.fromtimestamp(became.at_us / 1e6, tz=zone):%Y-%m-%d %H:%M}"
