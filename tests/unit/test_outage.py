"""What aiokafka repeats several times a second is one line for a person, and it says what is the case."""

from __future__ import annotations

import logging

import pytest
import structlog
from aiokafka.errors import (
    GroupCoordinatorNotAvailableError,
    KafkaConnectionError,
    NotEnoughReplicasError,
    RequestTimedOutError,
)

from service.streaming import outage
from service.streaming.outage import PATIENCE_S, QUIET_S, Outage

LOOKUP = "Group Coordinator Request failed: %s"
UNREACHED = 'Unable connect to "%s:%s": %s'


class Clock:
    """A hand-moved monotonic clock."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(outage, "time", made)
    return made


def heard(handler: Outage, message: str, *arguments: object) -> list[str]:
    """What is said to one message of aiokafka's."""
    record = logging.LogRecord("aiokafka", logging.ERROR, __file__, 1, message, arguments, None)
    with structlog.testing.capture_logs() as said:
        handler.emit(record)
    return [line["event"] for line in said]


@pytest.mark.parametrize(
    ("message", "arguments"),
    [
        (UNREACHED, ("kafka", 9092, KafkaConnectionError())),
        (LOOKUP, (RequestTimedOutError(),)),
        (LOOKUP, (KafkaConnectionError(),)),
    ],
)
def test_an_outage_is_told_once_until_it_has_been_quiet(
    clock: Clock, message: str, arguments: tuple[object, ...]
) -> None:
    handler = Outage("kafka:9092")

    assert heard(handler, message, *arguments) == ["the broker does not answer; trying again"]
    clock.now += 1
    assert heard(handler, message, *arguments) == []
    assert handler.within(2)
    clock.now += QUIET_S + 1
    assert len(heard(handler, message, *arguments)) == 1
    assert handler.count == 2


def test_a_broker_that_makes_its_first_group_is_not_called_silent(clock: Clock) -> None:
    handler = Outage("kafka:9092")

    for _ in range(20):
        assert heard(handler, LOOKUP, GroupCoordinatorNotAvailableError()) == []
        clock.now += 0.1

    assert handler.count == 0
    assert not handler.within(60)


def test_a_broker_that_never_has_a_coordinator_is_told_about_once_with_the_likely_cause(clock: Clock) -> None:
    handler, said = Outage("kafka:9092"), []

    for _ in range(int(3 * PATIENCE_S)):
        said += heard(handler, LOOKUP, GroupCoordinatorNotAvailableError())
        clock.now += 1

    assert len(said) == 1
    assert "replication" in said[0]
    assert "does not answer" not in said[0]
    clock.now += QUIET_S
    assert heard(handler, LOOKUP, GroupCoordinatorNotAvailableError()) == []


def test_other_errors_go_their_usual_way(clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR):
        assert heard(Outage("kafka:9092"), "Something else: %s", "broken") == []

    assert "Something else: broken" in caplog.text


@pytest.mark.parametrize(
    "error",
    [
        NotEnoughReplicasError,
        "The size of the current ISR : 1 is insufficient to satisfy the min.isr requirement of 2 for partition scores-0",
    ],
)
def test_too_few_replicas_are_one_line_and_an_outage_until_it_is_over(clock: Clock, error: object) -> None:
    handler = Outage("kafka:9092")
    produced = "Got error produce response on topic-partition %s, retrying. Error: %s"

    said = [line for _ in range(50) for line in heard(handler, produced, "scores-0", error)]

    assert said == ["the broker takes no records: too few replicas are in sync; trying again"]
    assert handler.within(2)
    assert handler.count == 1


def test_another_error_of_a_record_goes_its_usual_way(clock: Clock) -> None:
    handler = Outage("kafka:9092")

    assert heard(handler, "Got error produce response on topic-partition %s: %s", "scores-0", "moved") == []
    assert not handler.within(2)
