"""One customer's story drawn as a time line, and the signs of its key."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final
from xml.etree.ElementTree import Element, SubElement, tostring

from markupsafe import Markup

from service.backtest.alert_log import Alert
from service.backtest.stories import Example
from service.domain.calendar import DAY_US

KEYS: Final = ("visit", "usual", "alert", "return")
_WIDTH: Final = 520.0
_HEIGHT: Final = 50.0
_EDGE: Final = 8.0
_MIDDLE: Final = 32.0

Place = Callable[[float], float]
"""Time in µs → x."""


def draw_timeline(example: Example, label: str) -> Markup:
    """Visits are dots on a line, the return is a ring; a band of one usual gap begins the silence, a flag is the
    alert."""
    scale = (_WIDTH - 2 * _EDGE) / max(1, example.until_us - example.from_us)

    def place(at_us: float) -> float:
        return round(_EDGE + (min(at_us, example.until_us) - example.from_us) * scale, 1)

    drawing = Element(
        "svg", {"class": "timeline", "viewBox": f"0 0 {_WIDTH:.0f} {_HEIGHT:.0f}", "role": "img", "aria-label": label}
    )
    SubElement(drawing, "title").text = label
    alert = example.alert
    if alert is None:
        _stroke(drawing, "life", place(example.from_us), place(example.until_us))
    else:
        _silence(drawing, example, alert, place)
    returned_us = None if alert is None else alert.returned_us
    for at_us in example.visits:
        _dot(drawing, "return" if at_us == returned_us else "visit", place(at_us))
    return _markup(drawing)


def draw_key(kind: str) -> Markup:
    """One of KEYS, on its own."""
    drawing = Element("svg", {"class": "timeline key", "viewBox": "0 0 22 46", "aria-hidden": "true"})
    if kind == "usual":
        _band(drawing, "1", "20")
    elif kind == "alert":
        _flag(drawing, 6.0)
    else:
        _dot(drawing, kind, 11.0)
    return _markup(drawing)


def _silence(drawing: Element, example: Example, alert: Alert, place: Place) -> None:
    """The line with its silence, what would have been usual, and the alert."""
    made, end, back = alert.decision, place(example.until_us), alert.returned_us
    quiet, usual = made.quiet_since_us, made.evidence.usual_gap_days * DAY_US
    _stroke(drawing, "life", place(example.from_us), place(quiet))
    _stroke(drawing, "silence", place(quiet), end if back is None else place(back))
    if back is not None:
        _stroke(drawing, "life", place(back), end)
    _band(drawing, f"{place(quiet)}", f"{max(1.0, place(quiet + usual) - place(quiet)):.1f}")
    _flag(drawing, place(made.detected_us))


def _stroke(drawing: Element, kind: str, begin: float, end: float) -> None:
    SubElement(drawing, "path", {"class": kind, "d": f"M{begin} {_MIDDLE}H{end}"})


def _dot(drawing: Element, kind: str, x: float) -> None:
    SubElement(drawing, "circle", {"class": kind, "cx": f"{x}", "cy": f"{_MIDDLE}", "r": "5"})


def _band(drawing: Element, x: str, width: str) -> None:
    SubElement(drawing, "rect", {"class": "usual", "x": x, "y": f"{_MIDDLE - 7}", "width": width, "height": "14"})


def _flag(drawing: Element, x: float) -> None:
    """A pole with a pennant."""
    SubElement(drawing, "path", {"class": "alert", "d": f"M{x} {_MIDDLE + 9}V4l11 5l-11 5"})


def _markup(drawing: Element) -> Markup:
    return Markup(tostring(drawing, encoding="unicode"))  # noqa: S704 - serialised by the XML library, which escapes
