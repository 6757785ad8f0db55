"""Section "Alerts": how many absences would have been noticed, when, and who came back all by themselves.

Counted are the first alerts of an absence, whatever was decided about them. "Unaided" needs no guess: the log holds what
happened without this service.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from statistics import median

from babel.dates import format_skeleton
from markupsafe import Markup

from service.backtest.alert_log import Alert
from service.backtest.calibration import wilson
from service.domain.calendar import DAY_US, to_datetime
from service.domain.findings import Kind
from service.report import charts
from service.report.material import Facts
from service.wording.formats import Words

FEWEST = 20
"""With fewer alerts a share tells nothing: its 95 % interval is 40 points wide."""


@dataclass(frozen=True, slots=True)
class AlertFacts:
    """All None where there is nothing to count."""

    absences: int
    known: int
    """Alerts after which the log goes on for one usual gap at least."""
    unaided: int
    """Of those: back within one usual gap."""
    came_back: int
    """Of all, ever within the log."""
    silence_days: float | None
    """Median silence at the alert."""
    silence_gaps: float | None
    """The same in usual gaps."""
    return_days: float | None
    """Median days from the alert to the return, of those who came back."""


@dataclass(frozen=True, slots=True)
class Alerts:
    sentences: list[str]
    chart_title: str
    chart: Markup
    chart_told: str
    outcomes: list[str]


def facts_of(alerts: Iterable[Alert], last_us: int) -> AlertFacts:
    """`alerts` = the first of each absence; `last_us` = last event of the log."""
    absences = known = unaided = 0
    days, gaps, back = array("d"), array("d"), array("d")
    for alert in alerts:
        made = alert.decision
        absences += 1
        days.append(made.evidence.gap_days)
        gaps.append(made.evidence.gap_days / made.evidence.usual_gap_days)
        within_us = made.detected_us + int(made.evidence.usual_gap_days * DAY_US)
        if alert.returned_us is not None:
            back.append((alert.returned_us - made.detected_us) / DAY_US)
        if within_us <= last_us:
            known += 1
            unaided += alert.returned_us is not None and alert.returned_us <= within_us
    return AlertFacts(
        absences=absences,
        known=known,
        unaided=unaided,
        came_back=len(back),
        silence_days=median(days) if days else None,
        silence_gaps=median(gaps) if gaps else None,
        return_days=median(back) if back else None,
    )


def compose(facts: Facts, words: Words) -> Alerts:
    result = facts.result
    found = facts_of(result.alerts.first(), result.last_us)
    title = words.say("alerts.per_week")
    if not found.absences:
        return Alerts([words.say("alerts.none"), *_nudges(result.alerts, words)], title, Markup(), "", [])
    weeks = Counter(_monday(alert.decision.detected_us, words) for alert in result.alerts.first())
    all_weeks = _weeks(_monday(result.first_us, words), max(_monday(result.last_us, words), *weeks))
    counts = [weeks[week] for week in all_weeks]
    told = words.say(
        "alerts.per_week.told", mean=words.decimal(found.absences / len(all_weeks)), most=words.count(max(counts))
    )
    labels = [str(format_skeleton("yMMMd", week, locale=words.tongue.locale)) for week in all_weeks]
    outcomes = Counter(
        (alert.decision.outcome.value, alert.decision.reason.value)
        for alert in result.alerts
        if alert.decision.kind is Kind.WIN_BACK
    )
    return Alerts(
        sentences=_sentences(found, result.alerts.absences - found.absences, words) + _nudges(result.alerts, words),
        chart_title=title,
        chart=charts.bars(title, told, labels, counts, lambda number: words.count(round(number))),
        chart_told=told,
        outcomes=[
            words.say(
                "alerts.outcome",
                outcome=words.tongue.optional(f"outcome.{outcome}") or outcome,
                reason=words.tongue.optional(f"reason.{reason}") or reason,
                count=words.count(count),
            )
            for (outcome, reason), count in outcomes.most_common()
        ],
    )


def _nudges(alerts: Iterable[Alert], words: Words) -> list[str]:
    """What became of those who were nudged towards their next visit; nothing where nobody was."""
    count = back = 0
    for alert in alerts:
        if alert.decision.kind is not Kind.WIN_BACK:
            count += 1
            back += alert.returned_us is not None
    if not count:
        return []
    return [words.say(f"alerts.nudges.{words.form(count)}", count=words.count(count), part=words.count(back))]


def _sentences(found: AlertFacts, left_out: int, words: Words) -> list[str]:
    """`left_out` = absences that a limit of messages kept from an alert."""
    said = [
        words.say(
            f"alerts.counted.{'one' if found.absences == 1 else 'other'}",
            count=words.count(found.absences),
            silence=words.days(found.silence_days or 0.0),
            gaps=words.measured(found.silence_gaps or 0.0, "gap"),
        )
    ]
    if left_out:
        said.append(words.counted(left_out, "alerts.left_out"))
    if found.known < FEWEST:
        said.append(words.say("alerts.unaided.unknown", alerts=words.counted(found.known, "alert")))
    else:
        low, high = wilson(found.unaided, found.known)
        said.append(
            words.say(
                "alerts.unaided",
                share=words.percent(100 * found.unaided / found.known),
                part=words.count(found.unaided),
                whole=words.count(found.known),
                low=words.percent(100 * low, whole=True),
                high=words.percent(100 * high, whole=True),
            )
        )
    if found.return_days is not None:
        lead = words.say(
            "alerts.lead",
            part=words.count(found.came_back),
            whole=words.count(found.absences),
            days=words.days(found.return_days),
        )
        others = words.say("alerts.lead.others") if found.came_back < found.absences else ""
        said.append(f"{lead} {others}".rstrip())
    return said


def _monday(at_us: int, words: Words) -> date:
    day = to_datetime(at_us).astimezone(words.zone).date()
    return day - timedelta(days=day.weekday())


def _weeks(first: date, last: date) -> list[date]:
    return [first + timedelta(days=7 * number) for number in range((last - first).days // 7 + 1)]
