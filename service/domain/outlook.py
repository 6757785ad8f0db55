"""What is to be expected of one customer: churn risk, purchases and value of the next 365 days, and when the risk
changes band."""

from __future__ import annotations

from typing import Final

from service.domain.calendar import DAY_US, DAYS_PER_YEAR, NEVER
from service.domain.customer import Customer
from service.domain.learning.churn_model import ChurnModel

MEDIUM_FROM: Final = 0.3
HIGH_FROM: Final = 0.7
"""Churn risks from which a customer is in the next band."""
SPEND_SHRINKAGE: Final = 1.0
"""The population's mean visit counts like this many of the customer's own. A Gamma–Gamma model of spend (Fader & Hardie
2013) has the same form; on the CD shop of that paper the population counts 0.44 visits."""
FARTHEST_DAYS: Final = 40_000.0
"""A later date is none."""
LOW_RISK: Final = 0
HIGH_RISK: Final = 2
"""Indexes into RiskBand."""
_SURELY: Final = 1e-9
"""Of a risk: more than any rounding."""


class Outlook:
    """Numbers of one customer at one instant; of a customer with a visit, so none is missing."""

    def __init__(self, churn_risk: float, visits: float, orders_per_visit: float, spend_minor: float) -> None:
        self.churn_risk: Final = churn_risk
        """1 − P(alive), 0–1."""
        self.expected_purchases: Final = visits * (1.0 - churn_risk) * orders_per_visit
        self.expected_value_minor: Final = round(visits * (1.0 - churn_risk) * spend_minor)
        self.value_at_risk_minor: Final = round(visits * churn_risk * spend_minor)


def churn_risk(customer: Customer, model: ChurnModel, now_us: int) -> float:
    """1 − P(alive) of a customer with a visit."""
    first = customer.first_us
    until = max(now_us, customer.last_us)
    return model.risk(customer.visits - 1, (customer.last_us - first) / DAY_US, (until - first) / DAY_US)


def chance_of_no_visit(customer: Customer, model: ChurnModel, now_us: int, days: float) -> float:
    """P(no visit within the next `days`) of a customer with a visit."""
    first = customer.first_us
    until = max(now_us, customer.last_us)
    recency = (customer.last_us - first) / DAY_US
    return model.chance_of_no_visit(customer.visits - 1, recency, (until - first) / DAY_US, days)


def outlook_of(customer: Customer, model: ChurnModel, now_us: int) -> Outlook:
    """Of a customer with a visit. Value: expected visits × what a visit of theirs brings, shrunk towards the
    population's mean."""
    visits = customer.visits
    recency = (customer.last_us - customer.first_us) / DAY_US
    age = (max(now_us, customer.last_us) - customer.first_us) / DAY_US
    return Outlook(
        churn_risk(customer, model, now_us),
        model.expected_visits_if_alive(visits - 1, recency, age, DAYS_PER_YEAR),
        customer.orders / visits,
        spend_of(customer, model),
    )


def spend_of(customer: Customer, model: ChurnModel) -> float:
    """What a visit of a customer with a visit brings, minor units."""
    whole = SPEND_SHRINKAGE * model.spend_minor + customer.revenue_minor
    return max(0.0, whole / (SPEND_SHRINKAGE + customer.visits))


def risk_band(risk: float) -> int:
    """Index into RiskBand."""
    return LOW_RISK if risk < MEDIUM_FROM else 1 if risk < HIGH_FROM else HIGH_RISK


def silence_to_high(customer: Customer, model: ChurnModel) -> float:
    """Days of silence after which the risk of a customer with a visit is high, at most 40,000; 0: from the start."""
    recency = (customer.last_us - customer.first_us) / DAY_US
    return min(FARTHEST_DAYS, model.silence_until(customer.visits - 1, recency, HIGH_FROM))


def risk_change_us(customer: Customer, model: ChurnModel, band: int, now_us: int, before_us: int = NEVER) -> int:
    """When the risk, now in `band`, leaves it if no visit comes. NEVER from the highest band: it only rises.

    `before_us`: a later date is of no interest, and may be NEVER instead: to see that the risk has not got there by
    then costs a fraction of the date.
    """
    if band == HIGH_RISK:
        return NEVER
    first, last, repeats = customer.first_us, customer.last_us, customer.visits - 1
    recency = (last - first) / DAY_US
    limit = HIGH_FROM if band else MEDIUM_FROM
    if last < before_us < NEVER and model.risk(repeats, recency, (before_us - first) / DAY_US) < limit - _SURELY:
        return NEVER
    silence = model.silence_until(repeats, recency, limit)
    if silence >= FARTHEST_DAYS:
        return NEVER
    # rounding may put the change a microsecond later: then look again in the next one
    return max(last + int(silence * DAY_US) + 1, now_us + 1)
