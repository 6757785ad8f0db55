"""What the page's process and the worker say to each other, over one local socket: small messages, one after the other.

The page asks; the worker answers. Each message is its length in four bytes and a MessagePack map.
"""

from __future__ import annotations

import struct
from enum import IntEnum
from typing import Any, Final

import msgspec

from service.domain.outreach.realised import ClassRealised
from service.web.shop_view import CustomerCounts, Readiness

_LENGTH: Final = struct.Struct(">I")
LARGEST: Final = 64 << 20
"""Of one message. The largest are metrics, some hundred kilobytes."""


class Ask(IntEnum):
    """What is wanted."""

    LIFE = 0
    FACTS = 1
    METRICS = 2
    PERSON = 3
    COMING = 4


class Question(msgspec.Struct, array_like=True):
    """Answered by the `Answer` of the same number."""

    number: int
    ask: Ask
    accept: str = ""
    """What a scraper accepts, for metrics."""
    about: str = ""
    """The customer, where one is asked about."""


class Facts(msgspec.Struct, array_like=True):
    """Everything about the worker that the page shows and that is not in a topic."""

    working: bool
    """False while there is no broker yet, so that no topic can be read."""
    readiness: Readiness
    customers: CustomerCounts
    kept: list[list[Any]]
    """The fields of `ClassRealised`."""
    misspelt: dict[str, str] = {}
    """Fields of profiles that are not read → what they seem to mean."""

    def realised(self) -> list[ClassRealised]:
        return [ClassRealised.of(fields) for fields in self.kept]


class Answer(msgspec.Struct, array_like=True):
    """`number` 0 tells the page to end: finish what is asked for, and go."""

    number: int
    facts: Facts | None = None
    metrics: bytes = b""
    content_type: str = ""
    given_up: bool = False
    """The worker has not answered in time."""
    person: bytes = b""
    """What the worker knows of the customer, as JSON; empty where it does not hold them."""
    coming: bytes = b""
    """What it will look at within a day, as JSON."""


END: Final = Answer(0)
_encoder = msgspec.msgpack.Encoder()
_questions = msgspec.msgpack.Decoder(Question)
_answers = msgspec.msgpack.Decoder(Answer)


def framed(message: Question | Answer) -> bytes:
    body = _encoder.encode(message)
    return _LENGTH.pack(len(body)) + body


class Frames:
    """Cuts what arrives into messages."""

    def __init__(self) -> None:
        self._bytes = bytearray()

    def take(self, data: bytes) -> list[bytes]:
        """The messages that are complete. Raises ValueError for what cannot be one."""
        self._bytes += data
        found = []
        while len(self._bytes) >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(self._bytes)
            if length > LARGEST:
                raise ValueError(f"a message of {length} bytes")
            if len(self._bytes) < _LENGTH.size + length:
                break
            found.append(bytes(self._bytes[_LENGTH.size : _LENGTH.size + length]))
            del self._bytes[: _LENGTH.size + length]
        return found


def question_of(body: bytes) -> Question:
    return _questions.decode(body)


def answer_of(body: bytes) -> Answer:
    return _answers.decode(body)
