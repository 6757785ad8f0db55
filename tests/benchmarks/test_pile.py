"""Fifty thousand regulars come due at one instant of the wall clock: how long each turn holds up the stream, and what
it takes in memory; then while the first of them are released, as many an hour as the settings allow.

A turn is what a partition does between two looks at what has arrived: dates, what follows from them, the records to be
written. The transaction that writes them is not in it. BENCHMARK_PILE sets another size.
"""

from __future__ import annotations

import gc
import json
import os
import resource
import sys
import time
from collections import Counter
from dataclasses import asdict, dataclass, replace

import pytest

from service.build_info import flavour
from service.collector import be_patient
from service.config import Settings
from service.domain.calendar import HOUR_US
from service.domain.findings import Decision, Outcome
from service.streaming.job import DATES
from service.wire.encoder import Encoder, EncoderSettings
from tests.benchmarks.figures import Figures
from tests.support.engines import OPEN_HOUSE, WALL_TIME, at, make_engine, purchase
from tests.support.installed import COMPILED, Build

CUSTOMERS = int(os.environ.get("BENCHMARK_PILE", "50000"))
PER_HOUR = 2_000
HOURS = 4
"""That are looked at after the pile was found. Overdue messages go out from the next hour on."""
MOST_S = 0.25
MOST_GROWTH = 1024
"""Bytes a customer, of what is decided and stored while the pile is worked off."""

pytestmark = [pytest.mark.benchmark, pytest.mark.timeout(1800)]


@dataclass
class Measured:
    engine: str
    turns: int
    longest_s: float
    whole_s: float
    grown_bytes: int
    decisions: dict[str, int]
    released_by_hour: list[int]


def work_off() -> Measured:
    be_patient()
    policy = replace(OPEN_HOUSE, at_most_per_hour=2 * PER_HOUR, overdue_per_hour=PER_HOUR)
    engine = make_engine(policy, replace(WALL_TIME, feed_silence_hours=1e6, max_jump_days=10_000))
    encoder = Encoder(EncoderSettings.of(Settings()))
    for visit in range(8):
        for number in range(CUSTOMERS):
            engine.apply(purchase(f"customer-{number:06}", 7.0 * visit), at(7.0 * visit))
        engine.drain()
    gc.collect()
    gc.freeze()
    before, made = _peak(), Counter[str]()
    turns, longest_s, whole_s, released = 0, 0.0, 0.0, [0] * (HOURS + 1)
    for hour in range(HOURS + 1):
        now_us, begun = at(49 + 40) + hour * HOUR_US, False
        while not begun or engine.timeline.behind:
            began, begun = time.process_time(), True
            engine.timeline.grant(DATES)
            engine.advance(now_us, now_us)
            outputs = engine.drain(500).outputs
            for output in outputs:
                encoder.encode(output)
            took = time.process_time() - began
            turns, longest_s, whole_s = turns + 1, max(longest_s, took), whole_s + took
            found = [output for output in outputs if isinstance(output, Decision)]
            made.update(f"{one.outcome.value} {one.reason.value}" for one in found)
            released[hour] += sum(one.outcome is Outcome.RELEASED for one in found)
    return Measured(flavour(), turns, longest_s, whole_s, _peak() - before, dict(made), released)


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def test_a_crowd_that_comes_due_at_once_does_not_hold_up_the_stream(build: Build, figures: Figures) -> None:
    done = build.run_module("tests.benchmarks.test_pile", timeout_s=1700)
    found = Measured(**json.loads(done.stdout.splitlines()[-1].removeprefix("RESULT ")))

    figures.tell(
        "pile",
        f"{CUSTOMERS:,} due at once; engine {found.engine}: {found.turns} turns, the longest {1000 * found.longest_s:.0f} ms of"
        f" processor time, {found.whole_s:.1f} s in all; {found.grown_bytes / CUSTOMERS:,.0f} bytes a customer at the peak;"
        f"\n  {found.decisions}; released in the hours since: {found.released_by_hour} of {PER_HOUR:,} that each allows",
    )
    assert (found.engine == "compiled") == (build.engine == COMPILED)
    assert found.turns >= CUSTOMERS // DATES
    assert sum(found.decisions.values()) >= CUSTOMERS
    assert found.released_by_hour == [0] + HOURS * [PER_HOUR]
    assert found.grown_bytes <= MOST_GROWTH * CUSTOMERS
    assert found.longest_s <= MOST_S


if __name__ == "__main__":
    sys.stdout.write(f"RESULT {json.dumps(asdict(work_off()))}\n")
