"""How a customer stands at this moment, where the worker that holds them says it: the record of `customer-scores` is of
the moment at which a segment or band last changed, and a page that showed both would say two things of one number."""

from __future__ import annotations

import msgspec

from service.domain.calendar import to_datetime
from service.domain.money import minor_to_text
from service.web.people.roll import Detail, Part, Standing


class _Part(msgspec.Struct):
    name: str
    points: float
    of: float


class _Scores(msgspec.Struct):
    """What `inspect` tells of today and may be another than in the record; money in minor units."""

    as_of_us: int
    segment: str
    health: float | None
    band: str | None
    health_parts: tuple[_Part, ...]
    usual_gap_days: float | None
    gap_spread: float | None
    tail_probability: float | None
    churn_risk: float | None
    expected_purchases_365d: float | None
    expected_value_365d_minor: int | None
    value_at_risk_minor: int | None


def judged_now(standing: Standing, detail: Detail | None, minor_digits: int) -> Standing:
    """The record with today's numbers; as it is where another worker holds the customer."""
    if detail is None or detail.get("scores") is None:
        return standing
    now = msgspec.convert(detail["scores"], _Scores)
    return msgspec.structs.replace(
        standing,
        as_of=to_datetime(now.as_of_us),
        segment=now.segment,
        health=now.health,
        band=now.band,
        parts=tuple(Part(each.name, each.points, each.of) for each in now.health_parts),
        usual_gap_days=now.usual_gap_days,
        gap_spread=now.gap_spread,
        tail_probability=now.tail_probability,
        churn_risk=now.churn_risk,
        expected_purchases=now.expected_purchases_365d,
        expected_value=_money(now.expected_value_365d_minor, minor_digits),
        value_at_risk=_money(now.value_at_risk_minor, minor_digits),
    )


def _money(minor: int | None, minor_digits: int) -> str | None:
    return None if minor is None else minor_to_text(minor, minor_digits)
