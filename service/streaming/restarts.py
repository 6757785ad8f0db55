"""A worker whose broker was lost replaces its process by a new one, with growing pauses while that does not help."""

from __future__ import annotations

import os
import sys
import time
from typing import NoReturn

from aiokafka.errors import KafkaConnectionError, KafkaError, KafkaTimeoutError, NodeNotReadyError, RequestTimedOutError

from service.streaming.outage import Outage
from service.streaming.producer import TurnTooSlowError
from service.streaming.reach import AWAY_VARIABLE

_BROKER_LOST = (
    KafkaConnectionError,
    KafkaTimeoutError,
    RequestTimedOutError,
    NodeNotReadyError,
    ConnectionError,
    TimeoutError,
    TurnTooSlowError,
)
HEALTHY_AFTER_S, LONGEST_PAUSE_S = 60.0, 30.0
"""A life this long ends a row of restarts; the longest pause between two of a row."""
OUTAGE_MEMORY_S = 60.0
"""An error of Kafka's this soon after a failed connection is the outage's consequence, which a new start may cure."""
RESTARTS_VARIABLE = "CHURN_ALERT_RESTARTS"
SLOW_VARIABLE = "CHURN_ALERT_SLOW_TURNS"
"""Tells a process that replaces another how many lives in a row have ended by a turn that took too long."""
FORGIVEN_AFTER_S = 3_600.0
"""A life this long ends such a row."""
LONGEST_TRANSACTION_S = 600.0
"""Brokers allow 900 unless told otherwise."""


def is_of_the_broker(error: BaseException, outage: Outage) -> bool:
    """Whether the error says no more than that the broker was away, which a new start may cure."""
    # A transaction that outlived its time-out while the broker was away is aborted, and its producer fenced by that.
    consequence = isinstance(error, KafkaError) and outage.within(OUTAGE_MEMORY_S)
    return consequence or isinstance(error, _BROKER_LOST)


def pause_before_start(restarts: int) -> float:
    """Seconds that a process waits which has started itself again so often in a row."""
    return 0.0 if restarts < 2 else float(min(LONGEST_PAUSE_S, 0.25 * 2**restarts))


def slow_lives() -> int:
    """Lives in a row before this one that ended by a turn that took too long."""
    return int(os.environ.get(SLOW_VARIABLE, "0"))


def transaction_timeout_s(configured_s: float, slow: int) -> float:
    """For this life. What cannot be written in smaller turns, as all that one event sets off where events are the
    clock, gets more time with each life that it has ended."""
    return max(configured_s, min(configured_s * (1 << slow), LONGEST_TRANSACTION_S))


def has_longest_transaction(configured_s: float) -> bool:
    """Whether no life will have more time for a turn than this one."""
    return transaction_timeout_s(configured_s, slow_lives()) >= LONGEST_TRANSACTION_S


def start_again(lived_s: float, away_since_s: float | None = 0.0, *, slow: bool = False) -> NoReturn:
    """Replaces the process by a new one with the same command; the new one waits for the broker with back-off, and
    knows since when it has been away (Unix seconds; 0 = since now; None = it is there). `slow`: because a turn took too
    long."""
    if slow:
        os.environ[SLOW_VARIABLE] = str(min(1 + (slow_lives() if lived_s < FORGIVEN_AFTER_S else 0), 10))
    sys.stdout.flush()
    sys.stderr.flush()
    in_a_row = 0 if lived_s > HEALTHY_AFTER_S else int(os.environ.get(RESTARTS_VARIABLE, "0"))
    os.environ[RESTARTS_VARIABLE] = str(min(in_a_row + 1, 20))
    if away_since_s is None:
        os.environ.pop(AWAY_VARIABLE, None)
    else:
        os.environ[AWAY_VARIABLE] = str(away_since_s or time.time())
    os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])  # noqa: S606 - our own command line
