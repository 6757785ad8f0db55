"""What the commands share: settings, consoles, sentences, counts, progress bars and files that cannot be written."""

from __future__ import annotations

import math
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from service.config import Settings, load_settings
from service.errors import ConfigurationError
from service.logs import configure_logging, never_wait_for_readers

if TYPE_CHECKING:
    from rich.progress import Progress

out, err = Console(markup=False, emoji=False), Console(stderr=True, markup=False, emoji=False)
"""Brackets in names, files and broken rows are theirs: where style is wanted it is asked for."""

Files = Annotated[
    list[Path],
    typer.Argument(
        help="Exports of your shop as they are (`churn-alert formats`), or customer_id, timestamp, amount, …",
        show_default=False,
    ),
]
Surveys = Annotated[list[Path] | None, typer.Option(help="Survey answers: customer_id, timestamp, survey, score.")]


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


def settings_of(ctx: typer.Context) -> Settings:
    """Those that the command was called with. Raises ConfigurationError where they hold a mistake."""
    context: Context = ctx.obj
    return context.settings


def runs_until_stopped() -> None:
    """From now on the word to stop is a good end, while nothing is in flight; and no reader of the log holds it up."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    never_wait_for_readers()


def finite(value: float | None) -> float | None:
    """For options whose bounds would let through what is no number."""
    if value is not None and not math.isfinite(value):
        raise typer.BadParameter("this must be a finite number.")
    return value


def say(line: str) -> None:
    """One line for a person who waits."""
    err.print(line, style="dim", highlight=False, soft_wrap=True)


def tell(console: Console, sentences: list[str]) -> None:
    for sentence in sentences:
        console.print(sentence, style="yellow", highlight=False, soft_wrap=True)


def counted(count: int, thing: str) -> str:
    return f"{count:,} {thing}" + ("" if count == 1 else "s")


def progress(console: Console) -> Progress:
    """Only where it can be redrawn: elsewhere it would leave an empty line, in some versions of rich even a disabled
    one."""
    from rich.progress import Progress

    if console.is_terminal:
        return Progress(console=console, transient=True)
    return Progress(console=Console(quiet=True), disable=True)


@contextmanager
def writing(directory: Path) -> Iterator[None]:
    """A full disk, a file in the way or missing rights become one sentence."""
    try:
        yield
    except OSError as error:
        raise ConfigurationError(f"{error.filename or directory} cannot be written: {error.strerror}.") from error
