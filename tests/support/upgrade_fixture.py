"""Lives of a partition that were recorded by an earlier version: its input, its changelog at a restart, what it went on
to decide.

Knows the service only from outside: settings and `PartitionJob`, records in and records out. What the fixtures hold,
and how they were made, is told in tests/fixtures/upgrade_in_place/README.md.
"""

from __future__ import annotations

import hashlib
import lzma
import math
import shutil
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple
from unittest.mock import patch

import msgspec
from aiokafka.structs import ConsumerRecord

from service.config import Settings, load_settings
from service.streaming.job import PartitionJob, Written

FIXTURES = Path(__file__).parent.parent / "fixtures" / "upgrade_in_place"
_PARTITION = 0
_SLICE = 100
_DIGEST_BYTES = 5
_ID_LENGTH = 13

Key = tuple[str, bytes]
"""Changelog topic and key."""


class Input(msgspec.Struct, array_like=True, frozen=True):
    """One record of an input topic; its offset is its place among those of the topic."""

    source: int
    """Index into `PartitionJob.sources`: customers, purchases, surveys."""
    key: bytes
    value: bytes


class RecordedTurn(msgspec.Struct, array_like=True, frozen=True):
    """What arrived together, and became one transaction."""

    wall_us: int
    """The present instant, which also decides which dates lie in the future."""
    arrived: list[Input]
    complete: bool = True
    """All that lies on the topics has arrived, so that a wall clock may move time."""


class DecisionRow(msgspec.Struct, array_like=True, frozen=True):
    """What a decision is compared by."""

    decision_id: str
    """The first third of it: the whole would be half of the fixture, and is in the digest of the outputs."""
    customer_id: str
    kind: str
    rung: str
    outcome: str
    reason: str
    detected_us: int
    decided_us: int


class Done(msgspec.Struct, array_like=True):
    """What a job did in some turns."""

    decisions: list[list[DecisionRow]]
    """By turn, in their order."""
    outputs: list[bytes]
    """By turn: the digest of all that was written to the output topics, keys and values, in order."""
    refused: list[dict[str, int]]
    """By turn: dead letters by reason. They carry the present time, so their bytes are not compared."""


UNLIKE = frozenset({"ladder", "plain", "outages", "outages-hours", "ladder-hours"})
"""Lives of versions that did not learn the hours at which the shop sells, let go what waited while a store was silent,
never sent what filled a growing volume's bucket, or had one limit for all under a volume, and so decided otherwise from
the beginning. This one goes on from their changelogs as they did, or as `redecide` has found."""


class Recorded(msgspec.Struct):
    """The content of one fixture."""

    written_by: str
    """The commit whose code this is."""
    arithmetic: bytes
    """`arithmetic()` where it was recorded."""
    turns: list[RecordedTurn]
    cut: int
    """Turns before the restart."""
    changelog: list[tuple[str, bytes, bytes | None]]
    """At the restart, compacted: topic, key, value; None = deleted."""
    done: Done
    """In all turns. A restart changes nothing in it."""
    left: dict[str, dict[bytes, bytes]]
    """The compacted changelog after all turns with the restart: topic → key → digest of the value."""
    left_unbroken: dict[str, dict[bytes, bytes]]
    """What is otherwise without the restart: a snapshot also tells where the due queue held its customer."""
    outputs_upgraded: dict[int, bytes] = {}
    """Turns after the restart in which who goes on from this changelog publishes other records: it says when a
    customer's record was published last, and this version publishes at more occasions than the one that wrote it."""


def read(name: str) -> tuple[Settings, Recorded]:
    """The fixture of that name; the settings are made from its TOML file as a worker makes them."""
    packed = lzma.decompress((FIXTURES / f"{name}.msgpack.xz").read_bytes())
    return load_settings(FIXTURES / f"{name}.toml"), msgspec.msgpack.decode(packed, type=Recorded)


def write(name: str, recorded: Recorded) -> int:
    """Stores a fixture and returns its size in bytes."""
    packed = lzma.compress(msgspec.msgpack.encode(recorded), preset=9 | lzma.PRESET_EXTREME)
    return (FIXTURES / f"{name}.msgpack.xz").write_bytes(packed)


class Changelog:
    """The compacted changelog topics: the newest value of each key, in the order in which the keys were last
    written."""

    def __init__(self, records: Iterable[tuple[str, bytes, bytes | None]] = ()) -> None:
        self._newest: dict[Key, bytes | None] = {(topic, key): value for topic, key, value in records}

    def append(self, topic: str, key: bytes, value: bytes | None) -> None:
        self._newest.pop((topic, key), None)
        self._newest[topic, key] = value

    def records(self) -> list[tuple[str, bytes, bytes | None]]:
        return [(topic, key, value) for (topic, key), value in self._newest.items()]

    def digests(self) -> dict[str, dict[bytes, bytes]]:
        """Topic → key → digest of the value; a deleted key has none."""
        found: dict[str, dict[bytes, bytes]] = {}
        for (topic, key), value in self._newest.items():
            found.setdefault(topic, {})[key] = b"" if value is None else _digest([value])
        return found

    def revive(self, settings: Settings) -> PartitionJob:
        """A job that knows what was written, as a worker that has just been started does."""
        job = PartitionJob(settings, _PARTITION)
        for topic, key, value in self.records():
            job.restore(topic, key, value)
        job.restored()
        return job


class _Numbered(NamedTuple):
    """A turn whose records have their offsets."""

    wall_us: int
    records: list[list[ConsumerRecord[bytes, bytes]]]
    """By source."""
    complete: bool


class Replay:
    """Feeds recorded turns to a job, as the worker does, and keeps what it writes."""

    def __init__(self, settings: Settings, turns: list[RecordedTurn]) -> None:
        self._settings = settings
        self.changelog = Changelog()
        self._turns = _numbered(turns, PartitionJob(settings, _PARTITION).sources)
        kafka = settings.kafka
        self._changelogs = (kafka.state_topic, kafka.ledger_topic)
        self._outputs = (kafka.topics.outreach, kafka.topics.outreach_decisions, kafka.topics.customer_scores)

    def run(self, job: PartitionJob, start: int, stop: int, *, again: int = 0) -> Done:
        """Turns `start` to `stop`. Of the turns before, the last `again` arrive a second time, in front of the
        first."""
        done = Done([], [], [])
        for number in range(start, stop):
            first = max(0, start - again) if number == start else number
            written = self._turn(job, self._turns[first : number + 1])
            decisions = [] if written is None else written.decisions
            done.decisions.append([_row(decision) for decision in decisions])
            done.outputs.append(_digest(self._keep(written)))
            done.refused.append({} if written is None else dict(written.dead_letters))
        return done

    def _turn(self, job: PartitionJob, arriving: list[_Numbered]) -> Written | None:
        wall_us = arriving[-1].wall_us
        with patch("time.time_ns", return_value=wall_us * 1000):
            for turn in arriving:
                for source, records in enumerate(turn.records):
                    job.inbox.put(source, records)
            taken = job.inbox.take(_at_its_end, 1 << 30)
            for begin in range(0, len(taken), _SLICE):
                job.apply(taken[begin : begin + _SLICE])
            if arriving[-1].complete and self._settings.time.clock.value == "wall":
                job.advance(wall_us, wall_us)
            return job.drain(len(taken))

    def _keep(self, written: Written | None) -> list[bytes | None]:
        """Takes over what the changelogs got; returns what the outputs got, flat."""
        outputs: list[bytes | None] = []
        by_topic = {} if written is None else {place.topic: records for place, records in written.records.items()}
        for topic in self._changelogs:
            for key, value in by_topic.get(topic, ()):
                assert key is not None
                self.changelog.append(topic, key, value)
        for topic in self._outputs:
            for key, value in by_topic.get(topic, ()):
                outputs += [topic.encode(), key, value]
        return outputs


def record(settings: Settings, turns: list[RecordedTurn], cut: int, written_by: str) -> Recorded:
    """What this version makes of the turns, with a restart after the first `cut` and without one."""
    unbroken = Replay(settings, turns)
    job = PartitionJob(settings, _PARTITION)
    before = unbroken.run(job, 0, cut)
    changelog = unbroken.changelog.records()
    after = unbroken.run(job, cut, len(turns))
    whole = Done(
        before.decisions + after.decisions,
        before.outputs + after.outputs,
        before.refused + after.refused,
    )
    recorded = Recorded(written_by, arithmetic(), turns, cut, changelog, whole, {}, {})
    return _with_digests(settings, recorded)


def renewed(settings: Settings, old: Recorded, *, unlike: bool = False) -> Recorded:
    """The fixture with the digests of what this version publishes and stores. The changelog and the decisions stay
    those of the earlier one.

    Raises ValueError where this version decides otherwise: that is no question of form. `unlike`: from the beginning it
    is meant to; then what it publishes after the restart is what counts.
    """
    if unlike:
        again = _with_digests(settings, old)
        outputs = [again.outputs_upgraded.get(turn, digest) for turn, digest in enumerate(old.done.outputs)]
        return msgspec.structs.replace(
            again, done=msgspec.structs.replace(again.done, outputs=outputs), outputs_upgraded={}
        )
    done = Replay(settings, old.turns).run(PartitionJob(settings, _PARTITION), 0, len(old.turns))
    if done.decisions != old.done.decisions:
        raise ValueError("this version takes other decisions than the fixture holds")
    return _with_digests(settings, msgspec.structs.replace(old, done=done, arithmetic=arithmetic()))


def redecided(settings: Settings, old: Recorded, *, unlike: bool = False) -> Recorded:
    """The fixture with the decisions of this version, because others are meant. The changelog stays that of the earlier
    one, whose reader must take them too. `unlike`: from the beginning this version decides otherwise anyhow; then those
    after the restart are replaced alone."""
    if unlike:
        after = Replay(settings, old.turns)
        after.changelog = Changelog(old.changelog)
        found = after.run(after.changelog.revive(settings), old.cut, len(old.turns))
        done, cut = old.done, old.cut
        done = Done(
            done.decisions[:cut] + found.decisions,
            done.outputs[:cut] + found.outputs,
            done.refused[:cut] + found.refused,
        )
    else:
        done = Replay(settings, old.turns).run(PartitionJob(settings, _PARTITION), 0, len(old.turns))
    return _with_digests(settings, msgspec.structs.replace(old, done=done, arithmetic=arithmetic()))


def _with_digests(settings: Settings, recorded: Recorded) -> Recorded:
    unbroken, broken = Replay(settings, recorded.turns), Replay(settings, recorded.turns)
    unbroken.run(PartitionJob(settings, _PARTITION), 0, len(recorded.turns))
    broken.changelog = Changelog(recorded.changelog)
    after = broken.run(broken.changelog.revive(settings), recorded.cut, len(recorded.turns))
    if after.decisions != recorded.done.decisions[recorded.cut :]:
        raise ValueError("a restart changes decisions")
    left = broken.changelog.digests()
    others = {
        topic: {key: digest for key, digest in keys.items() if left[topic].get(key) != digest}
        for topic, keys in unbroken.changelog.digests().items()
    }
    whole = recorded.done.outputs
    published = {turn: digest for turn, digest in enumerate(after.outputs, recorded.cut) if digest != whole[turn]}
    return msgspec.structs.replace(recorded, left=left, left_unbroken=others, outputs_upgraded=published)


def arithmetic() -> bytes:
    """A digest of what this machine's mathematical functions return: where their last bits differ, so do those of all
    that is learned."""
    xs = [0.01 * 1.013**n for n in range(800)]
    functions: list[Callable[[float], float]] = [
        math.exp, math.log, math.exp2, math.log1p, math.expm1, math.lgamma, math.sqrt, lambda x: pow(x, 0.37), math.erf,
    ]  # fmt: skip
    values = [f(min(x, 30.0)) for f in functions for x in xs]
    return _digest([msgspec.msgpack.encode(values)])


def _numbered(turns: list[RecordedTurn], topics: tuple[str, ...]) -> list[_Numbered]:
    offsets = [0] * len(topics)
    numbered = []
    for turn in turns:
        records: list[list[ConsumerRecord[bytes, bytes]]] = [[] for _ in topics]
        for source, key, value in ((one.source, one.key, one.value) for one in turn.arrived):
            records[source].append(
                ConsumerRecord(
                    topics[source], _PARTITION, offsets[source], 0, 0, key, value, None, len(key), len(value), ()
                )
            )
            offsets[source] += 1
        numbered.append(_Numbered(turn.wall_us, records, turn.complete))
    return numbered


def _row(decision: object) -> DecisionRow:
    fields = msgspec.to_builtins(decision)
    fields["decision_id"] = fields["decision_id"][:_ID_LENGTH]
    return DecisionRow(*[fields[name] for name in DecisionRow.__struct_fields__])


def _digest(values: list[bytes | None]) -> bytes:
    """Of the values and of where each begins and ends."""
    return hashlib.blake2b(msgspec.msgpack.encode(values), digest_size=_DIGEST_BYTES).digest()


def _at_its_end(source: int) -> bool:
    """All that is known of the topic has been put."""
    return True


def _main(command: str, name: str, new_name: str = "", written_by: str = "") -> None:
    """`renew NAME`, `redecide NAME`, or `record NAME NEW_NAME COMMIT`: NAME's input and settings, or those that
    NEW_NAME.toml holds already, all the rest by this version."""
    settings, old = read(name)
    if command == "renew":
        write(name, renewed(settings, old, unlike=name in UNLIKE))
    elif command == "redecide":
        write(name, redecided(settings, old, unlike=name in UNLIKE))
    elif command == "record" and new_name and written_by:
        own = FIXTURES / f"{new_name}.toml"
        if not own.exists():
            shutil.copy(FIXTURES / f"{name}.toml", own)
        write(new_name, record(load_settings(own), old.turns, old.cut, written_by))
    else:
        raise SystemExit(_main.__doc__)


if __name__ == "__main__":
    _main(*sys.argv[1:])
