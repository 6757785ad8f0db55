"""`python -m tests.support.next_release COMMAND`: this package as a later release of it might be, which keeps more: of
every customer, of the partition, in records of its own, and in what a state was made under.

What it has written, and a worker of this release has written anew, must still hold what it keeps.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from service.domain import customer_record, roster
from service.domain.changelog import MADE_UNDER_KEY, PARTITION_KEY
from service.domain.effects import moves
from service.domain.partition_state import PartitionState
from service.streaming import job
from service.streaming.producer import Record

OF_CUSTOMER: Final = {"next_release": [1, "anything"]}
OF_PARTITION: Final = "next release"
OWN_KEY: Final = b"\0next-release"
OWN_VALUE: Final = b"\xc1 is no MessagePack"


def with_more(key: bytes, value: bytes) -> bytes:
    """A record of the state as the later release writes it."""
    fields: list[Any] = msgspec.msgpack.decode(value)
    if key == PARTITION_KEY:
        return value if OF_PARTITION in fields else msgspec.msgpack.encode([*fields, OF_PARTITION])
    rare = fields.pop() if isinstance(fields[-1], dict) else {}
    return msgspec.msgpack.encode([*fields, rare | OF_CUSTOMER])


def holds_more(key: bytes, value: bytes) -> bool:
    """Whether it is as the later release writes it."""
    return with_more(key, value) == value


def without_more(key: bytes, value: bytes) -> bytes:
    """A record of the state as this release would have written it."""
    if key.startswith(b"\0") and key != PARTITION_KEY:
        return value
    fields: list[Any] = msgspec.msgpack.decode(value)
    if key == PARTITION_KEY:
        return msgspec.msgpack.encode(fields[:-1]) if fields[-1] == OF_PARTITION else value
    if isinstance(fields[-1], dict):
        rare = {name: more for name, more in fields.pop().items() if name not in OF_CUSTOMER}
        fields += [rare] if rare else []
    return msgspec.msgpack.encode(fields)


def become() -> None:
    """The worker of this process is of the later release."""
    usual_snapshot, usual_pack, usual_drain = customer_record.snapshot, PartitionState.pack, job.PartitionJob.drain

    def snapshot(customer: Any) -> bytes:
        return with_more(b"", usual_snapshot(customer))

    def pack(self: PartitionState) -> bytes:
        return with_more(PARTITION_KEY, usual_pack(self))

    def drain(self: job.PartitionJob, *args: Any, **options: Any) -> job.Written | None:
        written = usual_drain(self, *args, **options)
        if written is not None:
            for place, records in written.records.items():
                if place in {self.state, self.ledger}:
                    records[:] = [_made_under_more(record) for record in records] + [(OWN_KEY, OWN_VALUE)]
        return written

    for room in (roster, moves):
        vars(room)["snapshot"] = snapshot
    PartitionState.pack = pack  # type: ignore[method-assign]
    job.PartitionJob.drain = drain  # type: ignore[method-assign]


def _made_under_more(record: Record) -> Record:
    key, value = record
    if key != MADE_UNDER_KEY or value is None:
        return record
    return key, msgspec.msgpack.encode({**msgspec.msgpack.decode(value), "next_release": True})


if __name__ == "__main__":
    from service.cli import main

    become()
    main()
