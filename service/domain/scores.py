"""Health, band and segment of one customer, and the date at which time alone will change them.

Health is the sum of named points: recency 62, frequency trend 13, spend trend 10, satisfaction 15. A part without
evidence is left out and the others re-weighted to 100; before the second visit there is no rhythm, and so no health.
Whatever the other parts say, a customer whose recency has run out is at risk: they reach 38 of 100 at most.

- recency: full until one usual gap has passed, then falls with the logarithm of the silence to 0 at 6 bases.
- frequency trend: full while the recent gaps (fast mean) are no longer than usual, 0 at twice the usual.
- spend trend: full while recent visits bring at least the customer's mean, 0 at half of it.
- satisfaction: newest answer of each survey on 0–1; its weight halves every 180 days.
"""

from __future__ import annotations

from math import exp, log
from typing import Final

from schemas.scales import SCALES
from service.domain.answers import Answers
from service.domain.cadence import HEALTHY_BASES, gap_spread, log_patience
from service.domain.calendar import DAY_US, NEVER
from service.domain.customer import Customer
from service.domain.findings import HealthBand, HealthPart, RiskBand, Scores, Segment
from service.domain.learning.everybody import Everybody
from service.domain.learning.learned import Learned
from service.domain.outlook import churn_risk, outlook_of, risk_band, risk_change_us
from service.domain.summation import in_order

RECENCY_WEIGHT: Final = 62.0
FREQUENCY_WEIGHT: Final = 13.0
SPEND_WEIGHT: Final = 10.0
SATISFACTION_WEIGHT: Final = 15.0
HEALTHY_FROM: Final = 70.0
WATCH_FROM: Final = 40.0
RHYTHM_VISITS: Final = 2
"""Recency needs a gap of the customer's own."""
TREND_VISITS: Final = 4
"""Trends need three gaps, like a regular."""
SATISFACTION_HALF_LIFE_DAYS: Final = 180.0
SLOWING_FACTOR: Final = 1.5
"""A regular whose recent gaps are this many times the usual is slowing."""
VIP_FACTOR: Final = 3.0
"""Net revenue of a vip, in means of the partition's regulars."""
_LOG_2: Final = log(2.0)
_NPS: Final = SCALES["nps"]
_CSAT: Final = SCALES["csat"]
_CES: Final = SCALES["ces"]
_LOG_SLOWING: Final = log(SLOWING_FACTOR)
_LOG_HEALTHY: Final = log(HEALTHY_BASES)
_FALLS_BELOW: Final = (HEALTHY_FROM / 100.0, WATCH_FROM / 100.0)
_BANDS: Final = tuple(HealthBand)
_AT_RISK: Final[int] = _BANDS.index(HealthBand.AT_RISK)
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


def _recency(customer: Customer, silence_days: float) -> float:
    """1 until one usual gap has passed, 0 from 6 bases on."""
    over = log(max(silence_days, 1e-9)) - customer.log_usual
    return 1.0 if over <= 0.0 else max(0.0, 1.0 - over / (_LOG_HEALTHY + log_patience(customer.visits)))


def _trends(customer: Customer) -> tuple[float | None, float | None]:
    """(frequency trend, spend trend) on 0–1; None without evidence."""
    if customer.visits < TREND_VISITS:
        return None, None
    frequency = 1.0 - (customer.log_recent - customer.log_usual) / _LOG_2
    frequency = 0.0 if frequency < 0.0 else min(frequency, 1.0)
    revenue = customer.revenue_minor
    if customer.recent_spend < 0.0 or revenue <= 0:
        return frequency, None
    spend = 2.0 * customer.recent_spend * customer.visits / revenue - 1.0
    return frequency, 0.0 if spend < 0.0 else min(spend, 1.0)


def _satisfaction(answers: Answers | None, now_us: int) -> tuple[float, float]:
    """(mean answer on 0–1, remaining weight 0–1); weight 0 = nothing known.

    Between each other the answers are weighed by their ages relative to the newest, so time fades the weight but leaves
    the mean as it is, to the last bit: a customer on the edge of a band must not waver.
    """
    if answers is None:
        return 0.0, 0.0
    known = (
        (answers.nps, answers.nps_us, _NPS[0], _NPS[1]),
        (answers.csat, answers.csat_us, _CSAT[0], _CSAT[1]),
        (answers.ces, answers.ces_us, _CES[0], _CES[1]),
    )
    newest_us = -NEVER
    for score, at_us, _, _ in known:
        if score is not None and at_us > newest_us:
            newest_us = at_us
    total = weight = 0.0
    for score, at_us, low, high in known:
        if score is not None:
            remaining = _remaining(newest_us - at_us)
            total += remaining * (score - low) / (high - low)
            weight += remaining
    return (total / weight, _remaining(now_us - newest_us)) if weight > 0.0 else (0.0, 0.0)


def _remaining(age_us: int) -> float:
    """What is left of an answer's weight; all of it while it is dated ahead of the stream."""
    remaining: float = 0.5 ** (max(0, age_us) / DAY_US / SATISFACTION_HALF_LIFE_DAYS)
    return remaining


def _parts(customer: Customer, now_us: int) -> list[tuple[str, float, float]]:
    """(name, value 0–1, weight) of the parts with evidence; empty before the second visit."""
    if customer.visits < RHYTHM_VISITS:
        return []
    parts = [("recency", _recency(customer, (now_us - customer.last_us) / DAY_US), RECENCY_WEIGHT)]
    frequency, spend = _trends(customer)
    if frequency is not None:
        parts.append(("frequency_trend", frequency, FREQUENCY_WEIGHT))
    if spend is not None:
        parts.append(("spend_trend", spend, SPEND_WEIGHT))
    value, weight = _satisfaction(customer.answers, now_us)
    if weight > 0.0:
        parts.append(("satisfaction", value, SATISFACTION_WEIGHT * weight))
    return parts


def health_parts(customer: Customer, now_us: int) -> tuple[HealthPart, ...]:
    """The breakdown; points add up to the health, `of` to 100. Empty without evidence."""
    parts = _parts(customer, now_us)
    whole = in_order([weight for _, _, weight in parts])
    return tuple(
        HealthPart(name, 100.0 * value * (weight / whole), 100.0 * weight / whole) for name, value, weight in parts
    )


def _band_at(customer: Customer, now_us: int) -> int:
    """Index into HealthBand; −1 without evidence."""
    parts = _parts(customer, now_us)
    if not parts:
        return -1
    health = whole = 0.0
    for _, _, weight in parts:
        whole += weight
    for _, value, weight in parts:
        health += 100.0 * value * (weight / whole)
    return _band(health)


def _band(health: float) -> int:
    return 0 if health >= HEALTHY_FROM else 1 if health >= WATCH_FROM else 2


def segment_of(customer: Customer, everybody: Everybody, now_us: int, regular_min_visits: int) -> int:
    """Index into Segment."""
    visits = customer.visits
    if visits == 0:
        return _NEW
    silence = (now_us - customer.last_us) / DAY_US
    if silence > 0.0 and log(silence) >= customer.log_usual + _LOG_HEALTHY + log_patience(visits):
        return _LOST
    if visits < regular_min_visits:
        return _NEW if visits == 1 else _RETURNING
    if not customer.episode.untouched:
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
    segment = segment_of(customer, everybody, now_us, regular_min_visits)
    span = _LOG_HEALTHY + log_patience(visits)
    frequency, spend = _trends(customer)
    rest, whole = 0.0, RECENCY_WEIGHT
    if frequency is not None:
        rest, whole = FREQUENCY_WEIGHT * frequency, whole + FREQUENCY_WEIGHT
        if spend is not None:
            rest, whole = rest + SPEND_WEIGHT * spend, whole + SPEND_WEIGHT
    if visits < RHYTHM_VISITS:
        band = -1
    elif customer.answers is None:
        recency = _recency(customer, (now_us - customer.last_us) / DAY_US)
        band = _band(100.0 * (RECENCY_WEIGHT * recency + rest) / whole)
    else:
        band = _band_at(customer, now_us)
    model = everybody.learned.model
    risk = risk_band(churn_risk(customer, model, now_us))
    changed = segment != customer.segment or band != customer.band or risk != customer.risk_band
    customer.segment, customer.band, customer.risk_band = segment, band, risk
    if segment == _LOST:
        change_us = NEVER
    else:  # the exponential may be a microsecond off the logarithm in segment_of: then look again in the next one
        change_us = customer.last_us + int(exp(customer.log_usual + span) * DAY_US) + 1
        if change_us <= now_us:
            change_us = now_us + 1
    if band >= 0 and customer.answers is not None:
        change_us = min(change_us, _band_change_with_answer(customer, customer.answers, band, now_us, rest, whole))
    elif 0 <= band < _AT_RISK:
        needed = (_FALLS_BELOW[band] * whole - rest) / RECENCY_WEIGHT
        if needed > 0.0:
            exponent = (1.0 - needed) * span if needed < 1.0 else 0.0
            crossing = customer.last_us + int(exp(customer.log_usual + exponent) * DAY_US) + 1
            change_us = min(change_us, crossing if crossing > now_us else now_us + 1)
    customer.change_us = min(change_us, risk_change_us(customer, model, risk, now_us, change_us))
    return changed


def _band_change_with_answer(
    customer: Customer, answers: Answers, band: int, now_us: int, rest: float, whole: float
) -> int:
    """First change of band of a customer whose answer's weight k halves every 180 days; `rest`, `whole`: as in `judge`.

    With B a bound of the band and s the answer, health lies above B while
        f = RECENCY_WEIGHT · recency + rest − B · whole + SATISFACTION_WEIGHT · k · (s − B)
    is positive. Until the usual gap has passed only k moves: its date is a logarithm. From there on f falls for good
    (the recency falls faster than any answer fades), and in the logarithm of the silence almost on a straight line:
    three or four steps of Newton's method, from the left, whose error is quadratic.
    """
    value, weight = _satisfaction(answers, now_us)
    newest_us = _newest_answer_us(answers)
    ahead = newest_us > now_us  # such an answer does not fade yet: look again when its time has come
    fading = 0.0 if ahead else _LOG_2 / SATISFACTION_HALF_LIFE_DAYS
    log_usual, last_us = customer.log_usual, customer.last_us
    begin = (now_us - last_us) / DAY_US
    usual = exp(log_usual)
    silence = begin
    if begin < usual:
        for bound in _FALLS_BELOW:
            level = RECENCY_WEIGHT + rest - bound * whole
            pull = SATISFACTION_WEIGHT * weight * (value - bound)
            then = level + pull * exp(-fading * (usual - begin))
            if (level + pull >= 0.0) != (then >= 0.0):
                crossing = begin + log(-pull / level) / fading
                return _after(last_us, crossing, now_us)
        silence = usual
    if band >= _AT_RISK:
        change_us = NEVER
    else:
        bound = _FALLS_BELOW[band]
        per_log = RECENCY_WEIGHT / (_LOG_HEALTHY + log_patience(customer.visits))
        level = RECENCY_WEIGHT + per_log * log_usual + rest - bound * whole
        pull = SATISFACTION_WEIGHT * weight * (value - bound)
        at = log(silence)
        for _ in range(20):
            days = exp(at)
            faded = pull * exp(-fading * (days - begin))
            step = (level - per_log * at + faded) / (per_log + fading * days * faded)
            at += step
            if abs(step) < 1e-13:
                break
        change_us = _after(last_us, exp(at), now_us)
    return min(change_us, newest_us) if ahead else change_us


def _after(last_us: int, silence_days: float, now_us: int) -> int:
    """The first instant after that silence that lies ahead; rounding may put a change a microsecond later: then look
    again in the next one."""
    return max(last_us + int(silence_days * DAY_US) + 1, now_us + 1)


def _newest_answer_us(answers: Answers) -> int:
    newest = -NEVER
    if answers.nps is not None and answers.nps_us > newest:
        newest = answers.nps_us
    if answers.csat is not None and answers.csat_us > newest:
        newest = answers.csat_us
    if answers.ces is not None and answers.ces_us > newest:
        newest = answers.ces_us
    return newest


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
    parts = health_parts(customer, now_us)
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
        band=None if health is None else _BANDS[_band(health)],
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
