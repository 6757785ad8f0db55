"""Period numbers: the worked examples of the contract, borders of weeks and years, leap days, what is undefined."""

from __future__ import annotations

import csv
import io
from datetime import date, timedelta
from decimal import Decimal, localcontext

import msgspec
import pytest

from service.domain.calendar import to_day
from service.domain.events import Survey
from service.domain.periods.ledger import DayPart, Ledger, pack, unpack
from service.domain.periods.rows import CSV_COLUMNS, to_csv_row
from service.domain.periods.totals import PeriodTotals
from service.domain.policy import Shop
from tests.support.period_driver import PeriodDriver

FEBRUARY, MARCH = date(2024, 2, 1), date(2024, 3, 1)


def visits(driver: PeriodDriver, names: range, on: date, minor: int = 0) -> None:
    for number in names:
        driver.purchase(f"customer {number}", on, minor)


def test_start_200_end_210_new_30_is_90_percent_retention() -> None:
    driver = PeriodDriver()
    visits(driver, range(200), FEBRUARY)
    visits(driver, range(20, 200), MARCH)
    visits(driver, range(200, 230), MARCH)

    row = driver.row("month", MARCH, MARCH)

    assert (row.customers_at_start, row.customers_at_end, row.new + row.returned) == (200, 210, 30)
    assert row.retention_rate == 90


def test_20_of_200_not_back_is_10_percent_churn() -> None:
    driver = PeriodDriver()
    visits(driver, range(200), FEBRUARY)
    visits(driver, range(20, 200), MARCH)

    row = driver.row("month", MARCH, MARCH)

    assert (row.lost, row.churn_rate) == (20, 10)


def test_seven_orders_of_100_a_year_for_three_years_are_worth_2100() -> None:
    driver = PeriodDriver()
    visits(driver, range(3), date(2022, 5, 1))
    for month in range(1, 8):  # two of three stay: churn 1/3 a year, lifespan 3 years
        visits(driver, range(2), date(2023, month, 10), 100_00)

    row = driver.row("year", date(2023, 1, 1), date(2023, 12, 31))

    assert (row.average_order_value, row.purchase_frequency) == (Decimal(100), 7.0)
    assert row.customer_lifetime_value == Decimal(2100)


def test_150_of_500_back_a_second_time_is_a_repeat_rate_of_30_percent() -> None:
    driver = PeriodDriver()
    visits(driver, range(500), MARCH)
    visits(driver, range(150), MARCH + timedelta(days=9))

    row = driver.row("month", MARCH, MARCH)

    assert (row.repeat_customers, row.repeat_purchase_rate) == (150, 30)


def test_sixty_promoters_25_passives_15_detractors_are_an_nps_of_45() -> None:
    driver = PeriodDriver()
    for score, times in ((10, 30), (9, 30), (8, 12), (7, 13), (6, 8), (0, 7)):
        for _ in range(times):
            driver.answer("anyone", MARCH, Survey.NPS, score)

    row = driver.row("month", MARCH, MARCH)

    assert (row.nps, row.nps_n) == (45, 100)
    assert row.nps_margin == pytest.approx(14.346, abs=0.001)


def test_csat_counts_4_and_5_and_ces_is_a_mean_with_its_favourable_share() -> None:
    driver = PeriodDriver()
    for score in (1, 3, 4, 5):
        driver.answer("anyone", MARCH, Survey.CSAT, score)
    for score in (2, 4, 5, 7):
        driver.answer("anyone", MARCH, Survey.CES, score)

    row = driver.row("month", MARCH, MARCH)

    assert (row.csat, row.csat_n, row.ces, row.ces_n, row.ces_favourable_rate) == (50, 4, 4.5, 4, 50)


def test_a_refund_lowers_the_revenue_of_its_own_period_and_is_no_order_and_no_visit() -> None:
    driver = PeriodDriver()
    driver.purchase("a", FEBRUARY, 50_00)
    driver.refund("a", MARCH, 20_00)

    february, march = driver.row("month", FEBRUARY, MARCH), driver.row("month", MARCH, MARCH)

    assert (february.revenue, february.orders) == (Decimal("50.00"), 1)
    assert (march.revenue, march.orders, march.customers_at_end, march.average_order_value) == (
        Decimal(-20),
        0,
        0,
        None,
    )
    assert (march.lost, march.churn_rate) == (1, 100)


def test_two_orders_of_a_day_are_two_orders_but_one_visit() -> None:
    driver = PeriodDriver()
    driver.purchase("a", MARCH, 1_00)
    driver.purchase("a", MARCH, 2_00)

    row = driver.row("month", MARCH, MARCH)

    assert (row.orders, row.customers_at_end, row.repeat_customers, row.purchase_frequency) == (2, 1, 0, 2)


def test_without_customers_at_the_start_the_rates_are_unknown_and_not_zero() -> None:
    driver = PeriodDriver()
    driver.purchase("a", MARCH, 10_00)

    row = driver.row("month", MARCH, MARCH)

    assert (row.retention_rate, row.churn_rate, row.customer_lifetime_value) == (None, None, None)
    assert (row.average_order_value, row.repeat_purchase_rate, row.nps, row.csat, row.ces) == (
        Decimal(10),
        0.0,
        None,
        None,
        None,
    )


def test_a_period_without_events_has_a_row_of_zeros_and_unknowns() -> None:
    driver = PeriodDriver()
    driver.purchase("a", date(2024, 1, 10))
    driver.purchase("a", date(2024, 5, 10))

    row = driver.row("month", date(2024, 4, 1), date(2024, 5, 10))

    assert (row.customers_at_start, row.customers_at_end, row.orders, row.revenue) == (0, 0, 0, Decimal("0.00"))
    assert (row.repeat_purchase_rate, row.purchase_frequency, row.average_order_value) == (None, None, None)
    assert row.complete


def test_without_churn_the_lifespan_is_the_cap() -> None:
    driver = PeriodDriver(shop=Shop(max_lifespan_years=2.5))
    driver.purchase("a", FEBRUARY)
    driver.purchase("a", MARCH, 10_00)

    row = driver.row("month", MARCH, MARCH)

    assert row.customer_lifetime_value == Decimal(10 * 12) * Decimal("2.5")


def test_derived_money_is_rounded_half_even_to_six_decimals_whatever_the_decimal_context() -> None:
    driver = PeriodDriver()
    for minor in (10_00, 10_00, 0):
        driver.purchase("a", MARCH, minor)
    big = PeriodDriver()
    big.purchase("a", MARCH, 123_456_789_012_345_678_90)

    with localcontext(prec=3):
        row, big_row = driver.row("month", MARCH, MARCH), big.row("month", MARCH, MARCH)

    assert str(row.average_order_value) == "6.666667"
    assert str(big_row.revenue) == "123456789012345678.90"


def test_a_currency_without_minor_units_shows_none() -> None:
    driver = PeriodDriver(shop=Shop(currency="JPY", minor_digits=0))
    driver.purchase("a", MARCH, 1200)

    assert str(driver.row("month", MARCH, MARCH).revenue) == "1200"


def test_weeks_are_iso_weeks_across_the_year() -> None:
    driver = PeriodDriver()
    driver.purchase("a", date(2024, 12, 29))  # Sunday
    driver.purchase("a", date(2024, 12, 30))  # Monday of week 1 of 2025
    driver.purchase("a", date(2025, 1, 5))  # its Sunday

    weeks = [row for row in driver.rows(date(2024, 12, 29), date(2025, 1, 5)) if row.granularity == "week"]

    assert [(row.start, row.end, row.customers_at_end, row.repeat_customers) for row in weeks] == [
        (date(2024, 12, 23), date(2024, 12, 30), 1, 0),
        (date(2024, 12, 30), date(2025, 1, 6), 1, 1),
    ]
    assert weeks[1].retained == 1


def test_the_longest_distance_that_still_counts_as_retained_over_a_leap_year() -> None:
    driver = PeriodDriver()
    driver.purchase("a", date(2023, 1, 1))
    driver.purchase("a", date(2024, 12, 31))  # 730 days on: the next calendar year

    row = driver.row("year", date(2024, 1, 1), date(2024, 12, 31))

    assert (row.retained, row.returned) == (1, 0)


def test_after_more_than_two_years_a_customer_has_returned_in_every_period() -> None:
    driver = PeriodDriver()
    driver.purchase("a", date(2022, 12, 30))
    driver.purchase("a", date(2024, 12, 30))  # 731 days on: the window before the present year's starts a day later

    rows = [row for row in driver.rows(date(2024, 12, 30), date(2025, 12, 28)) if row.customers_at_end]

    assert {row.retained for row in rows} == {0}
    assert {row.returned for row in rows} == {1}


def test_three_visits_from_the_first_to_the_last_day_of_a_leap_year_are_one_repeat_customer() -> None:
    driver = PeriodDriver()
    for day in (date(2024, 1, 1), date(2024, 2, 29), date(2024, 12, 31)):
        driver.purchase("a", day)

    assert driver.row("year", date(2024, 1, 1), date(2024, 12, 31)).repeat_customers == 1


def test_a_leap_day_belongs_to_february_and_has_its_own_rolling_window() -> None:
    driver = PeriodDriver()
    driver.purchase("a", date(2024, 2, 29), 5_00)

    assert driver.row("month", FEBRUARY, MARCH).revenue == 5
    assert driver.row("rolling_7", date(2024, 2, 23), MARCH).end == MARCH


def test_the_rolling_window_of_a_day_ends_with_it_and_the_one_before_ends_where_it_starts() -> None:
    driver = PeriodDriver()
    driver.purchase("a", MARCH)

    rows = [row for row in driver.rows(MARCH, MARCH + timedelta(days=14)) if row.granularity == "rolling_7"]

    assert [row.customers_at_end for row in rows] == [1] * 7 + [0] * 8
    assert [row.customers_at_start for row in rows] == [0] * 7 + [1] * 7 + [0]
    assert [row.new for row in rows] == [1] * 7 + [0] * 8
    assert (rows[0].start, rows[0].end) == (date(2024, 2, 24), date(2024, 3, 2))


def test_a_period_is_complete_once_its_last_day_is_over() -> None:
    driver = PeriodDriver()
    driver.purchase("a", date(2024, 2, 29))

    assert not driver.row("month", FEBRUARY, date(2024, 2, 29)).complete
    assert driver.row("month", FEBRUARY, date(2024, 3, 1)).complete


def test_a_late_first_visit_moves_the_newcomer_to_the_earlier_period() -> None:
    driver = PeriodDriver()
    driver.purchase("a", MARCH)
    before = driver.row("month", MARCH, MARCH)
    driver.purchase("a", FEBRUARY)

    after = driver.row("month", MARCH, MARCH)

    assert (before.new, before.retained) == (1, 0)
    assert (after.new, after.retained) == (0, 1)


def test_a_day_that_changes_revises_only_rows_it_can_reach() -> None:
    driver = PeriodDriver()
    for offset in range(0, 400, 5):
        driver.purchase("a", date(2023, 1, 1) + timedelta(days=offset))
    today = date(2024, 2, 4)
    driver.store()
    list(driver.totals.changed_rows(to_day(today)))
    driver.purchase("b", today)
    driver.store()

    changed = [(row.granularity, row.end) for row in driver.totals.changed_rows(to_day(today))]

    tomorrow = today + timedelta(days=1)
    assert changed == [
        ("week", date(2024, 2, 5)),
        ("month", date(2024, 3, 1)),
        ("quarter", date(2024, 4, 1)),
        ("year", date(2025, 1, 1)),
        ("rolling_7", tomorrow),
        ("rolling_30", tomorrow),
        ("rolling_90", tomorrow),
        ("rolling_365", tomorrow),
    ]
    assert list(driver.totals.changed_rows(to_day(today))) == []


def test_a_new_day_without_events_gives_its_rolling_rows_and_completes_yesterdays() -> None:
    driver = PeriodDriver()
    driver.purchase("a", MARCH)
    driver.store()
    list(driver.totals.changed_rows(to_day(MARCH)))

    changed = list(driver.totals.changed_rows(to_day(MARCH) + 1))

    weekly = [(row.end, row.complete, row.customers_at_end) for row in changed if row.granularity == "rolling_7"]
    assert weekly == [(date(2024, 3, 2), True, 1), (date(2024, 3, 3), False, 1)]


def test_rows_are_written_with_six_decimals_at_most_and_empty_cells_for_unknown() -> None:
    driver = PeriodDriver()
    visits(driver, range(3), FEBRUARY, 1_00)
    visits(driver, range(1), MARCH, 1_50)
    stream = io.StringIO()

    csv.writer(stream).writerows([CSV_COLUMNS, to_csv_row(driver.row("month", MARCH, MARCH))])

    assert stream.getvalue().splitlines() == [
        (
            "granularity,start,end,complete,customers_at_start,customers_at_end,retained,lost,new,returned,retention_rate,churn_rate,"
            "repeat_purchase_rate,orders,revenue,average_order_value,purchase_frequency,customer_lifetime_value,"
            "nps,nps_n,csat,csat_n,ces,ces_n"
        ),
        ("month,2024-03-01,2024-04-01,false,3,1,1,2,0,0,33.333333,66.666667,0.0,1,1.50,1.50,1.0,2.25,,0,,0,,0"),
    ]


def test_no_data_no_rows() -> None:
    assert list(PeriodTotals(Shop()).changed_rows(to_day(MARCH))) == []


def test_a_ledger_hands_out_each_changed_day_once_and_notices_the_next_change() -> None:
    ledger = Ledger()
    ledger.order(5, 100)
    ledger.order(3, 50)

    assert [day for day, _ in ledger.take_dirty()] == [3, 5]
    assert ledger.take_dirty() == []

    ledger.order(3, 50)

    ((day, record),) = ledger.take_dirty()
    assert (day, unpack(record).orders, unpack(record).revenue_minor) == (3, 2, 100)
    assert (ledger.first_day, ledger.last_day, ledger.days()) == (3, 5, [3, 5])


def test_days_long_untouched_are_packed_and_come_back_when_an_event_is_late() -> None:
    ledger = Ledger()
    for day in range(1000):
        ledger.order(day, 1)
    ledger.order(0, 1)

    records = dict(ledger.take_dirty())

    assert len(records) == 1000
    assert unpack(records[0]).orders == 2
    assert len(ledger._open) <= 64


def test_a_visit_taken_apart_by_a_late_one_leaves_no_empty_counters() -> None:
    late, in_order = PeriodDriver(), PeriodDriver()
    days = [date(2024, 1, 1) + timedelta(days=offset) for offset in (0, 9, 20, 900)]
    for day in reversed(days):
        late.purchase("a", day)
    for day in days:
        in_order.purchase("a", day)
    late.store()
    in_order.store()

    assert late.stored == in_order.stored


def test_a_record_of_a_later_version_is_refused() -> None:
    with pytest.raises(ValueError, match="version 99"):
        unpack(pack(DayPart(version=99)))


def test_a_record_with_fields_yet_to_come_can_be_read() -> None:
    # array_like: appended fields are skipped by the release that does not know them, as long as the version stays
    record = msgspec.msgpack.encode([1, 7, 900, 1, {}, {}, 0, 0, 0, 0, 0, 0, 0, 0, "later"])

    assert unpack(record).orders == 7


def test_the_same_record_twice_changes_nothing_and_a_broken_one_is_refused_whole() -> None:
    totals = PeriodTotals(Shop())
    record = pack(DayPart(orders=1, revenue_minor=5, firsts=1))
    totals.update(0, 100, record)
    list(totals.changed_rows(100))

    totals.update(0, 100, record)
    with pytest.raises(msgspec.DecodeError):
        totals.update(0, 101, b"no record")

    assert list(totals.changed_rows(100)) == []
    assert totals.last_day == 100
