"""Section "How good is the churn risk?": what was predicted halfway through the log against what came after."""

from __future__ import annotations

from dataclasses import dataclass

from babel.numbers import format_decimal
from markupsafe import Markup

from service.backtest.calibration import FEWEST, Bin, Quality
from service.domain.calendar import to_datetime
from service.report import charts
from service.report.material import Facts
from service.wording.formats import Words


@dataclass(frozen=True, slots=True)
class BinRow:
    """A tenth of the customers as a row of the table; pairs are (as shown, raw, shares 0–1)."""

    customers: int
    cells: list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Judged:
    """One group of customers."""

    name: str
    title: str
    sentences: list[str]
    chart_title: str
    chart: Markup
    chart_told: str
    columns: list[str]
    rows: list[BinRow]
    note: str


@dataclass(frozen=True, slots=True)
class Risk:
    how: list[str]
    groups: list[Judged]


def compose(facts: Facts, words: Words) -> Risk:
    found = facts.result.calibration
    day = words.day(to_datetime(found.at_us).astimezone(words.zone).date())
    how = [words.say("risk.how", day=day, customers=words.count(found.everybody.customers))]
    if found.left_out:
        how.append(words.say("risk.left_out", count=words.count(found.left_out)))
    if not found.learned:
        how.append(words.say("risk.unlearned"))
    return Risk(how, [_judged("everybody", found.everybody, words), _judged("regulars", found.regulars, words)])


def _judged(name: str, quality: Quality, words: Words) -> Judged:
    title, chart_title = words.say(f"risk.{name}"), words.say("risk.chart")
    if not quality.enough or quality.auc_risk is None:
        thin = words.say(
            "risk.thin",
            away=words.count(quality.stayed_away),
            back=words.count(quality.customers - quality.stayed_away),
            fewest=FEWEST,
        )
        return Judged(name, title, [thin], chart_title, Markup(), "", [], [], "")
    predicted = sum(each.predicted * each.customers for each in quality.bins) / quality.customers
    widest = max(quality.bins, key=lambda each: abs(each.predicted - each.observed))
    sentences = [
        words.say("risk.auc", pairs=words.decimal(100 * quality.auc_risk)),
        words.say(
            "risk.mean",
            predicted=_percent(predicted, words),
            observed=_percent(quality.stayed_away / quality.customers, words),
            widest=words.measured(100 * abs(widest.predicted - widest.observed), "point"),
        ),
    ]
    told = words.say(
        "risk.chart.told",
        low=_percent(quality.bins[0].predicted, words),
        high=_percent(quality.bins[-1].predicted, words),
    )
    return Judged(
        name=name,
        title=title,
        sentences=sentences,
        chart_title=chart_title,
        chart=charts.calibration(
            f"{chart_title}, {title}",
            told,
            [(each.predicted, each.observed, each.low, each.high) for each in quality.bins],
            lambda share: words.percent(100 * share, whole=True),
        ),
        chart_told=told,
        columns=[
            words.say(f"risk.column.{column}") for column in ("customers", "predicted", "observed", "range", "risk")
        ],
        rows=[_row(each, words) for each in quality.bins],
        note=_note(quality, words),
    )


def _row(each: Bin, words: Words) -> BinRow:
    interval = f"{words.percent(100 * each.low, whole=True)} – {words.percent(100 * each.high, whole=True)}"
    return BinRow(
        each.customers,
        [
            (words.count(each.customers), str(each.customers)),
            (_percent(each.predicted, words), repr(each.predicted)),
            (_percent(each.observed, words), repr(each.observed)),
            (interval, f"{each.low!r} {each.high!r}"),
            (_percent(each.churn_risk, words), repr(each.churn_risk)),
        ],
    )


def _note(quality: Quality, words: Words) -> str:
    def exact(number: float | None) -> str:
        if number is None:
            return words.say("unknown")
        return str(format_decimal(number, "0.000", locale=words.tongue.locale))

    return words.say(
        "risk.note",
        risk=exact(quality.auc_risk),
        chance=exact(quality.auc_chance),
        health=exact(quality.auc_health),
        with_health=words.count(quality.with_health),
        brier=exact(quality.brier),
        brier_of_mean=exact(quality.brier_of_mean),
    )


def _percent(share: float, words: Words) -> str:
    return words.percent(100 * share)
