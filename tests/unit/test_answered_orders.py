"""Answers joined to the orders they are about: whichever comes first, whatever else happens, and for how long."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import permutations
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.domain.answers import Answers
from service.domain.calendar import Calendar, to_us
from service.domain.customer import FIELDS, VERSION, Customer, restore, snapshot
from service.domain.engine import Engine
from service.domain.events import Event, Purchase, Survey, SurveyAnswer
from service.domain.findings import LatestAnswer, Output, Scores
from service.domain.recent_orders import remember_order, remembered_orders
from service.feed.records import key_of, value_of
from service.history import open_history
from service.streaming.decoder import Decoder, DecoderSettings
from tests.support.customers import answers_with
from tests.support.engines import Changelog, apply_all, at, make_engine, weekly, whole_state


def order(order_id: str | None, day: float, minor: int = 1000, *, refund: bool = False, event_id: str = "") -> Purchase:
    return Purchase(event_id or f"{order_id}@{day}{refund}", "ann", at(day), minor, refund, order_id)


def nps(score: int, day: float, order_id: str | None = None) -> SurveyAnswer:
    return SurveyAnswer(f"nps@{day}/{score}/{order_id}", "ann", at(day), Survey.NPS, score, order_id)


def answers_after(*events: Event) -> tuple[LatestAnswer, ...]:
    engine = make_engine()
    apply_all(engine, events)
    scores = engine.scores("ann")
    assert scores is not None
    return scores.answers


def joined(score: int, day: float, order_id: str | None, ordered: float | None, minor: int | None) -> LatestAnswer:
    return LatestAnswer(Survey.NPS, score, at(day), order_id, None if ordered is None else at(ordered), minor)


# ---- the join


def test_an_answer_is_joined_to_its_order_whichever_comes_first() -> None:
    events: list[Event] = [order("o1", 1.0, 1250), order("o2", 2.0, 300), nps(9, 3.0, "o1")]

    found = {answers_after(*arrival) for arrival in permutations(events)}

    assert found == {(joined(9, 3.0, "o1", 1.0, 1250),)}


def test_an_answer_about_an_order_nobody_knows_keeps_its_id_and_one_about_none_keeps_none() -> None:
    assert answers_after(order("o1", 1.0), nps(9, 3.0, "o9")) == (joined(9, 3.0, "o9", None, None),)
    assert answers_after(order("o1", 1.0), nps(9, 3.0)) == (joined(9, 3.0, None, None, None),)


def test_a_join_outlasts_the_memory_of_orders() -> None:
    later = [order(f"later{n}", 10.0 + n) for n in range(9)]

    assert answers_after(order("o1", 1.0), nps(9, 3.0, "o1"), *later) == (joined(9, 3.0, "o1", 1.0, 1000),)
    assert answers_after(nps(9, 3.0, "o1"), *later, order("o1", 1.0)) == (joined(9, 3.0, "o1", 1.0, 1000),)


def test_a_further_answer_about_a_joined_order_is_joined_too_when_memory_has_lost_it() -> None:
    later = [order(f"later{n}", 10.0 + n) for n in range(9)]

    again = SurveyAnswer("csat", "ann", at(30), Survey.CSAT, 4, "o1")

    found = answers_after(order("o1", 1.0), nps(9, 3.0, "o1"), *later, again)
    assert found[1] == LatestAnswer(Survey.CSAT, 4, at(30), "o1", at(1), 1000)


def test_an_order_older_than_the_three_newest_is_not_found_by_a_late_answer() -> None:
    orders = [order(f"o{n}", float(n)) for n in range(4)]

    assert answers_after(*orders, nps(9, 9.0, "o0")) == (joined(9, 9.0, "o0", None, None),)
    assert answers_after(*orders, nps(9, 9.0, "o1")) == (joined(9, 9.0, "o1", 1.0, 1000),)


def test_a_refund_leaves_the_order_what_it_was() -> None:
    refund = order("o1", 4.0, 400, refund=True)
    events: list[Event] = [order("o1", 1.0, 1250), refund, nps(2, 3.0, "o1")]

    assert {answers_after(*arrival) for arrival in permutations(events)} == {(joined(2, 3.0, "o1", 1.0, 1250),)}
    assert answers_after(refund, nps(2, 3.0, "o1")) == (joined(2, 3.0, "o1", None, None),)


def test_of_several_purchases_with_one_order_id_the_earliest_counts() -> None:
    events: list[Event] = [
        order("o1", 2.0, 700, event_id="b"),
        order("o1", 1.0, 1250, event_id="a"),
        order("o1", 1.0, 1300, event_id="c"),
        nps(9, 3.0, "o1"),
    ]

    assert {answers_after(*arrival) for arrival in permutations(events)} == {(joined(9, 3.0, "o1", 1.0, 1250),)}


def test_an_order_of_another_customer_is_not_joined() -> None:
    theirs = Purchase("x", "bob", at(1), 500, order_id="o1")

    assert answers_after(theirs, nps(9, 3.0, "o1")) == (joined(9, 3.0, "o1", None, None),)


def test_a_newer_answer_is_about_its_own_order_and_ties_do_not_depend_on_their_order() -> None:
    events: list[Event] = [
        order("o1", 1.0),
        nps(9, 3.0, "o1"),
        nps(4, 5.0),
        nps(4, 5.0, "o1"),
        nps(4, 5.0, "o0"),
        nps(3, 5.0, "o2"),
    ]

    assert {answers_after(*arrival) for arrival in permutations(events)} == {(joined(4, 5.0, "o1", 1.0, 1000),)}


# ---- what is published


def newest_scores(outputs: list[Output]) -> list[Scores]:
    return [output for output in outputs if isinstance(output, Scores)]


def test_a_new_answer_and_a_new_join_are_published_at_once() -> None:
    engine = make_engine()
    apply_all(engine, [msgspec.structs.replace(event, customer_id="ann") for event in weekly("a", 6)])

    (answered,) = newest_scores(apply_all(engine, [nps(10, 35.6, "o1")]))
    assert answered.answers == (joined(10, 35.6, "o1", None, None),)
    assert newest_scores(apply_all(engine, [nps(1, 20.0, "o0")])) == []
    (with_order,) = newest_scores(apply_all(engine, [order("o1", 35.55, 4200)]))
    assert with_order.answers == (joined(10, 35.6, "o1", 35.55, 4200),)
    assert newest_scores(apply_all(engine, [order("o2", 35.7, 4200)])) == []


def test_what_is_published_is_what_was_judged_whatever_happens_later_in_the_turn() -> None:
    engine = make_engine()
    engine.apply(nps(10, 1.0))
    (published,) = engine.scoreboard.take()
    engine.apply(nps(3, 2.0, "o1"))
    held = dict(engine.scoreboard._judged)
    customer = engine.customers["ann"]
    assert customer.answers is not None
    customer.answers.join("o1", at(1), 5)

    assert isinstance(published, Scores)
    assert published.answers == (joined(10, 1.0, None, None, None),)
    ((_, judged, _),) = held.values()
    assert judged.answers is not None
    assert judged.answers.latest() == (joined(3, 2.0, "o1", None, None),)


# ---- the way in


def test_files_of_purchases_and_answers_join_also_after_a_replay(tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_text("customer_id,timestamp,amount,order_id\nann,2024-03-01,5,7\nann,2024-03-01,8,7\n")
    (tmp_path / "answers.csv").write_text(
        "customer_id,timestamp,survey,score,order_id\nann,2024-03-02,nps,9,7\nann,2024-03-03,csat,4,\n"
    )
    history = open_history(
        [tmp_path / "log.csv"], [tmp_path / "answers.csv"], calendar=Calendar(ZoneInfo("UTC")), minor_digits=2
    )
    events = list(history.events())
    decoder = Decoder(DecoderSettings())
    replayed = [
        (decoder.survey if isinstance(event, SurveyAnswer) else decoder.purchase)(
            value_of(event, 2), key_of(event), (), 2 * event.at_us
        )
        for event in events
    ]

    nps_answer, csat_answer = answers_after(*events)

    assert (nps_answer.order_id, nps_answer.order_minor) == ("7", 1300)
    assert nps_answer.ordered_us == to_us(datetime(2024, 3, 1, tzinfo=UTC))
    assert csat_answer.order_id is None
    assert answers_after(*replayed) == (nps_answer, csat_answer)


# ---- memory and its snapshot


def test_memory_holds_the_three_newest_orders_in_19_bytes_each() -> None:
    kept = None
    for n in range(9):
        kept = remember_order(kept, f"o{n}", at(n), n)
        assert kept is not None
        assert len(kept) == 19 * min(n + 1, 3)

    assert [(at_us, minor) for at_us, minor, _ in remembered_orders(kept)] == [(at(n), n) for n in (6, 7, 8)]


@pytest.mark.parametrize(("at_us", "minor"), [(-1, 5), (1 << 56, 5), (5, -1), (5, 1 << 48)])
def test_what_no_order_can_be_is_not_remembered(at_us: int, minor: int) -> None:
    known = remember_order(None, "o1", 5, 5)

    assert remember_order(known, "o2", at_us, minor) == known
    assert remember_order(None, "o2", at_us, minor) is None


orders = st.lists(
    st.tuples(st.sampled_from("abc"), st.integers(0, 4), st.integers(0, 3)), min_size=1, max_size=8
)  # no more ids than are kept: there the bound allows every order of arrival


@settings(max_examples=100, deadline=None)
@given(orders=orders, data=st.data())
def test_within_the_bound_state_does_not_depend_on_the_order_of_arrival(
    orders: list[tuple[str, int, int]], data: st.DataObject
) -> None:
    purchases = [order(order_id, float(day), minor, event_id=str(n)) for n, (order_id, day, minor) in enumerate(orders)]
    answers = data.draw(
        st.lists(
            st.builds(nps, st.integers(0, 2), st.integers(0, 3).map(float), st.sampled_from(["a", "b", "z", None]))
        )
    )
    unique: list[Event] = [*purchases, *{answer.event_id: answer for answer in answers}.values()]

    def joins(arrival: list[Event]) -> tuple[object, ...]:
        engine = make_engine()
        apply_all(engine, arrival)
        customer = engine.customers["ann"]
        return customer.order_memory, customer.answers and customer.answers.fields()

    assert joins(unique) == joins(data.draw(st.permutations(unique)))


def test_a_restart_keeps_orders_and_joins() -> None:
    engine, changelog = make_engine(), Changelog()
    events: list[Event] = [order("o1", 1.0), nps(9, 2.0, "o1"), nps(8, 2.5, "o7"), order("o2", 3.0)]
    for event in events:
        engine.apply(event)
    changelog.take(engine.drain())

    revived = changelog.revive(engine)

    assert whole_state(revived) == whole_state(engine)
    assert answers_of(revived).latest() == answers_of(engine).latest()
    for known in (engine, revived):
        apply_all(known, [order("o7", 2.4), nps(7, 4.0, "o2")])
    assert whole_state(revived) == whole_state(engine)


def answers_of(engine: Engine) -> Answers:
    answers = engine.customers["ann"].answers
    assert answers is not None
    return answers


def test_a_snapshot_from_before_orders_were_kept_is_restored() -> None:
    customer = Customer("ann")
    customer.visits, customer.orders = 3, 4
    customer.answers = answers_with(nps=9, nps_us=at(2))
    fields = list(customer.fields()[: FIELDS.index("order_memory")])
    fields[FIELDS.index("answers")] = customer.answers.fields()[:6]

    restored = restore("ann", msgspec.msgpack.encode((VERSION, *fields)))

    assert (restored.visits, restored.orders, restored.order_memory) == (3, 4, None)
    assert restored.answers is not None
    assert restored.answers.latest() == (joined(9, 2.0, None, None, None),)
    assert snapshot(restored) == snapshot(customer)


def test_who_names_no_orders_pays_one_byte_and_who_does_at_most_sixty() -> None:
    without, named = make_engine(), make_engine()
    apply_all(without, [order(None, float(n)) for n in range(9)])
    apply_all(named, [order(f"o{n}", float(n)) for n in range(9)])

    assert without.customers["ann"].order_memory is None
    extra = len(snapshot(named.customers["ann"])) - len(snapshot(without.customers["ann"]))
    assert extra <= 59
