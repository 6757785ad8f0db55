"""Section "What was read": events, customers, days, rows left out, and the policy that was tried."""

from __future__ import annotations

from dataclasses import dataclass

from babel.numbers import format_decimal

from service.domain.calendar import to_datetime
from service.report.facts import Facts
from service.web.words import Words


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
    regulars = sum(engine.population.state.regulars for engine in engines)
    counts = {
        "events": result.events,
        "customers": facts.customers.customers,
        "regulars": regulars,
        "absences": result.alerts.absences,
    }
    outreach = result.settings.outreach
    return Read(
        tiles=[(words.say(f"read.{name}"), words.count(number), str(number)) for name, number in counts.items()],
        span=words.say(
            "read.span",
            first=words.day(to_datetime(result.first_us).astimezone(words.zone).date()),
            last=words.day(to_datetime(result.last_us).astimezone(words.zone).date()),
        ),
        policy=words.say(
            "read.policy",
            rule=words.say(
                f"read.policy.{outreach.measure.value}",
                level=format_decimal(outreach.level, locale=words.tongue.locale),
            ),
            visits=result.settings.shop.regular_min_visits,
        ),
        skipped=[f"{words.count(number)} × {reason}" for reason, number in report.skipped.most_common()],
        examples=[str(example) for example in report.examples],
    )
