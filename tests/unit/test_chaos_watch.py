"""Who looks on while a schedule runs sees everything once, whatever becomes of its consumer."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from kafka import TopicPartition
from kafka.errors import KafkaConnectionError, KafkaError

from tests.chaos import watch as room
from tests.chaos.watch import Watch
from tests.support.checker import Place
from tests.support.load import settings_for

LOG = 20
PURCHASES = TopicPartition("purchases", 0)


class Consumers:
    """Makes consumers of a log of purchases. The first gets nothing beyond `deaf_at`; the next `refused` are not let
    in."""

    def __init__(self, deaf_at: int, refused: int) -> None:
        self.made: list[Any] = []
        self.left_to_refuse = refused
        self.deaf_at = deaf_at

    def __call__(self, **_: object) -> Any:
        if self.made and self.left_to_refuse:
            self.left_to_refuse -= 1
            raise KafkaConnectionError
        self.made.append(made := _Consumer(LOG if self.made else self.deaf_at))
        return made


class _Consumer:
    def __init__(self, reads_to: int) -> None:
        self._reads_to = reads_to
        self._at: dict[TopicPartition, int] = {}
        self.closed = threading.Event()
        self.fails = False

    def assign(self, partitions: list[TopicPartition]) -> None:
        self._at = dict.fromkeys(partitions, 0)

    def seek_to_beginning(self, *partitions: TopicPartition) -> None:
        self._at.update(dict.fromkeys(partitions, 0))

    def seek(self, partition: TopicPartition, at: int) -> None:
        self._at[partition] = at

    def poll(self, **_: object) -> dict[TopicPartition, list[Any]]:
        time.sleep(0.001)
        at = self._at[PURCHASES]
        if at >= self._reads_to:
            return {}
        self._at[PURCHASES] = at + 1
        self.fails = True
        return {PURCHASES: [SimpleNamespace(offset=at, key=b"C", value=b"{}")]}

    def position(self, partition: TopicPartition, **_: object) -> int:
        """It cannot say where it is just when something has come."""
        if self.fails and partition == PURCHASES:
            self.fails = False
            raise KafkaError
        return self._at[partition]

    def close(self) -> None:
        self.closed.set()


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30.0
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.005)


@pytest.mark.parametrize("refused", [0, 2])
def test_a_consumer_that_gets_nothing_more_is_replaced_and_nothing_is_seen_twice(
    monkeypatch: pytest.MonkeyPatch, refused: int
) -> None:
    """Of two schedules it was said that nothing had moved for 90 s, of workers that had applied everything."""
    consumers = Consumers(deaf_at=7, refused=refused)
    monkeypatch.setattr(room, "KafkaConsumer", consumers)
    monkeypatch.setattr(room, "STILL_S", 0.05)
    with Watch(settings_for("nowhere:1"), 1) as watch:
        until(lambda: len(watch.everything()[Place(*PURCHASES)]) >= LOG)
        until(lambda: watch._read_to.get(PURCHASES) == LOG)
        until(consumers.made[0].closed.is_set)

    assert [record.offset for record in watch.everything()[Place(*PURCHASES)]] == list(range(LOG))
