"""Section "Was it worth it?": the policy beside simple rules that gave as many alerts."""

from __future__ import annotations

from dataclasses import dataclass

from babel.numbers import format_decimal
from markupsafe import Markup

from service.backtest.baselines import Baseline, BaselineResult
from service.backtest.comparison import Performance
from service.domain.calendar import to_datetime
from service.report.material import Facts
from service.web.drawing import bar
from service.wording.formats import Words


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


def compose(facts: Facts, words: Words) -> Compare:
    found = facts.evaluation
    said = [
        words.say(
            "compare.intro",
            day=words.day(to_datetime(facts.result.visits.evaluate_from_us).astimezone(words.zone).date()),
            absences=words.counted(found.compared, "absence"),
            alerts=words.counted(round(found.policy.alerts), "alert"),
        )
    ]
    if facts.result.visits.halvings:
        said.append(words.say("compare.part", n=words.count(1 << facts.result.visits.halvings)))
    if not found.baselines:
        return Compare([*said, words.say("compare.thin")], [], [], "")
    said.append(words.say("compare.granted"))
    best = max(found.baselines, key=lambda baseline: baseline.performance.captured_4)
    said.append(
        words.say(
            "compare.captured",
            share=_share(found.policy.captured_4 / found.capturable.up_to_4, words),
            rule=_within(words.say(f"compare.{best.name.value}")),
            other=_share(best.performance.captured_4 / found.capturable.up_to_4, words),
        )
    )
    said.append(
        words.say(
            "compare.needless",
            share=_known(found.policy.needless_share, words),
            other=_known(best.performance.needless_share, words),
            days=words.days(found.policy.mean_lead_days or 0.0),
        )
    )
    rules = [
        _rule("policy", words.say("compare.policy"), words.say("compare.policy.told"), found.policy, facts, words),
        *(_rule(each.name.value, *_named(each, words), each.performance, facts, words) for each in found.baselines),
    ]
    columns = [words.say(f"compare.column.{each}") for each in ("captured_4", "captured_8", "needless", "late", "lead")]
    return Compare(said, rules, columns, words.say("compare.note"))


def _named(baseline: BaselineResult, words: Words) -> tuple[str, str]:
    match baseline.name:
        case Baseline.FIXED_DAYS:
            threshold = words.days(baseline.threshold)
        case Baseline.CHURN_MODEL:
            threshold = words.percent(100 * baseline.threshold)
        case Baseline.OWN_MEAN | Baseline.OWN_MEDIAN:
            threshold = str(format_decimal(baseline.threshold, "0.00", locale=words.tongue.locale))
    key = f"compare.{baseline.name.value}"
    return words.say(key), words.say(f"{key}.told", threshold=threshold)


def _rule(name: str, label: str, meaning: str, performance: Performance, facts: Facts, words: Words) -> Rule:
    capturable = facts.evaluation.capturable
    near, far = performance.captured_4 / capturable.up_to_4, performance.captured_8 / capturable.up_to_8
    lead = performance.mean_lead_days or 0.0
    return Rule(
        name,
        label,
        meaning,
        bar(near, 1.0),
        [
            (_share(near, words), repr(near)),
            (_share(far, words), repr(far)),
            (_known(performance.needless_share, words), repr(performance.needless_share)),
            (_known(performance.late_share, words), repr(performance.late_share)),
            (words.decimal(lead), repr(lead)),
        ],
    )


def _within(label: str) -> str:
    """Within a sentence."""
    return label[:1].lower() + label[1:]


def _share(share: float, words: Words) -> str:
    return words.percent(100 * share)


def _known(share: float | None, words: Words) -> str:
    return "–" if share is None else _share(share, words)
