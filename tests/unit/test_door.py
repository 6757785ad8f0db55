"""Who runs and is not let in any more hears why, once, and hears when it is over; a right that was taken is named."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from aiokafka.errors import (
    GroupAuthorizationFailedError,
    KafkaError,
    TopicAuthorizationFailedError,
    TransactionalIdAuthorizationFailed,
)
from structlog.testing import capture_logs

from service.cluster import topics
from service.cluster.topic_rights import Part
from service.config import KafkaSettings, Settings
from service.connection import Door, NoBrokerError, Refusal, RefusedError
from service.connection import door as door_module
from service.errors import ConfigurationError, StartAgainError, TransientError
from service.streaming import rights
from service.web.probes import _details
from service.web.waiting import waiting_facts

WRONG = "The broker at kafka:9093 refuses the login of 'shop'."


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(door_module, "LOOK_S", 0.0)
    monkeypatch.setattr("service.streaming.rights.time.sleep", lambda _: None)


def looks(*found: str | Exception) -> Callable[[KafkaSettings], str]:
    """Each look finds the next of these; after the last the test ends."""
    rest: Iterator[str | Exception] = iter(found)

    def look(_: KafkaSettings) -> str:
        each = next(rest, asyncio.CancelledError())
        if isinstance(each, BaseException):
            raise each
        return each

    return look


def watched(*found: str | Exception) -> tuple[list[tuple[str, str]], str]:
    """What is said, and why we are refused at the end."""
    door = Door(KafkaSettings(), looks(*found))
    with capture_logs() as told, pytest.raises(asyncio.CancelledError):
        asyncio.run(door.watch(lambda: True))
    return [(each["event"], each.get("told", "")) for each in told], door.refused


def test_who_is_refused_is_told_once_and_when_it_is_over() -> None:
    said, refused = watched(RefusedError(WRONG), RefusedError(WRONG), NoBrokerError("nobody"), "kafka:9093")

    assert said == [("the broker does not let us in; trying again", WRONG), ("the broker lets us in again", "")]
    assert refused == ""


def test_another_reason_is_told_anew_and_a_broker_that_is_away_refuses_nothing() -> None:
    said, refused = watched(
        NoBrokerError("nobody"), TransientError("no token"), RefusedError(WRONG), RefusedError("expired")
    )

    assert [told for _, told in said] == [WRONG, "expired"]
    assert refused == "expired"


def test_nobody_looks_while_nothing_fails() -> None:
    door = Door(KafkaSettings(), looks())

    async def watch() -> None:
        async with asyncio.timeout(0.05):
            await door.watch(lambda: False)

    with pytest.raises(TimeoutError):
        asyncio.run(watch())


@pytest.mark.parametrize(
    ("error", "named"),
    [
        (TopicAuthorizationFailedError({"outreach"}), "on topic outreach"),
        (TopicAuthorizationFailedError("state"), "on topic state"),
        (GroupAuthorizationFailedError("churn-alert"), "does not allow Read on group churn-alert"),
        (TransactionalIdAuthorizationFailed("churn-alert-3"), "--transactional-id churn-alert-`"),
    ],
)
def test_a_right_that_the_library_misses_is_a_sentence(error: KafkaError, named: str) -> None:
    assert named in str(rights.about_right(KafkaSettings(), error))


def test_other_errors_are_about_no_right() -> None:
    assert rights.about_right(KafkaSettings(), KafkaError("anything")) is None


def test_a_right_is_waited_for_and_said_once(monkeypatch: pytest.MonkeyPatch) -> None:
    found = iter([["no Write on a."], ["no Write on a."], ["no Read on b."], []])
    monkeypatch.setattr(topics, "rights_missing", lambda *_, **__: next(found))
    said = list[str]()

    rights.wait_for_rights(Settings(), Part.WORKER, said.append)

    assert said == ["Waiting for a right. no Write on a.", "Waiting for a right. no Read on b."]
    assert all(isinstance(line, Refusal) for line in said)


def test_readiness_says_the_refusal_in_the_place_of_a_broker_that_does_not_answer() -> None:
    refused, away = waiting_facts(1_700_000_000.0, WRONG).readiness, waiting_facts(1_700_000_000.0).readiness

    assert (refused.ready, away.ready) == (False, False)
    assert _details(refused) == [WRONG]
    assert _details(away)[0].startswith("no broker has answered since")


def test_who_is_let_in_with_what_the_files_say_by_now_begins_anew_with_it(tmp_path: Path) -> None:
    file = tmp_path / "ca.pem"
    file.write_text("of last year")
    kafka, began_anew = KafkaSettings(security_protocol="SSL", ssl_cafile=file), list[bool]()

    for lasting in (True, False):
        door = Door(kafka, looks(RefusedError(WRONG), ConfigurationError("it cannot be used"), "kafka:9093"))
        file.write_text(f"of this year {lasting}")
        with pytest.raises((StartAgainError, asyncio.CancelledError)) as ended:
            asyncio.run(door.watch(lambda: True, lasting=lasting))
        began_anew.append(ended.type is StartAgainError)

    assert began_anew == [True, False]


def test_files_that_are_as_they_were_are_no_reason_to_begin_anew(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("the same")
    door = Door(KafkaSettings(sasl_password_file=file), looks(RefusedError(WRONG), "kafka:9093"))

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(door.watch(lambda: True))
