"""The API about persons: lists with filters and cursors, one customer, and what changes something of one."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated, Any, Final

import msgspec
import structlog
from aiokafka.errors import KafkaError
from fastapi import Depends, FastAPI, HTTPException, Path, Query, Request, Response

from schemas.kinds import Kind
from schemas.outputs import DecisionRecord
from service.config import Settings
from service.domain.findings import Outcome
from service.errors import ChurnAlertError
from service.web.access import Access, Holder, Scope, gate
from service.web.audit import Audit
from service.web.cursors import LONGEST, Cursors
from service.web.described import answer_of, documented, listing, refusals
from service.web.freshness import answered
from service.web.people.people import People, known
from service.web.people.query import AT_RISK, MOST, PAGE, SegmentChoice, Sort, find
from service.web.people.query import Query as Asked
from service.web.people.roll import Roll, Standing, silence_days, utc
from service.web.people.today import TodaysNews
from service.web.responses import json_answer

_CUSTOMERS: Final = "/api/v1/customers"
_ONE: Final = f"{_CUSTOMERS}/{{customer_id:path}}"
CustomerId = Annotated[str, Path(min_length=1, max_length=1_024, description="customer_id, percent-encoded.")]
_ITEM: Final[dict[str, Any]] = {
    "type": "object",
    "properties": {
        "customer_id": {"type": "string"},
        "first_name": {"type": ["string", "null"], "description": "As a decision has told it; null = none has."},
        "segment": {"type": "string"},
        "value_at_risk": {"type": ["string", "null"], "description": "Money as text; null = not known."},
        "health": {"type": ["number", "null"]},
        "silence_days": {"type": ["number", "null"]},
    },
    "required": ["customer_id", "first_name", "segment", "value_at_risk", "health", "silence_days"],
}
_AT_RISK: Final = SegmentChoice(AT_RISK)
_DONE: Final[dict[int | str, dict[str, Any]]] = {
    202: {
        "description": "It is on record; the worker does the rest.",
        "content": {"application/json": {"schema": {"type": "object", "properties": {"done": {"type": "string"}}}}},
    }
}

log = structlog.get_logger()


def add_people_api(app: FastAPI, settings: Settings, people: People, access: Access, audit: Audit) -> None:
    _add_today(app, people, access, audit)
    _add_list(app, settings, people, access, audit)
    _add_actions(app, people, access, audit)
    _add_looks(app, people, access, audit)
    _add_one(app, settings, people, access, audit)


def _add_today(app: FastAPI, people: People, access: Access, audit: Audit) -> None:
    persons, news = Depends(gate(access, Scope.PERSONS)), TodaysNews()
    count = {"type": "integer"}

    @app.get(
        "/api/v1/today",
        summary="Who has gone quiet, worth how much a year, what was sent, what waits, who came back",
        responses={
            **answer_of(
                {
                    "quiet": count,
                    "at_risk": count,
                    "value_a_year": {"type": "number"},
                    "value_at_risk": {"type": "number"},
                    "gone_quiet": count,
                    "sent": count,
                    "withheld": count,
                    "waiting": count,
                    "came_back": count,
                    "days": count,
                    "worth_most": {"type": "array", "items": {"type": "string"}},
                    "newest_visit_at": {
                        "type": ["string", "null"],
                        "format": "date-time",
                        "description": "Of anybody: whether purchases arrive.",
                    },
                }
            ),
            **refusals(401, 403, 429, 503),
        },
        tags=["persons"],
    )
    async def today(request: Request, holder: Holder = persons) -> Response:
        found = news.of(known(people))
        audit.viewed(request, holder, found.worth_most)
        newest_s = people.roll.newest_visit_s
        newest = {"newest_visit_at": utc(newest_s) if newest_s else None}
        return answered(request, msgspec.to_builtins(found) | newest)


def _add_list(app: FastAPI, settings: Settings, people: People, access: Access, audit: Audit) -> None:
    persons, cursors = Depends(gate(access, Scope.PERSONS)), Cursors(access.cursor_key)

    @app.get(
        _CUSTOMERS,
        summary="Customers of the whole shop, those at risk unless another segment is asked for",
        responses={
            **listing(
                "customers",
                _ITEM,
                total={"type": "integer", "description": "Of the whole list."},
                value_at_risk={"type": "number", "description": "Of the whole list, in the shop's currency."},
                next={"type": ["string", "null"], "description": "Cursor of what follows; null = this was the end."},
            ),
            **refusals(401, 403, 429, 503),
        },
        tags=["persons"],
    )
    async def customers(
        request: Request,
        segment: Annotated[SegmentChoice, Query(description="at_risk: slowing, quiet, or of bad health.")] = _AT_RISK,
        store: Annotated[str, Query(max_length=200, description="Store or channel of most recent visits.")] = "",
        kind: Annotated[Kind | None, Query(description="Of the last decision.")] = None,
        outcome: Annotated[Outcome | None, Query(description="Of the last decision.")] = None,
        q: Annotated[str, Query(max_length=200, description="Part of the id or of the first name.")] = "",
        sort: Annotated[Sort, Query(description="What comes first: most at risk, longest silent, worst health.")] = (
            Sort.VALUE
        ),
        within: Annotated[
            int, Query(ge=0, le=3_650, description="Days since the last decision at most; 0: whenever it was.")
        ] = 0,
        limit: Annotated[int, Query(ge=1, le=MOST)] = PAGE,
        cursor: Annotated[
            str | None, Query(max_length=LONGEST, description="Of the answer before, its `next`.")
        ] = None,
        holder: Holder = persons,
    ) -> Response:
        roll = known(people)
        asked = Asked(
            segment.value, store, kind.value if kind else "", outcome.value if outcome else "", q, sort, within
        )
        found = find(roll, asked, cursors, cursor, limit)
        audit.viewed(request, holder, found.ids)
        told = [told_of(roll, each, settings.shop.currency) for each in found.ids]
        return answered(
            request,
            {
                "total": found.total,
                "value_at_risk": round(found.value_at_risk, settings.shop.minor_digits),
                "customers": [each for each in told if each is not None],
                "next": found.following,
            },
        )


def told_of(roll: Roll, customer_id: str, currency: str) -> dict[str, Any] | None:
    """One customer for programs; None: there is no record of them any more."""
    standing = roll.standing(customer_id)
    if standing is None:
        return None
    last = roll.last_decision(customer_id)
    silence = silence_days(standing, roll.now_s)
    return {
        "customer_id": customer_id,
        "first_name": roll.name_of(customer_id),
        "currency": currency,
        **{name: getattr(standing, name) for name in _TOLD},
        "expected_purchases_365d": standing.expected_purchases,
        "expected_value_365d": standing.expected_value,
        "marketing_consent": standing.consent,
        "visit_days": standing.days,
        "silence_days": None if silence is None else round(silence, 2),
        "health_parts": [msgspec.structs.asdict(part) for part in standing.parts],
        "answers": [msgspec.structs.asdict(answer) for answer in standing.answers],
        "last_decision": None
        if last is None
        else {"kind": last.kind, "outcome": last.outcome, "reason": last.reason, "decided_at": utc(last.decided_s)},
    }


_TOLD: Final = tuple(
    name
    for name in Standing.__struct_fields__
    if name not in {"parts", "answers", "expected_purchases", "expected_value", "consent", "days"}
)


def _add_one(app: FastAPI, settings: Settings, people: People, access: Access, audit: Audit) -> None:
    persons = Depends(gate(access, Scope.PERSONS))

    @app.get(
        _ONE,
        summary="One customer: the numbers, every decision with its reason, and what the worker knows beside",
        responses={
            **answer_of(
                {
                    "customer": _ITEM,
                    "decisions": {"type": ["array", "null"], "items": documented(DecisionRecord)},
                    "detail": {
                        "type": ["object", "null"],
                        "description": "Rhythm, next dates and curve as `churn-alert inspect --json` has them; null = another "
                        "worker holds this customer.",
                    },
                }
            ),
            **refusals(401, 403, 404, 429, 503),
        },
        tags=["persons"],
    )
    async def customer(request: Request, customer_id: CustomerId, holder: Holder = persons) -> Response:
        roll = known(people)
        told = told_of(roll, customer_id, settings.shop.currency)
        if told is None:
            raise HTTPException(404, "There is no such customer.")
        audit.viewed(request, holder, [customer_id])
        try:
            decisions: list[msgspec.Raw] | None = await people.decisions(customer_id)
        except (KafkaError, OSError, TimeoutError):
            decisions = None  # the topic cannot be read just now
        detail = await people.detail(customer_id)
        return answered(request, {"customer": told, "decisions": decisions, "detail": detail})


def _add_looks(app: FastAPI, people: People, access: Access, audit: Audit) -> None:
    write = Depends(gate(access, Scope.WRITE, by_header_alone=True))

    @app.get(
        f"{_ONE}/looks",
        summary="Who has looked at this customer since this page began, newest first, and how the log names them",
        responses={
            **answer_of(
                {
                    "since": {
                        "type": "string",
                        "format": "date-time",
                        "description": "Before that only the log knows.",
                    },
                    "in_log": {"type": "string", "description": "Stands in the lines `persons viewed` about them."},
                    "looks": {
                        "type": "array",
                        "items": {
                            "type": "object",
                            "properties": {
                                "at": {"type": "string", "format": "date-time"},
                                "who": {"type": "string", "description": "Name of the token."},
                                "client": {"type": "string", "description": "Address."},
                                "path": {"type": "string"},
                            },
                            "required": ["at", "who", "client", "path"],
                        },
                    },
                }
            ),
            **refusals(401, 403, 404, 429, 503),
        },
        tags=["write"],
    )
    async def looks(request: Request, customer_id: CustomerId, holder: Holder = write) -> Response:  # noqa: ARG001 - it is the gate
        if customer_id not in known(people):
            raise HTTPException(404, "There is no such customer.")
        hashed = audit.hash_of(customer_id)
        told = [
            {"at": utc(int(each.at_s)), "who": each.who, "client": each.client, "path": each.path}
            for each in audit.seen.of(hashed)
        ]
        return answered(request, {"since": utc(int(audit.seen.since_s)), "in_log": hashed, "looks": told})


def _add_actions(app: FastAPI, people: People, access: Access, audit: Audit) -> None:
    write = Depends(gate(access, Scope.WRITE, by_header_alone=True))
    refused = refusals(401, 403, 404, 429, 503)

    async def done(
        request: Request, holder: Holder, action: str, customer_id: str, do: Callable[[str], Awaitable[None]]
    ) -> Response:
        if customer_id not in known(people):
            raise HTTPException(404, "There is no such customer.")
        await _carried_out(do(customer_id))
        audit.changed(request, holder, action, customer_id)
        return json_answer({"done": action}, 202)

    @app.post(
        f"{_ONE}/do-not-contact",
        status_code=202,
        summary="Withdraws the consent to messages",
        responses={**_DONE, **refused},
        tags=["write"],
    )
    async def do_not_contact(request: Request, customer_id: CustomerId, holder: Holder = write) -> Response:
        return await done(request, holder, "do_not_contact", customer_id, people.do_not_contact)

    @app.post(
        f"{_ONE}/forget",
        status_code=202,
        summary="Erases the customer for good",
        responses={**_DONE, **refused},
        tags=["write"],
    )
    async def forget(request: Request, customer_id: CustomerId, holder: Holder = write) -> Response:
        return await done(request, holder, "forget", customer_id, people.forget)

    @app.get(
        f"{_ONE}/export",
        summary="All that is held of the customer, from every topic; it takes as long as those are large",
        responses={**answer_of({"customer_id": {"type": "string"}}), **refused},
        tags=["write"],
    )
    async def export(request: Request, customer_id: CustomerId, holder: Holder = write) -> Response:
        if customer_id not in known(people):
            raise HTTPException(404, "There is no such customer.")
        held = await _carried_out(people.export(customer_id))
        audit.changed(request, holder, "export", customer_id)
        return json_answer(held)


async def _carried_out(work: Awaitable[Any]) -> Any:
    """Raises HTTPException 503 where it could not be done."""
    try:
        return await work
    except ChurnAlertError as error:
        raise HTTPException(503, str(error)) from error
    except (KafkaError, OSError, TimeoutError) as error:
        log.warning("what was asked of a person could not be done", error=type(error).__name__)
        raise HTTPException(503, "It could not be done just now; try again.", {"Retry-After": "5"}) from error
