"""What was decided, with the numbers it rests on, as the value that is published."""

from __future__ import annotations

from service.domain import cadence
from service.domain.calendar import DAY_US, to_date
from service.domain.customer import Customer
from service.domain.outlook import outlook_of
from service.domain.outputs import Decision, Evidence, Kind, Outcome, Reason
from service.domain.outreach import decision_id
from service.domain.policy import OutreachPolicy
from service.domain.population import Population
from service.domain.silences import cell_of


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
    """The decision on a rung (index) of the present episode."""
    step = policy.rungs[rung]
    return Decision(
        decision_id=decision_id(Kind.WIN_BACK, step.name, customer.last_day, customer_id),
        customer_id=customer_id,
        episode_id=to_date(customer.last_day).isoformat(),
        kind=Kind.WIN_BACK,
        rung=step.name,
        outcome=outcome,
        reason=reason,
        detected_us=detected_us,
        decided_us=decided_us,
        quiet_since_us=customer.last_us,
        offer=step.offer,
        template=step.template,
        evidence=evidence_of(customer, population, detected_us),
        expires_us=decided_us + int(policy.expires_after_days * DAY_US),
        returned_us=returned_us,
        revenue_minor=revenue_minor,
    )


def evidence_of(customer: Customer, population: Population, at_us: int) -> Evidence:
    """The numbers as they are, for a silence that lasts until `at_us`."""
    usual = cadence.usual_gap_days(customer)
    gap = (at_us - customer.last_us) / DAY_US
    outlook = outlook_of(customer, population.learned.model, at_us)
    answers, profile, items = customer.answers, customer.profile, customer.items
    return Evidence(
        visits=customer.visits,
        usual_gap_days=usual,
        gap_days=gap,
        tail_probability=population.learned.tolerances.tail_probability(
            cell_of(customer), gap / cadence.base_days(customer)
        ),
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
