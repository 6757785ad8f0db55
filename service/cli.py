"""The command line `churn-alert`: lists the commands, a file of `commands/` each, and turns errors into one sentence.

Their files import what is heavy when they run, so that `--help` is quick.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.text import Text

from service import build_info
from service.collector import be_patient

be_patient()  # nothing of what is imported is garbage, and a seventh of the time would go into looking for some

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
from service.processes.standard_streams import open_closed_ones

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


_UsageError: Final[type[Any]] = typer.BadParameter.__mro__[1]
"""Wrong use of a command; typer brings it and gives it no name of its own."""
_PLAIN: Final = (
    (r"Value error, ", ""),
    (r"does not match the formats '%Y-%m-%d'", "is no day such as 2026-03-01"),
    (r"Input should be a valid number\b.*", "it must be a number"),
    (r"Input should be a valid integer\b.*", "it must be a whole number"),
    (r"Input should be (greater|less) than", r"it must be \1 than"),
)
"""What the libraries say of a value, and how a person would."""


def usage_sentence(error: Any) -> str:
    """What was wrong with the call, and where the right one is found."""
    said = " ".join(error.format_message().split())
    for pattern, words in _PLAIN:
        said = re.sub(pattern, words, said)
    path = "churn-alert" if error.ctx is None else error.ctx.command_path
    return f"{said.rstrip('.')}; `{path} --help` says what it takes."


def _complain(sentence: object) -> None:
    err.print(Text.assemble(("churn-alert:", "bold red"), f" {sentence}"), soft_wrap=True)


def main() -> None:
    """Entry point: every error on purpose is one sentence and an exit code ≠ 0, never a traceback."""
    open_closed_ones()
    try:
        ended = app(prog_name="churn-alert", standalone_mode=False)
    except ChurnAlertError as error:
        _complain(error)
        sys.exit(error.exit_code)
    except _UsageError as error:
        if error.format_message():  # empty: a group without a command, whose help stands there already
            _complain(usage_sentence(error))
        sys.exit(ExitCode.CONFIGURATION)
    except typer.Abort:
        err.print("Aborted.")
        sys.exit(ExitCode.FAILED)
    except KeyboardInterrupt:
        sys.exit(ExitCode.INTERRUPTED)
    if isinstance(ended, int):  # typer.Exit
        sys.exit(ended)


if __name__ == "__main__":
    main()
