"""The topics that a partition writes: whether they are still those that were written, and reach as far.

Each changelog is known to the other: what is known of the ledger lies in the state, with what is known of the inputs,
and what is known of the state lies in the ledger, with what is known of the outputs.
"""

from __future__ import annotations

from collections.abc import Mapping

from service.cluster.gaps import lost_with_outputs
from service.cluster.known_logs import KnownLogs
from service.cluster.topic_ids import TopicNow
from service.config import KafkaSettings
from service.errors import RecordsLostError
from service.streaming.producer import Destination


class OwnTopics:
    """Of one partition."""

    def __init__(self, kafka: KafkaSettings, partition: int, logs: KnownLogs, state_log: KnownLogs) -> None:
        """`logs`: what the state knows, of the inputs and the ledger. `state_log`: what the ledger knows, of the state
        and the outputs."""
        self._kafka = kafka
        self._partition = partition
        self.logs = logs
        self.state_log = state_log

    def note_written(self, ends: Mapping[Destination, int]) -> None:
        """A turn is committed: up to where each topic reaches with it."""
        for topic, known in self._changelogs():
            end = ends.get(Destination(topic, self._partition))
            if end is not None:
                known.written_to(topic, end)

    @property
    def outputs(self) -> tuple[str, ...]:
        """Topics whose ids are remembered although nothing of them is read."""
        return tuple(lost_with_outputs(self._kafka))

    def follow_outputs(self, topics: Mapping[str, TopicNow], now_us: int) -> dict[str, str]:
        """Outputs that were made anew since a life before this one, each with what is lost by it, in words. That is no
        reason to stop: nothing that is written from now on lacks anything."""
        found, known = {}, self.state_log
        for topic, lost in lost_with_outputs(self._kafka).items():
            now = topics.get(topic)
            if now is None or not now.exists:
                continue
            if known.is_another(topic, now):
                known.lost(topic, 0, now_us)
                found[topic] = lost
            known.adopt(topic, now)
        return found

    def refuse_others(self, topics: Mapping[str, TopicNow]) -> None:
        """Raises RecordsLostError where a changelog is not the topic that was written: whatever lay in it would be
        missing in silence."""
        for topic, known in self._changelogs():
            now = topics.get(topic)
            if now is None:
                continue
            if known.is_another(topic, now):
                raise self._not_whole(
                    f"was made anew, and {known.end(topic)} records of the former one are gone", topic
                )
            known.adopt(topic, now)

    def refuse_lost_beginnings(self, begins: Mapping[str, int], read_from: Mapping[str, int]) -> None:
        """Raises RecordsLostError where one begins beyond what was to be read of it first. Compaction keeps the newest
        record of each key wherever it lies, so somebody has deleted what lay there: customers, or days."""
        for topic, _ in self._changelogs():
            begin, wanted = begins.get(topic, 0), read_from[topic]
            if begin > wanted:
                raise self._not_whole(
                    f"begins at {begin}, and was to be read from {wanted}: what lay before was deleted, as by another "
                    "cleanup.policy than compact",
                    topic,
                )

    def refuse_lost_ends(self, ends: Mapping[str, int]) -> None:
        """The same where one has been read to its end, and had been written further."""
        for topic, known in self._changelogs():
            end, written = ends[topic], known.end(topic)
            if end < written:
                raise self._not_whole(
                    f"ends at {end}, and was written up to {written}: its last {written - end} records are gone", topic
                )

    def _changelogs(self) -> tuple[tuple[str, KnownLogs], ...]:
        """Each is known to the other."""
        return (self._kafka.state_topic, self.state_log), (self._kafka.ledger_topic, self.logs)

    def _not_whole(self, what: str, topic: str) -> RecordsLostError:
        return RecordsLostError(
            f"{topic}-{self._partition} {what}. The state of group {self._kafka.group!r} is not whole without them: "
            "bring it back from a backup with `churn-alert state import`, or begin anew with `churn-alert state reset`."
        )
