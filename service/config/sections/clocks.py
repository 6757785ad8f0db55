"""`[time]`: whose time counts, and when a silence may be concluded."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from service.config.sections.section import Days, Section
from service.domain import policy


class TimeSettings(Section):
    clock: policy.ClockMode = policy.ClockMode.WALL
    """`wall`: the wall clock moves time on once everything that has arrived is processed; `event`: only events do
    (demo, replay, backtest)."""
    grace_s: Annotated[float, Field(ge=0, le=86_400, allow_inf_nan=False)] = 1.0
    """At the end of the log, time is the wall clock less this: what is still on its way may arrive."""
    max_delay_days: Annotated[float, Field(ge=0, le=31, allow_inf_nan=False)] = 4.0
    """Absences wait as long as purchases take to arrive, as far as has been learned, but no longer than this: a
    delivery after a long weekend. What is later is history. 0: they wait for the grace alone."""
    max_jump_days: Days = 7.0
    """Days by which one event may move time ahead; a longer jump waits for further customers to confirm it."""
    jump_confirmations: Annotated[int, Field(ge=1, le=1_000_000)] = 2
    """Further customers who have to confirm such a jump."""
    feed_silence_hours: Annotated[float, Field(gt=0, le=24 * 36_525, allow_inf_nan=False)] = 48.0
    """Hours without any purchase after which nobody is called quiet, until the shop's own hours are known."""
