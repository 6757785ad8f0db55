"""What was decided, with the numbers it rests on, as the value that is published."""

from __future__ import annotations

from typing import Final

from service.domain import cadence
from service.domain.calendar import DAY_US, to_date
from service.domain.customer import Customer
from service.domain.findings import Decision, Evidence, Kind, Outcome, Reason
from service.domain.learning.population import Population
from service.domain.learning.silences import cell_of
from service.domain.outlook import outlook_of
from service.domain.outreach.gates import decision_id
from service.domain.policy import OutreachPolicy, Rung

NUDGE: Final = -1
"""Number of the second-visit nudge, where those of the ladder's rungs start at 0."""


def step_of(policy: OutreachPolicy, rung: int) -> tuple[Kind, Rung]:
    """Kind and definition of a rung. A nudge that went out before it was switched off is still known by its name."""
    if rung != NUDGE:
        return Kind.WIN_BACK, policy.rungs[rung]
    return Kind.SECOND_VISIT, policy.second_visit or Rung("nudge", template="second_visit.nudge")


def decision_of(
    customer_id: str,
    customer: Customer,
    policy: OutreachPolicy,
    population: Population,
    outcome: Outcome,
    reason: Reason,
    *,
    rung: int,
    detected_us: int,
    decided_us: int,
    returned_us: int | None = None,
    revenue_minor: int | None = None,
) -> Decision:
    """The decision on a rung (index, or NUDGE) of the present episode."""
    kind, step = step_of(policy, rung)
    return Decision(
        decision_id=decision_id(kind, step.name, customer.last_day, customer_id),
        customer_id=customer_id,
        episode_id=to_date(customer.last_day).isoformat(),
        kind=kind,
        rung=step.name,
        outcome=outcome,
        reason=reason,
        detected_us=detected_us,
        decided_us=decided_us,
        quiet_since_us=customer.last_us,
        offer=step.offer,
        template=step.template,
        evidence=evidence_of(customer, population, detected_us, kind),
        expires_us=decided_us + int(policy.expires_after_days * DAY_US),
        returned_us=returned_us,
        revenue_minor=revenue_minor,
    )


def evidence_of(customer: Customer, population: Population, at_us: int, kind: Kind = Kind.WIN_BACK) -> Evidence:
    """The numbers as they are, for a silence that lasts until `at_us`."""
    usual = cadence.usual_gap_days(customer)
    gap = (at_us - customer.last_us) / DAY_US
    learned = population.learned
    outlook = outlook_of(customer, learned.model, at_us)
    if kind is Kind.SECOND_VISIT and learned.returns is not None:
        tail = learned.returns.tail_probability(customer.visits, gap)
    else:
        tail = learned.tolerances.tail_probability(cell_of(customer), gap / cadence.base_days(customer))
    answers, profile, items = customer.answers, customer.profile, customer.items
    return Evidence(
        visits=customer.visits,
        usual_gap_days=usual,
        gap_days=gap,
        tail_probability=tail,
        expected_visit_us=customer.last_us + int(usual * DAY_US),
        customer_since_us=customer.first_us,
        orders=customer.orders,
        lifetime_value_minor=customer.revenue_minor,
        value_at_risk_minor=outlook.value_at_risk_minor,
        churn_risk=outlook.churn_risk,
        favourite_items=items.favourites() if items else (),
        last_items=tuple(items.last) if items else (),
        latest_nps=answers.nps if answers else None,
        latest_csat=answers.csat if answers else None,
        first_name=profile.first_name if profile else None,
        locale=profile.locale if profile else None,
    )
