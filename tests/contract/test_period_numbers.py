"""The one list of period numbers: what is typed, stored and published under these names is what the list says."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from itertools import dropwhile
from typing import Any, get_type_hints

import pytest

from schemas.outputs import PeriodMetrics
from service.domain.periods.day_part import DayPart
from service.domain.periods.numbers import NUMBERS, Counts, Number, PeriodRow, Unit
from service.domain.periods.rows import CSV_COLUMNS, PERIOD_COLUMNS, RowMaker
from service.domain.policy import Shop
from service.wire.period_records import numbers_of

NAMES = tuple(number.name for number in NUMBERS)
TYPES = {Unit.COUNT: int, Unit.MONEY: Decimal, Unit.PERCENT: float, Unit.POINTS: float, Unit.MEAN: float}
PUBLISHED: Mapping[Unit, Mapping[str, object]] = {
    Unit.COUNT: {"type": "integer", "minimum": 0},
    Unit.MONEY: {"type": "string"},
    Unit.PERCENT: {"type": "number", "minimum": 0, "maximum": 100},
    Unit.POINTS: {"type": "number"},
    Unit.MEAN: {"type": "number"},
}
ABOUT_THE_RECORD = ("granularity", "start", "end", "revision", "complete", "currency")
OF_CUSTOMERS = ("buyers", "new", "retained", "repeaters")


def is_known_always(number: Number) -> bool:
    return get_type_hints(PeriodRow)[number.name] is TYPES[number.unit]


def test_a_row_is_the_period_and_then_every_number_in_order() -> None:
    assert PeriodRow.__struct_fields__ == (*PERIOD_COLUMNS, *NAMES)


def test_the_columns_of_periods_csv_come_first() -> None:
    beside = [*dropwhile(lambda number: number.in_csv, NUMBERS)]

    assert beside
    assert not any(number.in_csv for number in beside)
    assert (*PERIOD_COLUMNS, *NAMES[: len(NUMBERS) - len(beside)]) == CSV_COLUMNS


@pytest.mark.parametrize("number", NUMBERS, ids=NAMES)
def test_a_row_has_the_type_that_goes_with_the_unit(number: Number) -> None:
    kind = TYPES[number.unit]

    assert get_type_hints(PeriodRow)[number.name] in (kind, kind | None)


def test_the_published_record_has_these_numbers_and_no_other() -> None:
    assert (*ABOUT_THE_RECORD, *NAMES) == tuple(PeriodMetrics.model_fields)


@pytest.mark.parametrize("number", NUMBERS, ids=NAMES)
def test_the_published_field_is_of_the_number_s_unit_and_null_where_it_may_be_unknown(number: Number) -> None:
    published: dict[str, Any] = PeriodMetrics.model_json_schema()["properties"][number.name]
    known, *null = published.get("anyOf", [published])

    assert PUBLISHED[number.unit].items() <= known.items()
    assert null == ([] if is_known_always(number) else [{"type": "null"}])


def test_what_is_summed_over_days_is_a_counter_of_the_day_under_the_same_name() -> None:
    summed = [name for name in Counts._fields if name not in OF_CUSTOMERS]

    assert Counts._fields[: len(OF_CUSTOMERS)] == OF_CUSTOMERS
    assert {"version", "firsts", "gaps", "skips", *summed} == set(DayPart.__struct_fields__)


def test_where_nothing_was_counted_every_number_is_there_and_null_if_it_may_be_unknown() -> None:
    row = RowMaker(Shop()).row("month", 20_000, 20_030, 20_040, now=Counts(), before=Counts())

    record = numbers_of(row, "EUR")

    assert tuple(record)[-len(NAMES) :] == NAMES
    assert set(record) == {*ABOUT_THE_RECORD, *NAMES} - {"revision"}
    assert [name for name in NAMES if record[name] is None] == [
        number.name for number in NUMBERS if not is_known_always(number)
    ]
