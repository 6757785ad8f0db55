"""A partition that gets no further although brokers answer.

aiokafka asks again for ever, without a word, where a coordinator does not end a former transaction, or a consumer has
lost sight of who leads a log. So what a partition waits for is said, and where it still waits long after every answer
should have come, the process begins again with new connections: once in a while, for the others' partitions go on.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from typing import Final

import structlog

from service.config import KafkaSettings
from service.errors import StartAgainError

TOLD_AFTER_S: Final = 20.0
_PATIENCE_S: Final = 30.0
_LONGEST_LOOK_S: Final = 1.0
"""No more counts between two looks: who was paused has not waited."""
ONCE_IN_S: Final = 3_600.0
"""Where a new start has not helped, another one would not either, for as long as the brokers are as they are."""
STOOD_STILL_VARIABLE: Final = "CHURN_ALERT_STOOD_STILL"
"""Tells a process that replaces another when one last did for a standstill (Unix seconds)."""

log = structlog.get_logger()


class Standstill:
    """Of one process; looked at every half second."""

    def __init__(self, kafka: KafkaSettings) -> None:
        self.limit_s = _PATIENCE_S + 2 * kafka.request_timeout_s + kafka.rebalance_timeout_s
        """A request, its repetition and a rebalance have had their time by then."""
        self._waits: dict[int, tuple[str, float]] = {}
        """Of each partition that waits: for what, and for how long it has waited for nothing else."""
        self._told: set[int] = set()
        self._looked_s = time.monotonic()

    def look(self, waits: Mapping[int, str], *, reachable: bool) -> None:
        """`waits`: for what each partition waits that is not its own to do; empty: for nothing. What changes is
        progress. `reachable`: brokers answer.

        Raises StartAgainError for one that has waited longer than `limit_s`, once in an hour.
        """
        now_s = time.monotonic()
        passed_s, self._looked_s = min(now_s - self._looked_s, _LONGEST_LOOK_S), now_s
        for number in self._waits.keys() - {number for number, what in waits.items() if what}:
            del self._waits[number]
            if number in self._told:
                self._told.discard(number)
                log.info("a partition goes on", partition=number)
        for number, what in waits.items():
            if not what:
                continue
            before, waited_s = self._waits.get(number, ("", 0.0))
            waited_s = waited_s + passed_s if before == what and reachable else 0.0
            self._waits[number] = (what, waited_s)
            if waited_s > TOLD_AFTER_S and number not in self._told:
                self._told.add(number)
                log.warning("a partition gets no further", partition=number, waits_for=what)
            if waited_s > self.limit_s and _may_begin_again():
                raise StartAgainError(
                    f"Partition {number} has waited for {what} for {waited_s:.0f} s, while brokers answer."
                )


def _may_begin_again() -> bool:
    """Notes that it does."""
    now_s = time.time()
    if abs(now_s - float(os.environ.get(STOOD_STILL_VARIABLE, "-inf"))) < ONCE_IN_S:
        return False
    os.environ[STOOD_STILL_VARIABLE] = f"{now_s:.0f}"
    return True
