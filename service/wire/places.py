"""Where a value lies in a record: a path, made into a function once for all records.

Nine in ten paths are one name or two; each record is asked for a dozen of them, and these go without a loop.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from service.wire.plain_values import AS_THEY_ARE, plain
from service.wire.views import View

Find = Callable[[object], object]
_LONGEST_PLACE = 5
"""Digits of a place in a list."""


class Place:
    """`customer.id`, `lines.0.sku`, `/customer/e.mail`; of several with `|` between the first that says something; or a
    constant: `=EUR`."""

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
    for part in parts:
        if isinstance(record, dict | View):
            record = record.get(part)
        elif isinstance(record, list) and part.isdecimal() and len(part) <= _LONGEST_PLACE and int(part) < len(record):
            record = record[int(part)]
        else:
            return None
    return record


def _plainly(find: Find) -> Find:
    def found(record: object) -> object:
        value = find(record)
        return value if type(value) in AS_THEY_ARE else plain(value)

    return found
