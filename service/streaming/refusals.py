"""What is being refused, said in the log once a minute while it is: how many, of which topics, why, and where one of
them lies."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable

import structlog
from aiokafka.structs import ConsumerRecord

log = structlog.get_logger()

EVERY_S = 60.0


class Refusals:
    """Of one process, over all its partitions."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._told_s: float | None = None
        self._reasons: Counter[tuple[str, str]] = Counter()
        self._example: ConsumerRecord | None = None

    def note(self, refused: Iterable[tuple[ConsumerRecord, str]]) -> None:
        """These have gone to dead-letters, each for the reason of that code."""
        for record, code in refused:
            self._reasons[record.topic, code] += 1
            self._example = record

    def tell(self) -> None:
        """Call it now and then. The first refusal is said at once, what follows within a minute together."""
        now, example = self._clock(), self._example
        if example is None or (self._told_s is not None and now - self._told_s < EVERY_S):
            return
        topics = Counter[str]()
        for (topic, _), count in self._reasons.items():
            topics[topic] += count
        log.warning(
            "records are refused; `churn-alert dead-letters list` shows them, `retry` replays them once they are mended",
            records=self._reasons.total(),
            topics=dict(topics.most_common()),
            reasons={code: count for (_, code), count in self._reasons.most_common()}
            if len(topics) == 1
            else {f"{topic}: {code}": count for (topic, code), count in self._reasons.most_common()},
            example=f"{example.topic} partition {example.partition} offset {example.offset}",
        )
        self._told_s = now
        self._reasons.clear()
        self._example = None
