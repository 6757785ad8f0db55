"""The rhythm passes decades in which nobody comes at once, and knows the same as if it had passed them hour by hour."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from zoneinfo import ZoneInfo

import pytest

from service.domain.calendar import Calendar
from service.domain.rhythm import CELLS, Rhythm

BEGIN = 440_000
OFFICE_HOURS = [day * 24 + hour for day in range(5) for hour in range(9, 17)]


@pytest.mark.parametrize(
    ("sells", "rate", "known", "silence_hours", "gap_weeks"),
    [
        (range(CELLS), 0.05, 0.7, 48.0, 290),
        (OFFICE_HOURS, 3.0, 0.7, 48.0, 290),
        (OFFICE_HOURS, 0.6, 0.7, 45_000.5, 290),  # silent long after nothing is expected any more
        (OFFICE_HOURS, 0.6, 0.0, 45_000.5, 290),
        (OFFICE_HOURS, 0.2, 0.0, 1e6, 290),
        ([30], 0.6, 0.7, 1e6, 290),
        ([30], 3.0, 0.7, 48.0, 3),
    ],
)
def test_a_leap_equals_hour_by_hour(
    sells: Sequence[int], rate: float, known: float, silence_hours: float, gap_weeks: int
) -> None:
    random = Random(f"{rate} {silence_hours}")
    calendar = Calendar(ZoneInfo("UTC"))
    leaping, walking = Rhythm(calendar, silence_hours), Rhythm(calendar, silence_hours)
    hour = BEGIN + random.randrange(CELLS)
    for weeks in (12, 4):
        end = hour + weeks * CELLS
        while hour < end:
            hour += 1
            come = (hour % CELLS in sells) * (int(rate) + (random.random() < rate % 1))
            returning = [
                random.random() < known and hour < end - 2 * CELLS for _ in range(come)
            ]  # at last newcomers alone
            for rhythm in (leaping, walking):
                rhythm.pass_to(hour)
                for returns in returning:
                    rhythm.arrived(hour, returning=returns)
        hour += gap_weeks * CELLS + random.randrange(CELLS)
        leaping.pass_to(hour)
        for each in range(walking.state.hour + 1, hour + 1):
            walking.pass_to(each)

        assert leaping.state.fields() == walking.state.fields()
    assert [leaping.cell(cell) for cell in range(CELLS)] == [walking.cell(cell) for cell in range(CELLS)]
