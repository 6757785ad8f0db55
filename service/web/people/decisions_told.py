"""Decisions about one customer in words: each of them, and the answer to why they got a message, or none."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import msgspec

from service.domain.findings import Outcome, Reason
from service.web.labels import label, outcome_and_reason, reason_label
from service.web.people.heard import is_over
from service.web.people.roll import Standing
from service.wording.formats import Formats


class Decision(msgspec.Struct):
    """What the page shows of one."""

    decision_id: str
    decided_at: datetime
    kind: str
    rung: str
    outcome: str
    reason: str
    detected_at: datetime | None = None
    quiet_since: datetime | None = None
    current_gap_days: float | None = None
    usual_gap_days: float | None = None
    tail_probability: float | None = None
    value_at_risk: str | None = None
    offer: str = ""
    returned_at: datetime | None = None
    sentence: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    """One decision, ready to print."""

    when: str
    what: str
    outcome: str
    outcome_label: str
    reason: str
    rests_on: str


def line_of(made: Decision, formats: Formats) -> Line:
    rests_on = ""
    if made.current_gap_days is not None and made.usual_gap_days:
        rests_on = formats.say(
            "decision.rests_on",
            gap=formats.days(made.current_gap_days),
            usual=formats.days(made.usual_gap_days, "every"),
        )
    what = label("kind", made.kind, formats)
    return Line(
        when=formats.moment(made.decided_at),
        what=what if made.rung in ("", made.kind) else f"{what} · {made.rung}",
        outcome=made.outcome,
        outcome_label=label("outcome", made.outcome, formats),
        reason=reason_label(made.outcome, made.reason, formats),
        rests_on=rests_on,
    )


def answer_of(made: list[Decision], standing: Standing, formats: Formats) -> str:
    """To: why did they get one, or none?"""
    if not made:
        return formats.say("answer.nothing_due")
    last, visit = made[0], standing.last_visit_at
    since_s = None if last.quiet_since is None else last.quiet_since.timestamp()
    over = visit is not None and is_over(last.kind, since_s, visit.timestamp())
    when, outcome, reason = last.decided_at, last.outcome, last.reason
    if (
        visit is not None and over and outcome == Outcome.DEFERRED.value
    ):  # a visit drops what waits, and no record says so
        when, outcome, reason = visit, Outcome.CANCELLED.value, Reason.RETURNED.value
    why = reason_label(outcome, reason, formats)
    told = formats.catalogue.optional(
        f"answer.{outcome}" if why else f"answer.{outcome}.{reason}",
        when=formats.moment(when),
        kind=label("kind", last.kind, formats),
        reason=why,
    ) or outcome_and_reason(outcome, reason, formats)
    before = visit is not None and (when < visit or (over and when == last.decided_at))
    return f"{told} {formats.say('answer.before')}" if before and outcome != Outcome.CONVERTED.value else told
