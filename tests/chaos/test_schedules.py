"""Anything at any time, on three brokers with two workers: afterwards everything is as if nothing had happened.

`make test` runs fresh seeds for CHAOS_MINUTES (1 unless set: one schedule); CHAOS_SEED runs that one again. `make
chaos` runs for hours (tests/chaos/__main__.py).
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable, Iterator

import pytest

from tests.chaos.kinds import KINDS
from tests.chaos.noticing import noticed
from tests.chaos.schedule import drawn
from tests.chaos.world import CLIENTS, World
from tests.conftest import TOLD
from tests.support.cluster import Cluster

MINUTES = float(os.environ.get("CHAOS_MINUTES", "1"))
SECONDS = float(os.environ.get("CHAOS_SECONDS", "45"))
"""Of one schedule, before it is left in peace."""

pytestmark = [
    pytest.mark.chaos,
    pytest.mark.broker,
    pytest.mark.timeout(int(MINUTES * 60) + 1_800),
    # kafka-python, with which the test looks on, leaves sockets open whose broker has died.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with Cluster(CLIENTS) as three:
        yield three


def test_no_schedule_loses_doubles_or_changes_anything(
    cluster: Cluster, record_property: Callable[[str, object], None]
) -> None:
    chosen, began_s = os.environ.get("CHAOS_SEED"), time.monotonic()
    while True:
        seed = int(chosen) if chosen else random.SystemRandom().randrange(1_000_000)
        schedule = drawn(seed, SECONDS, KINDS)
        print(schedule)
        with World(cluster, schedule) as world:
            outcome = world.run(KINDS)
        record_property(TOLD, outcome.said)
        outcome.assert_good()
        if chosen or time.monotonic() - began_s + SECONDS > MINUTES * 60:
            break


def test_a_defect_put_in_on_purpose_is_noticed(cluster: Cluster) -> None:
    """One of them; `make chaos ARGS=--mutants` puts in all, each for a schedule or two."""
    assert noticed(cluster, "lost letter").complaints, "a letter is lost and nobody notices"
