"""The outreach programme without an engine around it."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from service.domain.calendar import Calendar
from service.domain.outreach.control import ControlGroup
from service.domain.outreach.frequency import Frequency
from service.domain.outreach.gates import Programme
from service.domain.outreach.release import Release, ReleaseState
from service.domain.policy import OutreachPolicy
from service.domain.quiet_times import Quiet
from service.domain.sources import Sources

KEY = b"salt"
"""Of the control group, as the engines of the tests have it."""


def make_programme(
    policy: OutreachPolicy, zone: str = "UTC", state: ReleaseState | None = None, sources: Sources | None = None
) -> Programme:
    calendar = Calendar(ZoneInfo(zone))
    return Programme(
        policy,
        Release(policy, calendar, state),
        ControlGroup(policy.control_share, policy.control_rotates, KEY, calendar),
        Quiet(policy.quiet, calendar.zone, sources or Sources(calendar, 48.0)),
        Frequency(policy),
    )
