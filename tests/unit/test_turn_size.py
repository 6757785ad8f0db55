"""Turns on brokers that are slow, far away or allow so many bytes a second: none outlives its transaction, all the work
gets done, and a broker that recovers is used again."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.streaming.turn_size import LARGEST_BYTES, LEAST_BYTES, SHARE, START_BYTES, Expected, TurnSize
from tests.support.examples import examples

TIMEOUT_S = 10.0
MB = 1 << 20
UNUSED_S = 10.0
"""Of a quota, so much time's allowance may be saved up: Kafka's brokers look at eleven windows of a second."""


@dataclass
class Broker:
    """Time passes while it commits."""

    quota: float = 1e12
    """Bytes a second that are allowed; what was not used of the last ten seconds may be sent at once."""
    speed: float = 50e6
    latency_s: float = 0.02
    now_s: float = 0.0
    _saved: float = field(init=False)

    def __post_init__(self) -> None:
        self._saved = UNUSED_S * self.quota

    def allow(self, quota: float) -> None:
        """From now on."""
        self.quota, self._saved = quota, UNUSED_S * quota

    def rest(self, seconds: float) -> None:
        self.now_s += seconds
        self._saved = min(UNUSED_S * self.quota, self._saved + seconds * self.quota)

    def commit(self, size: int) -> float:
        took_s = self.latency_s + size / self.speed
        self._saved -= size
        self.rest(took_s)
        if self._saved < 0:  # what is too much is waited for
            held_s = -self._saved / self.quota
            self.rest(held_s)
            took_s += held_s
        return took_s


def work(broker: Broker, turns: TurnSize, size: int, computing_s_per_mb: float = 0.05) -> list[float]:
    """Seconds that each transaction took until so many bytes were written."""
    took: list[float] = []
    while size > 0:
        most = turns.most(broker.now_s)
        assert LEAST_BYTES <= most <= LARGEST_BYTES
        written = min(size, most)
        broker.rest(computing_s_per_mb * written / MB)
        took.append(broker.commit(written))
        turns.committed(written, took[-1], broker.now_s)
        size -= written
        assert len(took) < 20_000, "an endless row of tiny turns"
    return took


@settings(max_examples=examples(50))
@given(
    quota=st.floats(60e3, 50e6),
    latency_s=st.floats(0.005, 1.0),
    speed=st.floats(1e6, 200e6),
    computing=st.floats(0.0, 0.5),
    size=st.integers(1, 40 * MB),
)
def test_no_turn_outlives_its_transaction_and_the_work_is_done_at_the_speed_allowed(
    quota: float, latency_s: float, speed: float, computing: float, size: int
) -> None:
    broker = Broker(quota, speed, latency_s)
    took = work(broker, TurnSize(TIMEOUT_S), size, computing)

    assert max(took) < TIMEOUT_S
    least_s = size / min(quota, speed) + computing * size / MB
    assert broker.now_s < 3 * least_s + 60 * latency_s + 20 * latency_s * size / MB + 10


def test_thirty_thousand_new_customers_at_a_megabyte_a_second() -> None:
    broker = Broker(quota=1e6)
    took = work(broker, TurnSize(TIMEOUT_S), 60 * MB)

    assert max(took) <= TIMEOUT_S / 2
    assert broker.now_s == pytest.approx(60 * MB / 1e6 - UNUSED_S, rel=0.1), "the quota is used, and nothing is idle"


@settings(max_examples=examples(30))
@given(before=st.floats(2e6, 100e6), after=st.floats(1e6, 20e6), latency_s=st.floats(0.005, 0.2))
def test_a_quota_that_comes_in_the_middle_makes_turns_smaller_before_one_is_lost(
    before: float, after: float, latency_s: float
) -> None:
    broker, turns = Broker(before, latency_s=latency_s), TurnSize(TIMEOUT_S)
    work(broker, turns, 100 * MB)
    broker.allow(min(before, after))

    assert max(work(broker, turns, 60 * MB)) < TIMEOUT_S


@settings(max_examples=examples(30))
@given(slow=st.floats(1e4, 3e5), quick=st.floats(10e6, 100e6), turns_while_slow=st.integers(1, 30))
def test_a_broker_that_is_quick_again_gets_large_turns_again(slow: float, quick: float, turns_while_slow: int) -> None:
    broker, turns = Broker(speed=quick), TurnSize(TIMEOUT_S)
    work(broker, turns, 40 * MB)
    broker.speed = slow
    for _ in range(turns_while_slow):
        size = min(turns.most(broker.now_s), 2 * MB)
        turns.committed(size, broker.commit(size), broker.now_s)
    broker.speed = quick
    before_s = broker.now_s
    work(broker, turns, 200 * MB)

    assert turns.most(broker.now_s) >= 4 * MB
    assert broker.now_s - before_s < 3 * 200 * MB / quick + 20


def test_a_turn_in_danger_is_followed_by_one_of_the_time_aimed_at() -> None:
    turns = TurnSize(TIMEOUT_S)
    for second in range(40):
        turns.committed(8 * MB, 0.5, second / 4)
    assert turns.most(10.0) == LARGEST_BYTES

    turns.committed(8 * MB, 8.0, 18.0)

    assert turns.most(18.0) == int(8 * MB * SHARE * TIMEOUT_S / 8.0)


def test_after_quiet_nothing_is_proven() -> None:
    turns = TurnSize(TIMEOUT_S)
    for second in range(10):
        turns.committed(8 * MB, 0.5, second)

    assert turns.most(9.0) == LARGEST_BYTES
    assert turns.most(9.0 + TIMEOUT_S) == START_BYTES


@pytest.mark.parametrize(("lives", "first"), [(0, START_BYTES), (1, START_BYTES // 8), (9, LEAST_BYTES)])
def test_after_a_life_that_a_turn_has_ended_the_next_begins_smaller(lives: int, first: int) -> None:
    assert TurnSize(TIMEOUT_S, lives).most(0.0) == first


def test_what_a_record_takes_is_foreseen_rather_too_large() -> None:
    expected = Expected(600)
    expected.learn(32_000, 16)
    assert expected.size == 2_000
    expected.learn(500_000, 3)
    assert expected.size == 2_000, "what every turn writes beside the few is not theirs"
    for _ in range(40):
        expected.learn(400 * 100, 100)
    assert expected.size == 400
    expected.learn(0, 0)
    assert expected.size == 400
