"""The command line `churn-alert`. Thin: parses, loads settings, calls one function, turns errors into one sentence."""

from __future__ import annotations

import sys
from datetime import datetime
from importlib import metadata
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from service.config import Settings, load_settings
from service.errors import ChurnAlertError
from service.logs import configure_logging
from service.wording.languages import DEFAULT_CODE, LANGUAGES, LanguageCode

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    help="Notices, from a stream of purchases, that a regular customer has gone quiet, and asks for one well-timed win-back message.",
)
out, err = Console(markup=False, emoji=False), Console(stderr=True, markup=False, emoji=False)
"""Brackets in names, files and broken rows are theirs: where style is wanted it is asked for."""


class Context:
    """What every command gets: the settings, loaded on first use so that `--help` needs none."""

    def __init__(self, config: Path | None) -> None:
        self._config = config
        self._settings: Settings | None = None

    @property
    def settings(self) -> Settings:
        if self._settings is None:
            self._settings = load_settings(self._config)
            configure_logging(self._settings.log)
        return self._settings


def _version(show: bool) -> None:
    if show:
        out.print(f"churn-alert {metadata.version('churn-alert')}", highlight=False)
        raise typer.Exit


@app.callback()
def root(
    ctx: typer.Context,
    config: Annotated[Path | None, typer.Option(help="TOML file; else CHURN_ALERT_CONFIG, else the defaults.")] = None,
    version: Annotated[  # noqa: ARG001 - acts in its callback
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    ctx.obj = Context(config)


Files = Annotated[
    list[Path],
    typer.Argument(help="CSV, JSONL or Parquet, also .gz: customer_id, timestamp, amount, …", show_default=False),
]
Surveys = Annotated[list[Path] | None, typer.Option(help="Survey answers: customer_id, timestamp, survey, score.")]


@app.command()
def demo(
    ctx: typer.Context,
    files: Annotated[
        list[Path] | None, typer.Argument(help="A log of your own; default: a year of real grocery baskets.")
    ] = None,
    surveys: Surveys = None,
    bootstrap: Annotated[
        str | None, typer.Option(help="Use this Kafka instead of a local process (topics get names of their own).")
    ] = None,
    partitions: Annotated[int, typer.Option(min=1, max=64)] = 1,
    port: Annotated[int | None, typer.Option(help="Port of the page; default 8088, or any free one.")] = None,
    seconds: Annotated[float, typer.Option(min=1, help="The replay takes about this long.")] = 20.0,
    leave: Annotated[bool, typer.Option("--exit", help="End after the summary instead of serving on.")] = False,
) -> None:
    """Stream a year of real baskets through a real Kafka and watch regulars go quiet. Needs no Docker and no Java."""
    from service.demo.run import run_demo  # noqa: PLC0415 - heavy imports only where needed

    run_demo(
        ctx.obj.settings,
        console=out,
        files=files or [],
        surveys=surveys or [],
        bootstrap=bootstrap,
        partitions=partitions,
        port=port,
        seconds=seconds,
        leave=leave,
    )


@app.command()
def worker(
    ctx: typer.Context,
    no_web: Annotated[bool, typer.Option("--no-web", help="Serve no page, no API and no metrics.")] = False,
) -> None:
    """Consume the input topics, keep the state, emit decisions, scores and period numbers. Runs until stopped."""
    from service.commands.worker import run_worker  # noqa: PLC0415

    raise typer.Exit(run_worker(ctx.obj.settings, web=not no_web))


@app.command()
def replay(
    ctx: typer.Context,
    files: Files,
    surveys: Surveys = None,
    speed: Annotated[
        float | None, typer.Option(help="Event seconds per second; default: as fast as the broker takes it.")
    ] = None,
    seconds: Annotated[float | None, typer.Option(help="Spread the whole log over this many seconds.")] = None,
) -> None:
    """Stream history files into the input topics, in order of time."""
    from service.commands.replay import replay_files  # noqa: PLC0415

    replay_files(ctx.obj.settings, files, surveys or [], out, speed=speed, seconds=seconds)


@app.command()
def backtest(
    ctx: typer.Context,
    files: Files,
    output: Annotated[
        Path, typer.Option("--out", help="Directory for alerts.csv, periods.csv, customers.csv and report.html.")
    ],
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
            formats=["%Y-%m-%d"], help="Local day from which on what was learned from everybody stays as it is."
        ),
    ] = None,
    language: Annotated[LanguageCode, typer.Option(help="Of report.html.")] = LanguageCode(DEFAULT_CODE),  # noqa: B008
    suggest: Annotated[
        bool, typer.Option("--suggest", help="Propose a budget, and write it to suggested.toml in the directory.")
    ] = False,
) -> None:
    """Show what the policy would have done with a history. Consent counts as kept elsewhere unless the configuration requires it here."""
    from service.commands.backtest import backtest_files  # noqa: PLC0415

    levels = {"budget": budget, "probability": probability, "multiple": multiple}
    backtest_files(
        ctx.obj.settings,
        files,
        surveys or [],
        output,
        out,
        partitions=partitions,
        levels=levels,
        volume=volume,
        learn_until=None if fit_until is None else fit_until.date(),
        language=LANGUAGES[language],
        suggest=suggest,
    )


@app.command()
def inspect(
    ctx: typer.Context,
    customer: Annotated[str, typer.Argument(help="The customer_id.")],
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Show one customer: history, today's judgement and curve, the next dates."""
    from service.inspect.sheet import show_customer  # noqa: PLC0415

    show_customer(ctx.obj.settings, customer, out, as_json=as_json)


@app.command()
def config(ctx: typer.Context) -> None:
    """Print the effective configuration as TOML, secrets hidden."""
    from service.commands.show_config import config_toml  # noqa: PLC0415

    out.print(config_toml(ctx.obj.settings), end="", highlight=False, markup=False, soft_wrap=True)


@app.command()
def simulate(
    ctx: typer.Context,
    output: Annotated[Path, typer.Option("--out", help="Directory for purchases.csv, surveys.csv and fates.csv.")],
    customers: Annotated[int, typer.Option(min=1)] = 500,
    days: Annotated[int, typer.Option(min=1)] = 365,
    seed: int = 1,
) -> None:
    """Write a log of simulated café customers whose fate is known."""
    from service.commands.simulate import write_simulation  # noqa: PLC0415

    write_simulation(ctx.obj.settings, output, out, customers=customers, days=days, seed=seed)


topics_app = typer.Typer(no_args_is_help=True, help="Create and check the Kafka topics.")
app.add_typer(topics_app, name="topics")


@topics_app.command("create")
def topics_create(
    ctx: typer.Context,
    partitions: Annotated[
        int | None, typer.Option(min=1, help="Of every input; default: as existing inputs have, else 4.")
    ] = None,
    replication: Annotated[int | None, typer.Option(min=1, help="Default: the broker's.")] = None,
    wait: Annotated[float, typer.Option(help="Seconds to wait for a broker.")] = 30.0,
) -> None:
    """Create what is missing; existing topics are left as they are."""
    from service.streaming import topics  # noqa: PLC0415

    made = topics.create(ctx.obj.settings, partitions=partitions, replication=replication, wait_s=wait, say=_say)
    for one in made:
        state = "created" if one.created else "exists"
        out.print(f"{one.spec.name}: {state}, {one.spec.partitions} partitions, {one.spec.cleanup}", highlight=False)


@topics_app.command("check")
def topics_check(
    ctx: typer.Context,
    wait: Annotated[float, typer.Option(help="Seconds to wait for a broker.")] = 0.0,
) -> None:
    """Say what keeps a worker from running on these topics; exit code 1 if anything does."""
    from service.streaming import topics  # noqa: PLC0415

    problems = topics.check(ctx.obj.settings, wait_s=wait, say=_say)
    for problem in problems:
        err.print(problem, highlight=False, soft_wrap=True)
    if problems:
        raise typer.Exit(1)
    out.print("All topics are as they should be.")


letters_app = typer.Typer(no_args_is_help=True, help="Show and replay what could not be understood.")
app.add_typer(letters_app, name="dead-letters")


@letters_app.command("list")
def letters_list(
    ctx: typer.Context,
    code: Annotated[str | None, typer.Option(help="Only this error code.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="Show at most this many; all are counted.")] = 50,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object per line, with the original bytes.")] = False,
) -> None:
    """List dead letters: where they came from and what is wrong."""
    from service.commands.dead_letters import list_dead_letters  # noqa: PLC0415

    list_dead_letters(ctx.obj.settings, out, code=code, limit=limit, as_json=as_json)


@letters_app.command("retry")
def letters_retry(
    ctx: typer.Context,
    code: Annotated[str | None, typer.Option(help="Only this error code.")] = None,
    place: Annotated[
        list[str] | None, typer.Option("--place", help="Only PARTITION/OFFSET of dead-letters; may be repeated.")
    ] = None,
) -> None:
    """Send the original records back to their topics, after the cause is repaired. Safe to repeat."""
    from service.commands.dead_letters import retry  # noqa: PLC0415

    retry(ctx.obj.settings, out, code=code, places=place or [])


schemas_app = typer.Typer(no_args_is_help=True, help="JSON Schema and AsyncAPI of every event.")
app.add_typer(schemas_app, name="schemas")


@schemas_app.command("export")
def schemas_export(directory: Annotated[Path, typer.Argument(help="Where to write.")] = Path("schemas")) -> None:
    """Write the generated documents."""
    from schemas import export  # noqa: PLC0415

    for path in export.export(directory):
        out.print(str(path), highlight=False, soft_wrap=True)


@schemas_app.command("check")
def schemas_check() -> None:
    """Compare the checked-in documents with the models; exit code 1 on drift."""
    from schemas import export  # noqa: PLC0415

    drifts = export.check()
    for drift in drifts:
        err.print(drift, highlight=False, soft_wrap=True)
    if drifts:
        raise typer.Exit(1)
    out.print("The documents are those of the models.")


def _say(line: str) -> None:
    err.print(line, style="dim", highlight=False, soft_wrap=True)


def main() -> None:
    """Entry point: every error on purpose is one sentence and an exit code ≠ 0, never a traceback."""
    try:
        app()
    except ChurnAlertError as error:
        err.print(Text.assemble(("churn-alert:", "bold red"), f" {error}"), soft_wrap=True)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
