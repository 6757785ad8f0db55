"""Our clock against the broker's, whatever stamps the producers of the inputs write.

A topic that is kept by the time of arrival answers each write with the instant at which it was appended: not before it
was sent, by a right clock, and not after the answer. So every turn is a look at the broker's clock, and where none is
written, or our own clock has been set, a write that says nothing is one.
"""

from __future__ import annotations

import time
from typing import Final

from service.refused.floodgate import off_by

_ASK_AGAIN_S: Final = 5.0
"""While it is off."""
_LOOK_S: Final = 3_600.0
"""Clocks drift by a second a day; one that is set is noticed by its leap."""
_LEAP_SHARE: Final = 0.5
"""Part of what it may be off by: our own clock has been set by more than that."""


class BrokerClock:
    """Of one partition, whose ledger's leader is the broker that is meant."""

    def __init__(self, limit_s: float) -> None:
        self._limit_s = limit_s
        self._asked_s: float | None = None
        self._set_us = 0
        """Wall clock less the clock that nobody sets, when it was asked last."""
        self.ahead_s = 0.0
        """By how much ours is certainly ahead, negative where it is behind; 0: nothing is certain, or said."""

    @property
    def asks(self) -> bool:
        """Whether it is time to write something for the sake of the answer."""
        if self._asked_s is None:
            return True
        passed_s = time.monotonic() - self._asked_s
        leapt_s = abs(_set_us() - self._set_us) / 1e6
        return passed_s > (_ASK_AGAIN_S if self.reason else _LOOK_S) or leapt_s > _LEAP_SHARE * self._limit_s

    def heard(self, sent_us: int, appended_us: int, answered_us: int) -> None:
        """Of a write, by our clock and by the broker's; 0: it does not tell (`asks` is satisfied all the same)."""
        self._asked_s, self._set_us = time.monotonic(), _set_us()
        if not appended_us:
            return
        if appended_us < sent_us:
            self.ahead_s = (sent_us - appended_us) / 1e6
        else:
            self.ahead_s = min(0.0, (answered_us - appended_us) / 1e6)

    @property
    def reason(self) -> str:
        """Why nothing is to be judged by our clock; empty: it is right, as far as is known."""
        return off_by(self.ahead_s) if abs(self.ahead_s) > self._limit_s else ""


def _set_us() -> int:
    return (time.time_ns() - time.monotonic_ns()) // 1000
