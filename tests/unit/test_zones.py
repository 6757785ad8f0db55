"""Zones that cells name: offsets, letters, places, and the names of Rails and Windows."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from service.errors import ConfigurationError
from service.history.dates import TimeColumn

PARIS = ZoneInfo("Europe/Paris")


def cleaned(*cells: str, shop: str = "Europe/Paris") -> list[str]:
    column = TimeColumn("when", "", ZoneInfo(shop))
    for cell in cells:
        column.see(cell)
    column.decide()
    return [column.clean(cell) for cell in cells]


@pytest.mark.parametrize(
    ("cell", "right"),
    [
        ("2025-07-13 08:29:48 Eastern Time (US & Canada)", "2025-07-13T08:29:48-04:00"),
        ("2025-01-13 08:29:48 Eastern Time (US & Canada)", "2025-01-13T08:29:48-05:00"),
        ("2025-07-13 08:29:48 (GMT+01:00) Paris", "2025-07-13T08:29:48+02:00"),
        ("2025-07-13 08:29:48 W. Europe Standard Time", "2025-07-13T08:29:48+02:00"),
        (
            "13/07/2025 8:29 PM (UTC+01:00) Amsterdam, Berlin, Bern, Rome, Stockholm, Vienna",
            "2025-07-13T20:29:00+02:00",
        ),
        ("2025-07-13 08:29:48 America/New_York", "2025-07-13T08:29:48-04:00"),
        ("Sun Jul 13 2025 08:29:48 GMT-0400 (Eastern Daylight Time)", "2025-07-13T08:29:48-04:00"),
        ("2025-07-13T08:29:48+02:00[Europe/Paris]", "2025-07-13T08:29:48+02:00"),
        ("07/13/2025 08:29 EDT", "2025-07-13T08:29:00-04:00"),
        ("Jul 13, 2025 8:29:48 AM PST", "2025-07-13T08:29:48-08:00"),
        ("2025/07/13 8:29:48 AM GMT+1", "2025-07-13T08:29:48+01:00"),
        ("13.07.2025 20:29 Uhr", "2025-07-13T20:29:00"),
        ("13/07/2025 8:29 p.m.", "2025-07-13T20:29:00"),
    ],
)
def test_a_time_is_of_the_zone_that_it_names(cell: str, right: str) -> None:
    (found,) = cleaned(cell)

    assert datetime.fromisoformat(found) == datetime.fromisoformat(right)


@pytest.mark.parametrize(("letters", "shop", "offset"), [("BST", "Europe/London", "+01:00"), ("IST", "Asia/Kolkata", "+05:30"), ("CST", "Asia/Shanghai", "+08:00"), ("CST", "America/Chicago", "-06:00"), ("CST", "Europe/Paris", "-06:00")])  # fmt: skip
def test_letters_of_several_places_mean_the_shops_own(letters: str, shop: str, offset: str) -> None:
    (found,) = cleaned(f"2025-07-13 08:29:48 {letters}", shop=shop)

    assert datetime.fromisoformat(found) == datetime.fromisoformat(f"2025-07-13T08:29:48{offset}")


@pytest.mark.parametrize("letters", ["BST", "IST"])
def test_letters_of_several_places_that_are_not_the_shops_are_refused(letters: str) -> None:
    with pytest.raises(ConfigurationError, match=r"shop\.timezone"):
        cleaned(f"2025-07-13 08:29:48 {letters}")


def test_what_is_no_zone_makes_its_row_no_time_and_not_another() -> None:
    column = TimeColumn("when", "", PARIS)
    column.see("2025-07-13 08:29:48 Nowhere")
    column.decide()

    assert column.clean("2025-07-13 08:29:48 Nowhere") == "2025-07-13 08:29:48 Nowhere"
