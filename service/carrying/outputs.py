"""The compacted outputs, which hold what somebody still needs: the newest scores, the numbers and their revisions, and
what was delivered.

Another cluster gets them from the file. Where partitions become more they are moved in place, because a customer's
record belongs where their requests lie: the deliverer of a partition reads what was delivered beside it. What was asked
for and still waits to be delivered is asked for again, under the same id, in the partition that is the customer's now,
and all deliverers go on behind it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from kafka import TopicPartition

from service.carrying.archive import Entry
from service.carrying.idle import deliverers_of
from service.carrying.reading import ends_of, newest
from service.carrying.writing import Writer, set_offsets
from service.cluster.reader import Reader
from service.cluster.tail import partitions_of
from service.config import Settings
from service.wire.ours import data_of

SCORES: Final = "customer_scores"
PERIODS: Final = "period_metrics"
DELIVERIES: Final = "deliveries"
_OF_SCORES: Final = "-scores"
"""How the groups end that post scores."""

Home = Callable[[bytes], int]
"""A customer's key → partition."""


class Outputs:
    """Of one installation."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._names = self.names(settings)

    @staticmethod
    def names(settings: Settings) -> dict[str, str]:
        """Kind → topic."""
        topics = settings.kafka.topics
        return {SCORES: topics.customer_scores, PERIODS: topics.period_metrics, DELIVERIES: topics.deliveries}

    def entries(self, reader: Reader) -> Iterator[Entry]:
        """All that they hold."""
        for kind, topic in self._names.items():
            for partition in partitions_of(reader, topic):
                for key, value in newest(reader, partition).items():
                    yield Entry(kind, partition.partition, key, value)

    def empty(self, reader: Reader) -> set[str]:
        """Kinds of which nothing has ever been written."""
        return {
            kind
            for kind, topic in self._names.items()
            if not any(ends_of(reader, partitions_of(reader, topic)).values())
        }

    def put(self, writer: Writer, entry: Entry, home: Home | None) -> None:
        """One of `entries`. `home`: where partitions are other than they were."""
        partition = entry.partition if home is None else _home_of(entry, home)
        writer.put(self._names[entry.topic], partition, entry.key, entry.value)

    def remember_here(self, admin: Any) -> None:
        """What was delivered stands in a `deliveries` into which it was written from a file: the deliverers go on where
        they were, and not as if their memory were gone."""
        outreach = self._settings.kafka.topics.outreach
        for group in deliverers_of(admin, self._settings):
            told = admin.list_group_offsets({group: None})[group]
            set_offsets(admin, group, {tp: each.offset for tp, each in told.items() if tp.topic == outreach})

    # ---- more partitions of the same topics

    def move(self, reader: Reader, writer: Writer, admin: Any, before: int, home: Home, target: Settings) -> int:
        """What lies in the first `before` partitions goes where it belongs now. Returns how many requests still waited.

        The deliverers of `target` go on behind all of it, and whoever posts scores has nothing to post of it.
        """
        for kind in (SCORES, DELIVERIES):
            moved: list[Entry] = []
            for number in range(before):
                for key, value in newest(reader, TopicPartition(self._names[kind], number)).items():
                    entry = Entry(kind, number, key, value)
                    if _home_of(entry, home) != number:
                        moved.append(entry)
            for entry in moved:  # first out of the old place: where both are read at once, what is newer stays
                writer.put(self._names[kind], entry.partition, entry.key, None)
            writer.flush()
            for entry in moved:
                self.put(writer, entry, home)
            writer.flush()
        return self._ask_again(reader, writer, admin, home, target)

    def _ask_again(self, reader: Reader, writer: Writer, admin: Any, home: Home, target: Settings) -> int:
        outreach = partitions_of(reader, self._settings.kafka.topics.outreach)
        ends, asked = ends_of(reader, outreach), 0
        base, new_base = (each.deliver.group_of(each.kafka.group, "smtp") for each in (self._settings, target))
        groups = deliverers_of(admin, self._settings)
        delivering = [group for group in groups if not group.endswith(_OF_SCORES)]
        if delivering:
            for partition, begin in _earliest(admin, delivering, outreach).items():
                for record in _records(reader, partition, begin, ends[partition]):
                    if record.key is not None and record.value is not None:
                        writer.put(partition.topic, home(record.key), record.key, record.value, record.headers)
                        asked += 1
            writer.flush()
        scores = ends_of(reader, partitions_of(reader, self._names[SCORES]))
        for group in groups:
            set_offsets(admin, new_base + group.removeprefix(base), scores if group.endswith(_OF_SCORES) else ends)
        return asked


def _home_of(entry: Entry, home: Home) -> int:
    """Where a record of an output belongs; what names nobody stays where it is."""
    if entry.topic == SCORES:
        return home(entry.key)
    if entry.topic == DELIVERIES:
        customer_id = (data_of(entry.value) or {}).get("customer_id")
        if isinstance(customer_id, str):
            return home(customer_id.encode())
    return entry.partition


def _earliest(admin: Any, groups: list[str], partitions: list[TopicPartition]) -> Mapping[TopicPartition, int]:
    """Of each partition the offset behind which not all of these groups have done what was asked for."""
    committed = [admin.list_group_offsets({group: list(partitions)})[group] for group in groups]
    found: dict[TopicPartition, int] = {}
    for partition in partitions:
        known = [each[partition].offset if partition in each else 0 for each in committed]
        found[partition] = max(0, min(known))
    return found


def _records(reader: Reader, partition: TopicPartition, begin: int, end: int) -> Iterator[Any]:
    reader.assign([partition])
    reader.seek(partition, begin)
    while reader.position(partition) < end:
        for records in reader.poll(timeout_ms=300).values():
            yield from (record for record in records if record.offset < end)
