"""What programs that copy a database's rows put around them: the row after the change, and whether there is one."""

from __future__ import annotations

from typing import Final, NamedTuple

from service.errors import ErrorCode, PassedOverError, PoisonError
from service.wire.places import in_text
from service.wire.views import Incomplete, NotSent, Row, View

DELETED: Final = "deleted"
"""Why a record is passed over: its row is gone."""
_GONE: Final = frozenset({"d", "t", "m"})
"""Debezium: deleted, truncated, a message of the database."""
_BOUNDS: Final = frozenset({"BEGIN", "END"})
_CHANGED: Final = frozenset({"c", "u", "r"})
"""Created, updated, read as it was found."""
_KEPT: Final = frozenset({"insert", "update", "bootstrap-insert"})
"""Maxwell's and Canal's words for the same."""
_OF_A_TABLE: Final = frozenset(
    {
        "delete", "table-create", "table-alter", "table-drop", "database-create", "database-alter", "database-drop",
        "bootstrap-start", "bootstrap-complete", "truncate", "query", "create", "alter", "erase", "rename", "cindex", "dindex",
    }
)  # fmt: skip
_PLACES: Final = ("ts_ms", "lsn", "file", "pos", "row", "scn", "change_lsn", "event_serial_no", "ord")
"""What connectors say of a change's place, beside its time."""
_UNAVAILABLE: Final = "__debezium_unavailable_value"
MARK: Final = "__deleted"
"""Debezium's own field in rows that a transform has taken out of their envelope."""


class Change(NamedTuple):
    """A record of an envelope."""

    row: Row
    """Of what was deleted, as it was."""
    gone: bool


def change_of(envelope: str, event: Row) -> Change:
    """PoisonError where it is not what the settings say, PassedOverError where it is about no row."""
    match envelope:
        case "debezium":
            return _of_debezium(event)
        case "maxwell" | "canal":
            return _of_maxwell(event)
        case _:
            return Change(event, _is_marked(event))


def corrected_by(envelope: str, event: Row) -> tuple[Row | None, str]:
    """Of an update the row as it was before, where that is said, and what names this change and no other: its place in
    the database's log, or its time there."""
    if envelope != "debezium":
        return _corrected_by_maxwell(event)
    inner = event.get("payload")
    if isinstance(inner, dict | View) and event.get("op") is None:
        event = inner
    before, source = _image(event.get("before")), event.get("source")
    if event.get("op") != "u" or not isinstance(before, dict | View) or not isinstance(source, dict | View):
        return None, ""
    return before, "-".join(str(said) for name in _PLACES if (said := source.get(name)) is not None)


def _corrected_by_maxwell(event: Row) -> tuple[Row | None, str]:
    """Or Canal's: what was another value before."""
    row, old = (each[0] if isinstance(each, list) and each else each for each in (event.get("data"), event.get("old")))
    if not isinstance(row, dict) or not isinstance(old, dict):
        return None, ""
    names = ("es",) if event.get("es") is not None else ("ts", "xid", "xoffset")
    return {**row, **old}, "-".join(str(said) for name in names if (said := event.get(name)) is not None)


def row_of(envelope: str, event: Row) -> Row:
    """The row after the change. PassedOverError where there is none."""
    row, gone = change_of(envelope, event)
    if gone:
        raise PassedOverError(DELETED)
    return row


def _is_marked(event: Row) -> bool:
    mark = event.get(MARK)
    return mark is True or mark == "true"


def _of_debezium(event: Row) -> Change:
    """With its schema around it or without."""
    inner = event.get("payload")
    if isinstance(inner, dict | View) and event.get("op") is None:
        event = inner
    before, row = _image(event.get("before")), _image(event.get("after"))
    said = event.get("op")
    what = said if isinstance(said, str) else _what_it_was(before, row)
    if not what and _is_about_no_row(event):
        raise PassedOverError(DELETED)
    if what in _GONE:
        if what != "d" or not isinstance(before, dict | View):
            raise PassedOverError(DELETED)
        return Change(before, gone=True)
    if what == "u" and event.get("updateDescription") is not None and row is None:
        raise PoisonError(
            ErrorCode.MISSING_FIELD,
            "after: is missing in a change of a document of MongoDB's: set capture.mode=change_streams_update_full at "
            "Debezium",
        )
    if what not in _CHANGED or not isinstance(row, dict | View):
        raise PoisonError(
            ErrorCode.MISSING_FIELD,
            "op and after: are required of a change event of Debezium's; of rows that a transform has taken out of their "
            "envelope leave inputs.….envelope out",
        )
    return Change(_as_known(row, before), gone=False)


def _as_known(row: Row, before: object) -> Row:
    """A row in which PostgreSQL did not repeat large columns that have not changed: they are what they were, where the
    row as it was before says it."""
    if not isinstance(row, dict) or _UNAVAILABLE not in row.values():
        return row
    was = before if isinstance(before, dict) else {}
    known = {name: was.get(name, _UNAVAILABLE) if value == _UNAVAILABLE else value for name, value in row.items()}
    return Incomplete({name: NotSent() if value == _UNAVAILABLE else value for name, value in known.items()})


def _image(row: object) -> object:
    """Of a row. Documents of MongoDB are texts of JSON."""
    return in_text(row) if isinstance(row, str) else row


def _what_it_was(before: object, row: object) -> str:
    """Where it is not said: as data of a CloudEvent a change has no such word."""
    if isinstance(row, dict | View):
        return "u"
    return "d" if isinstance(before, dict | View) else ""


def _is_about_no_row(event: Row) -> bool:
    """Whether it is what Debezium writes beside the changes of rows: a sign of life, the bounds of a transaction, a
    change of the schema."""
    if event.get("status") in _BOUNDS and event.get("ts_ms") is not None:
        return True
    names = event.keys() if isinstance(event, dict) else ()
    return set(names) == {"ts_ms"} or {"ddl", "source"} <= set(names)


def _of_maxwell(event: Row) -> Change:
    said, row = event.get("type"), event.get("data")
    what = said.lower() if isinstance(said, str) else ""
    if isinstance(row, list):
        if len(row) > 1 and what in _KEPT:
            raise PoisonError(
                ErrorCode.INVALID_VALUE,
                f"data: has {len(row):,} rows, and one record is one event: let Canal write one a record "
                "(canal.mq.flatMessage with one row)",
            )
        row = row[0] if row else None
    if what in _OF_A_TABLE and what != "delete":
        raise PassedOverError(DELETED)
    if what not in _KEPT and what != "delete":
        raise PoisonError(
            ErrorCode.MISSING_FIELD, "type and data: are required of a change event of Maxwell's or Canal's"
        )
    if not isinstance(row, dict | View):
        if what == "delete":
            raise PassedOverError(DELETED)
        raise PoisonError(ErrorCode.MISSING_FIELD, "data: is required of a change event of Maxwell's or Canal's")
    return Change(row, gone=what == "delete")
