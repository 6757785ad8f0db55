"""A broker that goes while the topics are looked at: no problem of theirs, and no reason to end for good."""

from __future__ import annotations

import math
from typing import Any

import pytest

from service.cluster import topics
from service.config import Settings
from service.connection import NoBrokerError
from service.errors import TransientError


@pytest.fixture(autouse=True)
def a_broker_that_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(*_: Any) -> Any:
        raise NoBrokerError("The broker stopped answering: try again.")

    monkeypatch.setattr(topics, "_seen", gone)


def test_who_waits_is_told_that_it_will_pass() -> None:
    with pytest.raises(TransientError, match="try again"):
        topics.check(Settings(), wait_s=math.inf)


def test_who_asks_once_gets_it_as_the_answer() -> None:
    assert topics.check(Settings()) == ["The broker stopped answering: try again."]
