"""`churn-alert demo`: a year of real baskets through a real Kafka."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from service.commands.console import Surveys, finite, out, settings_of


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
    port: Annotated[
        int | None, typer.Option(min=0, max=65_535, help="Port of the page; default 8088, or any free one.")
    ] = None,
    seconds: Annotated[
        float, typer.Option(min=1, max=86_400, callback=finite, help="The replay takes about this long.")
    ] = 20.0,
    leave: Annotated[bool, typer.Option("--exit", help="End after the summary instead of serving on.")] = False,
) -> None:
    """Stream a year of real baskets through a real Kafka and watch regulars go quiet. Needs no Docker and no Java."""
    from service.demo.performance import run_demo

    run_demo(
        settings_of(ctx),
        console=out,
        files=files or [],
        surveys=surveys or [],
        bootstrap=bootstrap,
        partitions=partitions,
        port=port,
        seconds=seconds,
        leave=leave,
    )
