"""The local day of an instant is the one of Python's own time zones, also where clocks change, in any order of
asking."""

from __future__ import annotations

from copy import deepcopy
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from service.domain.calendar import Calendar, to_date, to_us

ZONES = ("UTC", "Europe/Paris", "America/St_Johns", "Australia/Lord_Howe", "Africa/Casablanca", "Pacific/Apia")
CHANGES = [
    datetime(2024, 3, 31, 1, tzinfo=UTC),
    datetime(2024, 10, 27, 1, tzinfo=UTC),
    datetime(2024, 4, 6, 15, tzinfo=UTC),
    datetime(2024, 3, 10, 2, tzinfo=UTC),
    datetime(2011, 12, 30, 10, tzinfo=UTC),
]
DAY_US = 86_400_000_000
NEAR = st.builds(lambda change, by: to_us(change) + by, st.sampled_from(CHANGES), st.integers(-2 * DAY_US, 2 * DAY_US))


@given(st.sampled_from(ZONES), st.lists(NEAR | st.integers(0, 80 * 365 * DAY_US), min_size=1))
def test_the_local_day_is_pythons(zone: str, instants: list[int]) -> None:
    calendar = Calendar(ZoneInfo(zone))

    for at_us in instants:
        local = datetime.fromtimestamp(at_us // 1_000_000, UTC).astimezone(ZoneInfo(zone))
        assert to_date(calendar.day_of(at_us)) == local.date()


STARTS = st.sampled_from([0, 90, 120, 150, 300, 310, 1080, 1439])
"""Minutes after midnight, among them hours that come twice or not at all when clocks change."""


@given(st.sampled_from(ZONES), STARTS, st.lists(NEAR | st.integers(0, 80 * 365 * DAY_US), min_size=1))
def test_a_day_is_what_lies_between_its_begin_and_the_next_ones(zone: str, starts: int, instants: list[int]) -> None:
    calendar = Calendar(ZoneInfo(zone), starts * 60_000_000)

    for at_us in instants:
        if zone == "America/St_Johns" and at_us < to_us(datetime(2012, 1, 1, tzinfo=UTC)):
            continue  # its clocks changed a minute after midnight, and midnight came twice
        day = calendar.day_of(at_us)
        assert calendar.start_of(day) <= at_us < calendar.start_of(day + 1)
        assert calendar.hour_of(at_us) // 24 == day


@given(st.sampled_from(ZONES), st.sampled_from([180, 300, 310, 1080]), st.integers(0, 80 * 365 * DAY_US))
def test_the_day_of_a_bar_is_that_of_pythons_clock_so_many_hours_earlier(zone: str, starts: int, at_us: int) -> None:
    calendar = Calendar(ZoneInfo(zone), starts * 60_000_000)

    local = datetime.fromtimestamp(at_us // 1_000_000, UTC).astimezone(ZoneInfo(zone)).replace(tzinfo=None)

    assert to_date(calendar.day_of(at_us)) == (local - timedelta(minutes=starts)).date()


def test_a_calendar_may_be_part_of_what_a_chart_copies() -> None:
    calendar = Calendar(ZoneInfo("Europe/Paris"), 300 * 60_000_000)

    assert deepcopy(calendar) is calendar
