"""The compiled engine is the engine: the same log gives the same bytes, in less than half the time.

Run as a program this module is one side of the comparison: it sends a seeded shop through the engine that it finds
first on its path, and prints what that engine was, a hash of everything it said and stored, and the CPU time it took.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from math import inf
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest

from service.backtest.run import backtest
from service.backtest.visit_log import BUDGETS, KnownAtVisits
from service.config import Settings
from service.domain.calendar import DAY_US, SECOND_US, Calendar
from service.domain.changelog import Turn
from service.domain.customer_record import snapshot
from service.domain.engine import Engine
from service.domain.events import Erasure, Event
from service.domain.findings import Decision, Kind
from service.domain.policy import ClockMode, ConsentRule, Measure, OutreachPolicy, Policy, Rung, Shop, Timing
from service.feed.simulate import Cafe, Simulation
from service.history.writing import write_history
from tests.support.build import REPOSITORY, copy_of_the_package, no_compiler, run_python

LEAST_SPEEDUP = 2.0
ROUNDS = 2
"""At most so many runs of each side, in turn: another where the machine was busy. The quicker one counts."""
LADDER = (Rung("remind"), Rung("incentive", strictness=0.2))
ZONE = ZoneInfo("Europe/Paris")
POLICIES = (
    Policy(
        Shop(timezone=ZONE.key),
        Timing(clock=ClockMode.EVENT),
        OutreachPolicy(consent=ConsentRule.EXTERNAL, rungs=LADDER),
    ),
    Policy(
        Shop(timezone=ZONE.key),
        Timing(clock=ClockMode.WALL, feed_silence_hours=12),
        OutreachPolicy(measure=Measure.PROBABILITY, level=0.05, rungs=LADDER),
    ),
    Policy(
        Shop(timezone=ZONE.key, regular_min_visits=3),
        Timing(clock=ClockMode.EVENT, max_jump_days=2),
        OutreachPolicy(measure=Measure.MULTIPLE, level=2.5, consent=ConsentRule.EXTERNAL, rungs=LADDER),
    ),
    Policy(
        Shop(timezone=ZONE.key),
        Timing(clock=ClockMode.EVENT),
        OutreachPolicy(
            consent=ConsentRule.EXTERNAL,
            rungs=LADDER,
            volume_per_100_visits=15.0,
            volume_for_loyal=0.25,
            switched_on=((Kind.SECOND_VISIT, Rung("nudge")),),
        ),
    ),
)


def test_the_compiled_engine_gives_the_same_bytes_in_less_than_half_the_time(tmp_path: Path) -> None:
    pure, compiled = copy_of_the_package(tmp_path / "pure"), tmp_path / "compiled"
    build = ["setup.py", "--quiet", "build", "--build-lib", str(compiled)]
    if (lacking := no_compiler(pure)) is not None:
        pytest.skip(f"THE COMPILED ENGINE WAS NOT TESTED: {lacking}")
    built = run_python(build, cwd=pure, CHURN_ALERT_COMPILE="1")
    assert built.returncode == 0, built.stdout + built.stderr
    assert run_python(["setup.py", "tell"], cwd=pure).stdout == "", "the next build would compile the same source again"

    slow = fast = inf
    for _ in range(ROUNDS):
        of_source, of_library = run(pure), run(compiled)
        assert of_source["engine"] == str(pure / "service/domain/engine.py")
        assert of_library["engine"].startswith(str(compiled)), of_library
        assert of_library["engine"].endswith(".so"), of_library
        assert of_library["said"] == of_source["said"]
        assert min(of_source["said"].values()) > 0, "a comparison of nothing"
        assert of_library["hash"] == of_source["hash"]
        slow, fast = min(slow, of_source["cpu_us"]), min(fast, of_library["cpu_us"])
        print(f"\n{of_source['said']}: pure {slow:.1f} µs, compiled {fast:.1f} µs CPU per event")
        if slow >= LEAST_SPEEDUP * fast:
            return
    pytest.fail(f"compiled only {slow / fast:.1f} times as fast")


def run(package: Path) -> dict[str, Any]:
    """This module as a program, with the engine of `package`."""
    done = subprocess.run(
        [sys.executable, __file__],
        cwd=package,
        env={**os.environ, "PYTHONPATH": f"{package}{os.pathsep}{REPOSITORY}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def arrivals(seed: int) -> list[tuple[int, Event]]:
    """A year and more of a café as it might arrive: late, twice, wrongly dated, with customers to be forgotten.

    (time of arrival in µs, event)
    """
    random = Random(seed)
    arriving: list[tuple[int, int, Event]] = []
    for number, event in enumerate(Simulation(Cafe(customers=300, days=420, seed=seed, zone=ZONE)).events()):
        lot, arrives = random.random(), event.at_us
        if lot < 0.002:
            event.at_us += random.choice([-1, 1]) * random.randrange(3, 1500) * DAY_US
        if 0.01 < lot < 0.06:
            arrives += random.randrange(20 * DAY_US)
        arriving.append((arrives, number, event))
        if 0.06 < lot < 0.09:
            arriving.append((arrives + random.randrange(3 * DAY_US), number, event))
        if lot > 0.998:
            arriving.append((arrives, number, Erasure(f"erase-{number}", event.customer_id, event.at_us)))
    arriving.sort(key=lambda entry: entry[:2])
    return [(arrives, event) for arrives, _, event in arriving]


class Witness:
    """Hashes everything that leaves an engine, and keeps the changelog that a restart would read."""

    def __init__(self) -> None:
        self._hash = hashlib.blake2b()
        self._state: dict[bytes, bytes | None] = {}
        self._ledger: dict[int, bytes] = {}
        self.said = dict.fromkeys(("events", "outputs", "snapshots", "ledger records", "restarts"), 0)

    def take(self, turn: Turn) -> None:
        for output in turn.outputs:
            self._hash.update(type(output).__name__.encode() + msgspec.json.encode(output))
        self.tell(sorted(turn.state, key=lambda record: record[0]))
        self.tell(turn.ledger)
        self._state.update(turn.state)
        self._ledger.update(turn.ledger)
        self.said["outputs"] += len(turn.outputs)

    def restarted(self, engine: Engine) -> Engine:
        """A new engine that knows what the changelog knows."""
        fresh = Engine(engine.policy, Calendar(ZONE), b"salt")
        for key, value in self._state.items():
            fresh.restore(key, value)
        for day, record in self._ledger.items():
            fresh.ledger.restore(day, record)
        fresh.restored()
        self.said["restarts"] += 1
        return fresh

    def inspect(self, engine: Engine) -> None:
        """All that the engine holds at the end."""
        snapshots = [(name, snapshot(customer)) for name, customer in sorted(engine.customers.items())]
        ledger = [(day, engine.ledger.record(day)) for day in engine.ledger.days()]
        self.tell(snapshots)
        self.tell(ledger)
        self.tell(
            [engine.state.pack(), engine.scoreboard.segments, engine.scoreboard.bands, engine.now_us, engine.today]
        )
        self.tell(engine.counts.as_dict())
        self.tell([engine.scores(name) for name, _ in snapshots])
        self.said["snapshots"] += len(snapshots)
        self.said["ledger records"] += len(ledger)

    def hash(self) -> str:
        return self._hash.hexdigest()

    def tell(self, values: object) -> None:
        self._hash.update(msgspec.msgpack.encode(values))


def pass_through(policy: Policy, events: list[tuple[int, Event]], witness: Witness) -> float:
    """Returns the CPU seconds the engine took: events, time and turns; what the witness does is not counted."""
    engine = Engine(policy, Calendar(ZONE), b"salt")
    spent = 0.0
    for number, turn in enumerate(turns(events)):
        began = time.process_time()
        wall_us = turn[-1][0]
        for _, event in turn:
            engine.apply(event, wall_us)
        if policy.timing.clock is ClockMode.WALL:
            engine.advance(wall_us, wall_us - 60 * SECOND_US)
        drained = engine.drain()
        spent += time.process_time() - began
        witness.take(drained)
        if number % 20 == 10 or engine.state.clock.pending:
            engine = witness.restarted(engine)
    witness.inspect(engine)
    witness.said["events"] += len(events)
    return spent


def turns(events: list[tuple[int, Event]]) -> Iterator[list[tuple[int, Event]]]:
    """Turns of the length that a busy worker has; some end at a wrong date, while the clock is in doubt."""
    turn: list[tuple[int, Event]] = []
    for arrives_us, event in events:
        turn.append((arrives_us, event))
        if len(turn) == 500 or event.at_us > arrives_us:
            yield turn
            turn = []
    if turn:
        yield turn


def log_of_a_till(directory: Path) -> tuple[Path, Path]:
    """Purchases and answers as files: out of order, written in several ways, with lines that cannot be read."""
    purchases, surveys = directory / "purchases.csv", directory / "surveys.csv"
    events = Simulation(Cafe(customers=250, days=420, seed=7, zone=ZONE)).events()
    write_history(events, purchases, surveys, minor_digits=2)
    header, *lines = purchases.read_text(encoding="utf-8").splitlines()
    random = Random(7)
    for index, line in enumerate(lines):
        lot = random.random()
        if lot < 0.01:
            lines[index] = line.replace("-", "x", 1)
        elif lot < 0.02:
            lines[index] = line.replace(",", ",,", 1)
        elif lot < 0.3:
            lines[index] = line.replace("+00:00", random.choice(("", "Z", " +00:00", "+02:00")), 1)
    purchases.write_text("\n".join([header, *lines]) + "\n", encoding="utf-8")
    return purchases, surveys


def numbers_of(known: KnownAtVisits) -> list[list[float]]:
    """Bases and, for each budget, tolerated days."""
    return [known.base_days(), *(known.tolerated_days(budget) for budget in range(len(BUDGETS)))]


def look_back(witness: Witness) -> None:
    """A backtest: what was read, what was left out, what would have been done, and what it would be evaluated by."""
    with TemporaryDirectory() as directory:
        purchases, surveys = log_of_a_till(Path(directory))
        settings = Settings().changed(outreach={"consent": ConsentRule.EXTERNAL}, shop={"timezone": ZONE.key})
        made: list[Decision] = []
        result = backtest(settings, [purchases], [surveys], on_decision=made.append)
    witness.tell([result.report.rows, sorted(result.report.skipped.items()), result.report.spread_orders])
    witness.tell([(example.line, example.reason) for example in result.report.examples])
    witness.tell(made)
    witness.tell([(name, list(times)) for name, times in result.visits.visits.items()])
    witness.tell([(name, numbers_of(known)) for name, known in result.visits.evaluated.items()])
    witness.said["rows of a file"] = result.report.rows
    witness.said["rows left out"] = result.report.skipped.total()
    witness.said["decisions of a backtest"] = len(made)


def main() -> None:
    import service.domain.engine as module

    witness = Witness()
    spent = sum(pass_through(policy, arrivals(seed), witness) for seed, policy in enumerate(POLICIES, start=1))
    look_back(witness)
    cpu_us = 1e6 * spent / witness.said["events"]
    print(json.dumps({"engine": module.__file__, "hash": witness.hash(), "said": witness.said, "cpu_us": cpu_us}))


if __name__ == "__main__":
    main()
