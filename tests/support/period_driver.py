"""Feeds events to ledgers as the engine does, which knows each customer's visit days and partition."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from datetime import date

from service.domain.calendar import to_day
from service.domain.events import Survey
from service.domain.periods.ledger import Ledger
from service.domain.periods.numbers import PeriodRow
from service.domain.periods.totals import PeriodTotals
from service.domain.policy import Shop


class PeriodDriver:
    """One shop in `partitions` ledgers, their stored records, and the totals over them."""

    def __init__(self, partitions: int = 1, shop: Shop | None = None) -> None:
        self.shop = shop or Shop()
        self.ledgers = [Ledger() for _ in range(partitions)]
        self.stored: dict[tuple[int, int], bytes] = {}
        self.totals = PeriodTotals(self.shop)
        self._visits: dict[str, list[int]] = {}
        self._partition_of: dict[str, int] = {}

    def purchase(self, customer: str, on: date, minor: int = 0) -> None:
        day, ledger = to_day(on), self._ledger(customer)
        ledger.order(day, minor)
        visits = self._visits.setdefault(customer, [])
        at = bisect_left(visits, day)
        if at < len(visits) and visits[at] == day:
            return
        near = [visits[i] if 0 <= i < len(visits) else None for i in range(at - 2, at + 2)]
        if at == len(visits):
            ledger.visit(day, near[1], near[0])
        else:
            ledger.insert_visit(day, *near)
        visits.insert(at, day)

    def refund(self, customer: str, on: date, minor: int) -> None:
        self._ledger(customer).refund(to_day(on), minor)

    def answer(self, customer: str, on: date, survey: Survey, score: int) -> None:
        self._ledger(customer).answer(to_day(on), survey, score)

    def store(self) -> None:
        """What a turn does: the changed days go to the changelog and to the totals."""
        for partition, ledger in enumerate(self.ledgers):
            for day, record in ledger.take_dirty():
                self.stored[partition, day] = record
                self.totals.update(partition, day, record)

    def restart(self) -> None:
        """Everything kept in memory is lost and read again from the changelog."""
        self.store()
        self.ledgers = [Ledger() for _ in self.ledgers]
        self.totals = PeriodTotals(self.shop)
        for (partition, day), record in self.stored.items():
            self.ledgers[partition].restore(day, record)
            self.totals.update(partition, day, record)

    def rows(self, first: date, through: date) -> Iterator[PeriodRow]:
        self.store()
        return self.totals.rows(to_day(first), to_day(through))

    def row(self, granularity: str, start: date, through: date) -> PeriodRow:
        return next(r for r in self.rows(start, through) if r.granularity == granularity and r.start == start)

    def _ledger(self, customer: str) -> Ledger:
        return self.ledgers[self._partition_of.setdefault(customer, len(self._partition_of) % len(self.ledgers))]
