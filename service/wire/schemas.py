"""Schemas that records were written with, as far as they are known here: by the id in front of each value.

A frame is a zero, the schema's id in four bytes, and what was written with it, as Confluent's serializers do. Nothing
is fetched here: whoever reads asks which ids are missing, and puts in what has become of them. So decoding never waits,
and a record whose schema is not here yet is never looked at.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from service.errors import ErrorCode, FatalError, PoisonError
from service.wire.views import Row

Reading = Callable[[bytes], Row]
"""What was written with one schema → the record. PoisonError where it cannot be."""

FRAME_BYTES: Final = 5
MOST_KNOWN: Final = 2_000
"""Schemas of one partition. None is forgotten; a topic with more has another trouble, and its records say so."""
UNKNOWN_FOR_S: Final = 60.0
"""Then the registry is asked anew for an id that it did not know."""
_MOST_UNKNOWN: Final = 10_000


class Schemas:
    """Grows with what is put in."""

    def __init__(self) -> None:
        self._known: dict[bytes, Reading] = {}
        self._unknown: dict[bytes, tuple[float, str]] = {}
        """Id → until when it is not asked for again, and why nothing can be read with it."""
        self._has_forgotten = False
        """There were more unknown ones than are remembered."""

    def missing(self, values: Iterable[bytes | None], now_s: float) -> set[int]:
        """Ids that have to be found out about before these can be read."""
        found = {value[1:FRAME_BYTES] for value in values if value and value[0] == 0 and len(value) >= FRAME_BYTES}
        return {
            int.from_bytes(each, "big")
            for each in found - self._known.keys()
            if self._unknown.get(each, (0.0, ""))[0] <= now_s
        }

    def put(self, schema_id: int, reading: Reading, now_s: float) -> None:
        if len(self._known) >= MOST_KNOWN:
            self.put_unknown(schema_id, f"the topic has more than {MOST_KNOWN} schemas", now_s)
            return
        key = schema_id.to_bytes(4, "big")
        self._known[key] = reading
        self._unknown.pop(key, None)

    def put_unknown(self, schema_id: int, why: str, now_s: float) -> None:
        """`why`: a sentence for the dead letter."""
        key = schema_id.to_bytes(4, "big")
        self._unknown.pop(key, None)
        self._unknown[key] = (now_s + UNKNOWN_FOR_S, why)
        while len(self._unknown) > _MOST_UNKNOWN:
            del self._unknown[next(iter(self._unknown))]
            self._has_forgotten = True

    def read(self, value: bytes) -> Row:
        """A framed record. PoisonError where there is no frame, or none that can be read by it."""
        if value[0] != 0 or len(value) < FRAME_BYTES:
            raise PoisonError(
                ErrorCode.NOT_OF_SCHEMA,
                "the value does not begin with a zero and the id of a schema, as serializers with a registry write it",
            )
        key = value[1:FRAME_BYTES]
        reading = self._known.get(key)
        if reading is not None:
            return reading(value[FRAME_BYTES:])
        unknown = self._unknown.get(key)
        if unknown is None and self._has_forgotten:
            unknown = 0.0, "the registry did not know it"
        if unknown is None:
            raise FatalError(
                f"A record of the schema {int.from_bytes(key, 'big')} was read before the schema was there."
            )
        raise PoisonError(ErrorCode.UNKNOWN_SCHEMA, f"schema {int.from_bytes(key, 'big')}: {unknown[1]}")
