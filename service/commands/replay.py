"""`churn-alert replay`: history files into the input topics, with a progress bar."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console

from service.commands.console import progress, tell
from service.config import Settings
from service.errors import ConfigurationError
from service.feed.replay import Pace, replay
from service.history import open_history
from service.streaming.connection import kafka_python_security


def replay_files(
    settings: Settings,
    files: list[Path],
    surveys: list[Path],
    console: Console,
    *,
    speed: float | None,
    seconds: float | None,
) -> None:
    """Files → input topics, with a progress bar."""
    if speed is not None and seconds is not None:
        raise ConfigurationError("--speed and --seconds exclude each other.")
    history = open_history(files, surveys, zone=settings.shop.zone, minor_digits=settings.shop.minor_digits)
    pace = Pace(speed) if seconds is None else Pace.whole_in(seconds, history.first_us, history.last_us)
    with progress(console) as bar:
        task = bar.add_task("replay", total=history.rows)
        done = replay(
            history.events(),
            connection={
                "bootstrap_servers": settings.kafka.bootstrap_servers,
                **kafka_python_security(settings.kafka),
            },
            topics=settings.kafka.topics,
            minor_digits=settings.shop.minor_digits,
            pace=pace,
            on_progress=lambda replayed: bar.update(task, completed=replayed.events),
        )
    tell(console, history.report.sentences())
    console.print(
        f"{done.events:,} events sent: " + ", ".join(f"{n:,} to {topic}" for topic, n in done.by_topic.items()) + "."
    )
