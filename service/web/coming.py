"""What comes due within a day if nobody comes: the worker that holds the customers tells it, the page shows it."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from datetime import datetime
from itertools import chain
from typing import Final

import msgspec

from service.domain.calendar import DAY_US, NEVER, to_datetime
from service.domain.customer import Customer
from service.domain.engine import Engine

MOST: Final = 1_000
"""Customers who are told by name in one answer, the earliest."""
_LOOKED_AT: Final = 500
"""Customers whose dates are looked at in one bit: some 0.5 ms."""
_TOLD: Final = 25
"""The same of those whose steps are worked out: some 20 µs each."""
_HOURS: Final = 24
_HOUR_US: Final = DAY_US // _HOURS


class Due(msgspec.Struct, frozen=True):
    """One step that comes due."""

    customer_id: str
    at: datetime
    step: str
    """Of the ladder, such as remind."""
    waits_for: str = ""
    """Why it has been put off until then; empty: it is decided then for the first time."""


class Coming(msgspec.Struct, frozen=True):
    """Of one worker."""

    now: datetime
    until: datetime
    due: tuple[Due, ...]
    """In order of time."""
    whole: bool
    """False where more come due than are told."""
    partitions: int
    of_partitions: int | None
    """None: not known yet."""
    beyond: tuple[int, ...] = ()
    """Where not all are told: how many others will be looked at in each hour, from the one that is now on."""

    @property
    def partial(self) -> bool:
        return self.of_partitions is None or self.partitions < self.of_partitions


_decoder = msgspec.json.Decoder(Coming)


def coming_of(told: bytes) -> Coming:
    return _decoder.decode(told)


def in_bits(engines: Sequence[Engine], wall_us: int, of_partitions: int | None) -> Generator[None, None, bytes]:
    """What is told, put together a bit at a time: between two bits the worker goes on, and whoever is gone afterwards
    is left out. A bit takes about a millisecond, however many come due.

    `wall_us`: now; 0 where the events tell the time: the newest of them.
    """
    now_us = wall_us or max((engine.now_us for engine in engines), default=0)
    until_us, first_us = now_us + DAY_US, now_us - now_us % _HOUR_US
    first, by_hour = list[tuple[int, str, int]](), [0] * (_HOURS + 1)
    for place, engine in enumerate(engines):
        seen = set[str]()
        for number, (due_us, customer_id) in enumerate(_dates_of(engine, until_us)):
            if number % _LOOKED_AT == 0:
                yield
            if due_us >= until_us or customer_id in seen:
                continue
            seen.add(customer_id)
            by_hour[(max(now_us, due_us) - first_us) // _HOUR_US] += 1
            first.append((due_us, customer_id, place))
            if len(first) == 2 * MOST:
                first.sort()
                del first[MOST:]
    first.sort()
    whole = sum(by_hour) <= MOST
    due = list[Due]()
    for number, (due_us, customer_id, place) in enumerate(first[:MOST]):
        if number % _TOLD == 0:
            yield
        by_hour[(max(now_us, due_us) - first_us) // _HOUR_US] -= 1
        customer = engines[place].customers.get(customer_id)
        found = None if customer is None else _due(engines[place], customer, now_us, until_us)
        if found is not None:
            due.append(found)
    coming = Coming(
        to_datetime(now_us),
        to_datetime(until_us),
        tuple(sorted(due, key=lambda each: (each.at, each.customer_id))),
        whole,
        len(engines),
        of_partitions,
        () if whole else tuple(by_hour),
    )
    yield
    return msgspec.json.encode(coming)


def _dates_of(engine: Engine, until_us: int) -> Iterator[tuple[int, str]]:
    """(date of the next step, customer_id) of whoever lies where somebody may come due before then."""
    opened, buckets = engine.timeline.due_before(until_us)
    customers = engine.customers
    for _, customer_id in opened:
        customer = customers.get(customer_id)
        yield NEVER if customer is None else customer.episode.due_us, customer_id
    for customer in chain.from_iterable(buckets):
        known = customers.get(customer.customer_id) is customer
        yield customer.episode.due_us if known else NEVER, customer.customer_id


def _due(engine: Engine, customer: Customer, now_us: int, until_us: int) -> Due | None:
    """The next step of this absence; None: none comes due in time."""
    step, due_us = next(iter(engine.ladder.rungs_ahead(customer)), ("", NEVER))
    if due_us >= until_us:
        return None
    waits_for = customer.episode.waits_for if customer.episode.detected_us else ""
    return Due(customer.customer_id, to_datetime(max(now_us, due_us)), step, waits_for)
