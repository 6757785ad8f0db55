"""`churn-alert schemas`: the generated documents of every event."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from service.commands.console import err, out, writing

app = typer.Typer(no_args_is_help=True, help="JSON Schema and AsyncAPI of every event.")


@app.command("export")
def schemas_export(directory: Annotated[Path, typer.Argument(help="Where to write.")] = Path("schemas")) -> None:
    """Write the generated documents."""
    from schemas import export

    with writing(directory):
        for path in export.export(directory):
            out.print(str(path), highlight=False, soft_wrap=True)


@app.command("check")
def schemas_check() -> None:
    """Compare the checked-in documents with the models; exit code 1 on drift."""
    from schemas import export

    drifts = export.check()
    for drift in drifts:
        err.print(drift, highlight=False, soft_wrap=True)
    if drifts:
        raise typer.Exit(1)
    out.print("The documents are those of the models.")
