"""Why each topic is there, why each of its settings is as it is, and what becomes of it where a broker refuses one.

The settings themselves stand in topic_plan.py; whoever adds one there says here why. Managed Kafkas have policies:
segments of at least 50 MiB, messages of at most 8 MiB, or settings that nobody may touch at all. What no promise hangs
on is asked for only where it is allowed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from service.cluster.topic_plan import COPIES, DAY_MS, IN_SYNC, Role, TopicSpec
from service.config import KafkaSettings
from service.wire.input_topics import INPUT_TOPICS


@dataclass(frozen=True, slots=True)
class Spared:
    """A setting that a topic can do without."""

    instead: tuple[str, ...]
    """Values that are asked for in its place, the next best first; behind them the broker's own."""
    cost: str
    """What it costs to have none of them."""


SPARED: Final[Mapping[str, Spared]] = {
    "segment.bytes": Spared(
        (str(64 << 20), str(128 << 20)), "a start reads more that was replaced long ago, and takes longer"
    ),
    "segment.ms": Spared(
        (str(DAY_MS), str(7 * DAY_MS)),
        "a quiet topic keeps what was to go, and what was replaced, up to the broker's own segment.ms longer",
    ),
    "min.cleanable.dirty.ratio": Spared((), "compaction comes by less often, and a start reads more"),
    "max.compaction.lag.ms": Spared(
        (),
        "nobody promises when compaction has removed what was erased or replaced: say so to those whose data it is, or "
        "have the broker's administrator set it",
    ),
    "delete.retention.ms": Spared(
        (), "the key of what was erased is kept for as long as the broker's own setting says"
    ),
    "message.timestamp.type": Spared(
        (),
        "time runs by the producers' clocks: a replay of last year may be deleted at once, and a clock that is off is not "
        "noticed by it",
    ),
    "max.message.bytes": Spared(
        (str(8 << 20), str(2 << 20)), "a record that is larger than the broker allows is refused where it is written"
    ),
    "min.insync.replicas": Spared((), "a broker that is lost may take acknowledged records with it"),
}
"""Settings that are left out, or asked for with another value, where a broker refuses them. All others it must take."""


def purpose_of(kafka: KafkaSettings, spec: TopicSpec) -> str:
    """What the topic is for, in a few words."""
    names = kafka.topics
    return {
        names.outreach: "what is to be sent, for delivery and your own programs",
        names.outreach_decisions: "every decision with its reason, for audits and the page",
        names.customer_scores: "the newest scores of each customer",
        names.period_metrics: "the numbers of each period",
        names.dead_letters: "what could not be understood, with its original bytes",
        names.deliveries: "what was sent, so that nothing is sent twice",
        names.shop_notices: "what the shop is told of its numbers",
        kafka.state_topic: "the state of the customers, from which a worker starts",
        kafka.ledger_topic: "the parts of the periods' numbers, and what workers tell each other",
        kafka.carried_topic: "records that lay in a partition their key does not belong to, on their way",
        **{row.name(names): f"an input: {row.channel.about.rstrip('.').lower()}" for row in INPUT_TOPICS},
    }[spec.name]


def why_partitions(spec: TopicSpec) -> str:
    if spec.role is Role.TOTAL:
        return "its records are about the whole shop, and the last one of each key has to be the newest"
    if spec.role is Role.INPUT:
        return "all inputs have as many, because a customer's events have to meet in one partition"
    return "as many as the inputs, because a worker writes where it reads"


def why_copies(replication: int | None) -> str:
    if replication is None:
        return f"the broker's default; {COPIES} survive the loss of a broker (--replication {COPIES})"
    if replication >= COPIES:
        return "one broker may be lost, and nothing with it"
    return f"fewer than {COPIES}: the loss of a broker loses records, or stops the service"


def why(spec: TopicSpec, key: str) -> str:
    """Why this setting of the topic is as it is. KeyError for one of which nobody has said why."""
    if key == "cleanup.policy":
        return _WHY[f"{key}={spec.cleanup}"]
    if key == "segment.ms":
        return _WHY[f"{key} of {spec.cleanup}"]
    if key == "retention.ms":
        return f"{_KEPT[spec.kept_by]} ({spec.kept_by})"
    if key == "max.compaction.lag.ms" and spec.kept_by:
        return f"{_WHY[key]} ({spec.kept_by})"
    if key == "max.message.bytes" and spec.role is Role.INPUT:
        return _WHY["max.message.bytes of input"]
    return _WHY[key]


_KEPT: Final = {
    "kafka.inputs_retention_days": "it names people, and ends with the longest outage that a worker can catch up from",
    "kafka.outreach_retention_days": "it names people, and no request stays valid for longer",
    "kafka.decisions_retention_days": "it names people, and an audit asks about last year",
    "kafka.dead_letters_retention_days": "it names people, and somebody has to notice, repair and send again",
}
_WHY: Final = {
    "cleanup.policy=delete": "every record counts, not only the newest of each key",
    "cleanup.policy=compact": "the newest record of each key must never go, and older ones are of no use",
    "segment.ms of delete": "a broker deletes whole segments: so much later at most a record is gone",
    "segment.ms of compact": "compaction leaves the newest segment alone, so a quiet topic has to begin a new one in time",
    "message.timestamp.type": "by the time of arrival: a replayed event of last year is not deleted at once, and clocks "
    "that are off are noticed",
    "segment.bytes": "compaction leaves the newest segment alone, and a start reads the topic from its beginning",
    "min.cleanable.dirty.ratio": "a start reads the topic from its beginning: cleaned early it is near one record for each "
    "key",
    "max.compaction.lag.ms": "it names people: what was erased or replaced is gone by then",
    "delete.retention.ms": "long enough for whoever reads to see an erasure, and no longer, for its key names somebody",
    "max.message.bytes": "the largest record that a worker may write: a dead letter holds the original in base64",
    "max.message.bytes of input": "what is too large for us reaches dead-letters with its reason, instead of failing where it "
    "is sent",
    "min.insync.replicas": f"with {COPIES} copies, {IN_SYNC} of which have a record before it counts, one broker may be lost "
    "without loss or pause",
}
