"""Where a value lies in a record: a path, made into a function once for all records.

Nine in ten paths are one name or two; each record is asked for a dozen of them, and these go without a loop.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from pydantic_core import from_json

from service.wire.plain_values import AS_THEY_ARE, plain
from service.wire.views import View

Find = Callable[[object], object]
_LONGEST_PLACE = 5
"""Digits of a place in a list."""
_EACH = "*"
_LONGEST_TEXT = 1 << 18
"""Characters of a column of JSON."""


class Place:
    """`customer.id`, `lines.0.sku`, `/customer/e.mail`; of several with `|` between the first that says something; or a
    constant: `=EUR`. `parcels.*.lines` is a list of what each of them has, lists in it made one. A text of JSON, as a
    database's column of it is copied, is looked into."""

    __slots__ = ("of",)

    def __init__(self, path: str, *, plainly: bool = False) -> None:
        """`plainly`: what JSON has no type of becomes a text."""
        find = _finder(path)
        self.of: Find = _plainly(find) if plainly else find
        """The record → the value; None where nothing lies there."""


def _finder(path: str) -> Find:
    if path.startswith("="):
        constant = path[1:]
        return lambda _record: constant
    if "|" in path:
        return _first([_finder(each) for each in path.split("|")])
    parts = path[1:].split("/") if path.startswith("/") else path.split(".")
    if len(parts) == 1:
        return _of_one(parts[0])
    if len(parts) == 2:
        return _of_two(*parts)
    return lambda record: _walk(record, parts)


def _first(finds: Sequence[Find]) -> Find:
    def find(record: object) -> object:
        for each in finds:
            value = each(record)
            if value is not None and value != "":
                return value
        return None

    return find


def _of_one(name: str) -> Find:
    parts = (name,)

    def find(record: object) -> object:
        return record.get(name) if type(record) is dict else _walk(record, parts)

    return find


def _of_two(outer: str, inner: str) -> Find:
    parts, last = (outer, inner), (inner,)

    def find(record: object) -> object:
        if type(record) is not dict:
            return _walk(record, parts)
        found = record.get(outer)
        return found.get(inner) if type(found) is dict else _walk(found, last)

    return find


def _walk(record: object, parts: Sequence[str]) -> object:
    for number, part in enumerate(parts):
        if type(record) is str:
            record = in_text(record)
        if isinstance(record, dict | View):
            record = record.get(part)
        elif isinstance(record, list) and part == _EACH:
            return _of_each(record, parts[number + 1 :])
        elif isinstance(record, list) and part.isdecimal() and len(part) <= _LONGEST_PLACE and int(part) < len(record):
            record = record[int(part)]
        else:
            return None
    return record


def _of_each(records: list[object], parts: Sequence[str]) -> list[object]:
    found: list[object] = []
    for each in records:
        value = _walk(each, parts)
        if isinstance(value, list):
            found.extend(value)
        elif value is not None:
            found.append(value)
    return found


def in_text(text: str) -> object:
    """The object or list that a text is; any other text as it is."""
    if text[:1] not in ("{", "[") or len(text) > _LONGEST_TEXT:
        return text
    try:
        found: object = from_json(text, allow_inf_nan=False)
    except ValueError:
        return text
    return found


def _plainly(find: Find) -> Find:
    def found(record: object) -> object:
        value = find(record)
        return value if type(value) in AS_THEY_ARE else plain(value)

    return found
