"""The API for programs, all of it below `/api/v1/`: numbers, and with a token of that scope what is told of persons.

What was below `/api/` before leads there.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Final

from fastapi import Depends, FastAPI, HTTPException, Query, Request, Response

from schemas.outputs import DecisionRecord, PeriodMetrics
from service.config import Settings
from service.streaming.brought_totals import numbers_of_brought
from service.web.access import Access, Holder, Scope, gate
from service.web.audit import Audit
from service.web.cursors import LONGEST, Cursors
from service.web.described import documented, listing, refusals
from service.web.freshness import answered
from service.web.promised_and_kept import as_numbers
from service.web.recent import KEPT
from service.web.responses import json_answer
from service.web.shop_view import ShopFacts
from service.web.view import MONTH, GranularityName
from service.wire.period_records import numbers_of

V1: Final = "/api/v1"
_FORMER: Final = ("/periods", "/promises", "/outreach/brought", "/decisions")
"""Below `/api` before there were versions."""
CursorText = Annotated[
    str | None, Query(max_length=LONGEST, description="Of the answer before, its `next`: what follows it.")
]


def refuse_while_adding_up(facts: ShopFacts) -> None:
    """HTTPException 503 until the sums of all partitions are known."""
    if not facts.totals_known():
        raise HTTPException(
            503, "The period numbers are still being added up; ask again in a moment.", {"Retry-After": "1"}
        )


def add_api(app: FastAPI, settings: Settings, facts: ShopFacts, access: Access, audit: Audit) -> None:
    cursors = Cursors(access.cursor_key)
    _add_periods(app, settings.shop.currency, facts, cursors)
    _add_promises(app, settings, facts)
    _add_brought(app, settings, facts)
    _add_decisions(app, access, audit, facts, cursors)
    for path in _FORMER:
        _lead_on(app, path)


def _lead_on(app: FastAPI, path: str) -> None:
    @app.get(f"/api{path}", include_in_schema=False)
    async def moved(request: Request) -> Response:
        query = f"?{request.url.query}" if request.url.query else ""
        return Response(status_code=308, headers={"Location": f"{V1}{path}{query}"})


def _add_periods(app: FastAPI, currency: str, facts: ShopFacts, cursors: Cursors) -> None:
    @app.get(
        f"{V1}/periods",
        summary="Period numbers of the whole shop, oldest first",
        responses={
            **listing(
                "periods",
                documented(PeriodMetrics, "revision"),
                granularity={"type": "string"},
                next={"type": ["string", "null"], "description": "Cursor of older ones; null = there are none."},
            ),
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
        cursor: CursorText = None,
    ) -> Response:
        question = ("periods", granularity.value, since, until)
        before = None if cursor is None else cursors.read(cursor, date, *question)
        refuse_while_adding_up(facts)
        rows = [
            row
            for row in facts.periods(granularity.value)
            if (since is None or row.start >= since)
            and (until is None or row.start < until)
            and (before is None or row.start < before)
        ]
        shown = rows if limit is None else rows[-limit:]
        more = cursors.at(shown[0].start, *question) if len(shown) < len(rows) else None
        numbers = [numbers_of(row, currency) for row in shown]
        return json_answer({"granularity": granularity.value, "periods": numbers, "next": more})


def _add_promises(app: FastAPI, settings: Settings, facts: ShopFacts) -> None:
    @app.get(
        f"{V1}/promises",
        summary="What the policy promised of its alerts, and what they did, by visits of the regulars; "
        "this worker's partitions",
        responses=listing("realised", {"type": "object"}, promised={"type": "object"}),
        tags=["numbers"],
    )
    async def promises() -> Response:
        return json_answer(as_numbers(facts.kept(), settings.policy().outreach))


def _add_brought(app: FastAPI, settings: Settings, facts: ShopFacts) -> None:
    shop = settings.shop

    @app.get(
        f"{V1}/outreach/brought",
        summary="What messages have brought beside the control group, by kind, step and month; the whole shop",
        responses=listing(
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


def _add_decisions(app: FastAPI, access: Access, audit: Audit, facts: ShopFacts, cursors: Cursors) -> None:
    persons = Depends(gate(access, Scope.PERSONS))

    @app.get(
        f"{V1}/decisions",
        summary="The latest outreach decisions of the whole shop, newest first",
        responses={
            **listing(
                "decisions",
                documented(DecisionRecord),
                next={"type": ["string", "null"], "description": "Cursor of older ones; null = no more are in memory."},
            ),
            **refusals(401, 403, 429),
        },
        tags=["persons"],
    )
    async def decisions(
        request: Request,
        holder: Holder = persons,
        limit: Annotated[int, Query(ge=1, le=KEPT, description="At most this many.")] = 50,
        cursor: CursorText = None,
    ) -> Response:
        place = None if cursor is None else cursors.read(cursor, tuple[datetime, str, str], "decisions")
        found = sorted(
            ((each.decided_at, each.decision_id, each.outcome), index) for index, each in enumerate(facts.decisions())
        )
        found = [each for each in reversed(found) if place is None or each[0] < place]
        everything = facts.decisions()
        shown = [everything[index] for _, index in found[:limit]]
        more = cursors.at(found[limit - 1][0], "decisions") if len(found) > limit else None
        audit.viewed(request, holder, [decided.customer_id for decided in shown])
        return answered(request, {"decisions": [decided.written for decided in shown], "next": more})
