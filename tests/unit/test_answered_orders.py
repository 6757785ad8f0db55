"""Answers joined to the orders they are about: whichever comes first, whatever else happens, and for how long."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import permutations
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec

from service.domain.answers import Answers
from service.domain.calendar import Calendar, to_us
from service.domain.customer import Customer
from service.domain.customer_fields import FIELDS
from service.domain.customer_record import VERSION, fields_of, restore, snapshot
from service.domain.engine import Engine
from service.domain.events import Event, Purchase, Survey, SurveyAnswer
from service.domain.findings import LatestAnswer, Output, Scores
from service.domain.hashed_ids import order_hash
from service.domain.purchase_history import order_of
from service.feed.records import key_of, value_of
from service.history import open_history
from service.wire.decoder import Decoder, DecoderSettings
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


def test_an_order_of_the_kept_history_is_found_however_many_came_after_it() -> None:
    orders = [order(f"o{n}", float(n)) for n in range(200)]

    assert answers_after(*orders, nps(9, 209.0, "o0")) == (joined(9, 209.0, "o0", 0.0, 1000),)


def test_a_refund_leaves_the_order_what_it_was() -> None:
    refund = order("o1", 4.0, 400, refund=True)
    events: list[Event] = [order("o1", 1.0, 1250), refund, nps(2, 3.0, "o1")]

    assert {answers_after(*arrival) for arrival in permutations(events)} == {(joined(2, 3.0, "o1", 1.0, 1250),)}
    assert answers_after(refund, nps(2, 3.0, "o1")) == (joined(2, 3.0, "o1", None, None),)


def test_an_order_sent_again_is_joined_with_the_amount_that_counts_and_the_time_it_was_booked_with() -> None:
    first, answer = order("o1", 1.0, 1250, event_id="a"), nps(9, 3.0, "o1")
    corrected = order("o1", 2.0, 700, event_id="b")

    assert answers_after(first, answer, corrected) == (joined(9, 3.0, "o1", 1.0, 700),)
    assert answers_after(first, corrected, answer) == (joined(9, 3.0, "o1", 1.0, 700),)
    assert answers_after(answer, first, corrected) == (joined(9, 3.0, "o1", 1.0, 700),)


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


def test_answers_and_joins_are_published_at_once() -> None:
    engine = make_engine()
    apply_all(engine, [msgspec.structs.replace(event, customer_id="ann") for event in weekly("a", 6)])

    (answered,) = newest_scores(apply_all(engine, [nps(10, 35.6, "o1")]))
    assert answered.answers == (joined(10, 35.6, "o1", None, None),)
    (with_order,) = newest_scores(apply_all(engine, [order("o1", 35.55, 4200)]))
    assert with_order.answers == (joined(10, 35.6, "o1", 35.55, 4200),)


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
    fields = list(fields_of(customer)[: FIELDS.index("order_memory")])
    fields[FIELDS.index("answers")] = customer.answers.fields()[:6]

    restored = restore("ann", msgspec.msgpack.encode((VERSION, *fields)))

    assert (restored.visits, restored.orders, restored.bought) == (3, 4, b"")
    assert restored.answers is not None
    assert restored.answers.latest() == (joined(9, 2.0, None, None, None),)
    assert snapshot(restored) == snapshot(customer)


def test_the_three_orders_that_an_earlier_release_has_kept_are_known_with_time_and_amount() -> None:
    customer = Customer("ann")
    fields = list(fields_of(customer)[: FIELDS.index("bought")])
    packed = [(at(1.0), 1250, "o1"), (at(2.0), 300, "o2")]
    fields[FIELDS.index("order_memory")] = b"".join(
        at_us.to_bytes(7, "big") + minor.to_bytes(6, "big") + order_hash(order_id) + b"x"
        for at_us, minor, order_id in packed
    )

    restored = restore("ann", msgspec.msgpack.encode((VERSION, *fields)))

    assert order_of(restored, "o1") == (at(1.0), 1250)
    assert order_of(restored, "o2") == (at(2.0), 300)
    assert order_of(restored, "o3") is None
    assert restore("ann", snapshot(restored)).bought == restored.bought
