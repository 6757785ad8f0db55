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
from service.errors import ErrorCode, PassedOverError, PoisonError
from service.wire.formats import reading_of
from service.wire.places import Place
from service.wire.schemas import Reading, Schemas
from service.wire.shop_bodies import completed
from service.wire.views import Row, View

Object = dict[str, object]
_ABSENT: Final = object()
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_TICKS: Final = {"epoch_s": 1_000_000, "epoch_ms": 1_000, "epoch_us": 1}
_LONGEST_NUMBER: Final = 40
_MINUS: Final = frozenset("-−(")
"""What an amount below nothing begins with; the last is how accountants write it."""
_GONE: Final = frozenset({"d", "t", "m"})
"""Debezium: deleted, truncated, a message of the database."""
_CHANGED: Final = frozenset({"c", "u", "r"})
"""Created, updated, read as it was found."""
_NOTHING: Final = (None, "", 0, "0")
_READ_APART: Final = frozenset({"items", "kind", "occurred_at"})
_LINES_AS_OURS: Final = {name: name for name in LINE_FIELDS}
NO_CUSTOMER, FILTERED, DELETED = "no_customer", "not_wanted", "deleted"
"""Why a record is passed over."""


class Shape:
    """How the events of one input look. Stateless."""

    def __init__(self, said: MappedInput, currency: str, read: Reading) -> None:
        """`currency` is the shop's; `read` takes a value, which is not empty."""
        self.read = read
        self.is_binary = said.format != "json"
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
        self.has_tombstones = said.envelope == "debezium"
        """Whether its records are changes of rows: one without a value is what was deleted, forgotten in the log as
        well."""
        self._tick_us = _TICKS.get(said.time)
        self._zone = None if said.timezone is None else ZoneInfo(said.timezone)
        self._minor = said.amounts == "minor"
        self._currency = currency
        self.keyed_by_customer = said.key == "customer_id"

    def ours(self, event: Row) -> Object:
        """The event in the form of ours. Raises PassedOverError where it is none, PoisonError where it cannot be
        told."""
        event = self._row(event)
        if not self._is_wanted(event):
            raise PassedOverError(FILTERED)
        found = {name: find(event) for name, find in self._finds}
        whose, event_id = found["customer_id"], found["event_id"]
        if type(whose) is not str:
            whose = found["customer_id"] = _name(whose)
        if whose is None or (isinstance(whose, str) and not whose.strip()):
            raise PassedOverError(NO_CUSTOMER)
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

    def sign(self, event: Row) -> tuple[str, object] | None:
        """Of an event that is refused: its customer, and its time as ours have it where it can be read. None where it
        says no customer, or is money given back."""
        try:
            row = self._row(event)
        except PoisonError:
            return None
        whose = _name(self._fields["customer_id"].of(row))
        if not isinstance(whose, str) or not whose.strip() or not self._is_wanted(row) or self._gives_back(row):
            return None
        try:
            return whose, self._time(self._at.of(row))
        except PoisonError:
            return whose, None

    def _row(self, event: Row) -> Row:
        """What the fields lie in."""
        return _after_the_change(event) if self.has_tombstones else event

    def _is_wanted(self, event: Row) -> bool:
        for place, wanted in self._only:
            if _word(place.of(event)) not in wanted:
                return False
        if not (self._not_if or self._needs):
            return True
        return not (_holds(self._not_if, event) or any(place.of(event) in _NOTHING for place in self._needs))

    def _gives_back(self, event: Row) -> bool:
        """Whether it is a refund, by whatever says so: also one whose amount cannot be read."""
        kind = None if self._kind is None else self._kind.of(event)
        amount = self._fields["amount"].of(event) if "amount" in self._fields else None
        by_condition = _holds(self._refund_if, event) or _holds(self._cancelled_if, event)
        return by_condition or is_refund(kind) or _looks_below_nothing(amount)

    def _price(self, found: Object, event: Row) -> None:
        amount = found["amount"]
        if self._minor:
            amount = self._in_major(amount, found.get("currency"))
        kind = None if self._kind is None else self._kind.of(event)
        cancelled = bool(self._cancelled_if) and _holds(self._cancelled_if, event)
        if cancelled:  # beside the purchase, which may have been read before
            found["event_id"] = f"{found['event_id']}-cancelled"
        elif self._given_back is not None:
            amount = self._less(amount, self._given_back.of(event), found.get("currency"))
        below = _is_below_nothing(amount)
        if below is not None:
            amount = below
        found["amount"] = amount
        back = cancelled or below is not None or (self._refund_if and _holds(self._refund_if, event))
        found["kind"] = "refund" if back else kind

    def _less(self, amount: object, back: object, currency: object) -> object:
        if back in _NOTHING:
            return amount
        if self._minor:
            back = self._in_major(back, currency)
        try:
            return f"{Decimal(str(amount)) - abs(Decimal(str(back))):f}"
        except InvalidOperation:
            raise PoisonError(
                ErrorCode.INVALID_VALUE, "amount: is none, or what was given back of it is none"
            ) from None

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
        elif self._tick_us is not None:
            return _since_1970(said, self._tick_us)
        if self._zone is None or not isinstance(said, str) or len(said) > _LONGEST_NUMBER:
            return said
        try:
            moment = datetime.fromisoformat(said.strip())
        except ValueError:
            return said
        return moment.isoformat() if moment.tzinfo is not None else moment.replace(tzinfo=self._zone).isoformat()

    def _lines_of(self, lines: object, currency: object) -> object:
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
    return bool(conditions) and any(_word(place.of(event)) in words for place, words in conditions)


def shape_of(said: MappedInput, name: str, currency: str, schemas: Schemas) -> Shape | None:
    """None: the events are ours. `name` is that of the input. Raises ConfigurationError where its format cannot be
    read."""
    if not said.fields and said.format == "json" and not said.is_known:
        return None
    return Shape(completed(said), currency, reading_of(said, name, schemas))


def _as_ours(said: MappedInput) -> dict[str, str]:
    """Our fields under their own names."""
    names = FIELDS_OF_SURVEYS if isinstance(said, MappedSurveys) else FIELDS_OF_PURCHASES
    return {name: name for name in names}


def _after_the_change(event: Row) -> Row:
    """The row of a change event of Debezium's, with its schema or without."""
    inner = event.get("payload")
    if isinstance(inner, dict | View) and event.get("op") is None:
        event = inner
    said = event.get("op")
    what = said if isinstance(said, str) else ""
    if what in _GONE:
        raise PassedOverError(DELETED)
    row = event.get("after")
    if what not in _CHANGED or not isinstance(row, dict | View):
        raise PoisonError(ErrorCode.MISSING_FIELD, "op and after: are required of a change event of Debezium's")
    return row


def _since_1970(said: object, tick_us: int) -> str:
    if isinstance(said, bool) or not isinstance(said, int | str | float) or len(str(said)) > _LONGEST_NUMBER:
        raise PoisonError(ErrorCode.BAD_TIME, "occurred_at: must be a number, as inputs.….time says")
    try:
        ticks = Decimal(str(said).strip())
        moment = _EPOCH + timedelta(microseconds=int((ticks * tick_us).to_integral_value()))
    except (InvalidOperation, ValueError, OverflowError):
        raise PoisonError(ErrorCode.BAD_TIME, "occurred_at: is no time since 1970") from None
    return moment.isoformat()


def is_refund(kind: object) -> bool:
    """Whether the kind that a refused event says is money given back, which is no visit."""
    return isinstance(kind, str) and kind.strip().lower() == "refund"


def _looks_below_nothing(amount: object) -> bool:
    """Whether an amount is below nothing in whatever spelling, be it none that is read."""
    if isinstance(amount, str):
        plain = amount.strip()
        return plain[:1] in _MINUS or plain[-1:] == "-"
    return isinstance(amount, int | float) and not isinstance(amount, bool) and amount < 0


def _is_below_nothing(amount: object) -> object | None:
    """The same above nothing; None: it is not below."""
    if isinstance(amount, str):
        if "-" not in amount:
            return None
        text = amount.strip()
        return text[1:] if text.startswith("-") and text.strip("-0.") else None
    if isinstance(amount, int | float) and not isinstance(amount, bool) and amount < 0:
        return -amount
    return None


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
    return str(value) if isinstance(value, int) and abs(value) < 10**_LONGEST_NUMBER else _ABSENT
