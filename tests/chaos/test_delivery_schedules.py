"""The long run of the schedules by which deliverers die: the same as in the unit tests, many more of them, in memory
and over real lines."""

from __future__ import annotations

import pytest

from tests.support.wired_delivery import without_long_pauses
from tests.unit import test_delivery_lines as over_lines
from tests.unit.test_delivery_crashes import SEEDS, all_is_kept

pytestmark = [pytest.mark.chaos]

MANY = range(SEEDS.stop, SEEDS.stop + 250)
OVER_LINES = range(over_lines.SEEDS.stop, over_lines.SEEDS.stop + 100)


async def test_deliverers_that_die_anywhere_break_no_promise() -> None:
    for seed in MANY:
        await all_is_kept(seed)


async def test_nor_do_they_over_lines_that_break(monkeypatch: pytest.MonkeyPatch) -> None:
    without_long_pauses(monkeypatch)
    for seed in OVER_LINES:
        await over_lines.mails(seed)
        await over_lines.hooks(seed)
