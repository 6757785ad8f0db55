"""What wraps the rows of JSON: of databases, search engines and data frames."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

_TYPED: Final = frozenset(
    ("$oid", "$date", "$numberDecimal", "$numberDouble", "$numberInt", "$numberLong", "$uuid", "S", "N", "BOOL", "M", "NULL")
)  # fmt: skip
"""Keys by which MongoDB and DynamoDB say of what type a value is."""
_AROUND: Final = ("node", "_source", "Item", "NewImage")
"""Keys under which GraphQL, Elasticsearch and DynamoDB put a row."""
_FEWEST: Final = 2
_OF_A_PAGE: Final = frozenset(("data", "results", "items", "orders", "records", "charges", "events"))
"""Keys under which a page of an answer has its rows."""
_MOST_BESIDE: Final = 6


def untyped(value: Any) -> Any:
    """The value within {"$date": …} or {"S": …}; anything else as it is."""
    while isinstance(value, dict) and len(value) == 1:
        ((key, inner),) = value.items()
        if key not in _TYPED:
            break
        value = None if key == "NULL" else inner
    return value


def unwrapped(item: Any) -> Any:
    """The row within what a search or a query puts around it."""
    if isinstance(item, dict) and len(item) <= 6:
        for key in _AROUND:
            if isinstance(item.get(key), dict):
                return item[key]
    return item


def rows_of_page(item: Any) -> list[Any] | None:
    """The rows of a page of an answer, where pages were kept one after the other: {"data": […], "links": {…}}.

    None for what is no page: a row has a number, or a time, of its own.
    """
    if not isinstance(item, dict) or len(item) > _MOST_BESIDE:
        return None
    lists = [value for key, value in item.items() if key in _OF_A_PAGE and isinstance(value, list)]
    others = [key for key, value in item.items() if key not in _OF_A_PAGE and not _is_of_pages(key, value)]
    if len(lists) != 1 or others or not all(isinstance(row, dict) for row in lists[0]):
        return None
    return lists[0]


def _is_of_pages(key: str, value: Any) -> bool:
    """What a page says of itself: that more follow, how many, where."""
    if key == "object":
        return bool(value == "list")
    words = (
        "next",
        "prev",
        "more",
        "page",
        "count",
        "total",
        "link",
        "meta",
        "cursor",
        "url",
        "limit",
        "offset",
        "included",
        "status",
    )
    return any(word in key.lower() for word in words)


def records_of(document: Any) -> Iterator[dict[str, Any]] | None:
    """Rows of a document that is a table in another form, as data frames are saved; None where it is none.

    A list of values for each column; columns and data apart; an object for each column, or for each row, by its number
    or name; an array of arrays whose first one names the columns.
    """
    if isinstance(document, list):
        return _of_lists(document)
    if not isinstance(document, dict) or not document:
        return None
    columns, data = document.get("columns"), document.get("data")
    if isinstance(columns, list) and isinstance(data, list) and all(isinstance(row, list) for row in data):
        return _of_lists([columns, *data])
    values = list(document.values())
    if len(values) >= _FEWEST and all(isinstance(value, list) and len(value) == len(values[0]) for value in values):
        if not any(isinstance(one, dict | list) for value in values for one in value[:1]):
            return (dict(zip(document, row, strict=True)) for row in zip(*values, strict=True))
        return None
    if len(values) < _FEWEST or not all(isinstance(value, dict) and len(value) >= _FEWEST for value in values):
        return None
    keys = values[0].keys()
    if all(map(str.isdigit, keys)) and all(value.keys() == keys for value in values):
        return ({name: column[key] for name, column in document.items()} for key in keys)
    shared = set(keys).intersection(*(value.keys() for value in values[1:20]))
    return iter(values) if len(shared) >= _FEWEST + 1 and not any(map(str.isdigit, shared)) else None


def _of_lists(rows: list[Any]) -> Iterator[dict[str, Any]] | None:
    names = rows[0] if rows and isinstance(rows[0], list) else []
    if len(names) < _FEWEST or not all(isinstance(name, str) for name in names):
        return None
    if not all(isinstance(row, list) and len(row) <= len(names) for row in rows):
        return None
    return (dict(zip(names, row, strict=False)) for row in rows[1:])
