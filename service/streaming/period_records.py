"""A row of period numbers as it stands on `period-metrics`, and back: the same digits either way."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from service.domain.periods.rows import CSV_COLUMNS, PeriodRow, to_cell

_DATES = ("start", "end")
_MORE = (
    "repeat_customers",
    "nps_margin",
    "nps_promoters",
    "nps_passives",
    "nps_detractors",
    "csat_satisfied",
    "ces_sum",
    "ces_favourable",
    "ces_favourable_rate",
)


def record_key(row: PeriodRow) -> bytes:
    """One record per granularity and period, revised in place."""
    return f"{row.granularity}:{row.start.isoformat()}".encode()


def numbers_of(row: PeriodRow, currency: str) -> dict[str, Any]:
    """The data of the record, but for its revision. Money as decimal text, so that no digit is lost."""
    numbers: dict[str, Any] = {"currency": currency}
    for column in (*CSV_COLUMNS, *_MORE):
        value = getattr(row, column)
        if column in _DATES:
            value = value.isoformat()
        elif isinstance(value, Decimal):
            value = str(value)
        numbers[column] = value
    return numbers


def csv_cells(data: dict[str, Any]) -> list[str]:
    """The row of periods.csv that this record's data stands for (`period_rows.to_csv_row` of the original)."""
    return [to_cell(data[column]) for column in CSV_COLUMNS]
