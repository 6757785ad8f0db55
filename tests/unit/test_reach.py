"""Since when no broker answers: told after a few seconds, never of a process that was paused itself."""

from __future__ import annotations

import pytest
import structlog

from service.streaming import reach
from service.streaming.reach import AWAY_S, Reach


class Clock:
    """Hand-moved: the monotonic clock, and the wall clock a thousand seconds ahead of it."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def monotonic(self) -> float:
        return self.now

    def time(self) -> float:
        return self.now + 1_000


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(reach, "time", made)
    return made


def look_for(seconds: float, clock: Clock, watched: Reach, answered_s: float) -> float:
    """Looks every half second."""
    for _ in range(int(2 * seconds)):
        clock.now += 0.5
        watched.look(answered_s)
    return watched.since_s


def test_a_broker_that_answers_is_not_away(clock: Clock) -> None:
    watched = Reach("kafka:9092")

    for _ in range(100):
        clock.now += 0.5
        assert watched.look(clock.now - 1.0) == 0.0


def test_silence_is_told_once_with_when_it_began_and_its_end_too(clock: Clock) -> None:
    watched = Reach("kafka:9092")
    with structlog.testing.capture_logs() as said:
        before = look_for(AWAY_S - 1, clock, watched, 1_000.0)
        away = look_for(30, clock, watched, 1_000.0)
        back = watched.look(clock.now)

    assert (before, away, back) == (0.0, 2_000.0, 0.0)
    assert [line["event"] for line in said] == ["no broker answers; absences wait", "the broker answers again"]


def test_a_process_that_was_paused_first_hears_what_was_answered_meanwhile(clock: Clock) -> None:
    watched = Reach("kafka:9092")
    clock.now += 60

    assert watched.look(1_000.0) == 0.0
    assert look_for(AWAY_S - 1, clock, watched, 1_000.0) == 0.0
    assert look_for(2, clock, watched, 1_000.0) == 2_060.0
