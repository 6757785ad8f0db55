"""`/coming`, and the same for programs: what comes due in the next 24 hours if nobody comes, hour by hour."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

import msgspec
from fastapi import Depends, FastAPI, HTTPException, Request, Response

from service.config import Settings
from service.web.access import Holder, Scope, gate
from service.web.audit import Audit
from service.web.coming import Coming
from service.web.described import answer_of, refusals
from service.web.freshness import answered
from service.web.labels import label
from service.web.people.frame import COMING, Frame, Reader, Visitor
from service.web.people.people import People, known
from service.web.people.roll import Roll
from service.web.people.rows import ONE
from service.wording.formats import DASH, Formats

_NAMED: Final = 5
"""People who are named of one hour."""
_ITEM: Final = {
    "type": "object",
    "properties": {
        "customer_id": {"type": "string"},
        "at": {"type": "string", "format": "date-time"},
        "step": {"type": "string", "description": "Of the ladder."},
        "waits_for": {
            "type": "string",
            "description": "Reason for which it has been put off; empty: it is decided then.",
        },
    },
    "required": ["customer_id", "at", "step", "waits_for"],
}


def add_coming(app: FastAPI, settings: Settings, people: People, frame: Frame, audit: Audit) -> None:
    persons, who = Depends(gate(frame.access, Scope.PERSONS)), Depends(frame.gate(Scope.PERSONS))
    zone = settings.shop.zone
    begins, _, ends = settings.outreach.quiet_hours.partition("-")
    quiet, shadow = settings.outreach.quiet_hours, settings.outreach.shadow

    @app.get(COMING, include_in_schema=False)
    async def page(request: Request, visitor: Visitor = who) -> Response:
        roll, reader = people.roll, Reader(request)
        formats, coming = frame.formats(reader), await people.coming()
        hours = [] if coming is None else hours_of(coming, roll, reader, formats)
        audit.viewed(request, visitor.holder, [name for hour in hours for name in hour.ids])
        return frame.render(
            request,
            "coming",
            visitor=visitor,
            known=roll.known,
            told=formats.say("coming.silent") if coming is None else _told(coming, formats),
            as_of="" if coming is None else formats.moment(coming.now),
            rules=[
                *([formats.say("coming.shadow")] if shadow else []),
                *(
                    [formats.say("coming.quiet_hours", begin=begins.strip(), end=ends.strip(), zone=zone.key)]
                    if quiet
                    else []
                ),
                *([formats.say("coming.partial")] if coming is not None and coming.partial else []),
                *([formats.say("coming.more")] if coming is not None and not coming.whole else []),
            ],
            hours=hours,
        )

    @app.get(
        "/api/v1/coming",
        summary="What comes due in the next 24 hours if nobody comes, of the customers that this worker holds",
        responses={
            **answer_of(
                {
                    "now": {"type": "string", "format": "date-time"},
                    "until": {"type": "string", "format": "date-time"},
                    "due": {"type": "array", "items": _ITEM},
                    "whole": {"type": "boolean", "description": "false: more come due than are told."},
                    "beyond": {
                        "type": "array",
                        "items": {"type": "integer"},
                        "description": "Where it is not whole: how many others come due in each hour, from "
                        "the one that is now on.",
                    },
                    "partitions": {"type": "integer", "description": "Whose customers these are."},
                    "of_partitions": {"type": ["integer", "null"]},
                }
            ),
            **refusals(401, 403, 429, 503),
        },
        tags=["persons"],
    )
    async def for_programs(request: Request, holder: Holder = persons) -> Response:
        known(people)
        coming = await people.coming()
        if coming is None:
            raise HTTPException(503, "The worker does not answer; ask again in a moment.", {"Retry-After": "1"})
        audit.viewed(request, holder, [each.customer_id for each in coming.due])
        return answered(request, msgspec.to_builtins(coming))


class Hour(msgspec.Struct, frozen=True):
    """One hour by the shop's clock, ready to print."""

    heading: str
    due: str
    """How many steps come due in it."""
    waiting: str
    """How many that were put off are looked at again."""
    people: list[tuple[str, str, str]]
    """(name, address, what) of the first of them."""
    more: str
    """How many others; empty: none."""
    ids: list[str]


def hours_of(coming: Coming, roll: Roll, reader: Reader, formats: Formats) -> list[Hour]:
    """Every hour of the 24, also those in which nothing comes due."""
    found, begin, now = list[Hour](), coming.now.replace(minute=0, second=0, microsecond=0), coming.now
    beyond = iter(coming.beyond)
    while begin < coming.until:
        end = begin + timedelta(hours=1)
        due = [each for each in coming.due if max(begin, now) <= each.at < end]
        shown = due[:_NAMED]
        waiting, others = sum(bool(each.waits_for) for each in due), next(beyond, 0)
        unnamed = len(due) - len(shown) + others
        found.append(
            Hour(
                formats.hour(begin),
                formats.count(len(due) - waiting + others) if len(due) + others > waiting else DASH,
                formats.count(waiting) if waiting else DASH,
                [
                    (
                        roll.name_of(each.customer_id) or each.customer_id,
                        reader.address(ONE, id=each.customer_id),
                        formats.say("coming.waits", reason=label("reason", each.waits_for, formats))
                        if each.waits_for
                        else formats.say("coming.step", step=each.step),
                    )
                    for each in shown
                ],
                formats.say("coming.others", count=formats.count(unnamed)) if unnamed else "",
                [each.customer_id for each in shown],
            )
        )
        begin = end
    return found


def _told(coming: Coming, formats: Formats) -> str:
    waiting = sum(bool(each.waits_for) for each in coming.due)
    return formats.say(
        "coming.told",
        people=formats.counted(len(coming.due) - waiting + sum(coming.beyond), "people"),
        waiting=formats.count(waiting),
        until=formats.moment(coming.until),
    )
