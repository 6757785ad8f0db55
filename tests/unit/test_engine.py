"""What one event does: visits and refunds, ties, lateness, erasure, profiles, answers, days and time zones, silences of
the feed."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from itertools import groupby
from typing import Any

import msgspec
import pytest

from service.domain.calendar import DAY_US, HOUR_US, SECOND_US, to_day, to_us
from service.domain.changelog import BRAKE_KEY, PART_PREFIX, PARTITION_KEY, RHYTHM_PREFIX
from service.domain.customer import Customer
from service.domain.events import Erasure, Event, Item, Profile, Purchase, Survey, SurveyAnswer
from service.domain.findings import HealthBand, Outcome, Output, Reason, Scores, ScoresErased, Segment
from service.domain.policy import ConsentRule, OutreachPolicy, Rung, Shop
from service.wire.encoder import Encoder, EncoderSettings
from tests.support.engines import (
    EVENT_TIME,
    OPEN_HOUSE,
    UNDISTURBED,
    Changelog,
    apply_all,
    at,
    bare,
    decisions,
    detections,
    due_of,
    make_engine,
    purchase,
    shop_log,
    weekly,
    whole_state,
)


def bought(name: str, moment: str) -> Purchase:
    return Purchase(moment, name, to_us(datetime.fromisoformat(moment)), 100)


# ---- visits and refunds


def test_a_refund_lowers_revenue_and_is_never_a_visit() -> None:
    engine = make_engine()
    apply_all(engine, weekly("a", 4))
    due = due_of(engine, "a")

    apply_all(engine, [purchase("a", 28.5, 300, refund=True)])

    customer = engine.customers["a"]
    assert (customer.visits, customer.orders, customer.revenue_minor) == (4, 4, 3700)
    assert due_of(engine, "a") == due
    assert engine.ledger.last_day == at(28.5) // DAY_US


def test_a_purchase_without_an_id_is_never_a_duplicate_and_none_is_remembered() -> None:
    engine = make_engine()
    nameless = msgspec.structs.replace(purchase("a", 1.0, 300), event_id="")

    apply_all(engine, [nameless, nameless])

    customer = engine.customers["a"]
    assert (customer.orders, customer.revenue_minor, customer.seen) == (2, 600, b"")
    assert engine.counts.duplicates == 0


def test_a_first_event_that_is_a_refund_makes_no_visit() -> None:
    engine = make_engine()

    apply_all(engine, [purchase("a", 1.0, 300, refund=True), purchase("a", 9.0)])

    assert engine.customers["a"].visits == 1
    assert engine.customers["a"].revenue_minor == 700
    assert engine.customers["a"].first_us == at(9.0)


def test_purchases_of_one_day_are_one_visit_that_begins_with_the_earliest() -> None:
    engine = make_engine()

    apply_all(engine, [purchase("a", 3.5), purchase("a", 3.75), purchase("a", 3.25), purchase("a", 4.0)])

    customer = engine.customers["a"]
    assert (customer.visits, customer.orders) == (2, 4)
    assert customer.first_us == at(3.25)
    assert customer.last_us == at(4.0)


def test_an_earlier_purchase_of_the_last_day_moves_the_due_date_with_it() -> None:
    engine = make_engine()
    apply_all(engine, weekly("a", 5))
    due = due_of(engine, "a")

    apply_all(engine, [purchase("a", 28.25)])

    assert engine.customers["a"].last_us == at(28.25)
    assert due - due_of(engine, "a") == DAY_US // 4


@pytest.mark.parametrize("event_id", ["same", "other"])
def test_a_duplicate_is_counted_and_ignored(event_id: str) -> None:
    engine = make_engine()

    apply_all(engine, [purchase("a", 1.0, event_id="same"), purchase("a", 2.0, event_id=event_id)])

    assert engine.counts.duplicates == (event_id == "same")
    assert engine.customers["a"].orders == (1 if event_id == "same" else 2)


def test_the_same_id_on_another_topic_or_of_another_customer_is_no_duplicate() -> None:
    engine = make_engine()

    apply_all(
        engine,
        [
            purchase("a", 1.0, event_id="1"),
            purchase("b", 1.0, event_id="1"),
            SurveyAnswer("1", "a", at(1), Survey.NPS, 9),
            Profile("1", "a", at(1), first_name="Ada"),
        ],
    )

    assert engine.counts.duplicates == 0


def test_every_event_of_the_kept_history_is_known_when_it_comes_again() -> None:
    engine = make_engine()
    events: list[Event] = [purchase("a", n / 10, event_id=str(n)) for n in range(700)]
    apply_all(engine, events)
    before = whole_state(engine)

    apply_all(engine, events)

    assert engine.counts.duplicates == 700
    assert whole_state(engine) == before
    assert engine.customers["a"].orders == 700


# ---- dates


def test_at_the_very_instant_of_the_due_date_the_visit_wins() -> None:
    engine = make_engine()
    apply_all(engine, weekly("a", 5))
    due = due_of(engine, "a")

    outputs = apply_all(engine, [Purchase("back", "a", due, 100)])

    assert detections(outputs) == []


def test_a_due_date_fires_before_a_record_with_a_later_event_time() -> None:
    engine = make_engine()
    apply_all(engine, weekly("a", 5))
    due = due_of(engine, "a")

    outputs = apply_all(engine, [Purchase("back", "a", due + 1, 100)])

    assert detections(outputs) == [("a", at(28.5), due)]
    assert [d.outcome for d in decisions(outputs)] == [Outcome.RELEASED, Outcome.CONVERTED, Outcome.CANCELLED]


def test_the_wall_clock_fires_a_date_without_any_event() -> None:
    engine = make_engine(timing=UNDISTURBED)
    apply_all(engine, weekly("a", 5))
    due = due_of(engine, "a")

    engine.advance(due - 1, due - 1)
    assert decisions(engine.drain().outputs) == []
    engine.advance(due, due)

    assert [d.detected_us for d in decisions(engine.drain().outputs)] == [due]


def test_due_dates_of_many_customers_fire_in_order_of_time() -> None:
    engine = make_engine()
    events = sorted((e for n in range(9) for e in weekly(f"c{n}", 6, 0.1 * n)), key=lambda e: e.at_us)

    found = decisions(apply_all(engine, [*events, purchase("z", 300.0)]))

    assert [d.customer_id for d in found] == [f"c{n}" for n in range(9)]
    assert [d.decided_us for d in found] == sorted(d.decided_us for d in found)


# ---- late events


def test_a_late_visit_counts_in_its_period_and_in_the_rhythm() -> None:
    in_order, late = make_engine(), make_engine()
    events = weekly("a", 7)

    apply_all(in_order, events)
    apply_all(late, [*events[:3], *events[4:], events[3]])

    assert late.counts.late_visits == 1
    assert {d: late.ledger.record(d) for d in late.ledger.days()} == {
        d: in_order.ledger.record(d) for d in in_order.ledger.days()
    }
    assert late.customers["a"].visits == 7
    assert late.customers["a"].log_usual == pytest.approx(in_order.customers["a"].log_usual)
    assert due_of(late, "a") == pytest.approx(due_of(in_order, "a"), abs=SECOND_US)


def test_a_late_visit_may_make_a_regular() -> None:
    engine = make_engine()

    apply_all(engine, [purchase("a", 14.5), purchase("a", 21.5), purchase("a", 0.5), purchase("a", 7.5)])

    assert engine.everybody.state.regulars == 1
    assert at(21.5) < due_of(engine, "a") < at(120)


def test_visits_in_a_doubted_future_are_remembered_as_days() -> None:
    engine = make_engine(timing=EVENT_TIME)
    future: list[Event] = [purchase("a", day + 0.5) for day in (30, 37, 44, 51)]

    apply_all(engine, [purchase("b", 1.0), *future, purchase("a", 37.9), purchase("a", 40.0), purchase("a", 30.1)])

    assert engine.now_us == at(1.0)
    assert engine.customers["a"].visits == 5
    assert engine.customers["a"].first_us == at(30.1)


def test_a_visit_older_than_the_kept_history_counts_in_lifetime_totals_only() -> None:
    engine = make_engine()
    apply_all(engine, [purchase("a", 0.0), purchase("a", 5.0)])

    apply_all(engine, [purchase("a", -800.0, 55), purchase("a", -2.0)])

    customer = engine.customers["a"]
    assert engine.counts.beyond_history == 1
    assert (customer.visits, customer.orders, customer.revenue_minor) == (4, 4, 3055)
    assert customer.first_us == at(-800)
    assert engine.ledger.first_day == customer.first_day == at(-2) // DAY_US


# ---- days


def test_local_midnight_parts_visits() -> None:
    engine = make_engine(zone="Europe/Paris")

    apply_all(engine, [bought("a", "2024-01-10T22:59:59+00:00"), bought("a", "2024-01-10T23:00:00+00:00")])
    apply_all(engine, [bought("b", "2024-01-10T23:00:00+00:00"), bought("b", "2024-01-11T22:59:59+00:00")])

    assert engine.customers["a"].visits == 2
    assert engine.customers["b"].visits == 1


def test_the_days_on_which_the_clocks_change_are_one_day_each() -> None:
    engine = make_engine(zone="Europe/Paris")

    apply_all(engine, [bought("a", "2024-03-30T23:00:00+00:00"), bought("a", "2024-03-31T21:59:59+00:00")])
    apply_all(engine, [bought("b", "2024-10-26T22:00:00+00:00"), bought("b", "2024-10-27T22:59:59+00:00")])
    apply_all(engine, [bought("c", "2024-10-27T22:59:59+00:00"), bought("c", "2024-10-27T23:00:00+00:00")])

    assert [engine.customers[name].visits for name in "abc"] == [1, 1, 2]


def test_a_leap_day_is_a_day() -> None:
    engine = make_engine()

    apply_all(engine, [bought("a", f"2024-{day}T12:00:00+00:00") for day in ("02-28", "02-29", "03-01")])

    customer = engine.customers["a"]
    leap = to_day(datetime(2024, 2, 29, tzinfo=UTC).date())
    assert customer.visits == 3
    assert customer.visit_days() == [leap - 1, leap, leap + 1]


def test_the_shop_decides_from_how_many_visits_on_a_customer_is_a_regular() -> None:
    engine = make_engine(shop=Shop(regular_min_visits=2))

    outputs = apply_all(engine, [*weekly("a", 2), purchase("b", 300.0)])

    assert len(detections(outputs)) == 1


# ---- erasure


def test_erasure_leaves_tombstones_and_nothing_of_the_person() -> None:
    engine, changelog = make_engine(), Changelog()
    for event in weekly("a-person", 6):
        engine.apply(event)
    changelog.take(engine.drain())
    ledger = dict(changelog.ledger)

    engine.apply(Erasure("x", "a-person", at(40)))
    turn = engine.drain()
    changelog.take(turn)

    assert turn.outputs == [ScoresErased("a-person")]
    assert changelog.state[b"a-person"] is None
    assert not any(b"a-person" in key for key, value in changelog.state.items() if value is not None)
    assert changelog.ledger == ledger
    assert engine.scores("a-person") is None
    assert engine.everybody.state.regulars == 0
    assert sum(engine.scoreboard.segments) == 0


def test_an_erasure_leaves_nothing_of_the_person_in_memory_or_in_the_partitions_own_record() -> None:
    engine = make_engine(timing=EVENT_TIME)
    for event in [*weekly("a-person", 6), Profile("p", "a-person", at(36), first_name="Adalbert", email="ada@x.org")]:
        engine.apply(event)
    engine.apply(purchase("a-person", 5_000.0))  # an unconfirmed jump of time, which remembers who made it
    assert b"a-person" in engine.state.pack()
    person = engine.customers["a-person"]

    engine.apply(Erasure("x", "a-person", at(40)))

    assert b"a-person" not in engine.state.pack()
    assert bare(person) == bare(Customer(""))
    assert person.customer_id == ""
    assert len(engine.state.clock.pending) == 1, "and still one of those who have to confirm it"


def test_an_erasure_costs_the_same_however_many_customers_there_are() -> None:
    engine = make_engine()
    for number in range(3_000):
        engine.apply(purchase(f"c{number}", 1.0 + number / 3_000))
    looked: list[str] = []

    class Watched(dict[str, Customer]):
        def values(self) -> Any:
            looked.append("values")
            return super().values()

        def items(self) -> Any:
            looked.append("items")
            return super().items()

    engine.roster.customers = Watched(engine.customers)
    before = engine.timeline.dates_waiting

    engine.apply(Erasure("x", "c17", at(3)))

    assert looked == []
    assert engine.timeline.dates_waiting == before, "the queue finds out when the day comes"
    apply_all(engine, [purchase("later", 400.0)])
    assert "c17" not in engine.customers


def test_an_erasure_is_told_to_whoever_sends_and_written_nowhere_else() -> None:
    engine = make_engine()
    apply_all(engine, [*weekly("a", 6), Profile("p", "a", at(36), first_name="Adalbert"), purchase("b", 100.0)])

    records = [
        record
        for output in apply_all(engine, [Erasure("x", "a", at(101))])
        for record in Encoder(EncoderSettings()).encode(output)
    ]

    assert sorted((record.topic.value, record.value is None) for record in records) == [
        ("customer_scores", True),
        ("outreach", False),
    ]
    assert not any(b"Adalbert" in (record.value or b"") for record in records)


@pytest.mark.parametrize("restart", [False, True])
def test_later_events_of_an_erased_customer_are_refused_also_after_a_restart(restart: bool) -> None:
    engine, changelog = make_engine(), Changelog()
    for event in [*weekly("a", 6), Erasure("x", "a", at(40))]:
        engine.apply(event)
    changelog.take(engine.drain())
    if restart:
        engine = changelog.revive(engine)

    outputs = apply_all(
        engine,
        [
            purchase("a", 41.0),
            SurveyAnswer("s", "a", at(41), Survey.NPS, 0),
            Profile("p", "a", at(41), first_name="Ada"),
            Erasure("y", "a", at(42)),
        ],
    )

    assert outputs == []
    assert "a" not in engine.customers
    assert engine.counts.of_erased == 3


def test_an_erasure_cancels_what_was_released() -> None:
    engine = make_engine()
    (released,) = decisions(apply_all(engine, [*weekly("a", 6), purchase("b", 100.0)]))

    (cancelled,) = decisions(apply_all(engine, [Erasure("x", "a", at(101))]))

    assert (cancelled.outcome, cancelled.reason) == (Outcome.CANCELLED, Reason.ERASED)
    assert cancelled.decision_id == released.decision_id


def test_an_erased_customer_is_never_alerted() -> None:
    engine = make_engine()

    outputs = apply_all(engine, [*weekly("a", 6), Erasure("x", "a", at(36)), purchase("b", 300.0)])

    assert detections(outputs) == []


def test_the_erasure_of_somebody_unknown_is_remembered_and_sent_again_is_a_duplicate() -> None:
    engine = make_engine()

    assert apply_all(engine, [Erasure("x", "a", at(1)), Erasure("x", "a", at(1)), purchase("a", 2.0)]) == []

    assert (engine.counts.erasures, engine.counts.duplicates, engine.counts.of_erased) == (1, 1, 1)


# ---- profiles and answers


def test_of_two_profiles_the_later_word_wins_whatever_the_order_and_silence_overwrites_nothing() -> None:
    early = Profile("1", "a", at(1), first_name="Old", locale="fr", marketing_consent=True)
    late = Profile("2", "a", at(2), first_name="New", email="new@example.com")

    for order in ([early, late], [late, early]):
        engine = make_engine()
        apply_all(engine, order)

        profile = engine.customers["a"].profile
        assert profile is not None
        assert (profile.first_name, profile.email, profile.consent) == ("New", "new@example.com", True)
        assert profile.locale == "fr"


def test_a_no_and_a_yes_of_the_same_instant_are_a_no() -> None:
    yes, no = (Profile(str(said), "a", at(1), marketing_consent=said) for said in (True, False))

    for order in ([yes, no], [no, yes]):
        engine = make_engine()
        apply_all(engine, order)

        profile = engine.customers["a"].profile
        assert profile is not None
        assert profile.consent is False


def test_the_newest_answer_of_each_survey_wins_whatever_the_order() -> None:
    answers: list[Event] = [
        SurveyAnswer("1", "a", at(5), Survey.NPS, 9),
        SurveyAnswer("2", "a", at(3), Survey.NPS, 1),
        SurveyAnswer("3", "a", at(4), Survey.CSAT, 2),
        SurveyAnswer("4", "a", at(6), Survey.CES, 7),
    ]

    for order in (answers, answers[::-1]):
        engine = make_engine()
        apply_all(engine, [purchase("a", 1.0), *order])

        scores = engine.scores("a")
        assert scores is not None
        assert (scores.latest_nps, scores.latest_csat, scores.latest_ces) == (9, 2, 7)
        assert engine.customers["a"].visits == 1


def test_favourites_are_what_was_taken_more_than_once() -> None:
    engine = make_engine()
    for n in range(6):
        items = (Item("c", "Flat white"), Item(f"s{n}", ""), Item("x", "Croissant" if n % 2 else "Tart"))
        engine.apply(Purchase(str(n), "a", at(n), 100, items=items))

    customer = engine.customers["a"]
    assert customer.items is not None
    assert customer.items.favourites()[0] == "Flat white"
    assert customer.items.last == ["Flat white", "s5", "Croissant"]


# ---- scores


def test_scores_are_published_when_band_or_segment_change_also_when_nothing_arrives() -> None:
    engine = make_engine()

    outputs = [output for event in weekly("a", 6) for output in apply_all(engine, [event])]
    outputs += [output for day in range(37, 400, 2) for output in apply_all(engine, [purchase("b", float(day))])]

    published = [o for o in outputs if isinstance(o, Scores) and o.customer_id == "a"]
    assert [o.segment.value for o in published][-2:] == ["quiet", "lost"]
    assert [band for band, _ in groupby(o.band for o in published)] == [
        None,
        HealthBand.HEALTHY,
        HealthBand.WATCH,
        HealthBand.AT_RISK,
    ]
    assert [o.as_of_us for o in published] == sorted(o.as_of_us for o in published)


def test_judgements_superseded_within_a_turn_are_not_published_the_newest_is_that_of_any_turns() -> None:
    events = [*weekly("a", 6), purchase("b", 400.0)]
    whole, apart = make_engine(), make_engine()

    at_once = [o for o in apply_all(whole, events) if isinstance(o, Scores)]
    one_by_one = [o for event in events for o in apply_all(apart, [event]) if isinstance(o, Scores)]

    assert [o.customer_id for o in at_once] == ["a", "b"]
    assert len(one_by_one) > len(at_once)
    assert {o.customer_id: o for o in one_by_one} == {o.customer_id: o for o in at_once}


def test_one_time_buyers_are_counted_in_no_band_but_become_lost() -> None:
    engine, changelog = make_engine(), Changelog()
    outputs: list[Output] = []
    for event in [purchase("a", 0.5), purchase("b", 400.0)]:
        engine.apply(event)
        outputs += changelog.take(engine.drain())

    published = [o for o in outputs if isinstance(o, Scores) and o.customer_id == "a"]
    assert [(o.segment, o.health, o.band) for o in published] == [
        (Segment.NEW, None, None),
        (Segment.LOST, None, None),
    ]
    for each in (engine, changelog.revive(engine)):
        counted = dict(zip(Segment, each.scoreboard.segments, strict=True))
        assert (counted[Segment.NEW], counted[Segment.LOST], sum(each.scoreboard.segments)) == (1, 1, 2)
        assert sum(each.scoreboard.bands) == 0


def test_a_turn_in_which_nothing_happened_is_empty() -> None:
    engine = make_engine()
    apply_all(engine, weekly("a", 5))

    engine.advance(at(28.6), at(28.6))

    assert not engine.drain()


def test_a_turn_holds_each_touched_customer_once_and_the_partition() -> None:
    engine = make_engine()
    for event in [*weekly("a", 5), purchase("b", 29.0)]:
        engine.apply(event)

    turn = engine.drain()

    hours = RHYTHM_PREFIX + bytes(((at(0.5) // HOUR_US + 7 * 24) % 168,))
    keys = [key for key, _ in turn.state if not key.startswith(PART_PREFIX)]
    assert sorted(keys) == sorted([BRAKE_KEY, PARTITION_KEY, hours, b"a", b"b"])
    assert [key[len(PART_PREFIX)] for key, _ in turn.state if key.startswith(PART_PREFIX)] == [1]
    assert [day for day, _ in turn.ledger] == sorted({at(d) // DAY_US for d in (0, 7, 14, 21, 28, 29)})


POSITION_BYTES = 40
"""Of the record of the position, which the worker writes beside the engine's."""


def test_one_visit_in_a_turn_of_its_own_writes_at_most_1500_bytes_of_state() -> None:
    """Beside the records of those who come due before it, and what is written once a day or a week."""
    engine, sizes, seen = make_engine(timing=EVENT_TIME), [], set[bytes]()

    for event in shop_log(5, customers=60, days=400):
        refreshed = engine.everybody.next_refresh_us
        engine.apply(event)
        state = engine.drain().state
        others = {key for key, _ in state if not key.startswith(b"\x00")} - {event.customer_id.encode()}
        if engine.everybody.next_refresh_us == refreshed and not others and BRAKE_KEY not in dict(state):
            sizes.append(sum(len(key) + len(value or b"") for key, value in state) + POSITION_BYTES)
            seen.update(key[:4] for key, _ in state if key.startswith(b"\x00"))

    assert len(sizes) > 2000
    assert max(sizes) <= 1500
    assert {PART_PREFIX[:4], PARTITION_KEY[:4]} <= seen


def test_what_a_later_release_keeps_of_a_customer_is_kept_for_it() -> None:
    engine = make_engine()
    engine.apply(purchase("anna", 1.0))
    (value,) = [value for key, value in engine.drain().state if key == b"anna" and value is not None]
    fields = msgspec.msgpack.decode(value)
    later = {"of a later release": [1, "two", {"three": 4}]}
    assert not isinstance(fields[-1], dict), "she has nothing that few have"
    back = make_engine()
    back.restore(b"anna", msgspec.msgpack.encode([*fields, later]))
    back.restored()
    back.apply(purchase("anna", 4.0))

    (written,) = [value for key, value in back.drain().state if key == b"anna" and value is not None]
    assert msgspec.msgpack.decode(written)[-1] == later
    assert back.customers["anna"].visits == 2


def test_records_of_a_later_release_are_passed_over() -> None:
    engine = make_engine()

    engine.restore(b"\x00of a later release", b"\x01\x02")
    engine.restore(b"\x00of a later release", None)
    engine.restored()

    assert engine.customers == {}


# ---- a silent feed

BUSY = OutreachPolicy(consent=ConsentRule.EXTERNAL, rungs=(Rung("remind"), Rung("incentive", strictness=0.5)), level=8)


def crowd(first_hour: int, last_hour: int) -> list[Event]:
    """Other people's purchases, one an hour: the pulse of the feed."""
    return [purchase(f"p{hour}", hour / 24) for hour in range(first_hour, last_hour)]


@cache
def undisturbed() -> list[tuple[str, int, int]]:
    """What is noticed of somebody who stays away while the feed goes on."""
    engine = make_engine(BUSY, EVENT_TIME)
    apply_all(engine, sorted([*weekly("a", 6), *crowd(0, 36 * 24)], key=lambda e: e.at_us))
    return detections(apply_all(engine, crowd(36 * 24, 120 * 24)))


@pytest.mark.parametrize("pause_days", [0, 5, 30])
def test_a_silence_of_the_feed_moves_every_rung_by_its_length(pause_days: int) -> None:
    expected = undisturbed()
    engine = make_engine(BUSY, EVENT_TIME)
    apply_all(engine, sorted([*weekly("a", 6), *crowd(0, 36 * 24)], key=lambda e: e.at_us))

    outputs = apply_all(engine, crowd((36 + pause_days) * 24, (120 + pause_days) * 24))

    pause = pause_days * DAY_US  # from the hour in which the next purchase was due
    assert len(expected) == 2
    assert [(who, since, fired - pause) for who, since, fired in detections(outputs)] == expected


def test_a_silence_is_not_added_again_for_an_earlier_purchase_of_the_same_day_nor_forgotten() -> None:
    engine = make_engine(BUSY, EVENT_TIME)
    events = sorted([*weekly("a", 6), *crowd(0, 36 * 24)], key=lambda e: e.at_us)
    apply_all(engine, events)
    due = due_of(engine, "a")
    apply_all(engine, crowd(80 * 24, 80 * 24 + 5))  # the stored date is found and moved
    moved = due_of(engine, "a")
    assert moved - due == 44 * DAY_US

    apply_all(engine, [purchase("a", 35.25)])

    assert moved - due_of(engine, "a") == DAY_US // 4


def test_a_visit_that_ends_the_silence_is_not_moved_by_it() -> None:
    engine = make_engine(BUSY, EVENT_TIME)
    events = sorted([*weekly("a", 6), *crowd(0, 36 * 24)], key=lambda e: e.at_us)
    apply_all(engine, events)
    apply_all(engine, [purchase("a", 50.0)])  # the first after a fortnight: its date is doubted
    due = due_of(engine, "a")
    assert engine.now_us < at(50.0)

    outputs = apply_all(engine, crowd(50 * 24 + 1, 150 * 24))

    assert detections(outputs)[0] == ("a", at(50.0), due)


def test_while_the_feed_is_silent_the_wall_clock_alerts_nobody() -> None:
    engine = make_engine(OPEN_HOUSE, EVENT_TIME)
    apply_all(engine, sorted([*weekly("a", 6), *crowd(0, 36 * 24)], key=lambda e: e.at_us))

    for day in range(36, 200):
        engine.advance(at(day), at(day))

    assert decisions(engine.drain().outputs) == []
    assert engine.timeline.clock.stalled(at(200))


def test_an_older_snapshot_is_upgraded_by_reading_it() -> None:
    engine, changelog = make_engine(), Changelog()
    for event in weekly("a", 5):
        engine.apply(event)
    changelog.take(engine.drain())
    record = changelog.state[b"a"]
    assert record is not None

    fields = msgspec.msgpack.decode(record)
    changelog.state[b"a"] = msgspec.msgpack.encode(fields[:-1])

    upgraded = changelog.revive(engine)

    assert upgraded.customers["a"].log_gap_sum == pytest.approx(engine.customers["a"].log_gap_sum, rel=1e-12)
    assert upgraded.customers["a"].judged_after_us == -1  # the release before did not say when
    for name in ("log_gap_sum", "judged_after_us"):
        setattr(upgraded.customers["a"], name, getattr(engine.customers["a"], name))
    assert whole_state(upgraded) == whole_state(engine)
