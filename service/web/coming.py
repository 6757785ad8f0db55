"""What comes due within a day if nobody comes: the worker that holds the customers tells it, the page shows it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

import msgspec

from service.domain.calendar import DAY_US, NEVER, to_datetime
from service.domain.customer import Customer
from service.domain.engine import Engine

MOST: Final = 1_000
"""Customers who are looked at for one answer, the earliest; some 20 µs each."""


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

    @property
    def partial(self) -> bool:
        return self.of_partitions is None or self.partitions < self.of_partitions


_decoder = msgspec.json.Decoder(Coming)


def coming_of(told: bytes) -> Coming:
    return _decoder.decode(told)


def as_told(engines: Sequence[Engine], wall_us: int, of_partitions: int | None) -> bytes:
    """`wall_us`: now; 0 where the events tell the time, so that it is the newest of them."""
    now_us = wall_us or max((engine.now_us for engine in engines), default=0)
    until_us, waiting = now_us + DAY_US, list[tuple[int, str, Engine, Customer]]()
    for engine in engines:
        for customer in engine.timeline.due_before(until_us):
            if customer.episode.due_us < until_us:
                waiting.append((customer.episode.due_us, customer.customer_id, engine, customer))
    waiting.sort(key=lambda each: each[:2])
    due = [
        found
        for _, _, engine, customer in waiting[:MOST]
        if (found := _due(engine, customer, now_us, until_us)) is not None
    ]
    coming = Coming(
        to_datetime(now_us),
        to_datetime(until_us),
        tuple(sorted(due, key=lambda each: (each.at, each.customer_id))),
        len(waiting) <= MOST,
        len(engines),
        of_partitions,
    )
    return msgspec.json.encode(coming)


def _due(engine: Engine, customer: Customer, now_us: int, until_us: int) -> Due | None:
    """The next step of this absence; None: none comes due in time."""
    step, due_us = next(iter(engine.ladder.rungs_ahead(customer)), ("", NEVER))
    if due_us >= until_us:
        return None
    waits_for = customer.episode.waits_for if customer.episode.detected_us else ""
    return Due(customer.customer_id, to_datetime(max(now_us, due_us)), step, waits_for)
