"""`python -m tests.chaos`: schedules for as long as wanted, one after the other, each with its seed; or the named one.

    python -m tests.chaos --minutes 180
    python -m tests.chaos --seed 4711
    python -m tests.chaos --proof --share 0.2
    python -m tests.chaos --mutants

It ends with 1 at the first schedule after which something was not as it must be.
"""

from __future__ import annotations

import argparse
import logging
import math
import os
import random
import sys
import time
from collections import Counter
from collections.abc import Iterator
from typing import Final

from tests.chaos.kinds import KINDS
from tests.chaos.mutants import MUTANTS, Among
from tests.chaos.noticing import MINUTE_S, SEED, noticed, unharmed
from tests.chaos.outcome import Noticed
from tests.chaos.schedule import Schedule, drawn, named
from tests.chaos.world import CLIENTS, World
from tests.support.cluster import Cluster
from tests.support.java_archive import use_archive

PROOF: Final = {
    "kill": 100,
    "pause": 20,
    "leader killed": 10,
    "another worker": 25,
    "cut off": 7,
    "packets lost": 7,
    "answers lost": 6,
    "aborted transaction": 5,
    "hanging transaction": 5,
}
"""100 SIGKILLs, 20 SIGSTOPs beyond the session, 10 leaders killed, 50 rebalances by a worker that comes and goes,
20 partitions of the network."""
PARTS: Final = 5
"""The named schedule is run in so many worlds, each compared at its end; a share of it in as many less."""


def of_part(part: int, parts: int, share: float = 1.0) -> dict[str, int]:
    """So much of the named schedule lies in that part of it; all parts together are the whole."""
    wholes = {kind: max(1, round(count * share)) for kind, count in PROOF.items()}
    return {kind: whole * (part + 1) // parts - whole * part // parts for kind, whole in wholes.items()}


def schedules(arguments: argparse.Namespace) -> Iterator[Schedule]:
    """What is to be run; without an end where only the time ends it."""
    if arguments.proof:
        parts = math.ceil(PARTS * arguments.share)
        for part in range(parts):
            counts = of_part(part, parts, arguments.share)
            yield named((arguments.seed or 1) + part, counts, KINDS, every_s=1.0)
        return
    while True:
        seed = random.SystemRandom().randrange(1_000_000) if arguments.seed is None else arguments.seed
        yield drawn(seed, arguments.seconds, KINDS)
        if arguments.seed is not None:
            return


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos")
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--seconds", type=float, default=60.0, help="of each schedule")
    parser.add_argument("--seed", type=int, help="only this one")
    parser.add_argument("--proof", action="store_true", help="the named schedule")
    parser.add_argument("--only", help="this defect")
    parser.add_argument("--share", type=float, default=1.0, help="so much of the named schedule")
    parser.add_argument("--mutants", action="store_true", help="every defect that is put in must be noticed")
    arguments = parser.parse_args()
    logging.disable(logging.CRITICAL)  # what our own clients say of brokers that are killed under them
    use_archive()
    began_s, done = time.monotonic(), 0
    begun, longest_pause_s = Counter[str](), 0.0
    with Cluster(CLIENTS) as cluster:
        if arguments.mutants:
            return _mutants(cluster, arguments.only, arguments.seed or SEED)
        for schedule in schedules(arguments):
            print(schedule, flush=True)
            with World(cluster, schedule) as world:
                outcome = world.run(KINDS)
            print(outcome.said, flush=True)
            if outcome.complaints:
                print("\n".join([*outcome.complaints, outcome.logs]))
                return 1
            outcome.assert_compared()
            done += 1
            begun += outcome.begun
            longest_pause_s = max(longest_pause_s, outcome.longest_pause_s)
            if not arguments.proof and time.monotonic() - began_s > arguments.minutes * 60:
                break
    print(f"{done} schedules in {(time.monotonic() - began_s) / 60:.0f} minutes: nothing lost, doubled or changed")
    print(", ".join(f"{count} {kind}" for kind, count in sorted(begun.items())))
    print(f"longest pause of a partition: {longest_pause_s:.1f} s")
    return 0


def _mutants(cluster: Cluster, only: str | None, seed: int) -> int:
    """Each must be noticed within a minute of its schedule, and the same schedule be passed without it."""
    failed, steps = 0, dict[Among, int]()
    for name, mutant in MUTANTS.items():
        if only not in (None, name):
            continue
        began_s, before_s = time.monotonic(), _processor_s()
        outcome = noticed(cluster, name, seed)
        said, when = outcome.complaints[:1], outcome.noticed
        late = when is None or when.of_schedule_s > MINUTE_S
        told = "NOT NOTICED" if when is None else _told(when, late=late)
        spent = f"{time.monotonic() - began_s:.0f} s in all, {_processor_s() - before_s:.0f} s of processor time"
        print(f"{name}: {told}: {''.join(said)[:240]} ({spent} without the brokers')", flush=True)
        failed += late
        steps[mutant.among] = max(steps.get(mutant.among, 0), outcome.begun.total())
    for among, count in steps.items():
        outcome = unharmed(cluster, among, count, seed)
        print(f"the same schedule without a defect ({', '.join(among.kinds)}): {outcome.said}", flush=True)
        if outcome.complaints:
            print("\n".join(["NOT PASSED", str(outcome.schedule), *outcome.complaints, outcome.logs]), flush=True)
        failed += bool(outcome.complaints)
    return int(failed > 0)


def _told(when: Noticed, *, late: bool) -> str:
    schedule = f"after {when.of_schedule_s:.0f} s of its schedule" if when.of_schedule_s >= 0 else "before its schedule"
    return f"noticed {schedule}, {when.since_start_s:.0f} s after the workers' start{', TOO LATE' if late else ''}"


def _processor_s() -> float:
    """Of this process, and of all of its children that have ended."""
    used = os.times()
    return used.user + used.system + used.children_user + used.children_system


if __name__ == "__main__":
    sys.exit(main())
