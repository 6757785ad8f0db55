"""What a backtest found, as files: alerts.csv, periods.csv, customers.csv and report.html."""

from __future__ import annotations

import csv
import textwrap
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from service.backtest.evaluation import Evaluation, evaluate
from service.backtest.run import Result
from service.domain.calendar import to_datetime
from service.domain.findings import Scores
from service.domain.money import minor_to_text
from service.domain.periods.rows import CSV_COLUMNS, to_csv_row
from service.report import CustomerTally, Facts, write_report
from service.wording.language import Language
from service.wording.languages import DEFAULT

ALERT_COLUMNS = (
    "customer_id", "kind", "rung", "fired_at", "quiet_since", "usual_gap_days", "gap_days", "tail_probability", "returned_at",
    "decision", "reason",
)  # fmt: skip
CUSTOMER_COLUMNS = (
    "customer_id", "segment", "health", "band", "visits", "orders", "revenue", "first_visit", "last_visit", "usual_gap_days",
    "gap_spread", "expected_visit", "tail_probability", "churn_risk", "expected_purchases_365d", "expected_value_365d",
    "value_at_risk", "latest_nps", "latest_csat", "latest_ces", "churn_risk_band",
)  # fmt: skip

_TELL_EVERY = 1000
"""Customers."""


def write_files(
    result: Result,
    directory: Path,
    language: Language = DEFAULT,
    evaluation: Evaluation | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> list[Path]:
    """Writes the three CSV files, and the report in `language`; returns their paths.

    `evaluation` is that of this result, where it has been made already. `on_progress` is told the customers written so
    far and how many there are, since they take the longest.
    """
    directory.mkdir(parents=True, exist_ok=True)
    facts = Facts(result, [*result.periods()], CustomerTally(), evaluation or evaluate(result))
    customers = facts.customers.counted(_watched(result, on_progress))
    return [
        _write(directory / "alerts.csv", ALERT_COLUMNS, alert_rows(result)),
        _write(directory / "periods.csv", CSV_COLUMNS, map(to_csv_row, facts.periods)),
        _write(directory / "customers.csv", CUSTOMER_COLUMNS, customer_rows(result, customers)),
        write_report(directory / "report.html", facts, language),
    ]


def _watched(result: Result, on_progress: Callable[[int, int], None] | None) -> Iterator[Scores]:
    known = sum(len(engine.customers) for engine in result.engines)
    for count, scores in enumerate(result.customers()):
        if on_progress is not None and count % _TELL_EVERY == 0:
            on_progress(count, known)
        yield scores


def write_suggestion(evaluation: Evaluation, sentence: str, directory: Path) -> list[Path]:
    """The proposed budget as a part of the configuration, with the reason above it. No file without a proposal."""
    if evaluation.proposal is None:
        return []
    path = directory / "suggested.toml"
    reason = "\n".join(f"# {line}" for line in textwrap.wrap(sentence, 110))
    level = evaluation.proposal.chosen.budget
    path.write_text(f'{reason}\n[outreach]\nmeasure = "budget"\nlevel = {level!r}\n', encoding="utf-8")
    return [path]


def _write(path: Path, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(rows)
    return path


def alert_rows(result: Result) -> Iterator[list[Any]]:
    zone = result.settings.shop.zone
    for alert in result.alerts:
        made = alert.decision
        seen = made.evidence
        yield [
            made.customer_id,
            made.kind.value,
            made.rung,
            _local(zone, made.detected_us),
            _local(zone, made.quiet_since_us),
            seen.usual_gap_days,
            seen.gap_days,
            seen.tail_probability,
            _local(zone, alert.returned_us),
            made.outcome.value,
            made.reason.value,
        ]


def customer_rows(result: Result, customers: Iterable[Scores]) -> Iterator[list[Any]]:
    digits, zone = result.settings.shop.minor_digits, result.settings.shop.zone
    for scores in customers:
        yield [
            scores.customer_id,
            scores.segment.value,
            scores.health,
            scores.band.value if scores.band else None,
            scores.visits,
            scores.orders,
            _money(scores.revenue_minor, digits),
            _local(zone, scores.first_visit_us),
            _local(zone, scores.last_visit_us),
            scores.usual_gap_days,
            scores.gap_spread,
            _local(zone, scores.expected_visit_us),
            scores.tail_probability,
            scores.churn_risk,
            scores.expected_purchases_365d,
            _money(scores.expected_value_365d_minor, digits),
            _money(scores.value_at_risk_minor, digits),
            scores.latest_nps,
            scores.latest_csat,
            scores.latest_ces,
            scores.churn_risk_band.value if scores.churn_risk_band else None,
        ]


def _local(zone: ZoneInfo, at_us: int | None) -> str:
    """RFC 3339 in the zone; empty for None."""
    return "" if at_us is None else to_datetime(at_us).astimezone(zone).isoformat()


def _money(minor: int | None, digits: int) -> str:
    return "" if minor is None else minor_to_text(minor, digits)
