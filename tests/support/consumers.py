"""Consumers of tests, which read to where a topic ends and ask for the next end at once."""

from __future__ import annotations

from typing import Any

from kafka import KafkaConsumer

SHORTLY_MS = 20
"""A broker answers a connection's questions one after the other: a fetch that waits there for new records, for half a
second by default, holds up the next one."""


def committed_records(bootstrap_servers: str, **options: Any) -> KafkaConsumer:
    """In no group, with nothing assigned; reads what is committed, from the beginning. `options`: KafkaConsumer's."""
    return KafkaConsumer(
        bootstrap_servers=bootstrap_servers,
        isolation_level="read_committed",
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        fetch_max_wait_ms=SHORTLY_MS,
        **options,
    )
