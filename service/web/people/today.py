"""What there is to know today: who has gone quiet, worth how much, what was sent and what waits, who came back."""

from __future__ import annotations

import heapq
import time
from dataclasses import dataclass
from typing import Final

from service.domain.findings import Kind, Outcome, Segment
from service.web.people.heard import LastDecision
from service.web.people.roll import SEGMENTS, Roll

DAYS: Final = 7
"""What was decided so many days ago at most is news."""
_DAY_S: Final = 86_400
_SHOWN: Final = 5
_FRESH_S: Final = 1.0
_QUIET: Final = SEGMENTS.index(Segment.QUIET.value)


@dataclass(frozen=True, slots=True)
class Today:
    """Counts of people. What was decided is told by everybody's last decision."""

    quiet: int
    """Regulars who are quiet at present."""
    at_risk: int
    """They, the slowing ones and those of bad health."""
    value_a_year: float
    """What the quiet ones would bring in a year if they had surely stayed."""
    value_at_risk: float
    """That, × the risk that each has gone for good."""
    gone_quiet: int
    """Of them, those whose silence was decided about within the last `days`."""
    sent: int
    withheld: int
    waiting: int
    """Put off: for the morning, a cap, a limit."""
    came_back: int
    days: int
    worth_most: list[str]
    """Ids of the quiet ones with the most at risk."""


class TodaysNews:
    """Counted once a second at most, however often it is asked for."""

    def __init__(self) -> None:
        self._told: Today | None = None
        self._of: Roll | None = None
        self._until_s = 0.0

    def of(self, roll: Roll) -> Today:
        now_s = time.monotonic()
        if self._told is None or self._of is not roll or now_s >= self._until_s:
            self._told, self._of = today_of(roll), roll
            self._until_s = time.monotonic() + _FRESH_S
        return self._told


def today_of(roll: Roll) -> Today:
    """Costs some 50 ms where 10,000 are quiet."""
    quiet = [(roll.value_at_risk[row], customer_id) for customer_id, row in roll.rows() if roll.segment[row] == _QUIET]
    worth = 0.0
    for _, customer_id in quiet:
        standing = roll.standing(customer_id)
        worth += (standing.value_a_year or 0.0) if standing is not None else 0.0
    since_s = roll.now_s - DAYS * _DAY_S
    news = [last for last in roll.last_decisions() if last.decided_s >= since_s]
    return Today(
        quiet=len(quiet),
        at_risk=sum(roll.is_at_risk(row) for _, row in roll.rows()),
        value_a_year=round(worth, 2),
        value_at_risk=round(sum(max(0.0, value) for value, _ in quiet), 2),
        gone_quiet=sum(_is_news(roll.last_decision(customer_id), since_s) for _, customer_id in quiet),
        sent=sum(last.outcome == Outcome.RELEASED.value for last in news),
        withheld=sum(last.outcome == Outcome.WITHHELD.value for last in news),
        waiting=sum(last.outcome == Outcome.DEFERRED.value for last in news),
        came_back=sum(last.outcome == Outcome.CONVERTED.value for last in news),
        days=DAYS,
        worth_most=[customer_id for _, customer_id in heapq.nlargest(_SHOWN, quiet)],
    )


def _is_news(last: LastDecision | None, since_s: int) -> bool:
    return last is not None and last.kind == Kind.WIN_BACK.value and last.decided_s >= since_s
