"""A customer packed: what a snapshot holds, less all that follows from the rest of it.

Of somebody who bought once and did not come back most fields are as at the beginning, or say the same again: the last
visit is the first one, the only entry of the history is that visit. A pattern, of which a shop has some dozens, says
which fields are as they are expected; the others lie in the record, as MessagePack. So what comes out is what went in,
to the last bit, whatever the customer holds; what is expected decides only how many bytes it takes.

The snapshot's own fields are used, so that a field that a later release appends is folded as well.
"""

from __future__ import annotations

from typing import Any, Final

from service.domain import wide_numbers
from service.domain.calendar import DAY_US
from service.domain.customer import Customer
from service.domain.customer_fields import FIELDS
from service.domain.customer_record import VERSION, fields_of, of_fields
from service.domain.hashed_ids import ID_BYTES
from service.domain.sealed_chunks import row_of, width_of

_VISITS: Final = FIELDS.index("visits")
_ORDERS: Final = FIELDS.index("orders")
_REVENUE: Final = FIELDS.index("revenue_minor")
_FIRST_US: Final = FIELDS.index("first_us")
_LAST_US: Final = FIELDS.index("last_us")
_FIRST_DAY: Final = FIELDS.index("first_day")
_LAST_DAY: Final = FIELDS.index("last_day")
_DAYS_FROM: Final = FIELDS.index("days_from")
_DAYS: Final = FIELDS.index("days")
_LOG_USUAL: Final = FIELDS.index("log_usual")
_LOG_RECENT: Final = FIELDS.index("log_recent")
_VISIT_MINOR: Final = FIELDS.index("visit_minor")
_SEGMENT: Final = FIELDS.index("segment")
_ITEMS: Final = FIELDS.index("items")
_PROFILE: Final = FIELDS.index("profile")
_RISK: Final = FIELDS.index("risk_band")
_BOUGHT: Final = FIELDS.index("bought")
_RARE: Final = FIELDS.index("rare")
_IDS: Final = 2 * ID_BYTES
"""Of the only entry of a history that says nothing else than the visit does, the two ids are kept. No other chunk is so
short."""
_LOST: Final = 6
_HIGH: Final = 2
"""The segment `lost` and the risk band `high`, as which most are folded."""
_TIMES_AT: Final = 9
_CONSENT_AT: Final = 8
"""In a stored profile."""
_MOST_NAMES: Final = 4_096
"""Names of items that are kept once for everybody; names beyond lie with the customer."""
_MOST_PATTERNS: Final = 32_768
_MARK: Final = 1 << 56
"""Set in a pattern that is not among those kept once, to tell it from their numbers."""
_ABSENT: Final = object()


def _at_the_beginning() -> list[object]:
    """What is expected of each field for which nothing better is known."""
    fields: list[object] = list(fields_of(Customer("")))
    fields += [None] * (len(FIELDS) - len(fields))
    fields[_VISITS], fields[_DAYS], fields[_SEGMENT], fields[_RISK] = 1, b"\x01", _LOST, _HIGH
    return fields


_USUAL: Final = _at_the_beginning()


def _same(one: object, other: object) -> bool:
    """Whether one stands for the other to the last bit: numbers of two kinds do not, nor do zeros, which may have a
    sign."""
    return type(one) is type(other) and one == other and not (one == 0.0 and isinstance(one, float))


class Folding:
    """Packs and unpacks. What many customers share is kept here once, so only this one can unpack what it packed."""

    def __init__(self) -> None:
        self._patterns: list[int] = []
        self._pattern_numbers: dict[int, int] = {}
        self._names: list[str] = []
        self._name_numbers: dict[str, int] = {}

    def folded(self, customer: Customer) -> bytes:
        fields = list(fields_of(customer))
        if len(fields) < len(FIELDS):
            fields.append(None)
        expected = _expected(fields)
        pattern, values = 0, list[object]()
        for index in range(len(FIELDS)):
            value = fields[index]
            if not _same(value, expected[index]):
                pattern |= 1 << index
                if index == _BOUGHT:
                    value = _short_history(fields, value)
                elif index == _ITEMS:
                    value = self._short_items(value)
                elif index == _PROFILE:
                    value = _short_profile(value)
                values.append(value)
        sealed = customer.sealed
        if sealed is not None and sealed.chunks:
            values.append([sealed.first, *sealed.chunks])
        return wide_numbers.encode([self._number_of(pattern), *values])

    def unfolded(self, customer_id: str, record: bytes) -> Customer:
        number, *values = wide_numbers.decode(record)
        pattern = number ^ _MARK if number >= _MARK else self._patterns[number]
        fields: list[Any] = [_ABSENT] * len(FIELDS)
        at = 0
        for index in range(len(FIELDS)):
            if pattern >> index & 1:
                fields[index] = values[at]
                at += 1
        if fields[_ITEMS] is not _ABSENT:
            fields[_ITEMS] = self._long_items(fields[_ITEMS])
        if fields[_PROFILE] is not _ABSENT:
            fields[_PROFILE] = _long_profile(fields[_PROFILE])
        _fill(fields)
        fields[_BOUGHT] = _long_history(fields, fields[_BOUGHT])
        if fields[_RARE] is None:
            fields.pop()
        customer = of_fields(customer_id, [VERSION, *fields])
        if customer.sealed is not None and at < len(values):
            first, *chunks = values[at]
            customer.sealed.restored(dict(enumerate(chunks, first)))
        return customer

    def _number_of(self, pattern: int) -> int:
        number = self._pattern_numbers.get(pattern)
        if number is None:
            if len(self._patterns) >= _MOST_PATTERNS:
                return pattern | _MARK
            number = self._pattern_numbers[pattern] = len(self._patterns)
            self._patterns.append(pattern)
        return number

    # ---- favourite items: names that many have

    def _short_items(self, stored: Any) -> object:
        """Of (counts, last) the names alone where each was taken once and all are of the last basket."""
        if stored is None:
            return None
        counts, last = stored
        names = [self._ref(name) for name in counts]
        if names and all(count == 1 for count in counts.values()) and last == list(counts)[:3]:
            return names
        return [names, list(counts.values()), [self._ref(name) for name in last]]

    def _long_items(self, short: Any) -> object:
        if short is None:
            return None
        if short and not isinstance(short[0], list):
            names = [self._name(ref) for ref in short]
            return [dict.fromkeys(names, 1), names[:3]]
        refs, counts, last = short
        return [
            {self._name(ref): count for ref, count in zip(refs, counts, strict=True)},
            [self._name(ref) for ref in last],
        ]

    def _ref(self, name: str) -> int | str:
        number = self._name_numbers.get(name)
        if number is None:
            if len(self._names) >= _MOST_NAMES:
                return name
            number = self._name_numbers[name] = len(self._names)
            self._names.append(name)
        return number

    def _name(self, ref: int | str) -> str:
        return ref if isinstance(ref, str) else self._names[ref]


def _expected(fields: list[Any]) -> list[object]:
    """What each field is expected to be, of which those before it are known."""
    expected = list(_USUAL)
    expected[_ORDERS] = fields[_VISITS]
    expected[_LAST_US] = fields[_FIRST_US]
    expected[_FIRST_DAY] = fields[_FIRST_US] // DAY_US
    expected[_LAST_DAY] = _last_day(fields)
    expected[_DAYS_FROM] = fields[_FIRST_DAY]
    expected[_LOG_RECENT] = fields[_LOG_USUAL]
    expected[_VISIT_MINOR] = fields[_REVENUE]
    return expected


def _fill(fields: list[Any]) -> None:
    """The same where it is told again: each that is absent is as expected."""
    for index in range(len(FIELDS)):
        if fields[index] is _ABSENT:
            if index == _ORDERS:
                fields[index] = fields[_VISITS]
            elif index == _LAST_US:
                fields[index] = fields[_FIRST_US]
            elif index == _FIRST_DAY:
                fields[index] = fields[_FIRST_US] // DAY_US
            elif index == _LAST_DAY:
                fields[index] = _last_day(fields)
            elif index == _DAYS_FROM:
                fields[index] = fields[_FIRST_DAY]
            elif index == _LOG_RECENT:
                fields[index] = fields[_LOG_USUAL]
            elif index == _VISIT_MINOR:
                fields[index] = fields[_REVENUE]
            else:
                fields[index] = _USUAL[index]


def _last_day(fields: list[Any]) -> int:
    first_us, last_us = fields[_FIRST_US], fields[_LAST_US]
    day: int = fields[_FIRST_DAY] if last_us == first_us else last_us // DAY_US
    return day


def _short_history(fields: list[Any], chunk: Any) -> object:
    """The ids alone, where the chunk says nothing else that is not known."""
    ids = chunk[1 : 1 + _IDS]
    return ids if chunk == _only_visit(fields, ids) else chunk


def _long_history(fields: list[Any], short: Any) -> object:
    return _only_visit(fields, short) if len(short) == _IDS else short


def _only_visit(fields: list[Any], ids: bytes) -> bytes:
    """The history of who came once, as it is where nothing else ever happened."""
    amount = fields[_REVENUE]
    if len(ids) != _IDS or not 0 <= amount < 1 << 63:
        return b""
    width = width_of(amount)
    return bytes((width,)) + row_of(ids[:ID_BYTES], ids[ID_BYTES:], fields[_FIRST_US], amount, 0, width)


def _short_profile(stored: Any) -> object:
    """Most of a profile was said at once: where a time is that of the newest word, nothing stands for it."""
    if stored is None:
        return None
    said_us, short = stored[0], list(stored)
    if said_us:
        short[_CONSENT_AT] = None if stored[_CONSENT_AT] == said_us else stored[_CONSENT_AT]
        short[_TIMES_AT] = [None if at_us == said_us else at_us for at_us in stored[_TIMES_AT]]
    return short


def _long_profile(short: Any) -> object:
    if short is None:
        return None
    said_us, stored = short[0], list(short)
    if said_us:
        stored[_CONSENT_AT] = said_us if short[_CONSENT_AT] is None else short[_CONSENT_AT]
        stored[_TIMES_AT] = [said_us if at_us is None else at_us for at_us in short[_TIMES_AT]]
    return stored
