"""What the commands share: sentences, counts, progress bars and files that cannot be written."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import Progress

from service.errors import ConfigurationError


def tell(console: Console, sentences: list[str]) -> None:
    for sentence in sentences:
        console.print(sentence, style="yellow", highlight=False, soft_wrap=True)


def counted(count: int, thing: str) -> str:
    return f"{count:,} {thing}" + ("" if count == 1 else "s")


def progress(console: Console) -> Progress:
    """Only where it can be redrawn: elsewhere it would leave an empty line, in some versions of rich even a disabled one."""
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
