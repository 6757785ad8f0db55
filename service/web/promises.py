"""Promised beside realised: what the policy asked of the alerts, and what they did, by how well the regulars were known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from babel.numbers import format_decimal

from service.domain.outreach.realised import CLASSES, FEWEST_WRONG, ClassRealised
from service.domain.policy import Measure, OutreachPolicy
from service.wording.formats import Words


@dataclass(frozen=True, slots=True)
class Promises:
    """A table, ready to print."""

    promised: list[str]
    """Sentences."""
    columns: list[str]
    rows: list[tuple[str, list[str]]]
    """(visits, cells); the last row is of all."""
    thin: str
    """Says so where the wrong alerts are too few to hold the policy to them; else empty."""


def compose_promises(kept: Sequence[ClassRealised], outreach: OutreachPolicy, words: Words) -> Promises:
    """`kept`: as `ShopFacts.kept` gives it."""
    whole = kept[-1]
    by_share = outreach.measure is Measure.PROBABILITY
    thin = whole.wrong_alerts < FEWEST_WRONG
    return Promises(
        _promised(outreach, words),
        [
            words.say("kept.visits"),
            words.say("kept.share" if by_share else "kept.rate"),
            words.say("kept.wrong"),
            words.say("kept.alerts"),
            words.say("kept.volume"),
            words.say("kept.back"),
        ],
        [(_class_name(index, words), _cells(one, words, by_share=by_share)) for index, one in enumerate(kept)],
        words.say("kept.thin", count=words.count(whole.wrong_alerts), fewest=words.count(FEWEST_WRONG)) if thin else "",
    )


def as_numbers(kept: Sequence[ClassRealised], outreach: OutreachPolicy) -> dict[str, object]:
    """The same for programs: shares and rates as the settings count them, null where nothing is behind them."""
    return {
        "promised": {
            "measure": outreach.measure.value,
            "level": outreach.level,
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


def _promised(outreach: OutreachPolicy, words: Words) -> list[str]:
    said: list[str] = []
    per_100, per_day = outreach.volume_per_100_visits, outreach.volume_per_day
    if per_100 is not None:
        said.append(words.say("kept.promised.volume", level=_plain(per_100, words)))
    if per_day is not None:
        said.append(words.say("kept.promised.volume_per_day", level=_plain(per_day, words)))
    if not said:
        share = outreach.measure is Measure.PROBABILITY
        level = words.percent(100.0 * outreach.level) if share else _plain(outreach.level, words)
        said.append(words.say(f"kept.promised.{outreach.measure.value}", level=level))
    return said


def _class_name(index: int, words: Words) -> str:
    if index == len(CLASSES):
        return words.say("kept.all")
    low, high = CLASSES[index]
    if index + 1 == len(CLASSES):
        return words.say("kept.from", low=low)
    return words.say("kept.upto", high=high) if index == 0 else words.say("kept.between", low=low, high=high)


def _cells(one: ClassRealised, words: Words, *, by_share: bool) -> list[str]:
    share, rate = one.wrong_share(), one.wrong_per_year()
    volume, back = one.alerts_per_100_visits(), one.back_soon_share()
    wrong = (None if share is None else words.percent(100.0 * share)) if by_share else _rate(rate, words)
    return [
        "–" if wrong is None else wrong,
        words.count(one.wrong_alerts),
        words.count(one.alerts),
        "–" if volume is None else _plain(volume, words),
        "–" if back is None or one.alerts < FEWEST_WRONG else words.percent(100.0 * back, whole=True),
    ]


def _rate(number: float | None, words: Words) -> str | None:
    return None if number is None else str(format_decimal(number, "0.00", locale=words.tongue.locale))


def _plain(number: float, words: Words) -> str:
    return str(format_decimal(number, "#,##0.##", locale=words.tongue.locale))
