"""Export, import, reset and repartition, step by step. Each ends with a state that is whole, or with none."""

from __future__ import annotations

import base64
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple

from kafka import TopicPartition

from service.build_info import version
from service.carrying.archive import (
    LEDGER,
    STATE,
    Archive,
    Entry,
    Header,
    InputRead,
    Summary,
    Written,
    write_archive,
)
from service.carrying.idle import groups_of, refuse_active
from service.carrying.outputs import DELIVERIES, Home, Outputs
from service.carrying.reading import Held, ends_of, held_partitions, read_held, unread_of
from service.carrying.writing import (
    OnProgress,
    Writer,
    mark_unfinished,
    mark_whole,
    open_writer,
    refuse_what_is_there,
    set_offsets,
    silent,
    write_part,
)
from service.cluster import topics
from service.cluster.known_logs import KnownLog, KnownLogs
from service.cluster.partitioner import AUTO, Kept, kept_in
from service.cluster.reader import Reader
from service.cluster.tail import open_reader, partitions_of
from service.cluster.topic_ids import topics_described
from service.config import Settings
from service.domain.changelog import (
    GATES_KEY,
    KEYED_KEY,
    LOGS_KEY,
    MADE_UNDER_KEY,
    PARTITIONER_KEY,
    POSITION_KEY,
    PROGRESS_KEY,
)
from service.domain.dividing import Part, divide
from service.engines import group_key, secret_mark
from service.errors import ConfigurationError, TransientError
from service.streaming.made_under import MadeUnder, found_in
from service.wire.input_topics import INPUT_TOPICS
from service.wire.key_hash import DEFAULT_PARTITIONER, FUNCTIONS

ReadFrom = Literal["beginning", "end"]
CARRIED: Final = "carried"
"""The channel of what partitions carry to each other."""
_STEP: Final = 500
"""Records between two words on how far it is."""
_OWN: Final = ":"
"""In the names of positions that are no topic's (carriage.py)."""


class Moved(NamedTuple):
    """What an import or a repartition has done."""

    records: int
    partitions: int
    notes: list[str]


@dataclass(frozen=True, slots=True)
class _Plan:
    """How a state goes from as many partitions to as many others."""

    before: int
    after: int
    function: str
    kept: Kept | None
    """The group's decision on where customers belong, where it is written anew; None: it goes with the state."""
    regular_min_visits: int
    keyed: bytes | None
    """What keyed hashes in the group the state comes from; None: it is the same group."""
    made_under: MadeUnder
    same_logs: bool
    """The inputs are those that were read so far, so what partitions have carried to each other is known."""
    ids: Mapping[str, bytes]
    """Which topics the inputs are, as far as the brokers tell: the state is read on from these."""

    def home(self, key: bytes) -> int:
        return FUNCTIONS[self.function](key) % self.after

    def parts(self, held: Held) -> Iterator[tuple[int, Part]]:
        """What becomes of one partition."""
        state = {key: value for key, value in held.state.items() if key not in {POSITION_KEY, LOGS_KEY}}
        ledger = {key: value for key, value in held.ledger.items() if key != LOGS_KEY}
        if not self.same_logs or self.after != self.before:
            ledger.pop(PROGRESS_KEY, None)
            ledger.pop(GATES_KEY, None)
        if self.after == self.before:
            parts = {held.number: Part(state, ledger)}
        else:
            homes = range(held.number, self.after, self.before)
            parts = divide(state, ledger, homes, self.home, self.regular_min_visits)
        for number, part in sorted(parts.items()):
            if self.keyed is not None:
                part.state.setdefault(KEYED_KEY, self.keyed)
            part.ledger.setdefault(MADE_UNDER_KEY, self.made_under.pack())
            if self.ids:
                part.state[LOGS_KEY] = self._logs(held, counted=number == held.number).pack()
            if self.kept is not None:
                part.ledger.pop(PARTITIONER_KEY, None)
                if number == 0:
                    part.ledger[PARTITIONER_KEY] = self.kept.pack()
            yield number, part

    def _logs(self, held: Held, *, counted: bool) -> KnownLogs:
        """The inputs that are here; `counted`: with what was lost of them so far."""
        before, now = logs_of(held), KnownLogs()
        for topic, topic_id in self.ids.items():
            known = before.of.get(topic, KnownLog()) if counted else KnownLog()
            now.of[topic] = KnownLog(topic_id, known.gaps, known.records, known.last_us)
        return now

    def positions(self, held: Held, begin: Mapping[str, int], carried_topic: str, number: int) -> dict[str, int]:
        """Of one of its parts: those of the inputs, and where nothing was divided what it has sent and applied."""
        if not self.same_logs or self.after != self.before or number != held.number:
            return dict(begin)
        own = {name: at for name, at in held.positions.items() if _OWN in name and carried_topic not in name}
        return {**own, **begin}


def inputs_of(settings: Settings) -> dict[str, str]:
    """Channel → topic."""
    return {row.channel.name: row.name(settings.kafka.topics) for row in INPUT_TOPICS}


def logs_of(held: Held) -> KnownLogs:
    """What a partition knows of the topics it was made from. ValueError for a record of a later release."""
    logs, packed = KnownLogs(), held.state.get(LOGS_KEY)
    if packed is not None:
        logs.restore(packed)
    return logs


def _ids_of_inputs(settings: Settings, admin: Any) -> dict[str, bytes]:
    """Topic → which one it is; without those of which the brokers tell nothing."""
    told = topics_described(admin, inputs_of(settings).values())
    return {topic: now.id for topic, now in told.items() if now.id}


def _cluster(admin: Any) -> str:
    return str(admin.describe_cluster()["cluster_id"])


# ---- export


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
            cluster=_cluster(admin),
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
                if told % _STEP == 0:
                    on_progress("exporting", told, None)

        def summary() -> Summary:
            read = _inputs_read(settings, reader, positions, logs)
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


def _inputs_read(
    settings: Settings, reader: Reader, positions: list[dict[str, int]], logs: Iterable[KnownLogs] = ()
) -> dict[str, InputRead]:
    read: dict[str, InputRead] = {}
    for channel, topic in {**inputs_of(settings), CARRIED: settings.kafka.carried_topic}.items():
        at = {
            partition: positions[partition.partition].get(topic, 0)
            for partition in partitions_of(reader, topic)
            if partition.partition < len(positions)
        }
        ids = {each.of[topic].id for each in logs if topic in each.of} - {b""}
        read[channel] = InputRead(
            topic,
            [each.get(topic, 0) for each in positions],
            unread_of(reader, at).get(topic, 0),
            ids.pop().hex() if len(ids) == 1 else "",
        )
    return read


# ---- import


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
        cluster = _cluster(admin)
        with open_reader(kafka) as reader:
            existing = [len(partitions_of(reader, topic)) for topic in inputs_of(settings).values()]
            after = partitions or max(existing, default=0) or header.partitions
            _refuse_uneven(header.partitions, after)
            refuse_what_is_there(reader, kafka)
        topics.create(settings, partitions=after)
        with open_reader(kafka) as reader:
            ids = _ids_of_inputs(settings, admin)
            begin, same_logs = _begin(settings, reader, archive, cluster, ids, after, read_from)
            plan = _Plan(
                before=header.partitions,
                after=after,
                function=_function(settings, header.partitioner),
                kept=None
                if after == header.partitions and same_logs
                else Kept(_function(settings, header.partitioner), [], time.time_ns() // 1000),
                regular_min_visits=header.made_under.regular_min_visits,
                keyed=None if header.group == kafka.group else base64.b64decode(header.keyed),
                made_under=header.made_under,
                same_logs=same_logs,
                ids=ids,
            )
            empty = Outputs(settings).empty(reader)
            with open_writer(kafka) as writer:
                mark_unfinished(writer, kafka, after)
                carried = _carry(settings, writer, _helds(archive, header.partitions), plan, begin, on_progress)
                notes = _put_outputs(settings, writer, archive, plan, empty)
                set_offsets(admin, kafka.group, _offsets(begin))
                if DELIVERIES in empty:
                    Outputs(settings).remember_here(admin)
                mark_whole(writer, kafka, after)
    return Moved(carried, after, notes)


def _refuse_uneven(before: int, after: int) -> None:
    if after % before:
        raise ConfigurationError(
            f"A state of {before} partitions cannot be carried to {after}: what was learned in one partition can be divided "
            f"over several, but not mixed with another's. Take a multiple of {before}, such as {2 * before}; or let a new "
            f"kafka.group read inputs of {after} partitions from the beginning, which decides under the same ids "
            "(docs/operations/reprocessing.md)."
        )


def _function(settings: Settings, decided: str) -> str:
    """By which customers belong to partitions. ConfigurationError where another is set than the state has."""
    chosen = settings.kafka.partitioner
    if chosen not in {AUTO, decided or chosen}:
        raise ConfigurationError(
            f"kafka.partitioner is {chosen}, but the customers of this state belong to partitions by {decided}: set it to "
            f"{decided} or auto."
        )
    return decided or (DEFAULT_PARTITIONER if chosen == AUTO else chosen)


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


def _carry(
    settings: Settings,
    writer: Writer,
    helds: Iterable[Held],
    plan: _Plan,
    begin: list[dict[str, int]],
    on_progress: OnProgress,
) -> int:
    """Writes every part. Returns how many records these are."""
    kafka, done = settings.kafka, 0

    def count() -> None:
        nonlocal done
        done += 1
        if done % _STEP == 0:
            on_progress("writing", done, None)

    for held in helds:
        try:
            for number, part in plan.parts(held):
                at = plan.positions(held, begin[number], kafka.carried_topic, number)
                write_part(writer, kafka, number, part, at, count)
        except ValueError as error:
            raise ConfigurationError(f"Partition {held.number} cannot be carried: {error}.") from error
    return done


def _put_outputs(settings: Settings, writer: Writer, archive: Archive, plan: _Plan, empty: set[str]) -> list[str]:
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


def _offsets(begin: list[dict[str, int]]) -> dict[TopicPartition, int]:
    return {
        TopicPartition(topic, number): position
        for number, topics_read in enumerate(begin)
        for topic, position in topics_read.items()
        if position
    }


# ---- more partitions


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
            _refuse_uneven(before, partitions)
            refuse_what_is_there(reader, target.kafka)
            made_under, kept = found_in(reader, kafka) or MadeUnder.of(settings), kept_in(reader, kafka)
            made_under.hold(settings)
            function = _function(settings, "" if kept is None else kept.function)
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
        plan = _Plan(
            before=before,
            after=partitions,
            function=function,
            kept=Kept(function, mixed, time.time_ns() // 1000),
            regular_min_visits=made_under.regular_min_visits,
            keyed=group_key(kafka.group),
            made_under=made_under,
            same_logs=True,
            ids=_ids_of_inputs(settings, admin),
        )
        with open_reader(kafka) as reader, open_writer(kafka) as writer:
            mark_unfinished(writer, target.kafka, partitions)
            helds = read_held(reader, kafka, range(before))
            carried = _carry(target, writer, helds, plan, begin, on_progress)
            writer.flush()
            asked = Outputs(settings).move(reader, writer, admin, before, plan.home, target)
            set_offsets(admin, group, _offsets(begin))
            mark_whole(writer, target.kafka, partitions)
    notes = (
        [f"{asked:,} requests that may still wait to be delivered were asked for again, under their ids."]
        if asked
        else []
    )
    return Moved(carried, partitions, notes)


def _refuse_unread(settings: Settings, reader: Reader, positions: list[dict[str, int]]) -> None:
    unread = {read.topic: read.unread for read in _inputs_read(settings, reader, positions).values() if read.unread}
    if unread:
        waiting = ", ".join(f"{records} of {topic}" for topic, records in unread.items())
        raise ConfigurationError(
            f"Not everything has been applied ({waiting}): a customer's earlier events must not wait in another partition than "
            "the later ones. Stop the producers, let the workers read to the ends of their topics, then stop them too."
        )


# ---- reset


def reset_state(settings: Settings, *, remove: bool = False, outputs: bool = False) -> list[str]:
    """Takes the group's state away, so that its workers begin at the beginning of the inputs. Returns what is gone.

    `remove`: for good, with the groups of those who deliver. `outputs`: what was told of it too; both leave the inputs.
    """
    kafka = settings.kafka
    with closing(topics.connect(kafka)) as admin:
        refuse_active(admin, settings)
        own = [kafka.state_topic, kafka.ledger_topic, kafka.carried_topic]
        told = topics.output_names(settings) if outputs else []
        with open_reader(kafka) as reader:
            partitions = len(partitions_of(reader, kafka.state_topic))
        gone = topics.delete(settings, [*own, *told])
        groups = groups_of(admin, settings)
        groups = groups if remove else [group for group in groups if group == kafka.group]
        for group, ended in (admin.delete_groups(groups) if groups else {}).items():
            if ended not in {"OK", "GroupIdNotFoundError"}:
                raise TransientError(f"The consumer group {group} could not be deleted ({ended}): try again.")
    if not remove and partitions:
        topics.create(settings)
    return [*gone, *(f"consumer group {group}" for group in groups)]
