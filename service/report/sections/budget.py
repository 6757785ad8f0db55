"""Section "Which budget?": what more or fewer wrong alerts would buy, and which budget is proposed."""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup

from service.backtest.budgets import NEEDLESS_MOST, Proposal, Step
from service.backtest.judging import Judgement
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
    found = facts.judgement
    title = formats.say("budget.chart")
    told = proposal_sentence(found.proposal, found.steps, formats)
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
            [formats.plain(step.budget) for step in found.steps],
            [[step.captured for step in found.steps], [step.tally.needless_share for step in found.steps]],
            lambda share: formats.share(share, whole=True),
        ),
        formats.say("budget.chart.told"),
        [formats.say(f"budget.column.{each}") for each in ("per_week", "per_alert", "captured", "needless", "late")],
        [_line(step, step.budget == budget, step is found.proposal.step, formats) for step in found.steps],
    )


def proposal_in_words(judgement: Judgement) -> str:
    """The proposal as the report says it, for the command line, which speaks the default language."""
    formats = Formats(ShopSettings(), catalogue_in(DEFAULT))
    return proposal_sentence(judgement.proposal, judgement.steps, formats)


def proposal_sentence(proposal: Proposal | None, steps: list[Step], formats: Formats) -> str:
    """For a marketer: the budget, what it brings, and why not more."""
    if proposal is None:
        return formats.say("budget.unknown")
    step = proposal.step
    said = formats.say(
        "budget.proposed" if proposal.within else "budget.none_within",
        budget=formats.plain(step.budget),
        most=formats.share(NEEDLESS_MOST, whole=True),
        alerts=formats.measured(step.per_week, "alert"),
        visits=formats.measured(step.per_alert, "visit"),
        captured=formats.share(step.captured, whole=True),
        needless=formats.share(step.tally.needless_share or 0.0, whole=True),
    )
    above = next((each for each in steps if each.budget > step.budget and each.counts), None)
    if above is None or not proposal.within:
        return said
    more = formats.say(
        "budget.more",
        budget=formats.plain(above.budget),
        visits=formats.measured(above.per_alert, "visit"),
        captured=formats.share(above.captured, whole=True),
        needless=formats.share(above.tally.needless_share or 0.0, whole=True),
        extra=formats.share(above.tally.less(step.tally).needless_share or 0.0, whole=True),
    )
    return f"{said} {more}"


def _line(step: Step, is_tried: bool, proposed: bool, formats: Formats) -> Line:
    marks = [formats.say(key) for key, holds in (("budget.tried", is_tried), ("budget.is_proposed", proposed)) if holds]
    needless, late = step.tally.needless_share, step.tally.late_share
    return Line(
        formats.plain(step.budget),
        ", ".join(marks),
        [
            (formats.decimal(step.per_week), repr(step.per_week)),
            (formats.plain(step.per_alert), repr(step.per_alert)),
            (formats.share(step.captured), repr(step.captured)),
            (formats.share(needless), repr(needless)),
            (formats.share(late), repr(late)),
        ],
    )
