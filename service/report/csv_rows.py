"""The rows of the CSV files: what their cells hold, rounded to what a person reads, times on the shop's clock."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any
from zoneinfo import ZoneInfo

from service.backtest.run import Result
from service.domain.calendar import DAY_US, to_datetime
from service.domain.findings import Scores
from service.domain.money import minor_to_text
from service.domain.periods.rows import CSV_COLUMNS as PERIOD_COLUMNS
from service.report.material import value_a_year_minor

ALERT_COLUMNS = (
    "customer_id", "kind", "rung", "fired_at", "quiet_since", "usual_gap_days", "gap_days", "tail_probability", "returned_at",
    "decision", "reason",
)  # fmt: skip
CUSTOMER_COLUMNS = (
    "customer_id", "segment", "health", "band", "visits", "orders", "revenue", "first_visit", "last_visit", "usual_gap_days",
    "gap_spread", "expected_visit", "tail_probability", "churn_risk", "expected_purchases_365d", "expected_value_365d",
    "value_at_risk", "latest_nps", "latest_csat", "latest_ces", "churn_risk_band",
)  # fmt: skip
QUIET_COLUMNS = (
    "customer_id", "last_visit", "silent_days", "usual_gap_days", "visits", "orders", "revenue", "worth_a_year",
    "value_at_risk", "churn_risk",
)  # fmt: skip
COLUMNS = {
    "alerts.csv": ALERT_COLUMNS,
    "periods.csv": PERIOD_COLUMNS,
    "customers.csv": CUSTOMER_COLUMNS,
    "quiet.csv": QUIET_COLUMNS,
}

_PLACES = 4
"""Of shares 0–1."""
_SHORT = 0.01
"""A smaller number of days keeps two digits that say something, instead of becoming 0."""


def alert_rows(result: Result) -> Iterator[list[Any]]:
    """The newest first."""
    zone = result.settings.shop.zone
    for alert in reversed(result.alerts):
        made = alert.decision
        seen = made.evidence
        yield [
            made.customer_id,
            made.kind.value,
            made.rung,
            local(zone, made.detected_us),
            local(zone, made.quiet_since_us),
            days(seen.usual_gap_days),
            days(seen.gap_days),
            chance(seen.tail_probability),
            local(zone, alert.returned_us),
            made.outcome.value,
            made.reason.value,
        ]


def customer_rows(result: Result, customers: Iterable[Scores]) -> Iterator[list[Any]]:
    digits, zone = result.settings.shop.minor_digits, result.settings.shop.zone
    for scores in customers:
        yield [
            scores.customer_id,
            scores.segment.value,
            _rounded(scores.health, 1),
            scores.band.value if scores.band else None,
            scores.visits,
            scores.orders,
            money(scores.revenue_minor, digits),
            local(zone, scores.first_visit_us),
            local(zone, scores.last_visit_us),
            days(scores.usual_gap_days),
            _rounded(scores.gap_spread, 3),
            local(zone, scores.expected_visit_us),
            chance(scores.tail_probability),
            _rounded(scores.churn_risk, _PLACES),
            _rounded(scores.expected_purchases_365d, 2),
            money(scores.expected_value_365d_minor, digits),
            money(scores.value_at_risk_minor, digits),
            scores.latest_nps,
            scores.latest_csat,
            scores.latest_ces,
            scores.churn_risk_band.value if scores.churn_risk_band else None,
        ]


def quiet_rows(result: Result, quiet: Iterable[Scores]) -> Iterator[list[Any]]:
    digits, zone = result.settings.shop.minor_digits, result.settings.shop.zone
    for scores in quiet:
        yield [
            scores.customer_id,
            local(zone, scores.last_visit_us),
            days(silent_days(scores)),
            days(scores.usual_gap_days),
            scores.visits,
            scores.orders,
            money(scores.revenue_minor, digits),
            money(value_a_year_minor(scores), digits),
            money(scores.value_at_risk_minor, digits),
            _rounded(scores.churn_risk, _PLACES),
        ]


def silent_days(scores: Scores) -> float:
    """Since the last visit; 0 for who has none."""
    return 0.0 if scores.last_visit_us is None else max(0, scores.as_of_us - scores.last_visit_us) / DAY_US


def local(zone: ZoneInfo, at_us: int | None) -> str:
    """RFC 3339 in the zone, to the second; empty for None."""
    return "" if at_us is None else to_datetime(at_us).astimezone(zone).isoformat(timespec="seconds")


def money(minor: int | None, digits: int) -> str:
    return "" if minor is None else minor_to_text(minor, digits)


def days(number: float | None) -> float | None:
    """To a hundredth, a quarter of an hour."""
    if number is None or abs(number) >= _SHORT:
        return _rounded(number, 2)
    return float(f"{number:.2g}")


def chance(probability: float | None) -> float | None:
    """A probability 0–1 with four decimals; a small one keeps two digits that say something."""
    if probability is None or probability >= _SHORT:
        return _rounded(probability, _PLACES)
    return float(f"{probability:.2g}")


def _rounded(number: float | None, places: int) -> float | None:
    return None if number is None else round(number, places)
