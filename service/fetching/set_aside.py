"""Records whose bytes cannot be read or carried, known by the place where they lie."""

from __future__ import annotations

from collections.abc import Callable

import structlog
from aiokafka.structs import ConsumerRecord

from service.errors import ErrorCode

log = structlog.get_logger()


class SetAside(ConsumerRecord):  # type: ignore[misc]  # aiokafka is untyped
    """In the place of one record, or of an unbroken run of them. To a decoder it is a record without a value.

    `offset` is that of the last of them, so that a position that has passed it has passed them all.
    """

    def __init__(
        self,
        topic: str,
        partition: int,
        first: int,
        last: int,
        code: ErrorCode,
        message: str,
        *,
        timestamp: int = -1,
        key: bytes | None = None,
        readable: bytes | None = None,
        size: int | None = None,
        checksum: str | None = None,
    ) -> None:
        super().__init__(topic, partition, last, timestamp, 0, key, b"", None, len(key or b""), 0, ())
        self.first = first
        self.code = code
        self.message = message
        self.readable = readable
        """The value of one record of which something else cannot be carried; None where it is the value, or a run."""
        self.size = size
        """Bytes: of one record as it was packed into its batch, of a run its whole batch as it lies there."""
        self.checksum = checksum
        """Of the same bytes."""

    @property
    def last(self) -> int:
        return int(self.offset)


OnSetAside = Callable[[SetAside], None]
"""What a reader does that cannot hand such a thing out: it returns, and the record is passed over, or raises."""


def pass_over(record: SetAside) -> None:
    """For readers of topics into which somebody may have written anything."""
    log.error(
        "records that cannot be read were passed over",
        topic=record.topic,
        partition=record.partition,
        first=record.first,
        last=record.last,
        code=record.code.value,
        message=record.message,
    )
