"""Stream time: what moves it, what does not, and when the feed counts as silent."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.domain.calendar import DAY_US, HOUR_US
from service.domain.clock import StreamClock
from service.domain.policy import Timing
from tests.support.engines import at


def started(timing: Timing | None = None, hours: int = 40) -> StreamClock:
    """A clock with a known pulse: one event an hour, the last one at day 0."""
    clock = StreamClock(timing or Timing(max_jump_days=7, jump_confirmations=2, feed_silence_hours=48))
    for hour in range(hours, -1, -1):
        clock.observe(at(0) - hour * HOUR_US, f"c{hour}")
    return clock


def test_an_event_moves_time_to_its_own() -> None:
    clock = started()

    assert clock.observe(at(3), "a") == at(3)


def test_an_earlier_event_leaves_time_where_it_is() -> None:
    clock = started()

    assert clock.observe(at(-30), "a") == at(0)


@given(days=st.lists(st.tuples(st.floats(-5000, 5000), st.sampled_from("abcd")), max_size=60))
def test_time_never_runs_backwards(days: list[tuple[float, str]]) -> None:
    clock, before = StreamClock(Timing()), 0

    for day, who in days:
        reached = clock.observe(at(day), who)
        assert reached >= before
        assert reached == clock.now_us
        before = reached


def test_one_wrong_date_carries_nobody_into_the_future() -> None:
    clock = started()

    assert clock.observe(at(4000), "wrong") == at(0)
    assert clock.observe(at(0.1), "a") == at(0.1)
    assert clock.observe(at(0.2), "b") == at(0.2)


def test_one_customer_cannot_confirm_their_own_jump() -> None:
    clock = started()

    for n in range(10):
        assert clock.observe(at(400 + n), "same") == at(0)


def test_a_jump_counts_once_two_further_customers_lie_beyond_it() -> None:
    clock = started()

    assert clock.observe(at(30), "a") == at(0)
    assert clock.observe(at(30.1), "b") == at(0)
    assert clock.observe(at(30.2), "c") == at(30.2)


def test_a_confirmed_jump_goes_no_further_than_the_confirmation() -> None:
    clock = started()

    clock.observe(at(4000), "wrong")
    clock.observe(at(30), "a")

    assert clock.observe(at(30.1), "b") == at(30.1)
    assert clock.observe(at(30.2), "c") == at(30.2)


def test_wrong_dates_months_apart_do_not_add_up_to_a_confirmation() -> None:
    clock = started()

    for n in range(12):
        for day in range(30):
            clock.observe(at(30 * n + day + 1), "regular")
        clock.observe(at(9000 + n), f"wrong{n}")

    assert clock.now_us == at(360)


def test_a_doubted_time_counts_when_ordinary_time_has_come_near() -> None:
    clock = started()

    clock.observe(at(8), "early")

    assert clock.observe(at(2), "a") == at(8)


def test_doubted_times_are_few() -> None:
    clock = started(Timing(jump_confirmations=100))

    for n in range(50):
        clock.observe(at(100 + n), f"c{n}")

    assert len(clock.state.pending) <= 16


def test_the_wall_clock_moves_time_only_as_far_as_a_living_feed_allows() -> None:
    clock = started()

    assert clock.advance(at(1)) == at(1)
    assert clock.advance(at(1.9)) == at(1.9)
    assert clock.advance(at(2.5)) == at(2)
    assert clock.advance(at(100)) == at(2)


def test_the_wall_clock_never_moves_time_back() -> None:
    clock = started()

    assert clock.advance(at(-5)) == at(0)


def test_without_a_pulse_the_wall_clock_is_believed() -> None:
    clock = started(hours=5)

    assert clock.advance(at(100)) == at(100)
    assert not clock.stalled(at(200))


def test_before_the_first_event_nothing_is_silent() -> None:
    clock = StreamClock(Timing())

    assert not clock.stalled(at(100))
    assert clock.advance(at(100)) == at(100)


def test_a_feed_is_stalled_after_the_configured_hours() -> None:
    clock = started()

    assert not clock.stalled(at(1.99))
    assert clock.stalled(at(2.01))


def test_a_tiny_shop_may_rest_for_as_long_as_thirty_of_its_usual_intervals() -> None:
    clock = StreamClock(Timing())
    for n in range(40):
        clock.observe(at(n * 0.5), "a")

    assert clock.silence_limit_us() == pytest.approx(15 * DAY_US, rel=1e-6)
    assert not clock.stalled(at(39 * 0.5 + 14))
    assert clock.stalled(at(39 * 0.5 + 16))


def test_events_slightly_late_keep_the_feed_alive() -> None:
    clock = started()
    clock.advance(at(1.5))

    clock.observe(at(1.4), "late")

    assert clock.now_us == at(1.5)
    assert clock.advance(at(100)) == at(3.4)


def test_a_silence_is_added_to_the_stalled_time_when_the_feed_is_back() -> None:
    clock = started()

    clock.observe(at(3), "a")

    assert clock.state.stalled_us == 3 * DAY_US
    assert clock.state.interval_us == pytest.approx(HOUR_US, rel=0.01)


def test_the_silence_before_an_unconfirmed_jump_is_known_beforehand() -> None:
    clock = started()

    clock.observe(at(30), "a")
    foretold = clock.pending_silence_us()
    clock.observe(at(30.1), "b")
    clock.observe(at(30.2), "c")

    assert foretold == clock.state.stalled_us == 30 * DAY_US
    assert clock.pending_silence_us() == 0
