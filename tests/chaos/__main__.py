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
import os
import random
import sys
import time
from collections.abc import Iterator
from typing import Final

from tests.chaos.kinds import KINDS
from tests.chaos.mutants import MUTANTS
from tests.chaos.noticing import noticed
from tests.chaos.schedule import Schedule, drawn, named
from tests.chaos.world import CLIENTS, World
from tests.support.cluster import Cluster

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
"""The named schedule is run in so many worlds, each compared at its end."""


def of_part(part: int, share: float = 1.0) -> dict[str, int]:
    """So much of the named schedule lies in that part of it; all parts together are the whole."""
    wholes = {kind: max(1, round(count * share)) for kind, count in PROOF.items()}
    return {kind: whole * (part + 1) // PARTS - whole * part // PARTS for kind, whole in wholes.items()}


def schedules(arguments: argparse.Namespace) -> Iterator[tuple[Schedule, str]]:
    """What is to be run, and the defect that is put in; without an end where only the time ends it."""
    if arguments.proof:
        for part in range(PARTS):
            yield named(arguments.seed or 1 + part, of_part(part, arguments.share), KINDS, every_s=1.0), ""
        return
    while True:
        seed = random.SystemRandom().randrange(1_000_000) if arguments.seed is None else arguments.seed
        yield drawn(seed, arguments.seconds, KINDS), ""
        if arguments.seed is not None:
            return


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos")
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--seconds", type=float, default=60.0, help="of each schedule")
    parser.add_argument("--seed", type=int, help="only this one")
    parser.add_argument("--proof", action="store_true", help="the named schedule")
    parser.add_argument("--share", type=float, default=1.0, help="so much of the named schedule")
    parser.add_argument("--mutants", action="store_true", help="every defect that is put in must be noticed")
    arguments = parser.parse_args()
    logging.disable(logging.CRITICAL)  # what our own clients say of brokers that are killed under them
    began_s, done = time.monotonic(), 0
    with Cluster(CLIENTS) as cluster:
        if arguments.mutants:
            return _mutants(cluster)
        for schedule, mutant in schedules(arguments):
            print(schedule, flush=True)
            with World(cluster, schedule, mutant=mutant) as world:
                outcome = world.run(KINDS)
            print(outcome.said, flush=True)
            if outcome.complaints:
                print("\n".join([*outcome.complaints, outcome.logs]))
                return 1
            outcome.assert_compared()
            done += 1
            if not arguments.proof and time.monotonic() - began_s > arguments.minutes * 60:
                break
    print(f"{done} schedules in {(time.monotonic() - began_s) / 60:.0f} minutes: nothing lost, doubled or changed")
    return 0


def _mutants(cluster: Cluster) -> int:
    failed = 0
    for name in MUTANTS:
        began_s, before_s = time.monotonic(), _processor_s()
        said = noticed(cluster, name)
        took_s, used_s = time.monotonic() - began_s, _processor_s() - before_s
        told = said[0][:200] if said else "NOT NOTICED"
        print(f"{name}: {told} ({took_s:.0f} s; {used_s:.0f} s of processor time without the brokers')", flush=True)
        failed += not said
    return int(failed > 0)


def _processor_s() -> float:
    """Of this process, and of all of its children that have ended."""
    used = os.times()
    return used.user + used.system + used.children_user + used.children_system


if __name__ == "__main__":
    sys.exit(main())
