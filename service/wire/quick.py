"""The quick way from a typed record (fast.py) to an event: of those that are plainly all right. Of any other the models
decide, and say what is wrong.
"""

from __future__ import annotations

import re
from typing import Final

import msgspec
from pydantic_core import PydanticCustomError

from schemas.scales import SCALES
from schemas.wire_types import AMOUNT_TEXT, read_amount
from service.domain.events import Item, Purchase, SurveyAnswer
from service.errors import PoisonError
from service.wire.currencies import Money
from service.wire.fast import FastAnswer, FastLine, FastPurchase, decode_fast
from service.wire.parts import EPOCH, SURVEYS, clean, microseconds

_PLAIN_AMOUNT: Final = re.compile(AMOUNT_TEXT)
_LONGEST_PRICE: Final = 12
"""Characters; far below the largest amount."""


class QuickWay:
    """Stateless after construction."""

    def __init__(self, currency: str, minor_digits: int, money: Money, max_skew_us: int) -> None:
        """`max_skew_us`: how far ahead of the clock an event may be dated."""
        self._currency = currency
        self._money = money
        self._max_skew_us = max_skew_us
        self._shortest_price = minor_digits + 2 if minor_digits else _LONGEST_PRICE + 1
        """Length of a price such as 0.00; a currency without minor units has no price with a point."""
        self._answers = msgspec.json.Decoder(FastAnswer)

    def purchase(self, wire: FastPurchase, key: bytes | None, now_us: int) -> Purchase | None:
        """None = the models must decide. A call saved here is worth a few lines."""
        moment = wire.occurred_at
        if moment.tzinfo is None:
            return None
        event_id, customer_id, order_id, amount = wire.event_id, wire.customer_id, wire.order_id, wire.amount
        if customer_id.encode() != key or not (customer_id.isprintable() and event_id.isprintable()):
            return None
        if order_id is not None and (order_id[0] == " " or not order_id.isprintable()):
            return None
        since = moment - EPOCH
        at_us = (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds
        minor = self._amount(amount, wire.currency)
        if minor is None or not 0 <= at_us <= now_us + self._max_skew_us:
            return None
        lines = _items(wire.items) if wire.items else ()
        if lines is None:
            return None
        source = wire.store_id or wire.channel or ""
        return Purchase(event_id, customer_id, at_us, minor, wire.kind == "refund", order_id, lines, source=source)

    def _amount(self, amount: float | str, currency: str | None) -> int | None:
        """Minor units; None = the models must say what is wrong."""
        if currency is None or currency == self._currency:
            minor: int | None = None
            if not isinstance(amount, str):
                minor = self._money.quick(amount)
            elif self._shortest_price <= len(amount) <= _LONGEST_PRICE and amount[-self._shortest_price + 1] == ".":
                digits = amount.replace(".", "", 1)  # with all minor digits: the price without its point
                if digits.isdigit() and digits.isascii():
                    return int(digits)
            elif _PLAIN_AMOUNT.match(amount) is not None:
                minor = self._money.quick(float(amount))
            if minor is not None:
                return minor
        try:
            return self._money.exact(read_amount(amount), currency)
        except (PydanticCustomError, PoisonError):
            return None

    def answer(self, text: bytes, key: bytes | None, now_us: int) -> SurveyAnswer | None:
        """The same of a record of `surveys`."""
        wire = decode_fast(self._answers, text)
        if wire is None or wire.customer_id.encode() != key:
            return None
        if not _printable(wire.event_id, wire.customer_id, wire.order_id):
            return None
        at_us = microseconds(wire.occurred_at)
        lowest, highest = SCALES[wire.survey]
        if not (lowest <= wire.score <= highest and 0 <= at_us <= now_us + self._max_skew_us):
            return None
        return SurveyAnswer(wire.event_id, wire.customer_id, at_us, SURVEYS[wire.survey], wire.score, wire.order_id)


def _printable(event_id: str, customer_id: str, order_id: str | None) -> bool:
    """Whether the ids certainly have no control characters, and the order's is not blank; `isprintable` refuses more
    than the models do."""
    plain = order_id is None or (order_id[0] != " " and order_id.isprintable())
    return plain and customer_id.isprintable() and event_id.isprintable()


def _items(lines: list[FastLine]) -> tuple[Item, ...] | None:
    """None where a sku may have a control character, or be nothing but blanks."""
    items = []
    for line in lines:
        sku = line.sku
        if sku[0] == " " or not sku.isprintable():
            return None
        items.append(Item(sku, clean(line.name) or sku))
    return tuple(items)
