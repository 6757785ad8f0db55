"""`churn-alert schemas export`: the generated documents as files."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console

from schemas.export import export
from service.commands.console import writing


def export_schemas(directory: Path, console: Console) -> None:
    """Prints each file that it has written."""
    with writing(directory):
        for path in export(directory):
            console.print(str(path), highlight=False, soft_wrap=True)
