"""The page of the next 24 hours where 50,000 regulars come due in them: what the worker puts together for it, a bit at
a time, and what the page makes of that. Processor time, the best of some."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from dataclasses import replace

import pytest

from service.domain.calendar import HOUR_US
from service.domain.engine import Engine
from service.web.coming import coming_of, in_bits
from tests.benchmarks.figures import Figures
from tests.support.engines import OPEN_HOUSE, WALL_TIME, at, make_engine, purchase
from tests.support.installed import Build
from tests.support.made_up_people import SIGNED, FakePeople, client_of

pytestmark = [pytest.mark.benchmark, pytest.mark.timeout(1800)]

CUSTOMERS = int(os.environ.get("BENCHMARK_PILE", "50000"))
VISITS = 8
GO_ON = 500
"""Others, who come every day: the shop sells, so absences count."""
MOST_S = 0.5
MOST_OF_A_BIT_S = 0.01
_SAMPLES = 5


def a_crowd() -> tuple[Engine, int]:
    """All come weekly and stay away from the last day on; and an instant twelve hours before they come due."""
    engine = make_engine(OPEN_HOUSE, replace(WALL_TIME, max_jump_days=10_000))
    last_day = 7 * (VISITS - 1)
    for day in range(last_day + 1):
        if day % 7 == 0:
            for number in range(CUSTOMERS):
                engine.apply(purchase(f"customer-{number:06}", float(day)), at(float(day)))
        _others(engine, day)
    day = last_day
    crowd = engine.customers["customer-000000"]
    while True:
        day += 1
        _others(engine, day)
        due_us = engine.ladder.rungs_ahead(crowd)[0][1]
        if due_us < engine.now_us + 24 * HOUR_US:
            return engine, due_us - 12 * HOUR_US


def _others(engine: Engine, day: int) -> None:
    for number in range(GO_ON):
        instant = day + 0.3 + 0.4 * number / GO_ON
        engine.apply(purchase(f"other-{number:03}", instant), at(instant))
    engine.timeline.grant(10 * CUSTOMERS)
    engine.drain()


def put_together(engine: Engine, now_us: int) -> tuple[bytes, float, float]:
    """What is told, how long it took, and the longest bit of it."""
    bits, took_s, longest_s = in_bits([engine], now_us, 1), 0.0, 0.0
    while True:
        began = time.process_time()
        try:
            next(bits)
        except StopIteration as end:
            return end.value, took_s + time.process_time() - began, longest_s
        bit_s = time.process_time() - began
        took_s, longest_s = took_s + bit_s, max(longest_s, bit_s)


async def shown(told: bytes) -> float:
    people = FakePeople()
    people.ahead = coming_of(told)
    took = []
    async with client_of(people, headers=SIGNED) as client:
        await client.post("/sign-in", data={"token": SIGNED["authorization"].removeprefix("Bearer ")})
        for _ in range(_SAMPLES):
            began = time.process_time()
            assert (await client.get("/coming")).status_code == 200
            took.append(time.process_time() - began)
    return min(took)


def measured() -> dict[str, float]:
    engine, now_us = a_crowd()
    told, worker_s, longest_s = min((put_together(engine, now_us) for _ in range(_SAMPLES)), key=lambda each: each[1])
    coming = coming_of(told)
    return {
        "due": len(coming.due) + sum(coming.beyond),
        "worker_s": worker_s,
        "longest_bit_s": longest_s,
        "page_s": asyncio.run(shown(told)),
    }


def test_the_next_hours_are_shown_at_once_however_many_come_due_in_them(build: Build, figures: Figures) -> None:
    done = build.run_module("tests.benchmarks.test_coming", timeout_s=1700)
    found = json.loads(done.stdout.splitlines()[-1].removeprefix("RESULT "))

    figures.tell(
        "coming",
        f"{found['due']:,} due in the next 24 hours: {1000 * found['worker_s']:.0f} ms of the worker, in bits of"
        f" {1000 * found['longest_bit_s']:.1f} ms at most, and {1000 * found['page_s']:.0f} ms of the page",
    )
    assert found["due"] >= CUSTOMERS
    assert found["worker_s"] + found["page_s"] <= MOST_S
    assert found["longest_bit_s"] <= MOST_OF_A_BIT_S


if __name__ == "__main__":
    sys.stdout.write(f"RESULT {json.dumps(measured())}\n")
