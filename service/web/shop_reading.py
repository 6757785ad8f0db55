"""The topics that hold for the whole shop, read by the page itself: ledgers of all partitions, latest decisions, and
what is expected of every customer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import structlog
from aiokafka.errors import KafkaError

from service.config import Settings
from service.streaming.period_totals import ShopTotals
from service.web.expected_values import ExpectedValues
from service.web.recent import RecentDecisions

_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 1.0, 30.0

log = structlog.get_logger()


class ShopReading:
    """`totals` and `recent` are kept current by `run`; after an interruption the old ones stand until the new ones know
    as much."""

    def __init__(
        self,
        settings: Settings,
        on_own: Callable[[int, bytes, bytes | None], None] = lambda *_: None,
        *,
        scores_are_told: bool = False,
    ) -> None:
        """`on_own`: as of `ShopTotals`. `scores_are_told`: `expected` is set by who reads the scores for the roll."""
        self._settings = settings
        self._on_own = on_own
        self._scores_are_told = scores_are_told
        self.shop = settings.policy().shop
        self.totals = self._totals()
        self.recent = RecentDecisions(settings.kafka)
        self.expected = self.none_expected()

    async def run(self) -> None:
        """For ever: a broker that is away is waited for."""
        pause_s = _FIRST_PAUSE_S
        totals, recent, expected = self.totals, self.recent, self.expected
        while True:
            reading = [
                asyncio.ensure_future(each)
                for each in (
                    totals.run(),
                    recent.run(),
                    self._take(totals, recent, expected),
                    *(() if self._scores_are_told else (expected.run(),)),
                )
            ]
            try:
                await asyncio.gather(*reading)
            except (KafkaError, OSError) as error:
                log.warning("the page cannot read the topics; it tries again", error=type(error).__name__)
            finally:
                for each in reading:
                    each.cancel()
                await asyncio.gather(*reading, return_exceptions=True)
            pause_s = _FIRST_PAUSE_S if totals.caught_up else min(_LONGEST_PAUSE_S, 2.0 * pause_s)
            await asyncio.sleep(pause_s)
            totals, recent = self._totals(), RecentDecisions(self._settings.kafka)
            expected = self.none_expected()

    async def _take(self, totals: ShopTotals, recent: RecentDecisions, expected: ExpectedValues) -> None:
        """Shows what is read from now on, when it is whole."""
        await totals.wait_caught_up()
        self.totals, self.recent = totals, recent
        if not self._scores_are_told:
            self.expected = expected

    def _totals(self) -> ShopTotals:
        return ShopTotals(self._settings, self._on_own)

    def none_expected(self) -> ExpectedValues:
        """Of a topic of which nothing is read yet."""
        return ExpectedValues(self._settings.kafka, self._settings.shop.minor_digits)
