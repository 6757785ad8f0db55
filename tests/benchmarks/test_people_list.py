"""A list of 10,000 people at risk among 100,000 customers: what it costs the page's process, in time and in memory.

`python -m tests.benchmarks.test_people_list` prints the figures.
"""

from __future__ import annotations

import asyncio
import gc
import json
import sys
import time
from pathlib import Path
from typing import Any, Final

import pytest

from tests.support.made_up_people import SIGNED, FakePeople, client_of, decision, scored

pytestmark = pytest.mark.benchmark
CUSTOMERS: Final = 100_000
AT_RISK: Final = 10_000
MOST_S: Final = 0.5
MOST_BYTES: Final = 900
"""Of memory for each customer, decisions included."""
_PAGE: Final = 4_096
_SAMPLES: Final = 5


def resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * _PAGE


def a_large_shop() -> tuple[FakePeople, float]:
    """One in ten is at risk, and about each of them two things have been decided. Also the bytes of memory that each
    customer takes."""
    people = FakePeople()
    gc.collect()
    before = resident_bytes()
    healthy: dict[str, Any] = {"segment": "regular", "health": 90.0, "band": "healthy", "visit_days": []}
    for number in range(CUSTOMERS):
        customer_id, at_risk = f"customer-{number:06}", number % (CUSTOMERS // AT_RISK) == 0
        value = f"{number * 7919 % 50_000 / 100:.2f}"
        record = scored(customer_id, value_at_risk=value, **({} if at_risk else healthy))
        people.roll.take_scores(customer_id.encode(), record)
        for days in (2.0, 1.0) if at_risk else ():
            people.roll.take_decision(0, number, decision(customer_id, days, first_name=f"Anne {number}"))
    gc.collect()
    return people, (resident_bytes() - before) / CUSTOMERS


async def seconds_of(people: FakePeople) -> dict[str, float]:
    """Processor time of one answer, the best of some."""
    found = {}
    async with client_of(people, headers=SIGNED) as client:
        await client.post("/sign-in", data={"token": SIGNED["authorization"].removeprefix("Bearer ")})
        for address in (
            "/today",
            "/people",
            "/people?sort=silence&store=north",
            "/people?segment=all&q=99",
            "/people.csv",
            "/api/v1/customers?limit=1000",
        ):
            taken = []
            for _ in range(_SAMPLES):
                began_s = time.process_time()
                answer = await client.get(address)
                taken.append(time.process_time() - began_s)
                assert answer.status_code == 200
            found[address] = min(taken)
    return found


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="memory is read from /proc")
def test_a_list_of_ten_thousand_is_made_in_half_a_second_and_memory_is_bounded() -> None:
    people, each_bytes = a_large_shop()
    taken = asyncio.run(seconds_of(people))

    assert each_bytes < MOST_BYTES
    assert {address: round(seconds, 3) for address, seconds in taken.items() if seconds > MOST_S} == {}


def main() -> None:
    people, each_bytes = a_large_shop()
    print(json.dumps({"bytes_per_customer": round(each_bytes)} | asyncio.run(seconds_of(people)), indent=1))


if __name__ == "__main__":
    main()
