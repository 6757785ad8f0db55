"""A customer in one line: the reason in one sentence, the drawing, and the numbers, ready to print."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from markupsafe import Markup

from service.web.labels import outcome_and_reason, segment_of
from service.web.people.frame import Reader
from service.web.people.heard import LastDecision
from service.web.people.roll import Roll, Standing, silence_days, utc
from service.web.people.timeline import timeline
from service.wording.formats import DASH, Formats
from service.wording.whys import Silence, why

ONE: Final = "/people/one"
_DAY_S: Final = 86_400


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a list."""

    customer_id: str
    name: str
    """The first name, else the id."""
    address: str
    segment: str
    segment_label: str
    store: str
    sentence: str
    drawing: Markup
    value_at_risk: str
    value_a_year: str
    silence: str
    health: str
    decided: str
    """What was decided last, and why; empty: nothing yet."""
    decided_on: str


def row_of(roll: Roll, customer_id: str, reader: Reader, formats: Formats) -> Row | None:
    """None: there is no record of them any more."""
    standing = roll.standing(customer_id)
    if standing is None:
        return None
    silence, last = silence_days(standing, roll.now_s), roll.last_decision(customer_id)
    return Row(
        customer_id=customer_id,
        name=roll.name_of(customer_id) or customer_id,
        address=reader.address(ONE, id=customer_id),
        segment=standing.segment,
        segment_label=segment_of(standing.segment, formats),
        store=standing.store or "",
        sentence=sentence_of(standing, silence, formats),
        drawing=drawing_of(standing, roll, formats),
        value_at_risk=estimate(standing.value_at_risk, formats),
        value_a_year=DASH
        if standing.value_a_year is None
        else formats.estimate(Decimal(f"{standing.value_a_year:.2f}")),
        silence=DASH if silence is None else formats.days(silence),
        health=DASH if standing.health is None else formats.count(round(standing.health)),
        decided=decided(last, formats),
        decided_on="" if last is None else formats.moment(utc(last.decided_s)),
    )


def sentence_of(standing: Standing, silence: float | None, formats: Formats) -> str:
    """Why they are on the list, in the reader's language."""
    if silence is None:
        return formats.say("why.never")
    last = standing.last_visit_at
    return why(
        Silence(
            days=silence,
            judged_days=silence if last is None else (standing.as_of - last).total_seconds() / _DAY_S,
            usual_gap_days=standing.usual_gap_days,
            tail_probability=standing.tail_probability,
            visits=standing.visits,
        ),
        formats,
    )


def drawing_of(standing: Standing, roll: Roll, formats: Formats) -> Markup:
    if not standing.days:
        return Markup()
    today = formats.date_of(roll.now_s * 1_000_000)
    said = formats.say(
        "drawing.told",
        count=formats.counted(len(standing.days), "visit"),
        since=formats.day(standing.days[0]),
        last=formats.day(standing.days[-1]),
    )
    return timeline(standing.days, today, said)


def decided(last: LastDecision | None, formats: Formats) -> str:
    if last is None:
        return ""
    return outcome_and_reason(last.outcome, last.reason, formats)


def estimate(text: str | None, formats: Formats) -> str:
    return DASH if text is None else formats.estimate(Decimal(text))


def money(text: str | None, formats: Formats) -> str:
    return DASH if text is None else formats.money(Decimal(text))
