"""`churn-alert outreach resume` says what it lets go, asks, and does nothing where nothing is held."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from typer.testing import CliRunner, Result

from service.cli import app
from service.inspect.held import Held

SINCE = datetime(2026, 3, 1, 8, 30, tzinfo=UTC)


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Who was told to go on."""
    told: list[object] = []

    def resume(settings: object) -> int:
        told.append(settings)
        return 6

    monkeypatch.setattr("service.streaming.operator.resume_outreach", resume)
    return told


def resumed(monkeypatch: pytest.MonkeyPatch, held: Held, *words: str, answer: str = "") -> Result:
    monkeypatch.setattr("service.inspect.held.held_by_brake", lambda _: held)
    return CliRunner().invoke(app, ["outreach", "resume", *words], input=answer)


def test_it_asks_and_says_how_many_wait(monkeypatch: pytest.MonkeyPatch, told: list[object]) -> None:
    held = Held(1_204, 2, 6, SINCE)

    refused = resumed(monkeypatch, held, answer="n\n")
    assert (refused.exit_code, told) == (1, [])
    assert "1,204 customers wait for a message that the brake holds, since 2026-03-01" in refused.output
    assert "in 2 of 6 partitions" in refused.output

    agreed = resumed(monkeypatch, held, answer="y\n")
    assert (agreed.exit_code, len(told)) == (0, 1)
    assert "6 partitions told" in agreed.output


def test_it_is_told_not_to_ask(monkeypatch: pytest.MonkeyPatch, told: list[object]) -> None:
    done = resumed(monkeypatch, Held(1, 0, 6, None), "--yes")

    assert (done.exit_code, len(told)) == (0, 1)
    assert "1 customer waits for a message that the brake holds, for some days more." in done.output


def test_where_nothing_is_held_nobody_is_told(monkeypatch: pytest.MonkeyPatch, told: list[object]) -> None:
    """The word would be about a surge that nobody has seen yet."""
    done = resumed(monkeypatch, Held(0, 0, 6, None))

    assert (done.exit_code, told) == (0, [])
    assert "Nothing is held" in done.output
