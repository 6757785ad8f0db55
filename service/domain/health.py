"""Health of one customer, its band, and the date at which time alone will change it.

Health is the sum of named points: recency 62, frequency trend 13, spend trend 10, satisfaction 15. A part without
evidence is left out and the others re-weighted to 100; before the second visit there is no rhythm, and so no health.
Whatever the other parts say, a customer whose recency has run out is at risk: they reach 38 of 100 at most.

- recency: full until one usual gap has passed, then falls with the logarithm of the silence to 0 where the churn risk
  becomes high; at most a half of a quiet customer, at least a half while the risk is low.
- frequency trend: full while the recent gaps (fast mean) are no longer than usual, 0 at twice the usual.
- spend trend: full while recent visits bring at least the customer's mean, 0 at half of it.
- satisfaction: newest answer of each survey on 0–1; its weight halves every 180 days.
"""

from __future__ import annotations

from math import exp, inf, log
from typing import Final

from schemas.scales import SCALES
from service.domain.answers import Answers
from service.domain.calendar import DAY_US, NEVER
from service.domain.customer import Customer
from service.domain.findings import HealthBand, HealthPart
from service.domain.learning.churn_model import ChurnModel
from service.domain.outlook import HIGH_RISK, LOW_RISK, churn_risk, risk_band, silence_to_high
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
BANDS: Final = tuple(HealthBand)
_HALF: Final = 0.5
"""Recency that a quiet customer has at most, and one of low risk at least: with it alone the health is in the middle
band, and nobody with it is healthy."""
_LOG_2: Final = log(2.0)
_NPS: Final = SCALES["nps"]
_CSAT: Final = SCALES["csat"]
_CES: Final = SCALES["ces"]
_FALLS: Final = -inf
_FALLS_BELOW: Final = (HEALTHY_FROM / 100.0, WATCH_FROM / 100.0)
_AT_RISK: Final[int] = BANDS.index(HealthBand.AT_RISK)


def overdue_of(customer: Customer, now_us: int) -> float:
    """Logarithm of the silence of a customer with a visit, in usual gaps: above 0 the usual gap is over."""
    return log(max((now_us - customer.last_us) / DAY_US, 1e-9)) - customer.log_usual


def fall_of(customer: Customer, model: ChurnModel) -> float:
    """Logarithm of the usual gaps after which the churn risk is high: so far the recency falls. 0: at once."""
    days = silence_to_high(customer, model)
    return max(0.0, log(days) - customer.log_usual) if days > 0.0 else 0.0


def _recency(overdue: float, fall: float, risk: int, *, is_quiet: bool) -> float:
    """1 until one usual gap has passed, 0 from where the risk is high; `fall` counts in between."""
    recency = 1.0
    if overdue > 0.0:
        if risk == HIGH_RISK:
            return 0.0
        recency = 1.0 - overdue / fall if overdue < fall else 0.0
    if is_quiet:
        recency = min(recency, _HALF)
    return max(recency, _HALF) if risk == LOW_RISK else recency


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


def _parts(customer: Customer, now_us: int, recency: float) -> list[tuple[str, float, float]]:
    """(name, value 0–1, weight) of the parts with evidence; empty before the second visit."""
    if customer.visits < RHYTHM_VISITS:
        return []
    parts = [("recency", recency, RECENCY_WEIGHT)]
    frequency, spend = _trends(customer)
    if frequency is not None:
        parts.append(("frequency_trend", frequency, FREQUENCY_WEIGHT))
    if spend is not None:
        parts.append(("spend_trend", spend, SPEND_WEIGHT))
    value, weight = _satisfaction(customer.answers, now_us)
    if weight > 0.0:
        parts.append(("satisfaction", value, SATISFACTION_WEIGHT * weight))
    return parts


def health_parts(customer: Customer, model: ChurnModel, now_us: int, *, is_quiet: bool) -> tuple[HealthPart, ...]:
    """The breakdown; points add up to the health, `of` to 100. Empty without evidence."""
    if customer.visits < RHYTHM_VISITS:
        return ()
    risk = risk_band(churn_risk(customer, model, now_us))
    overdue = overdue_of(customer, now_us)
    fall = fall_of(customer, model) if overdue > 0.0 and risk != HIGH_RISK else 0.0
    parts = _parts(customer, now_us, _recency(overdue, fall, risk, is_quiet=is_quiet))
    whole = in_order([weight for _, _, weight in parts])
    return tuple(
        HealthPart(name, 100.0 * value * (weight / whole), 100.0 * weight / whole) for name, value, weight in parts
    )


def _band_at(customer: Customer, now_us: int, recency: float) -> int:
    """Index into HealthBand of a customer with a health."""
    parts = _parts(customer, now_us, recency)
    health = whole = 0.0
    for _, _, weight in parts:
        whole += weight
    for _, value, weight in parts:
        health += 100.0 * value * (weight / whole)
    return band_of(health)


def band_of(health: float) -> int:
    """Index into HealthBand."""
    return 0 if health >= HEALTHY_FROM else 1 if health >= WATCH_FROM else 2


def band_and_change(
    customer: Customer, model: ChurnModel, overdue: float, risk: int, now_us: int, *, is_quiet: bool
) -> tuple[int, int]:
    """Band of health of a customer who has one, and when it changes if neither the segment nor the risk's band does."""
    frequency, spend = _trends(customer)
    rest, whole = 0.0, RECENCY_WEIGHT
    if frequency is not None:
        rest, whole = FREQUENCY_WEIGHT * frequency, whole + FREQUENCY_WEIGHT
        if spend is not None:
            rest, whole = rest + SPEND_WEIGHT * spend, whole + SPEND_WEIGHT
    fall = 0.0 if risk == HIGH_RISK else fall_of(customer, model)
    recency = _recency(overdue, fall, risk, is_quiet=is_quiet)
    answers = customer.answers
    if answers is None:
        band = band_of(100.0 * (RECENCY_WEIGHT * recency + rest) / whole)
        if risk == HIGH_RISK or band >= _AT_RISK:
            return band, NEVER
        needed = (_FALLS_BELOW[band] * whole - rest) / RECENCY_WEIGHT
        if needed <= 0.0 or (risk == LOW_RISK and needed <= _HALF):
            return band, NEVER
        exponent = (1.0 - needed) * fall if needed < 1.0 else 0.0
        return band, after(customer.last_us, exp(customer.log_usual + exponent), now_us)
    band = _band_at(customer, now_us, recency)
    silent = _Silence(overdue, fall, recency, risk, is_quiet=is_quiet)
    return band, _band_change_with_answer(customer, answers, band, now_us, rest, whole, silent)


def _band_change_with_answer(
    customer: Customer, answers: Answers, band: int, now_us: int, rest: float, whole: float, silent: _Silence
) -> int:
    """First change of band of a customer whose answer's weight k halves every 180 days; `rest`, `whole`: as in
    `band_and_change`. Or where the recency begins to move otherwise: then look again.

    With B a bound of the band and s the answer, health lies above B while
        f = RECENCY_WEIGHT · recency + rest − B · whole + SATISFACTION_WEIGHT · k · (s − B)
    is positive. While the recency stands only k moves: its date is a logarithm. While it falls f falls for good (faster
    than any answer fades), and in the logarithm of the silence almost on a straight line: three or four steps of
    Newton's method, from the left, whose error is quadratic.
    """
    value, weight = _satisfaction(answers, now_us)
    newest_us = _newest_answer_us(answers)
    ahead = newest_us > now_us  # such an answer does not fade yet: look again when its time has come
    fading = 0.0 if ahead else _LOG_2 / SATISFACTION_HALF_LIFE_DAYS
    log_usual, last_us = customer.log_usual, customer.last_us
    begin = (now_us - last_us) / DAY_US
    until = silent.stands_until()
    at = log(max(begin, 1e-9))
    if until != _FALLS:
        left = 0.0 if until == inf else exp(-fading * (exp(log_usual + until) - begin))
        for bound in _FALLS_BELOW:
            level = RECENCY_WEIGHT * silent.recency + rest - bound * whole
            pull = SATISFACTION_WEIGHT * weight * (value - bound)
            if not ahead and (level + pull >= 0.0) != (level + pull * left >= 0.0):
                return after(last_us, begin + log(-pull / level) / fading, now_us)
        at = log_usual
    change_us = NEVER
    if until != _FALLS and not silent.falls_then():
        if until < inf:
            change_us = after(last_us, exp(log_usual + until), now_us)
    elif band < _AT_RISK and silent.fall > 0.0:
        bound = _FALLS_BELOW[band]
        per_log = RECENCY_WEIGHT / silent.fall
        level = RECENCY_WEIGHT + per_log * log_usual + rest - bound * whole
        pull = SATISFACTION_WEIGHT * weight * (value - bound)
        for _ in range(20):
            days = exp(at)
            faded = pull * exp(-fading * (days - begin))
            step = (level - per_log * at + faded) / (per_log + fading * days * faded)
            at += step
            if abs(step) < 1e-13:
                break
        if silent.risk == LOW_RISK:
            at = min(at, log_usual + silent.fall / 2.0)
        change_us = after(last_us, exp(at), now_us)
    return min(change_us, newest_us) if ahead else change_us


class _Silence:
    """How the recency of one customer moves from now on, while neither segment nor risk band change. Times are
    logarithms of usual gaps."""

    def __init__(self, overdue: float, fall: float, recency: float, risk: int, *, is_quiet: bool) -> None:
        self.overdue: Final = overdue
        self.fall: Final = fall
        self.recency: Final = recency
        self.risk: Final = risk
        self.is_quiet: Final = is_quiet

    def stands_until(self) -> float:
        """As long as it stays as it is; _FALLS: it does not."""
        gone = self.risk == HIGH_RISK
        if self.overdue > 0.0 and gone:
            return inf
        if self.is_quiet and not gone and self.overdue < self.fall / 2.0:
            return self.fall / 2.0
        if self.overdue <= 0.0:
            return 0.0
        return inf if self.risk == LOW_RISK and self.overdue >= self.fall / 2.0 else _FALLS

    def falls_then(self) -> bool:
        """Whether it falls from where it stands no more."""
        return not self.is_quiet and self.overdue <= 0.0 and self.risk != HIGH_RISK


def after(last_us: int, silence_days: float, now_us: int) -> int:
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
