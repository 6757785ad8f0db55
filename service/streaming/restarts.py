"""What an error means for the process that met it, and how one process replaces another: with growing pauses while that
does not help.

Workers, deliverers and feeds of scores all ask here. What is of the broker, a right that is missing, and what has to
begin elsewhere are cured by a new start; what is wrong with the settings waits for a person; anything else ends the
process, and a supervisor starts it again.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Mapping
from enum import Enum, auto
from typing import NamedTuple, NoReturn

import structlog
from aiokafka.errors import KafkaConnectionError, KafkaError, KafkaTimeoutError, NodeNotReadyError, RequestTimedOutError

from service.cluster.topic_rights import Part
from service.config import KafkaSettings, Settings
from service.errors import ConfigurationError, ExitCode, StartAgainError, told
from service.processes.ending import write_what_is_said
from service.refused.quarantine import Stumbled
from service.streaming.outage import Outage
from service.streaming.producer import TurnTooSlowError
from service.streaming.reach import AWAY_VARIABLE
from service.streaming.rights import about_right, wait_for_rights

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
_LOST = "broker lost; starting again"
OUTAGE_MEMORY_S = 60.0
"""An error of Kafka's this soon after a failed connection is the outage's consequence, which a new start may cure."""
RESTARTS_VARIABLE = "CHURN_ALERT_RESTARTS"
SLOW_VARIABLE = "CHURN_ALERT_SLOW_TURNS"
"""Tells a process that replaces another how many lives in a row have ended by a turn that took too long."""
FORGIVEN_AFTER_S = 3_600.0
"""A life this long ends such a row."""
LONGEST_TRANSACTION_S = 600.0
"""Brokers allow 900 unless told otherwise."""

log = structlog.get_logger()


class Fate(Enum):
    """What becomes of a process."""

    DONE = auto()
    """It was to end in any case, and what is left undone is done by the next one."""
    AGAIN = auto()
    """A new one takes its place at once."""
    ENDS = auto()
    """It leaves with its code; whoever supervises it decides."""


class Verdict(NamedTuple):
    """What an error means for a process."""

    fate: Fate
    said: str
    """For the log, with the fields."""
    fields: Mapping[str, object]
    is_error: bool = False
    code: ExitCode = ExitCode.CRASHED
    """With which it leaves, where it ENDS."""
    away: bool = False
    """The broker is lost."""
    slow: bool = False
    """A turn has outlived its transaction with nobody to blame but its size."""

    def tell(self) -> None:
        (log.error if self.is_error else log.warning)(self.said, **self.fields)


def verdict_on(
    error: BaseException,
    kafka: KafkaSettings,
    outage: Outage,
    *,
    stops: bool,
    paused_within: Callable[[float], bool] = lambda _seconds: False,
) -> Verdict:
    """`stops`: the process was asked to end. `paused_within`: whether it stood still within so many seconds; who has,
    in a turn that took too long, may have a successor, and does not begin again by itself."""
    of_broker, lacks = is_of_the_broker(error, outage), about_right(kafka, error)
    why = told(error)
    if stops and (of_broker or lacks is not None or isinstance(error, Stumbled | StartAgainError)):
        return Verdict(Fate.DONE, "what was under way is done again by whoever comes next", {"error": why})
    if lacks is not None:
        return Verdict(Fate.AGAIN, "a right is missing; starting again to wait for it", {"told": lacks}, is_error=True)
    paused = isinstance(error, TurnTooSlowError) and paused_within(error.took_s)
    if of_broker and not paused:
        slow = isinstance(error, TurnTooSlowError) and not outage.within(OUTAGE_MEMORY_S)
        said = "a turn took too long for its transaction; starting again with smaller ones" if slow else _LOST
        fields = {"broker": kafka.bootstrap_servers, "error": why}
        return Verdict(Fate.AGAIN, said, fields, away=True, slow=slow)
    if isinstance(error, Stumbled):
        said = "reading the state back after an error of our own"
        return Verdict(Fate.AGAIN, said, {"about": error.told})
    if isinstance(error, StartAgainError):
        return Verdict(Fate.AGAIN, "starting again", {"why": why})
    code = error.exit_code if isinstance(error, ConfigurationError) else ExitCode.CRASHED
    return Verdict(Fate.ENDS, "leaving", {"error": why}, is_error=True, code=code)


def is_of_the_broker(error: BaseException, outage: Outage) -> bool:
    """Whether the error says no more than that the broker was away, which a new start may cure."""
    # A transaction that outlived its time-out while the broker was away is aborted, and its producer fenced by that.
    consequence = isinstance(error, KafkaError) and outage.within(OUTAGE_MEMORY_S)
    return consequence or isinstance(error, _BROKER_LOST)


def pause_before_start(restarts: int) -> float:
    """Seconds that a process waits which has started itself again so often in a row."""
    return 0.0 if restarts < 2 else float(min(LONGEST_PAUSE_S, 0.25 * 2**restarts))


def restarts_before() -> int:
    """Lives in a row before this one that have replaced themselves."""
    return int(os.environ.get(RESTARTS_VARIABLE, "0"))


def pause_after_restart(settings: Settings, part: Part, say: Callable[[str], None], group: str | None = None) -> bool:
    """Whether this process has replaced another; then it has waited a while, and for all that the broker must allow
    this part. Raises as `wait_for_rights`."""
    restarts = restarts_before()
    if restarts:
        log.info("started again", restarts=restarts)
        time.sleep(pause_before_start(restarts))
        wait_for_rights(settings, part, say, group)
    return restarts > 0


def slow_lives() -> int:
    """Lives in a row before this one that ended by a turn that took too long."""
    return int(os.environ.get(SLOW_VARIABLE, "0"))


def transaction_timeout_s(configured_s: float, slow: int) -> float:
    """For this life. What cannot be written in smaller turns, as a customer of many ids who goes to another partition,
    gets more time with each life that it has ended."""
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
    write_what_is_said()
    in_a_row = 0 if lived_s > HEALTHY_AFTER_S else restarts_before()
    os.environ[RESTARTS_VARIABLE] = str(min(in_a_row + 1, 20))
    if away_since_s is None:
        os.environ.pop(AWAY_VARIABLE, None)
    else:
        os.environ[AWAY_VARIABLE] = str(away_since_s or time.time())
    os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])  # noqa: S606 - our own command line
