"""An absence: every step the engine makes in it is one of the table's, and what went out in it is remembered in
order."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from service.domain.calendar import NEVER
from service.domain.episode import MOVES, Episode, State
from service.domain.findings import Kind
from service.domain.policy import ConsentRule, OutreachPolicy, Rung, Timing
from tests.support.engines import EVENT_TIME, WALL_TIME, at, make_engine, shop_log

LADDER = (Rung("remind"), Rung("incentive", strictness=0.3))
POLICIES = [
    (
        OutreachPolicy(consent=ConsentRule.EXTERNAL, level=4.0, rungs=LADDER),
        EVENT_TIME,
        {"begin", "watch", "decide", "drop"},
    ),
    (
        OutreachPolicy(consent=ConsentRule.EXTERNAL, volume_per_100_visits=8.0, rungs=LADDER),
        EVENT_TIME,
        {"begin", "watch", "decide", "unwatch"},
    ),
    (
        OutreachPolicy(
            consent=ConsentRule.EXTERNAL, level=4.0, switched_on=((Kind.SECOND_VISIT, Rung("nudge")),), rungs=LADDER
        ),
        WALL_TIME,
        {"begin", "watch", "decide", "defer", "drop"},
    ),
]


@pytest.mark.parametrize(("policy", "timing", "made"), POLICIES)
def test_the_engine_makes_no_move_that_is_not_in_the_table(
    policy: OutreachPolicy, timing: Timing, made: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: Counter[tuple[str, State, State]] = Counter()
    rungs = len(policy.rungs)

    def watched(move: str) -> None:
        make = getattr(Episode, move)

        def moved(episode: Episode, *arguments: Any) -> None:
            before = episode.state(rungs)
            make(episode, *arguments)
            seen[move, before, episode.state(rungs)] += 1

        monkeypatch.setattr(Episode, move, moved)

    for move in MOVES:
        watched(move)
    for seed in range(6):
        engine = make_engine(policy, timing)
        for number, event in enumerate(shop_log(seed, customers=12, disorder=0.1, everything=True)):
            late = 3.0 if number % 40 == 0 else 0.0  # the worker was away: what was due meanwhile is late
            engine.apply(event, event.at_us + at(late) - at(0))
            if number % 25 == 0:
                engine.advance(event.at_us + at(late) - at(0), event.at_us)

    strange = [(move, a, b) for move, a, b in seen if b not in MOVES[move].get(a, ())]
    assert strange == []
    assert made <= {move for move, _, _ in seen}, "the lives led here are long enough to see them"


def test_a_moved_date_is_moved_by_what_the_silence_of_the_feed_has_grown() -> None:
    episode = Episode()
    episode.begin(stalled_us=100)
    episode.watch(1_000)

    episode.pause(stalled_us=130)
    episode.pause(stalled_us=150)

    assert (episode.due_us, episode.paused_us, episode.stalled_us) == (1_050, 50, 150)


def test_releases_are_told_the_newest_first() -> None:
    episode = Episode()
    assert episode.releases() == []
    for rung, at_us in ((0, 10), (1, 20), (2, 30)):
        episode.release(rung, at_us, f"step {rung}", withheld=rung == 1)
        episode.decide(rung + 1, NEVER)

    assert episode.releases() == [(2, 30), (1, 20), (0, 10)]
    assert [episode.name_of(rung) for rung in (0, 1, 2, 3)] == ["step 0", "step 1", "step 2", ""]
    assert [episode.is_withheld(rung) for rung in (0, 1, 2)] == [False, True, False]
    assert episode.state(3) is State.DECIDED


def test_a_visit_leaves_nothing_of_the_absence_before_it() -> None:
    episode = Episode()
    episode.watch(50)
    episode.defer(50, 60, "release_rate", "remind", 0)
    episode.release(0, 60, "remind", withheld=True)
    episode.alerted(50)
    episode.decide(1, 90)
    episode.release(1, 90, "incentive")

    episode.begin(stalled_us=7)

    fresh = Episode()
    fresh.stalled_us = 7
    assert [getattr(episode, name) for name in Episode.__slots__] == [
        getattr(fresh, name) for name in Episode.__slots__
    ]
