"""The partition's own record as it is stored (partition_state.py)."""

from __future__ import annotations

from typing import Any

import msgspec

from service.domain.wide_numbers import hold


class PartitionRecord(msgspec.Struct, array_like=True):
    """New elements are appended with defaults."""

    version: int
    clock: list[Any]
    population: list[Any]
    release: list[Any]
    volume: list[Any] = []
    """Empty without a volume."""
    realised: list[list[Any]] = []
    brake_visits: int = 0
    delay: list[Any] = []
    gap: list[Any] = []
    judgements: int = 0
    published: int = 0
    rhythm: list[Any] = []


def record_of(value: bytes) -> PartitionRecord:
    """Back from the changelog. Raises ValueError for a record that is none."""
    try:
        return msgspec.msgpack.decode(value, type=PartitionRecord, ext_hook=hold)
    except msgspec.MsgspecError as error:
        raise ValueError(f"not a partition's record: {error}") from error
