"""Section "Which budget?": what more or fewer wrong alerts would buy, and which budget is proposed."""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup

from service.backtest.budgets import NEEDLESS_MOST, Proposal, TriedBudget
from service.backtest.evaluation import Evaluation
from service.config import ShopSettings
from service.domain.policy import Measure
from service.report import charts
from service.report.material import Facts
from service.report.sections.what_was_read import tried
from service.wording.catalogue import catalogue_in
from service.wording.formats import Formats
from service.wording.languages import DEFAULT


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
    found = facts.evaluation
    title = formats.say("budget.chart")
    told = proposal_sentence(found.proposal, found.budgets, formats)
    if found.proposal is None:
        return Budget([formats.say("budget.intro")], told, title, Markup(), "", [], [])
    outreach = facts.result.settings.outreach
    rule, _ = tried(outreach, formats)
    budget = outreach.level if rule == Measure.BUDGET.value else None
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
        [_line(each, each.budget == budget, each is found.proposal.chosen, formats) for each in found.budgets],
    )


def proposal_in_words(evaluation: Evaluation) -> str:
    """The proposal as the report says it, for the command line, which speaks the default language."""
    formats = Formats(ShopSettings(), catalogue_in(DEFAULT))
    return proposal_sentence(evaluation.proposal, evaluation.budgets, formats)


def proposal_sentence(proposal: Proposal | None, budgets: list[TriedBudget], formats: Formats) -> str:
    """For a marketer: the budget, what it brings, and why not more."""
    if proposal is None:
        return formats.say("budget.unknown")
    chosen = proposal.chosen
    said = formats.say(
        "budget.proposed" if proposal.within else "budget.none_within",
        budget=formats.plain(chosen.budget),
        most=formats.share(NEEDLESS_MOST, whole=True),
        alerts=formats.measured(chosen.per_week, "alert"),
        visits=formats.measured(chosen.per_alert, "visit"),
        captured=formats.share(chosen.captured, whole=True),
        needless=formats.share(chosen.performance.needless_share or 0.0, whole=True),
    )
    above = next((each for each in budgets if each.budget > chosen.budget and each.counts), None)
    if above is None or not proposal.within:
        return said
    more = formats.say(
        "budget.more",
        budget=formats.plain(above.budget),
        visits=formats.measured(above.per_alert, "visit"),
        captured=formats.share(above.captured, whole=True),
        needless=formats.share(above.performance.needless_share or 0.0, whole=True),
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
