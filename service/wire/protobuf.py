"""Protobuf: one message, read by the description that its .proto was compiled to. Needs the extra `protobuf`."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from decimal import Decimal
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import grpc_tools
from google.protobuf.descriptor_pb2 import FileDescriptorProto, FileDescriptorSet
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import DecodeError, Message
from google.protobuf.message_factory import GetMessageClass

from service.errors import ErrorCode, PoisonError
from service.wire.known_protos import KNOWN_PROTOS
from service.wire.schemas import Reading
from service.wire.views import Row, View

MAIN: Final = "churn_alert_main.proto"
_COMPILE_S: Final = 60.0
_DEEPEST_INDEX: Final = 20
_LONGEST_DECIMAL: Final = 40
"""Bytes, and decimals."""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def framed_protobuf_reading(schema: str, references: Mapping[str, str]) -> Reading:
    """Reads what follows a frame: the place of the message among those of the file, and the message. `references`: name
    that is imported → .proto. Raises ValueError with what is wrong with it."""
    pool, main = _compiled(schema, references)
    classes: dict[tuple[int, ...], Any] = {}

    def read(content: bytes) -> Row:
        path, at = _message_index(content)
        if path not in classes:
            name = _name_at(main, path)
            classes[path] = GetMessageClass(pool.FindMessageTypeByName(name))
        return _read(classes[path], content[at:])

    return read


def plain_protobuf_reading(schema: str, message: str | None) -> Reading:
    """The same of a record that is the message itself; None: the first of the file. Raises ValueError."""
    pool, main = _compiled(schema, {})
    if not main.message_type:
        raise ValueError("it has no message")
    name = _qualified(main, message or main.message_type[0].name)
    try:
        kind = GetMessageClass(pool.FindMessageTypeByName(name))
    except KeyError:
        raise ValueError(f"it has no message {name}") from None
    return lambda value: _read(kind, value)


def _qualified(file: FileDescriptorProto, name: str) -> str:
    return name if not file.package or name.startswith(f"{file.package}.") else f"{file.package}.{name}"


def _compiled(schema: str, references: Mapping[str, str]) -> tuple[DescriptorPool, FileDescriptorProto]:
    """In a process of its own: what is wrong with a text from elsewhere ends that and not us."""
    with TemporaryDirectory(prefix="churn-alert-proto-") as directory:
        root = Path(directory)
        for name, text in {**KNOWN_PROTOS, **references, MAIN: schema}.items():
            try:
                _write(root, name, text)
            except OSError as error:  # one name is a folder of another
                raise ValueError(f"it imports {name[:100]!r}, which cannot lie beside the others") from error
        shipped = Path(grpc_tools.__file__).parent / "_proto"
        compiler = [sys.executable, "-I", "-m", "grpc_tools.protoc", f"-I{root}", f"-I{shipped}"]
        try:
            done = subprocess.run(
                [*compiler, "--include_imports", f"--descriptor_set_out={root / 'out'}", MAIN],
                cwd=root,
                capture_output=True,
                timeout=_COMPILE_S,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise ValueError("it takes too long to compile") from None
        if done.returncode != 0:
            said = done.stderr.decode(errors="replace").replace(MAIN, "").strip()
            raise ValueError(f"it is no .proto that can be compiled ({said[:200]})")
        described = FileDescriptorSet.FromString((root / "out").read_bytes())
    pool = DescriptorPool()
    for file in described.file:  # each after what it imports
        try:
            pool.Add(file)
        except TypeError as error:
            raise ValueError(f"it is no .proto that fits together ({str(error)[:200]})") from error
    return pool, described.file[-1]


def _write(root: Path, name: str, text: str) -> None:
    place = PurePosixPath(name)
    if place.is_absolute() or ".." in place.parts or not name.isprintable() or len(name) > 200:
        raise ValueError(f"it imports {name[:100]!r}, which is no name of a .proto")
    file = root / place
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")


def _message_index(content: bytes) -> tuple[tuple[int, ...], int]:
    """Place of the message (its index, and within that), and where it begins. A single 0 stands for the first one."""
    count, at = _zigzag(content, 0)
    if count == 0:
        return (0,), at
    if not 0 < count <= _DEEPEST_INDEX:
        raise PoisonError(ErrorCode.NOT_OF_SCHEMA, "the place of the Protobuf message cannot be")
    path = []
    for _ in range(count):
        index, at = _zigzag(content, at)
        path.append(index)
    return tuple(path), at


def _zigzag(content: bytes, at: int) -> tuple[int, int]:
    """A variable-length integer, and where it ends."""
    number = shift = 0
    for place in range(at, min(at + 5, len(content))):
        number |= (content[place] & 0x7F) << shift
        if content[place] < 0x80:
            return (number >> 1) ^ -(number & 1), place + 1
        shift += 7
    raise PoisonError(ErrorCode.NOT_OF_SCHEMA, "the place of the Protobuf message is cut off")


def _name_at(file: FileDescriptorProto, path: tuple[int, ...]) -> str:
    messages: Any = file.message_type
    names = [file.package] if file.package else []
    for index in path:
        if not 0 <= index < len(messages):
            raise PoisonError(
                ErrorCode.NOT_OF_SCHEMA, "the schema has no Protobuf message at the place that the record says"
            )
        names.append(messages[index].name)
        messages = messages[index].nested_type
    return ".".join(names)


def _read(kind: Any, content: bytes) -> Row:
    try:
        message = kind.FromString(content)
    except (DecodeError, ValueError) as error:
        raise PoisonError(
            ErrorCode.NOT_OF_SCHEMA, f"the bytes are not what the Protobuf schema says ({type(error).__name__})"
        ) from None
    return MessageView(message)


class MessageView(View):
    """Fields by their names in the .proto. One that says nothing is absent where the language can tell that, else it
    has its default."""

    __slots__ = ("_message",)

    def __init__(self, message: Message) -> None:
        self._message = message

    def get(self, name: str, /) -> object:
        field = self._message.DESCRIPTOR.fields_by_name.get(name)
        if field is None or (field.has_presence and not self._message.HasField(name)):
            return None
        value: Any = getattr(self._message, name)
        if field.message_type is not None and field.message_type.GetOptions().map_entry:
            of_values = field.message_type.fields_by_name["value"]
            return {_key_of(key): _one(of_values, value[key]) for key in value}
        if field.is_repeated:
            return [_one(field, each) for each in value]
        return _one(field, value)

    def names(self) -> list[str]:
        return [field.name for field in self._message.DESCRIPTOR.fields]

    def __repr__(self) -> str:
        return f"a message {self._message.DESCRIPTOR.full_name}"


def _key_of(key: object) -> str:
    return str(key).lower() if isinstance(key, bool) else str(key)


def _one(field: Any, value: Any) -> object:
    if field.message_type is not None:
        known = _WELL_KNOWN.get(field.message_type.full_name)
        return MessageView(value) if known is None else known(value)
    if field.enum_type is not None:
        named = field.enum_type.values_by_number.get(value)
        return value if named is None else named.name
    return value


def _moment(value: Any) -> object:
    try:
        return _EPOCH + timedelta(seconds=value.seconds, microseconds=value.nanos // 1000)
    except OverflowError:
        return f"{value.seconds} s"


def _day(value: Any) -> object:
    """A text where it is no whole date: the message may be of a month alone."""
    try:
        return date(value.year, value.month, value.day)
    except ValueError:
        return f"{value.year}-{value.month}-{value.day}"


def _local_moment(value: Any) -> object:
    """Of the offset or the zone that is in it; without either of none."""
    day = _day(value)
    try:
        zone: tzinfo | None = None
        if value.HasField("utc_offset"):
            zone = timezone(timedelta(seconds=value.utc_offset.seconds))
        elif value.HasField("time_zone"):
            zone = ZoneInfo(value.time_zone.id)
        clock = time(value.hours, value.minutes, value.seconds, value.nanos // 1000, zone)
    except (ValueError, ZoneInfoNotFoundError, OSError):
        return f"{day} {value.hours}:{value.minutes}:{value.seconds}"
    return datetime.combine(day, clock) if isinstance(day, date) else day


def _decimal(value: Any) -> object:
    """As a text of itself where no amount is so long."""
    if len(value.value) > _LONGEST_DECIMAL or abs(value.scale) > _LONGEST_DECIMAL:
        return value.value.hex()
    return Decimal(int.from_bytes(value.value, "big", signed=True)).scaleb(-value.scale)


def _inner(value: Any) -> object:
    return value.value


def _object(value: Any) -> object:
    """Of a Struct, whose fields have no schema."""
    return {name: _any(each) for name, each in value.fields.items()}


def _list(value: Any) -> object:
    return [_any(each) for each in value.values]


def _any(value: Any) -> object:
    """What JSON would have there: a number is always one with a point."""
    kind = value.WhichOneof("kind")
    if kind in {None, "null_value"}:
        return None
    if kind == "struct_value":
        return _object(value.struct_value)
    return _list(value.list_value) if kind == "list_value" else getattr(value, kind)


_WELL_KNOWN: Final[dict[str, Callable[[Any], object]]] = {
    "google.protobuf.Timestamp": _moment,
    "confluent.type.Decimal": _decimal,
    "google.type.Decimal": _inner,
    "google.type.Date": _day,
    "google.type.DateTime": _local_moment,
    "google.protobuf.Struct": _object,
    "google.protobuf.ListValue": _list,
    "google.protobuf.Value": _any,
    **{
        f"google.protobuf.{name}Value": _inner
        for name in ("Double", "Float", "Int64", "UInt64", "Int32", "UInt32", "Bool", "String", "Bytes")
    },
}
