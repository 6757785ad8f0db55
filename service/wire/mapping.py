"""Events that are not ours, as the objects that ours are: `[inputs.…]` says where each field lies.

What comes out is judged as our own events are, by the same models: nothing is accepted here. What the settings say is
none of ours (an order that is not paid, a row that was deleted, nobody's purchase) is passed over.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from functools import partial
from typing import Any, Final
from zoneinfo import ZoneInfo

from babel.numbers import get_currency_precision

from service.config.sections.inputs import (
    FIELDS_OF_PURCHASES,
    FIELDS_OF_SURVEYS,
    LINE_FIELDS,
    MappedInput,
    MappedSurveys,
)
from service.errors import ConfigurationError, ErrorCode, PassedOverError, PoisonError
from service.history.people import person
from service.wire.beside import Beside, looks_beside, with_beside
from service.wire.envelopes import row_of
from service.wire.figures import above_nothing, figure, looks_below_nothing
from service.wire.formats import reading_of
from service.wire.places import Place, in_text
from service.wire.schemas import Reading, Schemas
from service.wire.shop_bodies import completed
from service.wire.views import Row

Object = dict[str, object]
_ABSENT: Final = object()
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_TICKS: Final = {
    "epoch_s": Decimal(1_000_000),
    "epoch_ms": Decimal(1_000),
    "epoch_us": Decimal(1),
    "epoch_ns": Decimal("0.001"),
}
"""Microseconds of each unit."""
_EARLIEST_US: Final = 631_152_000_000_000
"""1990: an earlier time is in another unit than the settings say, for shops write none of that age as a number."""
_LATEST_US: Final = 4_102_444_800_000_000
_LONGEST_NUMBER: Final = 40
_SIGNS: Final = ("+", "-")
_UTC: Final = (" UTC", " GMT", " Z")
"""How programs write that a time is of no zone of its own."""
_NOTHING: Final = (None, "", 0, "0")
_READ_APART: Final = frozenset({"items", "kind", "occurred_at"})
_LINES_AS_OURS: Final = {name: name for name in LINE_FIELDS}
NO_CUSTOMER, FILTERED = "no_customer", "not_wanted"
"""Why a record is passed over."""


class Shape:
    """How the events of one input look. Stateless."""

    def __init__(self, said: MappedInput, currency: str, read: Reading) -> None:
        """`currency` is the shop's; `read` takes a value, which is not empty."""
        self.read = read
        self.is_binary = said.format != "json"
        self.is_framed = said.needs_registry
        """Whether the id of a schema is in front of each record, or in a header."""
        place_of = partial(Place, plainly=self.is_binary)
        fields = said.fields or _as_ours(said)
        lines = said.lines or (_LINES_AS_OURS if not said.fields and "items" in fields else {})
        self._at = Place(fields["occurred_at"])
        self._fields = {name: place_of(path) for name, path in fields.items() if name not in _READ_APART}
        self._kind = place_of(fields["kind"]) if "kind" in fields else None
        self._items = Place(fields["items"]) if "items" in fields else None
        self._finds = [(name, place.of) for name, place in self._fields.items()]
        self._line_finds = [(name, place_of(path).of) for name, path in lines.items()]
        self._only = _conditions(said.only, place_of)
        self._not_if = _conditions(said.not_if, place_of)
        self._needs = [place_of(path) for path in said.needs]
        self._refund_if = _conditions(said.refund_if, place_of)
        self._cancelled_if = _conditions(said.cancelled_if, place_of)
        self._given_back = None if said.given_back is None else place_of(said.given_back)
        self._envelope = said.envelope
        paths = [*fields.values(), *said.only, *said.not_if, *said.needs, *said.refund_if, *said.cancelled_if]
        self.looks_beside = any(map(looks_beside, [*paths, said.given_back or ""]))
        """Whether a record's key, its headers or its envelope are asked for."""
        self._batch = _list_before(fields["event_id"])
        self._tick_us = _TICKS.get(said.time)
        self._zone = None if said.timezone is None else ZoneInfo(said.timezone)
        self._minor = said.amounts == "minor"
        self._currency = currency
        self.keyed_by_customer = said.key == "customer_id"

    def ours(self, event: Row, beside: Beside | None = None) -> Object:
        """The event in the form of ours; `beside` where it looks there. Raises PassedOverError where it is none,
        PoisonError where it cannot be told."""
        event = self._row(event, beside)
        if not self._is_wanted(event):
            raise PassedOverError(FILTERED)
        found = {name: find(event) for name, find in self._finds}
        whose, event_id = found["customer_id"], found["event_id"]
        found["customer_id"] = self._whose(whose)
        if type(event_id) is not str:
            found["event_id"] = _name(event_id)
        if type(found.get("order_id", "")) is not str:
            found["order_id"] = _name(found["order_id"])
        found["occurred_at"] = self._time(self._at.of(event))
        if "amount" in found:
            self._price(found, event)
        elif self._kind is not None:
            found["kind"] = self._kind.of(event)
        if self._items is not None:
            found["items"] = self._lines_of(self._items.of(event), found.get("currency"))
        return found

    def sign(self, event: Row, beside: Beside | None = None) -> tuple[str, object] | None:
        """Of an event that is refused: its customer, and its time as ours have it where it can be read. None where it
        says no customer, or is money given back."""
        try:
            row = self._row(event, beside)
            whose = self._whose(self._fields["customer_id"].of(row))
        except (PoisonError, PassedOverError):
            return None
        if not isinstance(whose, str) or not self._is_wanted(row) or self._gives_back(row):
            return None
        try:
            return whose, self._time(self._at.of(row))
        except PoisonError:
            return whose, None

    def _row(self, event: Row, beside: Beside | None) -> Row:
        """What the fields lie in."""
        row = row_of(self._envelope, event)
        if self._batch is not None:
            rows = self._batch.of(row)
            if isinstance(rows, list) and len(rows) > 1:
                raise PoisonError(
                    ErrorCode.INVALID_VALUE,
                    f"event_id: lies in a list of {len(rows):,}, and one record is one event: let a transform make a record "
                    "of each",
                )
        return row if beside is None or not self.looks_beside else with_beside(row, event, beside)

    def _whose(self, said: object) -> object:
        """In the one spelling that files have it in too, where the record's key is not held against it."""
        whose = said if type(said) is str else _name(said)
        if not isinstance(whose, str):
            if whose is None:
                raise PassedOverError(NO_CUSTOMER)
            return whose
        spelt = person(whose)
        if not spelt:
            raise PassedOverError(NO_CUSTOMER)
        return whose if self.keyed_by_customer else spelt

    def _is_wanted(self, event: Row) -> bool:
        for place, wanted in self._only:
            if not _is_one(place.of(event), wanted):
                return False
        if not (self._not_if or self._needs):
            return True
        return not (_holds(self._not_if, event) or any(place.of(event) in _NOTHING for place in self._needs))

    def _gives_back(self, event: Row) -> bool:
        """Whether it is a refund, by whatever says so: also one whose amount cannot be read."""
        kind = None if self._kind is None else self._kind.of(event)
        amount = self._fields["amount"].of(event) if "amount" in self._fields else None
        by_condition = _holds(self._refund_if, event) or _holds(self._cancelled_if, event)
        return by_condition or is_refund(kind) or looks_below_nothing(amount)

    def _price(self, found: Object, event: Row) -> None:
        amount = figure(found["amount"])
        if self._minor:
            amount = self._in_major(amount, found.get("currency"))
        kind = None if self._kind is None else self._kind.of(event)
        cancelled = bool(self._cancelled_if) and _holds(self._cancelled_if, event)
        if cancelled:  # beside the purchase, which may have been read before
            found["event_id"] = f"{found['event_id']}-cancelled"
        elif self._given_back is not None:
            amount = self._less(amount, self._given_back.of(event), found.get("currency"))
        below = above_nothing(amount)
        if below is not None:
            amount = below
        found["amount"] = amount
        back = cancelled or below is not None or (self._refund_if and _holds(self._refund_if, event))
        found["kind"] = "refund" if back else kind

    def _less(self, amount: object, back: object, currency: object) -> object:
        if back in _NOTHING:
            return amount
        back = figure(back)
        if self._minor:
            back = self._in_major(back, currency)
        try:
            left = Decimal(str(amount)) - abs(Decimal(str(back)))
        except InvalidOperation:
            raise PoisonError(
                ErrorCode.INVALID_VALUE, "amount: is none, or what was given back of it is none"
            ) from None
        return f"{max(left, Decimal(0)):f}" if left.is_finite() else amount

    def _in_major(self, amount: object, currency: object) -> object:
        """Of so many of the currency's smallest unit. PoisonError where that is no whole number."""
        if isinstance(amount, bool) or not isinstance(amount, int | str | float) or len(str(amount)) > _LONGEST_NUMBER:
            raise PoisonError(ErrorCode.WRONG_TYPE, "amount: must be a number of the currency's smallest unit")
        try:
            minor = Decimal(str(amount))
        except InvalidOperation:
            minor = Decimal("NaN")
        if not minor.is_finite() or minor != minor.to_integral_value():
            raise PoisonError(ErrorCode.INVALID_VALUE, "amount: must be a whole number of the currency's smallest unit")
        code = currency.strip().upper() if isinstance(currency, str) and currency.strip() else self._currency
        return f"{minor.scaleb(-get_currency_precision(code)):f}"

    def _time(self, said: object) -> object:
        """As ours have it where it can be read; else as it is, for the models to say what is wrong."""
        if isinstance(said, date):
            said = said.isoformat()  # the schema says what it is, whatever the settings do
        elif self._tick_us is not None and not _is_written_out(said):
            return _since_1970(said, self._tick_us)
        if not isinstance(said, str):
            if isinstance(said, int | float) and (unit := _unit_of(said)):
                raise PoisonError(ErrorCode.BAD_TIME, f"occurred_at: is a number{_looks_like(unit)}")
            return said
        if len(said) > _LONGEST_NUMBER or (said[10:11] == "T" and (said[-1] == "Z" or said[-6:-5] in _SIGNS)):
            return said
        text = said.strip()
        for word in _UTC:
            text = text.removesuffix(word)
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            return said
        if len(text) < len(said.strip()):
            moment = moment.replace(tzinfo=UTC)
        if moment.tzinfo is not None:
            return moment.isoformat()
        return said if self._zone is None else moment.replace(tzinfo=self._zone).isoformat()

    def _lines_of(self, lines: object, currency: object) -> object:
        if isinstance(lines, str):
            lines = in_text(lines)
        if not isinstance(lines, list):
            return lines
        finds = self._line_finds
        if not self._minor:
            return [{name: find(line) for name, find in finds} for line in lines]
        return [self._line(line, currency) for line in lines]

    def _line(self, line: object, currency: object) -> Object:
        found = {name: find(line) for name, find in self._line_finds}
        if found.get("amount") is not None:
            try:
                found["amount"] = self._in_major(found["amount"], currency)
            except PoisonError:
                found["amount"] = None
        return found


Conditions = list[tuple[Place, frozenset[object]]]
"""Each where to look, and which words hold there."""


def _conditions(said: Mapping[str, list[Any]], place_of: Callable[[str], Place]) -> Conditions:
    return [(place_of(path), frozenset(map(_word, values))) for path, values in said.items()]


def _holds(conditions: Conditions, event: Row) -> bool:
    """Whether one of them does."""
    return bool(conditions) and any(_is_one(place.of(event), words) for place, words in conditions)


def shape_of(said: MappedInput, name: str, currency: str, schemas: Schemas, registry: str | None) -> Shape | None:
    """None: the events are ours. `name` is that of the input, `registry` where schemas are. Raises ConfigurationError
    where its format cannot be read."""
    if said.needs_registry and registry is None:
        raise ConfigurationError(
            f"inputs.{name}.format {said.format} needs registry.url, where the schemas are, or inputs.{name}.schema_file."
        )
    if not said.fields and said.format == "json" and not said.is_known:
        return None
    return Shape(completed(said), currency, reading_of(said, name, schemas))


def _as_ours(said: MappedInput) -> dict[str, str]:
    """Our fields under their own names."""
    names = FIELDS_OF_SURVEYS if isinstance(said, MappedSurveys) else FIELDS_OF_PURCHASES
    return {name: name for name in names}


def _list_before(path: str) -> Place | None:
    """Of a path to an event's id the list that it goes through; None: it goes through none."""
    first = path.partition("|")[0]
    if first.startswith(("=", "@")):
        return None
    mark = "/" if first.startswith("/") else "."
    parts = first.removeprefix("/").split(mark)
    at = next((number for number, part in enumerate(parts) if part.isdecimal()), 0)
    return Place("/" + "/".join(parts[:at])) if at else None


def _is_written_out(said: object) -> bool:
    """Whether a time is a text of itself, whatever the settings say of numbers."""
    return isinstance(said, str) and said[4:5] == "-" and said[7:8] == "-"


def _since_1970(said: object, tick_us: Decimal) -> str:
    if isinstance(said, bool) or not isinstance(said, int | str | float) or len(str(said)) > _LONGEST_NUMBER:
        raise PoisonError(ErrorCode.BAD_TIME, "occurred_at: must be a number, as inputs.….time says")
    unit = _unit_of(said)
    try:
        at_us = int((Decimal(str(said).strip()) * tick_us).to_integral_value())
        moment = _EPOCH + timedelta(microseconds=at_us)
    except (InvalidOperation, ValueError, OverflowError):
        raise PoisonError(ErrorCode.BAD_TIME, f"occurred_at: is no time since 1970{_looks_like(unit)}") from None
    if 0 < at_us < _EARLIEST_US or (at_us > _LATEST_US and unit):
        told = f"occurred_at: would be in {moment.year}{_looks_like(unit)}"
        raise PoisonError(ErrorCode.BAD_TIME, told)
    return moment.isoformat()


def _unit_of(said: float | str) -> str:
    """In which a number is a time of today's; empty: in none."""
    try:
        ticks = Decimal(str(said).strip())
        return next((name for name, us in _TICKS.items() if _EARLIEST_US <= ticks * us < _LATEST_US), "")
    except InvalidOperation:
        return ""


def _looks_like(unit: str) -> str:
    return f"; it looks like {unit}: set inputs.….time to that" if unit else ""


def is_refund(kind: object) -> bool:
    """Whether the kind that a refused event says is money given back, which is no visit."""
    return isinstance(kind, str) and kind.strip().lower() == "refund"


def _name(value: object) -> object:
    """A whole number stands for a name."""
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 10**_LONGEST_NUMBER:
        return str(value)
    return value


def _word(value: object) -> object:
    """What values are compared as: small and capital letters do not matter."""
    if isinstance(value, str):
        return value.strip().lower()
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value) if isinstance(value, int) and abs(value) < 10**_LONGEST_NUMBER else _ABSENT


def _is_one(value: object, words: frozenset[object]) -> bool:
    """Whether a value, or one of a list of them, is among the words."""
    if isinstance(value, list):
        return any(_word(each) in words for each in value)
    return _word(value) in words
