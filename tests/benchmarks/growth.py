"""Feeds one engine with a shop that grows, and measures what an event and a customer cost. A process of its own.

    python -m tests.benchmarks.growth EVENTS

Prints one line: RESULT {…}, the fields of `Measured`. Time is CPU time of what a worker does with a turn once its
records are decoded: apply, drain, the day records added to the shop's totals. Making the events is not in it.
"""

from __future__ import annotations

import gc
import json
import os
import random
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from service.collector import be_patient
from service.domain import customer as customer_module
from service.domain.calendar import DAY_US, Calendar
from service.domain.changelog import PARTITION_KEY, chunk_key
from service.domain.customer import Customer
from service.domain.customer_fields import FIELDS
from service.domain.customer_record import fields_of, snapshot
from service.domain.engine import Engine
from service.domain.episode import RARE, Acted
from service.domain.periods.totals import PeriodTotals
from service.domain.policy import ClockMode, ConsentRule, OutreachPolicy, Policy, Shop, Timing
from service.domain.rare import NOTHING
from tests.benchmarks.growing_shop import GrowingShop

TURN = 32_000
"""Most records of a worker's turn (service/streaming/partition.py). Here a turn also ends with the day: a backlog's
turn would hold weeks of the small shop and half a day of the large one, and what a turn merges (a customer's snapshots)
would be compared instead."""
EARLY = (0.02, 0.05)
LATE = (0.97, 1.0)
"""Stretches that are compared, as shares of all events. The shop's mix is the same in both."""
IDLE_TICKS = 10_000


@dataclass
class Stretch:
    """What a run of events cost, and what they were."""

    events: int = 0
    apply_s: float = 0.0
    drain_s: float = 0.0
    """Outputs, snapshots of the touched customers, day records and their way into the totals."""
    rows_s: float = 0.0
    """Period rows that changed; not in the events' rate: the worker makes them in a bounded share of its time."""
    first_visits: int = 0
    touched: int = 0
    """Snapshots made."""
    outputs: int = 0

    def rate(self) -> float:
        """Events per second of CPU."""
        return self.events / (self.apply_s + self.drain_s)


@dataclass
class Measured:
    """All figures of one run. Bytes are totals unless the name says otherwise."""

    compiled: bool
    events: int = 0
    customers: int = 0
    days: int = 0
    early: Stretch = field(default_factory=Stretch)
    late: Stretch = field(default_factory=Stretch)
    whole: Stretch = field(default_factory=Stretch)
    fits: int = 0
    """Fits of the churn model; their turns are in `whole` only: a fit costs the same whatever happens around it."""
    fit_s: float = 0.0
    """What the turns with a fit took longer than others."""
    memory: int = 0
    """Growth of the resident set from just before the first event."""
    parts: dict[str, float] = field(default_factory=dict)
    """Bytes per customer by kind of object, from a sample."""
    changelog: int = 0
    """Key and value of each customer's records, as a compacted changelog holds them."""
    changelog_parts: dict[str, float] = field(default_factory=dict)
    ledger: int = 0
    dates_waiting: int = 0
    idle_tick_us: float = 0.0
    restore_s: float = 0.0


def resident() -> int:
    """Bytes of this process in memory (Linux)."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def new_engine() -> Engine:
    policy = Policy(
        shop=Shop(), timing=Timing(clock=ClockMode.EVENT), outreach=OutreachPolicy(consent=ConsentRule.EXTERNAL)
    )
    return Engine(policy, Calendar(ZoneInfo("Europe/Paris")), b"salt")


class Run:
    """One engine, from the first event on."""

    def __init__(self, events: int) -> None:
        self.engine = new_engine()
        self.totals = PeriodTotals(self.engine.policy.shop)
        self.measured = Measured(compiled=not customer_module.__file__.endswith(".py"), events=events)
        self.shop = GrowingShop(events)
        self._ahead: Any = None
        """The next day's first event."""

    def feed(self) -> None:
        """All events, a turn at a time; never more than one turn of them exists."""
        stream = self.shop.events()
        gc.collect()
        before, done = resident(), 0
        while done < self.measured.events:
            done += self._turn(stream, done)
            _progress(done, self.measured)
        gc.collect()
        self.measured.memory = resident() - before
        self.measured.customers = len(self.engine.customers)
        first = self.engine.ledger.first_day
        assert first is not None
        self.measured.days = self.engine.today - first + 1

    def _turn(self, stream: Iterator[Any], done: int) -> int:
        engine, totals, whole = self.engine, self.totals, self.measured.whole
        events = self._next_turn(stream, self._turn_size(done))
        customers, fits = len(engine.customers), engine.everybody.state.fits
        apply = engine.apply
        began = time.process_time()
        for event in events:
            apply(event)
        applied = time.process_time()
        turn = engine.drain()
        for day, record in turn.ledger:
            totals.update(0, day, record)
        drained = time.process_time()
        for _ in totals.changed_rows(engine.today):
            pass
        ended = time.process_time()
        stretch_now = self._stretch(done)
        if engine.everybody.state.fits > fits:
            self.measured.fits += 1
            if whole.events:
                self.measured.fit_s += drained - began - len(events) / whole.rate()
            stretch_now = None
        for stretch in (whole, stretch_now):
            if stretch is not None:
                stretch.events += len(events)
                stretch.apply_s += applied - began
                stretch.drain_s += drained - applied
                stretch.rows_s += ended - drained
                stretch.first_visits += len(engine.customers) - customers
                stretch.touched += len(turn.state)
                stretch.outputs += len(turn.outputs)
        return len(events)

    def _next_turn(self, stream: Iterator[Any], most: int) -> list[Any]:
        """Events of one day, at most so many."""
        events = [next(stream) if self._ahead is None else self._ahead]
        self._ahead, day = None, events[0].at_us // DAY_US
        while len(events) < most and (event := next(stream, None)) is not None:
            if event.at_us // DAY_US != day:
                self._ahead = event
                break
            events.append(event)
        return events

    def _turn_size(self, done: int) -> int:
        """A turn ends where a stretch begins or ends."""
        total = self.measured.events
        edges = [int(total * share) for share in (*EARLY, *LATE)]
        return min(TURN, min(edge for edge in edges if edge > done) - done)

    def _stretch(self, done: int) -> Stretch | None:
        share = done / self.measured.events
        if EARLY[0] <= share < EARLY[1]:
            return self.measured.early
        return self.measured.late if share >= LATE[0] else None

    def tick(self) -> None:
        """Time that passes while nothing is due."""
        engine = self.engine
        now = engine.now_us
        engine.advance(now, now + 1)  # what is due in the last microsecond of the stream
        began = time.process_time()
        for step in range(2, IDLE_TICKS + 2):
            engine.advance(now, now + step)
        self.measured.idle_tick_us = 1e6 * (time.process_time() - began) / IDLE_TICKS

    def weigh(self) -> None:
        """Where the bytes are: objects in memory, records in the changelog."""
        measured, engine = self.measured, self.engine
        measured.dates_waiting = engine.timeline.dates_waiting
        measured.ledger = sum(4 + len(engine.ledger.record(day)) for day in engine.ledger.days())
        chosen = random.Random(1).sample(sorted(engine.customers), min(5_000, len(engine.customers)))
        measured.parts["table of customers"] = sys.getsizeof(engine.customers) / len(engine.customers)
        for customer_id in chosen:
            for name, size in sizes(customer_id, engine.customers[customer_id]).items():
                measured.parts[name] = measured.parts.get(name, 0.0) + size / len(chosen)
            for name, size in record_sizes(customer_id, engine.customers[customer_id]).items():
                measured.changelog_parts[name] = measured.changelog_parts.get(name, 0.0) + size / len(chosen)

    def restart(self) -> None:
        """A compacted changelog, read back into a new engine."""
        engine = self.engine
        records = [(customer_id.encode(), snapshot(customer)) for customer_id, customer in engine.customers.items()]
        for customer_id, customer in engine.customers.items():
            if customer.sealed is not None:
                records += [(chunk_key(customer_id, number), chunk) for number, chunk in customer.sealed.numbered()]
        self.measured.changelog = sum(len(key) + len(value) for key, value in records)
        records.append((PARTITION_KEY, engine.state.pack()))
        revived = new_engine()
        began = time.process_time()
        for key, value in records:
            revived.restore(key, value)
        revived.restored()
        self.measured.restore_s = time.process_time() - began
        assert len(revived.customers) == len(engine.customers)
        assert revived.scoreboard.segments == engine.scoreboard.segments


_SMALL = range(-5, 257)
"""Integers that exist once."""


def sizes(customer_id: str, customer: Customer) -> dict[str, int]:
    """Bytes of one customer's objects, by kind."""
    episode = customer.episode
    found = {"id": _rounded(sys.getsizeof(customer_id)), "customer": _rounded(sys.getsizeof(customer))}
    found["episode"] = _rounded(sys.getsizeof(episode))
    if customer._rare is not NOTHING:
        found["rare"] = _rounded(sys.getsizeof(customer._rare)) + _rounded(sys.getsizeof(customer.written_to))
    if any(getattr(episode, name) for name in RARE):
        found["acted"] = _rounded(sys.getsizeof(Acted()))
    boxed = type(customer).__dict__["visits"].__class__.__name__ == "member_descriptor"
    counted: set[int] = set()
    if customer.sealed is not None:
        found["sealed"] = _rounded(sys.getsizeof(customer.sealed)) + _rounded(sys.getsizeof(customer.sealed.chunks))
        found["sealed"] += sum(_rounded(sys.getsizeof(chunk)) for chunk in customer.sealed.chunks)
    for name in FIELDS:
        if name in {"order_memory", "chunks_sealed", "rare"}:  # of the snapshot alone
            continue
        value = getattr(customer if name in type(customer).__dict__ else episode, name)
        if isinstance(value, (int, float)):
            if boxed and id(value) not in counted and not (isinstance(value, int) and value in _SMALL):
                counted.add(id(value))
                found["numbers"] = found.get("numbers", 0) + _rounded(sys.getsizeof(value))
        elif value:  # empty ones exist once
            found[name] = found.get(name, 0) + _rounded(sys.getsizeof(value))
    return found


def _rounded(size: int) -> int:
    """Python's allocator hands out multiples of 16 bytes."""
    return (size + 15) // 16 * 16


def record_sizes(customer_id: str, customer: Customer) -> dict[str, int]:
    """Bytes of one customer's changelog record, by field; a record is an array, so fields add up."""
    import msgspec

    encode = msgspec.msgpack.encode
    found = {"key": len(customer_id.encode())}
    for name, value in zip((*FIELDS, "rare"), fields_of(customer), strict=False):
        found[name] = len(encode(value))
    if customer.sealed is not None:
        found["sealed"] = sum(
            len(chunk_key(customer_id, number)) + len(chunk) for number, chunk in customer.sealed.numbered()
        )
    return found


def _progress(done: int, measured: Measured) -> None:
    if sys.stderr.isatty():
        sys.stderr.write(f"\r{done:,} of {measured.events:,} events")


def main() -> None:
    be_patient()
    run = Run(int(sys.argv[1]))
    run.feed()
    run.tick()
    run.weigh()
    run.restart()
    print("RESULT " + json.dumps(asdict(run.measured)), flush=True)


if __name__ == "__main__":
    main()
