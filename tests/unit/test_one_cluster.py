"""Brokers of two clusters behind one setting: told, and not worked with."""

from __future__ import annotations

import pytest

from service.cluster import one_cluster
from service.cluster.one_cluster import hold_to_one, refuse_two_clusters
from service.config import KafkaSettings
from service.errors import ConfigurationError


def test_addresses_of_two_clusters_are_named_with_theirs() -> None:
    with pytest.raises(
        ConfigurationError, match=r"more than one cluster: a:1 belongs to X, c:1 belongs to Y.*those of one"
    ):
        hold_to_one({"a:1": "X", "b:1": "", "c:1": "Y"})


@pytest.mark.parametrize("clusters", [{}, {"a:1": "X"}, {"a:1": "X", "b:1": "X"}, {"a:1": "", "b:1": "X"}, {"a:1": ""}])
def test_one_cluster_is_one_whoever_is_silent(clusters: dict[str, str]) -> None:
    hold_to_one(clusters)


def test_each_address_is_asked_once_and_one_alone_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    async def ask(_: KafkaSettings, address: str) -> str:
        asked.append(address)
        return "X"

    monkeypatch.setattr(one_cluster, "_ask", ask)
    monkeypatch.setattr(one_cluster, "_found", set())
    for servers in ("a:1", "a:1, b:1,a:1", "a:1, b:1,a:1"):
        refuse_two_clusters(KafkaSettings(bootstrap_servers=servers))

    assert asked == ["a:1", "b:1"]


def test_nobody_there_is_no_other_cluster() -> None:
    refuse_two_clusters(KafkaSettings(bootstrap_servers="127.0.0.1:1,127.0.0.1:2"))
