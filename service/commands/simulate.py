"""`churn-alert simulate`: a log of customers whose fate is known."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from service.commands.console import out, settings_of, writing


def simulate(
    ctx: typer.Context,
    output: Annotated[Path, typer.Option("--out", help="Directory for purchases.csv, surveys.csv and fates.csv.")],
    customers: Annotated[int, typer.Option(min=1, max=10_000_000)] = 500,
    days: Annotated[int, typer.Option(min=1, max=36_525)] = 365,
    seed: int = 1,
) -> None:
    """Write a log of simulated café customers whose fate is known."""
    from service.feed.simulate import Cafe, Simulation

    cafe = Cafe(customers=customers, days=days, seed=seed, zone=settings_of(ctx).shop.zone)
    with writing(output):
        files = Simulation(cafe).write(output)
    out.print("Written: " + ", ".join(str(path) for path in files), highlight=False, soft_wrap=True)
