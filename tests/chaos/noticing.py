"""Whether the schedules see: a defect is put into the workers, and something must be wrong afterwards."""

from __future__ import annotations

from typing import Final

from tests.chaos.kinds import KINDS
from tests.chaos.mutants import MUTANTS
from tests.chaos.schedule import drawn
from tests.chaos.world import World
from tests.support.cluster import Cluster

SECONDS: Final = 25.0
"""Of a schedule that must notice a defect."""


def noticed(cluster: Cluster, name: str, seed: int = 1) -> list[str]:
    """What a schedule of the disturbances that concern it says of a worker with that defect."""
    schedule = drawn(seed, SECONDS, {kind: KINDS[kind] for kind in MUTANTS[name].kinds})
    with World(cluster, schedule, mutant=name, delay_s=MUTANTS[name].delay_s) as world:
        return world.run(KINDS).complaints
