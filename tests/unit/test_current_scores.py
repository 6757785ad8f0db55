"""`customer-scores` holds the newest there is to say of each customer, once for each while a backlog is read."""

from __future__ import annotations

from itertools import pairwise

import pytest

from service.domain.changelog import JUDGED_PREFIX
from service.domain.engine import Engine
from service.domain.events import Event, Merge, Profile, Purchase, Survey, SurveyAnswer
from service.domain.findings import Output, Scores, ScoresErased, Segment
from tests.support.engines import Changelog, apply_all, at, make_engine, purchase, shop_log, weekly, whole_state

REGULAR: list[Event] = weekly("ann", 6)


def newest(outputs: list[Output]) -> dict[str, Scores]:
    return {output.customer_id: output for output in outputs if isinstance(output, Scores)}


@pytest.mark.parametrize(
    "event",
    [
        purchase("ann", 36.0),
        purchase("ann", 35.6),
        purchase("ann", 20.0),
        purchase("ann", 36.0, 300, refund=True),
        SurveyAnswer("s", "ann", at(35.7), Survey.NPS, 3),
        Profile("p", "ann", at(35.7), marketing_consent=True),
        Merge("m", "bob", at(36), "ann"),
    ],
    ids=["visit", "same-day", "late", "refund", "answer", "consent", "merge"],
)
def test_whatever_happens_to_a_customer_is_told(event: Event) -> None:
    engine = make_engine()
    before = newest(apply_all(engine, [*REGULAR, purchase("bob", 35.0)]))["ann"]

    after = newest(apply_all(engine, [event]))["ann"]

    now = engine.scores("ann")
    assert now is not None
    assert after == replace_time(now, after)
    assert (after.orders, after.revenue_minor, after.latest_nps, after.marketing_consent) != (
        before.orders, before.revenue_minor, before.latest_nps, before.marketing_consent,
    )  # fmt: skip


def replace_time(scores: Scores, like: Scores) -> Scores:
    """The same but for the instant they hold for."""
    assert scores.as_of_us >= like.as_of_us
    return scores if scores.as_of_us == like.as_of_us else like


def told_at_the_end(engine: Engine, events: list[Event], *, restart_at: int = -1) -> list[Output]:
    """As while a backlog is read: turns without scores, then one with them."""
    changelog, outputs = Changelog(), list[Output]()
    for index, event in enumerate(events):
        engine.apply(event)
        if index % 5 == 0:
            outputs += changelog.take(engine.drain(scores=0))
        if index == restart_at:
            outputs += changelog.take(engine.drain(scores=0))
            engine = changelog.revive(engine)
    return outputs + changelog.take(engine.drain())


def test_while_a_backlog_is_read_only_the_newest_of_each_customer_is_told() -> None:
    events = shop_log(7, everything=True)
    engine, live = make_engine(), make_engine()

    outputs = told_at_the_end(engine, events)

    told = [output.customer_id for output in outputs if isinstance(output, Scores)]
    assert len(told) == len(set(told))
    step_by_step: list[Output] = []
    for event in events:
        step_by_step += apply_all(live, [event])
    last = {o.customer_id: o for o in step_by_step if isinstance(o, Scores | ScoresErased)}
    assert newest(outputs) == {known: o for known, o in last.items() if isinstance(o, Scores)}
    assert whole_state(engine) == whole_state(live)


@pytest.mark.parametrize("seed", range(4))
def test_who_was_waiting_at_a_crash_is_told_the_same_afterwards(seed: int) -> None:
    events = shop_log(seed, customers=60, days=90, everything=True)
    calm = newest(told_at_the_end(make_engine(), events))

    crashed = newest(told_at_the_end(make_engine(), events, restart_at=len(events) * 2 // 3))

    assert len({scores.churn_risk for scores in calm.values()}) > 20
    assert crashed == calm


def test_what_the_waiting_rest_on_is_kept_for_as_long_as_they_wait() -> None:
    changelog, engine = Changelog(), make_engine()
    for event in shop_log(5, customers=60, days=90):
        engine.apply(event)
        changelog.take(engine.drain(scores=0))
    kept = [key for key, value in changelog.state.items() if key.startswith(JUDGED_PREFIX) and value is not None]
    assert len(kept) > 2

    changelog.take(engine.drain())

    assert [key for key in kept if changelog.state[key] is not None] == []


def test_a_large_backlog_is_told_in_parts_the_longest_waiting_first_and_a_restart_between_tells_the_rest() -> None:
    engine, changelog = make_engine(), Changelog()
    for number in range(10):
        engine.apply(purchase(f"c{number}", number))
    engine.apply(purchase("c0", 20.0))

    first = newest(changelog.take(engine.drain(scores=4)))
    assert len(first) == 4
    assert "c0" not in first, "the newest"
    engine = changelog.revive(engine)
    rest = newest(changelog.take(engine.drain()))

    assert len(rest) == 6
    assert first.keys() | rest.keys() == engine.customers.keys()
    assert newest(changelog.take(changelog.revive(engine).drain())) == {}


def test_a_consent_of_someone_who_has_only_got_money_back_is_told() -> None:
    engine = make_engine()
    (before,) = apply_all(engine, [purchase("ann", 1.0, 300, refund=True)])
    (after,) = apply_all(engine, [Profile("p", "ann", at(2), marketing_consent=True)])

    assert isinstance(before, Scores)
    assert isinstance(after, Scores)
    assert (before.marketing_consent, after.marketing_consent) == (None, True)


def test_of_who_is_not_healthy_the_newest_visits_are_told_and_of_nobody_else() -> None:
    engine = make_engine()
    told = newest(apply_all(engine, weekly("ann", 20)))["ann"]
    silent = newest(apply_all(engine, [purchase("bob", 400.0)]))["ann"]

    assert told.visit_days == ()
    assert silent.segment is Segment.LOST
    assert silent.visit_days == tuple(engine.customers["ann"].visit_days()[-12:])
    assert [later - earlier for earlier, later in pairwise(silent.visit_days)] == [7] * 11


def test_the_store_of_most_of_the_recent_visits_is_told() -> None:
    engine = make_engine()
    days = enumerate(["north", "north", "south", "south", "south"])
    events = [Purchase(f"p{n}", "ann", at(7.0 * n + 0.5), 1_000, False, source=store) for n, store in days]

    assert newest(apply_all(engine, events[:3]))["ann"].store == "north"
    assert newest(apply_all(engine, events[3:]))["ann"].store == "south"
    assert newest(apply_all(engine, weekly("bob", 1)))["bob"].store is None


def test_who_is_only_known_by_name_has_no_record() -> None:
    engine = make_engine()

    assert apply_all(engine, [Profile("p", "ann", at(1), first_name="Ann")]) == []
