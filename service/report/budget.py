"""Section "Which budget?": what more or fewer wrong alerts would buy, and which budget is proposed."""

from __future__ import annotations

from dataclasses import dataclass

from babel.numbers import format_decimal
from markupsafe import Markup

from service.backtest.budgets import NEEDLESS_MOST, Proposal, TriedBudget
from service.backtest.evaluation import Evaluation
from service.config import ShopSettings
from service.domain.policy import Measure
from service.report import charts
from service.report.material import Facts
from service.report.read import tried
from service.report.texts import tongue_in
from service.wording.formats import Words
from service.wording.sentences import Language


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


def compose(facts: Facts, words: Words) -> Budget:
    found = facts.evaluation
    title = words.say("budget.chart")
    told = proposal_sentence(found.proposal, found.budgets, words)
    if found.proposal is None:
        return Budget([words.say("budget.intro")], told, title, Markup(), "", [], [])
    outreach = facts.result.settings.outreach
    rule, _ = tried(outreach, words)
    budget = outreach.level if rule == Measure.BUDGET.value else None
    return Budget(
        [words.say("budget.intro")],
        told,
        title,
        charts.lines(
            title,
            words.say("budget.chart.told"),
            [_plain(each.budget, words) for each in found.budgets],
            [
                [each.captured for each in found.budgets],
                [each.performance.needless_share for each in found.budgets],
            ],
            lambda share: words.percent(100 * share, whole=True),
        ),
        words.say("budget.chart.told"),
        [words.say(f"budget.column.{each}") for each in ("per_week", "per_alert", "captured", "needless", "late")],
        [_line(each, each.budget == budget, each is found.proposal.chosen, words) for each in found.budgets],
    )


def proposal_in_words(evaluation: Evaluation) -> str:
    """The proposal as the report says it, for the command line, which speaks English."""
    words = Words(ShopSettings(), tongue_in(Language.EN))
    return proposal_sentence(evaluation.proposal, evaluation.budgets, words)


def proposal_sentence(proposal: Proposal | None, budgets: list[TriedBudget], words: Words) -> str:
    """For a marketer: the budget, what it brings, and why not more."""
    if proposal is None:
        return words.say("budget.unknown")
    chosen = proposal.chosen
    said = words.say(
        "budget.proposed" if proposal.within else "budget.none_within",
        budget=_plain(chosen.budget, words),
        most=words.percent(100 * NEEDLESS_MOST, whole=True),
        alerts=words.measured(chosen.per_week, "alert"),
        visits=words.measured(chosen.per_alert, "visit"),
        captured=words.percent(100 * chosen.captured, whole=True),
        needless=words.percent(100 * (chosen.performance.needless_share or 0.0), whole=True),
    )
    above = next((each for each in budgets if each.budget > chosen.budget and each.counts), None)
    if above is None or not proposal.within:
        return said
    more = words.say(
        "budget.more",
        budget=_plain(above.budget, words),
        visits=words.measured(above.per_alert, "visit"),
        captured=words.percent(100 * above.captured, whole=True),
        needless=words.percent(100 * (above.performance.needless_share or 0.0), whole=True),
        extra=words.percent(100 * (above.performance.less(chosen.performance).needless_share or 0.0), whole=True),
    )
    return f"{said} {more}"


def _line(shown: TriedBudget, is_tried: bool, proposed: bool, words: Words) -> Line:
    marks = [words.say(key) for key, holds in (("budget.tried", is_tried), ("budget.is_proposed", proposed)) if holds]
    needless, late = shown.performance.needless_share, shown.performance.late_share
    return Line(
        _plain(shown.budget, words),
        ", ".join(marks),
        [
            (words.decimal(shown.per_week), repr(shown.per_week)),
            (_plain(shown.per_alert, words), repr(shown.per_alert)),
            (words.percent(100 * shown.captured), repr(shown.captured)),
            ("–" if needless is None else words.percent(100 * needless), repr(needless)),
            ("–" if late is None else words.percent(100 * late), repr(late)),
        ],
    )


def _plain(number: float, words: Words) -> str:
    return str(format_decimal(number, "0.##", locale=words.tongue.locale))
