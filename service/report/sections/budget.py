"""Section "Which budget?": what more or fewer wrong alerts would buy, and which budget is proposed."""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup

from service.backtest.budgets import NEEDLESS_MOST, TriedBudget
from service.report import charts
from service.report.material import Facts
from service.report.proposed import budget_tried, proposed_of, shown_of
from service.wording.formats import Formats


@dataclass(frozen=True, slots=True)
class Line:
    label: str
    mark: str
    """"tried", "proposed" or both, in words; empty for neither."""
    cells: list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Budget:
    sentences: list[str]
    proposed: str
    chart_title: str
    chart: Markup
    chart_told: str
    columns: list[str]
    lines: list[Line]


def compose(facts: Facts, formats: Formats) -> Budget:
    found = shown_of(facts)
    title = formats.say("budget.chart")
    told = proposal_sentence(facts, formats)
    if found.chosen is None:
        return Budget([formats.say("budget.intro")], told, title, Markup(), "", [], [])
    tried, proposed = budget_tried(facts.result.settings.outreach), proposed_of(facts)
    is_proposed = proposed is not None and proposed.budget is not None
    return Budget(
        [formats.say("budget.intro")],
        told,
        title,
        charts.lines(
            title,
            formats.say("budget.chart.told"),
            [formats.plain(each.budget) for each in found.budgets],
            [
                [each.captured for each in found.budgets],
                [each.performance.needless_share for each in found.budgets],
            ],
            lambda share: formats.share(share, whole=True),
        ),
        formats.say("budget.chart.told"),
        [formats.say(f"budget.column.{each}") for each in ("per_week", "per_alert", "captured", "needless", "late")],
        [_line(each, each.budget == tried, is_proposed and each is found.chosen, formats) for each in found.budgets],
    )


def proposal_sentence(facts: Facts, formats: Formats) -> str:
    """For a marketer: the budget, what it brings, and why not more; for whoever would rather promise something, where
    nothing needs to be."""
    found, proposed, proposal = shown_of(facts), proposed_of(facts), facts.evaluation.proposal
    chosen = found.chosen
    if proposal is None or chosen is None:
        return formats.say("budget.unknown")
    by_default = proposed is not None and proposed.budget is None
    said = formats.say(
        ("budget.instead" if by_default else "budget.proposed") if proposal.within else "budget.none_within",
        budget=formats.plain(chosen.budget),
        most=formats.share(NEEDLESS_MOST, whole=True),
        alerts=formats.measured(chosen.per_week, "alert"),
        visits=formats.measured(chosen.per_alert, "visit"),
        captured=formats.share(chosen.captured),
        needless=formats.share(chosen.performance.needless_share or 0.0),
    )
    above = next((each for each in found.budgets if each.budget > chosen.budget and each.counts), None)
    if above is None or not proposal.within:
        return said
    more = formats.say(
        "budget.more",
        budget=formats.plain(above.budget),
        visits=formats.measured(above.per_alert, "visit"),
        captured=formats.share(above.captured),
        needless=formats.share(above.performance.needless_share or 0.0),
        extra=formats.share(above.performance.less(chosen.performance).needless_share or 0.0, whole=True),
    )
    return f"{said} {more}"


def _line(shown: TriedBudget, is_tried: bool, proposed: bool, formats: Formats) -> Line:
    marks = [formats.say(key) for key, holds in (("budget.tried", is_tried), ("budget.is_proposed", proposed)) if holds]
    needless, late = shown.performance.needless_share, shown.performance.late_share
    return Line(
        formats.plain(shown.budget),
        ", ".join(marks),
        [
            (formats.decimal(shown.per_week), repr(shown.per_week)),
            (formats.plain(shown.per_alert), repr(shown.per_alert)),
            (formats.share(shown.captured), repr(shown.captured)),
            (formats.share(needless), repr(needless)),
            (formats.share(late), repr(late)),
        ],
    )
