"""Whether the addresses that brokers are known by lead to one cluster.

Each client takes whichever answers first. Of two clusters with the same topics, as of a test and the real one, it would
read here, write there, and find its state in a third place, with no error anywhere.
"""

from __future__ import annotations

import asyncio
from typing import Final

from aiokafka.errors import KafkaError

from service.cluster.topic_ids import cluster_now
from service.config import KafkaSettings
from service.connection import new_async_client
from service.errors import ChurnAlertError, ConfigurationError

_ANSWER_S: Final = 3.0
_found: Final[set[str]] = set()
"""Addresses that are known to lead to one cluster, as they are set."""


def refuse_two_clusters(kafka: KafkaSettings) -> None:
    """Asks each address, once for each process; who does not answer says nothing. Raises ConfigurationError."""
    addresses = list(
        dict.fromkeys(address.strip() for address in kafka.bootstrap_servers.split(",") if address.strip())
    )
    if len(addresses) < 2 or kafka.bootstrap_servers in _found:
        return
    hold_to_one(asyncio.run(_ask_all(kafka, addresses)))
    _found.add(kafka.bootstrap_servers)


def hold_to_one(clusters: dict[str, str]) -> None:
    """Address → the id of its cluster, empty where it is not known. Raises ConfigurationError where they differ."""
    known = {address: cluster for address, cluster in clusters.items() if cluster}
    if len(set(known.values())) > 1:
        told = ", ".join(f"{address} belongs to {cluster}" for address, cluster in known.items())
        raise ConfigurationError(
            f"kafka.bootstrap_servers names brokers of more than one cluster: {told}. What is read from one would be written "
            "to another: name those of one."
        )


async def _ask_all(kafka: KafkaSettings, addresses: list[str]) -> dict[str, str]:
    told = await asyncio.gather(*[_ask(kafka, address) for address in addresses])
    return dict(zip(addresses, told, strict=True))


async def _ask(kafka: KafkaSettings, address: str) -> str:
    try:
        async with asyncio.timeout(_ANSWER_S):
            only = kafka.model_copy(update={"bootstrap_servers": address})
            client = new_async_client(only, request_timeout_ms=int(_ANSWER_S * 1000))
            try:
                await client.bootstrap()
                return await cluster_now(client)
            finally:
                await client.close()
    except (KafkaError, OSError, TimeoutError, ChurnAlertError, ValueError):
        return ""
