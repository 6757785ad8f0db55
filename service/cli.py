"""The command line `churn-alert`: lists the commands, a file of `commands/` each, and turns errors into one sentence.

Their files import what is heavy when they run, so that `--help` is quick.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from service import build_info
from service.commands import (
    backtest,
    dead_letters,
    deliver,
    demo,
    formats,
    ingest,
    init,
    inputs,
    inspect,
    outreach,
    person,
    preview,
    replay,
    schemas,
    show_config,
    simulate,
    state,
    topics,
    worker,
)
from service.commands.console import Context, err, out
from service.errors import ChurnAlertError, ExitCode

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    help="Notices, from a stream of purchases, that a regular customer has gone quiet, and asks for one well-timed win-back message.",
)


def _version(show: bool) -> None:
    if show:
        out.print(build_info.sentence(), highlight=False)
        raise typer.Exit


@app.callback()
def root(
    ctx: typer.Context,
    config: Annotated[Path | None, typer.Option(help="TOML file; else CHURN_ALERT_CONFIG, else the defaults.")] = None,
    version: Annotated[  # noqa: ARG001 - acts in its callback
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Print the version, and which engine runs."),
    ] = False,
) -> None:
    ctx.obj = Context(config)


for command in (
    demo.demo,
    init.init,
    worker.worker,
    ingest.ingest,
    replay.replay,
    backtest.backtest,
    formats.formats,
    inspect.inspect,
    preview.preview,
    person.forget,
    person.export,
    show_config.config,
    simulate.simulate,
    state.repartition,
):
    app.command()(command)
app.add_typer(topics.app, name="topics")
app.add_typer(dead_letters.app, name="dead-letters")
app.add_typer(schemas.app, name="schemas")
app.add_typer(outreach.app, name="outreach")
app.add_typer(deliver.app, name="deliver")
app.add_typer(state.app, name="state")
app.add_typer(inputs.app, name="inputs")


def main() -> None:
    """Entry point: every error on purpose is one sentence and an exit code ≠ 0, never a traceback."""
    try:
        app()
    except ChurnAlertError as error:
        err.print(Text.assemble(("churn-alert:", "bold red"), f" {error}"), soft_wrap=True)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.exit(ExitCode.INTERRUPTED)


if __name__ == "__main__":
    main()
