"""Of several addresses, the one that let us in is asked first from then on."""

from __future__ import annotations

import pytest

from service.config import KafkaSettings
from service.connection import NoBrokerError, handshake, look_in


def test_who_is_away_is_waited_for_once_and_not_by_every_client(monkeypatch: pytest.MonkeyPatch) -> None:
    """A broker whose machine is gone takes no connection and refuses none: each attempt waits until its time is up."""
    asked, away = list[str](), {"a:9092", "b:9092"}

    def attempt(_: KafkaSettings, address: str, __: object) -> None:
        asked.append(address)
        if address in away:
            raise TimeoutError

    monkeypatch.setattr(handshake, "_look_in_at", attempt)
    monkeypatch.setattr(handshake, "_let_in", {})
    kafka = KafkaSettings(bootstrap_servers="a:9092, b:9092, c:9092")

    assert [look_in(kafka) for _ in range(3)] == ["c:9092"] * 3
    assert asked == ["a:9092", "b:9092", "c:9092", "c:9092", "c:9092"]

    away.add("c:9092")
    away.remove("a:9092")
    assert look_in(kafka) == "a:9092"
    away.add("a:9092")
    with pytest.raises(NoBrokerError):
        look_in(kafka)
