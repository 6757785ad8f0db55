"""Events that are not ours, as the objects that ours are: `[inputs.…]` says where each field lies.

What comes out is judged as our own events are, by the same models: nothing is accepted here. What the settings say is
none of ours (an order that is not paid, a row that was deleted, nobody's purchase) is passed over.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation
from functools import partial
from typing import Any, Final

from service.config.sections.inputs import (
    FIELDS_OF_PURCHASES,
    FIELDS_OF_SURVEYS,
    LINE_FIELDS,
    MappedInput,
    MappedPurchases,
    MappedSurveys,
)
from service.domain.minor_units import SmallestUnit, minor_decimals
from service.errors import ErrorCode, PassedOverError, PoisonError
from service.wire.beside import Beside, looks_beside, with_beside
from service.wire.envelopes import MARK, change_of, corrected_by, row_of
from service.wire.figures import above_nothing, figure, looks_below_nothing
from service.wire.formats import reading_of
from service.wire.places import Place, in_text
from service.wire.schemas import Reading, Schemas
from service.wire.shop_bodies import AMOUNT_OF, CARDS_IN, LEFT_OF, STATES, VOID_SINCE, body_in, completed
from service.wire.shop_changes import CHANGED, slightly_later
from service.wire.times import reading_of_times
from service.wire.views import Incomplete, NotSent, Row, View
from service.wire.whose import name_of, one_spelling, spelt
from service.wire.wrapped import says_nothing, unwrapped

Object = dict[str, object]
_ABSENT: Final = object()
_LONGEST_NUMBER: Final = 40
_WHOLE: Final = re.compile(r"\s*([0-9]{1,3})(?:\.0{1,20})?\s*", re.ASCII)
ANYTHING: Final = "*"
"""Among the values of a condition: whatever stands there, such as the time at which an order was cancelled."""
_NEEDED: Final = ("event_id", "customer_id", "occurred_at", "amount", "order_id", "currency")
_NAMES: Final = ("order_id", "store_id")
_READ_APART: Final = frozenset({"items", "kind", "occurred_at"})
_LINES_AS_OURS: Final = {name: name for name in LINE_FIELDS}
FILTERED: Final = "not_wanted"
"""Why a record is passed over."""


class Shape:
    """How the events of one input look. Stateless."""

    def __init__(self, said: MappedInput, currency: str, read: Reading, schemas: Schemas | None = None) -> None:
        """`currency` is the shop's; `read` takes a value, which is not empty; `schemas` are those of framed keys."""
        self.read = read
        self.read_key = schemas.read_key if schemas is not None and said.needs_registry else None
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
        self._only = conditions_of(said.only, place_of)
        self._not_if = conditions_of(said.not_if, place_of)
        self._needs = [place_of(path) for path in said.needs]
        self._refund_if = conditions_of(said.refund_if, place_of)
        self._cancelled_if = conditions_of(said.cancelled_if, place_of)
        self._given_back = None if said.given_back is None else place_of(said.given_back)
        self._envelope = said.envelope
        self._body_in = body_in(said.profile) if isinstance(said, MappedPurchases) and said.profile else None
        paths = [*fields.values(), *said.only, *said.not_if, *said.needs, *said.refund_if, *said.cancelled_if]
        self.looks_beside = any(map(looks_beside, [*paths, said.given_back or ""]))
        """Whether a record's key, its headers or its envelope are asked for."""
        self._batch = _list_before(fields["event_id"])
        self._is_bare = (
            said.envelope == "none" and self._body_in is None and self._batch is None and not self.looks_beside
        )
        """Whether a record is the event and nothing more."""
        self._time = reading_of_times(said.time, said.timezone)
        self._minor = said.amounts == "minor"
        profile = said.profile if isinstance(said, MappedPurchases) else None
        self._smallest_unit: SmallestUnit = "stripe" if profile == "stripe" else "iso4217"
        self._void = Place(VOID_SINCE[profile]) if profile in VOID_SINCE else None
        self._is_state = said.envelope != "none" or profile in STATES
        """Whether a record says what an order is now, and may say it anew."""
        self._changed = CHANGED.get(profile or "")
        """When an order of a shop system's was changed: its bodies may lie there in any order."""
        self._left_of = LEFT_OF.get(fields.get("amount", "")) if profile == "stripe" else None
        self._cards_in = (
            None if said.fields.get("amount") != AMOUNT_OF.get(profile or "") else CARDS_IN.get(profile or "")
        )
        self._is_plain = not (said.cancelled_if or said.refund_if or said.given_back or "kind" in fields)
        """Whether the amount alone says what an order amounts to."""
        self._amount = self._fields["amount"].of if "amount" in fields else _nothing
        self._has_images = said.envelope != "none" and {"amount", "order_id"} <= fields.keys()
        self._currency = currency
        self.keyed_by_customer = said.key == "customer_id"

    def ours(self, event: Row, beside: Beside | None = None) -> Object:
        """The event in the form of ours; `beside` where it looks there. Raises PassedOverError where it is none,
        PoisonError where it cannot be told."""
        record = event
        if not self._is_bare or event.get(MARK) is not None:
            event = self._row(event, beside)
        if not self._is_wanted(event):
            raise PassedOverError(FILTERED)
        found = {name: find(event) for name, find in self._finds}
        if type(event) is Incomplete:
            _refuse_not_sent({**found, "occurred_at": self._at.of(event)})
        whose, event_id = found["customer_id"], found["event_id"]
        if type(whose) is not str or not self.keyed_by_customer or not one_spelling(whose):
            found["customer_id"] = spelt(whose, as_it_is=self.keyed_by_customer)
        if type(event_id) is not str:
            found["event_id"] = name_of(event_id)
        for name in _NAMES:
            if type(found.get(name, "")) is not str:
                found[name] = name_of(found[name])
        found["occurred_at"] = at = self._time(self._at.of(event))
        if self._changed is not None:
            found["occurred_at"] = slightly_later(at, self._changed(event)) or at
        if "amount" in found:
            self._price(found, event)
            if self._has_images:
                self._name_the_word(found, record, event)
        else:
            if self._kind is not None:
                found["kind"] = self._kind.of(event)
            if type(found.get("score")) is str:
                found["score"] = _number_in(found["score"])
        if self._items is not None:
            found["items"] = self._lines_of(self._items.of(event), found.get("currency"))
        return found

    def sign(self, event: Row, beside: Beside | None = None) -> tuple[str, object] | None:
        """Of an event that is refused: its customer, and its time as ours have it where it can be read. None where it
        says no customer, or is money given back."""
        try:
            row = self._row(event, beside)
            whose = spelt(self._fields["customer_id"].of(row), as_it_is=self.keyed_by_customer)
        except (PoisonError, PassedOverError):
            return None
        if not isinstance(whose, str) or not self._is_wanted(row) or self._gives_back(row):
            return None
        try:
            return whose, self._time(self._at.of(row))
        except PoisonError:
            return whose, None

    def customer_of(self, event: Row, beside: Beside | None = None) -> str | None:
        """Whom an event names, be it wanted or not, and a row that was deleted too. None where it names nobody."""
        try:
            row: Row = change_of(self._envelope, event).row
            if beside is not None and self.looks_beside:
                row = with_beside(row, event, beside)
            whose = spelt(self._fields["customer_id"].of(row), as_it_is=self.keyed_by_customer)
        except (PoisonError, PassedOverError):
            return None
        return whose if isinstance(whose, str) else None

    def _row(self, event: Row, beside: Beside | None) -> Row:
        """What the fields lie in."""
        row = row_of(self._envelope, event)
        if self._body_in is not None:
            row = self._body_in(row)
        if self._batch is not None:
            rows = self._batch.of(row)
            if isinstance(rows, list) and len(rows) > 1:
                raise PoisonError(
                    ErrorCode.INVALID_VALUE,
                    f"event_id: lies in a list of {len(rows):,}, and one record is one event: let a transform make a record "
                    "of each",
                )
        return row if beside is None or not self.looks_beside else with_beside(row, event, beside)

    def _is_wanted(self, event: Row) -> bool:
        for place, wanted in self._only:
            value = place.of(event)
            if _word(value) not in wanted and not is_one(value, wanted):
                return False
        if not (self._not_if or self._needs):
            return True
        return not (holds(self._not_if, event) or any(says_nothing(place.of(event)) for place in self._needs))

    def _gives_back(self, event: Row) -> bool:
        """Whether it is a refund, by whatever says so: also one whose amount cannot be read."""
        kind = None if self._kind is None else self._kind.of(event)
        amount = self._fields["amount"].of(event) if "amount" in self._fields else None
        by_condition = holds(self._refund_if, event) or holds(self._cancelled_if, event)
        return by_condition or is_refund(kind) or looks_below_nothing(amount)

    def _name_the_word(self, found: Object, record: Row, event: Row) -> None:
        """An order that is what it was before has said so already, unless this is a word of its own."""
        before, version = corrected_by(self._envelope, record)
        if before is None or (self._is_plain and self._amount(before) == self._amount(event)):
            return
        if self._worth(before) in (None, (found["amount"], found["kind"])):
            return
        if version:
            found["event_id"] = f"{found['event_id']}-{version}"

    def _worth(self, row: Row) -> tuple[object, object] | None:
        """What a row amounts to, and whether that is given back. None where it is none that is wanted."""
        currency = self._fields.get("currency")
        found: Object = {
            "event_id": "",
            "amount": self._fields["amount"].of(row),
            "currency": None if currency is None else currency.of(row),
        }
        if not self._is_wanted(row):
            return None
        try:
            self._price(found, row)
        except PoisonError:
            return None
        return found["amount"], found["kind"]

    def _price(self, found: Object, event: Row) -> None:
        amount = found["amount"]
        left = None if self._left_of is None else self._left_of(event)
        if left is not None:
            amount = left
        if type(amount) is str:
            amount = amount.strip()
        elif isinstance(amount, dict | View):
            amount = figure(amount)
        if self._minor:
            amount = self._in_major(amount, found.get("currency"))
        kind = None if self._kind is None else self._kind.of(event)
        cancelled = bool(self._cancelled_if) and holds(self._cancelled_if, event)
        if cancelled:  # beside the purchase, which may have been read before
            found["event_id"] = f"{found['event_id']}-cancelled"
            amount = "0" if self._is_state else amount
        elif self._void is not None and not says_nothing(self._void.of(event)):
            amount = "0"
        elif self._given_back is not None and left is None:
            amount = self._less(amount, self._given_back.of(event), found.get("currency"))
        if self._cards_in is not None and (cards := self._cards_in(event)):
            amount = self._less(amount, str(cards), None)
        below = above_nothing(amount)
        if below is not None:
            amount = below
        found["amount"] = amount
        back = (
            (cancelled and not self._is_state)
            or below is not None
            or (self._refund_if and holds(self._refund_if, event))
        )
        found["kind"] = "refund" if back else kind

    def _less(self, amount: object, back: object, currency: object) -> object:
        parts = [each for each in (back if isinstance(back, list) else [back]) if not says_nothing(each)]
        try:
            left = Decimal(str(amount))
            for each in parts:
                part = self._in_major(figure(each), currency) if self._minor else figure(each)
                left -= abs(Decimal(str(part)))
        except InvalidOperation:
            raise PoisonError(
                ErrorCode.INVALID_VALUE, "amount: is none, or what was given back of it is none"
            ) from None
        return f"{max(left, Decimal(0)):f}" if parts and left.is_finite() else amount

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
        return f"{minor.scaleb(-minor_decimals(code, self._smallest_unit)):f}"

    def _lines_of(self, lines: object, currency: object) -> object:
        if isinstance(lines, str):
            lines = in_text(lines)
        if not isinstance(lines, list):
            return lines
        finds = self._line_finds
        found = [{name: find(line) for name, find in finds} for line in lines]
        for each in found:
            if type(each["sku"]) is not str:
                each["sku"] = name_of(each["sku"])
            if self._minor and each.get("amount") is not None:
                each["amount"] = self._price_of_line(each["amount"], currency)
        return found

    def _price_of_line(self, amount: object, currency: object) -> object:
        try:
            return self._in_major(figure(amount), currency)
        except PoisonError:
            return None


def _refuse_not_sent(found: Object) -> None:
    name = next((name for name in _NEEDED if isinstance(found.get(name), NotSent)), None)
    if name is not None:
        raise PoisonError(
            ErrorCode.MISSING_FIELD,
            f"{name}: lies in a large column that PostgreSQL does not repeat where another one has changed: set REPLICA "
            "IDENTITY FULL on its table",
        )


def _nothing(_row: object) -> object:
    return None


Conditions = list[tuple[Place, frozenset[object]]]
"""Each where to look, and which words hold there."""


def conditions_of(said: Mapping[str, list[Any]], place_of: Callable[[str], Place]) -> Conditions:
    return [
        (place_of(path), frozenset(word for each in values for word in _words(each))) for path, values in said.items()
    ]


def _words(value: object) -> tuple[object, ...]:
    """What a value of the settings stands for: databases without a type for yes and no have 1 and 0."""
    return (_word(value), str(int(value))) if isinstance(value, bool) else (_word(value),)


def holds(conditions: Conditions, event: Row) -> bool:
    """Whether one of them does."""
    return bool(conditions) and any(is_one(place.of(event), words) for place, words in conditions)


def shape_of(said: MappedInput, name: str, currency: str, schemas: Schemas, registry: str | None) -> Shape | None:
    """None: the events are ours. `name` is that of the input, `registry` where schemas are. Raises ConfigurationError
    where its format cannot be read."""
    if not said.fields and said.format == "json" and not said.is_known:
        return None
    return Shape(completed(said), currency, reading_of(said, name, schemas, registry), schemas)


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


def is_refund(kind: object) -> bool:
    """Whether the kind that a refused event says is money given back, which is no visit."""
    return isinstance(kind, str) and kind.strip().lower() == "refund"


def _number_in(said: object) -> object:
    """The whole number that a text is, as forms post it; anything else as it is."""
    match = _WHOLE.fullmatch(said) if isinstance(said, str) else None
    return said if match is None else int(match[1])


def _word(value: object) -> object:
    """What values are compared as: small and capital letters do not matter."""
    if isinstance(value, str):
        return value.strip().lower()
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict | View):
        return _ABSENT if (inner := unwrapped(value)) is value else _word(inner)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value) if isinstance(value, int) and abs(value) < 10**_LONGEST_NUMBER else _ABSENT


def is_one(value: object, words: frozenset[object]) -> bool:
    """Whether a value, or one of a list of them, is among the words, or is anything where one of them is `*`."""
    if ANYTHING in words and not says_nothing(value):
        return True
    if isinstance(value, list):
        return any(_word(each) in words for each in value)
    return _word(value) in words
