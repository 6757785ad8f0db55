"""Records of a topic that were lost before they were read, in words: what is gone, and what can be done about it.

Four things look alike to a reader whose next offset is not there any more. Retention may have taken what lay there
(the log begins beyond it). The log may have lost its end, as after the election of a leader that had not everything,
and other records may have taken their place. Or the topic was deleted and made again: then its offsets mean other
records, whatever they are.
"""

from __future__ import annotations

from typing import NamedTuple

from service.cluster.log_ends import Log
from service.config import KafkaSettings


class Gap(NamedTuple):
    """Records of an input that were lost before they were read."""

    topic: str
    position: int
    """The next offset that was to be applied."""
    records: int | None
    """How many offsets are gone, some of which may have held no record; None: the log ends before the position, or is
    another one, and nobody knows."""
    until_us: int
    """When the first record behind it arrived; where none is there, the present instant."""
    kept: int | None = None
    """Up to there the log is as it was read, and others lie behind it; None: nothing is known of others."""


class Told(NamedTuple):
    """A gap for a person."""

    lost: str
    cure: str
    records: int
    """As far as they can be counted."""


def tell(
    gap: Gap, partition: int, log: Log | None, *, anew: bool, since: str, until: str, carried: bool = False
) -> Told:
    """`log`: the newest that is known of it; `anew`: it is not the topic that was read; `carried`: it is the one in
    which partitions carry records to each other."""
    where = f"{gap.topic}-{partition}"
    if gap.records is not None:
        return Told(
            f"{where} begins {gap.records} records beyond {gap.position}, the next to be read: they were deleted unread, "
            f"from between {since} and {until}",
            "Send again what they held",
            gap.records,
        )
    if anew and carried:
        return Told(
            f"{where} was made anew: records with keys of other partitions that were on their way in it are lost, as far as "
            f"they had not been applied; it was read up to {gap.position}",
            "Send again what came in lately with such keys; known events are ignored",
            0,
        )
    if anew:
        held = "records" if log is None else _counted(log.high - log.start)
        return Told(
            f"{where} was made anew: it holds {held}, of which none has been read, and of the former topic, read up to "
            f"{gap.position}, whatever came after that is lost",
            "If that was meant, what it holds is read from its beginning; else send again what the former one held",
            0,
        )
    if gap.kept is not None:
        gone = gap.position - gap.kept
        return Told(
            f"{where} was read up to {gap.position}, and is another one from {gap.kept} on: it has lost its last "
            f"{_counted(gone)}, and others have taken their place",
            "What it holds is read again, and known events are ignored; send again what it has lost",
            gone,
        )
    end = None if log is None else log.high
    if end is not None and end < gap.position:
        return Told(
            f"{where} ends at {end}, and was read up to {gap.position}: it has lost its last "
            f"{_counted(gap.position - end)}",
            "What it holds is read again, and known events are ignored; send again what it has lost",
            gap.position - end,
        )
    return Told(
        f"{where} ended before {gap.position}, up to which it was read: it has lost records at its end",
        "What it holds is read again, and known events are ignored; send again what it has lost",
        0,
    )


def lost_with_outputs(kafka: KafkaSettings) -> dict[str, str]:
    """Of each output whose records somebody may still have needed what is lost where it was made anew, in words."""
    names = kafka.topics
    return {
        names.outreach: "requests and cancellations of the former one that nobody had read are gone, and are not made again",
        names.outreach_decisions: "the decisions before are gone from it; the page and audits see those from now on",
        names.customer_scores: "a customer's record comes again with whatever happens to them next",
        names.dead_letters: "the letters before are gone, and cannot be sent back any more",
        names.deliveries: "deliverers do not remember by it what they have sent, and refuse to begin where that may be sent "
        "again",
    }


def _counted(records: int) -> str:
    return "1 record" if records == 1 else f"{max(0, records)} records"
