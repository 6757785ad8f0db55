"""A row of period numbers as it stands on `period-metrics`."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from service.domain.periods.numbers import NUMBERS, PeriodRow


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
