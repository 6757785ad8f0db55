"""Section "A few customers": stories drawn as time lines.

Letters stand for the customers: a report is passed around, and ids name people.
"""

from __future__ import annotations

from dataclasses import dataclass
from string import ascii_uppercase

from markupsafe import Markup
from msgspec.structs import replace

from service.backtest.alert_log import Alert
from service.backtest.stories import Example, examples
from service.domain.calendar import DAY_US
from service.report.material import Facts
from service.report.timeline_chart import KEYS, draw_key, draw_timeline
from service.wording.formats import Formats
from service.wording.sentences import sentence


@dataclass(frozen=True, slots=True)
class TimeLine:
    name: str
    title: str
    told: str
    drawing: Markup
    begin: str
    end: str
    outcome: str
    """What became of the alert; empty where there was none."""


@dataclass(frozen=True, slots=True)
class TimeLines:
    intro: str
    lines: list[TimeLine]
    keys: list[tuple[str, Markup, str]]
    """(name, drawing, what it stands for)"""


def compose(facts: Facts, formats: Formats) -> TimeLines:
    found = examples(facts.result.visits, facts.result.alerts.first())
    if not found:
        return TimeLines(formats.say("timelines.none"), [], [])
    keys = [(key, draw_key(key), formats.say(f"timelines.key.{key}")) for key in KEYS]
    lines = [_line(ascii_uppercase[place], example, formats) for place, example in enumerate(found)]
    return TimeLines(formats.say("timelines.intro"), lines, keys)


def _line(letter: str, example: Example, formats: Formats) -> TimeLine:
    story = example.story.value
    title, told = formats.say(f"timelines.{story}", letter=letter), _told(letter, example, formats)
    return TimeLine(
        story,
        title,
        told,
        draw_timeline(example, f"{title}. {told}"),
        formats.local_day(example.from_us),
        formats.local_day(example.until_us),
        _outcome(example.alert, formats) if example.alert else "",
    )


def _told(letter: str, example: Example, formats: Formats) -> str:
    """As the alert would have said it; of who had none, how they came."""
    if example.alert is None:
        return formats.say(
            "timelines.loyal.told",
            letter=letter,
            visits=formats.count(example.count),
            longest=formats.days(example.longest_days),
        )
    made = example.alert.decision
    return sentence(made.kind, replace(made.evidence, first_name=None), letter, formats.catalogue.language)


def _outcome(alert: Alert, formats: Formats) -> str:
    on = formats.local_day(alert.decision.detected_us)
    if alert.returned_us is None:
        return formats.say("timelines.gone", day=on)
    days = (alert.returned_us - alert.decision.detected_us) / DAY_US
    return formats.say("timelines.back", day=on, days=formats.days(days))
