"""Section "What was read": events, customers, days, rows left out, and the policy that was tried."""

from __future__ import annotations

from dataclasses import dataclass

from babel.numbers import format_decimal

from service.config import OutreachSettings
from service.domain.calendar import to_datetime
from service.domain.policy import Measure
from service.report.material import Facts
from service.wording.formats import Words


@dataclass(frozen=True, slots=True)
class Read:
    tiles: list[tuple[str, str, str]]
    """(what, number as shown, raw number)"""
    span: str
    policy: str
    skipped: list[str]
    examples: list[str]


def compose(facts: Facts, words: Words) -> Read:
    result = facts.result
    report, engines = result.report, result.engines
    regulars = sum(engine.everybody.state.regulars for engine in engines)
    outreach = result.settings.outreach
    rule, level = tried(outreach, words)
    noticed = "absences" if rule == outreach.measure.value else "alerts"
    counts = {
        "events": result.events,
        "customers": facts.customers.customers,
        "regulars": regulars,
        noticed: sum(1 for _ in result.alerts.first()),
    }
    return Read(
        tiles=[(words.say(f"read.{name}"), words.count(number), str(number)) for name, number in counts.items()],
        span=words.say(
            "read.span",
            first=words.day(to_datetime(result.first_us).astimezone(words.zone).date()),
            last=words.day(to_datetime(result.last_us).astimezone(words.zone).date()),
        ),
        policy=words.say(
            "read.policy",
            rule=words.say(f"read.policy.{rule}", level=level),
            visits=result.settings.shop.regular_min_visits,
        ),
        skipped=[f"{words.count(number)} × {reason}" for reason, number in report.skipped.most_common()],
        examples=[str(example) for example in report.examples],
    )


def tried(outreach: OutreachSettings, words: Words) -> tuple[str, str]:
    """What the first alert of an absence goes by, and its level: under a limit of messages that limit, whatever the measure."""
    locale = words.tongue.locale
    for name in ("volume_per_100_visits", "volume_per_day"):
        limit = getattr(outreach, name)
        if limit is not None:
            return name, str(format_decimal(limit, locale=locale))
    if outreach.measure is Measure.PROBABILITY:
        return outreach.measure.value, words.percent(100 * outreach.level)
    return outreach.measure.value, str(format_decimal(outreach.level, locale=locale))
