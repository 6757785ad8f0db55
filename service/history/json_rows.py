"""JSON of any shape → rows: a line each, an array, or a list within one object; nested fields by their path."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from decimal import Decimal, InvalidOperation
from itertools import chain, islice
from pathlib import Path
from typing import IO, Any, Final

from service.errors import ConfigurationError
from service.history.json_shapes import records_of, rows_of_page, untyped, unwrapped
from service.history.numbers import decimal_text

_LOOKED_AT: Final = 500
"""Objects whose keys are the columns; keys that come up later only are none."""
_CHUNK: Final = 1 << 16
_LARGEST: Final = 1 << 26
"""Characters of one object."""
LINES: Final = ("line_items", "products", "items", "lines", "lineitems", "order_items")
"""Lists in an order whose elements are its lines: each gets a row."""

_OF_PEOPLE: Final = ("orders", "purchases", "transactions", "sales", "visits", "invoices", "receipts")
"""Lists in a customer whose elements are their orders: each is a row, with the customer beside it."""
_REFUNDS: Final = "refunds"
"""A list of what was given back of an order: its totals are added up."""
_GIVEN_BACK: Final = ("total", "amount", "total_amount", "totalAmount", "refund_amount", "refundAmount", "value")

Grid = tuple[Iterator[list[str]], Callable[[], int]]


_DECODER: Final = json.JSONDecoder(parse_float=decimal_text, parse_int=str, parse_constant=lambda _: "")


ORDER: Final = "number of the object"
"""Column of rows that are lines of one object."""


def json_grid(path: Path, text: IO[str]) -> Grid:
    """Rows, the first of them the names; and what tells the number of the object (or line) yielded last."""
    number = 0

    def counted(objects: Iterator[tuple[int, Any]]) -> Iterator[Any]:
        nonlocal number
        for number, item in objects:  # noqa: B007 - told by `line`
            page = rows_of_page(item)
            yield from (item,) if page is None else page

    def rows() -> Iterator[list[str]]:
        objects = counted(_objects(path, text))
        known = list(islice(objects, _LOOKED_AT))
        names: dict[str, int] = {}
        flat = [_flat(item, f"{path.name}#{place}") for place, item in enumerate(known, 1)]
        for table in flat:
            for row in table:
                for name in row:
                    names.setdefault(name, len(names))
        yield list(names)
        further = enumerate(objects, len(known) + 1)
        for table in chain(flat, (_flat(item, f"{path.name}#{place}") for place, item in further)):
            for row in table:
                yield [row.get(name, "") for name in names] if row else []

    return rows(), lambda: number


def _flat(item: Any, order: str) -> list[dict[str, str]]:
    """One row, or one for each line of the order, which bear its number; an empty one for what is no object."""
    item = unwrapped(item)
    if not isinstance(item, dict):
        return [{}]
    orders = next((name for name, value in item.items() if name.lower() in _OF_PEOPLE and _are_objects(value)), "")
    if orders:
        person = {name: value for name, value in item.items() if name != orders}
        every = [_flat({"customer": person} | one, f"{order}.{place}") for place, one in enumerate(item[orders], 1)]
        return list(chain.from_iterable(every))
    row: dict[str, str] = {}
    lines: list[tuple[str, list[Any]]] = []
    _flatten("", item, row, lines)
    if not lines:
        return [row]
    path, elements = lines[0]
    found = []
    for element in elements:
        beside: dict[str, str] = {}
        _flatten(f"{path}.", element, beside, [])
        found.append(row | beside | {ORDER: order})
    return found or [row]


def _flatten(above: str, item: dict[str, Any], row: dict[str, str], lines: list[tuple[str, list[Any]]]) -> None:
    for name, value in item.items():
        if isinstance(value, dict):
            value = untyped(value)  # noqa: PLW2901
        if isinstance(value, str):
            row[above + name] = value
        elif isinstance(value, bool):
            row[above + name] = "true" if value else "false"
        elif value is None:
            row[above + name] = ""
        elif isinstance(value, dict):
            _flatten(f"{above}{name}.", value, row, lines)
        elif name.lower() in LINES and _are_objects(value):
            lines.append((above + name, value))
        elif isinstance(value, list) and name == _REFUNDS:
            row[f"{above}{name}.total"] = _added(value)


def _are_objects(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(one, dict) for one in value)


def _added(refunds: list[Any]) -> str:
    """What was given back of an order in all; "" for nothing, "?" where that is not said of each."""
    total = Decimal(0)
    for one in refunds:
        said = [one[name] for name in _GIVEN_BACK if one.get(name) is not None] if isinstance(one, dict) else []
        try:
            total += abs(Decimal(str(said[0])))
        except (IndexError, InvalidOperation):
            return "?"
    return format(total, "f") if refunds else ""


def _objects(path: Path, text: IO[str]) -> Iterator[tuple[int, Any]]:
    """(line or number, value) one after the other, with bounded memory for lines and arrays."""
    first = text.readline()
    while first and not first.strip("\ufeff \t\r\n"):
        first = text.readline()
    begun = first.lstrip("\ufeff \t\r\n")
    if begun.startswith("["):
        yield from _array(path, begun, text)
        return
    try:
        whole = _DECODER.decode(begun.rstrip(", \t\r\n"))
    except ValueError:
        whole = None
    second = text.readline()
    records = None if second.strip() or whole is None else records_of(whole)
    if records is not None:
        yield from enumerate(records, 1)
        return
    lines = chain([second], text)
    if isinstance(whole, dict) and _is_record(whole):
        yield 1, whole
        for number, line in enumerate(lines, 2):
            if line.strip():
                try:
                    yield number, _DECODER.decode(line.strip().rstrip(","))
                except ValueError:
                    yield number, None
        return
    content = begun + second + text.read(_LARGEST)
    try:
        document, end = _DECODER.raw_decode(content)
    except ValueError as error:
        raise ConfigurationError(f"{path} is broken or cut-off JSON ({error}).") from error
    rest = content[end:].strip()
    records = None if rest else records_of(document)
    if records is not None:
        yield from enumerate(records, 1)
        return
    found = _longest_list(document)
    if found and not rest:
        yield from enumerate(found, 1)
    else:
        yield 1, document
        number = 1
        while rest:
            try:
                document, end = _DECODER.raw_decode(rest)
            except ValueError as error:
                raise ConfigurationError(
                    f"{path} is broken or cut-off JSON after object {number} ({error})."
                ) from error
            number += 1
            yield number, document
            rest = rest[end:].lstrip()


def _is_record(item: dict[str, Any]) -> bool:
    """Whether it is a row itself and not what wraps the list of rows."""
    return not (len(item) <= 8 and _longest_list(item) and not any(key.lower().endswith("id") for key in item))


def _longest_list(document: Any) -> list[Any]:
    """Of objects, one level or two down: {"orders": […]}, {"data": {"orders": […]}}."""
    lists: list[list[Any]] = []
    waiting = [(document, 0)]
    while waiting:
        item, depth = waiting.pop()
        if isinstance(item, list) and item and isinstance(item[0], dict):
            lists.append(item)
        elif isinstance(item, dict) and depth < 3:
            waiting += [(value, depth + 1) for value in item.values()]
    return max(lists, key=len, default=[])


def _whole_array(path: Path, buffer: str, text: IO[str]) -> Any:
    """An array of arrays, in memory."""
    try:
        return _DECODER.decode(f"[{buffer}{text.read(_LARGEST)}")
    except ValueError as error:
        raise ConfigurationError(f"{path} is broken or cut-off JSON ({error}).") from error


def _after(buffer: str, text: IO[str]) -> str:
    """What follows the end of a list; "" = nothing but blanks."""
    while not (left := buffer.lstrip(" \t\r\n;,")):
        buffer = text.read(_CHUNK)
        if not buffer:
            return ""
    return left


def _array(path: Path, begun: str, text: IO[str]) -> Iterator[tuple[int, Any]]:
    buffer, place, number = begun[1:], 0, 0
    while True:
        while place < len(buffer) and buffer[place] in " \t\r\n,":
            place += 1
        if place < len(buffer) and buffer[place] == "]":
            buffer, place = _after(buffer[place + 1 :], text), 0
            if not buffer:
                return
            if buffer[0] != "[":
                raise ConfigurationError(
                    f"{path} holds something else after the list of {number:,} objects: {buffer[:20]!r}."
                )
            place = 1
            continue
        try:
            item, end = _DECODER.raw_decode(buffer, place) if place < len(buffer) else (None, place)
        except ValueError:
            end = place
        if end in {place, len(buffer)}:  # not whole yet; a number may go on
            more = text.read(max(_CHUNK, len(buffer) - place))
            if not more or len(buffer) - place > _LARGEST:
                raise ConfigurationError(f"{path} is broken or cut-off JSON after object {number}.")
            buffer, place = buffer[place:] + more, 0
            continue
        number += 1
        if number == 1 and isinstance(item, list):
            records = records_of(_whole_array(path, buffer, text))
            if records is not None:
                yield from enumerate(records, 1)
                return
        yield number, item
        place = end
