"""A simulated café behind the HTTP half: what a worker would have in memory after these years, without a broker."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import cache
from typing import Any

from service.config import Settings
from service.domain.changelog import Turn
from service.domain.findings import Decision, HealthBand, Segment
from service.domain.outreach.realised import ClassRealised, totals
from service.domain.periods.numbers import PeriodRow
from service.domain.periods.span import FreeRow, Span, free_row
from service.domain.periods.totals import PeriodTotals
from service.engines import new_engine
from service.feed.simulate import Cafe, Simulation
from service.streaming.brought_totals import BroughtRow, BroughtTotals
from service.web.recent import Decided, RecentDecisions
from service.web.shop_view import CustomerCounts, Expected, PartitionHealth, Readiness
from service.wire.encoder import Encoder, EncoderSettings, TopicKind

START = date(2024, 1, 1)
_TURN = 2_000
"""Events after which outputs are taken."""


@dataclass
class SeenShop:
    """`ShopFacts` of one partition that is up to date."""

    settings: Settings
    totals: PeriodTotals
    rows: list[PeriodRow]
    through: int
    messages: BroughtTotals
    recent: RecentDecisions
    counts: CustomerCounts
    tally: list[ClassRealised]
    outlook: Expected
    ready: Readiness

    async def alive(self) -> bool:
        return True

    def readiness(self) -> Readiness:
        return self.ready

    def totals_known(self) -> bool:
        return True

    def periods(self, granularity: str) -> list[PeriodRow]:
        return [row for row in self.rows if row.granularity == granularity]

    def free(self, span: Span) -> FreeRow | None:
        return free_row(self.totals, span, self.through, self.settings.policy().shop)

    def money_by_day(self, start: int, end: int) -> list[tuple[int, int, int]]:
        return self.totals.money_by_day(start, end)

    def expected(self) -> Expected | None:
        return self.outlook

    def misspelt(self) -> dict[str, str]:
        return {}

    def customers(self) -> CustomerCounts:
        return self.counts

    def kept(self) -> list[ClassRealised]:
        return self.tally

    def brought(self) -> list[BroughtRow]:
        return self.messages.rows()

    def decisions(self) -> list[Decided]:
        return self.recent.latest()

    def first_asked(self) -> Decided | None:
        return self.recent.first_asked


def settings_of(**sections: dict[str, Any]) -> Settings:
    """Of the café, with a control group."""
    usual: dict[str, dict[str, Any]] = {
        "shop": {"timezone": "Europe/Paris", "industry": "cafe", "name": "Café Anna"},
        "time": {"clock": "event"},
        "outreach": {"consent": "external", "control_share": 0.2, "messages_are_sent": True},
        "targets": {"retention_rate": 75, "nps": 20, "lifetime_value": 120},
    }
    return Settings().changed(**{name: {**usual.get(name, {}), **sections.get(name, {})} for name in usual | sections})


@cache
def seen_shop(customers: int = 400, days: int = 640) -> SeenShop:
    settings = settings_of()
    engine, encoder = new_engine(settings), Encoder(EncoderSettings.of(settings))
    recent, ledger = RecentDecisions(settings.kafka), PeriodTotals(settings.policy().shop)
    messages = BroughtTotals()
    events = Simulation(Cafe(customers=customers, days=days, start=START)).events()
    for number, event in enumerate(events):
        engine.apply(event)
        if number % _TURN == 0:
            _take(engine.drain(), encoder, recent, ledger, messages)
    _take(engine.drain(), encoder, recent, ledger, messages)
    through = engine.today
    first = ledger.first_day
    assert first is not None
    rows = list(ledger.rows(first, through))
    segments = dict(zip(Segment, engine.scoreboard.segments, strict=True))
    scores = [engine.scores(name) for name in engine.customers]
    alive = [each for each in scores if each is not None and each.visits and each.segment is not Segment.LOST]
    health = PartitionHealth(recovered=True, caught_up=True, feed_alive=True)
    return SeenShop(
        settings,
        ledger,
        rows,
        through,
        messages,
        recent,
        CustomerCounts(
            segments, dict(zip(HealthBand, engine.scoreboard.bands, strict=True)), engine.everybody.state.regulars, 1, 1
        ),
        totals([engine.state.realised]),
        Expected(len(alive), sum(each.expected_value_365d_minor or 0 for each in alive)),
        Readiness(assigned=True, partitions={0: health}),
    )


def _take(turn: Turn, encoder: Encoder, recent: RecentDecisions, ledger: PeriodTotals, messages: BroughtTotals) -> None:
    for output in turn.outputs:
        if isinstance(output, Decision):
            for record in encoder.encode(output):
                if record.topic is TopicKind.OUTREACH_DECISIONS:
                    recent.take(record.value)
    for day, value in turn.ledger:
        ledger.update(0, day, value)
    for month, value in turn.brought:
        messages.take(0, month, value)
