"""Who wants to be looked at when. Waiting costs nothing per customer: the day's bucket is opened when its day comes.

Each customer lies in one bucket, at or before the day of their date. A visit that moves the date later leaves them
where they are; the bucket finds out when it is opened and moves them on. So a visit costs one comparison, and a tick
with nothing due costs one as well.

Where customers are folded (folding/attic.py), everybody lies in a bucket of the next weeks, also who has no date or one
far ahead: when it is opened, and they have been away for long, they wait to be folded. Nothing else depends on it.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from typing import Any, Final

from service.domain.calendar import DAY_US, NEVER
from service.domain.customer import Customer

FOLDED_AFTER: Final = 56
"""Days without a sign of life after which a customer may be folded. Fewer fold who is about to come back, which costs
as much as some visits; more keep an object for who will not."""
FOLDED_BEFORE: Final = 28
"""Days at least until their next date: on it they are unfolded."""
_LOOKED_AT: Final = 56
"""Days at most until it is asked again whether a customer may be folded."""


class DueQueue:
    """Dates of the customers of one partition. Fires in the order (date, customer_id), whatever the order of
    scheduling."""

    def __init__(
        self,
        customers: Mapping[str, Customer],
        folded_on: Callable[[int], list[Customer]] | None = None,
        today: int = 0,
        aside: AbstractSet[str] = frozenset(),
    ) -> None:
        """`folded_on`: takes back the folded who have a date on that day; None: nobody is folded. `today`: UTC day of
        stream time. `aside`: customers whose dates do not come up, whatever they are."""
        self._customers = customers
        self._aside = aside
        self._folded_on = folded_on
        self._today = today
        self.foldable: deque[Customer] = deque()
        """Who could be folded when they were looked at."""
        self._gone: dict[int, int] = {}
        """By bucket: how many in it have left it, folded."""
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

    def let_go(self) -> list[list[Any] | deque[Any]]:
        """Nobody goes on with it. Returns what holds much."""
        self._folded_on = None
        return [*self._buckets.values(), self._open, self.foldable]

    def schedule(self, customer: Customer) -> None:
        """The customer's date may have changed."""
        wake = customer.wake_us
        if self._aside and customer.customer_id in self._aside:
            return
        if self._folded_on is not None:
            day = min(wake // DAY_US, max(self._open_day, self._today) + _LOOKED_AT)
        elif wake >= NEVER:
            return
        else:
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
        self._today = max(self._today, min(until_us, NEVER) // DAY_US)
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

    def before(self, until_us: int) -> tuple[list[tuple[int, str]], list[list[Customer]]]:
        """Copies of what is open, as (date, customer_id), and of the buckets of the days that begin before then:
        everybody whose date lies before it is in one of them, others are too, some twice. Costs the copies alone."""
        last_day = (until_us - 1) // DAY_US
        return self._open[:], [bucket[:] for day, bucket in self._buckets.items() if day <= last_day]

    def _open_next(self) -> None:
        day = heapq.heappop(self._days)
        self._open_day = day
        bucket = self._buckets.pop(day)
        folds = self._folded_on
        for customer in bucket:
            if customer.bucket == day:
                customer.bucket = -1
                self.schedule(customer)
                if folds is not None and self.may_fold(customer):
                    self.foldable.append(customer)
        if folds is not None:
            self._gone.pop(day, None)
            for customer in folds(day):
                self.schedule(customer)

    def may_fold(self, customer: Customer) -> bool:
        """Whether the customer has been away for long, and nothing is due for long."""
        seen, today = max(customer.last_us, customer.sign_us), max(self._open_day, self._today)
        return seen // DAY_US + FOLDED_AFTER <= today and customer.wake_us // DAY_US >= today + FOLDED_BEFORE

    def leave(self, customer: Customer) -> None:
        """The customer is folded: their bucket lets go of them, as soon as so many have left it that it pays."""
        day, customer.bucket = customer.bucket, -1
        if day < 0:
            return
        gone, bucket = self._gone.get(day, 0) + 1, self._buckets[day]
        if 2 * gone > len(bucket):
            bucket[:] = [waiting for waiting in bucket if waiting.bucket == day]
            gone = 0
        self._gone[day] = gone

    def is_open(self, wake_us: int) -> bool:
        """Whether that date lies on the day that is open, or before."""
        return wake_us // DAY_US <= self._open_day

    def expect(self, day: int) -> None:
        """Somebody who is folded has a date on that day, which is not open yet."""
        if day not in self._buckets:
            self._buckets[day] = []
            heapq.heappush(self._days, day)
            if not self._open:
                self.next_us = self._days[0] * DAY_US
