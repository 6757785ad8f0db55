"""The same purchase again, corrected amounts, and refunds of an order: what counts, on which day, and that it shows at
once."""

from __future__ import annotations

from itertools import permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.domain.engine import Engine
from service.domain.events import Event, Purchase
from service.domain.findings import Output, Scores
from service.domain.periods.ledger import unpack
from service.domain.purchase_history import booked_by
from tests.support.engines import EVENT_TIME, START_US, Changelog, apply_all, at, make_engine, whole_state
from tests.support.examples import examples

_TODAY = START_US // 86_400_000_000


def bought(day: float, minor: int, order_id: str | None = None, event_id: str = "") -> Purchase:
    return Purchase(event_id or f"b{day}/{minor}/{order_id}", "ann", at(day), minor, order_id=order_id)


def given_back(day: float, minor: int, order_id: str | None = None, event_id: str = "") -> Purchase:
    return Purchase(event_id or f"r{day}/{minor}/{order_id}", "ann", at(day), minor, True, order_id)


def after(*events: Event) -> Engine:
    engine = make_engine()
    apply_all(engine, events)
    return engine


def by_day(engine: Engine) -> dict[int, tuple[int, int]]:
    """Day after the start → (orders, net revenue)."""
    parts = {day - _TODAY: unpack(engine.ledger.record(day)) for day in engine.ledger.days()}
    return {day: (part.orders, part.revenue_minor) for day, part in parts.items() if part.orders or part.revenue_minor}


def money(engine: Engine) -> tuple[int, int, int]:
    """(visits, orders, revenue) of ann."""
    ann = engine.customers["ann"]
    return ann.visits, ann.orders, ann.revenue_minor


def revenues(outputs: list[Output]) -> list[int]:
    return [output.revenue_minor for output in outputs if isinstance(output, Scores)]


# ---- the same purchase


def test_an_order_under_another_event_id_is_the_same_purchase() -> None:
    engine = after(bought(1.0, 500, "o1", "replayed"), bought(1.0, 500, "o1", "live"))

    assert money(engine) == (1, 1, 500)
    assert engine.counts.duplicates == 1


@pytest.mark.parametrize(
    ("later", "counts"),
    [
        (bought(1.0, 700, "o1", "e2"), 700),  # at the same instant the later in the log
        (bought(3.0, 700, "o1", "e2"), 700),
        (bought(0.5, 700, "o1", "e2"), 500),  # an older word
        (bought(1.0, 700, "o1", "e1"), 700),
        (bought(3.0, 0, None, "e1"), 0),
    ],
)
def test_the_later_word_says_the_amount(later: Purchase, counts: int) -> None:
    engine = after(bought(1.0, 500, "o1", "e1"), bought(2.0, 100), later)

    assert money(engine) == (2, 2, 100 + counts)
    assert by_day(engine) == {1: (1, counts), 2: (1, 100)}
    assert engine.counts.corrections == (counts != 500)


def test_an_amount_is_corrected_there_and_back_by_events_of_their_own() -> None:
    words = [bought(1.0, 500, "o1", "e1"), bought(1.0, 700, "o1", "e2"), bought(1.0, 500, "o1", "e3")]

    assert money(after(*words)) == (1, 1, 500)
    assert money(after(*words, words[0], words[1])) == (1, 1, 500)


def test_a_correction_counts_in_the_visit_that_still_lasts() -> None:
    engine = after(bought(1.0, 500, "o1"), bought(1.1, 800, "o1", "e2"))

    assert engine.customers["ann"].visit_minor == 800


def test_an_order_of_another_customer_and_a_refund_of_the_same_number_are_others() -> None:
    engine = after(
        bought(1.0, 500, "o1"),
        Purchase("x", "bob", at(1.0), 300, order_id="o1"),
        given_back(2.0, 100, "o1"),
        bought(3.0, 50, "o2"),
    )

    assert money(engine) == (2, 2, 450)
    assert engine.customers["bob"].revenue_minor == 300
    assert (engine.counts.duplicates, engine.counts.corrections) == (0, 0)


def test_an_event_id_used_for_a_purchase_and_for_a_refund_counts_once() -> None:
    engine = after(bought(1.0, 500, None, "e"), given_back(2.0, 500, None, "e"))

    assert money(engine) == (1, 1, 500)


def test_an_event_that_names_another_order_than_before_stays_the_purchase_it_was() -> None:
    engine = after(bought(1.0, 500, "o1", "e1"), bought(2.0, 300, "o2", "e2"), bought(3.0, 400, "o2", "e1"))

    assert money(engine) == (2, 2, 700)
    assert money(after(bought(1.0, 500, None, "e1"), bought(2.0, 500, "o1", "e1"), bought(3.0, 600, "o1", "e3"))) == (
        1,
        1,
        600,
    )


def test_an_order_of_long_ago_is_corrected_on_its_own_day() -> None:
    many = [bought(2.0 + n, 100, f"p{n}") for n in range(200)]
    engine = after(bought(1.0, 500, "o1"), *many)

    apply_all(engine, [bought(202.5, 900, "o1", "again")])

    assert money(engine) == (201, 201, 20_900)
    assert by_day(engine)[1] == (1, 900)
    assert 202 not in by_day(engine)


def test_an_order_older_than_the_kept_history_is_corrected_in_the_lifetime_alone() -> None:
    engine = after(bought(1.0, 500, "o1"), bought(800.0, 100))

    apply_all(engine, [bought(801.0, 900, "o1", "again")])

    assert money(engine) == (2, 2, 1000)
    assert by_day(engine)[1] == (1, 500)


# ---- refunds


def test_refunds_of_an_order_take_back_no_more_than_it_amounts_to_whatever_comes_first() -> None:
    events: list[Event] = [bought(1.0, 500, "o1"), given_back(2.0, 300, "o1", "r1"), given_back(3.0, 300, "o1", "r2")]

    for arrival in permutations(events):
        engine = after(*arrival)
        assert money(engine) == (1, 1, 0)
        assert by_day(engine) == {1: (1, 500), 2: (0, -300), 3: (0, -200)}
        assert engine.counts.refunds_beyond_order == 1


def test_the_same_refund_twice_counts_once_and_is_corrected_like_a_purchase() -> None:
    twice = after(bought(1.0, 500, "o1"), given_back(2.0, 200, "o1", "r1"), given_back(2.0, 200, "o1", "r1"))
    corrected = after(bought(1.0, 500), given_back(2.0, 200, None, "r1"), given_back(2.5, 150, None, "r1"))

    assert money(twice) == (1, 1, 300)
    assert money(corrected) == (1, 1, 350)
    assert by_day(corrected) == {1: (1, 500), 2: (0, -150)}


def test_a_refund_of_an_order_nobody_knows_is_taken_whole() -> None:
    assert money(after(given_back(2.0, 200, "o9"), bought(1.0, 500, "o1"))) == (1, 1, 300)


def test_a_refund_shrinks_and_grows_with_its_order() -> None:
    engine = after(bought(1.0, 500, "o1"), given_back(2.0, 400, "o1"))
    assert money(engine) == (1, 1, 100)

    apply_all(engine, [bought(3.0, 300, "o1", "less")])
    assert money(engine) == (1, 1, 0)
    assert by_day(engine) == {1: (1, 300), 2: (0, -300)}

    apply_all(engine, [bought(4.0, 1000, "o1", "more")])
    assert money(engine) == (1, 1, 600)
    assert by_day(engine) == {1: (1, 1000), 2: (0, -400)}


def test_a_cancelled_order_is_worth_nothing_and_stays_a_visit() -> None:
    assert money(after(bought(1.0, 500, "o1"), bought(1.5, 0, "o1", "cancelled"))) == (1, 1, 0)
    assert money(after(bought(1.0, 500, "o1"), given_back(1.5, 500, "o1"))) == (1, 1, 0)


def test_a_refund_and_a_correction_show_at_once() -> None:
    engine = after(*(bought(7.0 * n, 1000, f"o{n}") for n in range(6)))

    assert revenues(apply_all(engine, [given_back(35.5, 300, "o5")])) == [5700]
    assert revenues(apply_all(engine, [bought(35.6, 2000, "o4", "again")])) == [6700]
    assert revenues(apply_all(engine, [given_back(35.7, 300)])) == [6400]
    assert revenues(apply_all(engine, [given_back(35.7, 300)])) == []


def test_neither_a_refund_nor_a_correction_ends_the_silence() -> None:
    engine = after(*(bought(7.0 * n, 1000, f"o{n}") for n in range(6)))
    last = engine.customers["ann"].last_us

    apply_all(engine, [given_back(37.0, 300, "o5"), bought(38.0, 2000, "o5", "again")])

    assert (engine.customers["ann"].visits, engine.customers["ann"].last_us) == (6, last)


# ---- laws

WORDS = st.lists(
    st.builds(
        lambda event, order, day, minor, refund: Purchase(
            f"e{event}", "ann", at(day / 4), minor, refund, f"o{order}" if order else None
        ),
        st.integers(0, 9),
        st.integers(0, 4),
        st.integers(0, 60),
        st.integers(0, 400),
        st.booleans(),
    ),
    max_size=40,
)


@settings(max_examples=examples(150), deadline=None)
@given(words=WORDS, data=st.data())
def test_sending_everything_again_in_whole_or_in_part_and_in_any_order_changes_nothing(
    words: list[Purchase], data: st.DataObject
) -> None:
    engine = after(*words)
    before, corrections = whole_state(engine), engine.counts.corrections
    again = data.draw(st.lists(st.sampled_from(words), max_size=60)) if words else []

    outputs = apply_all(engine, [*again, *words])

    assert outputs == []
    assert whole_state(engine) == before
    assert engine.counts.corrections == corrections


@settings(max_examples=examples(150), deadline=None)
@given(words=WORDS, cut=st.integers(0, 40))
def test_all_numbers_follow_from_the_entries_that_are_kept(words: list[Purchase], cut: int) -> None:
    engine, changelog = make_engine(timing=EVENT_TIME), Changelog()
    for word in words[:cut]:
        engine.apply(word)
    changelog.take(engine.drain())
    engine = changelog.revive(engine)
    for word in words[cut:]:
        engine.apply(word)
    if not words:
        return
    ann = engine.customers["ann"]

    booked = booked_by(ann)

    assert ann.revenue_minor == sum(-one.amount if one.refund else one.amount for one in booked)
    assert ann.orders == sum(not one.refund for one in booked)
    days: dict[int, list[int]] = {}
    for one in booked:
        day = days.setdefault(engine.calendar.day_of(one.at_us) - _TODAY, [0, 0])
        day[0] += not one.refund
        day[1] += -one.amount if one.refund else one.amount
    assert by_day(engine) == {day: (orders, minor) for day, (orders, minor) in days.items() if orders or minor}
    assert ann.visit_days() == sorted({engine.calendar.day_of(one.at_us) for one in booked if not one.refund})
    firsts = [one.at_us for one in booked if not one.refund and engine.calendar.day_of(one.at_us) == ann.last_day]
    assert ann.visits == 0 or min(firsts) == ann.last_us
