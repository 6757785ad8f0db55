"""The long run of the schedules by which deliverers die: the same as in the unit tests, many more of them."""

from __future__ import annotations

import pytest

from tests.unit.test_delivery_crashes import SEEDS, all_is_kept

pytestmark = [pytest.mark.chaos]

MANY = range(SEEDS.stop, SEEDS.stop + 250)


async def test_deliverers_that_die_anywhere_break_no_promise() -> None:
    for seed in MANY:
        await all_is_kept(seed)
