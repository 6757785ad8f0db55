"""The command line `churn-alert`. Thin: parses, loads settings, calls one function, turns errors into one sentence."""

from __future__ import annotations

import math
import sys
import tomllib
from importlib import metadata
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from service.config import Settings, load_settings
from service.errors import ChurnAlertError
from service.logs import configure_logging

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    help="Notices, from a stream of purchases, that a regular customer has gone quiet, and asks for one well-timed win-back message.",
)
out, err = Console(), Console(stderr=True)


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
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")] = False,  # noqa: ARG001
) -> None:
    ctx.obj = Context(config)


@app.command()
def worker(
    ctx: typer.Context,
    no_web: Annotated[bool, typer.Option("--no-web", help="Serve no page, no API and no metrics.")] = False,
) -> None:
    """Consume the input topics, keep the state, emit decisions, scores and period numbers. Runs until stopped."""
    from service.run_worker import run_worker  # noqa: PLC0415 - heavy imports only where needed

    raise typer.Exit(run_worker(ctx.obj.settings, web=not no_web))


def main() -> None:
    """Entry point: every error on purpose is one sentence and an exit code ≠ 0, never a traceback."""
    try:
        app()
    except ChurnAlertError as error:
        err.print(f"[bold red]churn-alert:[/] {error}", highlight=False, soft_wrap=True)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
