"""A small shop whose regulars come due while a test looks on: what a worker on a real broker, by the wall clock, does
then."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime
from typing import Any, Protocol

import httpx
import msgspec
from kafka import TopicPartition
from prometheus_client.parser import text_string_to_metric_families

from service.config import Settings
from service.domain.calendar import DAY_US, HOUR_US, SECOND_US, to_us
from service.domain.events import Purchase
from service.engines import new_engine
from tests.support.consumers import committed_records
from tests.support.worker_process import WorkerProcess

VISITS = 8
PACERS = 24
"""Customers who go on, each at an hour of their own."""
ROUNDS = 7
"""As often is an engine asked about one shop: where a date is found at all, it is found after four or five."""
PATIENCE_S = 300.0
_ANSWER_S = 30.0
TRIES = 5


class TooLateError(AssertionError):
    """The dates of a shop passed before everything was ready."""


def in_time(date_us: int) -> None:
    """Raises TooLateError where that instant has passed."""
    if time.time_ns() // 1000 >= date_us:
        raise TooLateError("the date passed before everything was ready")


def with_time_enough(story: Callable[[int, int], None], head_start_us: int) -> None:
    """Tells it, with the number of the try and the time from now to the dates, until they lie far enough ahead for the
    machine as it is: where it is too late each try begins anew, with twice the time."""
    for number in range(TRIES):
        try:
            story(number, head_start_us << number)
        except TooLateError:
            if number == TRIES - 1:
                raise
        else:
            return


def log_of(leavers: int, last_visit_us: int, end_us: int, gap_us: int = DAY_US) -> list[Purchase]:
    """Visits of so many customers, `gap_us` apart, up to `last_visit_us`, and of others who go on until `end_us`; by
    time."""
    events = [
        Purchase(f"v{who}-{visit}", f"leaver-{who}", last_visit_us - (VISITS - 1 - visit) * gap_us + who, 500)
        for who in range(leavers)
        for visit in range(VISITS)
    ]
    first_us = last_visit_us - (VISITS - 1) * gap_us
    events += [
        Purchase(f"p{hour}", f"pacer-{hour % PACERS}", at_us, 500)
        for hour, at_us in enumerate(range(first_us, end_us, HOUR_US))
    ]
    return sorted(events, key=lambda event: event.at_us)


def log_with_dates_at(settings: Settings, leavers: int, date_us: int) -> list[Purchase]:
    """A log up to now after which so many customers come due at that instant, give or take microseconds; `settings`
    set a level, for without one a message may not be worth it.

    How long such customers may stay away follows from what is learned of all of them. So an engine is asked, again and
    again with the visits where its last answer would have them. What is learned weekly has jumps, and at most hours of
    the week the dates of some shops lie in one: then it is a shop whose people come less often. Raises TooLateError
    where the instant has passed before one was found.
    """
    for gap_us in range(DAY_US, 3 * DAY_US, DAY_US // 8):
        silence_us = DAY_US
        for _ in range(ROUNDS):
            in_time(date_us)
            now_us = time.time_ns() // 1000
            log = log_of(leavers, date_us - silence_us, now_us, gap_us)
            engine = new_engine(settings)
            for event in log:
                engine.apply(event, now_us)
            engine.advance(now_us, now_us - SECOND_US)
            leaver = engine.customers["leaver-0"]
            ahead = engine.ladder.rungs_ahead(leaver)
            if not ahead:
                silence_us = silence_us * 4 // 5
                continue
            past_us = leaver.episode.detected_us  # it waits for a slot, which says nothing of its date
            if not past_us and abs(ahead[0][1] - date_us) < SECOND_US // 10:
                return log
            silence_us = (past_us or ahead[0][1]) - leaver.last_us
    raise AssertionError("no log was found whose dates lie ahead")


class Speaks(Protocol):
    """A process, or several."""

    @property
    def log(self) -> str: ...


def until(holds: Callable[[], bool], what: str, who: Speaks | None = None) -> None:
    """Waits for something that real processes do; fails with its name, and with what they say instead."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        asked_s = time.monotonic()
        try:
            if holds():
                return
        except httpx.TransportError:
            pass
        if time.monotonic() > deadline:
            raise AssertionError(f"not in {PATIENCE_S:.0f} s: {what}\n{who.log[-3000:] if who else ''}")
        # Who is asked has something better to do: the questions take a third of the time at most.
        time.sleep(max(0.05, 2.0 * (time.monotonic() - asked_s)))


def readiness(address: str) -> tuple[int, dict[str, Any]]:
    """Status and body of /readyz."""
    answer = httpx.get(f"{address}/readyz", timeout=_ANSWER_S)
    body: dict[str, Any] = answer.json()
    return answer.status_code, body


def until_told(address: str, status: int, words: str, worker: WorkerProcess) -> dict[str, Any]:
    """Waits until /readyz answers so and one of its details holds those words; returns its body. What the page serves
    is a second old at most, and each answer by itself: none of them follows from another."""
    told: dict[str, Any] = {}

    def says() -> bool:
        nonlocal told
        answered, told = readiness(address)
        return answered == status and any(words in detail for detail in told["details"])

    until(says, f"readiness says {status} and {words!r}", worker)
    return told


def metric(address: str, name: str, **labels: str) -> float | None:
    """The value of one series; None where there is none."""
    for family in text_string_to_metric_families(httpx.get(f"{address}/metrics", timeout=_ANSWER_S).text):
        for sample in family.samples:
            if sample.name == name and labels.items() <= sample.labels.items():
                return float(sample.value)
    return None


class Decisions:
    """What was decided for whom, as a reader of committed records sees it."""

    def __init__(self, settings: Settings) -> None:
        self._consumer = committed_records(settings.kafka.bootstrap_servers)
        self._tp = TopicPartition(settings.kafka.topics.outreach_decisions, 0)
        self._consumer.assign([self._tp])
        self._consumer.seek_to_beginning(self._tp)
        self._found: list[tuple[str, str, str]] = []
        self.decided_us: list[int] = []
        """When each of them was decided."""

    def all(self) -> list[tuple[str, str, str]]:
        """(customer, outcome, reason) of all that is committed at the moment of asking, in order."""
        end, deadline = self._consumer.end_offsets([self._tp])[self._tp], time.monotonic() + PATIENCE_S
        while self._consumer.position(self._tp) < end:
            for records in self._consumer.poll(timeout_ms=50).values():
                for record in records:
                    told = msgspec.json.decode(record.value)["data"]
                    self._found.append((told["customer_id"], told["outcome"], told["reason"]))
                    self.decided_us.append(to_us(datetime.fromisoformat(told["decided_at"])))
            assert time.monotonic() < deadline, f"the decisions cannot be read up to {end}"
        return self._found

    def close(self) -> None:
        self._consumer.close()
