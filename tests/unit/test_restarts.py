"""What an error means for the process that met it: one table for workers, deliverers and feeds."""

from __future__ import annotations

import pytest
from aiokafka.errors import (
    KafkaConnectionError,
    ProducerFenced,
    TopicAuthorizationFailedError,
)

from service.config import KafkaSettings
from service.errors import ConfigurationError, ExitCode, FatalError, StartAgainError
from service.refused.quarantine import Kind, Stumbled
from service.streaming.outage import Outage
from service.streaming.producer import TurnTooSlowError
from service.streaming.restarts import Fate, Verdict, verdict_on

KAFKA = KafkaSettings(bootstrap_servers="kafka:9092")
CURED = {
    "the broker went": KafkaConnectionError(),
    "a socket broke": ConnectionResetError(),
    "a right is missing": TopicAuthorizationFailedError({"purchases"}),
    "a turn was too slow": TurnTooSlowError(10, 12.0),
    "an error of our own": Stumbled(Kind.RECORD, b"p-0-1", "a record"),
    "it begins elsewhere": StartAgainError("purchases must be read from the beginning."),
}
NOT_CURED = {
    "a successor fences it": (ProducerFenced(), ExitCode.CRASHED),
    "a promise would be broken": (FatalError("A batch is missing."), ExitCode.CRASHED),
    "a mistake of ours": (KeyError("x"), ExitCode.CRASHED),
    "a setting is wrong": (ConfigurationError("A topic is gone."), ExitCode.CONFIGURATION),
}


def on(error: Exception, *, stops: bool = False, paused: bool = False, away: bool = False) -> Verdict:
    outage = Outage("kafka:9092")
    outage._last_s = 1e12 if away else None
    return verdict_on(error, KAFKA, outage, stops=stops, paused_within=lambda seconds: paused and seconds == 12.0)


@pytest.mark.parametrize("what", CURED)
def test_what_a_new_start_cures(what: str) -> None:
    assert on(CURED[what]).fate is Fate.AGAIN
    assert on(CURED[what], stops=True).fate is Fate.DONE, "who was to end anyway leaves the rest to the next one"


@pytest.mark.parametrize("what", NOT_CURED)
def test_what_waits_for_somebody_else(what: str) -> None:
    error, code = NOT_CURED[what]

    for stops in (False, True):
        verdict = on(error, stops=stops)
        assert (verdict.fate, verdict.code) == (Fate.ENDS, code)
        assert verdict.is_error


def test_only_a_lost_broker_is_away() -> None:
    assert [what for what in CURED if on(CURED[what]).away] == [
        "the broker went",
        "a socket broke",
        "a turn was too slow",
    ]


def test_what_follows_from_an_outage_is_the_outages() -> None:
    assert on(ProducerFenced(), away=True).fate is Fate.AGAIN


def test_a_turn_is_to_blame_for_its_size_only_while_the_broker_answers() -> None:
    assert on(TurnTooSlowError(10, 12.0)).slow
    assert not on(TurnTooSlowError(10, 12.0), away=True).slow


def test_who_stood_still_in_a_turn_may_have_a_successor_and_does_not_begin_by_itself() -> None:
    assert on(TurnTooSlowError(10, 12.0), paused=True).fate is Fate.ENDS
    assert on(KafkaConnectionError(), paused=True).fate is Fate.AGAIN
