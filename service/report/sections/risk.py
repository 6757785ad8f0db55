"""Section "How good is the churn risk?": what was predicted halfway through the log against what came after."""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup

from service.backtest.calibration import FEWEST, Bin, Quality
from service.report import charts
from service.report.material import Facts
from service.wording.formats import Formats


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


def compose(facts: Facts, formats: Formats) -> Risk:
    found = facts.result.calibration
    day = formats.local_day(found.at_us)
    how = [formats.say("risk.how", day=day, customers=formats.count(found.everybody.customers))]
    if found.left_out:
        how.append(formats.say("risk.left_out", count=formats.count(found.left_out)))
    if not found.learned:
        how.append(formats.say("risk.unlearned"))
    return Risk(how, [_judged("everybody", found.everybody, formats), _judged("regulars", found.regulars, formats)])


def _judged(name: str, quality: Quality, formats: Formats) -> Judged:
    title, chart_title = formats.say(f"risk.{name}"), formats.say("risk.chart")
    if not quality.enough or quality.auc_risk is None:
        return Judged(name, title, [_thin(quality, formats)], chart_title, Markup(), "", [], [], "")
    low, high = (formats.share(quality.bins[place].predicted) for place in (0, -1))
    told = formats.say("risk.chart.told", low=low, high=high)
    columns = ("customers", "predicted", "observed", "range", "risk")
    return Judged(
        name=name,
        title=title,
        sentences=[formats.say("risk.auc", pairs=formats.decimal(100 * quality.auc_risk)), _mean(quality, formats)],
        chart_title=chart_title,
        chart=charts.calibration(
            f"{chart_title}, {title}",
            told,
            [(each.predicted, each.observed, each.low, each.high) for each in quality.bins],
            lambda share: formats.share(share, whole=True),
        ),
        chart_told=told,
        columns=[formats.say(f"risk.column.{column}") for column in columns],
        rows=[_row(each, formats) for each in quality.bins],
        note=_note(quality, formats),
    )


def _thin(quality: Quality, formats: Formats) -> str:
    return formats.say(
        "risk.thin",
        away=formats.count(quality.stayed_away),
        back=formats.count(quality.customers - quality.stayed_away),
        fewest=FEWEST,
    )


def _mean(quality: Quality, formats: Formats) -> str:
    """Predicted and observed of all together, and the tenth in which they are furthest apart."""
    predicted = sum(each.predicted * each.customers for each in quality.bins) / quality.customers
    widest = max(quality.bins, key=lambda each: abs(each.predicted - each.observed))
    return formats.say(
        "risk.mean",
        predicted=formats.share(predicted),
        observed=formats.share(quality.stayed_away / quality.customers),
        widest=formats.measured(100 * abs(widest.predicted - widest.observed), "point"),
    )


def _row(each: Bin, formats: Formats) -> BinRow:
    interval = f"{formats.share(each.low, whole=True)} – {formats.share(each.high, whole=True)}"
    return BinRow(
        each.customers,
        [
            (formats.count(each.customers), str(each.customers)),
            (formats.share(each.predicted), repr(each.predicted)),
            (formats.share(each.observed), repr(each.observed)),
            (interval, f"{each.low!r} {each.high!r}"),
            (formats.share(each.churn_risk), repr(each.churn_risk)),
        ],
    )


def _note(quality: Quality, formats: Formats) -> str:
    def exact(number: float | None) -> str:
        return formats.say("unknown") if number is None else formats.decimal(number, 3)

    return formats.say(
        "risk.note",
        risk=exact(quality.auc_risk),
        chance=exact(quality.auc_chance),
        health=exact(quality.auc_health),
        with_health=formats.count(quality.with_health),
        brier=exact(quality.brier),
        brier_of_mean=exact(quality.brier_of_mean),
    )
