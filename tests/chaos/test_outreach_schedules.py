"""The long run of the schedules from the visit to the mail: the same as in the unit tests, many more of them."""

from __future__ import annotations

import pytest

from service.domain.findings import Outcome
from tests.support.outreach_world import MUTANTS, Story
from tests.unit.test_outreach_schedules import SEEDS

pytestmark = [pytest.mark.chaos]

MANY = range(SEEDS.stop, SEEDS.stop + 200)


async def test_no_promise_is_broken_from_the_visit_to_the_mail_whatever_happens_when() -> None:
    broken = {}
    for seed in MANY:
        story = await Story(seed).run()
        if story.complaints:
            broken[seed] = dict(story.complaints)

    assert broken == {}


async def test_the_stories_are_worth_something() -> None:
    stories = [await Story(seed).run() for seed in range(2, 8)]

    assert sum(story.deaths for story in stories) > 20
    assert sum(story.world.deaths for story in stories) > 10
    assert sum(story.both_alive for story in stories) > 5
    assert sum(len(story.sink) for story in stories) > 40
    assert sum(len(story.stopped) for story in stories) > 1
    outcomes = {outcome for story in stories for _, outcome in story.told}
    assert outcomes >= {Outcome.RELEASED, Outcome.WITHHELD, Outcome.DEFERRED, Outcome.SUPPRESSED, Outcome.CANCELLED}


@pytest.mark.parametrize("promise", list(MUTANTS))
async def test_each_promise_can_be_broken(promise: str) -> None:
    for seed in range(20):
        story = await Story(seed, **MUTANTS[promise]).run()  # type: ignore[arg-type]
        if story.complaints[promise.partition(",")[0]]:
            return
    pytest.fail(f"{promise}: nothing was noticed in 20 stories")
