"""Schemas that records were written with, as far as they are known here: by the id in front of each value.

A frame is a zero and the schema's id in four bytes, or a one and the sixteen of its GUID, and what was written with it,
as Confluent's serializers do; where the frame is a header, it has been put in front (framing.with_frame). Nothing
is fetched here: whoever reads asks which ids are missing, and puts in what has become of them. So decoding never waits,
and a record whose schema is not here yet is never looked at.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final
from uuid import UUID

from service.errors import ErrorCode, FatalError, PoisonError
from service.wire.framing import GLUE_CURE, Framed
from service.wire.views import Row

Reading = Callable[[bytes], Row]
"""What was written with one schema → the record. PoisonError where it cannot be."""

SchemaId = int | UUID
"""As a registry knows it: by its number, or by what it is called in all registries."""

FRAME_BYTES: Final = 5
_GUID_FRAME_BYTES: Final = 17
_NO_ID: Final = bytes(FRAME_BYTES - 1)
_OF_EIGHT_BYTES: Final = (
    "schema 0: no registry has one. Apicurio's serializers write eight bytes of id in front: let them write four, the "
    "content's (apicurio.registry.id-handler Legacy4ByteIdHandler or Default4ByteIdHandler, apicurio.registry.use-id contentId)"
)
_CURES: Final = (
    (b"{", '; it looks like JSON: set format = "json"'),
    (b"\x03\x00", GLUE_CURE),
    (b"\x03\x05", GLUE_CURE),
)
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

    def missing(self, values: Iterable[bytes | None], now_s: float) -> set[SchemaId]:
        """Ids that have to be found out about before these can be read."""
        found = {key for value in values if value and (key := _key_in(value)) is not None}
        found.discard(_NO_ID)
        return {_id_of(each) for each in found - self._known.keys() if self._unknown.get(each, (0.0, ""))[0] <= now_s}

    def put(self, schema_id: SchemaId, reading: Reading, now_s: float) -> None:
        if len(self._known) >= MOST_KNOWN:
            self.put_unknown(schema_id, f"the topic has more than {MOST_KNOWN} schemas", now_s)
            return
        key = _key_of(schema_id)
        self._known[key] = reading
        self._unknown.pop(key, None)

    def put_unknown(self, schema_id: SchemaId, why: str, now_s: float) -> None:
        """`why`: a sentence for the dead letter."""
        key = _key_of(schema_id)
        self._unknown.pop(key, None)
        self._unknown[key] = (now_s + UNKNOWN_FOR_S, why)
        while len(self._unknown) > _MOST_UNKNOWN:
            del self._unknown[next(iter(self._unknown))]
            self._has_forgotten = True

    def read(self, value: bytes) -> Row:
        """A framed record. PoisonError where there is no frame, or none that can be read by it."""
        key = _key_in(value)
        if key is None:
            cure = next((cure for begins, cure in _CURES if value.startswith(begins)), "")
            raise PoisonError(
                ErrorCode.NOT_OF_SCHEMA,
                "the value does not begin with a zero and the id of a schema, as serializers with a registry write it, nor "
                f"does a header say it{cure}",
            )
        if key == _NO_ID:
            raise PoisonError(ErrorCode.UNKNOWN_SCHEMA, _OF_EIGHT_BYTES)
        reading = self._known.get(key)
        if reading is not None:
            return reading(value[len(key) + 1 :])
        unknown = self._unknown.get(key)
        if unknown is None and self._has_forgotten:
            unknown = 0.0, "the registry did not know it"
        if unknown is None:
            raise FatalError(f"A record of the schema {_id_of(key)} was read before the schema was there.")
        raise PoisonError(ErrorCode.UNKNOWN_SCHEMA, f"schema {_id_of(key)}: {unknown[1]}")

    def read_key(self, key: bytes) -> Row | None:
        """What a framed key says; None where that cannot be told by its schema."""
        name = _key_in(key)
        reading = None if name is None else self._known.get(name)
        if name is None or reading is None:
            return None
        try:
            return reading(key[len(name) + 1 :])
        except PoisonError:
            return None


def _key_in(value: bytes) -> bytes | None:
    """The id in front of a record; None where there is none."""
    if value[0] == 0 and len(value) >= FRAME_BYTES:
        return value[1:FRAME_BYTES]
    is_guid = isinstance(value, Framed) and value[0] == 1 and len(value) >= _GUID_FRAME_BYTES
    return value[1:_GUID_FRAME_BYTES] if is_guid else None


def _key_of(schema_id: SchemaId) -> bytes:
    return schema_id.bytes if isinstance(schema_id, UUID) else schema_id.to_bytes(4, "big")


def _id_of(key: bytes) -> SchemaId:
    return UUID(bytes=key) if len(key) == _GUID_FRAME_BYTES - 1 else int.from_bytes(key, "big")
