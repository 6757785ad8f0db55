"""Section "Was it worth it?": the policy beside simple rules that gave as many alerts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from markupsafe import Markup

from service.backtest.baselines import Baseline, BaselineResult
from service.backtest.comparison import Performance
from service.backtest.evaluation import Evaluation
from service.backtest.frontier import Frontier, Point, frontier_of
from service.domain.policy import Measure
from service.report import charts
from service.report.material import Facts
from service.wording.figures import bar
from service.wording.formats import Formats


@dataclass(frozen=True, slots=True)
class Rule:
    """A row of the table. Cells are (as shown, raw)."""

    name: str
    label: str
    meaning: str
    bar: Markup
    cells: list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Compare:
    sentences: list[str]
    rules: list[Rule]
    columns: list[str]
    note: str
    chart_title: str = ""
    chart_told: str = ""
    chart: Markup | None = None
    """Captured against needless; None where there is too little to draw."""


def compose(facts: Facts, formats: Formats) -> Compare:
    found = facts.evaluation
    intro = _intro(facts, formats)
    if not found.baselines:
        return Compare([*intro, formats.say("compare.thin")], [], [], "")
    told = formats.say("compare.policy"), formats.say("compare.policy.told")
    rules = [
        _rule("policy", *told, found.policy, facts, formats),
        *(_rule(each.name.value, *_named(each, formats), each.performance, facts, formats) for each in found.baselines),
    ]
    columns = ("captured_4", "captured_8", "needless", "late", "lead")
    frontier = frontier_of(facts.result, found)
    title, told_of_chart = formats.say("compare.chart"), formats.say("compare.chart.told")
    return Compare(
        [
            *intro,
            formats.say("compare.granted"),
            *_beside_the_best(found, formats),
            *([] if frontier is None else _on_the_frontier(frontier, facts, formats)),
        ],
        rules,
        [formats.say(f"compare.column.{each}") for each in columns],
        formats.say("compare.note"),
        title,
        told_of_chart,
        None if frontier is None else _drawn(frontier, title, told_of_chart, formats),
    )


def _on_the_frontier(frontier: Frontier, facts: Facts, formats: Formats) -> list[str]:
    """Where the policy sits between captured and needless; and why, where patience put it there."""
    here = frontier.policy
    rule, other = frontier.best_simple(here.needless)
    said = formats.say(
        "compare.frontier",
        needless=formats.decimal(here.needless),
        share=formats.share(here.captured),
        rule=_within(formats.say(f"compare.{rule.value}")),
        other=formats.share(other),
    )
    outreach = facts.result.settings.outreach
    limited = outreach.volume_per_100_visits is not None or outreach.volume_per_day is not None
    half, twice = (frontier.patience.get(times * outreach.patience) for times in (0.5, 2.0))
    if limited or outreach.rule is not Measure.PATIENCE or half is None or twice is None:
        return [said]
    why = formats.say(
        "compare.frontier.why",
        level=formats.setting(outreach.patience),
        few=formats.decimal(half.needless),
        less=formats.share(half.captured),
        many=formats.decimal(twice.needless),
        more=formats.share(twice.captured),
    )
    return [f"{said} {why}"]


def _drawn(frontier: Frontier, title: str, told: str, formats: Formats) -> Markup:
    def placed(points: Iterable[Point]) -> list[tuple[float, float]]:
        return sorted((point.needless, point.captured) for point in points)

    here = frontier.policy
    curves = [*(placed(points) for points in frontier.simple.values()), placed(frontier.patience.values())]
    return charts.frontier(
        title,
        told,
        curves,
        (here.needless, here.captured),
        formats.decimal,
        lambda share: formats.share(share, whole=True),
    )


def _intro(facts: Facts, formats: Formats) -> list[str]:
    found, visits = facts.evaluation, facts.result.visits
    intro = formats.say(
        "compare.intro",
        day=formats.local_day(visits.evaluate_from_us),
        absences=formats.counted(found.compared, "absence"),
        alerts=formats.counted(round(found.policy.alerts), "alert"),
    )
    known = round(found.policy.known)
    if known < round(found.policy.alerts):
        intro += f" {formats.say('compare.known', known=formats.count(known))}"
    return [intro, formats.say("compare.part", n=formats.count(1 << visits.halvings))] if visits.halvings else [intro]


def _beside_the_best(found: Evaluation, formats: Formats) -> list[str]:
    """The policy beside the simple rule that did best."""
    best = max(found.baselines, key=lambda baseline: baseline.performance.captured_4)
    return [
        formats.say(
            "compare.captured",
            share=formats.share(found.policy.captured_4 / found.capturable.up_to_4),
            rule=_within(formats.say(f"compare.{best.name.value}")),
            other=formats.share(best.performance.captured_4 / found.capturable.up_to_4),
        ),
        formats.say(
            "compare.needless",
            share=formats.share(found.policy.needless_share),
            other=formats.share(best.performance.needless_share),
            days=formats.days(found.policy.mean_lead_days or 0.0),
        ),
    ]


def _named(baseline: BaselineResult, formats: Formats) -> tuple[str, str]:
    """(label, what it means)"""
    match baseline.name:
        case Baseline.FIXED_DAYS:
            threshold = formats.days(baseline.threshold)
        case Baseline.CHURN_MODEL:
            threshold = formats.share(baseline.threshold)
        case Baseline.OWN_MEAN | Baseline.OWN_MEDIAN:
            threshold = formats.decimal(baseline.threshold, 2)
    key = f"compare.{baseline.name.value}"
    return formats.say(key), formats.say(f"{key}.told", threshold=threshold)


def _rule(name: str, label: str, meaning: str, performance: Performance, facts: Facts, formats: Formats) -> Rule:
    capturable = facts.evaluation.capturable
    near, far = performance.captured_4 / capturable.up_to_4, performance.captured_8 / capturable.up_to_8
    lead = performance.mean_lead_days or 0.0
    return Rule(
        name,
        label,
        meaning,
        bar(near, 1.0),
        [
            (formats.share(near), repr(near)),
            (formats.share(far), repr(far)),
            (formats.share(performance.needless_share), repr(performance.needless_share)),
            (formats.share(performance.late_share), repr(performance.late_share)),
            (formats.decimal(lead), repr(lead)),
        ],
    )


def _within(label: str) -> str:
    """A label as it stands within a sentence."""
    return label[:1].lower() + label[1:]
