"""Whether the schedules see: a defect is put into the workers, and something must be wrong soon; without it nothing."""

from __future__ import annotations

import math
from typing import Final

from tests.chaos.kinds import COMPARISON, KINDS
from tests.chaos.mutants import MUTANTS, Among
from tests.chaos.outcome import Outcome
from tests.chaos.schedule import Schedule, in_rounds
from tests.chaos.world import World
from tests.support.cluster import Cluster

MINUTE_S: Final = 60.0
PATIENCE_S: Final = 20.0
"""Nothing is asked of the network in these: a worker that was killed or stood still has a successor after its session,
and that moves."""
SEED: Final = 4


def schedule_of(among: Among, seed: int = SEED) -> Schedule:
    """What endangers them, early and often, and everything is compared again and again: for a minute and more."""
    kinds = {kind: KINDS[kind] for kind in among.kinds}
    return in_rounds(seed, math.ceil(MINUTE_S / among.round_s), among.round_s, kinds, among.every_s, COMPARISON)


def noticed(cluster: Cluster, name: str, seed: int = SEED) -> Outcome:
    """What comes of a schedule of the disturbances that concern it with a worker that has that defect."""
    return _run(cluster, schedule_of(MUTANTS[name].among, seed), name, MINUTE_S)


def unharmed(cluster: Cluster, among: Among, steps: int, seed: int = SEED) -> Outcome:
    """What comes of so many steps of the same schedule with workers as they are."""
    schedule = schedule_of(among, seed)
    return _run(cluster, schedule._replace(steps=schedule.steps[:steps]), "", math.inf)


def _run(cluster: Cluster, schedule: Schedule, mutant: str, limit_s: float) -> Outcome:
    with World(cluster, schedule, mutant=mutant, patience_s=PATIENCE_S, limit_s=limit_s) as world:
        return world.run(KINDS)
