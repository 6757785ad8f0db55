"""What lies beside the event in its record, for paths that begin with @: its key, its headers, what is around it."""

from __future__ import annotations

from typing import Final, NamedTuple

from pydantic_core import from_json

from service.errors import PoisonError
from service.wire.connect import has_schema, payload_of
from service.wire.framing import Headers, strip_frame
from service.wire.views import Row, View

MARK: Final = "@"
KEY, HEADERS, AROUND = "@key", "@headers", "@around"


class Beside(NamedTuple):
    """Of one record."""

    key: bytes | None
    headers: Headers
    value: bytes


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
        KEY: key_in(beside.key),
        HEADERS: {**_attributes(beside.value), **_texts(beside.headers)},
        AROUND: event,
    }
    return {**row, **more} if isinstance(row, dict) else _With(row, more)


def key_in(key: bytes | None) -> object:
    """A text, or what is in it where it is JSON; None where it is neither."""
    if not key:
        return None
    try:
        text = strip_frame(key)
        if text[:1] in (b"{", b'"'):
            found: object = from_json(text)
            return payload_of(found) if isinstance(found, dict) and has_schema(found) else found
        return text.decode()
    except (ValueError, PoisonError):
        return None


def _texts(headers: Headers) -> dict[str, object]:
    return {name: content.decode(errors="replace") for name, content in headers or () if content is not None}


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
