"""Charts of the report as inline SVG.

They are drawn by pygal: pure Python, 130 kB and one small dependency, where altair and vl-convert bring a 33 MB browser
engine for the same lines and bars. The page of the worker has none of them, so that no worker loads it; what both draw
is in `service/wording/figures.py`.

What pygal adds for pages of its own is taken out again (script, style, tooltips, comments). Colours and fonts come from
the report's style sheet, so that the charts follow the reader's dark mode and print well. Numbers become titles that a
mouse shows.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Any, Final
from xml.etree.ElementTree import Element, SubElement, tostring

from markupsafe import Markup
from pygal import XY, Bar, Config, Line
from pygal.etree import etree
from pygal.style import Style

# pygal hooks itself into every import for plug-ins with maps, in a way that Python warns of (ImportWarning). There are
# none here.
sys.meta_path[:] = [finder for finder in sys.meta_path if type(finder).__module__ != "pygal"]

# Where lxml is installed, for whatever else, it would draw with that, and the elements would be of another kind.
etree.to_etree()

WIDTH, HEIGHT = 520, 270
_FONT = 15
"""The size that room is left for, in units of WIDTH: that of the style sheet on a phone, where a chart is 320 px
wide."""
_LETTER = 8.0
"""Width of a letter of that size, about."""
_LABEL_ROOM = 430.0
"""What is left of WIDTH beside the labels of the vertical axis."""
_LEFT_OUT: Final = frozenset({"script", "style", "defs"})
_OVERLAYS: Final = frozenset({"text-overlay", "tooltip-overlay", "tooltip"})

_STEPS: Final = (0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0)
"""Between the labels of a horizontal axis."""

Tick = Callable[[float], str]


def line(title: str, told: str, labels: Sequence[str], values: Sequence[float | None], tick: Tick) -> Markup:
    """One value a period; None leaves a gap."""
    chart = Line(_config(tick), show_dots=len(values) <= 60, allow_interruptions=True, include_x_axis=True)
    return _drawn(_labelled(chart, labels), title, told, [list(values)])


def lines(title: str, told: str, labels: Sequence[str], series: Sequence[Sequence[float | None]], tick: Tick) -> Markup:
    """Several values a step, from 0 up; the classes are serie-0, serie-1 …"""
    chart = Line(_config(tick), allow_interruptions=True, include_x_axis=True)
    return _drawn(_labelled(chart, labels), title, told, [list(values) for values in series])


def bars(title: str, told: str, labels: Sequence[str], values: Sequence[float | None], tick: Tick) -> Markup:
    chart = Bar(_config(tick), spacing=6, rounded_bars=1)
    return _drawn(_labelled(chart, labels), title, told, [list(values)])


def calibration(title: str, told: str, points: Sequence[tuple[float, float, float, float]], tick: Tick) -> Markup:
    """Dots with their intervals beside the diagonal on which a perfect prediction lies.

    `points` = (predicted, observed, low, high), shares 0–1. The classes are serie-0 (diagonal), serie-1 (intervals) and
    serie-2 (dots).
    """
    shares = [0.0, 0.25, 0.5, 0.75, 1.0]
    chart = XY(
        _config(tick),
        height=WIDTH * 0.75,
        x_value_formatter=tick,
        x_labels=shares,
        x_labels_major=shares,
        y_labels=shares,
        xrange=(0.0, 1.0),
        range=(0.0, 1.0),
        allow_interruptions=True,
    )
    intervals: list[tuple[float | None, float | None]] = []
    for predicted, _, low, high in points:
        intervals += [(predicted, low), (predicted, high), (None, None)]
    dots = [(predicted, observed) for predicted, observed, _, _ in points]
    return _drawn(chart, title, told, [[(0.0, 0.0), (1.0, 1.0)], intervals, dots])


def frontier(
    title: str,
    told: str,
    curves: Sequence[Sequence[tuple[float, float]]],
    here: tuple[float, float],
    x_tick: Tick,
    tick: Tick,
) -> Markup:
    """Curves over a common measure, from 0 up, and a dot for where one stands. The classes are serie-0 and so on, the
    dot's is the last."""
    most_x = max(x for x, _ in [here, *(point for curve in curves for point in curve)])
    step = next((each for each in _STEPS if most_x <= 5.0 * each), _STEPS[-1])
    labels = [step * number for number in range(int(most_x / step) + 1)]
    chart = XY(
        _config(tick),
        x_value_formatter=x_tick,
        x_labels=labels,
        x_labels_major=labels,
        xrange=(0.0, most_x),
        include_x_axis=True,
    )
    return _drawn(chart, title, told, [*curves, [here]])


def _config(tick: Tick) -> Any:
    return Config(
        width=WIDTH,
        height=HEIGHT,
        style=Style(label_font_size=_FONT, major_label_font_size=_FONT, font_family="sans-serif"),
        no_prefix=True,
        show_legend=False,
        show_minor_x_labels=False,
        truncate_label=-1,
        margin=6,
        margin_right=28,
        spacing=6,
        dots_size=3,
        js=[],
        value_formatter=tick,
        y_labels_major_count=5,
        min_scale=3,
        max_scale=6,
    )


def _labelled(chart: Any, labels: Sequence[str]) -> Any:
    """Few labels, so that they stay readable: every n-th, away from the edges, where half of one finds no room."""
    longest = max(map(len, labels))
    most = max(1, int(_LABEL_ROOM / ((longest + 2) * _LETTER)))
    step = max(1, -(-len(labels) // most))
    chart.x_labels = list(labels)
    chart.x_labels_major = list(labels[step // 2 :: step])
    return chart


def _drawn(chart: Any, title: str, told: str, series: Sequence[Sequence[Any]]) -> Markup:
    for values in series:
        chart.add("", values)
    drawn: Element = chart.render_tree()
    _clean(drawn)
    view_box = drawn.attrib["viewBox"]
    drawn.attrib.clear()
    drawn.attrib |= {
        "class": "chart",
        "viewBox": view_box,
        "role": "img",
        "aria-label": f"{title}. {told}",
    }
    for position, (tag, text) in enumerate((("title", title), ("desc", told))):
        element = Element(tag)
        element.text = text
        drawn.insert(position, element)
    return Markup(tostring(drawn, encoding="unicode"))  # noqa: S704 - serialised by the XML library, which escapes


def _clean(parent: Element) -> None:
    """Takes out what the page has no use for; what a mouse is to show becomes a title."""
    shown = ""
    for child in list(parent):
        tag = child.tag if isinstance(child.tag, str) else ""
        kind = child.get("class", "")
        if tag == "desc" and kind == "value":
            shown = child.text or ""
        if not tag or tag in _LEFT_OUT or tag in {"desc", "title"} or not _OVERLAYS.isdisjoint(kind.split()):
            tail = child.tail
            parent.remove(child)
            if tail and tail.strip():
                parent.text = (parent.text or "") + tail
        else:
            _clean(child)
    if shown:
        SubElement(parent, "title").text = shown
