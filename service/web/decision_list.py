"""The latest decisions as the page tells them: without the person."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from service.domain.findings import Kind, Outcome
from service.web.labels import label, outcome_and_reason, reason_label
from service.web.recent import Decided
from service.wording.formats import Formats

_MOST = 12
"""Lines; the API has more."""


@dataclass(frozen=True, slots=True)
class Told:
    """One decision."""

    when: str
    text: str
    outcome: str
    outcome_label: str
    reason: str


@dataclass(frozen=True, slots=True)
class DecisionList:
    """The list, ready to print, and what it adds up to."""

    heading: str
    """Empty where nothing was decided yet."""
    counted: list[tuple[str, str]]
    """(number, outcome and reason), the most frequent first."""
    told: list[Told]


def list_decisions(decisions: list[Decided], formats: Formats) -> DecisionList:
    """`decisions`: newest first."""
    heading = formats.say("decisions.last", count=formats.count(len(decisions))) if decisions else ""
    told = [_told(decided, formats) for decided in _worth_a_line(decisions)[:_MOST]]
    return DecisionList(heading, _counted(decisions, formats), told)


def _worth_a_line(decisions: list[Decided]) -> list[Decided]:
    """Without the withdrawn messages of customers who came back: that line says it better."""
    came_back = {each.decision_id for each in decisions if each.outcome == Outcome.CONVERTED.value}
    return [each for each in decisions if each.outcome != Outcome.CANCELLED.value or each.decision_id not in came_back]


def _told(decided: Decided, formats: Formats) -> Told:
    regular = decided.kind == Kind.WIN_BACK.value
    return Told(
        when=formats.moment(decided.decided_at),
        text=formats.say(
            "decision.regular" if regular else "decision.other",
            visits=formats.count(decided.visits),
            gap=formats.days(decided.current_gap_days),
            usual=formats.days(decided.usual_gap_days, "every"),
        ),
        outcome=decided.outcome,
        outcome_label=label("outcome", decided.outcome, formats),
        reason=reason_label(decided.outcome, decided.reason, formats),
    )


def _counted(decisions: list[Decided], formats: Formats) -> list[tuple[str, str]]:
    groups = Counter((decided.outcome, decided.reason) for decided in decisions)
    return [
        (formats.count(count), outcome_and_reason(outcome, reason, formats))
        for (outcome, reason), count in groups.most_common()
    ]
