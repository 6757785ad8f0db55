"""`churn-alert backtest`: what the policy would have done with a history, as files and a summary."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from service import build_info
from service.commands.console import Files, Surveys, out, progress, settings_of, tell, writing
from service.commands.own_files import (
    AcceptLosses,
    Dates,
    Decimals,
    DryRun,
    Map,
    MapSurveys,
    check_losses,
    looks_like,
    months_of,
    wishes_of,
)
from service.config import Settings
from service.domain.calendar import to_date
from service.domain.policy import ConsentRule, Measure
from service.errors import ConfigurationError
from service.wording.languages import DEFAULT_CODE, LANGUAGES, LanguageCode

if TYPE_CHECKING:
    from rich.progress import Progress

    from service.backtest.run import Result
    from service.history import Wishes
    from service.report import Asked, Numbers

_MOST_COST = 1e9


def _number(said: str) -> float:
    """As people write one: 40%, 2,50 and €2.50 too."""
    text = said.strip(" \u00a0%€$£")
    try:
        return float(text.replace(",", ".") if text.count(",") == 1 and "." not in text else text)
    except ValueError:
        raise typer.BadParameter(f"{said[:40]!r} is no number such as 40 or 2.50") from None


def backtest(
    ctx: typer.Context,
    files: Files,
    output: Annotated[
        Path | None, typer.Option("--out", help="Directory for report.html, the CSV files and what their columns mean.")
    ] = None,
    surveys: Surveys = None,
    partitions: Annotated[
        int, typer.Option(min=1, max=1024, help="Learn per partition, as the worker does with as many.")
    ] = 1,
    budget: Annotated[float | None, typer.Option(help="Wrong alerts per healthy regular and year.")] = None,
    probability: Annotated[float | None, typer.Option(help="Share of healthy gaps that are alerted.")] = None,
    multiple: Annotated[float | None, typer.Option(help="Multiple of the usual gap.")] = None,
    volume: Annotated[
        float | None, typer.Option(help="At most so many alerts per 100 visits of regulars; the engine chooses whom.")
    ] = None,
    fit_until: Annotated[
        datetime | None,
        typer.Option(
            formats=["%Y-%m-%d"],
            metavar="YYYY-MM-DD",
            help="Local day from which on what was learned from everybody stays as it is.",
        ),
    ] = None,
    language: Annotated[LanguageCode, typer.Option(help="Of report.html.")] = LanguageCode(DEFAULT_CODE),  # noqa: B008
    suggest: Annotated[
        bool,
        typer.Option("--suggest", help="Propose a policy, print it and write it to suggested.toml in the directory."),
    ] = False,
    margin: Annotated[
        float | None,
        typer.Option(
            help="What is left of a price after the goods, in percent, such as 40: for the business case.",
            parser=_number,
            metavar="PERCENT",
        ),
    ] = None,
    offer_cost: Annotated[
        float | None,
        typer.Option(
            help="What one message costs with its offer, in the shop's currency, such as 2.50.",
            parser=_number,
            metavar="AMOUNT",
        ),
    ] = None,
    with_customers: Annotated[
        bool, typer.Option("--with-customers", help="Begin report.html with who is quiet, by id, and write quiet.csv.")
    ] = False,
    columns: Map = None,
    survey_columns: MapSurveys = None,
    decimal: Decimals = None,
    dates: Dates = None,
    accept_losses: AcceptLosses = False,
    dry_run: DryRun = False,
) -> None:
    """Show what the policy would have done with a history. Consent counts as kept elsewhere unless the configuration
    requires it here."""
    from service.report import Asked

    settings = settings_of(ctx)
    wishes = wishes_of(settings, columns, survey_columns, decimal, dates)
    if dry_run:
        look_at_files(settings, files, surveys or [], out, wishes, accept_losses=accept_losses)
        return
    if output is None:
        raise ConfigurationError("--out DIR says where report.html and the CSV files go.")
    levels = {"budget": budget, "probability": probability, "multiple": multiple}
    backtest_files(
        settings,
        files,
        surveys or [],
        output,
        out,
        partitions=partitions,
        levels=levels,
        volume=volume,
        learn_until=None if fit_until is None else fit_until.date(),
        asked=Asked(LANGUAGES[language], with_customers, _numbers(settings, margin, offer_cost)),
        suggest=suggest,
        wishes=wishes,
        accept_losses=accept_losses,
    )


def look_at_files(
    settings: Settings,
    files: list[Path],
    surveys: list[Path],
    console: Console,
    wishes: Wishes,
    *,
    accept_losses: bool = False,
) -> None:
    """Reads the files, says what was understood, and decides nothing."""
    from service.history import open_history

    with progress(console) as bar:
        _Steps(bar).begin("looking through the files")
        history = open_history(
            files, surveys, calendar=settings.shop.calendar(), minor_digits=settings.shop.minor_digits, wishes=wishes
        )
        people, months = months_of(history, settings)
    report = history.report
    looks_like(console, report, settings, people, months)
    tell(console, report.sentences())
    check_losses(report, accepted=accept_losses)


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
    asked: Asked | None = None,
    suggest: bool = False,
    wishes: Wishes | None = None,
    accept_losses: bool = True,
) -> None:
    """Writes the CSV files and report.html to `directory`; with `suggest` suggested.toml too."""
    from service.backtest import run
    from service.backtest.evaluation import evaluate
    from service.commands.backtest_summary import outside_of_the_log, suggest_policy, summarise
    from service.report.files import write_files

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
        result = run.backtest(
            changed,
            files,
            surveys,
            partitions=partitions,
            learn_until=learn_until,
            wishes=wishes,
            on_progress=lambda events, rows: steps.reached("backtest", events, rows),
        )
        customers = sum(len(engine.customers) for engine in result.engines)
        looks_like(console, result.report, settings, customers, _months_of(result))
        tell(console, result.report.sentences())
        if learn_until is not None:
            tell(console, outside_of_the_log(result, learn_until))
        steps.begin("evaluating the alerts")
        evaluation = evaluate(result)
        steps.begin("writing")
        with writing(directory):
            written = write_files(
                result,
                directory,
                asked,
                evaluation,
                lambda customers, known: steps.reached("writing customers", customers, known),
            )
    summarise(written.facts, console)
    paths = written.paths
    if suggest:
        with writing(directory):
            paths += suggest_policy(written.facts, directory, console)
    console.print("Written: " + ", ".join(str(path) for path in paths), highlight=False, soft_wrap=True)
    console.print(f"By {build_info.sentence()}.", highlight=False, soft_wrap=True)
    check_losses(result.report, accepted=accept_losses)


def _numbers(settings: Settings, margin: float | None, offer_cost: float | None) -> Numbers | None:
    """What the user says for the business case; None: nothing. Raises ConfigurationError for what cannot be meant."""
    from service.report import Numbers

    if margin is None and offer_cost is None:
        return None
    if margin is None or offer_cost is None:
        raise ConfigurationError("--margin and --offer-cost go together: --margin 40 --offer-cost 2.50.")
    if not 1.0 <= margin <= 100.0:
        raise ConfigurationError(
            f"--margin {margin:g}: what is left of a price, in percent from 1 to 100, such as --margin 40."
        )
    if not 0.0 < offer_cost < _MOST_COST:
        raise ConfigurationError(f"--offer-cost {offer_cost:g}: what one message costs, more than 0, such as 2.50.")
    return Numbers(margin / 100.0, offer_cost * 10.0**settings.shop.minor_digits)


def _months_of(result: Result) -> list[tuple[str, int, int]]:
    """Month, orders, revenue in minor units."""
    first, last = result.totals.first_day, result.totals.last_day
    months: dict[str, tuple[int, int]] = {}
    if first is not None and last is not None:
        for day, day_orders, day_minor in result.totals.money_by_day(first, last + 1):
            date_of = to_date(day)
            orders, minor = months.get(month := f"{date_of.year}-{date_of.month:02}", (0, 0))
            months[month] = (orders + day_orders, minor + day_minor)
    return [(month, *counts) for month, counts in sorted(months.items())]


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
    except ConfigurationError as error:
        raise ConfigurationError(f"--{option}: {error}") from error
