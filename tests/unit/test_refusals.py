"""What is refused is said in the log: at once, and then once a minute while it goes on."""

from __future__ import annotations

import pytest
from aiokafka.structs import ConsumerRecord
from structlog.testing import capture_logs

from service.streaming.refusals import Refusals


def record(topic: str, offset: int) -> ConsumerRecord:
    return ConsumerRecord(topic, 3, offset, 0, 0, b"ann", b"x", None, 0, 0, ())


def test_the_first_refusal_is_said_at_once_and_those_of_the_next_minute_together() -> None:
    now = [100.0]
    refusals = Refusals(lambda: now[0])

    with capture_logs() as told:
        refusals.tell()
        refusals.note([(record("purchases", 7), "unknown_currency")])
        refusals.tell()
        for second in range(90):
            now[0] = 101.0 + second
            refusals.note([(record("purchases", second), "unknown_currency"), (record("surveys", second), "not_json")])
            refusals.tell()
        now[0] += 300
        refusals.tell()
        refusals.tell()

    first, minute, rest = told
    assert (first["records"], first["topics"], first["reasons"]) == (1, {"purchases": 1}, {"unknown_currency": 1})
    assert first["example"] == "purchases partition 3 offset 7"
    assert "dead-letters list" in first["event"]
    assert minute["topics"] == {"purchases": 60, "surveys": 60}
    assert minute["reasons"] == {"purchases: unknown_currency": 60, "surveys: not_json": 60}
    assert rest["records"] == 60


def test_nothing_is_said_while_nothing_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with capture_logs() as told:
        Refusals().tell()

    assert told == []
    assert capsys.readouterr().out == ""
