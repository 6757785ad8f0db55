"""Who wants to be looked at when. Waiting costs nothing per customer: the day's bucket is opened when its day comes.

Each customer lies in one bucket, at or before the day of their date. A visit that moves the date later leaves them
where they are; the bucket finds out when it is opened and moves them on. So a visit costs one comparison, and a tick
with nothing due costs one as well.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet

from service.domain.calendar import DAY_US, NEVER
from service.domain.customer import Customer


class DueQueue:
    """Dates of the customers of one partition. Fires in the order (date, customer_id), whatever the order of
    scheduling."""

    def __init__(self, customers: Mapping[str, Customer], aside: AbstractSet[str] = frozenset()) -> None:
        """`aside`: customers whose dates do not come up, whatever they are."""
        self._customers = customers
        self._aside = aside
        self._buckets: dict[int, list[Customer]] = {}
        """Who waits for a day. The customers themselves: to look a million up by id costs more than all the rest."""
        self._days: list[int] = []
        self._open_day = -1
        self._open: list[tuple[int, str]] = []
        self.next_us = NEVER
        """No date lies before this instant."""

    def __len__(self) -> int:
        """Entries held, stale ones included."""
        return len(self._open) + sum(len(bucket) for bucket in self._buckets.values())

    def schedule(self, customer: Customer) -> None:
        """The customer's date may have changed."""
        wake = customer.wake_us
        if wake >= NEVER:
            return
        if self._aside and customer.customer_id in self._aside:
            return
        day = wake // DAY_US
        if day <= self._open_day:
            heapq.heappush(self._open, (wake, customer.customer_id))
            self.next_us = min(self.next_us, wake)
            return
        if 0 <= customer.bucket <= day:
            return
        customer.bucket = day
        bucket = self._buckets.get(day)
        if bucket is None:
            bucket = self._buckets[day] = []
            heapq.heappush(self._days, day)
            if not self._open:
                self.next_us = self._days[0] * DAY_US
        bucket.append(customer)

    def fire(self, until_us: int, look: Callable[[int, Customer], None], most: int) -> int:
        """Calls `look(date, customer)` for every date before `until_us`, of `most` customers; it must move the
        customer's date. Returns of how many more it might have been."""
        while self.next_us < until_us and most > 0:
            if self._open:
                wake, customer_id = heapq.heappop(self._open)
                customer = self._customers.get(customer_id)
                if customer is not None and customer.wake_us == wake:
                    look(wake, customer)
                    self.schedule(customer)
                    most -= 1
            else:
                self._open_next()
            self.next_us = self._open[0][0] if self._open else self._days[0] * DAY_US if self._days else NEVER
        return most

    def _open_next(self) -> None:
        day = heapq.heappop(self._days)
        self._open_day = day
        bucket = self._buckets.pop(day)
        for customer in bucket:
            if customer.bucket == day:
                customer.bucket = -1
                self.schedule(customer)
