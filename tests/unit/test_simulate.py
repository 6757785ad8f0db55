"""Simulated customers must do what their fates say."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, date, datetime
from pathlib import Path
from statistics import mean
from zoneinfo import ZoneInfo

import pytest

from schemas.scales import SCALES
from service.domain.calendar import DAY_US, Calendar, to_us
from service.domain.events import Profile, Purchase, SurveyAnswer
from service.errors import ConfigurationError
from service.feed.simulate import Cafe, Fate, KnownFate, Simulation
from service.history import open_history

CAFE = Cafe(customers=400, days=365, seed=7)


@pytest.fixture(scope="module")
def events() -> list[Purchase | SurveyAnswer | Profile]:
    return list(Simulation(CAFE).events())


@pytest.fixture(scope="module")
def fates() -> dict[str, KnownFate]:
    return {known.customer_id: known for known in Simulation(CAFE).fates()}


def visits(events: list[Purchase | SurveyAnswer | Profile]) -> dict[str, list[int]]:
    found = defaultdict(list)
    for event in events:
        if isinstance(event, Purchase) and not event.refund:
            found[event.customer_id].append(event.at_us)
    return found


def test_the_same_seed_gives_the_same_events_and_another_seed_others(
    events: list[Purchase | SurveyAnswer | Profile],
) -> None:
    assert list(Simulation(CAFE).events()) == events
    assert list(Simulation(Cafe(customers=400, days=365, seed=8)).events()) != events


def test_events_are_in_order_of_time_inside_the_simulated_days_with_unique_ids(
    events: list[Purchase | SurveyAnswer | Profile],
) -> None:
    times = [event.at_us for event in events]

    assert times == sorted(times)
    assert times[-1] - times[0] < 365 * DAY_US
    assert len({event.event_id for event in events}) == len(events)


def test_every_customer_has_a_fate_and_all_fates_occur(
    events: list[Purchase | SurveyAnswer | Profile], fates: dict[str, KnownFate]
) -> None:
    assert set(visits(events)) == set(fates)
    assert {known.fate for known in fates.values()} == set(Fate)


def test_who_leaves_never_comes_again_and_who_pauses_comes_back(
    events: list[Purchase | SurveyAnswer | Profile], fates: dict[str, KnownFate]
) -> None:
    came = visits(events)
    for customer, known in fates.items():
        away = [at for at in came[customer] if known.leaves_us is not None and known.leaves_us <= at]
        if known.returns_us is None:
            assert not away or known.leaves_us is None
        else:
            day = DAY_US  # the return is moved to an open hour of its day
            assert all(at > known.returns_us - day for at in away)
    paused = [known for known in fates.values() if known.returns_us is not None]
    assert any(came[known.customer_id][-1] > (known.returns_us or 0) for known in paused)


def test_a_one_timer_comes_once_and_a_regular_keeps_the_stated_rhythm(
    events: list[Purchase | SurveyAnswer | Profile], fates: dict[str, KnownFate]
) -> None:
    came = visits(events)
    ratios = []
    for customer, known in fates.items():
        gaps = [(b - a) / DAY_US for a, b in zip(came[customer], came[customer][1:], strict=False)]
        if known.fate is Fate.ONE_TIMER:
            assert not gaps
        if known.fate is Fate.REGULAR and len(gaps) >= 10:
            ratios.append(mean(gaps) / known.usual_gap_days)
    assert len(ratios) > 30
    assert mean(ratios) == pytest.approx(1.0, abs=0.1)


def test_a_profile_comes_first_and_scores_lie_on_their_scales(events: list[Purchase | SurveyAnswer | Profile]) -> None:
    known: set[str] = set()
    for event in events:
        if isinstance(event, Profile):
            known.add(event.customer_id)
        assert event.customer_id in known
        if isinstance(event, SurveyAnswer):
            low, high = SCALES[event.survey]
            assert low <= event.score <= high
    assert any(isinstance(event, SurveyAnswer) for event in events)
    assert any(isinstance(event, Purchase) and event.refund for event in events)


def test_the_days_are_local_days_of_the_cafe() -> None:
    tokyo = Cafe(customers=50, days=30, start=date(2025, 3, 1), zone=ZoneInfo("Asia/Tokyo"))

    hours = {
        (event.at_us // 3_600_000_000 + 9) % 24 for event in Simulation(tokyo).events() if isinstance(event, Profile)
    }

    assert hours <= set(range(7, 19))


def test_written_files_are_read_back_as_the_same_events(
    tmp_path: Path, events: list[Purchase | SurveyAnswer | Profile]
) -> None:
    purchases, surveys, fates = Simulation(CAFE).write(tmp_path)

    read = list(open_history([purchases], [surveys], calendar=Calendar(ZoneInfo("UTC")), minor_digits=2).events())

    key = lambda event: (event.at_us, event.event_id)  # noqa: E731 - a purchase and an answer may share an instant
    expected = [event for event in events if not isinstance(event, Profile)]
    assert sorted(read, key=key) == sorted(expected, key=key)
    assert len(fates.read_text(encoding="utf-8").splitlines()) == 401


def test_an_empty_cafe_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="at least one customer"):
        Cafe(customers=0)


def test_times_start_with_the_chosen_day(events: list[Purchase | SurveyAnswer | Profile]) -> None:
    assert events[0].at_us >= to_us(datetime(2024, 12, 31, 23, tzinfo=UTC))
