"""Visits and silence of one customer as a small drawing, to the same scale of days from left to right."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from markupsafe import Markup, escape

_MARGIN = 5.0
_SHORTEST_DAYS = 14
"""A life of two days is not drawn as if it filled years."""


def timeline(days: Sequence[date], today: date, label: str, *, width: float = 200.0, height: float = 20.0) -> Markup:
    """A dot for each visit, and a bar from the last one to today. `days`: ascending; empty: nothing is drawn."""
    if not days:
        return Markup()
    first, last = days[0], days[-1]
    span = max(_SHORTEST_DAYS, (max(today, last) - first).days)
    step, middle = (width - 2 * _MARGIN) / span, height / 2

    def place(day: date) -> float:
        return _MARGIN + step * (day - first).days

    dots = "".join(f"M{place(day):.1f} {middle:.1f}h0" for day in days)
    silence = max(0.0, place(today) - place(last))
    return Markup(  # noqa: S704 - numbers, and an escaped label
        f'<svg class="timeline" viewBox="0 0 {width:.0f} {height:.0f}" role="img" aria-label="{escape(label)}">'
        f'<path class="ground" d="M{_MARGIN} {middle:.1f}H{width - _MARGIN:.1f}"/>'
        f'<rect class="silence" x="{place(last):.1f}" y="{middle - 3:.1f}" width="{silence:.1f}" height="6"/>'
        f'<path class="visits" d="{dots}"/></svg>'
    )
