"""Whether the broker is out of reach, said in one line: aiokafka repeats several errors a second for each of its
connections."""

from __future__ import annotations

import logging
import time

import structlog
from aiokafka.errors import (
    GroupCoordinatorNotAvailableError,
    GroupLoadInProgressError,
    NotCoordinatorForGroupError,
)

log = structlog.get_logger()

QUIET_S = 30.0
"""After this long without a failed attempt the next one is a new outage, and said again."""
FAILED_LATELY_S = 10.0
"""An attempt that failed so long ago may fail again: then it is looked at who does not let us in."""
_ATTEMPTS = (
    "Unable connect to",
    "Unable to update metadata from",
    "Failed fetch messages from",
    "Group Coordinator Request failed",
    "Heartbeat send request failed",
    "Heartbeat session expired",
    "Error sending %s to node",
    "LeaveGroup request failed",
    "Failed to commit on finallization",
)
"""How the messages begin that only say that a broker did not answer and that it will be tried again."""
_PRODUCED = "Got error produce response"
"""Repeated for each record batch fifty times a second, where too few replicas are in sync."""
_TOO_FEW = ("NotEnoughReplicas", "min.isr")
_LOOKUP = "Group Coordinator Request failed"
_ANSWERS = (GroupCoordinatorNotAvailableError, GroupLoadInProgressError, NotCoordinatorForGroupError)
"""What a broker answers that is there and has no coordinator for the group yet: at a group's first start on it, it
makes the topic that holds the groups' offsets."""
PATIENCE_S = 15.0
"""A broker makes that topic within a second or two. One that cannot (too few brokers for its replication) never says
so."""


class Outage(logging.Handler):
    """Takes what aiokafka logs: failed attempts become one line for each outage, everything else goes its usual way."""

    def __init__(self, broker: str) -> None:
        super().__init__()
        self._broker = broker
        self._last_s: float | None = None
        self._lookup_s: tuple[float, float] | None = None
        """When the broker first and last answered that the group has no coordinator, in this row of such answers."""
        self._lookup_told = False
        self.count = 0
        """Outages so far."""

    def install(self) -> None:
        logger = logging.getLogger("aiokafka")
        logger.handlers = [self]
        logger.propagate = False

    def emit(self, record: logging.LogRecord) -> None:
        if isinstance(record.msg, str) and record.msg.startswith(_PRODUCED) and _too_few_replicas(record):
            self._has_failed("the broker takes no records: too few replicas are in sync; trying again", record)
            return
        if not (isinstance(record.msg, str) and record.msg.startswith(_ATTEMPTS)):
            root = logging.getLogger()
            if record.levelno >= root.level:
                root.handle(record)
            return
        if record.msg.startswith(_LOOKUP) and isinstance(record.args, tuple) and isinstance(record.args[0], _ANSWERS):
            self._has_no_coordinator(record)
            return
        self._has_failed("the broker does not answer; trying again", record)

    def _has_failed(self, told: str, record: logging.LogRecord) -> None:
        """An attempt; the first of an outage is said."""
        new = not self.within(QUIET_S)
        self._last_s = time.monotonic()
        if new:
            self.count += 1
            log.warning(told, broker=self._broker, error=record.getMessage()[:200])

    def _has_no_coordinator(self, record: logging.LogRecord) -> None:
        """Silent as long as it may be the first start of a group."""
        now = time.monotonic()
        if self._lookup_s is None or now - self._lookup_s[1] > QUIET_S:
            self._lookup_s, self._lookup_told = (now, now), False
        first, _ = self._lookup_s
        self._lookup_s = (first, now)
        if now - first >= PATIENCE_S and not self._lookup_told:
            self._lookup_told = True
            log.warning(
                "the broker answers and has no coordinator for the consumer group; trying again. Can it make its topic "
                "__consumer_offsets (offsets.topic.replication.factor)?",
                broker=self._broker,
                error=record.getMessage()[:200],
            )

    def within(self, seconds: float) -> bool:
        """Whether an attempt has failed in the last seconds."""
        return self._last_s is not None and time.monotonic() - self._last_s < seconds


def _too_few_replicas(record: logging.LogRecord) -> bool:
    """The broker's own words stand in place of the error where it has sent some."""
    said = record.getMessage()
    return any(words in said for words in _TOO_FEW)
