"""Subject lines in English, by kind of message and rung."""

from __future__ import annotations

from collections.abc import Mapping

SUBJECTS: Mapping[str, tuple[str, str]] = {
    "win_back": ("{name}, we miss you", "We miss you"),
    "win_back.incentive": ("{name}, a little something for you", "A little something for you"),
    "second_visit": ("{name}, shall we see you again?", "Shall we see you again?"),
    "service_recovery": ("{name}, we are sorry", "We are sorry"),
    "service_recovery.resolved": ("You told us, {name}: here is what we did", "You told us: here is what we did"),
    "milestone": ("{name}, that was your {visit} visit", "That was your {visit} visit"),
    "delight": ("{name}, a small thank-you from us", "A small thank-you from us"),
    "feedback_request": ("{name}, how was it?", "How was it?"),
    "follow_up": ("Thank you, {name}", "Thank you for coming"),
}


def ordinal(number: int) -> str:
    """1st, 2nd, 3rd, 4th, 11th, 21st."""
    ending = "th" if 10 <= number % 100 <= 20 else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"
