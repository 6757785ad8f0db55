"""docs/pictures/anna.svg: how the date of the worked customer of docs/deciding.md is found. The numbers are those of
the text there; the curve is one that has them."""

from __future__ import annotations

import math
from typing import Final

VISITS, GAP_DAYS = 12, 7.0
BASE_DAYS: Final = GAP_DAYS * math.pow(VISITS / 10, 0.3)
SHARE: Final = 1.0 * 1.3 * GAP_DAYS / 365
"""Of her healthy gaps that may be alerted: budget 1, κ 1.3."""
DATE_DAYS: Final = 4.3 * BASE_DAYS
AGAIN: Final = 0.8
"""Part of the way at which she is looked at once more."""
_STEEPNESS: Final = math.log(1 / SHARE - 1) / math.log(DATE_DAYS / GAP_DAYS)
_WIDE, _HIGH, _LEFT, _TOP, _DAYS = 720, 330, 60, 30, 42
_X: Final = (_WIDE - _LEFT - 20) / _DAYS
_Y: Final = _HIGH - _TOP - 60


def still_open(days: float) -> float:
    """Part of the healthy silences that last longer: a half after the usual gap."""
    return 1 / (1 + math.pow(days / GAP_DAYS, _STEEPNESS))


def picture() -> str:
    """As SVG that looks the same on light and dark pages."""
    curve = " ".join(f"{_x(day / 2):.1f},{_y(still_open(day / 2)):.1f}" for day in range(2 * _DAYS + 1))
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDE} {_HIGH}" role="img" font-family="sans-serif" font-size="13">',
        "<title>How Anna's date is found</title>",
        f'<rect width="{_WIDE}" height="{_HIGH}" fill="#ffffff"/>',
        *(_tick(day) for day in range(0, _DAYS + 1, 7)),
        *(_level(percent) for percent in (25, 50, 75, 100)),
        _line(0, SHARE, DATE_DAYS, SHARE, "#b3403a"),
        _line(DATE_DAYS, 0, DATE_DAYS, 0.62, "#b3403a"),
        _line(AGAIN * DATE_DAYS, 0, AGAIN * DATE_DAYS, 0.36, "#777777"),
        _line(GAP_DAYS, 0, GAP_DAYS, still_open(GAP_DAYS), "#777777"),
        f'<polyline points="{curve}" fill="none" stroke="#1f5f8b" stroke-width="2.5"/>',
        _text(GAP_DAYS + 3, 0.66, "part of the healthy silences", "#1f5f8b"),
        _text(GAP_DAYS + 3, 0.6, "that last longer", "#1f5f8b"),
        _text(AGAIN * DATE_DAYS - 6.5, 0.4, "she is looked at once more", "#555555"),
        _text(DATE_DAYS - 4.8, 0.72, f"day {DATE_DAYS:.0f}: her date", "#b3403a"),
        _text(DATE_DAYS - 4.8, 0.66, f"{SHARE:.1%} last longer", "#b3403a"),
        _text(0, -0.2, "days since her last visit"),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _x(day: float) -> float:
    return _LEFT + day * _X


def _y(share: float) -> float:
    return _TOP + (1 - share) * _Y


def _line(day: float, share: float, to_day: float, to_share: float, colour: str) -> str:
    return (
        f'<line x1="{_x(day):.1f}" y1="{_y(share):.1f}" x2="{_x(to_day):.1f}" y2="{_y(to_share):.1f}" '
        f'stroke="{colour}" stroke-dasharray="5 4"/>'
    )


def _text(day: float, share: float, text: str, colour: str = "#333333") -> str:
    return f'<text x="{_x(day):.1f}" y="{_y(share):.1f}" fill="{colour}">{text}</text>'


def _tick(day: int) -> str:
    return f'<text x="{_x(day):.1f}" y="{_y(0) + 20:.1f}" fill="#333333" text-anchor="middle">{day}</text>'


def _level(percent: int) -> str:
    y = _y(percent / 100)
    return (
        f'<line x1="{_LEFT}" y1="{y:.1f}" x2="{_WIDE - 20}" y2="{y:.1f}" stroke="#e4e4e4"/>'
        f'<text x="{_LEFT - 8}" y="{y + 4:.1f}" fill="#333333" text-anchor="end">{percent} %</text>'
    )
