"""Small figures of page and report as inline SVG. Colours come from the style sheet: the page allows no inline
styles."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

from service.wording.formats import Formats

_WIDTH, _HEIGHT, _MARGIN = 160.0, 36.0, 3.0


@dataclass(frozen=True, slots=True)
class BarLine:
    """One category with its number and bar."""

    name: str
    label: str
    number: str
    bar: Markup


def sparkline(values: Sequence[float | None], label: str) -> Markup:
    """A line over equal steps above (or below) a line at 0, with a dot at the last known value. None leaves a gap.

    The axis begins at 0, so that a small change looks small. Empty where fewer than two values are known: one point is
    no trend.
    """
    known = [value for value in values if value is not None]
    if len(known) < 2:
        return Markup()
    low, high = min(0.0, *known), max(0.0, *known)
    step = (_WIDTH - 2 * _MARGIN) / (len(values) - 1)

    def point(index: int, value: float) -> tuple[float, float]:
        height = (value - low) / (high - low) if high > low else 0.5
        return _MARGIN + index * step, _HEIGHT - _MARGIN - height * (_HEIGHT - 2 * _MARGIN)

    ground = point(0, 0.0)[1]
    path, last, pen_up = [], (0.0, 0.0), True
    for index, value in enumerate(values):
        if value is not None:
            last = point(index, value)
            path.append(f"{'M' if pen_up else 'L'}{last[0]:.1f} {last[1]:.1f}")
        pen_up = value is None
    return Markup(  # noqa: S704 - numbers, and an escaped label
        f'<svg class="trend" viewBox="0 0 {_WIDTH:.0f} {_HEIGHT:.0f}" preserveAspectRatio="none" role="img" '
        f'aria-label="{escape(label)}">'
        f'<path class="zero" d="M0 {ground:.1f}h{_WIDTH:.0f}"/>'
        f'<path d="{"".join(path)}"/><path class="dot" d="M{last[0]:.1f} {last[1]:.1f}h0"/></svg>'
    )


def bar(part: float, most: float) -> Markup:
    """A bar of part / most of the full width; decoration beside a number."""
    width = 100 * part / most if most > 0 else 0.0
    return Markup(  # noqa: S704 - a number
        '<svg class="bar" viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true">'
        f'<rect class="track" width="100" height="8"/><rect width="{width:.1f}" height="8"/></svg>'
    )


def bar_lines(group: str, counts: Mapping[str, int], formats: Formats) -> list[BarLine]:
    """How many are in each category of the group, beside the largest of them."""
    most = max(counts.values())
    return [
        BarLine(name, formats.say(f"{group}.{name}"), formats.count(count), bar(count, most))
        for name, count in counts.items()
    ]
