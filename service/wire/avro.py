"""Avro: one record, read by the schema that it was written with. Needs the extra `avro`.

The bytes are anybody's. What could make a few of them fill the memory or the stack is refused where the schema is read:
lists of what takes no bytes (a count is enough for 2⁶² of them), and records within themselves beyond some bytes.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from io import BytesIO
from typing import Any, Final
from uuid import UUID

import fastavro
from fastavro.schema import SchemaParseException

from service.errors import ErrorCode, PoisonError
from service.wire.framing import opened
from service.wire.schemas import Reading
from service.wire.views import Row

_MOST_KINDS: Final = 0x7E
"""Twice the number of the last kind of record that one byte tells."""
_PRIMITIVES: Final = frozenset({"boolean", "int", "long", "float", "double", "bytes", "string"})
_LONGEST_DECIMAL: Final = 40
"""Bytes, and decimals: no amount has more."""
_LARGEST_OF_ITSELF: Final = 1_000
"""Bytes of a record whose schema contains itself: each may be one level deeper, and the reader has one C stack."""
_UNREADABLE = (EOFError, ValueError, TypeError, KeyError, IndexError, ArithmeticError, AttributeError, RecursionError)
_UUID_BYTES: Final = 16
_MOST_DAYS: Final = 2_900_000
_OF_DEBEZIUM: Final = "io.debezium.time."
_SINGLE_OBJECT: Final = b"\xc3\x01"
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_OF_ANY_SCALE: Final = fastavro.parse_schema(
    {
        "type": "record",
        "name": "BigDecimal",
        "fields": [{"name": "unscaled", "type": "bytes"}, {"name": "scale", "type": "int"}],
    }
)
"""What stands in the bytes of a `big-decimal`."""


def _instant(ticks_ns: int, *_: object) -> object:
    try:
        return _EPOCH + timedelta(microseconds=ticks_ns // 1_000)
    except OverflowError:
        return f"{ticks_ns} ns"


def _local_time(ticks_ns: int, *_: object) -> object:
    found = _instant(ticks_ns)
    return found.replace(tzinfo=None) if isinstance(found, datetime) else found


def _big_decimal(content: bytes, *_: object) -> object:
    """Hexadecimal digits where it is none, or one that no amount is as long as."""
    try:
        found: Any = fastavro.schemaless_reader(BytesIO(content), _OF_ANY_SCALE, None)
    except _UNREADABLE:
        return content.hex()
    if len(found["unscaled"]) > _LONGEST_DECIMAL or abs(found["scale"]) > _LONGEST_DECIMAL:
        return content.hex()
    return Decimal(int.from_bytes(found["unscaled"], "big", signed=True)).scaleb(-found["scale"])


def _uuid(content: bytes, *_: object) -> object:
    return str(UUID(bytes=content)) if len(content) == _UUID_BYTES else content.hex()


def _by_a_clock(tick_us: int) -> Callable[..., object]:
    """Of a column without a zone, as Debezium writes it: as if the clock showed UTC, which `-00:00` says."""

    def read(ticks: int, *_: object) -> object:
        try:
            return f"{(_EPOCH + timedelta(microseconds=ticks * tick_us)).replace(tzinfo=None).isoformat()}-00:00"
        except OverflowError:
            return ticks

    return read


fastavro.read.LOGICAL_READERS.update(
    {
        "fixed-uuid": _uuid,
        "long-io.debezium.time.Timestamp": _by_a_clock(1_000),
        "long-io.debezium.time.MicroTimestamp": _by_a_clock(1),
        "long-io.debezium.time.NanoTimestamp": lambda ticks, *_: _by_a_clock(1)(ticks // 1_000),
        "int-io.debezium.time.Date": lambda days, *_: _EPOCH.date() + timedelta(days=min(max(days, 0), _MOST_DAYS)),
        "long-timestamp-nanos": _instant,
        "long-local-timestamp-nanos": _local_time,
        "bytes-big-decimal": _big_decimal,
    }
)  # types of Avro 1.12 and Debezium's, which the library leaves as they lie: a local time would be taken for an instant


def avro_reading(schema: str, references: Sequence[str] = ()) -> Reading:
    """Reads by a schema, whose named types may stand in `references`, each after what it needs itself. Raises
    ValueError with what is wrong with it."""
    named: dict[str, Any] = {}
    try:
        for text in references:
            fastavro.parse_schema(_with_times(json.loads(text)), named_schemas=named)
        parsed: Any = fastavro.parse_schema(_with_times(json.loads(schema)), named_schemas=named)
    except (SchemaParseException, RecursionError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise ValueError(f"it is no Avro schema that can be read ({_short(error)})") from None
    shape = _Shape(named)
    records = [_record(each, named) for each in (parsed if isinstance(parsed, list) else [parsed])]
    if not records or min(map(shape.least_bytes, records)) < 0:
        raise ValueError("it is no schema of a record")
    largest = _LARGEST_OF_ITSELF if shape.contains_itself else None
    is_one_of = isinstance(parsed, list)

    def read(content: bytes) -> Row:
        if largest is not None and len(content) > largest:
            raise PoisonError(
                ErrorCode.TOO_DEEP, f"the schema contains itself, and the record has more than {largest} bytes"
            )
        return _read(*_chosen(records, content)) if is_one_of else _read(records[0], content)

    return read


def _with_times(schema: Any) -> Any:
    """With the names that Debezium gives its times as types of the schema's own."""
    if isinstance(schema, list):
        return [_with_times(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    found = {
        name: _with_times(each) if name in {"type", "fields", "items", "values"} else each
        for name, each in schema.items()
    }
    name = schema.get("connect.name")
    if isinstance(name, str) and name.startswith(_OF_DEBEZIUM) and "logicalType" not in schema:
        found["logicalType"] = name
    return found


def _record(schema: Any, named: dict[str, Any]) -> Any:
    """One that may be known by its name alone, as in a topic of several kinds of record. ValueError for anything
    else."""
    if isinstance(schema, str) and schema in named:
        schema = {**named[schema], "__fastavro_parsed__": True, "__named_schemas": named}
    if not isinstance(schema, dict) or schema.get("type") != "record":
        raise ValueError("it is no schema of a record")
    return schema


def _chosen(records: Sequence[Any], content: bytes) -> tuple[Any, bytes]:
    """Which of several kinds of record it is, and the record."""
    which = content[0] if content else 1
    if which % 2 or which // 2 >= len(records) or which > _MOST_KINDS:
        raise PoisonError(ErrorCode.NOT_OF_SCHEMA, "the bytes are of none of the records in the Avro schema")
    return records[which // 2], content[1:]


def plain_avro_reading(schema: str) -> Reading:
    """The same of records without a frame; one in Avro's single-object encoding is taken when it names this schema."""
    read = avro_reading(schema)
    mark = _SINGLE_OBJECT + bytes.fromhex(fastavro.schema.fingerprint(_canonical(schema), "CRC-64-AVRO"))

    return lambda value: read(value.removeprefix(mark))


def _canonical(schema: str) -> str:
    return fastavro.schema.to_parsing_canonical_form(json.loads(schema))


def _read(parsed: Any, content: bytes) -> Row:
    stream = BytesIO(content)
    try:
        found: Any = fastavro.schemaless_reader(stream, parsed, None)
    except _UNREADABLE as error:
        raise PoisonError(
            ErrorCode.NOT_OF_SCHEMA, f"the bytes are not what the Avro schema says ({type(error).__name__})"
        ) from None
    if stream.tell() != len(content):
        raise PoisonError(ErrorCode.NOT_OF_SCHEMA, "more bytes follow than the Avro schema says")
    return opened(found)


class _Shape:
    """What a schema says of the bytes of its records."""

    def __init__(self, named: dict[str, Any]) -> None:
        self._named = named
        self._open: set[str] = set()
        self._least: dict[str, int] = {}
        self.contains_itself = False

    def least_bytes(self, schema: Any) -> int:
        """How many bytes one takes at least. Raises ValueError for a list of what may take none."""
        if isinstance(schema, str):
            return self._of_name(schema)
        if isinstance(schema, list):
            return 1 + min((self.least_bytes(each) for each in schema), default=0)
        match schema.get("type"):
            case "array":
                if self.least_bytes(schema["items"]) == 0:
                    raise ValueError("it has a list of what takes no bytes, of which a count could fill the memory")
                return 1
            case "map":
                self.least_bytes(schema["values"])
                return 1
            case "fixed":
                return int(schema["size"])
            case "enum":
                return 1
            case "record" | "error":
                return self._of_record(schema)
            case kind:
                return self.least_bytes(kind)

    def _of_name(self, name: str) -> int:
        if name == "null":
            return 0
        if name in _PRIMITIVES:
            return {"float": 4, "double": 8}.get(name, 1)
        if name in self._open:
            self.contains_itself = True
            return 1  # whatever contains itself has a choice in between
        if name not in self._least:
            self._least[name] = self.least_bytes(self._named[name])
        return self._least[name]

    def _of_record(self, schema: Any) -> int:
        name = schema["name"]
        self._open.add(name)
        least = sum(self.least_bytes(field["type"]) for field in schema["fields"])
        self._open.discard(name)
        return least


def _short(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:200]
