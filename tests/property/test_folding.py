"""Folding whoever can be folded, at every moment, leaves no trace: not in outputs, records, numbers or decisions."""

from __future__ import annotations

from copy import copy
from dataclasses import replace
from random import Random

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from service.domain.calendar import DAY_US
from service.domain.engine import ALL_SCORES, Engine
from service.domain.events import Event, Merge, SignOfLife, Withdrawal
from service.domain.findings import Kind
from service.domain.folding.attic import Attic
from service.domain.occasion_policy import FeedbackPolicy, FollowUpPolicy, MilestonePolicy, OccasionPolicies
from service.domain.policy import ConsentRule, OutreachPolicy, Rung, Timing
from tests.support.engines import EVENT_TIME, WALL_TIME, at, make_engine, shop_log, whole_state
from tests.support.examples import examples
from tests.support.folds import MemoryStore, fold_all, folding_engine, unfold_all

SEEDS = st.integers(0, 2**32)
FEW = settings(max_examples=examples(2), deadline=None, phases=(Phase.explicit, Phase.generate))
LADDER = OutreachPolicy(
    level=4.0, consent=ConsentRule.EXTERNAL, rungs=(Rung("remind"), Rung("incentive", strictness=0.2))
)
EVERYTHING = replace(
    LADDER,
    control_share=0.2,
    volume_per_100_visits=20.0,
    messages_are_sent=True,
    switched_on=((Kind.SECOND_VISIT, Rung("nudge")),),
    occasions=OccasionPolicies(
        milestone=MilestonePolicy(every=3),
        follow_up=FollowUpPolicy(only_first=False, days_between=9.0),
        feedback_request=FeedbackPolicy(days_between=14.0),
    ),
)
CLOCKS = pytest.mark.parametrize("timing", [EVENT_TIME, WALL_TIME], ids=["event", "wall"])
POLICIES = pytest.mark.parametrize("policy", [LADDER, EVERYTHING], ids=["ladder", "everything"])


def busy_log(seed: int) -> list[Event | SignOfLife | Withdrawal]:
    """A shop with everything, late and odd events, merges of two, withdrawals, and who is only heard of."""
    random = Random(seed)
    told: list[Event | SignOfLife | Withdrawal] = []
    for event in shop_log(seed, customers=6, days=160, disorder=0.1, everything=True, odd=0.01):
        told.append(event)
        lot = random.random()
        if lot < 0.01:
            told.append(Merge(f"m{len(told)}", event.customer_id, event.at_us, f"c{random.randrange(8)}"))
        elif lot < 0.02:
            told.append(Withdrawal("", event.customer_id, event.at_us))
        elif lot < 0.03:
            told.append(SignOfLife(event.customer_id, event.at_us + DAY_US, own_time=False))
        elif lot < 0.06:
            told.append(random.choice([each for each in told if not isinstance(each, SignOfLife)]))  # once more
    return told


def in_turns(
    engines: list[Engine], events: list[Event | SignOfLife | Withdrawal], random: Random, *, wall: bool
) -> int:
    """Applies the events to all engines, which must say the same at the end of each turn, and folds those of the last
    after each. Returns how many were folded."""
    folded = begin = 0
    while begin < len(events):
        end = begin + random.choice([1, 1, 2, 5, 30])
        wall_us = max(event.at_us for event in events[begin:end]) if wall else 0
        scores = random.choice([0, 1, ALL_SCORES])
        turns = []
        for engine in engines:
            for event in events[begin:end]:
                engine.apply(copy(event), wall_us)  # an engine writes into the event of an id that became another one
            if wall:
                engine.advance(wall_us, wall_us)
            turns.append(engine.drain(scores))
        assert turns[0] == turns[1]
        folded += fold_all(engines[1])
        begin = end
    return folded


@POLICIES
@CLOCKS
@FEW
@given(seed=SEEDS)
def test_whoever_is_folded_is_as_if_they_had_never_been(timing: Timing, policy: OutreachPolicy, seed: int) -> None:
    random = Random(seed)
    store = MemoryStore(room=random.choice([0, 3, 1000]))
    attic = Attic(most_in_memory=random.choice([0, 3, 1000]), store=random.choice([None, store]))
    plain, folding = make_engine(policy, timing), folding_engine(policy, timing, attic)

    folded = in_turns([plain, folding], busy_log(seed), random, wall=timing is WALL_TIME)

    assert folded > 0
    for customer_id in plain.customers:
        assert folding.roster.knows(customer_id)
        assert folding.scores(customer_id, at(500)) == plain.scores(customer_id, at(500))
    unfold_all(folding)
    assert whole_state(folding) == whole_state(plain)
