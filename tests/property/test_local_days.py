"""The local day of an instant is the one of Python's own time zones, also where clocks change, in any order of
asking."""

from __future__ import annotations

from datetime import UTC, datetime
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
