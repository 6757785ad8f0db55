"""A seek that is overtaken by a rebalance: partitions go while their committed offsets are asked for."""

from __future__ import annotations

from collections import defaultdict

from aiokafka.errors import IllegalStateError
from faust.types import TP

from service.cluster.log_ends import Ends, Log, SourcePartition
from service.streaming.transport import Consumer

GONE = TP("purchases", 1)


class Overtaken(Consumer):
    """As Faust's consumer is when its thread finds a partition gone."""

    def __init__(self) -> None:
        self._handed_out, self._last, self.epoch = {}, {GONE: 7}, 3
        self._ends = {SourcePartition("purchases", 1): Ends(8, Log(1, 0, 8, 8))}
        self._fresh_ends = dict(self._ends)
        self._acked: defaultdict[TP, list[int]] = defaultdict(list)
        self._acked_index: defaultdict[TP, set[int]] = defaultdict(set)
        self._read_offset: dict[TP, int | None] = {}
        self._committed_offset: dict[TP, int | None] = {}

    async def seek_to_committed(self) -> dict[TP, int]:
        raise IllegalStateError(f"No current assignment for partition {GONE}")


async def test_a_partition_that_was_taken_away_during_a_seek_does_not_end_the_worker() -> None:
    consumer = Overtaken()

    await consumer.perform_seek()

    assert consumer.epoch == 4
    assert consumer.last_handed_out(SourcePartition("purchases", 1)) is None
    assert consumer.ends(SourcePartition("purchases", 1)) is None
