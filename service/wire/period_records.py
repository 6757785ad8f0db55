"""A row of period numbers as it stands on `period-metrics`, and back: the same digits either way."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from service.domain.periods.numbers import NUMBERS, UNITS, PeriodRow, Unit
from service.domain.periods.rows import CSV_COLUMNS, to_csv_cell


def record_key(row: PeriodRow) -> bytes:
    """One record per granularity and period, revised in place."""
    return f"{row.granularity}:{row.start.isoformat()}".encode()


def numbers_of(row: PeriodRow, currency: str) -> dict[str, Any]:
    """The data of the record, but for its revision. Money as decimal text, so that no digit is lost."""
    numbers: dict[str, Any] = {
        "currency": currency,
        "granularity": row.granularity,
        "start": row.start.isoformat(),
        "end": row.end.isoformat(),
        "complete": row.complete,
    }
    for number in NUMBERS:
        value = getattr(row, number.name)
        numbers[number.name] = str(value) if isinstance(value, Decimal) else value
    return numbers


def csv_cells(data: dict[str, Any]) -> list[str]:
    """The row of periods.csv that this record's data stands for (`to_csv_row` of the original row)."""
    return [to_csv_cell(_as_made(column, data[column])) for column in CSV_COLUMNS]


def _as_made(column: str, value: Any) -> Any:
    return Decimal(value) if value is not None and UNITS.get(column) is Unit.MONEY else value
