"""What `outreach-decisions` has told of a customer: the newest decision, their first name, where each decision lies."""

from __future__ import annotations

from array import array
from datetime import datetime
from typing import Final

import msgspec

from service.domain.findings import Kind, Outcome, Reason

MOST_DECISIONS: Final = 60
"""Places that are known of one customer's decisions: the newest ones."""
_OF_A_SILENCE: Final = frozenset({Kind.WIN_BACK.value, Kind.SECOND_VISIT.value})
"""Kinds that a visit makes void."""
_MOST_NAMES: Final = 1_000


class Decided(msgspec.Struct):
    """The data of `outreach.decided`, what is needed of it here."""

    customer_id: str
    decided_at: datetime
    kind: str
    outcome: str
    reason: str
    quiet_since: datetime | None = None
    first_name: str | None = None


class _DecidedEvent(msgspec.Struct):
    data: Decided


_decoded = msgspec.json.Decoder(_DecidedEvent).decode


def decided_in(value: bytes | None) -> Decided:
    """Raises NOT_OURS where a record is of another make."""
    return _decoded(value or b"").data


class LastDecision(msgspec.Struct, frozen=True):
    """The newest decision about a customer."""

    kind: str
    outcome: str
    reason: str
    decided_s: int
    quiet_since_s: int | None = None
    """The visit that the silence began with; None: it was not told."""

    def after(self, last_visit_s: int) -> LastDecision:
        """As it stands after the visits that are known: a visit drops what waits, and no record says so."""
        if self.outcome != Outcome.DEFERRED.value or not is_over(self.kind, self.quiet_since_s, last_visit_s):
            return self
        return msgspec.structs.replace(self, outcome=Outcome.CANCELLED.value, reason=Reason.RETURNED.value)


def is_over(kind: str, quiet_since_s: float | None, last_visit_s: float) -> bool:
    """Whether the silence that a decision was about has ended with a visit."""
    return kind in _OF_A_SILENCE and quiet_since_s is not None and last_visit_s > quiet_since_s


class Heard:
    """Of one customer."""

    __slots__ = ("last", "name", "places")

    def __init__(self) -> None:
        self.last: LastDecision | None = None
        self.name: str | None = None
        self.places = array("q")
        """Partition, offset, partition, offset … oldest first."""

    def hear(self, data: Decided, partition: int, offset: int) -> None:
        self.name = data.first_name or self.name
        decided_s = int(data.decided_at.timestamp())
        if self.last is None or decided_s >= self.last.decided_s:
            since = data.quiet_since
            self.last = LastDecision(
                _interned(data.kind),
                _interned(data.outcome),
                _interned(data.reason),
                decided_s,
                None if since is None else int(since.timestamp()),
            )
        self.places.extend((partition, offset))
        if len(self.places) > 2 * MOST_DECISIONS:
            del self.places[:2]


_NAMES: dict[str, str] = {}


def _interned(text: str) -> str:
    """Codes are few; one text serves all who have it."""
    return _NAMES.setdefault(text, text) if len(_NAMES) < _MOST_NAMES else text
