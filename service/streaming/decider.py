"""Finds the function of a group once: the owner of partition 0 looks at where keys lie and tells what it finds."""

from __future__ import annotations

import asyncio
import time
from itertools import islice

import structlog

from service.cluster.partitioner import AUTO, CUSTOMERS_LOOKED_AT, FEW, REPAIR, Kept, Sample, add_all, look
from service.cluster.placement import Placement
from service.cluster.tail import open_async_reader
from service.config import Settings
from service.streaming.partition import PartitionWorker
from service.wire.input_topics import input_names, names_keyed_by_customer

log = structlog.get_logger()

PATIENCE_S = 1.0
"""From the first key that tells functions apart: so long others may follow it, while records are held back."""
ENOUGH = 50
"""Keys that tell functions apart."""
POLL_MS = 300
FETCH_WAIT_MS = 100
"""It looks around first, and then may wait for days: for the first record of a new shop."""


class Decider:
    """Only the owner of partition 0 runs one, and it writes with that partition's producer: whoever lost the partition
    decides nothing."""

    def __init__(self, settings: Settings, placement: Placement, owner: PartitionWorker) -> None:
        self._settings = settings
        self._placement = placement
        self._owner = owner

    async def run(self) -> None:
        """Until there is a decision, be it an earlier one."""
        while not self._owner.ready:  # noqa: ASYNC110 - nobody says when
            await asyncio.sleep(0.02)
        kept = self._placement.kept
        if kept is not None and kept.function:  # it was among the partition's own records
            return
        partitions, kafka = self._placement.partitions, self._settings.kafka
        sample = Sample(partitions)
        # A state that began without a decision: its customers belong where they are.
        for customer_id in islice(self._owner.job.engine.roster.ids(), CUSTOMERS_LOOKED_AT):
            sample.add("", self._owner.number, customer_id.encode())
        async with open_async_reader(kafka, fetch_max_wait_ms=FETCH_WAIT_MS) as reader:
            names = names_keyed_by_customer(self._settings)
            await look(reader, names, partitions, sample)
            waits = kafka.partitioner == AUTO and len(names) == len(input_names(kafka.topics))
            if kept is None and waits and not sample.telling:
                self._owner.decide(Kept("", [], time.time_ns() // 1000))
            first_s = None
            while waits and sample.telling < ENOUGH:  # what has other keys can be placed by any function, at once
                if sample.telling:
                    first_s = first_s or time.monotonic()
                    if time.monotonic() - first_s >= PATIENCE_S:
                        break
                for records in (await reader.getmany(timeout_ms=POLL_MS)).values():
                    add_all(sample, records)
        found = sample.decide(None if kafka.partitioner == AUTO else kafka.partitioner)
        share = sample.share(found.function)
        told = {"partitioner": found.function, "keys": len(sample.keys), "share_where_it_puts_them": round(share, 3)}
        if share < FEW:
            log.warning(
                "many keys lie elsewhere than any one known function puts them; records are carried to where this one does",
                **told,
                repair=REPAIR[found.function],
            )
        else:
            log.info("how producers turn keys into partitions", **told)
        if len(names) < len(input_names(kafka.topics)):
            found = found._replace(mixed=list(range(partitions)))
        self._owner.decide(found)
