"""The state of a file into a group that has none: whole, or not at all."""

from __future__ import annotations

import base64
import time
from collections.abc import Iterator, Mapping
from contextlib import closing
from itertools import groupby
from pathlib import Path
from typing import Literal

from kafka import TopicPartition

from service.carrying.archive import LEDGER, STATE, Archive
from service.carrying.idle import refuse_active
from service.carrying.inputs import CARRIED, cluster_of, ids_of_inputs, inputs_of
from service.carrying.outputs import DELIVERIES, Home, Outputs
from service.carrying.plan import Moved, Plan, carry, function_of, offsets_of, refuse_uneven
from service.carrying.reading import Held, ends_of
from service.carrying.writing import (
    OnProgress,
    Writer,
    mark_unfinished,
    mark_whole,
    open_writer,
    refuse_what_is_there,
    set_offsets,
    silent,
)
from service.cluster import topics
from service.cluster.partitioner import Kept
from service.cluster.reader import Reader
from service.cluster.tail import open_reader, partitions_of
from service.config import Settings
from service.engines import secret_mark
from service.errors import ConfigurationError

ReadFrom = Literal["beginning", "end"]


def import_state(
    settings: Settings,
    path: Path,
    *,
    partitions: int | None = None,
    read_from: ReadFrom | None = None,
    on_progress: OnProgress = silent,
) -> Moved:
    """The state of a file into this group, which must have none, over as many partitions or a multiple of them.

    `read_from`: where the inputs are begun that are not those which the state was made from, and hold records. Raises
    ConfigurationError, before anything is written, for whatever would not be exact.
    """
    archive, kafka = Archive(path), settings.kafka
    header = archive.header
    header.made_under.hold(settings)
    if header.secret != secret_mark(settings):
        raise ConfigurationError(
            "shop.erasure_salt is not the secret that this state was made with: erased customers would not be recognised, "
            "and others would be in the control group. Set the same."
        )
    with closing(topics.connect(kafka)) as admin:
        refuse_active(admin, settings)
        cluster = cluster_of(admin)
        with open_reader(kafka) as reader:
            existing = [len(partitions_of(reader, topic)) for topic in inputs_of(settings).values()]
            after = partitions or max(existing, default=0) or header.partitions
            refuse_uneven(header.partitions, after)
            refuse_what_is_there(reader, kafka)
        topics.create(settings, partitions=after)
        with open_reader(kafka) as reader:
            ids = ids_of_inputs(settings, admin)
            begin, same_logs = _begin(settings, reader, archive, cluster, ids, after, read_from)
            plan = Plan(
                before=header.partitions,
                after=after,
                function=function_of(settings, header.partitioner),
                kept=None
                if after == header.partitions and same_logs
                else Kept(function_of(settings, header.partitioner), [], time.time_ns() // 1000),
                regular_min_visits=header.made_under.regular_min_visits,
                keyed=None if header.group == kafka.group else base64.b64decode(header.keyed),
                made_under=header.made_under,
                same_logs=same_logs,
                ids=ids,
            )
            empty = Outputs(settings).empty(reader)
            with open_writer(kafka) as writer:
                mark_unfinished(writer, kafka, after)
                carried = carry(settings, writer, _helds(archive, header.partitions), plan, begin, on_progress)
                notes = _put_outputs(settings, writer, archive, plan, empty)
                set_offsets(admin, kafka.group, offsets_of(begin))
                if DELIVERIES in empty:
                    Outputs(settings).remember_here(admin)
                mark_whole(writer, kafka, after)
    return Moved(carried, after, notes)


def _begin(
    settings: Settings,
    reader: Reader,
    archive: Archive,
    cluster: str,
    ids: Mapping[str, bytes],
    after: int,
    read_from: ReadFrom | None,
) -> tuple[list[dict[str, int]], bool]:
    """Of each partition the next offset of each input, and whether all inputs are those the state was made from."""
    before, all_same = archive.header.partitions, True
    begin: list[dict[str, int]] = [{} for _ in range(after)]
    unread = {read.topic: read.unread for read in archive.inputs.values() if read.unread}
    for channel, topic in inputs_of(settings).items():
        read = archive.inputs.get(channel)
        ends = ends_of(reader, partitions_of(reader, topic))
        same = (
            read is not None
            and archive.header.cluster == cluster
            and read.topic == topic
            and (not read.id or topic not in ids or bytes.fromhex(read.id) == ids[topic])
            and all(ends.get(TopicPartition(topic, n), 0) >= at for n, at in enumerate(read.positions))
        )
        all_same &= same
        for partition, end in ends.items():
            number = partition.partition
            if same and read is not None:
                begin[number][topic] = read.positions[number] if number < before else 0
            elif end == 0 or read_from == "beginning":
                begin[number][topic] = 0
            elif read_from == "end":
                begin[number][topic] = end
            else:
                raise ConfigurationError(
                    f"{topic} is not the topic that this state was made from, and holds records: say --read-from beginning "
                    "if none of them is contained in the state (or they are copies, which are known by their event_id), "
                    "--read-from end if all of them are."
                )
    waiting = ", ".join(f"{records} of {topic}" for topic, records in unread.items())
    if archive.inputs[CARRIED].unread or (unread and after != before):
        raise ConfigurationError(
            f"At the export not everything had been applied ({waiting}): let the workers read to the ends of their topics, "
            "stop them, and export again."
        )
    if unread and not all_same and read_from != "beginning":
        raise ConfigurationError(
            f"At the export not everything had been applied ({waiting}), and these records are not here: let the workers "
            "read to the ends of their topics and export again, or copy the topics and say --read-from beginning."
        )
    return begin, all_same


def _helds(archive: Archive, partitions: int) -> Iterator[Held]:
    """The partitions of a file, one after the other; those that hold nothing too."""
    own = (entry for entry in archive.entries() if entry.topic in {STATE, LEDGER})
    number = 0
    for partition, entries in groupby(own, key=lambda entry: entry.partition):
        for empty in range(number, partition):
            yield Held(empty, {}, {})
        held = Held(partition, {}, {})
        for entry in entries:
            (held.state if entry.topic == STATE else held.ledger)[entry.key] = entry.value
        yield held
        number = partition + 1
    for empty in range(number, partitions):
        yield Held(empty, {}, {})


def _put_outputs(settings: Settings, writer: Writer, archive: Archive, plan: Plan, empty: set[str]) -> list[str]:
    """The compacted outputs, where nothing is in their way."""
    outputs, put = Outputs(settings), 0
    home: Home | None = None if plan.after == plan.before else plan.home
    left = {kind for kind in archive.header.compacted if kind not in empty}
    for entry in archive.entries():
        if entry.topic in empty:
            outputs.put(writer, entry, home)
            put += 1
    names = Outputs.names(settings)
    notes = [f"{names[kind]} holds records and was left as it is." for kind in sorted(left & names.keys())]
    return [*([f"{put:,} records of scores, numbers and deliveries were written too."] if put else []), *notes]
