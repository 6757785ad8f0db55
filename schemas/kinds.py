"""Why a customer is written to: the kinds of message. Part of the interface: added to, never renamed."""

from __future__ import annotations

from enum import StrEnum


class Kind(StrEnum):
    """One member for each, also for those that are announced and not sent yet."""

    WIN_BACK = "win_back"
    SERVICE_RECOVERY = "service_recovery"
    SECOND_VISIT = "second_visit"
    MILESTONE = "milestone"
    DELIGHT = "delight"
    FEEDBACK_REQUEST = "feedback_request"
    FOLLOW_UP = "follow_up"
