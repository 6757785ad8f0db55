"""Segment, health and risk of one customer, and the date at which time alone will change them.

Of a silence three curves speak: the usual gap, the level of the first rung, and the churn risk. Health (health.py),
segment and risk band read the same ones, so that they never contradict each other once the usual gap is over: whose
risk is high is quiet or lost, and at risk; nobody else is lost; who is quiet is not healthy. docs/words.md has the
table.
"""

from __future__ import annotations

from math import exp, inf, log
from typing import Final

from service.domain.answers import Answers
from service.domain.cadence import HEALTHY_BASES, gap_spread, log_patience
from service.domain.calendar import DAY_US, NEVER
from service.domain.customer import Customer
from service.domain.findings import RiskBand, Scores, Segment
from service.domain.health import (
    BANDS,
    HEALTHY_FROM,
    RHYTHM_VISITS,
    after,
    band_and_change,
    band_of,
    fall_of,
    health_parts,
    overdue_of,
)
from service.domain.learning.churn_model import ChurnModel
from service.domain.learning.everybody import Everybody
from service.domain.learning.learned import Learned
from service.domain.outlook import (
    FARTHEST_DAYS,
    HIGH_RISK,
    churn_risk,
    outlook_of,
    risk_band,
    risk_change_us,
)
from service.domain.summation import in_order

SLOWING_FACTOR: Final = 1.5
"""A regular whose recent gaps are this many times the usual is slowing."""
VIP_FACTOR: Final = 3.0
"""Net revenue of a vip, in means of the partition's regulars."""
_LOG_SLOWING: Final = log(SLOWING_FACTOR)
_LOG_HEALTHY: Final = log(HEALTHY_BASES)
_RISK_BANDS: Final = tuple(RiskBand)
TOLD_DAYS: Final = 12
"""Visits that are told of who is not healthy: enough to see a rhythm."""
_SEGMENTS: Final = tuple(Segment)
_NEW: Final[int] = _SEGMENTS.index(Segment.NEW)
_RETURNING: Final[int] = _SEGMENTS.index(Segment.RETURNING)
_REGULAR: Final[int] = _SEGMENTS.index(Segment.REGULAR)
_VIP: Final[int] = _SEGMENTS.index(Segment.VIP)
_SLOWING: Final[int] = _SEGMENTS.index(Segment.SLOWING)
_QUIET: Final[int] = _SEGMENTS.index(Segment.QUIET)
_LOST: Final[int] = _SEGMENTS.index(Segment.LOST)


def segment_of(customer: Customer, everybody: Everybody, now_us: int, regular_min_visits: int) -> int:
    """Index into Segment."""
    if customer.visits == 0:
        return _NEW
    risk = risk_band(churn_risk(customer, everybody.learned.model, now_us))
    return _segment(customer, everybody, overdue_of(customer, now_us), risk, regular_min_visits)


def is_quiet(customer: Customer, everybody: Everybody, now_us: int, regular_min_visits: int) -> bool:
    return segment_of(customer, everybody, now_us, regular_min_visits) == _QUIET


def _segment(customer: Customer, everybody: Everybody, overdue: float, risk: int, regular_min_visits: int) -> int:
    """Of a customer with a visit. Lost is who has probably left for good; a regular only when no rhythm of theirs is so
    slow, because until then a message may reach them."""
    visits = customer.visits
    is_regular = visits >= regular_min_visits
    is_beyond = is_regular and overdue >= _LOG_HEALTHY + log_patience(visits)
    if risk == HIGH_RISK and overdue > 0.0:
        return _LOST if is_beyond or not is_regular else _QUIET
    if not is_regular:
        return _NEW if visits == 1 else _RETURNING
    if is_beyond or not customer.episode.untouched:
        return _QUIET
    if customer.log_recent - customer.log_usual >= _LOG_SLOWING:
        return _SLOWING
    mean = everybody.population.mean_regular_revenue_minor()
    if mean is not None and mean > 0 and customer.revenue_minor >= VIP_FACTOR * mean:
        return _VIP
    return _REGULAR


def judge(customer: Customer, everybody: Everybody, now_us: int, regular_min_visits: int) -> bool:
    """Brings segment, bands of health and churn risk, and the date of their next change up to date. Returns whether one
    changed.

    On the hot path: once per visit and once per change that time brings.
    """
    visits = customer.visits
    if visits == 0:
        return False
    model = everybody.learned.model
    overdue = overdue_of(customer, now_us)
    risk = risk_band(churn_risk(customer, model, now_us))
    segment = _segment(customer, everybody, overdue, risk, regular_min_visits)
    change_us = _segment_change_us(customer, overdue, segment, risk, now_us, regular_min_visits)
    band = -1
    if visits >= RHYTHM_VISITS:
        band, band_change_us = band_and_change(customer, model, overdue, risk, now_us, is_quiet=segment == _QUIET)
        change_us = min(change_us, band_change_us)
    changed = segment != customer.segment or band != customer.band or risk != customer.risk_band
    customer.segment, customer.band, customer.risk_band = segment, band, risk
    customer.change_us = min(change_us, risk_change_us(customer, model, risk, now_us, change_us))
    return changed


def _segment_change_us(
    customer: Customer, overdue: float, segment: int, risk: int, now_us: int, regular_min_visits: int
) -> int:
    """When the segment changes though neither the risk's band does nor a step comes due: the usual gap of a risk that
    is high is over, or a regular's silence is beyond any rhythm of theirs."""
    log_gaps = inf
    if risk == HIGH_RISK and overdue <= 0.0:
        log_gaps = 0.0
    elif customer.visits >= regular_min_visits and segment != _LOST and (risk == HIGH_RISK or segment != _QUIET):
        log_gaps = _LOG_HEALTHY + log_patience(customer.visits)
    if log_gaps == inf:
        return NEVER
    # the exponential may be a microsecond off the logarithm in _segment: then look again in the next one
    return after(customer.last_us, exp(customer.log_usual + log_gaps), now_us)


def lost_us(customer: Customer, model: ChurnModel, regular_min_visits: int) -> int | None:
    """When a customer with a visit counts as lost if they do not come, by what is known at present; None: not within a
    century."""
    log_gaps = max(0.0, fall_of(customer, model))
    if customer.visits >= regular_min_visits:
        log_gaps = max(log_gaps, _LOG_HEALTHY + log_patience(customer.visits))
    days = exp(customer.log_usual + log_gaps)
    return customer.last_us + int(days * DAY_US) + 1 if days < FARTHEST_DAYS else None


def carried_over(customer: Customer) -> None:
    """A customer as an earlier release may have judged them: where words stand side by side that do not any more, they
    are judged anew as soon as time moves."""
    segment, risk = customer.segment, customer.risk_band
    if segment == _LOST and risk != HIGH_RISK:
        customer.change_us = min(customer.change_us, customer.last_us + 1)
    elif risk == HIGH_RISK and 0 <= segment < _QUIET:
        over_us = customer.last_us + int(exp(customer.log_usual) * DAY_US) + 1
        customer.change_us = min(customer.change_us, over_us)


def as_judged(customer: Customer) -> Customer:
    """A copy of what `scores_of` reads: the customer as they are now, whatever happens to them later in the turn."""
    copy = Customer(customer.customer_id)
    copy.visits, copy.orders, copy.revenue_minor = customer.visits, customer.orders, customer.revenue_minor
    copy.first_us, copy.last_us = customer.first_us, customer.last_us
    copy.log_usual, copy.log_recent = customer.log_usual, customer.log_recent
    copy.gap_weight, copy.gap_square = customer.gap_weight, customer.gap_square
    copy.recent_spend = customer.recent_spend
    copy.segment, copy.band = customer.segment, customer.band
    answers = customer.answers
    if answers is not None:
        copy.answers = answers.copy()
    copy.profile = customer.profile
    copy.source, copy.days, copy.days_from = customer.source, customer.days, customer.days_from
    return copy


def scores_of(
    customer: Customer, everybody: Everybody, now_us: int, regular_min_visits: int, store: str | None = None
) -> Scores:
    """The customer's record at `now_us`; None where there is not enough evidence."""
    judged = as_judged(customer)
    judged.segment = segment_of(customer, everybody, now_us, regular_min_visits)
    return record_of(judged, now_us, regular_min_visits, everybody.learned, store)


def record_of(
    customer: Customer,
    now_us: int,
    regular_min_visits: int,
    learned: Learned,
    store: str | None = None,
) -> Scores:
    """The record of a customer as they were judged at `now_us`; `learned` = what was known of the population at that
    time; `store` = where they belong."""
    visited = customer.visits > 0
    parts = health_parts(customer, learned.model, now_us, is_quiet=customer.segment == _QUIET)
    usual = exp(customer.log_usual) if customer.visits > 1 else None
    tail = None
    if customer.visits >= regular_min_visits:
        tail = learned.tail_probability(customer, (now_us - customer.last_us) / DAY_US)
    answers = customer.answers or Answers()
    segment = _SEGMENTS[max(0, customer.segment)]
    health = in_order([part.points for part in parts]) if parts else None
    outlook = outlook_of(customer, learned.model, now_us) if visited else None
    days: tuple[int, ...] = ()
    if customer.segment >= _SLOWING or (health is not None and health < HEALTHY_FROM):
        days = tuple(customer.newest_days(TOLD_DAYS)[::-1])
    return Scores(
        customer_id=customer.customer_id,
        as_of_us=now_us,
        segment=segment,
        health=health,
        band=None if health is None else BANDS[band_of(health)],
        health_parts=parts,
        visits=customer.visits,
        orders=customer.orders,
        revenue_minor=customer.revenue_minor,
        first_visit_us=customer.first_us if visited else None,
        last_visit_us=customer.last_us if visited else None,
        usual_gap_days=usual,
        gap_spread=gap_spread(customer),
        expected_visit_us=None if usual is None else customer.last_us + int(usual * DAY_US),
        tail_probability=tail,
        churn_risk=outlook.churn_risk if outlook else None,
        churn_risk_band=_RISK_BANDS[risk_band(outlook.churn_risk)] if outlook else None,
        expected_purchases_365d=outlook.expected_purchases if outlook else None,
        expected_value_365d_minor=outlook.expected_value_minor if outlook else None,
        value_at_risk_minor=outlook.value_at_risk_minor if outlook else None,
        latest_nps=answers.nps,
        latest_csat=answers.csat,
        latest_ces=answers.ces,
        answers=answers.latest(),
        marketing_consent=None if customer.profile is None else customer.profile.consent,
        store=store,
        visit_days=days,
    )
