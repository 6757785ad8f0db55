"""The pages of docs/operations, followed word by word on a real broker."""

from __future__ import annotations

import json
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Self

import msgspec
import pytest
from aiokafka.structs import ConsumerRecord

from service.carrying.idle import groups_of
from service.carrying.reading import newest
from service.cluster import topics
from service.cluster.tail import open_reader, partitions_of, records_until_now
from service.config import Settings
from service.domain.calendar import DAY_US
from service.domain.changelog import PARTITION_KEY, POSITION_KEY, day_of_key
from service.domain.events import Event, Purchase
from service.domain.findings import Outcome
from service.domain.periods.totals import PeriodTotals
from service.engines import new_engine
from service.wire.input_topics import input_names
from tests.support import checker
from tests.support.broker import TestBroker
from tests.support.engines import decisions
from tests.support.live_shop import until
from tests.support.load import START_US, Feed, Line, lines_of, send, settings_for
from tests.support.next_release import OWN_KEY, holds_more, without_more
from tests.support.operations_page import Operator
from tests.support.worker_process import Positions, WorkerProcess

pytestmark = [pytest.mark.broker]

NAMES = ("anna", "bert", "cleo", "dora", "emil", "fred", "gina", "hugo", "ines", "jens", "kai", "lea")


def shop_of(first_day: int, days: int) -> list[Event]:
    """Everybody comes every third day or so, two of them no more after the 40th."""
    events: list[Event] = []
    for day in range(first_day, first_day + days):
        for number, name in enumerate(NAMES):
            if (day + number) % (2 + number % 3) == 0 and not (number < 4 and day > 40):
                at_us = START_US + day * DAY_US + (8 * 60 + number * 7) * 60_000_000
                events.append(Purchase(f"{name}-{day}", name, at_us, 400 + number))
    return events


class Cafe:
    """A shop with workers that a test stops and starts, and all that was ever sent."""

    def __init__(self, settings: Settings, partitions: int, directory: Path) -> None:
        self.operator = Operator(settings, directory, settings.kafka.group)
        self.partitions = partitions
        self.prefix = settings.kafka.group.removesuffix("cafe")
        self.sent: list[Event] = []
        self._stack = ExitStack()
        self._workers: list[WorkerProcess] = []

    @property
    def settings(self) -> Settings:
        return self.operator.settings

    def send(self, events: list[Event]) -> None:
        self.sent += events
        send(self.settings.kafka.bootstrap_servers, lines_of(events, self.settings), self.partitions)

    def start(self) -> None:
        self._workers.append(self._stack.enter_context(WorkerProcess(self.settings, "w0", static=False)))

    def apply_all(self) -> None:
        with Positions(self.settings, self.partitions) as positions:
            positions.wait_caught_up(workers=self._workers)

    def stop(self) -> None:
        for worker in self._workers:
            assert worker.end(signal.SIGTERM) == 0
        self._workers.clear()

    def close(self) -> None:
        self._stack.close()

    # ---- what is told of it

    def numbers(self) -> list[str]:
        """Every period number, from the sums of the partitions."""
        totals, today = PeriodTotals(self.settings.policy().shop), 0
        kafka = self.settings.kafka
        with open_reader(kafka) as reader:
            for partition in partitions_of(reader, kafka.ledger_topic):
                for key, value in newest(reader, partition).items():
                    day = day_of_key(key)
                    if day is not None:
                        totals.update(partition.partition, day, value)
                        today = max(today, day)
        return sorted(map(repr, totals.changed_rows(today)))

    def released(self) -> Counter[str]:
        """Decision → how often it went out."""
        topic = self.settings.kafka.topics.outreach_decisions
        with open_reader(self.settings.kafka) as reader:
            told = [
                msgspec.json.decode(record.value)["data"]
                for record in records_until_now(reader, partitions_of(reader, topic))
            ]
        return Counter(each["decision_id"] for each in told if each["outcome"] == "released")

    def customers(self) -> dict[str, bytes]:
        kafka = self.settings.kafka
        found: dict[str, bytes] = {}
        with open_reader(kafka) as reader:
            for partition in partitions_of(reader, kafka.state_topic):
                for key, value in newest(reader, partition).items():
                    if not key.startswith(b"\0"):
                        assert key.decode() not in found, "a customer lives in two partitions"
                        found[key.decode()] = value
        return found


def cafe_of(broker: TestBroker, prefix: str, directory: Path, partitions: int = 1, **kafka: float) -> Cafe:
    settings = settings_for(
        broker.bootstrap_servers,
        prefix,
        kafka={"group": f"{prefix}cafe", **kafka},
        outreach={"measure": "budget"},  # so few customers are not weighed against one another
    )
    topics.create(settings, partitions=partitions)
    return Cafe(settings, partitions, directory)


@pytest.fixture
def cafe(broker: TestBroker, topic_prefix: str, tmp_path: Path) -> Iterator[Cafe]:
    made = cafe_of(broker, topic_prefix, tmp_path)
    yield made
    made.close()


@pytest.fixture
def large_cafe(broker: TestBroker, topic_prefix: str, tmp_path: Path) -> Iterator[Cafe]:
    """Of two partitions, whose workers may be away for as long as a busy machine takes to start one."""
    made = cafe_of(broker, topic_prefix, tmp_path, 2, session_timeout_s=90.0)
    yield made
    made.close()


class Undisturbed:
    """The same shop in one engine, where nothing was ever changed."""

    def __init__(self, settings: Settings, events: list[Event]) -> None:
        engine, totals = new_engine(settings), PeriodTotals(settings.policy().shop)
        self.released: set[str] = set()
        for event in sorted(events, key=lambda event: event.at_us):
            engine.apply(event)
            self.released |= {
                each.decision_id for each in decisions(engine.drain().outputs) if each.outcome is Outcome.RELEASED
            }
        for day in engine.ledger.days():
            totals.update(0, day, engine.ledger.record(day))
        self.numbers = sorted(map(repr, totals.changed_rows(engine.today)))


def test_more_partitions(cafe: Cafe) -> None:
    early, late = shop_of(0, 45), shop_of(45, 25)
    cafe.send(early)
    cafe.start()

    def more_of_it() -> None:
        cafe.partitions = 4
        cafe.send(late)
        cafe.apply_all()

    cafe.operator.follow(
        "more-partitions.md",
        {
            "the producers have stopped, and everything is applied": cafe.apply_all,
            "stop the workers": cafe.stop,
            "start the workers": cafe.start,
            "start the producers": more_of_it,
        },
    )
    cafe.stop()

    cafe.operator.settings = cafe.settings.changed(kafka={"group": f"{cafe.settings.kafka.group}-4"})
    undisturbed = Undisturbed(cafe.settings, cafe.sent)
    assert cafe.numbers() == undisturbed.numbers
    assert sorted(cafe.customers()) == sorted(NAMES)
    assert set(cafe.released().values()) == {1}
    assert set(cafe.released()) == undisturbed.released
    assert len(undisturbed.released) >= 4


def test_backup(cafe: Cafe) -> None:
    """And restore, and a move to topics that know nothing: on one cluster here, under other names."""
    early, late, later = shop_of(0, 45), shop_of(45, 15), shop_of(60, 10)
    home = cafe.settings

    def some_days_later() -> None:
        cafe.send(late)
        cafe.apply_all()

    def elsewhere() -> None:
        prefix = f"{home.kafka.group}-moved-"
        other = settings_for(home.kafka.bootstrap_servers, prefix, outreach={"measure": "budget"})
        cafe.operator.settings = other

    def go_on() -> None:
        cafe.send(later)
        cafe.apply_all()

    cafe.send(early)
    cafe.start()
    cafe.apply_all()
    cafe.operator.follow(
        "backup.md",
        {
            "stop the workers": cafe.stop,
            "start the workers": cafe.start,
            "some days later the internal topics are lost": some_days_later,
            "the producers have stopped, and everything is applied": cafe.apply_all,
            "stop the workers for good": cafe.stop,
            "the settings are those of the other cluster": elsewhere,
            "start the producers": go_on,
        },
    )
    cafe.stop()

    undisturbed = Undisturbed(home, cafe.sent)
    assert cafe.numbers() == undisturbed.numbers
    assert sorted(cafe.customers()) == sorted(NAMES)
    moved = set(cafe.released())
    cafe.operator.settings = home
    assert set(cafe.released()) | moved == undisturbed.released
    assert not set(cafe.released()) & moved, "decided once"


def test_reprocessing(cafe: Cafe) -> None:
    cafe.send(shop_of(0, 70))
    cafe.start()
    cafe.apply_all()
    first, numbers = cafe.released(), cafe.numbers()

    cafe.operator.follow(
        "reprocessing.md",
        {
            "stop the workers and deliverers": cafe.stop,
            "start the workers and deliverers": cafe.start,
            "everything is applied": cafe.apply_all,
        },
    )

    assert cafe.numbers() == numbers
    assert cafe.released() == {decision: 2 * times for decision, times in first.items()}, "the same ids, once more"
    assert len(first) >= 4


def test_changed_settings(cafe: Cafe) -> None:
    cafe.send(shop_of(0, 20))
    cafe.start()
    cafe.apply_all()

    refused = "churn-alert worker"
    cafe.operator.follow(
        "changed-settings.md", {"stop the workers": cafe.stop, "start the workers": cafe.start}, codes={refused: 2}
    )
    cafe.apply_all()

    assert "shop.timezone is 'America/New_York', but the state" in cafe.operator.said[refused]
    assert "set it back" in cafe.operator.said[refused]
    wrong = cafe.settings.changed(shop={"timezone": "UTC", "currency": "USD", "day_starts_at": "06:00"})
    told = Operator(wrong, Path(), wrong.kafka.group)
    assert told.run("churn-alert inspect anna") == 0
    assert told.said["churn-alert inspect anna"] == cafe.operator.said["churn-alert inspect anna"]


def test_dead_letters(cafe: Cafe) -> None:
    cafe.send(shop_of(0, 10))
    foreign = (
        b'{"event_id":"x","customer_id":"anna","occurred_at":"2025-01-11T10:00:00Z","amount":"10","currency":"USD"}'
    )
    purchases = cafe.settings.kafka.topics.purchases
    send(cafe.settings.kafka.bootstrap_servers, [Line(purchases, b"anna", foreign)], 1)
    cafe.start()
    cafe.apply_all()
    listed = "churn-alert dead-letters list --code unknown_currency --topic purchases --since 2026-01-01"

    def a_rate() -> None:
        cafe.operator.settings = cafe.settings.changed(shop={"rates": {"USD": "0.5"}})

    cafe.operator.follow(
        "dead-letters.md",
        {
            "set a rate for USD": a_rate,
            "stop the workers": cafe.stop,
            "start the workers": cafe.start,
            "everything is applied": cafe.apply_all,
        },
    )

    assert "1 dead letter: 1 unknown_currency" in cafe.operator.said[listed]
    assert " anna " in cafe.operator.said["churn-alert dead-letters list"]
    (letter,) = cafe.operator.said["churn-alert dead-letters list --customer anna --json"].splitlines()
    assert msgspec.json.decode(letter)["customers"] == ["anna"]
    assert "1 record sent back" in cafe.operator.said["churn-alert dead-letters retry --code unknown_currency --yes"]
    paid = sum(event.amount_minor for event in cafe.sent if isinstance(event, Purchase) and event.customer_id == "anna")
    assert f"{(paid + 500) / 100:,.2f} EUR" in cafe.operator.said["churn-alert inspect anna"]


def test_removing(cafe: Cafe) -> None:
    cafe.send(shop_of(0, 5))
    cafe.start()
    cafe.apply_all()
    active = cafe.operator.run("churn-alert state reset --remove --yes"), cafe.operator.said.popitem()[1]

    cafe.operator.follow("removing.md", {"stop the workers": cafe.stop})

    assert active[0] == 2
    assert "is active" in active[1]
    with open_reader(cafe.settings.kafka) as reader:
        left = {name for name in reader.topics() if name.startswith(cafe.prefix)}
    assert left == set(input_names(cafe.settings.kafka.topics))
    with closing(topics.connect(cafe.settings.kafka)) as admin:
        assert groups_of(admin, cafe.settings) == []


class Turns:
    """When the positions of each partition were last seen to move, and the longest time in which they did not."""

    def __init__(self, settings: Settings, partitions: int) -> None:
        self._settings, self._partitions = settings, partitions
        self._longest = dict.fromkeys(range(partitions), 0.0)
        self._seen_s = dict.fromkeys(range(partitions), time.monotonic())
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._follow, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()

    def begin(self) -> None:
        for number in self._longest:
            self._longest[number], self._seen_s[number] = 0.0, time.monotonic()

    def longest_s(self, number: int) -> float:
        return max(self._longest[number], time.monotonic() - self._seen_s[number])

    def _follow(self) -> None:
        topic = self._settings.kafka.state_topic
        with open_reader(self._settings.kafka) as reader:
            tps = partitions_of(reader, topic)
            reader.assign(tps)
            for tp, end in reader.end_offsets(tps).items():
                reader.seek(tp, end)
            while not self._end.is_set():
                for partition, records in reader.poll(timeout_ms=50).items():
                    if any(record.key == POSITION_KEY for record in records):
                        now_s, number = time.monotonic(), partition.partition
                        self._longest[number] = max(self._longest[number], now_s - self._seen_s[number])
                        self._seen_s[number] = now_s


class Trickle(Feed):
    """Somebody buys in both partitions within any third of a second, and all of it can be recomputed in a moment."""

    CHUNK = 40


class Pair:
    """Two named workers of a shop of two partitions in which somebody buys all the time."""

    def __init__(self, cafe: Cafe) -> None:
        self._cafe = cafe
        self._names = ["cafe-1", "cafe-2"]
        self._stack = ExitStack()
        self._workers: list[WorkerProcess] = []
        self.waits: list[tuple[float, float]] = []
        """Of the other worker's partition, at each restart: the longest time without a turn, and how long the restart
        took; seconds."""

    def __enter__(self) -> Self:
        settings = self._cafe.settings
        self._feed = self._stack.enter_context(Trickle(settings, 2, per_s=120, preloaded=200))
        self._workers = [self._stack.enter_context(WorkerProcess(settings, name)) for name in self._names]
        self._turns = self._stack.enter_context(Turns(settings, 2))
        until(lambda: sorted(map(len, map(self._numbers, self._workers))) == [1, 1], "each has one partition")
        self.caught_up()  # a group that runs: who is asked to end while it joins takes longer
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @staticmethod
    def _numbers(worker: WorkerProcess) -> list[int]:
        """Of its present life."""
        lines = [json.loads(line) for line in worker.life_log.splitlines() if line.startswith("{")]
        assigned = [line["partitions"] for line in lines if line["event"] == "partitions assigned"]
        return assigned[-1] if assigned else []

    def restart_as(self, which: int, module: str) -> None:
        """With another release installed."""
        self._workers[which].run_as(module)
        self.restart(which)

    def restart(self, which: int) -> None:
        worker, other = self._workers[which], self._workers[1 - which]
        (theirs,) = self._numbers(other)
        before = [other.log.count(f"partitions {what}") for what in ("assigned", "revoked")]
        self._turns.begin()
        began_s = time.monotonic()
        assert worker.end(signal.SIGTERM) == 0, worker.log[-3000:]
        worker.start()
        worker.wait_assigned()
        until(lambda: self._numbers(worker) == [1 - theirs], "it has its own partition again")
        self.waits.append((self._turns.longest_s(theirs), time.monotonic() - began_s))
        after = [other.log.count(f"partitions {what}") for what in ("assigned", "revoked")]
        assert after == before, "nothing was divided anew"

    def let_them_catch_up(self) -> None:
        """Nobody buys any more, and everything is applied; then they end."""
        self._feed.__exit__()
        self.caught_up()
        time.sleep(4.0)  # the numbers of all partitions are published a second or two after their state

    def caught_up(self) -> None:
        with Positions(self._cafe.settings, 2) as positions:
            positions.wait_caught_up(workers=self._workers)


NEXT, THIS = "tests.support.next_release", "service.cli"


def test_one_worker_after_the_other_and_a_later_release_and_one_step_back(
    large_cafe: Cafe, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Under load, with names: whoever is not restarted does not stop. Two releases are in one group, and change places:
    what the later one keeps outlives the earlier one, and everything is as if there had been one."""
    anna = Purchase("anna-1", "anna", START_US, 500)
    settings = large_cafe.settings
    send(settings.kafka.bootstrap_servers, lines_of([anna], settings), 2)
    with Pair(large_cafe) as pair:
        large_cafe.operator.follow(
            "rolling-restart.md",
            {
                "systemctl restart churn-alert@1": lambda: pair.restart_as(0, NEXT),
                "worker 1 has caught up: its /readyz says 200": pair.caught_up,
                "systemctl restart churn-alert@2": lambda: pair.restart(1),
                "worker 2 has caught up: its /readyz says 200": pair.caught_up,
            },
        )
        large_cafe.operator.follow(
            "upgrade.md",
            {
                "systemctl restart churn-alert@1": lambda: pair.restart_as(0, THIS),
                "worker 1 has caught up: its /readyz says 200": pair.caught_up,
                "systemctl restart churn-alert@2": lambda: pair.restart_as(1, NEXT),
                "worker 2 has caught up: its /readyz says 200": pair.caught_up,
            },
        )
        assert len(pair.waits) == 4
        for waited_s, restart_s in pair.waits:
            assert waited_s < restart_s / 2, "the other one waits for the restart"
        pair.let_them_catch_up()
    with open_reader(settings.kafka) as reader:
        records = list(records_until_now(reader, partitions_of(reader, settings.kafka.state_topic)))
    kept, lost = outlived(records)
    assert kept > 100
    assert lost == []

    latest = checker._latest
    monkeypatch.setattr(checker, "_latest", lambda found: {
        key: without_more(key, value) for key, value in latest(found).items() if key != OWN_KEY
    })  # fmt: skip
    checker.check(settings, 2).assert_same("events", "customers", "ledger days")


def outlived(records: list[ConsumerRecord]) -> tuple[int, list[bytes]]:
    """How many records were written anew by this release after the later one had written them, and the keys of those
    that have lost what that one keeps."""
    told: set[tuple[int, bytes]] = set()
    by_this, lost = 0, list[bytes]()
    for record in records:
        if record.value is None or (record.key.startswith(b"\0") and record.key != PARTITION_KEY):
            continue
        place = record.partition, record.key
        if not holds_more(record.key, record.value):
            lost += [record.key] if place in told else []
        elif place in told:
            by_this += 1
        told |= {place} if holds_more(record.key, record.value) else set()
    return by_this, lost
