"""Section "Alerts": how many absences would have been noticed, when, and who came back all by themselves.

Told are the first alerts of each absence, whatever was decided about them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta

from markupsafe import Markup

from service.backtest.alert_log import Alert
from service.backtest.calibration import wilson
from service.backtest.run import Result
from service.domain.findings import Kind
from service.report import charts
from service.report.material import Facts
from service.report.noticed import Absences, absences_of
from service.wording.formats import Formats

FEWEST = 20
"""With fewer alerts a share tells nothing: its 95 % interval is 40 points wide."""


@dataclass(frozen=True, slots=True)
class Alerts:
    sentences: list[str]
    chart_title: str
    chart: Markup
    chart_told: str
    outcomes: list[str]


def compose(facts: Facts, formats: Formats) -> Alerts:
    result = facts.result
    found = absences_of(result.alerts.first())
    title, nudges = formats.say("alerts.per_week"), _nudges(result.alerts, formats)
    if not found.absences:
        return Alerts([formats.say("alerts.none"), *nudges], title, Markup(), "", [])
    by_week = _by_week(result, formats)
    mean, most = sum(by_week.values()) / len(by_week), max(by_week.values())
    told = formats.say("alerts.per_week.told", mean=formats.decimal(mean), most=formats.count(most))
    labels = [formats.label(week, "yMMMd") for week in by_week]
    left_out = result.alerts.absences - found.absences
    return Alerts(
        sentences=[
            *_noticed(found, left_out, formats),
            needless_sentence(facts, formats),
            *_returns(found, formats),
            *nudges,
        ],
        chart_title=title,
        chart=charts.bars(title, told, labels, [*by_week.values()], lambda number: formats.count(round(number))),
        chart_told=told,
        outcomes=_outcomes(result.alerts, formats),
    )


def _noticed(found: Absences, left_out: int, formats: Formats) -> list[str]:
    """`left_out` = absences that a limit of messages kept from an alert."""
    counted = formats.say(
        f"alerts.counted.{formats.form(found.absences)}",
        count=formats.count(found.absences),
        silence=formats.days(found.silence_days or 0.0),
        gaps=formats.measured(found.silence_gaps or 0.0, "gap"),
    )
    return [counted, formats.counted(left_out, "alerts.left_out")] if left_out else [counted]


def needless_sentence(facts: Facts, formats: Formats) -> str:
    """The headline figure of what the policy tried cost: the share of needless alerts, as terminal and CSV files say
    it too."""
    found = facts.evaluation.policy
    if found.known < FEWEST or found.needless_share is None:
        return formats.say("alerts.needless.unknown", alerts=formats.counted(round(found.known), "alert"))
    low, high = wilson(round(found.needless), round(found.known))
    return formats.say(
        "alerts.needless",
        share=formats.share(found.needless_share),
        part=formats.count(round(found.needless)),
        whole=formats.count(round(found.known)),
        day=formats.local_day(facts.result.visits.evaluate_from_us),
        low=formats.share(low, whole=True),
        high=formats.share(high, whole=True),
    )


def _returns(found: Absences, formats: Formats) -> list[str]:
    """How many came back within the log, and how long after the alert; nothing where nobody did."""
    if found.return_days is None:
        return []
    lead = formats.say(
        "alerts.lead",
        part=formats.count(found.came_back),
        whole=formats.count(found.absences),
        days=formats.days(found.return_days),
    )
    return [f"{lead} {formats.say('alerts.lead.others')}" if found.came_back < found.absences else lead]


def _nudges(alerts: Iterable[Alert], formats: Formats) -> list[str]:
    """What became of those who were nudged towards their next visit; nothing where nobody was."""
    count = back = 0
    for alert in alerts:
        if alert.decision.kind is not Kind.WIN_BACK:
            count += 1
            back += alert.returned_us is not None
    if not count:
        return []
    return [formats.say(f"alerts.nudges.{formats.form(count)}", count=formats.count(count), part=formats.count(back))]


def decided(facts: Facts, formats: Formats) -> list[str]:
    """The same as one sentence; none where nothing was decided."""
    outcomes = _outcomes(facts.result.alerts, formats)
    return [f"{formats.say('alerts.outcomes')} {', '.join(outcomes)}."] if outcomes else []


def _outcomes(alerts: Iterable[Alert], formats: Formats) -> list[str]:
    """What was decided about all alerts of absences, the most frequent first."""
    outcomes = Counter(
        (alert.decision.outcome.value, alert.decision.reason.value)
        for alert in alerts
        if alert.decision.kind is Kind.WIN_BACK
    )
    return [
        formats.say(
            "alerts.outcome",
            outcome=formats.catalogue.optional(f"outcome.{outcome}") or outcome,
            reason=formats.catalogue.optional(f"reason.{reason}") or reason,
            count=formats.count(count),
        )
        for (outcome, reason), count in outcomes.most_common()
    ]


def _by_week(result: Result, formats: Formats) -> dict[date, int]:
    """Alerts in each week of the log, by its Monday."""
    found = Counter(_monday(alert.decision.detected_us, formats) for alert in result.alerts.first())
    first, last = _monday(result.first_us, formats), max(_monday(result.last_us, formats), *found)
    weeks = (first + timedelta(weeks=number) for number in range((last - first).days // 7 + 1))
    return {week: found[week] for week in weeks}


def _monday(at_us: int, formats: Formats) -> date:
    day = formats.date_of(at_us)
    return day - timedelta(days=day.weekday())
