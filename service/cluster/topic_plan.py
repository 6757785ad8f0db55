"""Which topics there are, and how each must be kept for the promises to hold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import Enum, auto
from typing import Literal

from service.config import Settings
from service.wire.input_topics import input_names

DAY_MS = 86_400_000
MIN_INPUT_BYTES = 4 << 20
"""A producer's oversized value should reach dead-letters with its reason rather than fail at the producer."""
LARGEST_BYTES = 16 << 20
"""For dead letters (the original in base64) and internal records; also the largest request of our own producer."""
SEGMENT_MS = 6 * 3_600_000
"""Compaction leaves the newest segment alone, so a quiet topic must roll it in time."""
APPENDED = "LogAppendTime"
"""A topic's records are stamped by the broker, with the time of their arrival."""
TOMBSTONE_MS = DAY_MS
"""For which the key of what was erased is still there once compaction has come by: long enough for whoever reads."""

COPIES, IN_SYNC = 3, 2
"""Of a record, and how many of them a broker waits for: one may be lost then without loss or pause."""
LAG = "kafka.compaction_lag_days"

_SEGMENTS = 30
"""In which a topic with a retention lies: a broker deletes whole ones, so a record stays a thirtieth longer at most.
More would be more files for each partition."""


class Role(Enum):
    """What a topic is to the service; decides which mistakes matter."""

    INPUT = auto()
    OUTPUT = auto()
    TOTAL = auto()
    INTERNAL = auto()


@dataclass(frozen=True, slots=True)
class TopicSpec:
    """One topic as it should be. `replication` None = the broker's default. Why each setting is as it is stands in
    topic_reasons.py."""

    name: str
    role: Role
    partitions: int
    replication: int | None
    cleanup: Literal["delete", "compact"]
    configs: Mapping[str, str]
    kept_by: str = ""
    """The setting that says how long it keeps its records, or what was replaced in it; empty: none does."""


def topic_plan(settings: Settings, partitions: int, replication: int | None = None) -> tuple[TopicSpec, ...]:
    """Every topic of this installation. All have the inputs' partition count, because a worker writes where it reads.

    `period-metrics` has one partition: its records are about the whole shop, and the last one per key must
    be the newest. So has `shop-notices`, which is there where thresholds are set.
    """
    kafka, names = settings.kafka, settings.kafka.topics
    # Of three copies two have a record before it counts: one broker may be lost, and nothing with it, nor does anything
    # stop. With fewer copies nothing can be asked for that does not cost the one or the other.
    copies = {"min_insync_replicas": IN_SYNC} if replication is not None and replication >= COPIES else {}

    def spec(name: str, role: Role, kept_by: str, count: int = partitions, **configs: float | str) -> TopicSpec:
        text = {key.replace("_", "."): str(value) for key, value in {**configs, **copies}.items()}
        cleanup: Literal["delete", "compact"] = "delete" if "retention.ms" in text else "compact"
        return TopicSpec(name, role, count, replication, cleanup, {"cleanup.policy": cleanup, **text}, kept_by)

    def kept(name: str, role: Role, kept_by: str, **more: int) -> TopicSpec:
        # All of them name people. By the time of arrival: a replayed event of last year must not be gone at once, nor a
        # wrong clock be refused. By the broker's default a quiet topic keeps its records up to a week longer.
        days: int = getattr(kafka, kept_by)
        return spec(
            name,
            role,
            f"kafka.{kept_by}",
            retention_ms=days * DAY_MS,
            message_timestamp_type=APPENDED,
            segment_ms=days * DAY_MS // _SEGMENTS,
            **more,
        )

    def compacted(name: str, role: Role, segment_mb: int, dirty: float, kept_by: str = "", **more: int) -> TopicSpec:
        return spec(
            name,
            role,
            kept_by,
            segment_bytes=segment_mb << 20,
            segment_ms=SEGMENT_MS,
            min_cleanable_dirty_ratio=dirty,
            **more,
        )

    forgets = {"max_compaction_lag_ms": kafka.compaction_lag_days * DAY_MS, "delete_retention_ms": TOMBSTONE_MS}
    input_bytes = max(MIN_INPUT_BYTES, settings.limits.max_value_bytes + (64 << 10))
    return (
        *(
            kept(name, Role.INPUT, "inputs_retention_days", max_message_bytes=input_bytes)
            for name in input_names(names)
        ),
        kept(names.outreach, Role.OUTPUT, "outreach_retention_days"),
        kept(names.outreach_decisions, Role.OUTPUT, "decisions_retention_days"),
        kept(names.dead_letters, Role.OUTPUT, "dead_letters_retention_days", max_message_bytes=LARGEST_BYTES),
        compacted(names.customer_scores, Role.OUTPUT, 64, 0.3, LAG, **forgets),
        # Names customers until they are erased: what has been replaced must be gone soon after.
        compacted(
            names.deliveries, Role.OUTPUT, 16, 0.1, max_compaction_lag_ms=DAY_MS, delete_retention_ms=TOMBSTONE_MS
        ),
        compacted(names.period_metrics, Role.TOTAL, 16, 0.2, count=1),
        *([compacted(names.shop_notices, Role.TOTAL, 16, 0.2, count=1)] if settings.notices.thresholds else []),
        # Recovery reads these from the start: small segments and early cleaning keep them near one record per key. The
        # ledger rewrites the same few days at every turn, and hears from the broker when it did.
        compacted(kafka.state_topic, Role.INTERNAL, 64, 0.3, LAG, max_message_bytes=LARGEST_BYTES, **forgets),
        _stamped(compacted(kafka.ledger_topic, Role.INTERNAL, 16, 0.1, max_message_bytes=LARGEST_BYTES)),
        # What lies in a partition it does not belong to travels through this one; a single partition has no use for it.
        *(
            [kept(kafka.carried_topic, Role.INTERNAL, "inputs_retention_days", max_message_bytes=LARGEST_BYTES)]
            if partitions > 1
            else []
        ),
    )


def _stamped(spec: TopicSpec) -> TopicSpec:
    first = {"cleanup.policy": spec.cleanup, "message.timestamp.type": APPENDED}
    return replace(spec, configs=first | dict(spec.configs))


def dead_letter_bytes(input_bytes: int) -> int:
    """Room for the largest record an input accepts, in base64 with its description."""
    return input_bytes * 4 // 3 + (64 << 10)
