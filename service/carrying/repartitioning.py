"""More partitions: the state of a group, divided over them, to another group."""

from __future__ import annotations

import time
from contextlib import closing

from service.carrying.idle import refuse_active
from service.carrying.inputs import ids_of_inputs, inputs_of, inputs_read
from service.carrying.outputs import Outputs
from service.carrying.plan import Moved, Plan, carry, function_of, offsets_of, refuse_uneven
from service.carrying.reading import held_partitions, read_held
from service.carrying.writing import (
    OnProgress,
    mark_unfinished,
    mark_whole,
    open_writer,
    refuse_what_is_there,
    set_offsets,
    silent,
)
from service.cluster import topics
from service.cluster.partitioner import Kept, kept_in
from service.cluster.reader import Reader
from service.cluster.tail import open_reader
from service.config import Settings
from service.engines import group_key
from service.errors import ConfigurationError
from service.streaming.made_under import MadeUnder, found_in


def repartition(settings: Settings, partitions: int, group: str, on_progress: OnProgress = silent) -> Moved:
    """Gives every topic so many partitions, and the state of the group of `settings`, divided over them, to `group`.

    Raises ConfigurationError, before anything is changed, where something still waits to be applied, somebody still
    works, or the state cannot be divided.
    """
    kafka = settings.kafka
    target = settings.changed(kafka={"group": group})
    if group == kafka.group:
        raise ConfigurationError("--to-group names the present group: the state is carried to a new one.")
    with closing(topics.connect(kafka)) as admin:
        refuse_active(admin, settings, group)
        with open_reader(kafka) as reader:
            before = held_partitions(reader, kafka)
            if partitions == before:
                raise ConfigurationError(f"The state has {before} partitions already.")
            refuse_uneven(before, partitions)
            refuse_what_is_there(reader, target.kafka)
            made_under, kept = found_in(reader, kafka) or MadeUnder.of(settings), kept_in(reader, kafka)
            made_under.hold(settings)
            function = function_of(settings, "" if kept is None else kept.function)
            positions = [held.positions for held in read_held(reader, kafka, range(before))]
            _refuse_unread(settings, reader, positions)
        topics.add_partitions(settings, partitions)
        topics.create(target, partitions=partitions)
        inputs = list(inputs_of(settings).values())
        begin = [
            {topic: positions[number].get(topic, 0) if number < before else 0 for topic in inputs}
            for number in range(partitions)
        ]
        mixed = list(range(partitions)) if kept is not None and kept.mixed else []
        plan = Plan(
            before=before,
            after=partitions,
            function=function,
            kept=Kept(function, mixed, time.time_ns() // 1000),
            regular_min_visits=made_under.regular_min_visits,
            keyed=group_key(kafka.group),
            made_under=made_under,
            same_logs=True,
            ids=ids_of_inputs(settings, admin),
        )
        with open_reader(kafka) as reader, open_writer(kafka) as writer:
            mark_unfinished(writer, target.kafka, partitions)
            helds = read_held(reader, kafka, range(before))
            carried = carry(target, writer, helds, plan, begin, on_progress)
            writer.flush()
            asked = Outputs(settings).move(reader, writer, admin, before, plan.home, target)
            set_offsets(admin, group, offsets_of(begin))
            mark_whole(writer, target.kafka, partitions)
    notes = (
        [f"{asked:,} requests that may still wait to be delivered were asked for again, under their ids."]
        if asked
        else []
    )
    return Moved(carried, partitions, notes)


def _refuse_unread(settings: Settings, reader: Reader, positions: list[dict[str, int]]) -> None:
    unread = {read.topic: read.unread for read in inputs_read(settings, reader, positions).values() if read.unread}
    if unread:
        waiting = ", ".join(f"{records} of {topic}" for topic, records in unread.items())
        raise ConfigurationError(
            f"Not everything has been applied ({waiting}): a customer's earlier events must not wait in another partition than "
            "the later ones. Stop the producers, let the workers read to the ends of their topics, then stop them too."
        )
