"""`churn-alert simulate`: a log of customers whose fate is known."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console

from service.commands.console import writing
from service.config import Settings
from service.feed.simulate import Cafe, Simulation


def write_simulation(
    settings: Settings, directory: Path, console: Console, *, customers: int, days: int, seed: int
) -> None:
    """Simulated customers as files that backtest, replay and demo read."""
    with writing(directory):
        files = Simulation(Cafe(customers=customers, days=days, seed=seed, zone=settings.shop.zone)).write(directory)
    console.print("Written: " + ", ".join(str(path) for path in files), highlight=False, soft_wrap=True)
