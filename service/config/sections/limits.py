"""`[limits]`: what nobody may exceed."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from service.config.sections.section import Section


class LimitSettings(Section):
    max_value_bytes: Annotated[int, Field(ge=1_024, le=8 << 20)] = 262_144
    """Bytes of the largest record that is read; a larger one is bad input."""
    max_future_skew_s: Annotated[float, Field(gt=0, le=366 * 86_400, allow_inf_nan=False)] = 600.0
    """An event dated further ahead of the wall clock is bad input."""
    set_aside_most: Annotated[int, Field(ge=0, le=10_000)] = 10
    """Records and customers that are set aside after an error of our own, within set_aside_minutes: with more the
    partition stops for a person."""
    set_aside_minutes: Annotated[float, Field(gt=0, le=366 * 1_440, allow_inf_nan=False)] = 60.0
    """See set_aside_most."""
    customers: Annotated[int, Field(ge=1, le=1_000_000_000)] = 1_000_000
    """Customers in a worker's memory, at most, shared by its partitions: beyond them those who have been away longest
    lie in a local store until they come back. Only who has been away for eight weeks can leave: who has not is in
    memory, however many they are. A million take a gigabyte at most, and a tenth of it where they are long lost."""
    store: bool = True
    """Whether customers may leave memory for a local store, a file without a name that ends with the worker. `false`:
    all stay in memory, and nothing of a person is written to this machine's disk."""
    store_directory: str = ""
    """Where that file lies; empty: the system's directory for what is temporary. On an encrypted disk it is as safe as
    the rest of it; on a RAM disk it saves no memory."""
    refused_share: Annotated[float, Field(ge=0.5, le=1, allow_inf_nan=False)] = 0.9
    """Of a source of which more than this share is refused no more is read, once refused_records are beyond it; what it
    holds stays in Kafka. 1: it is never stopped."""
    refused_records: Annotated[int, Field(ge=10, le=1_000_000)] = 200
    """Refused records of an input's partition beyond that share: so many letters at most before it is stopped."""
    max_clock_offset_s: Annotated[float, Field(gt=0, le=366 * 86_400, allow_inf_nan=False)] = 300.0
    """Seconds by which the clock may differ from the broker's, where topics tell when a record was appended: beyond it
    nothing is read on until one of them is set."""
