"""What a backtest tells at the terminal: counts, decisions, and how well the churn risk foretold."""

from __future__ import annotations

from collections import Counter
from datetime import date
from pathlib import Path

from rich.console import Console

from service.backtest.calibration import FEWEST, Quality
from service.backtest.run import Result
from service.commands.console import counted
from service.domain.calendar import to_date
from service.domain.findings import Kind, Reason
from service.report import Facts, proposal_in_words, told_at_a_terminal
from service.report.files import write_suggestion
from service.report.proposed import proposed_of

_ONE, _SEVERAL = "purchase, refund or answer", "purchases, refunds and answers"


def summarise(facts: Facts, console: Console) -> None:
    """Counts in a line, what the report begins with, and how well it foretold."""
    result = facts.result
    regulars = sum(engine.everybody.state.regulars for engine in result.engines)
    chosen = left_out = 0
    others: Counter[Kind] = Counter()
    for alert in result.alerts:
        made = alert.decision
        if made.kind is not Kind.WIN_BACK:
            others[made.kind] += 1
        elif made.reason is Reason.VOLUME:
            left_out += 1
        else:
            chosen += 1
    customers = sum(len(engine.customers) for engine in result.engines)
    console.print(
        f"{result.events:,} {_ONE if result.events == 1 else _SEVERAL}; {counted(customers, 'customer')}, {counted(regulars, 'regular')}; "
        + counted(chosen, "alert")
        + (
            f"; {counted(left_out, 'more silence')} came due and did not get one, because it was not worth a message"
            if left_out
            else ""
        )
        + "".join(f"; {counted(count, 'message')} of kind {kind.value}" for kind, count in others.items())
        + ".",
        soft_wrap=True,
    )
    if result.better_day_start is not None:
        console.print(
            f"Many customers buy shortly before {result.settings.shop.day_starts_at} and again shortly after, which counts as two visits: "
            f'set shop.day_starts_at = "{result.better_day_start}", when the shop is quiet, if shop.timezone is right.',
            highlight=False,
            soft_wrap=True,
        )
    for sentence in [*told_at_a_terminal(facts), *_risk_sentences(result)]:
        console.print(sentence, highlight=False, soft_wrap=True)


def suggest_policy(facts: Facts, directory: Path, console: Console) -> list[Path]:
    """Says which policy is proposed, where that was not said above, and what to set; writes it beside the report."""
    sentence, proposed = proposal_in_words(facts), proposed_of(facts)
    if sentence not in told_at_a_terminal(facts):
        console.print(sentence, highlight=False, soft_wrap=True)
    if proposed is not None:
        console.print(f"The policy proposed, for your settings:\n{proposed.lines}", highlight=False)
    return write_suggestion(facts, sentence, directory)


def outside_of_the_log(result: Result, learn_until: date) -> list[str]:
    """A day with a mistyped year would leave a policy that has learned nothing, or everything, without a word."""
    day_of = result.settings.shop.calendar().day_of
    first, last = (to_date(day_of(at_us)) for at_us in (result.first_us, result.last_us))
    if learn_until <= first:
        return [f"--fit-until {learn_until}: nothing was learned, since the log begins on {first}."]
    if learn_until > last:
        return [f"--fit-until {learn_until}: learning never stopped, since the log ends on {last}."]
    return []


def _risk_sentences(result: Result) -> list[str]:
    """How well the churn risk of the middle of the log foretold who would stay away."""
    found = result.calibration
    day = to_date(result.settings.shop.calendar().day_of(found.at_us))
    asked = f"Churn risk of {day} against who stayed away for two usual gaps"
    left_out = f"; {found.left_out:,} left out, whose two gaps the log does not cover" if found.left_out else ""
    return [
        f"{asked}, {name}: {_risk_sentence(quality)}{left_out if quality is found.everybody else ''}."
        for name, quality in (("all customers", found.everybody), ("regulars", found.regulars))
    ]


def _risk_sentence(quality: Quality) -> str:
    away, back = quality.stayed_away, quality.customers - quality.stayed_away
    if not quality.enough or quality.auc_risk is None:
        return f"not enough data ({away:,} stayed away, {back:,} came; at least {FEWEST} of each are needed)"
    health = "" if quality.auc_health is None else f", health {quality.auc_health:.3f}"
    return f"AUC {quality.auc_risk:.3f}{health} ({away:,} of {quality.customers:,} stayed away; 0.5 is a coin's, 1 perfect)"
