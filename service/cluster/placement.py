"""What the partitions of a group know of each other: whose customers are whose, and how far each has read its inputs.

Every worker keeps one, fed from the ledger topic, which it reads anyway (period_totals.py): the group's function
(partitioner.py), and the progress of partitions in which records lie that belong elsewhere (carriage.py). In a group
without such records nothing is told after the decision, and no partition waits for another.
"""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final, NamedTuple

import msgspec
import structlog

from service.cluster.partitioner import AUTO, REPAIR, Kept
from service.config import Settings
from service.domain.changelog import PARTITIONER_KEY, PROGRESS_KEY
from service.errors import ConfigurationError, FatalError
from service.wire.input_topics import input_names, names_keyed_by_customer
from service.wire.key_hash import FUNCTIONS

log = structlog.get_logger()

REMEMBERED_IDS: Final = 100_000
"""Customers whose partition need not be worked out again: some MB."""
REMEMBERED_PROGRESS: Final = 256
"""Records of progress kept of each partition: the newest may speak of carried records that are not here yet."""
SAY_EVERY_S: Final = 60.0
"""Between two lines about records that were carried."""
UNKNOWN: Final = "none"
"""Of a record that lies where no known function puts it."""
OTHER_KEY: Final = "other_key"
"""Of a record whose key is no customer, as the settings say."""


class Read(NamedTuple):
    """How far one input of a partition has been read, and carried from where that was needed."""

    up_to_us: int
    """Highest event time read; -1 before the first record."""
    ended_us: int
    """Wall time at which it was known to be at its end; 0 = it has not been yet."""


class Progress(NamedTuple):
    """What a partition tells the others."""

    read: dict[str, Read]
    """By input topic; empty where nobody need wait for records of this partition."""
    sent: dict[str, dict[int, int]]
    """Input topic → partition → number of the last record carried there."""
    applied_us: int | None = None
    """Wall time up to which all that lay in its logs has been applied, so that parcels that come of it are among what
    was sent; None where nobody need wait for parcels of this partition."""

    def pack(self) -> bytes:
        read = {topic: list(read) for topic, read in self.read.items()}
        return msgspec.msgpack.encode([read, self.sent, self.applied_us])

    @classmethod
    def unpack(cls, value: bytes) -> Progress:
        """Raises ValueError for what is no progress of this release."""
        try:
            read, sent, *more = msgspec.msgpack.decode(value, type=list[Any])
            return cls(
                {topic: Read(*pair) for topic, pair in msgspec.convert(read, dict[str, tuple[int, int]]).items()},
                msgspec.convert(sent, dict[str, dict[int, int]]),
                msgspec.convert(more[0] if more else None, int | None),
            )
        except (msgspec.MsgspecError, ValueError) as error:
            raise ValueError(f"not a record of this release: {error}") from error


class Placement:
    """One for each worker process. `on_news` is called after each change."""

    def __init__(self, settings: Settings, partitions: int) -> None:
        """`partitions` is how many the inputs have."""
        self.partitions = partitions
        self._set = settings.kafka.partitioner
        self._group = settings.kafka.group
        self.keyed_otherwise = {*input_names(settings.kafka.topics)} - {*names_keyed_by_customer(settings)}
        """Inputs whose records lie anywhere, as the settings say."""
        self.kept: Kept | None = None
        """The group's decision, be it that nothing tells functions apart yet; None before it is known here."""
        self.heard: dict[int, deque[Progress]] = {}
        """By partition, of those that have ever told: the newest last."""
        self._of_records: set[int] = set()
        """Those of them that have told how far they have read."""
        self.sending: set[int] = set()
        """Those of them that have sent parcels."""
        self.on_news: Callable[[], None] = lambda: None
        self._home: Callable[[bytes], int] | None = None
        self._carried: Counter[tuple[str, str]] = Counter()
        """(topic, function) → records carried by this worker since that was last said."""
        self._said_s: float | None = None
        self.carried = 0
        """Records carried by this worker so far."""

    def take(self, partition: int, key: bytes, value: bytes | None) -> None:
        """One record of the ledger topic; most are of no interest here. Raises FatalError as `decide`."""
        if value is None or key[:1] != b"\0":
            return
        try:
            if key == PARTITIONER_KEY:
                self.decide(Kept.unpack(value))
            elif key == PROGRESS_KEY:
                progress = Progress.unpack(value)
                self.heard.setdefault(partition, deque(maxlen=REMEMBERED_PROGRESS)).append(progress)
                if progress.read:
                    self._of_records.add(partition)
                if progress.applied_us is not None:
                    self.sending.add(partition)
                self.on_news()
        except ValueError as error:
            raise FatalError(
                f"The ledger of partition {partition} holds a record that cannot be read: {error}."
            ) from error

    def decide(self, kept: Kept) -> None:
        """The group's function is known. Raises ConfigurationError where another one is set."""
        if kept.function and self._set not in {AUTO, kept.function}:
            raise ConfigurationError(
                f"kafka.partitioner is {self._set}, but the customers of group {self._group!r} belong to partitions by "
                f"{kept.function}: every history would be split. Set it to {kept.function} or auto, or take another "
                "kafka.group."
            )
        if kept == self.kept:
            return
        self.kept = kept
        if not kept.function:
            self.on_news()
            return
        hashed, partitions = FUNCTIONS[kept.function], self.partitions
        self._home = lru_cache(maxsize=REMEMBERED_IDS)(lambda key: hashed(key) % partitions)
        self.on_news()

    def home(self, key: bytes) -> int | None:
        """The partition of a customer; None while the function is unknown and would make a difference."""
        if self._home is not None:
            return self._home(key)
        places = {function(key) % self.partitions for function in FUNCTIONS.values()}
        return places.pop() if len(places) == 1 else None

    def tells(self, partition: int) -> bool:
        """Whether the others wait for what this partition tells: records that belong elsewhere were seen in it."""
        return partition in self._of_records or (self.kept is not None and partition in self.kept.mixed)

    def telling(self, besides: int) -> set[int]:
        """All such partitions but one."""
        mixed = self.kept.mixed if self.kept is not None else []
        return {*self._of_records, *mixed} - {besides}

    # ---- for people

    def told(self) -> str:
        """What this worker has carried so far; empty where there was nothing. Handled, so no reason to be unready."""
        if not self.carried:
            return ""
        function = self.kept.function if self.kept is not None else ""
        return (
            f"{self.carried} records lay in partitions that their keys do not belong to, and were carried to the right ones"
            f" (partitioner {function}). {REPAIR.get(function, '')}"
        )

    def note_carried(self, carried: Counter[tuple[str, str]]) -> None:
        """Records that a committed turn has carried; said at once, then once a minute while it goes on."""
        carried = Counter({place: count for place, count in carried.items() if place[1] != OTHER_KEY})
        if not carried:
            return
        self.carried += carried.total()
        self._carried += carried
        now_s = time.monotonic()
        if self._said_s is not None and now_s - self._said_s < SAY_EVERY_S:
            return
        self._said_s = now_s
        function = self.kept.function if self.kept is not None else ""
        log.warning(
            "records lie in partitions that their keys do not belong to; they are carried to the right ones",
            records=self._carried.total(),
            by=[f"{topic}: {count} as {other} puts them" for (topic, other), count in sorted(self._carried.items())],
            partitioner=function,
            repair=REPAIR.get(function, ""),
        )
        self._carried.clear()
