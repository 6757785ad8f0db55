"""Lines in order of time → purchases: lines of one order put together, and an event id for those that came without."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from service.domain.calendar import DAY_US
from service.domain.events import Item, Purchase, Survey, SurveyAnswer
from service.history.amounts import Minor, rounded
from service.history.lines import PurchaseLine, SurveyLine

ORDER_WINDOW_US = DAY_US
"""Lines of one customer and order_id belong together up to a day after the order's first line; a till's number that comes
back later is another order. It bounds what is held back in memory to one day of the shop."""
MAX_ITEMS = 50
"""Different items kept per order, the first ones: they only serve to name the usual order."""


def purchases_of(lines: Iterator[PurchaseLine]) -> Iterator[Purchase]:
    """Purchases in order of time. An order stands at its first line's time; one whose lines sum below zero is a refund.

    Where no event id is given it is made from the time, "at-<µs>", with a count for the customer's further ones of the same
    instant. So it does not depend on where in which file a row stands: the same log replayed again, split or merged has the
    same ids.
    """
    held: deque[_Order] = deque()
    open_orders: dict[tuple[str, str], _Order] = {}
    instant = -1
    same_instant: dict[str, int] = {}
    for at_us, customer, amount, event_id, order_id, sku, name in lines:
        while held and held[0].at_us < at_us - ORDER_WINDOW_US:
            order = held.popleft()
            open_orders.pop((order.customer_id, order.order_id), None)
            yield order.finished()
        known = open_orders.get((customer, order_id)) if order_id else None
        if known is not None:
            known.add(amount, sku, name)
            continue
        if not event_id:
            event_id = f"at-{at_us}"  # noqa: PLW2901
            if at_us != instant:
                instant = at_us
                same_instant.clear()
            count = same_instant[customer] = same_instant.get(customer, 0) + 1
            if count > 1:
                event_id = f"{event_id}-{count}"  # noqa: PLW2901
        if order_id or held:
            known = _Order(event_id, customer, at_us, order_id)
            known.add(amount, sku, name)
            held.append(known)
            if order_id:
                open_orders[customer, order_id] = known
            continue
        minor = amount if type(amount) is int else rounded(amount)
        items = (Item(sku, name),) if sku else ()
        yield Purchase(event_id, customer, at_us, abs(minor), minor < 0, None, items)
    for order in held:
        yield order.finished()


class _Order:
    """An order whose further lines may still come."""

    __slots__ = ("amount", "at_us", "customer_id", "event_id", "items", "order_id")

    def __init__(self, event_id: str, customer_id: str, at_us: int, order_id: str) -> None:
        self.event_id = event_id
        self.customer_id = customer_id
        self.at_us = at_us
        self.order_id = order_id
        self.amount: Minor = 0
        self.items: list[Item] = []

    def add(self, amount: Minor, sku: str, name: str) -> None:
        self.amount += amount
        if sku and len(self.items) < MAX_ITEMS:
            item = Item(sku, name)
            if item not in self.items:
                self.items.append(item)

    def finished(self) -> Purchase:
        minor = rounded(self.amount)
        return Purchase(
            self.event_id, self.customer_id, self.at_us, abs(minor), minor < 0, self.order_id or None, tuple(self.items)
        )


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
