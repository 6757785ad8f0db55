"""Period numbers, promises and decisions for programs. Anything about a person needs the bearer token."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import date
from typing import Annotated, Any

from fastapi import Depends, FastAPI, HTTPException, Query, Request, Response
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from schemas.outputs import DecisionRecord, PeriodMetrics
from service.config import Settings
from service.streaming.brought_totals import numbers_of_brought
from service.streaming.period_records import numbers_of
from service.web.access import Access
from service.web.audit import Audit
from service.web.promised_and_kept import as_numbers
from service.web.recent import KEPT
from service.web.responses import json_answer
from service.web.shop_view import ShopFacts
from service.web.view import MONTH, GranularityName


def add_api(app: FastAPI, settings: Settings, facts: ShopFacts, access: Access) -> None:
    _add_periods(app, settings.shop.currency, facts)
    _add_promises(app, settings, facts)
    _add_brought(app, settings, facts)
    _add_decisions(app, access, Audit(settings), facts)


def _add_periods(app: FastAPI, currency: str, facts: ShopFacts) -> None:
    @app.get(
        "/api/periods",
        summary="Period numbers of the whole shop, oldest first",
        responses={
            **_listing("periods", _documented(PeriodMetrics, "revision"), granularity={"type": "string"}),
            503: {"description": "The numbers are still being added up."},
        },
        tags=["numbers"],
    )
    async def periods(
        granularity: Annotated[GranularityName, Query(description="Length of the period.")] = MONTH,
        since: Annotated[
            date | None, Query(alias="from", description="Only periods that begin on this local date or later.")
        ] = None,
        until: Annotated[
            date | None, Query(alias="to", description="Only periods that begin before this local date.")
        ] = None,
        limit: Annotated[int | None, Query(ge=1, description="At most this many: the newest ones.")] = None,
    ) -> Response:
        if not facts.totals_known():
            raise HTTPException(
                503, "The period numbers are still being added up; ask again in a moment.", {"Retry-After": "1"}
            )
        rows = [
            numbers_of(row, currency)
            for row in facts.periods(granularity.value)
            if (since is None or row.start >= since) and (until is None or row.start < until)
        ]
        return json_answer({"granularity": granularity.value, "periods": rows if limit is None else rows[-limit:]})


def _add_promises(app: FastAPI, settings: Settings, facts: ShopFacts) -> None:
    @app.get(
        "/api/promises",
        summary="What the policy promised of its alerts, and what they did, by visits of the regulars; "
        "this worker's partitions",
        responses=_listing("realised", {"type": "object"}, promised={"type": "object"}),
        tags=["numbers"],
    )
    async def promises() -> Response:
        return json_answer(as_numbers(facts.kept(), settings.policy().outreach))


def _add_brought(app: FastAPI, settings: Settings, facts: ShopFacts) -> None:
    shop = settings.shop

    @app.get(
        "/api/outreach/brought",
        summary="What messages have brought beside the control group, by kind, step and month; the whole shop",
        responses=_listing(
            "brought",
            {"type": "object"},
            control_share={"type": "number"},
            window_days={"type": "number"},
        ),
        tags=["numbers"],
    )
    async def brought() -> Response:
        outreach = settings.policy().outreach
        return json_answer(
            {
                "control_share": outreach.control_share,
                "window_days": outreach.attribution_days,
                "brought": [numbers_of_brought(row, shop.currency, shop.minor_digits) for row in facts.brought()],
            }
        )


def _add_decisions(app: FastAPI, access: Access, audit: Audit, facts: ShopFacts) -> None:
    @app.get(
        "/api/decisions",
        summary="The latest outreach decisions of the whole shop, newest first",
        dependencies=[Depends(_gate(access))],
        responses={
            **_listing("decisions", _documented(DecisionRecord)),
            401: {"description": "Token missing or wrong."},
            403: {"description": "No token is configured."},
            429: {"description": "Too many wrong tokens."},
        },
        tags=["persons"],
    )
    async def decisions(
        request: Request,
        limit: Annotated[int, Query(ge=1, le=KEPT, description="At most this many.")] = 50,
    ) -> Response:
        shown = facts.decisions()[:limit]
        audit.viewed(request, [decided.customer_id for decided in shown])
        return json_answer({"decisions": [decided.written for decided in shown]})


def _documented(model: Any, *left_out: str) -> dict[str, Any]:
    """The JSON Schema of one item, from the wire contract."""
    schema: dict[str, Any] = model.model_json_schema()
    for name in left_out:
        del schema["properties"][name]
    schema["required"] = [name for name in schema.get("required", []) if name not in left_out]
    return schema


def _listing(name: str, item: dict[str, Any], **beside: object) -> dict[int | str, dict[str, Any]]:
    properties = {**beside, name: {"type": "array", "items": item}}
    schema = {"type": "object", "properties": properties, "required": list(properties)}
    return {200: {"content": {"application/json": {"schema": schema}}}}


def _gate(access: Access) -> Callable[..., Awaitable[None]]:
    """Lets in who holds the token; without one configured nobody."""

    async def check(
        request: Request,
        _given: Annotated[
            HTTPAuthorizationCredentials | None, Depends(HTTPBearer(auto_error=False, description="web.token"))
        ],
    ) -> None:
        access.check(request)

    return check
