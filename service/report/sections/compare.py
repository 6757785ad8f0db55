"""Section "Was it worth it?": the policy beside simple rules that gave as many alerts."""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup

from service.backtest.baselines import Baseline, Rival
from service.backtest.evaluation import Realised
from service.backtest.judging import Judgement
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


def compose(facts: Facts, formats: Formats) -> Compare:
    found = facts.judgement
    intro = _intro(facts, formats)
    if not found.rivals:
        return Compare([*intro, formats.say("compare.thin")], [], [], "")
    told = formats.say("compare.policy"), formats.say("compare.policy.told")
    rules = [
        _rule("policy", *told, found.policy, facts, formats),
        *(_rule(each.name.value, *_named(each, formats), each.tally, facts, formats) for each in found.rivals),
    ]
    columns = ("captured_4", "captured_8", "needless", "late", "lead")
    return Compare(
        [*intro, formats.say("compare.granted"), *_beside_the_best(found, formats)],
        rules,
        [formats.say(f"compare.column.{each}") for each in columns],
        formats.say("compare.note"),
    )


def _intro(facts: Facts, formats: Formats) -> list[str]:
    found, visits = facts.judgement, facts.result.visits
    intro = formats.say(
        "compare.intro",
        day=formats.local_day(visits.judge_from_us),
        absences=formats.counted(found.compared, "absence"),
        alerts=formats.counted(round(found.policy.alerts), "alert"),
    )
    return [intro, formats.say("compare.part", n=formats.count(1 << visits.level))] if visits.level else [intro]


def _beside_the_best(found: Judgement, formats: Formats) -> list[str]:
    """The policy beside the simple rule that did best."""
    best = max(found.rivals, key=lambda rival: rival.tally.captured_4)
    return [
        formats.say(
            "compare.captured",
            share=formats.share(found.policy.captured_4 / found.capturable[0]),
            rule=_within(formats.say(f"compare.{best.name.value}")),
            other=formats.share(best.tally.captured_4 / found.capturable[0]),
        ),
        formats.say(
            "compare.needless",
            share=formats.share(found.policy.needless_share),
            other=formats.share(best.tally.needless_share),
            days=formats.days(found.policy.mean_lead_days or 0.0),
        ),
    ]


def _named(rival: Rival, formats: Formats) -> tuple[str, str]:
    """(label, what it means)"""
    match rival.name:
        case Baseline.FIXED_DAYS:
            threshold = formats.days(rival.threshold)
        case Baseline.CHURN_MODEL:
            threshold = formats.share(rival.threshold)
        case Baseline.OWN_MEAN | Baseline.OWN_MEDIAN:
            threshold = formats.decimal(rival.threshold, 2)
    key = f"compare.{rival.name.value}"
    return formats.say(key), formats.say(f"{key}.told", threshold=threshold)


def _rule(name: str, label: str, meaning: str, tally: Realised, facts: Facts, formats: Formats) -> Rule:
    first, second = facts.judgement.capturable
    near, far = tally.captured_4 / first, tally.captured_8 / second
    lead = tally.mean_lead_days or 0.0
    return Rule(
        name,
        label,
        meaning,
        bar(near, 1.0),
        [
            (formats.share(near), repr(near)),
            (formats.share(far), repr(far)),
            (formats.share(tally.needless_share), repr(tally.needless_share)),
            (formats.share(tally.late_share), repr(tally.late_share)),
            (formats.decimal(lead), repr(lead)),
        ],
    )


def _within(label: str) -> str:
    """A label as it stands within a sentence."""
    return label[:1].lower() + label[1:]
