"""How the numbers of a sentence are rounded, whatever the language."""

from __future__ import annotations

from service.domain.events import Survey

HIGHEST = {Survey.NPS: 10, Survey.CSAT: 5, Survey.CES: 7}
"""What the best answer to each survey is."""
_FEW = 0.25
"""Shares below it are called few."""


def whole_days(days: float) -> int:
    """At least 1: nobody is away for 0 days."""
    return max(1, round(days))


def percent(share: float) -> str | None:
    """Whole percents of a share 0–1, with one decimal below 1 %; None below 0.1 %, which would read as none."""
    number = share * 100
    if number < 0.1:
        return None
    return f"{number:.0f}" if number >= 0.95 else f"{number:.1f}"


def is_few(share: float) -> bool:
    """Whether the share is few, and not already said to be fewer than anything."""
    return percent(share) is not None and share < _FEW
