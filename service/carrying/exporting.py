"""A group's state, and the compacted outputs that another cluster needs, as a file."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from contextlib import closing, suppress
from datetime import UTC, datetime
from pathlib import Path

from kafka import TopicPartition

from service.build_info import version
from service.carrying.archive import LEDGER, STATE, Entry, Header, Summary, Written, write_archive
from service.carrying.idle import refuse_active
from service.carrying.inputs import cluster_of, inputs_read, logs_of
from service.carrying.outputs import Outputs
from service.carrying.plan import STEP
from service.carrying.reading import ends_of, held_partitions, read_held
from service.carrying.writing import OnProgress, silent
from service.cluster import topics
from service.cluster.known_logs import KnownLogs
from service.cluster.partitioner import kept_in
from service.cluster.reader import Reader
from service.cluster.tail import open_reader
from service.config import Settings
from service.engines import group_key, secret_mark
from service.errors import ConfigurationError
from service.streaming.made_under import MadeUnder, found_in


def export_state(settings: Settings, path: Path, on_progress: OnProgress = silent) -> Written:
    """The group's state, and the compacted outputs that another cluster needs, as a file.

    Raises ConfigurationError where the group is active, has no state, or the file cannot be written.
    """
    kafka = settings.kafka
    with closing(topics.connect(kafka)) as admin, open_reader(kafka) as reader:
        refuse_active(admin, settings)
        partitions = held_partitions(reader, kafka)
        watched = [
            TopicPartition(topic, number)
            for topic in (kafka.state_topic, kafka.ledger_topic)
            for number in range(partitions)
        ]
        before = ends_of(reader, watched)
        made_under = found_in(reader, kafka) or MadeUnder.of(settings)
        kept = kept_in(reader, kafka)
        header = Header(
            made_by=version(),
            exported_at=datetime.now(UTC).isoformat(timespec="seconds"),
            group=kafka.group,
            cluster=cluster_of(admin),
            partitions=partitions,
            partitioner="" if kept is None else kept.function,
            made_under=made_under,
            secret=secret_mark(settings),
            keyed=base64.b64encode(group_key(kafka.group)).decode(),
            compacted=Outputs.names(settings),
        )
        positions: list[dict[str, int]] = []
        logs: list[KnownLogs] = []

        def entries() -> Iterator[Entry]:
            for told, entry in enumerate(_entries(settings, reader, partitions, positions, logs)):
                yield entry
                if told % STEP == 0:
                    on_progress("exporting", told, None)

        def summary() -> Summary:
            read = inputs_read(settings, reader, positions, logs)
            if ends_of(reader, watched) != before:
                raise ConfigurationError(
                    f"A worker of group {kafka.group!r} has written meanwhile: stop all of them, then export again."
                )
            return Summary(read)

        return write_archive(path, header, entries(), summary)


def _entries(
    settings: Settings,
    reader: Reader,
    partitions: int,
    positions: list[dict[str, int]],
    logs: list[KnownLogs],
) -> Iterator[Entry]:
    """All records of a group; notes the positions on the way, and which topics they are of."""
    for held in read_held(reader, settings.kafka, range(partitions)):
        positions.append(held.positions)
        with suppress(ValueError):  # of a later release, which is carried as it is
            logs.append(logs_of(held))
        for name, records in ((STATE, held.state), (LEDGER, held.ledger)):
            for key, value in records.items():
                yield Entry(name, held.number, key, value)
    yield from Outputs(settings).entries(reader)
