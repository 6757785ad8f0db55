"""The request that would go out if a customer were written to at this instant, as it would stand in `outreach`."""

from __future__ import annotations

from typing import Any

import msgspec

from service.config import Settings
from service.domain.calendar import DAY_US, to_date
from service.domain.decision_ids import decision_id
from service.domain.engine import Engine
from service.domain.findings import Decision, Kind, Outcome, Reason
from service.domain.outreach.evidence import addressee_of, evidence_of
from service.domain.policy import Rung
from service.errors import ConfigurationError
from service.inspect.lookup import engine_of
from service.message.samples import RUNGS
from service.wire.encoder import Encoder, EncoderSettings


def request_for(
    settings: Settings, customer_id: str, kind: Kind | None = None, rung: str = "", locale: str | None = None
) -> dict[str, Any]:
    """Its data. `kind` None: the ladder for a regular, else the nudge; `rung` empty: the kind's first step.

    Raises ConfigurationError as `engine_of`, and for who has bought nothing yet.
    """
    engine, _, known_as = engine_of(settings, customer_id)
    return request_of(settings, engine, known_as, kind, rung, locale)


def request_of(
    settings: Settings, engine: Engine, customer_id: str, kind: Kind | None, rung: str, locale: str | None
) -> dict[str, Any]:
    """The same of a customer whom the engine knows."""
    customer = engine.customers[customer_id]
    if not customer.visits:
        raise ConfigurationError(f"Customer {customer_id!r} has not bought anything yet: there is nothing to write of.")
    outreach = settings.policy().outreach
    regular = customer.visits >= settings.shop.regular_min_visits
    kind = kind or (Kind.WIN_BACK if regular else Kind.SECOND_VISIT)
    step = step_of(settings, kind, rung)
    now_us = max(engine.now_us, customer.last_us)
    evidence = evidence_of(customer, engine.ladder.message_of(0), engine.everybody.learned, now_us)
    if locale is not None:
        evidence = msgspec.structs.replace(evidence, locale=locale)
    made = Decision(
        decision_id=decision_id(kind, step.name, customer.last_day, customer_id),
        customer_id=customer_id,
        episode_id=to_date(customer.last_day).isoformat(),
        kind=kind,
        rung=step.name,
        outcome=Outcome.RELEASED,
        reason=Reason.DUE,
        detected_us=now_us,
        decided_us=now_us,
        quiet_since_us=customer.last_us,
        offer=step.offer,
        template=step.template,
        evidence=evidence,
        expires_us=now_us + int(outreach.expires_after_days * DAY_US),
        addressee=addressee_of(customer.profile, engine.ladder.programme.zone_of(customer)),
    )
    request = Encoder(EncoderSettings.of(settings)).encode(made)[-1]
    data: dict[str, Any] = msgspec.json.decode(request.value or b"")["data"]
    return data


def steps_of(settings: Settings, kind: Kind) -> list[Rung]:
    """Those of the policy; none of a kind that is not switched on."""
    policy = settings.policy().outreach
    return list(policy.rungs) if kind is Kind.WIN_BACK else [step for each, step in policy.switched_on if each is kind]


def step_of(settings: Settings, kind: Kind, rung: str) -> Rung:
    """The policy's step of that name, the kind's first for an empty one; where the policy has none, a step without an
    offer."""
    for step in steps_of(settings, kind):
        if rung in {"", step.name}:
            return step
    name = rung or RUNGS[kind]
    return Rung(name, template=f"{kind.value}.{name}")
