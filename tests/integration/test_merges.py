"""Two ids of one person in different partitions, on a real broker with kills in between: one customer, nothing lost."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable

import msgspec
import pytest

from service.cluster import topics
from service.cluster.tail import open_reader, partitions_of, records_until_now
from service.config import Settings
from service.domain.calendar import DAY_US
from service.domain.events import Erasure, Event, Merge, Profile, Purchase
from service.errors import ConfigurationError
from service.feed.partitions import partition_for
from service.inspect.lookup import inspect_customer
from tests.support.broker import TestBroker
from tests.support.load import START_US, lines_of, send, settings_for
from tests.support.worker_process import Positions, WorkerProcess

pytestmark = pytest.mark.broker
PARTITIONS = 4
PEOPLE = 24
WEEKS = 16
ERASED = 5


def bought(weeks: range) -> list[Event]:
    """Each comes weekly, under one id or the other."""
    lots = random.Random(weeks.start)
    return [
        Purchase(
            f"e{who}-{week}", f"k{who}{lots.choice(('', 'b'))}", START_US + (7 * week + who % 7) * DAY_US + who, 500
        )
        for week in weeks
        for who in sorted(range(PEOPLE), key=lambda who: (who % 7, who))
    ]


def newest_scores(settings: Settings) -> dict[str, tuple[int, int] | None]:
    """customer_id → orders and visits of the newest record; None after a tombstone."""
    found: dict[str, tuple[int, int] | None] = {}
    topic = settings.kafka.topics.customer_scores
    with open_reader(settings.kafka) as reader:
        for record in records_until_now(reader, partitions_of(reader, topic)):
            data = None if record.value is None else msgspec.json.decode(record.value)["data"]
            found[record.key.decode()] = None if data is None else (data["orders"], data["visits"])
    return found


def months(settings: Settings) -> dict[str, tuple[int, int, int]]:
    """Orders, buyers and new ones of each month, as the newest records say."""
    found: dict[str, tuple[int, int, int]] = {}
    topic = settings.kafka.topics.period_metrics
    with open_reader(settings.kafka) as reader:
        for record in records_until_now(reader, partitions_of(reader, topic)):
            data = msgspec.json.decode(record.value)["data"]
            if data["granularity"] == "month":
                found[data["start"]] = data["orders"], data["customers_at_end"], data["new"]
    return found


def wait_until(ask: Callable[[], object], wanted: object, timeout_s: float = 180.0) -> None:
    deadline = time.monotonic() + timeout_s
    while (found := ask()) != wanted and time.monotonic() < deadline:
        time.sleep(0.3)
    assert found == wanted


def test_merges_across_partitions_survive_kills_and_erasures_reach_every_id(
    broker: TestBroker, topic_prefix: str
) -> None:
    settings = settings_for(broker.bootstrap_servers, topic_prefix)
    topics.create(settings, partitions=PARTITIONS)

    def say(events: list[Event]) -> None:
        send(broker.bootstrap_servers, lines_of(events, settings), PARTITIONS)

    merged_us = START_US + 7 * (WEEKS // 2) * DAY_US - DAY_US // 2
    merges: list[Event] = [Merge(f"m{who}", f"k{who}b", merged_us + who, f"k{who}") for who in range(PEOPLE)]
    homes = [{partition_for(name, PARTITIONS) for name in (b"k%d" % who, b"k%db" % who)} for who in range(PEOPLE)]
    before, after = bought(range(WEEKS // 2)), bought(range(WEEKS // 2, WEEKS))
    end_us = START_US + 7 * WEEKS * DAY_US

    with WorkerProcess(settings, "w0") as worker, Positions(settings, PARTITIONS) as positions:
        say(before)
        positions.wait_caught_up(workers=[worker])
        say([*merges, *after[: len(after) // 2]])
        time.sleep(0.15)
        worker.end()
        worker.start()
        say([*after[len(after) // 2 :], Profile("p", "k3b", end_us, first_name="Ann", marketing_consent=True)])
        positions.wait_caught_up(workers=[worker])
        wait_until(
            lambda: {name: told for name, told in newest_scores(settings).items() if told is not None},
            {f"k{who}": (WEEKS, WEEKS) for who in range(PEOPLE)},
        )
        days = Counter(time.strftime("%Y-%m-01", time.gmtime(event.at_us / 1e6 + 3600)) for event in [*before, *after])
        wait_until(
            lambda: months(settings),
            {month: (count, PEOPLE, PEOPLE if month == min(days) else 0) for month, count in days.items()},
        )
        shown = inspect_customer(settings, "k3b")
        say([Erasure("x", f"k{ERASED}", end_us + 1)])
        positions.wait_caught_up(workers=[worker])
        say([Purchase("late", f"k{ERASED}b", end_us + 2, 500), Purchase("sign", "k6b", end_us + 3, 500)])
        positions.wait_caught_up(workers=[worker])
        wait_until(lambda: newest_scores(settings).get("k6"), (WEEKS + 1, WEEKS + 1))
        found = newest_scores(settings)

    assert sum(len(places) == 2 for places in homes) > PEOPLE // 2, "most have ids in two partitions"
    assert (shown.scores.customer_id, shown.scores.visits) == ("k3", WEEKS)
    assert shown.customer.profile is not None
    assert shown.customer.profile.first_name == "Ann"
    assert (found[f"k{ERASED}"], found[f"k{ERASED}b"]) == (None, None)
    for name in (f"k{ERASED}", f"k{ERASED}b"):
        with pytest.raises(ConfigurationError, match="is not known in group"):
            inspect_customer(settings, name)
