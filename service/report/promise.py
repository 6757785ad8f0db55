"""Section "Promised and kept": wrong alerts, volume, and who came back unaided, by how well customers were known."""

from __future__ import annotations

from dataclasses import dataclass

from babel.numbers import format_decimal

from service.backtest.wrong_alerts import WrongAlerts
from service.domain.outreach.realised import CLASSES, FEWEST_WRONG
from service.domain.policy import Measure
from service.report.material import Facts
from service.wording.formats import Words


@dataclass(frozen=True, slots=True)
class Row:
    label: str
    cells: list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Promise:
    sentences: list[str]
    columns: list[str]
    rows: list[Row]
    note: str


def compose(facts: Facts, words: Words) -> Promise:
    found, outreach = facts.evaluation, facts.result.settings.outreach
    limited = outreach.volume_per_100_visits is not None or outreach.volume_per_day is not None
    said = []
    if limited:
        said.append(words.say("promise.limited"))
    else:
        share = outreach.measure is Measure.PROBABILITY
        level = words.percent(100 * outreach.level) if share else _plain(outreach.level, words)
        said.append(words.say(f"promise.{outreach.measure.value}", level=level))
    whole = found.wrong_alerts[-1]
    if not whole.enough:
        said.append(words.say("promise.thin", wrong=words.counted(whole.wrong, "wrong"), fewest=FEWEST_WRONG))
    said += _volume(facts, words)
    rated = outreach.measure is Measure.BUDGET
    promised = None if limited or outreach.measure is Measure.MULTIPLE else outreach.level
    columns = ["promised", "rate" if rated else "share", "healthy", "wrong", "unaided"]
    return Promise(
        said,
        [words.say(f"promise.column.{each}") for each in columns],
        [_row(each, promised, words, rated=rated) for each in found.wrong_alerts],
        words.say("promise.note"),
    )


def _volume(facts: Facts, words: Words) -> list[str]:
    found, outreach = facts.evaluation, facts.result.settings.outreach
    if found.alerts_per_100_visits is None:
        return []
    real = _plain(found.alerts_per_100_visits, words)
    if outreach.volume_per_100_visits is not None:
        return [words.say("promise.volume.kept", level=_plain(outreach.volume_per_100_visits, words), real=real)]
    if outreach.volume_per_day is not None:
        a_day = _plain(found.alerts_per_day, words)
        return [words.say("promise.volume_per_day.kept", level=_plain(outreach.volume_per_day, words), real=a_day)]
    return [words.say("promise.volume", real=real)]


def _row(found: WrongAlerts, promised: float | None, words: Words, *, rated: bool) -> Row:
    def shown(value: float | None) -> tuple[str, str]:
        if value is None:
            return "–", ""
        return (_rate(value, words) if rated else words.percent(100 * value)), repr(value)

    if found.visits is None:
        label = words.say("promise.all")
    elif found.visits == CLASSES[-1]:
        label = words.say("promise.visits.more", low=found.visits[0])
    else:
        label = words.say(
            "promise.visits.upto" if found.visits[0] == 0 else "promise.visits",
            low=found.visits[0],
            high=found.visits[1],
        )
    unaided = found.unaided / found.known if found.known >= FEWEST_WRONG else None
    return Row(
        label,
        [
            shown(promised),
            shown(found.rate if rated else found.share),
            (words.count(found.healthy), str(found.healthy)),
            (words.count(found.wrong), str(found.wrong)),
            ("–", "") if unaided is None else (words.percent(100 * unaided), repr(unaided)),
        ],
    )


def _rate(number: float, words: Words) -> str:
    return str(format_decimal(number, "0.00", locale=words.tongue.locale))


def _plain(number: float, words: Words) -> str:
    return str(format_decimal(number, "#,##0.##", locale=words.tongue.locale))
