"""The worker and the deliverer together, through seeded schedules of everything that goes wrong: no second mail beyond
the window, none lost, none to whom it must not go."""

from __future__ import annotations

import pytest

from tests.support.outreach_world import Story

SEEDS = range(10)


@pytest.mark.parametrize("seed", SEEDS)
async def test_no_promise_is_broken_from_the_visit_to_the_mail(seed: int) -> None:
    story = await Story(seed).run()

    assert dict(story.complaints) == {}
