"""Whether the broker is out of reach, said in one line: aiokafka repeats several errors a second for each of its connections."""

from __future__ import annotations

import logging
import time

import structlog

log = structlog.get_logger()

QUIET_S = 30.0
"""After this long without a failed attempt the next one is a new outage, and said again."""
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


class Outage(logging.Handler):
    """Takes what aiokafka logs: failed attempts become one line for each outage, everything else goes its usual way."""

    def __init__(self, broker: str) -> None:
        super().__init__()
        self._broker = broker
        self._last_s: float | None = None
        self.count = 0
        """Outages so far."""

    def install(self) -> None:
        logger = logging.getLogger("aiokafka")
        logger.handlers = [self]
        logger.propagate = False

    def emit(self, record: logging.LogRecord) -> None:
        if not (isinstance(record.msg, str) and record.msg.startswith(_ATTEMPTS)):
            root = logging.getLogger()
            if record.levelno >= root.level:
                root.handle(record)
            return
        new = not self.within(QUIET_S)
        self._last_s = time.monotonic()
        if new:
            self.count += 1
            log.warning(
                "the broker does not answer; trying again", broker=self._broker, error=record.getMessage()[:200]
            )

    def within(self, seconds: float) -> bool:
        """Whether an attempt has failed in the last seconds."""
        return self._last_s is not None and time.monotonic() - self._last_s < seconds
