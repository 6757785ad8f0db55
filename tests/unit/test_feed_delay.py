"""How late purchases arrive is learned from them: nightly, over a weekend, live; histories and stragglers teach
nothing."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from service.domain.calendar import DAY_US, HOUR_US, MINUTE_US, SECOND_US
from service.domain.feed_delay import DelayState, FeedDelay

START_US = 20_000 * DAY_US
CEILING_US = 4 * DAY_US
ABOUT = 1.35
"""A learned delay is so much longer than the longest seen at most: a tenth of margin, and a fifth between edges."""


def feed(state: DelayState | None = None) -> FeedDelay:
    return FeedDelay(CEILING_US, state or DelayState())


def night(delay: FeedDelay, day: int, *, since_days: int = 1, a_day: int = 12) -> None:
    """At two o'clock of that day what was sold from eight to twenty on the days before arrives, in order of time."""
    arrived = START_US + day * DAY_US + 2 * HOUR_US
    for before in range(since_days, 0, -1):
        for sale in range(a_day):
            delay.learn(arrived, START_US + (day - before) * DAY_US + 8 * HOUR_US + sale * 12 * HOUR_US // a_day)


def live(delay: FeedDelay, day: int, *, a_day: int = 50) -> None:
    for sale in range(a_day):
        at = START_US + day * DAY_US + 8 * HOUR_US + sale * 12 * HOUR_US // a_day
        delay.learn(at + SECOND_US // 2, at)


def evening(day: int) -> int:
    return START_US + day * DAY_US + 21 * HOUR_US


def test_a_feed_that_nothing_is_known_of_is_not_waited_for() -> None:
    assert feed().delay_us(evening(0)) == 0


def test_after_the_first_night_a_shop_that_delivers_at_night_has_its_noon_waited_for() -> None:
    delay = feed()
    night(delay, 1)

    assert 18 * HOUR_US <= delay.delay_us(evening(1)) <= 18 * ABOUT * HOUR_US


def test_it_is_waited_for_from_the_second_night_on_where_one_purchase_comes_a_day() -> None:
    delay = feed()
    night(delay, 1, a_day=1)
    first = delay.delay_us(evening(1))
    night(delay, 2, a_day=1)

    assert first == 0
    assert 18 * HOUR_US <= delay.delay_us(evening(2)) <= 18 * ABOUT * HOUR_US


def test_a_delivery_over_a_weekend_is_remembered_until_the_next() -> None:
    delay = feed()
    for week in range(2):
        for day in range(1, 5):
            night(delay, 7 * week + day)
        night(delay, 7 * week + 7, since_days=3)
    sunday = evening(13 + 7)
    for day in range(15, 19):
        night(delay, day)

    assert 66 * HOUR_US <= delay.delay_us(sunday) <= CEILING_US


def test_a_shop_that_has_gone_live_is_prompt_after_a_week_and_a_day() -> None:
    delay = feed()
    for day in range(1, 30):
        night(delay, day)
    for day in range(30, 37):
        live(delay, day)
    within_a_week = delay.delay_us(evening(36))
    live(delay, 37)

    assert within_a_week > 18 * HOUR_US
    assert delay.delay_us(evening(37)) == 0


def test_a_live_shop_that_begins_to_deliver_at_night_is_waited_for_at_once() -> None:
    delay = feed()
    for day in range(10):
        live(delay, day)
    night(delay, 11)

    assert delay.delay_us(evening(11)) >= 18 * HOUR_US


def test_a_single_straggler_teaches_nothing() -> None:
    delay = feed()
    for day in range(10):
        live(delay, day)
    delay.learn(evening(9), evening(7))

    assert delay.delay_us(evening(9)) == 0


def test_a_history_that_is_loaded_teaches_nothing_its_youngest_part_neither() -> None:
    delay = feed()
    arrived = START_US + 400 * DAY_US
    for number in range(4_000):
        delay.learn(arrived + number * SECOND_US // 20, START_US + number * DAY_US // 10)

    assert delay.delay_us(arrived + HOUR_US) == 0


def test_purchases_that_come_right_behind_a_history_teach() -> None:
    delay = feed()
    arrived = START_US + 400 * DAY_US
    for number in range(4_000):
        delay.learn(arrived + number, START_US + number * DAY_US // 10)
    behind = arrived + MINUTE_US
    for number in range(100):
        delay.learn(behind + number * SECOND_US, behind + number * SECOND_US - 10 * SECOND_US)

    assert 10 * SECOND_US <= delay.delay_us(behind + 100 * SECOND_US) <= 10 * ABOUT * SECOND_US


def test_the_first_night_after_a_history_teaches() -> None:
    delay = feed()
    for number in range(4_000):
        delay.learn(START_US + 10 * HOUR_US, START_US - number * DAY_US // 10)
    night(delay, 1)

    assert delay.delay_us(evening(1)) >= 18 * HOUR_US


def test_an_old_purchase_among_those_of_a_night_does_not_make_it_a_history() -> None:
    delay = feed()
    delay.learn(START_US + DAY_US + 2 * HOUR_US, START_US - 300 * DAY_US)
    night(delay, 1, a_day=30)

    assert 18 * HOUR_US <= delay.delay_us(evening(1)) <= 18 * ABOUT * HOUR_US


def test_a_producer_whose_timestamps_are_missing_teaches_nothing() -> None:
    delay = feed()
    for number in range(100):
        delay.learn(-1_000, START_US + number)
        delay.learn(0, START_US + number)

    assert delay.delay_us(evening(0)) == 0


def test_a_ceiling_of_nothing_waits_for_nothing() -> None:
    delay = FeedDelay(0, DelayState())
    night(delay, 1)

    assert delay.delay_us(evening(1)) == 0


@given(
    st.lists(
        st.tuples(st.integers(0, 20 * DAY_US), st.integers(-HOUR_US, 10 * DAY_US)),
        max_size=80,
    ),
    st.integers(0, 79),
)
def test_a_restart_changes_nothing_and_no_wait_is_longer_than_the_ceiling(
    arrivals: list[tuple[int, int]], restart: int
) -> None:
    straight, restarted = feed(), feed()
    for number, (arrived, late) in enumerate(sorted(arrivals)):
        if number == restart:
            restarted = feed(DelayState.of(restarted._state.fields()))
        for each in (straight, restarted):
            each.learn(START_US + arrived, START_US + arrived - late)
    now = START_US + 20 * DAY_US

    assert straight.delay_us(now) == restarted.delay_us(now) <= CEILING_US
