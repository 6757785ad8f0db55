"""Since when no broker can be reached, as far as this process can tell.

An idle shop is no outage: while nothing else is asked of the brokers, they are asked for their names every second
(transport.py), so silence means that somebody who was asked did not answer.
"""

from __future__ import annotations

import time
from typing import Final

import structlog

from service.domain.calendar import SECOND_US, utc_text

AWAY_S: Final = 5.0
"""Without an answer for so long a broker is away: a fetch is answered within a fifth of a second."""
_PAUSED_S: Final = 3.0
"""Who has not looked for so long has been paused, and hears first what was answered meanwhile."""
AWAY_VARIABLE: Final = "CHURN_ALERT_AWAY_SINCE"
"""Tells a process that replaces another since when the broker has been away (Unix seconds)."""

log = structlog.get_logger()


def away_since(since_s: float) -> str:
    """In words, for who asks whether a process may be relied on; `since_s`: Unix seconds."""
    return f"no broker has answered since {utc_text(int(since_s) * SECOND_US)}"


class Reach:
    """Looked at every half second."""

    def __init__(self, broker: str, meanwhile: str = "absences wait") -> None:
        """`meanwhile`: what that means, for the log."""
        self._broker = broker
        self._told = f"no broker answers; {meanwhile}"
        self._looked_s = self._resumed_s = time.monotonic()
        self.since_s = 0.0
        """Unix seconds; 0 = reachable."""

    def paused_within(self, seconds: float) -> bool:
        """Whether this process has stood still within so many seconds, or has begun within them."""
        now_s = time.monotonic()
        return now_s - self._looked_s > _PAUSED_S or now_s - self._resumed_s < seconds

    def look(self, answered_s: float) -> float:
        """`answered_s`: `time.monotonic` of the oldest of the last answers that are waited for. Returns `since_s`."""
        now_s = time.monotonic()
        if now_s - self._looked_s > _PAUSED_S:
            self._resumed_s = now_s
        self._looked_s = now_s
        silent_s = now_s - max(answered_s, self._resumed_s)
        if silent_s < AWAY_S:
            if self.since_s:
                log.info("the broker answers again", broker=self._broker, away_s=round(time.time() - self.since_s))
            self.since_s = 0.0
        elif not self.since_s:
            self.since_s = time.time() - silent_s
            log.error(self._told, broker=self._broker, silent_s=round(silent_s))
        return self.since_s
