"""What was decided, with the numbers it rests on, as the value that is published."""

from __future__ import annotations

from service.domain import cadence
from service.domain.calendar import DAY_US, to_date
from service.domain.customer import Customer
from service.domain.decision_ids import decision_id, occasion_id
from service.domain.findings import About, Addressee, Arm, Decision, Evidence, Outcome, Reason
from service.domain.learning.learned import Learned
from service.domain.outlook import outlook_of
from service.domain.outreach.kinds.message import MessageKind
from service.domain.profile import ProfileState


def decision_of(
    customer: Customer,
    message: MessageKind,
    learned: Learned,
    outcome: Outcome,
    reason: Reason,
    *,
    number: int,
    detected_us: int,
    decided_us: int,
    expires_us: int,
    returned_us: int | None = None,
    revenue_minor: int | None = None,
    told_as: str = "",
    name: str = "",
    arm: Arm | None = None,
    about: About | None = None,
    zone: str | None = None,
) -> Decision:
    """The decision on the step `number` of a kind of message, in the present absence. `told_as`: the id under which it
    was told before, if that was another one than the customer has; `name`: what the step was called then, if the policy
    may call it otherwise; `about`: its occasion, if it is not about the absence; `zone`: by whose clock the customer
    lives, of what goes out."""
    step, customer_id = message.step(number), told_as or customer.customer_id
    name = name or step.name
    day, since_us = customer.last_day, customer.last_us
    if about is not None and not customer.visits:
        day, since_us = about.day, about.at_us
    if about is None:
        made = decision_id(message.kind, name, day, customer_id)
    else:
        made = occasion_id(message.kind, name, about.mark, customer_id)
    return Decision(
        decision_id=made,
        customer_id=customer_id,
        episode_id=to_date(day).isoformat(),
        kind=message.kind,
        rung=name,
        outcome=outcome,
        reason=reason,
        detected_us=detected_us,
        decided_us=decided_us,
        quiet_since_us=since_us,
        offer=step.offer,
        template=step.template,
        evidence=evidence_of(customer, message, learned, detected_us, about),
        expires_us=expires_us,
        returned_us=returned_us,
        revenue_minor=revenue_minor,
        arm=arm,
        addressee=addressee_of(customer.profile, zone) if outcome is Outcome.RELEASED else None,
    )


def addressee_of(profile: ProfileState | None, zone: str | None) -> Addressee:
    """How the customer is reached, as far as the shop has said; `zone` is that of the place where they are."""
    if profile is None:
        return Addressee(None, None, None, zone, None, 0)
    return Addressee(
        profile.reachable_email,
        profile.phone,
        profile.crm_id,
        zone,
        profile.consent,
        profile.consent_us,
    )


def evidence_of(
    customer: Customer, message: MessageKind, learned: Learned, at_us: int, about: About | None = None
) -> Evidence:
    """The numbers that such a message rests on, for a silence that lasts until `at_us`. Of who has never come it begins
    with what the message is about. Of who objects to profiling nothing is worked out: no usual gap, no probability."""
    if customer.objects:
        return _without_profile(customer, about, at_us)
    usual = cadence.usual_gap_days(customer)
    first_us, last_us = customer.first_us, customer.last_us
    if about is not None:
        if not customer.visits:
            first_us = last_us = about.at_us
        at_us = max(at_us, last_us)
    gap = (at_us - last_us) / DAY_US
    outlook = outlook_of(customer, learned.model, at_us) if customer.visits else None
    answers, profile, items = customer.answers, customer.profile, customer.items
    return Evidence(
        visits=customer.visits,
        usual_gap_days=usual,
        gap_days=gap,
        tail_probability=message.tail_probability(customer, gap, learned),
        expected_visit_us=last_us + int(usual * DAY_US),
        customer_since_us=first_us,
        orders=customer.orders,
        lifetime_value_minor=customer.revenue_minor,
        value_at_risk_minor=outlook.value_at_risk_minor if outlook else None,
        churn_risk=outlook.churn_risk if outlook else None,
        favourite_items=items.favourites() if items else (),
        last_items=tuple(items.last) if items else (),
        latest_nps=answers.nps if answers else None,
        latest_csat=answers.csat if answers else None,
        first_name=profile.first_name if profile else None,
        locale=profile.locale if profile else None,
        about=about,
    )


def _without_profile(customer: Customer, about: About | None, at_us: int) -> Evidence:
    """What was bought and said, and nothing that follows from it."""
    since_us, last_us = customer.first_us, customer.last_us
    if not customer.visits:
        since_us = last_us = at_us if about is None else about.at_us
    answers, profile = customer.answers, customer.profile
    return Evidence(
        visits=customer.visits,
        usual_gap_days=0.0,
        gap_days=max(0, at_us - last_us) / DAY_US,
        tail_probability=1.0,
        expected_visit_us=last_us,
        customer_since_us=since_us,
        orders=customer.orders,
        lifetime_value_minor=customer.revenue_minor,
        value_at_risk_minor=None,
        churn_risk=None,
        favourite_items=(),
        last_items=(),
        latest_nps=answers.nps if answers else None,
        latest_csat=answers.csat if answers else None,
        first_name=profile.first_name if profile else None,
        locale=profile.locale if profile else None,
        about=about,
    )
