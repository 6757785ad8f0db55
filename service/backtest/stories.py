"""A few customers whose stories explain the alerts, one of each kind.

They are drawn by lot, so that nobody picks the flattering ones. The lot is a hash of the id: the same log always gives
the same customers. Pure: no I/O, no clock.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from typing import Final

from service.backtest.alert_log import Alert
from service.backtest.visit_log import VisitLog, lot
from service.domain.calendar import DAY_US
from service.domain.findings import Evidence

_RHYTHM_VISITS: Final = 8
"""Visits from which a rhythm can be seen in a drawing. Who came less often stands in where nobody else has the story:
under a volume most alerts go to new regulars."""
_FEW_VISITS: Final = 6
_LOYAL_VISITS: Final = 12
_VISITS_BEFORE: Final = 8
_VISITS_AFTER: Final = 2
_GAPS_AFTER: Final = 5.0
"""Usual gaps of silence that are drawn after an alert that nobody came back from."""


class Story(StrEnum):
    STAYED_AWAY = "stayed_away"
    """Alerted, and not seen again."""
    SLOW = "slow"
    """Back, but more than two usual gaps after the alert."""
    NEEDLESS = "needless"
    """Back by themselves within one usual gap of the alert."""
    NEW = "new"
    """Alerted after few visits, and not seen again."""
    LOYAL = "loyal"
    """Many visits, and never an alert."""


@dataclass(frozen=True, slots=True)
class Example:
    """A part of one customer's life. Instants in µs."""

    story: Story
    visits: list[int]
    """Those within the drawing."""
    count: int
    """Visits up to the silence that was alerted, or of the whole log."""
    from_us: int
    until_us: int
    alert: Alert | None
    """None for the loyal."""
    longest_days: float
    """Longest gap before the silence that was alerted; of the loyal the open one at the end counts too."""


def examples(log: VisitLog, alerts: Iterable[Alert]) -> list[Example]:
    """At most one example of each story, each of another customer, in the order of `Story`.

    `alerts` are the first of each absence.
    """
    alerted: set[str] = set()
    evaluated: list[Alert] = []
    for alert in alerts:
        made = alert.decision
        if made.customer_id in log.visits:
            alerted.add(made.customer_id)
            if made.quiet_since_us >= log.evaluate_from_us:
                evaluated.append(alert)
    evaluated.sort(key=lambda alert: (lot(alert.decision.customer_id), alert.decision.detected_us))
    return [*_told(log, evaluated, alerted)]


def _told(log: VisitLog, alerts: list[Alert], alerted: set[str]) -> Iterator[Example]:
    taken: set[str] = set()
    for story in Story:
        if story is Story.LOYAL:
            regulars = [known for known in log.evaluated if known not in alerted]
            loyal = [known for known in regulars if len(log.visits[known]) >= _LOYAL_VISITS]
            if loyal:
                yield _loyal(log, min(loyal, key=lot))
            continue
        told = [
            alert for alert in alerts if alert.decision.customer_id not in taken and _TELLS[story](alert, log.end_us)
        ]
        rhythmic = (alert for alert in told if _seen(alert).visits >= _RHYTHM_VISITS)
        chosen = next(rhythmic, told[0] if told else None)
        if chosen is not None:
            taken.add(chosen.decision.customer_id)
            yield _of_alert(story, log, chosen)


def _after(alert: Alert, until_us: int) -> float:
    """Usual gaps from the alert to an instant."""
    return (until_us - alert.decision.detected_us) / DAY_US / alert.decision.evidence.usual_gap_days


def _has_stayed_away(alert: Alert, end_us: int) -> bool:
    return alert.returned_us is None and _after(alert, end_us) >= 4.0 and _seen(alert).visits >= _RHYTHM_VISITS


def _is_new(alert: Alert, end_us: int) -> bool:
    return alert.returned_us is None and _after(alert, end_us) >= 2.0 and _seen(alert).visits <= _FEW_VISITS


def _is_slow(alert: Alert, _end_us: int) -> bool:
    back = alert.returned_us
    return back is not None and _after(alert, back) > 2.0


def _is_needless(alert: Alert, _end_us: int) -> bool:
    back = alert.returned_us
    return back is not None and _after(alert, back) <= 1.0


_TELLS: Final[dict[Story, Callable[[Alert, int], bool]]] = {
    Story.STAYED_AWAY: _has_stayed_away,
    Story.SLOW: _is_slow,
    Story.NEEDLESS: _is_needless,
    Story.NEW: _is_new,
}


def _seen(alert: Alert) -> Evidence:
    return alert.decision.evidence


def _of_alert(story: Story, log: VisitLog, alert: Alert) -> Example:
    made = alert.decision
    times = log.visits[made.customer_id]
    last = max(place for place, at in enumerate(times) if at <= made.quiet_since_us)
    begin = max(0, last + 1 - _VISITS_BEFORE)
    shown = [*times[begin : last + 1 + (0 if alert.returned_us is None else _VISITS_AFTER)]]
    if alert.returned_us is None:
        until = min(log.end_us, made.detected_us + int(_GAPS_AFTER * made.evidence.usual_gap_days * DAY_US))
    else:
        until = shown[-1]
    return _example(story, shown, made.evidence.visits, until, alert, [*times[begin : last + 1]])


def _loyal(log: VisitLog, customer_id: str) -> Example:
    shown = [*log.visits[customer_id][-_LOYAL_VISITS:]]
    return _example(Story.LOYAL, shown, len(log.visits[customer_id]), log.end_us, None, [*shown, log.end_us])


def _example(
    story: Story, shown: list[int], count: int, until_us: int, alert: Alert | None, rhythm: list[int]
) -> Example:
    longest = max((b - a) / DAY_US for a, b in pairwise(rhythm))
    return Example(story, shown, count, shown[0], until_us, alert, longest)
