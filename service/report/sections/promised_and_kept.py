"""Section "Promised and kept": wrong alerts and volume, by how well customers were known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from service.backtest.wrong_alerts import WrongAlerts
from service.config import OutreachSettings
from service.domain.outreach.realised import CLASSES, FEWEST_WRONG
from service.domain.outreach.tolerance import capped_from_days
from service.domain.policy import Measure
from service.report.material import Facts
from service.wording.formats import DASH, Formats


@dataclass(frozen=True, slots=True)
class Row:
    """Customers of a class of evidence. Cells are (as shown, raw)."""

    label: str
    cells: list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class PromisedAndKept:
    sentences: list[str]
    columns: list[str]
    rows: list[Row]
    note: str


_WORTH_TELLING: Final = 0.01
"""Of the absences that are judged."""


def compose(facts: Facts, formats: Formats) -> PromisedAndKept:
    found, outreach = facts.evaluation, facts.result.settings.outreach
    limited = outreach.volume_per_100_visits is not None or outreach.volume_per_day is not None
    said = [formats.say("promise.limited") if limited else _promised(outreach, formats)]
    if not limited:
        said += _capped(facts, formats)
    whole = found.wrong_alerts[-1]
    if not whole.enough:
        said.append(formats.say("promise.thin", wrong=formats.counted(whole.wrong, "wrong"), fewest=FEWEST_WRONG))
    said += _weighed(facts, formats)
    said += _volume(facts, formats)
    rated = outreach.rule in {Measure.BUDGET, Measure.PATIENCE}
    nothing = limited or outreach.rule in {Measure.PATIENCE, Measure.MULTIPLE}
    promised = None if nothing else outreach.promise
    measured = "rate" if rated else "share"
    columns = (
        [f"{measured}_alone", "healthy", "wrong"] if promised is None else ["promised", measured, "healthy", "wrong"]
    )
    return PromisedAndKept(
        said,
        [formats.say(f"promise.column.{each}") for each in columns],
        [_row(each, promised, formats, rated=rated) for each in found.wrong_alerts],
        formats.say("promise.note"),
    )


def _promised(outreach: OutreachSettings, formats: Formats) -> str:
    if outreach.rule is Measure.PATIENCE:
        return formats.say("promise.patience")
    share = outreach.rule is Measure.PROBABILITY
    level = formats.share(outreach.promise) if share else formats.plain(outreach.promise)
    return formats.say(f"promise.{outreach.rule.value}", level=level)


def _capped(facts: Facts, formats: Formats) -> list[str]:
    """That a budget is bounded, where gaps last so long that it is."""
    outreach, usual = facts.result.settings.outreach, facts.evaluation.absences.usual
    if outreach.rule is not Measure.BUDGET or not usual:
        return []
    days = capped_from_days(outreach.promise)
    bounded = sum(1 for each in usual if each > days) / len(usual)
    if bounded < _WORTH_TELLING:
        return []
    share = formats.share(bounded, whole=True)
    return [f"{formats.say('kept.capped', days=formats.days(days))} {formats.say('promise.capped', share=share)}"]


def _weighed(facts: Facts, formats: Formats) -> list[str]:
    """What the default sends and why, by what was learned in the end; of several partitions the one with the most
    regulars speaks."""
    engine = max(facts.result.engines, key=lambda each: each.everybody.state.regulars)
    found = engine.ladder.tolerance.patience
    if found is None:
        return []
    return [
        formats.say(
            "promise.patience.why",
            messages=formats.plain(found.per_100_visits),
            needless=formats.plain(found.needless_per_100_visits),
            saved=formats.share(found.saved_share, whole=True),
            rate=formats.plain(found.rate),
            level=formats.setting(facts.result.settings.outreach.patience),
        )
    ]


def _volume(facts: Facts, formats: Formats) -> list[str]:
    """How many messages there were, beside what was promised of that; nothing where no regular came."""
    found, outreach = facts.evaluation, facts.result.settings.outreach
    if found.alerts_per_100_visits is None:
        return []
    real = formats.plain(found.alerts_per_100_visits)
    if outreach.volume_per_100_visits is not None:
        return [formats.say("promise.volume.kept", level=formats.plain(outreach.volume_per_100_visits), real=real)]
    if outreach.volume_per_day is not None:
        a_day = formats.plain(found.alerts_per_day)
        return [formats.say("promise.volume_per_day.kept", level=formats.plain(outreach.volume_per_day), real=a_day)]
    return [formats.say("promise.volume", real=real)]


def _row(found: WrongAlerts, promised: float | None, formats: Formats, *, rated: bool) -> Row:
    def shown(value: float | None) -> tuple[str, str]:
        if value is None:
            return DASH, ""
        return (formats.decimal(value, 2) if rated else formats.share(value)), repr(value)

    return Row(
        _visits(found, formats),
        [
            *([] if promised is None else [shown(promised)]),
            shown(found.rate if rated else found.share),
            (formats.count(found.healthy), str(found.healthy)),
            (formats.count(found.wrong), str(found.wrong)),
        ],
    )


def _visits(found: WrongAlerts, formats: Formats) -> str:
    """How well the customers of the row were known."""
    if found.visits is None:
        return formats.say("promise.all")
    low, high = found.visits
    if found.visits == CLASSES[-1]:
        return formats.say("promise.visits.more", low=low)
    return formats.say("promise.visits.upto" if low == 0 else "promise.visits", low=low, high=high)
