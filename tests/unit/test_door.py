"""Who runs and is not let in any more hears why, once, and hears when it is over; a right that was taken is named."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

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
from service.config import KafkaSettings, Settings, secret_by_now
from service.connection import (
    REFUSED_LONG_S,
    Door,
    LoginRefusedError,
    NoBrokerError,
    Refusal,
    RefusedError,
    RefusedForLongError,
)
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


@pytest.mark.parametrize("name", ["sasl_password", "oauth_client_secret", "ssl_key_password"])
def test_every_secret_of_a_file_is_read_again_and_its_change_is_seen(name: str, tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("of last year")
    kafka = KafkaSettings(**{f"{name}_file": file})
    made_with = door_module._papers(kafka)

    file.write_text("of this year!")

    assert door_module._papers(kafka) != made_with
    assert secret_by_now(getattr(kafka, name), file) == "of this year!"
    file.unlink()
    assert secret_by_now(getattr(kafka, name), file) == "of last year", "somebody is writing it"


def test_files_that_are_as_they_were_are_no_reason_to_begin_anew(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("the same")
    door = Door(KafkaSettings(sasl_password_file=file), looks(RefusedError(WRONG), "kafka:9093"))

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(door.watch(lambda: True))


LOGIN: dict[str, Any] = {
    "security_protocol": "SASL_PLAINTEXT",
    "allow_plaintext_credentials": True,
    "sasl_username": "shop",
    "sasl_password": "of-last-year",
}


def ended_after(seconds: float, kafka: KafkaSettings, *found: str | Exception) -> BaseException:
    """What ends a watch whose looks are so many seconds apart."""
    clock = iter(range(1_000))
    door = Door(kafka, looks(*found), lambda: next(clock) * seconds)
    with pytest.raises((RefusedForLongError, asyncio.CancelledError)) as ended:
        asyncio.run(door.watch(lambda: True))
    return ended.value


def test_who_is_refused_for_long_with_a_secret_that_only_a_start_reads_ends_with_the_cure(tmp_path: Path) -> None:
    """Its supervisor starts it again, with what the environment and the settings say by then."""
    refused = [LoginRefusedError(WRONG) for _ in range(4)]
    given, in_a_file = KafkaSettings(**LOGIN), dict(LOGIN)
    file = tmp_path / "password"
    file.write_text(in_a_file.pop("sasl_password"))

    ended = ended_after(REFUSED_LONG_S / 2, given, *refused)
    assert isinstance(ended, RefusedForLongError)
    assert str(ended).startswith(WRONG)
    assert "kafka.sasl_password is in the environment" in str(ended)

    elsewhere = KafkaSettings(**in_a_file, sasl_password_file=file)
    goes_on: list[tuple[KafkaSettings, float, list[Exception]]] = [
        (elsewhere, REFUSED_LONG_S, list(refused)),  # it is read for each look
        (given, REFUSED_LONG_S / 10, list(refused)),
        (given, REFUSED_LONG_S, [RefusedError("the certificate") for _ in refused]),
        (given, REFUSED_LONG_S * 0.9, [refused[0], NoBrokerError("nobody"), refused[1]]),
    ]
    assert not [one for one in goes_on if isinstance(ended_after(one[1], one[0], *one[2]), RefusedForLongError)]


def test_who_waits_for_a_broker_gives_up_a_secret_that_only_a_start_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(range(1_000))
    monkeypatch.setattr("service.cluster.topics.time.monotonic", lambda: next(clock) * REFUSED_LONG_S / 10)
    monkeypatch.setattr("service.cluster.topics.time.sleep", lambda _: None)

    def refuse(*_: object, **__: object) -> None:
        raise LoginRefusedError(WRONG)

    monkeypatch.setattr(topics, "new_admin", refuse)
    said = list[str]()

    with pytest.raises(RefusedForLongError):
        topics.connect(KafkaSettings(**LOGIN), math.inf, said.append)

    assert [WRONG in line for line in said] == [True]
