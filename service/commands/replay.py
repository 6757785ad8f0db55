"""`churn-alert replay`: history files into the input topics, with a progress bar."""

from __future__ import annotations

from typing import Annotated

import typer

from service.commands.console import Files, Surveys, finite, out, progress, settings_of, tell
from service.commands.own_files import AcceptLosses, Dates, Decimals, Map, MapSurveys, check_losses, wishes_of
from service.errors import ConfigurationError


def replay(
    ctx: typer.Context,
    files: Files,
    surveys: Surveys = None,
    speed: Annotated[
        float | None,
        typer.Option(callback=finite, help="Event seconds per second; default: as fast as the broker takes it."),
    ] = None,
    seconds: Annotated[
        float | None, typer.Option(callback=finite, help="Spread the whole log over this many seconds.")
    ] = None,
    columns: Map = None,
    survey_columns: MapSurveys = None,
    decimal: Decimals = None,
    dates: Dates = None,
    accept_losses: AcceptLosses = False,
) -> None:
    """Stream history files into the input topics, in order of time."""
    from service.feed.replay import Pace, partitioner_of
    from service.feed.replay import replay as send
    from service.history import open_history

    settings = settings_of(ctx)
    mapped = [name for name, said in settings.inputs.of_topics.items() if said.is_foreign]
    if mapped:
        raise ConfigurationError(
            f"inputs.{mapped[0]} says that the topic {getattr(settings.kafka.topics, mapped[0])} holds events of another "
            "form, and a replay writes ours: replay into topics of their own, or leave inputs out of the settings."
        )
    if speed is not None and seconds is not None:
        raise ConfigurationError("--speed and --seconds exclude each other.")
    wishes = wishes_of(settings, columns, survey_columns, decimal, dates)
    history = open_history(
        files, surveys or [], calendar=settings.shop.calendar(), minor_digits=settings.shop.minor_digits, wishes=wishes
    )
    tell(out, history.report.said)
    check_losses(history.report, accepted=accept_losses)
    pace = Pace(speed) if seconds is None else Pace.whole_in(seconds, history.first_us, history.last_us)
    partitioner = partitioner_of(settings)
    with progress(out) as bar:
        task = bar.add_task("replay", total=history.rows)
        done = send(
            history.events(),
            kafka=settings.kafka,
            minor_digits=settings.shop.minor_digits,
            pace=pace,
            partitioner=partitioner,
            on_progress=lambda replayed: bar.update(task, completed=replayed.events),
        )
    tell(out, history.report.sentences())
    out.print(
        f"{done.events:,} events sent: " + ", ".join(f"{n:,} to {topic}" for topic, n in done.by_topic.items()) + "."
    )
