"""Whether the schedules see: a defect is put into the workers, and something must be wrong afterwards."""

from __future__ import annotations

from typing import Final

from tests.chaos.kinds import KINDS
from tests.chaos.mutants import MUTANTS
from tests.chaos.schedule import drawn
from tests.chaos.world import World
from tests.support.cluster import Cluster

PATIENCE_S: Final = 25.0
"""Nothing is asked of the network in these: a worker that was killed or stood still has a successor after its session,
and that moves."""


def noticed(cluster: Cluster, name: str, seed: int = 1) -> list[str]:
    """What a schedule of the disturbances that concern it says of a worker with that defect."""
    mutant = MUTANTS[name]
    schedule = drawn(seed, mutant.seconds, {kind: KINDS[kind] for kind in mutant.kinds})
    with World(cluster, schedule, mutant=name, delay_s=mutant.delay_s, patience_s=PATIENCE_S) as world:
        return world.run(KINDS).complaints
