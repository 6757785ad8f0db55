"""`/today` and `/people`: what there is to know today, and the list of people at risk, as a page and as CSV."""

from __future__ import annotations

import asyncio
import csv
import io
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Final

from fastapi import Depends, FastAPI, Request, Response
from fastapi.responses import StreamingResponse

from schemas.kinds import Kind
from service.config import Settings
from service.domain.findings import Outcome
from service.web.access import Scope
from service.web.audit import Audit
from service.web.cursors import LONGEST, Cursors
from service.web.labels import label
from service.web.people.frame import PEOPLE, TODAY, Frame, Link, Reader, Visitor
from service.web.people.people import People
from service.web.people.query import AT_RISK, EVERYBODY, PAGE, Query, Sort, find
from service.web.people.roll import SEGMENTS, Roll, silence_days, utc
from service.web.people.rows import row_of
from service.web.people.today import DAYS, TodaysNews
from service.wording.formats import Formats

_CSV: Final = "/people.csv"
_MOST_IN_CSV: Final = 200_000
_AT_ONCE: Final = 200
"""Lines between two moments for others."""
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
_SEGMENTS: Final = frozenset((AT_RISK, EVERYBODY, *SEGMENTS))
_KINDS, _OUTCOMES, _SORTS = (frozenset(each.value for each in names) for names in (Kind, Outcome, Sort))
_COLUMNS: Final = (
    "customer_id",
    "first_name",
    "segment",
    "store",
    "health",
    "silence_days",
    "usual_gap_days",
    "last_visit_at",
    "visits",
    "orders",
    "revenue",
    "expected_value_365d",
    "value_at_risk",
    "churn_risk",
    "tail_probability",
    "marketing_consent",
    "last_decision_at",
    "last_decision_kind",
    "last_decision_outcome",
    "last_decision_reason",
    "currency",
)


def add_lists(app: FastAPI, settings: Settings, people: People, frame: Frame, audit: Audit) -> None:
    cursors, news = Cursors(frame.access.cursor_key), TodaysNews()
    who = Depends(frame.gate(Scope.PERSONS))

    @app.get(TODAY, include_in_schema=False)
    async def today(request: Request, visitor: Visitor = who) -> Response:
        roll, reader = people.roll, Reader(request)
        formats = frame.formats(reader)
        found = news.of(roll)
        audit.viewed(request, visitor.holder, found.worth_most)
        rows = [row_of(roll, each, reader, formats) for each in found.worth_most]

        def of(**query: object) -> str:
            return reader.address(PEOPLE, **query)

        days = formats.days(found.days)
        return frame.render(
            request,
            "today",
            visitor=visitor,
            known=roll.known,
            as_of=formats.moment(utc(roll.now_s)) if roll.now_s else "",
            quiet=formats.counted(found.quiet, "people"),
            worth=formats.estimate(Decimal(f"{found.value_a_year:.2f}")),
            at_stake=formats.estimate(Decimal(f"{found.value_at_risk:.2f}")),
            days=days,
            tiles=[
                (
                    formats.count(found.gone_quiet),
                    formats.say("today.gone_quiet"),
                    of(segment="quiet", kind="win_back", within=DAYS),
                ),
                (
                    formats.count(found.sent),
                    formats.say("today.sent"),
                    of(segment=EVERYBODY, outcome="released", within=DAYS),
                ),
                (
                    formats.count(found.withheld),
                    formats.say("today.withheld"),
                    of(segment=EVERYBODY, outcome="withheld", within=DAYS),
                ),
                (
                    formats.count(found.waiting),
                    formats.say("today.waiting"),
                    of(segment=EVERYBODY, outcome="deferred", within=DAYS),
                ),
                (
                    formats.count(found.came_back),
                    formats.say("today.came_back"),
                    of(segment=EVERYBODY, outcome="converted", within=DAYS),
                ),
            ],
            newest=formats.say("today.newest", when=formats.moment(utc(roll.newest_visit_s)))
            if roll.newest_visit_s
            else "",
            search=_search(reader),
            at_risk=formats.count(found.at_risk),
            list_address=of(),
            rows=[each for each in rows if each is not None],
        )

    @app.get(PEOPLE, include_in_schema=False)
    async def listed(request: Request, visitor: Visitor = who) -> Response:
        roll, reader, query = people.roll, Reader(request), query_of(request)
        formats = frame.formats(reader)
        cursor = request.query_params.get("cursor") or None
        found = find(roll, query, cursors, cursor and cursor[:LONGEST], PAGE)
        audit.viewed(request, visitor.holder, found.ids)
        rows = [row_of(roll, each, reader, formats) for each in found.ids]
        return frame.render(
            request,
            "people",
            visitor=visitor,
            known=roll.known,
            query=query,
            total=formats.counted(found.total, "people"),
            worth=formats.estimate(Decimal(f"{found.value_at_risk:.2f}")),
            rows=[each for each in rows if each is not None],
            sorts=[
                Link(formats.say(f"sort.{each}"), _address(reader, query, sort=each), each is query.sort)
                for each in Sort
            ],
            choices=_choices(roll, query, formats),
            first=_address(reader, query) if cursor else "",
            following=_address(reader, query, cursor=found.following) if found.following else "",
            csv=_address(reader, query, path=_CSV),
            everybody=_among_everybody(roll, query, found.total, cursors, reader, formats),
            action=reader.address(PEOPLE),
            chosen_language=reader.chosen,
        )

    @app.get(_CSV, include_in_schema=False)
    async def as_csv(request: Request, visitor: Visitor = who) -> Response:
        roll = people.roll
        found = find(roll, query_of(request), cursors, None, _MOST_IN_CSV)
        audit.viewed(request, visitor.holder, found.ids)
        headers = {"Content-Disposition": 'attachment; filename="people.csv"'}
        lines = _lines(roll, found.ids, settings.shop.currency)
        return StreamingResponse(lines, media_type="text/csv; charset=utf-8", headers=headers)


def _search(reader: Reader) -> tuple[str, list[tuple[str, str]]]:
    """(address, hidden fields) of the field that finds anybody; lists begin with those at risk alone."""
    hidden = [("segment", EVERYBODY), ("lang", reader.chosen)]
    return PEOPLE, [each for each in hidden if each[1]]


def _among_everybody(
    roll: Roll, query: Query, total: int, cursors: Cursors, reader: Reader, formats: Formats
) -> tuple[str, str] | None:
    """(text, address) of all whom the search finds, where the other filters hide some of them."""
    if not query.search:
        return None
    wider = Query(segment=EVERYBODY, search=query.search)
    found = find(roll, wider, cursors, None, 1).total
    if found <= total:
        return None
    return formats.say("list.everybody", people=formats.counted(found, "people")), _address(reader, wider)


def query_of(request: Request) -> Query:
    """What is not understood filters nothing: an old link still leads to a list."""
    given = request.query_params
    segment, sort = given.get("segment", AT_RISK), given.get("sort", Sort.VALUE.value)
    kind, outcome = given.get("kind", ""), given.get("outcome", "")
    return Query(
        segment=segment if segment in _SEGMENTS else AT_RISK,
        store=given.get("store", "")[:200],
        kind=kind if kind in _KINDS else "",
        outcome=outcome if outcome in _OUTCOMES else "",
        search=given.get("q", "").strip()[:200],
        sort=Sort(sort) if sort in _SORTS else Sort.VALUE,
        within_days=min(3_650, int(given["within"][:6])) if given.get("within", "").isdecimal() else 0,
    )


def _address(
    reader: Reader, query: Query, *, path: str = PEOPLE, sort: Sort | None = None, cursor: str | None = None
) -> str:
    wanted = sort or query.sort
    return reader.address(
        path,
        segment=None if query.segment == AT_RISK else query.segment,
        store=query.store,
        kind=query.kind,
        outcome=query.outcome,
        q=query.search,
        within=query.within_days or None,
        sort=None if wanted is Sort.VALUE else wanted.value,
        cursor=cursor,
    )


def _choices(roll: Roll, query: Query, formats: Formats) -> list[tuple[str, str, list[tuple[str, str, bool]]]]:
    """(name, label, (value, label, chosen)) of the fields to choose from."""
    say = formats.say
    segments = [(AT_RISK, say("filter.at_risk")), (EVERYBODY, say("filter.everybody"))]
    segments += [(each, say(f"segment.{each}")) for each in SEGMENTS]
    stores = [("", say("filter.any_store")), *((each, each) for each in roll.stores)]
    kinds = [("", say("filter.any_kind")), *((each.value, label("kind", each.value, formats)) for each in Kind)]
    outcomes = [("", say("filter.any_outcome")), *((each.value, say(f"outcome.{each.value}")) for each in Outcome)]
    fields = [
        ("segment", segments, query.segment),
        ("store", stores, query.store),
        ("kind", kinds, query.kind),
        ("outcome", outcomes, query.outcome),
    ]
    return [
        (name, say(f"filter.{name}"), [(value, told, value == chosen) for value, told in values])
        for name, values, chosen in fields
        if name != "store" or len(values) > 1
    ]


async def _lines(roll: Roll, ids: list[str], currency: str) -> AsyncIterator[bytes]:
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    writer.writerow(_COLUMNS)
    for index, customer_id in enumerate(ids):
        writer.writerow([_harmless(each) for each in _cells(roll, customer_id, currency)])
        if index % _AT_ONCE == 0:
            yield buffer.getvalue().encode()
            buffer.seek(0)
            buffer.truncate()
            await asyncio.sleep(0)
    yield buffer.getvalue().encode()


def _cells(roll: Roll, customer_id: str, currency: str) -> list[object]:
    standing, last = roll.standing(customer_id), roll.last_decision(customer_id)
    if standing is None:  # erased meanwhile
        return []
    silence = silence_days(standing, roll.now_s)
    return [
        customer_id,
        roll.name_of(customer_id),
        standing.segment,
        standing.store,
        None if standing.health is None else round(standing.health, 1),
        None if silence is None else round(silence, 2),
        standing.usual_gap_days,
        None if standing.last_visit_at is None else standing.last_visit_at.isoformat(),
        standing.visits,
        standing.orders,
        standing.revenue,
        standing.expected_value,
        standing.value_at_risk,
        standing.churn_risk,
        standing.tail_probability,
        None if standing.consent is None else str(standing.consent).lower(),
        None if last is None else utc(last.decided_s).isoformat(),
        None if last is None else last.kind,
        None if last is None else last.outcome,
        None if last is None else last.reason,
        currency,
    ]


def _harmless(cell: object) -> object:
    """A text that a spreadsheet would take for a formula is kept one."""
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(_FORMULA) and not _is_number(cell) else cell


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
