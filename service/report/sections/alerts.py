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

from markupsafe import Markup

from service.backtest.alert_log import Alert
from service.backtest.calibration import wilson
from service.domain.calendar import DAY_US
from service.domain.findings import Kind
from service.report import charts
from service.report.material import Facts
from service.wording.formats import Formats

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


def compose(facts: Facts, formats: Formats) -> Alerts:
    result = facts.result
    found = facts_of(result.alerts.first(), result.last_us)
    title = formats.say("alerts.per_week")
    if not found.absences:
        return Alerts([formats.say("alerts.none"), *_nudges(result.alerts, formats)], title, Markup(), "", [])
    weeks = Counter(_monday(alert.decision.detected_us, formats) for alert in result.alerts.first())
    all_weeks = _weeks(_monday(result.first_us, formats), max(_monday(result.last_us, formats), *weeks))
    counts = [weeks[week] for week in all_weeks]
    told = formats.say(
        "alerts.per_week.told", mean=formats.decimal(found.absences / len(all_weeks)), most=formats.count(max(counts))
    )
    labels = [formats.label(week, "yMMMd") for week in all_weeks]
    outcomes = Counter(
        (alert.decision.outcome.value, alert.decision.reason.value)
        for alert in result.alerts
        if alert.decision.kind is Kind.WIN_BACK
    )
    return Alerts(
        sentences=_sentences(found, result.alerts.absences - found.absences, formats) + _nudges(result.alerts, formats),
        chart_title=title,
        chart=charts.bars(title, told, labels, counts, lambda number: formats.count(round(number))),
        chart_told=told,
        outcomes=[
            formats.say(
                "alerts.outcome",
                outcome=formats.catalogue.optional(f"outcome.{outcome}") or outcome,
                reason=formats.catalogue.optional(f"reason.{reason}") or reason,
                count=formats.count(count),
            )
            for (outcome, reason), count in outcomes.most_common()
        ],
    )


def _nudges(alerts: Iterable[Alert], formats: Formats) -> list[str]:
    """What became of those who were nudged towards their next visit; nothing where nobody was."""
    count = back = 0
    for alert in alerts:
        if alert.decision.kind is Kind.SECOND_VISIT:
            count += 1
            back += alert.returned_us is not None
    if not count:
        return []
    return [formats.say(f"alerts.nudges.{formats.form(count)}", count=formats.count(count), part=formats.count(back))]


def _sentences(found: AlertFacts, left_out: int, formats: Formats) -> list[str]:
    """`left_out` = absences that a limit of messages kept from an alert."""
    said = [
        formats.say(
            f"alerts.counted.{formats.form(found.absences)}",
            count=formats.count(found.absences),
            silence=formats.days(found.silence_days or 0.0),
            gaps=formats.measured(found.silence_gaps or 0.0, "gap"),
        )
    ]
    if left_out:
        said.append(formats.counted(left_out, "alerts.left_out"))
    if found.known < FEWEST:
        said.append(formats.say("alerts.unaided.unknown", alerts=formats.counted(found.known, "alert")))
    else:
        low, high = wilson(found.unaided, found.known)
        said.append(
            formats.say(
                "alerts.unaided",
                share=formats.share(found.unaided / found.known),
                part=formats.count(found.unaided),
                whole=formats.count(found.known),
                low=formats.share(low, whole=True),
                high=formats.share(high, whole=True),
            )
        )
    if found.return_days is not None:
        lead = formats.say(
            "alerts.lead",
            part=formats.count(found.came_back),
            whole=formats.count(found.absences),
            days=formats.days(found.return_days),
        )
        others = formats.say("alerts.lead.others") if found.came_back < found.absences else ""
        said.append(f"{lead} {others}".rstrip())
    return said


def _monday(at_us: int, formats: Formats) -> date:
    day = formats.date_of(at_us)
    return day - timedelta(days=day.weekday())


def _weeks(first: date, last: date) -> list[date]:
    return [first + timedelta(days=7 * number) for number in range((last - first).days // 7 + 1)]
