"""What this policy would have done with a history: the worker's engine, fed from files.

The same events in the same order per partition as `churn-alert replay` gives them to the worker, so decisions and numbers
are the same, bit for bit.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from service.config import Settings
from service.domain.calendar import Calendar, to_datetime
from service.domain.engine import Engine
from service.domain.events import Event, Purchase
from service.domain.outputs import Decision, Outcome, Scores
from service.domain.period_rows import CSV_COLUMNS, PeriodRow, to_csv_row
from service.domain.periods import PeriodTotals
from service.domain.policy import ClockMode
from service.engines import new_engine
from service.history import History, ReadReport, open_history
from service.history.amounts import as_decimal_text
from service.wire import partition_for

ALERT_COLUMNS = (
    "customer_id", "kind", "rung", "fired_at", "quiet_since", "usual_gap_days", "gap_days", "tail_probability", "returned_at",
    "decision", "reason",
)  # fmt: skip
CUSTOMER_COLUMNS = (
    "customer_id", "segment", "health", "band", "visits", "orders", "revenue", "first_visit", "last_visit", "usual_gap_days",
    "gap_spread", "expected_visit", "tail_probability", "churn_risk", "expected_purchases_365d", "expected_value_365d",
    "value_at_risk", "latest_nps", "latest_csat", "latest_ces",
)  # fmt: skip
_COLLECT_EVERY = 4096
"""Events between two collections of outputs; bounds the memory they take."""


class Alert(msgspec.Struct):
    """One row of alerts.csv: the detection of a rung, what was decided, and when the customer came back."""

    decision: Decision
    returned_us: int | None = None
    """First purchase of the next visit; None = never within the log."""


@dataclass
class Result:
    """Everything a backtest found."""

    settings: Settings
    events: int
    report: ReadReport
    engines: list[Engine]
    totals: PeriodTotals
    decisions: list[Decision] = field(default_factory=list)
    """All decisions in the order they were made, per partition."""
    alerts: list[Alert] = field(default_factory=list)
    """In order of detection."""

    @property
    def now_us(self) -> int:
        """Stream time of the shop at the end of the log."""
        return max(engine.now_us for engine in self.engines)

    def periods(self) -> Iterator[PeriodRow]:
        """The file is at its end, so its last event's day is today, even where stream time does not believe a last jump yet."""
        first, last = self.totals.first_day, self.totals.last_day
        if first is None or last is None:
            return iter(())
        return self.totals.rows(first, max(last, *(engine.today for engine in self.engines)))

    def customers(self) -> Iterator[Scores]:
        """The numbers of every customer at the end of the log, in order of their id."""
        everybody = sorted((customer_id, engine) for engine in self.engines for customer_id in engine.customers)
        for customer_id, engine in everybody:
            scores = engine.scores(customer_id, self.now_us)
            if scores is not None:
                yield scores


def backtest(
    settings: Settings,
    files: Sequence[Path],
    surveys: Sequence[Path] = (),
    *,
    partitions: int = 1,
    on_progress: Callable[[int, int], None] | None = None,
) -> Result:
    """Runs the policy over the files. Event time decides; `on_progress(events, rows in the files)`.

    Raises ConfigurationError when a file cannot be read.
    """
    event_clock = settings.changed(time={"clock": ClockMode.EVENT})
    history = open_history(files, surveys, zone=settings.shop.zone, minor_digits=settings.shop.minor_digits)
    engines = [new_engine(event_clock) for _ in range(partitions)]
    alerts = _Alerts(Calendar(settings.shop.zone))
    events = _run(engines, alerts, history, on_progress)
    totals = PeriodTotals(event_clock.policy().shop)
    for number, engine in enumerate(engines):
        for day in engine.ledger.days():
            totals.update(number, day, engine.ledger.record(day))
    return Result(event_clock, events, history.report, engines, totals, alerts.decisions, alerts.in_order())


def _run(
    engines: list[Engine], alerts: _Alerts, history: History, on_progress: Callable[[int, int], None] | None
) -> int:
    single, count, rows = engines[0] if len(engines) == 1 else None, 0, history.rows
    owners: dict[str, Engine] = {}
    for count, event in enumerate(history.events(), 1):
        customer_id = event.customer_id
        engine = single or owners.get(customer_id)
        if engine is None:
            engine = owners[customer_id] = engines[partition_for(customer_id.encode(), len(engines))]
        engine.apply(event)
        if customer_id in alerts.open:
            alerts.seen(event)
        if count % _COLLECT_EVERY == 0:
            alerts.collect(engines)
            if on_progress is not None:
                on_progress(count, rows)
    alerts.collect(engines)
    if on_progress is not None:
        on_progress(count, rows)
    return count


class _Alerts:
    """Collects decisions, and notes when alerted customers come back."""

    def __init__(self, calendar: Calendar) -> None:
        self._calendar = calendar
        self.decisions: list[Decision] = []
        self._alerts: dict[str, Alert] = {}
        self.open: dict[str, list[Alert]] = {}
        """Alerted customers who have not come back."""

    def collect(self, engines: Iterable[Engine]) -> None:
        for engine in engines:
            for output in engine.take_outputs():
                if isinstance(output, Decision):
                    self._note(output)

    def _note(self, decision: Decision) -> None:
        self.decisions.append(decision)
        known = self._alerts.get(decision.decision_id)
        if decision.outcome in {Outcome.CONVERTED, Outcome.CANCELLED}:
            if known is not None and decision.returned_us is not None:
                self._close(decision.customer_id, decision.returned_us)
            return
        if known is not None:
            known.decision = decision
            return
        alert = Alert(decision)
        self._alerts[decision.decision_id] = alert
        self.open.setdefault(decision.customer_id, []).append(alert)

    def seen(self, event: Event) -> None:
        """An event of a customer with open alerts; a purchase on a later day is the return."""
        if isinstance(event, Purchase) and not event.refund:
            since = self.open[event.customer_id][0].decision.quiet_since_us
            if self._calendar.day_of(event.at_us) > self._calendar.day_of(since):
                self._close(event.customer_id, event.at_us)

    def _close(self, customer_id: str, at_us: int) -> None:
        for alert in self.open.pop(customer_id, []):
            alert.returned_us = at_us

    def in_order(self) -> list[Alert]:
        return sorted(
            self._alerts.values(), key=lambda a: (a.decision.detected_us, a.decision.customer_id, a.decision.rung)
        )


# ---- files


def write_files(result: Result, directory: Path) -> list[Path]:
    """alerts.csv, periods.csv and customers.csv; returns their paths."""
    directory.mkdir(parents=True, exist_ok=True)
    return [
        _write(directory / "alerts.csv", ALERT_COLUMNS, alert_rows(result)),
        _write(directory / "periods.csv", CSV_COLUMNS, map(to_csv_row, result.periods())),
        _write(directory / "customers.csv", CUSTOMER_COLUMNS, customer_rows(result)),
    ]


def _write(path: Path, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(rows)
    return path


def alert_rows(result: Result) -> Iterator[list[Any]]:
    for alert in result.alerts:
        made = alert.decision
        seen = made.evidence
        yield [
            made.customer_id,
            made.kind.value,
            made.rung,
            _local(result, made.detected_us),
            _local(result, made.quiet_since_us),
            seen.usual_gap_days,
            seen.gap_days,
            seen.tail_probability,
            _local(result, alert.returned_us),
            made.outcome.value,
            made.reason.value,
        ]


def customer_rows(result: Result) -> Iterator[list[Any]]:
    digits = result.settings.shop.minor_digits
    for scores in result.customers():
        yield [
            scores.customer_id,
            scores.segment.value,
            scores.health,
            scores.band.value if scores.band else None,
            scores.visits,
            scores.orders,
            _money(scores.revenue_minor, digits),
            _local(result, scores.first_visit_us),
            _local(result, scores.last_visit_us),
            scores.usual_gap_days,
            scores.gap_spread,
            _local(result, scores.expected_visit_us),
            scores.tail_probability,
            scores.churn_risk,
            scores.expected_purchases_365d,
            _money(scores.expected_value_365d_minor, digits),
            _money(scores.value_at_risk_minor, digits),
            scores.latest_nps,
            scores.latest_csat,
            scores.latest_ces,
        ]


def _local(result: Result, at_us: int | None) -> str:
    """RFC 3339 in the shop's zone; empty for None."""
    return "" if at_us is None else to_datetime(at_us).astimezone(result.settings.shop.zone).isoformat()


def _money(minor: int | None, digits: int) -> str:
    return "" if minor is None else as_decimal_text(minor, digits)
