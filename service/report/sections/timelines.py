"""Section "A few customers": stories drawn as time lines. Letters stand for the customers: a report is passed around, and ids name people."""

from __future__ import annotations

from dataclasses import dataclass
from string import ascii_uppercase
from typing import Final
from xml.etree.ElementTree import Element, SubElement, tostring

from markupsafe import Markup
from msgspec.structs import replace

from service.backtest.stories import Example, examples
from service.domain.calendar import DAY_US
from service.report.material import Facts
from service.wording.formats import Formats
from service.wording.sentences import sentence

_WIDTH: Final = 520.0
_HEIGHT: Final = 50.0
_EDGE: Final = 8.0
_MIDDLE: Final = 32.0


@dataclass(frozen=True, slots=True)
class TimeLine:
    name: str
    title: str
    told: str
    drawing: Markup
    begin: str
    end: str
    outcome: str


@dataclass(frozen=True, slots=True)
class TimeLines:
    intro: str
    lines: list[TimeLine]
    keys: list[tuple[str, Markup, str]]


def compose(facts: Facts, formats: Formats) -> TimeLines:
    found = examples(facts.result.visits, facts.result.alerts.first())
    if not found:
        return TimeLines(formats.say("timelines.none"), [], [])
    keys = [(key, _key(key), formats.say(f"timelines.key.{key}")) for key in ("visit", "usual", "alert", "return")]
    lines = [_line(ascii_uppercase[place], example, formats) for place, example in enumerate(found)]
    return TimeLines(formats.say("timelines.intro"), lines, keys)


def _line(letter: str, example: Example, formats: Formats) -> TimeLine:
    story = example.story.value
    title = formats.say(f"timelines.{story}", letter=letter)
    if example.alert is None:
        told = formats.say(
            "timelines.loyal.told",
            letter=letter,
            visits=formats.count(example.count),
            longest=formats.days(example.longest_days),
        )
        outcome = ""
    else:
        made = example.alert.decision
        told = sentence(made.kind, replace(made.evidence, first_name=None), letter, formats.catalogue.language)
        outcome = _outcome(example, formats)
    return TimeLine(
        story,
        title,
        told,
        _drawn(example, f"{title}. {told}"),
        formats.local_day(example.from_us),
        formats.local_day(example.until_us),
        outcome,
    )


def _outcome(example: Example, formats: Formats) -> str:
    alert = example.alert
    if alert is None:
        return ""
    on = formats.local_day(alert.decision.detected_us)
    if alert.returned_us is None:
        return formats.say("timelines.gone", day=on)
    days = (alert.returned_us - alert.decision.detected_us) / DAY_US
    return formats.say("timelines.back", day=on, days=formats.days(days))


def _drawn(example: Example, label: str) -> Markup:
    """Visits as dots on a line; from the last one before the silence a band of one usual gap; the alert; the return as a ring."""
    scale = (_WIDTH - 2 * _EDGE) / max(1, example.until_us - example.from_us)

    def x(at_us: float) -> float:
        return round(_EDGE + (min(at_us, example.until_us) - example.from_us) * scale, 1)

    drawing = Element(
        "svg", {"class": "timeline", "viewBox": f"0 0 {_WIDTH:.0f} {_HEIGHT:.0f}", "role": "img", "aria-label": label}
    )
    SubElement(drawing, "title").text = label
    end = x(example.until_us)
    alert = example.alert
    if alert is None:
        _stroke(drawing, "life", x(example.from_us), end)
    else:
        made = alert.decision
        quiet, usual = made.quiet_since_us, made.evidence.usual_gap_days * DAY_US
        back = alert.returned_us
        _stroke(drawing, "life", x(example.from_us), x(quiet))
        _stroke(drawing, "silence", x(quiet), end if back is None else x(back))
        if back is not None:
            _stroke(drawing, "life", x(back), end)
        band = {
            "class": "usual",
            "x": f"{x(quiet)}",
            "y": f"{_MIDDLE - 7}",
            "width": f"{max(1.0, x(quiet + usual) - x(quiet)):.1f}",
            "height": "14",
        }
        SubElement(drawing, "rect", band)
        SubElement(drawing, "path", {"class": "alert", "d": _flag(x(made.detected_us))})
    for at in example.visits:
        is_return = alert is not None and alert.returned_us is not None and at == alert.returned_us
        _dot(drawing, "return" if is_return else "visit", x(at))
    return Markup(tostring(drawing, encoding="unicode"))  # noqa: S704 - serialised by the XML library, which escapes


def _stroke(drawing: Element, kind: str, begin: float, end: float) -> None:
    SubElement(drawing, "path", {"class": kind, "d": f"M{begin} {_MIDDLE}H{end}"})


def _dot(drawing: Element, kind: str, x: float) -> None:
    SubElement(drawing, "circle", {"class": kind, "cx": f"{x}", "cy": f"{_MIDDLE}", "r": "5"})


def _flag(x: float) -> str:
    """A pole with a pennant."""
    return f"M{x} {_MIDDLE + 9}V4l11 5l-11 5"


def _key(kind: str) -> Markup:
    drawing = Element("svg", {"class": "timeline key", "viewBox": "0 0 22 46", "aria-hidden": "true"})
    if kind == "usual":
        SubElement(drawing, "rect", {"class": "usual", "x": "1", "y": f"{_MIDDLE - 7}", "width": "20", "height": "14"})
    elif kind == "alert":
        SubElement(drawing, "path", {"class": "alert", "d": _flag(6.0)})
    else:
        _dot(drawing, kind, 11.0)
    return Markup(tostring(drawing, encoding="unicode"))  # noqa: S704 - serialised by the XML library, which escapes
