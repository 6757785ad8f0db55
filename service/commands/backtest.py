"""`churn-alert backtest`: what the policy would have done with a history, as files and a summary."""

from __future__ import annotations

from collections import Counter
from datetime import date
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import Progress

from service.backtest.calibration import FEWEST, Quality
from service.backtest.files import write_files, write_suggestion
from service.backtest.judging import judge
from service.backtest.run import Result, backtest
from service.commands.console import counted, progress, tell, writing
from service.config import Settings
from service.domain.findings import Kind, Reason
from service.domain.policy import ConsentRule, Measure
from service.errors import ConfigurationError
from service.inspect.lookup import local_time
from service.report import proposal_in_words
from service.wording.language import Language
from service.wording.languages import DEFAULT


def backtest_files(
    settings: Settings,
    files: list[Path],
    surveys: list[Path],
    directory: Path,
    console: Console,
    *,
    partitions: int,
    levels: dict[str, float | None],
    volume: float | None = None,
    learn_until: date | None = None,
    language: Language = DEFAULT,
    suggest: bool = False,
) -> None:
    """Files → alerts.csv, periods.csv, customers.csv and report.html in `directory`; with `suggest` suggested.toml too."""
    given = {measure: level for measure, level in levels.items() if level is not None}
    if len(given) > 1:
        raise ConfigurationError("Give only one of " + ", ".join(f"--{measure}" for measure in given) + ".")
    outreach: dict[str, Any] = {}
    for measure, level in given.items():
        outreach |= {"measure": Measure(measure), "level": level}
    if settings.outreach.consent is None:
        outreach["consent"] = ConsentRule.EXTERNAL
    changed = _changed(settings, next(iter(given), "outreach"), outreach)
    if volume is not None:
        changed = _changed(changed, "volume", {"volume_per_100_visits": volume, "volume_per_day": None})
    _make(directory)
    with progress(console) as bar:
        steps = _Steps(bar)
        steps.begin("looking through the files")
        result = backtest(
            changed,
            files,
            surveys,
            partitions=partitions,
            learn_until=learn_until,
            on_progress=lambda events, rows: steps.reached("backtest", events, rows),
        )
        tell(console, result.report.sentences())
        if learn_until is not None:
            tell(console, _outside(result, learn_until))
        steps.begin("judging the alerts")
        judgement = judge(result)
        steps.begin("writing")
        with writing(directory):
            written = write_files(
                result,
                directory,
                language,
                judgement,
                lambda customers, known: steps.reached("writing customers", customers, known),
            )
    _summary(result, console)
    if suggest:
        sentence = proposal_in_words(judgement)
        console.print(sentence, highlight=False, soft_wrap=True)
        with writing(directory):
            written += write_suggestion(judgement, sentence, directory)
    console.print("Written: " + ", ".join(str(path) for path in written), highlight=False, soft_wrap=True)


def _make(directory: Path) -> None:
    """Before the work that fills it."""
    with writing(directory):
        directory.mkdir(parents=True, exist_ok=True)


class _Steps:
    """One bar after the other; one that nobody counts for pulses."""

    def __init__(self, bar: Progress) -> None:
        self._bar = bar
        self._name = ""

    def begin(self, name: str) -> None:
        """In place of the bar before it."""
        for task in self._bar.task_ids:
            self._bar.remove_task(task)
        self._name = name
        self._bar.add_task(name, total=None)

    def reached(self, name: str, completed: int, total: int) -> None:
        """So much of the step, which begins with its first call."""
        if name != self._name:
            self.begin(name)
        self._bar.update(self._bar.task_ids[0], completed=completed, total=total)


def _changed(settings: Settings, option: str, outreach: dict[str, Any]) -> Settings:
    """The settings with another policy; an error names the option that asks for it."""
    try:
        return settings.changed(outreach=outreach)
    except ValueError as error:
        raise ConfigurationError(f"--{option}: {error}.") from error


def _summary(result: Result, console: Console) -> None:
    regulars = sum(engine.everybody.state.regulars for engine in result.engines)
    chosen = back = left_out = nudges = 0
    decisions: Counter[str] = Counter()
    for alert in result.alerts:
        made = alert.decision
        decisions[f"{made.outcome.value} ({made.reason.value})"] += 1
        if made.kind is Kind.SECOND_VISIT:
            nudges += 1
        elif made.reason is Reason.VOLUME:
            left_out += 1
        else:
            chosen += 1
            back += alert.returned_us is not None
    customers = sum(len(engine.customers) for engine in result.engines)
    console.print(
        f"{counted(result.events, 'event')}, {counted(customers, 'customer')}, {counted(regulars, 'regular')}; "
        + counted(chosen, "alert")
        + (f", {back:,} of them came back later" if chosen else "")
        + (f"; left out by the volume: {counted(left_out, 'more silence')} that came due" if left_out else "")
        + (f"; {counted(nudges, 'nudge')} towards the next visit." if nudges else "."),
        soft_wrap=True,
    )
    if decisions:
        console.print("Decided: " + ", ".join(f"{count:,} {what}" for what, count in decisions.most_common()) + ".")
    for sentence in _risk_sentences(result):
        console.print(sentence, highlight=False, soft_wrap=True)


def _outside(result: Result, learn_until: date) -> list[str]:
    """A day with a mistyped year would leave a policy that has learned nothing, or everything, without a word."""
    first, last = (local_time(at_us, result.settings.shop.zone).date() for at_us in (result.first_us, result.last_us))
    if learn_until <= first:
        return [f"--fit-until {learn_until}: nothing was learned, since the log begins on {first}."]
    if learn_until > last:
        return [f"--fit-until {learn_until}: learning never stopped, since the log ends on {last}."]
    return []


def _risk_sentences(result: Result) -> list[str]:
    """How well the churn risk of the middle of the log foretold who would stay away."""
    found = result.calibration
    day = f"{local_time(found.at_us, result.settings.shop.zone):%Y-%m-%d}"
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
