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
_A_BIT: Final = 100
"""The same of those whose steps are worked out: 2 to 10 µs each."""
_WORKED_OUT: Final = 100_000
"""Customers whose stored date is followed to the step itself, for it may be put off when it is looked at; all others
are counted in the hour of that date."""
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
    """Where not all are told: how many others come due in each hour, from the one that is now on."""

    @property
    def partial(self) -> bool:
        return self.of_partitions is None or self.partitions < self.of_partitions


_Due = tuple[int, str, str, str]
"""The same while it is put together: when in µs, who, step, what it waits for."""
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
    first, by_hour, worked_out = list[_Due](), [0] * (_HOURS + 1), 0
    for engine in engines:
        seen = set[str]()
        for number, (date_us, customer_id) in enumerate(_dates_of(engine, until_us)):
            if number % _LOOKED_AT == 0:
                yield
            if date_us >= until_us or customer_id in seen:
                continue
            seen.add(customer_id)
            due_us = date_us
            if worked_out < _WORKED_OUT:
                worked_out += 1
                if worked_out % _A_BIT == 0:
                    yield
                customer = engine.customers.get(customer_id)
                due = None if customer is None else _due(engine, customer, now_us, until_us)
                if due is None:
                    continue
                due_us = due[0]
                first.append(due)
            by_hour[(max(now_us, due_us) - first_us) // _HOUR_US] += 1
            if len(first) == 2 * MOST:
                first.sort()
                del first[MOST:]
    first.sort()
    whole, told = sum(by_hour) <= MOST, first[:MOST]
    for due_us, *_ in told:
        by_hour[(due_us - first_us) // _HOUR_US] -= 1
    coming = Coming(
        to_datetime(now_us),
        to_datetime(until_us),
        tuple([Due(who, to_datetime(at_us), step, waits_for) for at_us, who, step, waits_for in told]),
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


def _due(engine: Engine, customer: Customer, now_us: int, until_us: int) -> _Due | None:
    """The next step of this absence; None: none comes due in time."""
    step, due_us = next(iter(engine.ladder.rungs_ahead(customer)), ("", NEVER))
    if due_us >= until_us:
        return None
    waits_for = customer.episode.waits_for if customer.episode.detected_us else ""
    return max(now_us, due_us), customer.customer_id, step, waits_for
