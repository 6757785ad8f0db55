"""A partition that gets no further although brokers answer is told of, and the process begins again, once."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from structlog.testing import capture_logs

from service.config import KafkaSettings
from service.errors import StartAgainError
from service.streaming.standstill import ONCE_IN_S, STOOD_STILL_VARIABLE, TOLD_AFTER_S, Standstill

KAFKA = KafkaSettings(request_timeout_s=10, rebalance_timeout_s=20, transaction_timeout_s=10)
LIMIT_S = 30 + 2 * 10 + 20
LOOK_S = 0.5
PRODUCER = "its producer to be let in"


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    clock = [1_000.0]
    monkeypatch.delenv(STOOD_STILL_VARIABLE, raising=False)
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    monkeypatch.setattr(time, "time", lambda: 1.7e9 + clock[0])
    return clock


def looked(
    now: list[float], still: Standstill, seconds: float, what: Callable[[int], str], **how: bool
) -> float | None:
    """Looks for so long; `what` tells, by the number of the look, what partition 3 waits for. Returns after how many
    seconds the process was to begin again; None: it was not."""
    for number in range(int(seconds / LOOK_S)):
        now[0] += LOOK_S
        try:
            still.look({1: "", 3: what(number)}, reachable=how.get("reachable", True))
        except StartAgainError:
            return (number + 1) * LOOK_S
    return None


def test_one_that_waits_is_told_of_once_and_begun_again_at_the_limit(now: list[float]) -> None:
    still = Standstill(KAFKA)
    with capture_logs() as said:
        began_s = looked(now, still, 2 * LIMIT_S, lambda _: PRODUCER)

    assert began_s is not None
    assert LIMIT_S <= began_s <= LIMIT_S + 3 * LOOK_S
    assert said == [
        {"event": "a partition gets no further", "log_level": "warning", "partition": 3, "waits_for": PRODUCER}
    ]


def test_one_that_goes_on_is_told_of_as_well(now: list[float]) -> None:
    still = Standstill(KAFKA)
    with capture_logs() as said:
        for _ in range(3):
            assert looked(now, still, TOLD_AFTER_S + 5, lambda _: PRODUCER) is None
            assert looked(now, still, 1, lambda _: "") is None

    assert [each["event"] for each in said] == ["a partition gets no further", "a partition goes on"] * 3


def test_the_sentence_names_the_partition_and_what_it_waits_for(now: list[float]) -> None:
    still = Standstill(KAFKA)
    for _ in range(int(LIMIT_S / LOOK_S) + 1):
        now[0] += LOOK_S
        still.look({3: "word of purchases"}, reachable=True)
    now[0] += LOOK_S
    with pytest.raises(StartAgainError, match=r"^Partition 3 has waited for word of purchases for 7\d s, while"):
        still.look({3: "word of purchases"}, reachable=True)


def test_progress_is_no_standstill(now: list[float]) -> None:
    with capture_logs() as said:
        assert looked(now, Standstill(KAFKA), 600, lambda number: f"its state, {number // 30} records so far") is None
    assert said == []


def test_while_no_broker_answers_nothing_stands_still_by_itself(now: list[float]) -> None:
    assert looked(now, Standstill(KAFKA), 600, lambda _: PRODUCER, reachable=False) is None


def test_who_was_paused_has_not_waited(now: list[float]) -> None:
    still = Standstill(KAFKA)
    assert looked(now, still, 10, lambda _: PRODUCER) is None
    now[0] += 3_600.0
    assert looked(now, still, 30, lambda _: PRODUCER) is None


def test_where_a_new_start_has_not_helped_there_is_none_for_an_hour(now: list[float]) -> None:
    """The others' partitions would stand still with it, again and again."""
    assert looked(now, Standstill(KAFKA), 2 * LIMIT_S, lambda _: PRODUCER) is not None
    assert looked(now, Standstill(KAFKA), ONCE_IN_S - 2 * LIMIT_S, lambda _: PRODUCER) is None
    assert looked(now, Standstill(KAFKA), 3 * LIMIT_S, lambda _: PRODUCER) is not None
