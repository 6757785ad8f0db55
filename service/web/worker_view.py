"""What one worker tells its page: from the memory of its partitions."""

from __future__ import annotations

import asyncio
import time
from collections import Counter, deque
from collections.abc import Generator
from contextlib import suppress
from dataclasses import dataclass, field

from service.domain.findings import HealthBand, Segment
from service.domain.outreach.realised import ClassRealised, totals
from service.domain.policy import ClockMode
from service.errors import ConfigurationError
from service.inspect.lookup import as_json, inspection_of
from service.streaming.partition import PartitionWorker
from service.streaming.worker import Worker
from service.web.coming import in_bits
from service.web.shop_view import CustomerCounts, PartitionHealth, Readiness
from service.web.wire import Facts
from service.wire.lenient import OF_CUSTOMERS, OURS

FRESH_S = 5.0
"""Under steady load something is always in flight. A partition is caught up if all that had arrived this long ago is
applied."""
SAMPLE_S = 1.0
"""Between two looks at what has arrived."""
MENDED_AFTER_S = 86_400.0
"""A field of which no further one has come for so long is taken for mended."""


@dataclass(slots=True)
class _Arrivals:
    """What had arrived at a partition at some moments of the last while: (moment, end of each topic)."""

    seen: deque[tuple[float, tuple[int, ...]]] = field(default_factory=deque)

    def note(self, now_s: float, progress: list[tuple[int, int]]) -> None:
        self.seen.append((now_s, tuple(end for _, end in progress)))
        while self.seen[0][0] < now_s - FRESH_S:
            self.seen.popleft()

    def applied(self, progress: list[tuple[int, int]]) -> bool:
        """Whether all that had arrived at one of those moments is applied."""
        return any(
            all(position >= end for (position, _), end in zip(progress, ends, strict=True)) for _, ends in self.seen
        )


class WorkerFacts:
    """What one worker tells its page. `run` has to run beside it."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker
        self._wall = worker.settings.time.clock is ClockMode.WALL
        self._arrivals: dict[PartitionWorker, _Arrivals] = {}
        self._left_out: dict[str, tuple[int, float]] = {}
        """Field → how often it was not read, and since when that is so."""

    async def run(self) -> None:
        """Notes what arrives, for ever."""
        while True:
            owners = list(self._worker.partitions.values())
            self._arrivals = {owner: self._arrivals.get(owner, _Arrivals()) for owner in owners}
            for owner in owners:
                progress = owner.progress() if owner.ready else None
                if progress is not None:
                    self._arrivals[owner].note(time.monotonic(), progress)
            await asyncio.sleep(SAMPLE_S)

    def told(self) -> Facts:
        return Facts(
            working=True,
            readiness=self.readiness(),
            customers=self.customers(),
            kept=[list(one.fields()) for one in self.kept()],
            misspelt=self.misspelt(),
        )

    def readiness(self) -> Readiness:
        partitions = {number: self._health(owner) for number, owner in sorted(self._worker.partitions.items())}
        strangers = tuple(str(member) for member in self._worker.strangers)
        since_s, told = self._worker.reach.since_s, self._worker.placement.told()
        refused = self._worker.door.refused
        return Readiness(self._worker.joined, partitions, since_s, told, strangers, refused=refused)

    def _health(self, owner: PartitionWorker) -> PartitionHealth:
        if not owner.ready:
            return PartitionHealth(recovered=False, caught_up=False, feed_alive=True)
        caught_up = owner.caught_up() or self._keeps_up(owner)
        # Behind the log, the age of the newest event says nothing about the feed. Event time knows no silence.
        stalled = self._wall and caught_up and owner.job.engine.timeline.clock.stalled(time.time_ns() // 1000)
        return PartitionHealth(
            recovered=True,
            caught_up=caught_up,
            feed_alive=not stalled,
            behind_transactions=owner.behind_open_transactions(),
            held=owner.held(),
            lacks_consents=owner.job.engine.ladder.release.lacks_consents,
            silent_sources=owner.job.engine.sources.silent(),
            set_aside=owner.set_aside(),
            stopped=owner.stopped(),
            waits_for_schema=owner.waits_for_schema(),
            waits_for_profiles=owner.waits_for_profiles(),
        )

    def _keeps_up(self, owner: PartitionWorker) -> bool:
        arrivals, progress = self._arrivals.get(owner), owner.progress()
        return arrivals is not None and progress is not None and arrivals.applied(progress)

    def person(self, customer_id: str) -> bytes:
        """What is known of a customer of this worker's partitions, as JSON; empty: they are none of them. Costs about a
        millisecond."""
        for number, owner in self._worker.partitions.items():
            if owner.ready and owner.job.engine.roster.knows(customer_id):
                with suppress(ConfigurationError):  # erased, or objects to profiling
                    found = inspection_of(self._worker.settings, owner.job.engine, number, customer_id)
                    return as_json(found, stored=False).encode()
        return b""

    def coming(self) -> Generator[None, None, bytes]:
        """What comes due within a day if nothing arrives, of all its partitions, as JSON, a bit at a time."""
        owners = [owner for owner in self._worker.partitions.values() if owner.ready]
        wall_us = time.time_ns() // 1000 if self._wall else 0
        return in_bits([owner.job.engine for owner in owners], wall_us, self._worker.inputs)

    def customers(self) -> CustomerCounts:
        engines = [owner.job.engine for owner in self._worker.partitions.values() if owner.ready]
        segments, bands = Counter[Segment](), Counter[HealthBand]()
        for engine in engines:
            segments.update(dict(zip(Segment, engine.scoreboard.segments, strict=True)))
            bands.update(dict(zip(HealthBand, engine.scoreboard.bands, strict=True)))
        regulars = sum(engine.everybody.state.regulars for engine in engines)
        return CustomerCounts(segments, bands, regulars, len(engines), self._worker.inputs)

    def misspelt(self) -> dict[str, str]:
        """Fields of profiles that look like ours and are not read, but for those of which none has come for a day."""
        now_s = time.monotonic()
        counted = Counter[str]()
        for owner in self._worker.partitions.values():
            if owner.ready:
                counted.update(owner.job.engine.counts.left_out)
        for name, count in counted.items():
            if self._left_out.get(name, (0, 0.0))[0] != count:
                self._left_out[name] = (count, now_s)
        return {
            field: OURS[field]
            for name in sorted(counted)
            if (field := name.removeprefix(OF_CUSTOMERS)) != name and now_s - self._left_out[name][1] < MENDED_AFTER_S
        }

    def kept(self) -> list[ClassRealised]:
        return totals(owner.job.engine.state.realised for owner in self._worker.partitions.values() if owner.ready)
