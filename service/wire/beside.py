"""What lies beside the event in its record, for paths that begin with @: its key, its headers, what is around it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final, NamedTuple

from pydantic_core import from_json

from service.errors import PoisonError
from service.wire.connect import has_schema, payload_of
from service.wire.framing import Headers, behind_frame, strip_frame
from service.wire.places import in_text
from service.wire.views import KeyOfOne, Row, UnreadableKey, View
from service.wire.wrapped import unwrapped

MARK: Final = "@"
_LONGEST_NUMBER: Final = 10
"""Bytes of a whole number in Avro."""
KEY, HEADERS, AROUND = "@key", "@headers", "@around"


class Beside(NamedTuple):
    """Of one record."""

    key: bytes | None
    headers: Headers
    value: bytes
    read_key: Callable[[bytes], Row | None] | None = None
    """Reads a key by its schema, where a registry is asked for that of values."""


def looks_beside(path: str) -> bool:
    return any(each.startswith(MARK) for each in path.split("|"))


class _With(View):
    """A view with some names more."""

    __slots__ = ("_more", "_row")

    def __init__(self, row: Row, more: dict[str, object]) -> None:
        self._row = row
        self._more = more

    def get(self, name: str, /) -> object:
        return self._more[name] if name in self._more else self._row.get(name)

    def names(self) -> list[str]:
        return self._row.names() if isinstance(self._row, View) else []


def with_beside(row: Row, event: Row, beside: Beside) -> Row:
    """The row, in which what is beside it has a name of its own."""
    more: dict[str, object] = {
        KEY: key_in(beside.key, beside.read_key),
        HEADERS: {**_attributes(beside.value), **_texts(beside.headers)},
        AROUND: event,
    }
    return {**row, **more} if isinstance(row, dict) else _With(row, more)


def looks_in_key(paths: Iterable[str]) -> bool:
    return any(each.startswith(KEY) for path in paths for each in path.split("|"))


def key_in(key: bytes | None, read: Callable[[bytes], Row | None] | None = None) -> object:
    """A text, what is in it where it is JSON, what its schema says, or the one value of a key in Avro; None where there
    is none. One that is none of these is no key of nobody's: whoever asks for it hears that it cannot be read."""
    if not key:
        return None
    if read is not None and (said := read(key)) is not None:
        return _of_one(said)
    try:
        text = strip_frame(key)
        if text[:1] in (b"{", b'"'):
            found: object = from_json(text)
            found = payload_of(found) if isinstance(found, dict) and has_schema(found) else found
            return {name: _in_key(said) for name, said in found.items()} if isinstance(found, dict) else found
        return _text_in(text)
    except (ValueError, PoisonError):
        return _one_in(behind_frame(key))


def _of_one(found: Row) -> object:
    """A key of one field is that, whatever its name is."""
    names = found.names() if isinstance(found, View) else list(found) if isinstance(found, dict) else []
    only = _in_key(found.get(names[0])) if len(names) == 1 else None
    return KeyOfOne(str(only)) if isinstance(only, str | int) and not isinstance(only, bool) else found


def _in_key(said: object) -> object:
    """Of documents of MongoDB's the id is a text of JSON."""
    return unwrapped(in_text(said)) if isinstance(said, str) else said


def _text_in(key: bytes) -> str:
    """ValueError where it is none: numbers in binary may be letters by chance, but hold a character that no id has."""
    text = key.decode()
    if not text.isprintable():
        raise ValueError("no text")
    return text


def _one_in(content: bytes) -> object:
    """What an Avro schema of one text or whole number has written, be it alone or the one field of a record. The bytes
    tell which: a text says how long it is."""
    number = shift = 0
    for place, byte in enumerate(content[:_LONGEST_NUMBER]):
        number |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            said, rest = (number >> 1) ^ -(number & 1), content[place + 1 :]
            if not rest:
                return KeyOfOne(str(said))
            if said == len(rest):
                try:
                    return KeyOfOne(_text_in(rest))
                except ValueError:
                    break
            break
    return UnreadableKey()


def _texts(headers: Headers) -> dict[str, object]:
    return {name: _of_header(content) for name, content in headers or () if content is not None}


def _of_header(content: bytes) -> str:
    """Some programs write texts there as JSON does, in quotes."""
    text = content.decode(errors="replace")
    if text[:1] != '"':
        return text
    try:
        found = from_json(text)
    except ValueError:
        return text
    return found if isinstance(found, str) else text


def _attributes(value: bytes) -> dict[str, object]:
    """Of a structured CloudEvent, under the names that they have as headers."""
    if b'"specversion"' not in value:
        return {}
    try:
        found = from_json(strip_frame(value))
    except (ValueError, PoisonError):
        return {}
    if not isinstance(found, dict) or "specversion" not in found:
        return {}
    return {f"ce_{name}": said for name, said in found.items() if isinstance(said, str) and name != "data"}
