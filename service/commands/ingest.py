"""`churn-alert ingest`: the webhook door."""

from __future__ import annotations

import typer

from service.commands.console import runs_until_stopped, settings_of


def ingest(ctx: typer.Context) -> None:
    """Take webhooks of shop systems, and write what they say to Kafka. Runs until stopped; any number may run.

    Needs `ingest.sources`: who may post, and what they sign with.
    """
    settings = settings_of(ctx)
    from service.ingest.process import Ingest
    from service.web.port import take_port

    runs_until_stopped()
    door = Ingest(settings)  # a mistake in the settings is told before anything waits for the broker
    listener = take_port(settings.ingest)
    raise typer.Exit(door.run(listener))
