"""Promised beside kept: what the policy asked of the alerts, and what they did, by how well the regulars were known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from service.domain.outreach.realised import CLASSES, FEWEST_WRONG, ClassRealised
from service.domain.outreach.tolerance import capped_from_days
from service.domain.policy import Measure, OutreachPolicy
from service.wording.formats import DASH, Formats


@dataclass(frozen=True, slots=True)
class PromisedAndKept:
    """Sentences and a table, ready to print."""

    promised: list[str]
    """Sentences."""
    columns: list[str]
    rows: list[tuple[str, list[str]]]
    """(visits, cells); the last row is of all."""
    thin: str
    """Says so where the wrong alerts are too few to hold the policy to them; else empty."""


def promised_and_kept(kept: Sequence[ClassRealised], outreach: OutreachPolicy, formats: Formats) -> PromisedAndKept:
    """`kept`: as `ShopFacts.kept` gives it."""
    whole = kept[-1]
    by_share = outreach.measure is Measure.PROBABILITY
    thin = whole.wrong_alerts < FEWEST_WRONG
    return PromisedAndKept(
        _promised(outreach, formats),
        [
            formats.say("kept.visits"),
            formats.say("kept.share" if by_share else "kept.rate"),
            formats.say("kept.wrong"),
            formats.say("kept.alerts"),
            formats.say("kept.volume"),
            formats.say("kept.back"),
        ],
        [(_class_name(index, formats), _cells(one, formats, by_share=by_share)) for index, one in enumerate(kept)],
        formats.say("kept.thin", count=formats.count(whole.wrong_alerts), fewest=formats.count(FEWEST_WRONG))
        if thin
        else "",
    )


def as_numbers(kept: Sequence[ClassRealised], outreach: OutreachPolicy) -> dict[str, object]:
    """The same for programs: shares and rates as the settings count them, null where nothing is behind them."""
    return {
        "promised": {
            "measure": outreach.measure.value,
            "level": outreach.level,
            "patience": outreach.patience if outreach.weighs else None,
            "volume_per_100_visits": outreach.volume_per_100_visits,
            "volume_per_day": outreach.volume_per_day,
        },
        "realised": [
            {
                "visits_from": visits[0] if visits else None,
                "visits_to": visits[1] if visits and index + 1 < len(CLASSES) else None,
                "visits": one.visits,
                "alerts": one.alerts,
                "not_chosen": one.not_chosen,
                "healthy_gaps": one.healthy_gaps,
                "wrong_alerts": one.wrong_alerts,
                "wrong_per_regular_year": one.wrong_per_year(),
                "wrong_share": one.wrong_share(),
                "alerts_per_100_visits": one.alerts_per_100_visits(),
                "back_within_usual_gap_share": one.back_soon_share(),
            }
            for index, (visits, one) in enumerate(zip([*CLASSES, None], kept, strict=True))
        ],
    }


def _promised(outreach: OutreachPolicy, formats: Formats) -> list[str]:
    said: list[str] = []
    per_100, per_day = outreach.volume_per_100_visits, outreach.volume_per_day
    if per_100 is not None:
        said.append(formats.say("kept.promised.volume", level=formats.plain(per_100)))
    if per_day is not None:
        said.append(formats.say("kept.promised.volume_per_day", level=formats.plain(per_day)))
    if not said:
        level = formats.plain(outreach.patience if outreach.weighs else outreach.level)
        if outreach.measure is Measure.PROBABILITY:
            level = formats.share(outreach.level)
        said.append(formats.say(f"kept.promised.{outreach.measure.value}", level=level))
        if outreach.measure is Measure.BUDGET:
            said.append(formats.say("kept.capped", days=formats.days(capped_from_days(outreach.level))))
    return said


def _class_name(index: int, formats: Formats) -> str:
    if index == len(CLASSES):
        return formats.say("kept.all")
    low, high = CLASSES[index]
    if index + 1 == len(CLASSES):
        return formats.say("kept.from", low=low)
    return formats.say("kept.upto", high=high) if index == 0 else formats.say("kept.between", low=low, high=high)


def _cells(one: ClassRealised, formats: Formats, *, by_share: bool) -> list[str]:
    rate, volume = one.wrong_per_year(), one.alerts_per_100_visits()
    per_year = DASH if rate is None else formats.decimal(rate, 2)
    return [
        formats.share(one.wrong_share()) if by_share else per_year,
        formats.count(one.wrong_alerts),
        formats.count(one.alerts),
        DASH if volume is None else formats.plain(volume),
        DASH if one.alerts < FEWEST_WRONG else formats.share(one.back_soon_share(), whole=True),
    ]
