"""What the commands do beside the worker and the demo; everything is printed to the console that is handed in."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

import msgspec
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from service.backtest import Result, backtest
from service.backtest_files import write_files, write_suggestion
from service.config import Settings
from service.domain.outputs import Kind, Reason
from service.domain.policy import ConsentRule, Measure
from service.domain.sentence import Language
from service.errors import ConfigurationError
from service.history import open_history
from service.inspection import local_time
from service.judging.calibration import FEWEST, Quality
from service.judging.judgement import judge
from service.replay import Pace, replay
from service.report import proposal_in_words
from service.simulate import Cafe, Simulation
from service.streaming.connection import kafka_python_security
from service.streaming.dead_letters import StoredDeadLetter, read_dead_letters, retry_dead_letters


def replay_files(
    settings: Settings,
    files: list[Path],
    surveys: list[Path],
    console: Console,
    *,
    speed: float | None,
    seconds: float | None,
) -> None:
    """Files → input topics, with a progress bar."""
    if speed is not None and seconds is not None:
        raise ConfigurationError("--speed and --seconds exclude each other.")
    history = open_history(files, surveys, zone=settings.shop.zone, minor_digits=settings.shop.minor_digits)
    pace = Pace(speed) if seconds is None else Pace.whole_in(seconds, history.first_us, history.last_us)
    with _progress(console) as bar:
        task = bar.add_task("replay", total=history.rows)
        done = replay(
            history.events(),
            connection={
                "bootstrap_servers": settings.kafka.bootstrap_servers,
                **kafka_python_security(settings.kafka),
            },
            topics=settings.kafka.topics,
            minor_digits=settings.shop.minor_digits,
            pace=pace,
            on_progress=lambda replayed: bar.update(task, completed=replayed.events),
        )
    _tell(console, history.report.sentences())
    console.print(
        f"{done.events:,} events sent: " + ", ".join(f"{n:,} to {topic}" for topic, n in done.by_topic.items()) + "."
    )


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
    language: Language = Language.EN,
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
    with _progress(console) as bar:
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
        _tell(console, result.report.sentences())
        if learn_until is not None:
            _tell(console, _outside(result, learn_until))
        steps.begin("judging the alerts")
        judgement = judge(result)
        steps.begin("writing")
        with _writing(directory):
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
        with _writing(directory):
            written += write_suggestion(judgement, sentence, directory)
    console.print("Written: " + ", ".join(str(path) for path in written), highlight=False, soft_wrap=True)


def _progress(console: Console) -> Progress:
    """Only where it can be redrawn: elsewhere rich would leave an empty line of it."""
    return Progress(console=console, transient=True, disable=not console.is_terminal)


def _make(directory: Path) -> None:
    """Before the work that fills it."""
    with _writing(directory):
        directory.mkdir(parents=True, exist_ok=True)


@contextmanager
def _writing(directory: Path) -> Iterator[None]:
    """A full disk, a file in the way or missing rights become one sentence."""
    try:
        yield
    except OSError as error:
        raise ConfigurationError(f"{error.filename or directory} cannot be written: {error.strerror}.") from error


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
    regulars = sum(engine.population.state.regulars for engine in result.engines)
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
        f"{_counted(result.events, 'event')}, {_counted(customers, 'customer')}, {_counted(regulars, 'regular')}; "
        + _counted(chosen, "alert")
        + (f", {back:,} of them came back later" if chosen else "")
        + (f"; left out by the volume: {_counted(left_out, 'more silence')} that came due" if left_out else "")
        + (f"; {_counted(nudges, 'nudge')} towards the next visit." if nudges else "."),
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


def _counted(count: int, thing: str) -> str:
    return f"{count:,} {thing}" + ("" if count == 1 else "s")


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


def config_toml(settings: Settings) -> str:
    """The effective configuration; secrets as asterisks, what is unset as a comment."""
    lines: list[str] = []
    for section, values in settings.model_dump(mode="json").items():
        lines.append(f"[{section}]")
        tables: list[str] = []
        for key, value in values.items():
            if isinstance(value, dict):
                tables += ["", f"[{section}.{key}]", *(f"{name} = {_toml(inner)}" for name, inner in value.items())]
            elif value is None:
                lines.append(f"# {key} is not set")
            else:
                lines.append(f"{key} = {_toml(value)}")
        lines += [*tables, ""]
    return "\n".join(lines).rstrip() + "\n"


def _toml(value: Any) -> str:
    if isinstance(value, list):
        return "[" + ", ".join(_toml(one) for one in value) + "]"
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{name} = {_toml(inner)}" for name, inner in value.items() if inner is not None) + " }"
    return json.dumps(value, ensure_ascii=False)


def write_simulation(
    settings: Settings, directory: Path, console: Console, *, customers: int, days: int, seed: int
) -> None:
    """Simulated customers as files that backtest, replay and demo read."""
    with _writing(directory):
        files = Simulation(Cafe(customers=customers, days=days, seed=seed, zone=settings.shop.zone)).write(directory)
    console.print("Written: " + ", ".join(str(path) for path in files), highlight=False, soft_wrap=True)


def list_dead_letters(settings: Settings, console: Console, *, code: str | None, limit: int, as_json: bool) -> None:
    """Counts by code, and the first `limit` of them."""
    counts: Counter[str] = Counter()
    table = Table("place", "from", "code", "what is wrong")
    for stored in read_dead_letters(settings, code):
        letter = stored.letter
        counts[letter.error_code] += 1
        if counts.total() > limit:
            continue
        if as_json:
            line = {"place": stored.place, **letter.model_dump(mode="json")}
            console.print(msgspec.json.encode(line).decode(), highlight=False, markup=False, soft_wrap=True)
        else:
            source = f"{letter.source_topic} {letter.source_partition}/{letter.source_offset}"
            table.add_row(stored.place, source, letter.error_code, letter.error_message)
    if as_json:
        return
    if counts:
        console.print(table)
    console.print(_counted(counts.total(), "dead letter") + _by_code(counts), highlight=False)


def retry(settings: Settings, console: Console, *, code: str | None, places: list[str]) -> None:
    """Replays the chosen dead letters."""
    chosen: list[StoredDeadLetter] = [
        stored for stored in read_dead_letters(settings, code) if not places or stored.place in places
    ]
    missing = set(places) - {stored.place for stored in chosen}
    if missing:
        raise ConfigurationError(f"There is no dead letter at {', '.join(sorted(missing))}.")
    console.print(
        f"{_counted(retry_dead_letters(settings, chosen), 'record')} sent back to their topics.", highlight=False
    )


def _by_code(counts: Counter[str]) -> str:
    return ": " + ", ".join(f"{count:,} {code}" for code, count in counts.most_common()) if counts else "."


def _tell(console: Console, sentences: list[str]) -> None:
    for sentence in sentences:
        console.print(sentence, style="yellow", highlight=False, soft_wrap=True)
