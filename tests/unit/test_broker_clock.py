"""Our clock against the broker's: what an answer proves, when one is asked for, and what comes of it in a producer."""

from __future__ import annotations

import pytest

from service.cluster.topic_problems import Existing, clock_not_checked
from service.streaming.broker_clock import BrokerClock

S = 1_000_000
NOW_US = 1_790_000_000 * S


class Clocks:
    """Both by hand."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.us, self.steady_us = NOW_US, 0
        monkeypatch.setattr("time.time_ns", lambda: self.us * 1000)
        monkeypatch.setattr("time.monotonic_ns", lambda: self.steady_us * 1000)
        monkeypatch.setattr("time.monotonic", lambda: self.steady_us / S)

    def pass_s(self, seconds: float) -> None:
        self.us += int(seconds * S)
        self.steady_us += int(seconds * S)


@pytest.fixture
def clocks(monkeypatch: pytest.MonkeyPatch) -> Clocks:
    return Clocks(monkeypatch)


@pytest.mark.parametrize(
    ("sent_s", "answered_s", "ahead_s"),
    [(-1, 1, 0), (0, 0, 0), (3_600, 3_601, 3_600), (-3_601, -3_600, -3_600), (-3_600, 3_600, 0)],
    ids=["right", "at once", "an hour ahead", "an hour behind", "an answer that took hours proves nothing"],
)
def test_an_instant_that_lies_before_the_question_or_behind_the_answer_proves_a_wrong_clock(
    sent_s: int, answered_s: int, ahead_s: int
) -> None:
    clock = BrokerClock(300)

    clock.heard(NOW_US + sent_s * S, NOW_US, NOW_US + answered_s * S)

    assert clock.ahead_s == ahead_s
    assert bool(clock.reason) == (ahead_s != 0)


def test_what_is_off_by_less_than_may_be_is_right() -> None:
    clock = BrokerClock(300)
    clock.heard(NOW_US + 299 * S, NOW_US, NOW_US + 299 * S)

    assert (clock.ahead_s, clock.reason) == (299, "")


def test_it_is_asked_at_the_beginning_each_hour_when_a_clock_was_set_and_often_while_one_is_off(clocks: Clocks) -> None:
    clock = BrokerClock(300)
    first = clock.asks
    clock.heard(clocks.us, clocks.us, clocks.us)
    clocks.pass_s(3_599)
    rests = clock.asks
    clocks.us += 3_600 * S
    leapt = clock.asks
    clock.heard(clocks.us, clocks.us - 3_600 * S, clocks.us)
    off = clock.asks
    clocks.pass_s(6)

    assert [first, rests, leapt, off, clock.asks] == [True, False, True, False, True]
    assert clock.reason == "the clock of this machine is 3,600 s ahead of the broker's: set whichever is wrong"
    clocks.us -= 3_600 * S
    assert clock.asks, "it was set right"
    clock.heard(clocks.us, clocks.us, clocks.us)
    clocks.pass_s(6)
    assert (clock.reason, clock.asks) == ("", False)
    clocks.pass_s(3_600)
    assert clock.asks


def test_a_topic_that_is_stamped_by_producers_says_nothing_and_is_not_asked_for_ever(clocks: Clocks) -> None:
    clock = BrokerClock(300)
    clock.heard(clocks.us, 0, clocks.us)

    assert (clock.reason, clock.asks) == ("", False)


@pytest.mark.parametrize(
    ("configs", "told"),
    [
        ({"message.timestamp.type": "CreateTime"}, 1),
        ({"message.timestamp.type": "LogAppendTime"}, 0),
        ({}, 0),
        (None, 0),
    ],
    ids=["of a release before", "as it is made", "not shown", "not there"],
)
def test_what_cannot_be_checked_is_told_with_the_cure(configs: dict[str, str] | None, told: int) -> None:
    existing = {} if configs is None else {"ledger": Existing(1, configs)}

    said = clock_not_checked("ledger", existing)

    assert len(said) == told
    assert all("--entity-name ledger --add-config message.timestamp.type=LogAppendTime" in each for each in said)
