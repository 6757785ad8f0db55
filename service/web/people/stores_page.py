"""`/stores`, and the same for programs: which store loses its regulars."""

from __future__ import annotations

from decimal import Decimal

import msgspec
from fastapi import Depends, FastAPI, Request, Response

from service.config import Settings
from service.web.access import Holder, Scope, gate
from service.web.described import answer_of, refusals
from service.web.freshness import answered
from service.web.people.frame import PEOPLE, STORES, Frame, Reader, Visitor
from service.web.people.people import People, known
from service.web.people.stores import DAYS, Beside, Store, Stores
from service.wording.formats import DASH, Formats

_ITEM = {
    "type": "object",
    "properties": {
        "store": {"type": "string", "description": "Empty: of whom no store is known."},
        "regulars": {"type": "integer", "description": f"Those who came within {DAYS} days."},
        "quiet": {"type": "integer"},
        "lost": {"type": "integer"},
        "share": {"type": ["number", "null"], "description": "Quiet or lost, 0–1, of the regulars."},
        "value_at_risk": {"type": "number", "description": "Of the quiet ones, in the shop's currency."},
        "beside": {
            "type": "string",
            "enum": ["", *(each.value for each in Beside)],
            "description": "The share beside that of all other stores together; alike: the difference may be chance "
            "(95 %, Newcombe 1998); empty: there is no other.",
        },
    },
    "required": ["store", "regulars", "quiet", "lost", "share", "value_at_risk", "beside"],
}


def add_stores(app: FastAPI, settings: Settings, people: People, frame: Frame) -> None:
    persons, who = Depends(gate(frame.access, Scope.PERSONS)), Depends(frame.gate(Scope.PERSONS))
    stores = Stores(settings.shop.regular_min_visits)

    @app.get(STORES, include_in_schema=False)
    async def page(request: Request, visitor: Visitor = who) -> Response:
        roll, reader = people.roll, Reader(request)
        formats = frame.formats(reader)
        found = stores.of(roll)
        return frame.render(
            request,
            "stores",
            visitor=visitor,
            known=roll.known,
            told=_told(found, formats),
            days=formats.days(DAYS),
            named=any(each.store for each in found),
            rows=[
                (
                    each.store or formats.say("stores.none"),
                    reader.address(PEOPLE, segment="quiet", store=each.store) if each.store else "",
                    [
                        formats.count(each.regulars),
                        formats.count(each.quiet),
                        formats.count(each.lost),
                        DASH if each.share is None else formats.share(each.share),
                        formats.estimate(Decimal(f"{each.value_at_risk:.2f}")),
                    ],
                    formats.say(f"beside.{each.beside}") if each.beside else "",
                    each.beside,
                )
                for each in found
            ],
        )

    @app.get(
        "/api/v1/stores",
        summary="Which store loses its regulars: the largest share first",
        responses={
            **answer_of({"days": {"type": "integer"}, "stores": {"type": "array", "items": _ITEM}}),
            **refusals(401, 403, 429, 503),
        },
        tags=["persons"],
    )
    async def for_programs(request: Request, holder: Holder = persons) -> Response:  # noqa: ARG001 - it is the gate
        found = stores.of(known(people))
        return answered(request, {"days": DAYS, "stores": msgspec.to_builtins(found)})


def _told(found: list[Store], formats: Formats) -> str:
    """The answer in a sentence; empty where no store is known."""
    named = [each for each in found if each.store]
    if not named:
        return ""
    worse = [each for each in named if each.beside == Beside.WORSE.value]
    if not worse:
        return formats.say("stores.alike" if len(named) > 1 else "stores.one")
    first = worse[0]
    return formats.say(
        "stores.worst",
        store=first.store,
        gone=formats.count(first.quiet + first.lost),
        regulars=formats.count(first.regulars),
        share=formats.share(first.share),
    )
