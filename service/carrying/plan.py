"""How a state goes from as many partitions to as many others, and what every way of carrying it asks first."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

from kafka import TopicPartition

from service.carrying.inputs import logs_of
from service.carrying.reading import Held
from service.carrying.writing import OnProgress, Writer, write_part
from service.cluster.known_logs import KnownLog, KnownLogs
from service.cluster.partitioner import AUTO, Kept
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
from service.errors import ConfigurationError
from service.streaming.made_under import MadeUnder
from service.wire.key_hash import DEFAULT_PARTITIONER, FUNCTIONS

STEP: Final = 500
"""Records between two words on how far it is."""
_OWN: Final = ":"
"""In the names of positions that are no topic's (carriage.py)."""


class Moved(NamedTuple):
    """What an import or a repartition has done."""

    records: int
    partitions: int
    notes: list[str]


@dataclass(frozen=True, slots=True)
class Plan:
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


def refuse_uneven(before: int, after: int) -> None:
    if after % before:
        raise ConfigurationError(
            f"A state of {before} partitions cannot be carried to {after}: what was learned in one partition can be divided "
            f"over several, but not mixed with another's. Take a multiple of {before}, such as {2 * before}; or let a new "
            f"kafka.group read inputs of {after} partitions from the beginning, which decides under the same ids "
            "(docs/operations/reprocessing.md)."
        )


def function_of(settings: Settings, decided: str) -> str:
    """By which customers belong to partitions. ConfigurationError where another is set than the state has."""
    chosen = settings.kafka.partitioner
    if chosen not in {AUTO, decided or chosen}:
        raise ConfigurationError(
            f"kafka.partitioner is {chosen}, but the customers of this state belong to partitions by {decided}: set it to "
            f"{decided} or auto."
        )
    return decided or (DEFAULT_PARTITIONER if chosen == AUTO else chosen)


def carry(
    settings: Settings,
    writer: Writer,
    helds: Iterable[Held],
    plan: Plan,
    begin: list[dict[str, int]],
    on_progress: OnProgress,
) -> int:
    """Writes every part. Returns how many records these are."""
    kafka, done = settings.kafka, 0

    def count() -> None:
        nonlocal done
        done += 1
        if done % STEP == 0:
            on_progress("writing", done, None)

    for held in helds:
        try:
            for number, part in plan.parts(held):
                at = plan.positions(held, begin[number], kafka.carried_topic, number)
                write_part(writer, kafka, number, part, at, count)
        except ValueError as error:
            raise ConfigurationError(f"Partition {held.number} cannot be carried: {error}.") from error
    return done


def offsets_of(begin: list[dict[str, int]]) -> dict[TopicPartition, int]:
    return {
        TopicPartition(topic, number): position
        for number, topics_read in enumerate(begin)
        for topic, position in topics_read.items()
        if position
    }
