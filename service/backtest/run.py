"""What this policy would have done with a history: the worker's engine, fed from files.

Each partition gets the same events in the same order as `churn-alert replay` gives to the worker, so decisions and
numbers are the same, bit for bit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from service import collector
from service.backtest.alert_log import AlertLog
from service.backtest.calibration import Calibration, RiskCheck
from service.backtest.day_hours import DayHours
from service.backtest.playback import play_back
from service.backtest.visit_log import VisitLog
from service.config import Settings
from service.domain.calendar import NEVER, to_day
from service.domain.engine import Engine
from service.domain.findings import Decision, Scores
from service.domain.periods.numbers import PeriodRow
from service.domain.periods.totals import PeriodTotals
from service.domain.policy import ClockMode, Shop
from service.engines import new_engine
from service.feed.partitions import partitioner_without_broker
from service.history import ReadReport, Wishes, open_history


@dataclass
class Result:
    """Everything a backtest found."""

    settings: Settings
    events: int
    report: ReadReport
    engines: list[Engine]
    totals: PeriodTotals
    calibration: Calibration
    """The churn risk of the middle of the log against what came after."""
    visits: VisitLog
    """What the alerts can be evaluated by."""
    first_us: int
    last_us: int
    """First and last event of the files."""
    alerts: AlertLog
    better_day_start: str | None
    """When the shop's day had better begin, as shop.day_starts_at has it; None: it begins well where it does."""

    @property
    def now_us(self) -> int:
        """Stream time of the shop at the end of the log."""
        return max(engine.now_us for engine in self.engines)

    @property
    def held_since_us(self) -> int | None:
        """Since when the brake has held all messages at the end of the log; None: it does not."""
        return min((held for engine in self.engines if (held := engine.ladder.brake.held_us)), default=None)

    def periods(self) -> Iterator[PeriodRow]:
        """The rows of all periods, up to the day of the last event.

        The files are at their end, so that day is today, even where stream time does not believe a last jump yet.
        """
        first, last = self.totals.first_day, self.totals.last_day
        if first is None or last is None:
            return iter(())
        return self.totals.rows(first, max(last, *(engine.today for engine in self.engines)))

    def customers(self) -> Iterator[Scores]:
        """The numbers of every customer at the end of the log, in order of their id."""
        now_us = self.now_us
        everybody = sorted((customer_id, engine) for engine in self.engines for customer_id in engine.customers)
        for customer_id, engine in everybody:
            scores = engine.scores(customer_id, now_us)
            if scores is not None:
                yield scores


def backtest(
    settings: Settings,
    files: Sequence[Path],
    surveys: Sequence[Path] = (),
    *,
    partitions: int = 1,
    learn_until: date | None = None,
    wishes: Wishes | None = None,
    on_progress: Callable[[int, int], None] | None = None,
    on_decision: Callable[[Decision], None] | None = None,
) -> Result:
    """Runs the policy over the files, by the time of the events.

    `wishes` are what the user has said of the files. `learn_until`: from the start of this local day on, what was
    learned from everybody stays as it is. `on_progress` is told the events so far and the rows in the files now and
    then, `on_decision` every decision.

    Raises ConfigurationError when a file cannot be read.
    """
    event_clock = settings.changed(time={"clock": ClockMode.EVENT})
    policy, calendar = event_clock.policy(), settings.shop.calendar()
    learn_until_us = None if learn_until is None else calendar.start_of(to_day(learn_until))
    history = open_history(files, surveys, calendar=calendar, minor_digits=settings.shop.minor_digits, wishes=wishes)
    engines = [
        new_engine(
            event_clock,
            NEVER if learn_until_us is None else learn_until_us,
            partitions=partitions,
            partition=number,
            keeps_records=False,
            tells_ends=on_decision is not None,
        )
        for number in range(partitions)
    ]
    alerts = AlertLog(calendar, on_decision)
    check = RiskCheck(calendar, history.first_us, history.last_us, policy.shop.regular_min_visits)
    visits = VisitLog(calendar, policy, history.first_us, history.last_us, learn_until_us)
    hours = DayHours(calendar)

    def count(events: int) -> None:
        if on_progress is not None:
            on_progress(events, history.rows)

    with collector.patient():
        partitioner = partitioner_without_broker(settings.kafka)
        events = play_back(history.events(makes_ids=False), engines, alerts, check, visits, hours, count, partitioner)
    return Result(
        settings=event_clock,
        events=events,
        report=history.report,
        engines=engines,
        totals=_added_up(engines, policy.shop),
        calibration=check.result(),
        visits=visits,
        first_us=history.first_us,
        last_us=history.last_us,
        alerts=alerts,
        better_day_start=hours.better_start(),
    )


def _added_up(engines: Sequence[Engine], shop: Shop) -> PeriodTotals:
    """The period numbers of all partitions together."""
    totals = PeriodTotals(shop)
    for number, engine in enumerate(engines):
        for day in engine.ledger.days():
            totals.update(number, day, engine.ledger.record(day))
    return totals
