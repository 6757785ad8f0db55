"""A made-up shop behind the HTTP half: facts in, answers out, no worker."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import cache
from typing import Any, cast

import httpx
import msgspec
from fastapi import FastAPI
from pydantic import SecretStr

from service.config import Settings
from service.domain.calendar import to_date
from service.domain.findings import HealthBand, Segment
from service.domain.outreach.realised import ClassRealised, Realised, totals
from service.domain.periods.numbers import Counts as PeriodCounts
from service.domain.periods.numbers import PeriodRow
from service.domain.periods.rows import RowMaker
from service.domain.periods.span import FREE, FreeRow, Span
from service.streaming.brought_totals import BroughtRow, BroughtTotals
from service.streaming.metrics import Metrics
from service.web.app import create_app
from service.web.recent import Decided, read_decision
from service.web.shop_view import CustomerCounts, Expected, PartitionHealth, Readiness

TOKEN = "a-long-secret-of-the-shop"  # noqa: S105
SETTINGS = Settings().changed(shop={"timezone": "Europe/Paris"}, web={"token": SecretStr(TOKEN)})
HEALTHY = PartitionHealth(recovered=True, caught_up=True, feed_alive=True)
DAY_ZERO = date(1970, 1, 1)


def row(granularity: str, start: date, end: date, *, today: date, retained: int = 60, orders: int = 250) -> PeriodRow:
    now = PeriodCounts(
        buyers=120,
        new=30,
        retained=retained,
        repeaters=48,
        orders=orders,
        revenue_minor=orders * 750,
        nps_promoters=60,
        nps_passives=25,
        nps_detractors=15,
        csat_n=50,
        csat_satisfied=44,
        ces_n=20,
        ces_sum=110,
        ces_favourable=17,
    )
    first, last, through = ((day - DAY_ZERO).days for day in (start, end, today))
    before = PeriodCounts(buyers=100)
    return RowMaker(SETTINGS.policy().shop).row(granularity, first, last, through, now=now, before=before)


TODAY = date(2026, 7, 10)
MONTHS = [
    row("month", date(2026, 5, 1), date(2026, 6, 1), today=TODAY, retained=60),
    row("month", date(2026, 6, 1), date(2026, 7, 1), today=TODAY, retained=63),
    row("month", date(2026, 7, 1), date(2026, 8, 1), today=TODAY, retained=20, orders=90),
]
FIRST_DAY = date(2024, 1, 10)


def windows(length: int, *, first_day: date = FIRST_DAY, retained: int = 70) -> list[PeriodRow]:
    """One a day, as the worker has them."""
    ends = [first_day + timedelta(days=day) for day in range((TODAY - first_day).days + 1)]
    return [
        row(
            f"rolling_{length}",
            day - timedelta(days=length - 1),
            day + timedelta(days=1),
            today=TODAY,
            retained=retained,
        )
        for day in ends
    ]


WINDOWS = [each for length in (7, 30, 90, 365) for each in windows(length)]
YEARS = [row("year", date(year, 1, 1), date(year + 1, 1, 1), today=TODAY) for year in (2024, 2025, 2026)]


def written(decided_at: str = "2026-07-09T10:00:00Z", **changes: object) -> bytes:
    data = {
        "decision_id": "d1",
        "customer_id": "c-4711",
        "first_name": "Wilhelmina",
        "decided_at": decided_at,
        "kind": "win_back",
        "rung": "remind",
        "outcome": "released",
        "reason": "due",
        "visits": 12,
        "usual_gap_days": 6.2,
        "current_gap_days": 19.4,
        "sentence": "Wilhelmina usually comes every 6 days.",
    }
    return json.dumps({"specversion": "1.0", "type": "outreach.decided", "data": data | changes}).encode()


@dataclass
class FakeFacts:
    """A shop with one good partition of two, three months and two decisions."""

    ready: Readiness = field(default_factory=lambda: Readiness(assigned=True, partitions={0: HEALTHY}))
    known: bool = True
    rows: list[PeriodRow] = field(default_factory=lambda: [*MONTHS, *YEARS, *WINDOWS])
    counts: CustomerCounts = field(
        default_factory=lambda: CustomerCounts(
            {Segment.REGULAR: 1234, Segment.QUIET: 17}, {HealthBand.HEALTHY: 900, HealthBand.AT_RISK: 40}, 1251, 1, 2
        )
    )
    outlook: Expected | None = field(default_factory=lambda: Expected(1_000, 8_450_000))
    unread: dict[str, str] = field(default_factory=dict)
    messages: BroughtTotals = field(default_factory=BroughtTotals)
    tally: Realised = field(default_factory=Realised)
    decided: list[Decided] = field(
        default_factory=lambda: [
            read_decision(written()),
            read_decision(written("2026-07-08T10:00:00Z", outcome="converted", reason="returned")),
        ]
    )

    async def alive(self) -> bool:
        return True

    def readiness(self) -> Readiness:
        return self.ready

    def totals_known(self) -> bool:
        return self.known

    def periods(self, granularity: str) -> list[PeriodRow]:
        return [each for each in self.rows if each.granularity == granularity]

    def free(self, span: Span) -> FreeRow | None:
        if not self.rows:
            return None
        first, last = to_date(span.start), to_date(span.end - 1)
        told = row("month", first, last + timedelta(days=1), today=TODAY)
        return FreeRow(msgspec.structs.replace(told, granularity=FREE), frozenset(), to_date(span.before))

    def money_by_day(self, start: int, end: int) -> list[tuple[int, int, int]]:
        return [(day, 4, 3_000 + 100 * (day % 3)) for day in range(start, end)]

    def expected(self) -> Expected | None:
        return self.outlook

    def misspelt(self) -> dict[str, str]:
        return self.unread

    def customers(self) -> CustomerCounts:
        return self.counts

    def kept(self) -> list[ClassRealised]:
        return totals([self.tally])

    def brought(self) -> list[BroughtRow]:
        return self.messages.rows()

    def decisions(self) -> list[Decided]:
        return self.decided

    def first_asked(self) -> Decided | None:
        return self.decided[0] if self.decided else None


class Exchanged:
    """Facts in place of which others can be put: an app takes longer to make than to answer."""

    def __init__(self) -> None:
        self.facts = FakeFacts()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.facts, name)


@cache
def _an_app() -> tuple[FastAPI, Exchanged]:
    shown = Exchanged()
    return create_app(SETTINGS, Metrics().registry, cast("Any", shown)), shown


async def get(
    path: str, facts: FakeFacts | None = None, settings: Settings = SETTINGS, **headers: str
) -> httpx.Response:
    if settings is SETTINGS and not headers.keys() & {"authorization", "cookie"}:
        app, shown = _an_app()  # nobody signs in, and nothing is remembered
        shown.facts = facts or FakeFacts()
    else:
        app = create_app(settings, Metrics().registry, facts or FakeFacts())
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://shop") as client:
        return await client.get(path, headers={name.replace("_", "-"): value for name, value in headers.items()})


def visible(response: httpx.Response) -> str:
    """The page's text, blanks joined; no-break spaces become plain ones."""
    without_tags = re.sub(r"<[^>]+>", " ", response.text)
    return re.sub(r"\s+", " ", without_tags)
