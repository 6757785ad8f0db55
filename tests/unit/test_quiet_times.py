"""When it is quiet where a customer is: nights that cross midnight, days, holidays, and clocks that are changed."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from random import Random
from zoneinfo import ZoneInfo

import pytest

from service.config import Settings
from service.domain.calendar import MINUTE_US, Calendar, to_datetime, to_us
from service.domain.findings import Reason
from service.domain.policy import QuietTimes
from service.domain.quiet_times import Quiet
from service.domain.sources import Sources, number_of
from service.errors import ConfigurationError
from tests.support.customers import customer_with, profile_with

EVERY_DAY = [f"{date(2000, 1, 1) + timedelta(day):%m-%d}" for day in range(366)]
"""Of a year: nobody would ever be written to, and no end of it was found."""
NIGHT = QuietTimes(time(21), time(9))
SUNDAYS = QuietTimes(time(21), time(9), frozenset({6}), frozenset({date(2026, 12, 25)}), frozenset({(1, 1)}))


def quiet(policy: QuietTimes, zone: str = "Europe/Paris", sources: Sources | None = None) -> Quiet:
    return Quiet(policy, ZoneInfo(zone), sources or Sources(Calendar(ZoneInfo(zone)), 48.0))


def instant(text: str) -> int:
    return to_us(datetime.fromisoformat(text))


def until(policy: QuietTimes, at: str, zone: str = "Europe/Paris", own: str | None = None) -> tuple[str, Reason]:
    """When it ends, as the clock there shows it with its offset."""
    customer = customer_with(profile=profile_with(timezone=own))
    end_us, reason = quiet(policy, zone).until_us(customer, instant(at))
    return to_datetime(end_us).astimezone(ZoneInfo(own or zone)).isoformat(), reason


@pytest.mark.parametrize(
    ("at", "ends"),
    [
        ("2026-06-10T20:59:59.999999+02:00", None),
        ("2026-06-10T21:00:00+02:00", "2026-06-11T09:00:00+02:00"),
        ("2026-06-10T23:59:59+02:00", "2026-06-11T09:00:00+02:00"),
        ("2026-06-11T00:00:00+02:00", "2026-06-11T09:00:00+02:00"),
        ("2026-06-11T08:59:59+02:00", "2026-06-11T09:00:00+02:00"),
        ("2026-06-11T09:00:00+02:00", None),
    ],
)
def test_a_night_goes_on_past_midnight(at: str, ends: str | None) -> None:
    found, reason = until(NIGHT, at)

    if ends is None:
        assert instant(found) == instant(at)
    else:
        assert (found, reason) == (ends, Reason.QUIET_HOURS)


def test_quiet_hours_may_lie_within_a_day() -> None:
    siesta = QuietTimes(time(13), time(15, 30))

    assert until(siesta, "2026-06-10T14:00:00+02:00")[0] == "2026-06-10T15:30:00+02:00"
    assert until(siesta, "2026-06-10T12:59:00+02:00")[0] == "2026-06-10T12:59:00+02:00"


@pytest.mark.parametrize(
    ("policy", "at", "ends"),
    [
        # put forward, 2026-03-29 02:00 → 03:00: the night is an hour shorter, whatever it ends at
        (NIGHT, "2026-03-28T22:00:00+01:00", "2026-03-29T09:00:00+02:00"),
        (QuietTimes(time(1), time(2, 30)), "2026-03-29T01:30:00+01:00", "2026-03-29T03:00:00+02:00"),
        (QuietTimes(time(2, 15), time(2, 45)), "2026-03-29T03:00:00+02:00", "2026-03-29T03:00:00+02:00"),
        # put back, 2026-10-25 03:00 → 02:00: an hour that comes twice is quiet twice
        (NIGHT, "2026-10-24T22:00:00+02:00", "2026-10-25T09:00:00+01:00"),
        (QuietTimes(time(2), time(2, 30)), "2026-10-25T02:10:00+02:00", "2026-10-25T02:30:00+02:00"),
        (QuietTimes(time(2), time(2, 30)), "2026-10-25T02:10:00+01:00", "2026-10-25T02:30:00+01:00"),
        (QuietTimes(time(1), time(3)), "2026-10-25T01:30:00+02:00", "2026-10-25T03:00:00+01:00"),
    ],
)
def test_the_clock_there_says_when_it_ends_also_on_the_day_it_is_changed(
    policy: QuietTimes, at: str, ends: str
) -> None:
    assert until(policy, at)[0] == ends


@pytest.mark.parametrize(
    ("at", "ends", "reason"),
    [
        ("2026-06-13T21:30:00+02:00", "2026-06-15T09:00:00+02:00", Reason.QUIET_HOURS),
        ("2026-06-14T12:00:00+02:00", "2026-06-15T09:00:00+02:00", Reason.QUIET_DAY),
        ("2026-12-25T12:00:00+01:00", "2026-12-26T09:00:00+01:00", Reason.QUIET_DAY),
        ("2025-12-25T12:00:00+01:00", "2025-12-25T12:00:00+01:00", None),
        ("2031-01-01T12:00:00+01:00", "2031-01-02T09:00:00+01:00", Reason.QUIET_DAY),
    ],
)
def test_sundays_and_holidays_are_quiet_from_midnight_to_midnight(at: str, ends: str, reason: Reason | None) -> None:
    found = until(SUNDAYS, at)

    assert found[0] == ends
    assert reason is None or found[1] is reason


def test_it_is_the_customers_own_clock_that_counts() -> None:
    assert until(NIGHT, "2026-06-10T12:00:00+00:00", own="America/Los_Angeles")[0] == "2026-06-10T09:00:00-07:00"
    assert until(SUNDAYS, "2026-06-13T16:00:00+00:00", own="Pacific/Auckland")[0] == "2026-06-15T09:00:00+12:00"


def test_else_that_of_their_store_else_that_of_the_shop() -> None:
    sources = Sources(Calendar(ZoneInfo("Europe/Paris")), 48.0)
    sources.named("tokyo", 0)
    policy = QuietTimes(time(21), time(9), store_zones=(("tokyo", "Asia/Tokyo"),))
    there = customer_with(source=number_of("tokyo"))
    noon = instant("2026-06-10T12:30:00+00:00")  # 21:30 in Tokyo

    asked = quiet(policy, sources=sources)

    assert asked.until_us(there, noon)[0] == instant("2026-06-11T09:00:00+09:00")
    assert asked.until_us(customer_with(), noon)[0] == noon
    at_home = customer_with(source=number_of("tokyo"), profile=profile_with(timezone="Europe/Paris"))
    assert asked.until_us(at_home, noon)[0] == noon
    strange = customer_with(source=number_of("tokyo"), profile=profile_with(timezone="Europe/Atlantis"))
    assert asked.until_us(strange, noon)[0] == instant("2026-06-11T09:00:00+09:00")


@pytest.mark.parametrize("zone", ["Europe/Paris", "Australia/Lord_Howe", "Africa/Casablanca", "America/St_Johns"])
def test_it_ends_at_the_first_minute_whose_clock_shows_no_quiet_time(zone: str) -> None:
    random, asked = Random(zone), quiet(SUNDAYS, zone)
    away = ZoneInfo(zone)

    def shows_quiet(at_us: int) -> bool:
        local = to_datetime(at_us).astimezone(away)
        by_day = local.weekday() == 6 or local.date() == date(2026, 12, 25) or (local.month, local.day) == (1, 1)
        return by_day or local.hour >= 21 or local.hour < 9

    changes = [  # the days on which this zone's clock is changed
        day
        for day in (datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=n) for n in range(365))
        if day.astimezone(away).utcoffset() != (day + timedelta(days=1)).astimezone(away).utcoffset()
    ]
    for begin in [
        *changes,
        *(datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=random.random() * 365) for _ in range(6)),
    ]:
        at_us = to_us(begin) // MINUTE_US * MINUTE_US - random.randrange(600) * MINUTE_US
        expected = at_us
        while shows_quiet(expected):
            expected += MINUTE_US
        assert asked.until_us(customer_with(), at_us)[0] == expected


def test_without_quiet_times_it_never_is() -> None:
    assert until(QuietTimes(), "2026-06-14T03:00:00+02:00")[0] == "2026-06-14T03:00:00+02:00"


def test_they_are_set_as_people_write_them() -> None:
    settings = Settings(
        outreach={"quiet_hours": "21:30 - 9:00", "quiet_days": ["Sunday", "sat", date(2026, 5, 1), "12-25"]},
        shop={"store_timezones": {"north": "Europe/Oslo"}},
    )

    assert settings.policy().outreach.quiet == QuietTimes(
        time(21, 30), time(9), frozenset({5, 6}), frozenset({date(2026, 5, 1)}), frozenset({(12, 25)}),
        (("north", "Europe/Oslo"),),
    )  # fmt: skip
    assert Settings().policy().outreach.quiet == QuietTimes()


@pytest.mark.parametrize(
    ("section", "keys", "named"),
    [
        ("outreach", {"quiet_hours": "21:00"}, "outreach.quiet_hours"),
        ("outreach", {"quiet_hours": "09:00-09:00"}, "outreach.quiet_hours"),
        ("outreach", {"quiet_hours": "21:00-25:00"}, "outreach.quiet_hours"),
        ("outreach", {"quiet_days": ["someday"]}, "outreach.quiet_days"),
        ("outreach", {"quiet_days": ["2026-02-30"]}, "outreach.quiet_days"),
        ("outreach", {"quiet_days": ["02-30"]}, "neither a weekday"),
        ("outreach", {"quiet_days": EVERY_DAY}, "every day of the year"),
        ("outreach", {"quiet_days": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]}, "quiet_days"),
        ("shop", {"store_timezones": {"north": "Europe/Atlantis"}}, "shop.store_timezones"),
    ],
)
def test_what_is_no_quiet_time_is_named(section: str, keys: dict[str, object], named: str) -> None:
    with pytest.raises(ConfigurationError, match=named):
        Settings().changed(**{section: keys})
