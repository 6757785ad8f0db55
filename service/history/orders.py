"""Lines in order of time → purchases: lines of one order put together, and an event id for those that came without."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final

from service.domain.calendar import DAY_US
from service.domain.events import Item, Purchase, Survey, SurveyAnswer
from service.history.amounts import Minor, rounded
from service.history.lines import PurchaseLine, SurveyLine

ORDER_WINDOW_US: Final = DAY_US
"""An order is held back this long for further lines: one day of the shop bounds the memory. Orders whose lines lie
further apart are known before (`spread_orders`)."""
MAX_ITEMS: Final = 50
"""Different items kept per order, the first ones: they only serve to name the usual order."""
_FILTER_BITS: Final = 1 << 27
"""16 MiB: of ten million orders two in a hundred are looked at once more in vain."""
_KEPT_OPEN: Final = 100_000
"""Orders remembered as open before those older than the window are dropped."""

OrderKey = tuple[str, str]
"""customer_id, order_id."""


class Order:
    """An order whose further lines may still come."""

    __slots__ = ("_lines", "absorbed", "amount", "at_us", "customer_id", "event_id", "items", "order_id", "source")

    def __init__(self, event_id: str, customer_id: str, at_us: int, order_id: str, source: str = "") -> None:
        self.event_id = event_id
        self.customer_id = customer_id
        self.at_us = at_us
        self.order_id = order_id
        self.source = source
        self.amount: Minor = 0
        self.absorbed = False
        """Its lines, all negative, have become part of the order of that day."""
        self.items: list[Item] = []
        self._lines: set[tuple[str, Minor, str, str]] | None = None

    def add(self, event_id: str, amount: Minor, sku: str, name: str) -> None:
        """Adds a line, unless it is known: the same line with the same event id is a duplicate.

        Lines that share only the order's event id are not.
        """
        if event_id:
            line = (event_id, amount, sku, name)
            if self._lines is None:
                self._lines = {line}
            elif line in self._lines:
                return
            else:
                self._lines.add(line)
        self.amount += amount
        if sku and len(self.items) < MAX_ITEMS:
            item = Item(sku, name)
            if item not in self.items:
                self.items.append(item)

    def absorb(self, refund: Order) -> None:
        """Takes over what was given back earlier that day under the same number."""
        refund.absorbed = True
        self.amount += refund.amount
        if refund._lines is not None:
            self._lines = refund._lines | (self._lines or set())

    def finished(self) -> Purchase:
        """A refund by its sign, also where it rounds to nothing."""
        minor = rounded(self.amount)
        return Purchase(
            self.event_id,
            self.customer_id,
            self.at_us,
            abs(minor),
            self.amount < 0,
            self.order_id or None,
            tuple(self.items),
            source=self.source,
        )


def purchases_of(
    lines: Iterable[PurchaseLine],
    day_of: Callable[[int], int],
    spread: Mapping[OrderKey, Order] | None = None,
    *,
    makes_ids: bool = True,
) -> Iterator[Purchase]:
    """Purchases in order of time.

    All lines of one customer with one order id are one order, at the time of the first that is bought.

    A negative line of the order's own local day lessens the order (whose sum below zero is a refund); on another day it
    is a refund of that day. `spread` are the orders with lines more than `ORDER_WINDOW_US` apart, complete
    (`spread_orders`).

    Where no event id is given it is made from the time, "at-<µs>", with a count for the customer's further ones of the
    same instant. So it does not depend on where in which file a row stands: the same log replayed again, split or
    merged has the same ids. With `makes_ids` False it stays empty, for callers who only count: an id that is made here
    is never a duplicate.
    """
    held: deque[Order] = deque()
    book = _OrderBook(day_of)
    given: set[OrderKey] = set()
    new_id = _EventIds(makes_ids)
    for line in lines:
        at_us, customer, amount, event_id, order_id, sku, name, source = line
        while held and held[0].at_us < at_us - ORDER_WINDOW_US:
            order = held.popleft()
            book.close(order)
            if not order.absorbed:
                yield order.finished()
        if order_id:
            key = (customer, order_id)
            whole = spread.get(key) if spread else None
            if whole is not None and (amount >= 0 or day_of(at_us) == day_of(whole.at_us)):
                if amount >= 0 and key not in given:
                    given.add(key)
                    held.append(whole)
                continue
            opened = book.take(line, event_id or new_id)
            if opened is not None:
                held.append(opened)
        elif held:
            lone = Order(event_id or new_id.make(at_us, customer), customer, at_us, "", source)
            lone.add(event_id, amount, sku, name)
            held.append(lone)
        else:
            minor, refund = rounded(amount), amount < 0
            items = (Item(sku, name),) if sku else ()
            made = event_id or new_id.make(at_us, customer)
            yield Purchase(made, customer, at_us, -minor if minor < 0 else minor, refund, None, items, source=source)
    for order in held:
        if not order.absorbed:
            yield order.finished()


class _OrderBook:
    """The open orders, and refunds under a number on a day on which nothing was bought under it."""

    def __init__(self, day_of: Callable[[int], int]) -> None:
        self._day_of = day_of
        self._orders: dict[OrderKey, Order] = {}
        self._refunds: dict[OrderKey, Order] = {}

    def take(self, line: PurchaseLine, event_id: str | _EventIds) -> Order | None:
        """Adds the line to its order; returns the order if the line opens one, with that event id."""
        at_us, customer, amount, line_id, order_id, sku, name, source = line
        key = (customer, order_id)
        order, refund, opened = self._orders.get(key), self._refunds.get(key), None
        if amount < 0 and (order is None or not self._same_day(order, at_us)):
            order = refund if refund is not None and self._same_day(refund, at_us) else None
        if order is None:
            made = event_id if isinstance(event_id, str) else event_id.make(at_us, customer)
            order = opened = Order(made, customer, at_us, order_id, source)
            (self._refunds if amount < 0 else self._orders)[key] = order
            if amount >= 0 and refund is not None and self._same_day(refund, at_us):
                order.absorb(refund)
                del self._refunds[key]
        order.add(line_id, amount, sku, name)
        return opened

    def close(self, order: Order) -> None:
        """No further line is to be added to it."""
        key = (order.customer_id, order.order_id)
        for book in (self._orders, self._refunds):
            if book.get(key) is order:
                del book[key]

    def _same_day(self, order: Order, at_us: int) -> bool:
        return self._day_of(order.at_us) == self._day_of(at_us)


class _EventIds:
    """Makes event ids; the lines come in order of time."""

    def __init__(self, makes: bool) -> None:
        """With `makes` False all are empty."""
        self._makes = makes
        self._instant = -1
        self._same_instant: dict[str, int] = {}

    def make(self, at_us: int, customer_id: str) -> str:
        if not self._makes:
            return ""
        if at_us != self._instant:
            self._instant = at_us
            self._same_instant.clear()
        count = self._same_instant[customer_id] = self._same_instant.get(customer_id, 0) + 1
        return f"at-{at_us}" if count == 1 else f"at-{at_us}-{count}"


def spread_orders(lines: Callable[[], Iterator[PurchaseLine]], day_of: Callable[[int], int]) -> dict[OrderKey, Order]:
    """The orders whose bought lines lie more than `ORDER_WINDOW_US` apart, put together.

    `lines()` is read once, and again if there may be any. Memory: 16 MiB, and what is found.
    """
    returning = _returning(lines())
    if not returning:
        return {}
    book = _OrderBook(day_of)
    found: dict[OrderKey, Order] = {}
    last_us: dict[OrderKey, int] = {}
    for line in lines():
        at_us, customer, amount, event_id, order_id, _, _, _ = line
        key = (customer, order_id)
        if key not in returning:
            continue
        opened = book.take(line, event_id or f"order-{order_id}-{at_us}")
        if amount >= 0:
            last_us[key] = at_us
            if opened is not None:
                found[key] = opened
    return {key: order for key, order in found.items() if last_us[key] - order.at_us > ORDER_WINDOW_US}


def _returning(lines: Iterator[PurchaseLine]) -> set[OrderKey]:
    """Orders with purchase lines further apart than the window, and by chance some others.

    The closed ones are remembered by a Bloom filter.
    """
    returning: set[OrderKey] = set()
    seen = bytearray(_FILTER_BITS >> 3)
    open_since: dict[OrderKey, int] = {}
    prune_at = _KEPT_OPEN
    for at_us, customer, amount, _, order_id, _, _, _ in lines:
        if not order_id or amount < 0:
            continue
        key = (customer, order_id)
        since = open_since.get(key)
        if since is not None:
            if at_us - since > ORDER_WINDOW_US:
                returning.add(key)
            continue
        digest = hash(key)
        low, high = digest % _FILTER_BITS, (digest >> 32) % _FILTER_BITS
        low_bit, high_bit = 1 << (low & 7), 1 << (high & 7)
        if seen[low >> 3] & low_bit and seen[high >> 3] & high_bit:
            returning.add(key)
        seen[low >> 3] |= low_bit
        seen[high >> 3] |= high_bit
        if len(open_since) >= prune_at:
            open_since = {k: t for k, t in open_since.items() if at_us - t <= ORDER_WINDOW_US}
            prune_at = max(_KEPT_OPEN, 2 * len(open_since))
        open_since[key] = at_us
    return returning


def answers_of(lines: Iterator[SurveyLine]) -> Iterator[SurveyAnswer]:
    """Survey answers in order of time; event ids are made as for purchases, the survey's name in front."""
    instant = -1
    same_instant: dict[tuple[str, str], int] = {}
    for at_us, customer, survey, score, event_id, order_id in lines:
        if not event_id:
            if at_us != instant:
                instant = at_us
                same_instant.clear()
            count = same_instant[customer, survey] = same_instant.get((customer, survey), 0) + 1
            event_id = f"{survey}-at-{at_us}" if count == 1 else f"{survey}-at-{at_us}-{count}"  # noqa: PLW2901
        yield SurveyAnswer(event_id, customer, at_us, Survey(survey), score, order_id or None)
