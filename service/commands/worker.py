"""`churn-alert worker`: waits for the broker, checks the topics, then runs until stopped."""

from __future__ import annotations

import math
import os
from contextlib import AbstractContextManager, nullcontext
from typing import Annotated

import structlog
import typer

from service.commands.console import runs_until_stopped, settings_of
from service.config import Settings
from service.errors import ConfigurationError

log = structlog.get_logger()


def worker(
    ctx: typer.Context,
    no_web: Annotated[bool, typer.Option("--no-web", help="Serve no page, no API and no metrics.")] = False,
) -> None:
    """Consume the input topics, keep the state, emit decisions, scores and period numbers. Runs until stopped."""
    raise typer.Exit(_run(settings_of(ctx), web=not no_web))


def _run(settings: Settings, *, web: bool) -> int:
    """Returns the exit code. Raises ConfigurationError when the topics or the port cannot be used."""
    # Nothing is in flight before the worker runs, also while it waits for a broker: stopping it then is a good end.
    runs_until_stopped()
    from service.cluster import topics
    from service.cluster.topic_rights import Part
    from service.connection import Refusal
    from service.registry.client import refuse_unusable
    from service.streaming.made_under import refuse_other_settings
    from service.streaming.membership import refuse_to_join, this_process
    from service.streaming.metrics import Metrics
    from service.streaming.reach import AWAY_VARIABLE
    from service.streaming.restarts import pause_after_restart
    from service.streaming.worker import Worker
    from service.wire.decoder import DecoderSettings

    away_since_s = float(os.environ.get(AWAY_VARIABLE, "0"))
    os.environ.pop(AWAY_VARIABLE, None)
    DecoderSettings.of(settings)  # a mistake in what its inputs need is told before anything waits for them
    refuse_unusable(settings)
    metrics, page = Metrics(calendar=settings.shop.calendar()), None
    meanwhile: AbstractContextManager[None] = nullcontext()
    if web and settings.web.enabled:
        from service.web.page_process import PageProcess, let_go_of_the_former
        from service.web.port import take_port

        let_go_of_the_former()
        listener = take_port(settings.web)  # a mistake there is told before anything waits for the broker
        page = PageProcess(settings, listener, metrics, away_since_s)
        meanwhile = page.running()

    def waits(line: str) -> None:
        log.warning(line)
        if page is not None:
            page.waits(str(line) if isinstance(line, Refusal) else "")  # a plain text: it travels

    with meanwhile:
        pause_after_restart(settings, Part.WORKER, waits)
        topics.make_added(settings, wait_s=math.inf, say=waits)
        problems = topics.check(
            settings, wait_s=math.inf, say=waits, part=Part.WORKER, warn=topics.warner(settings, log.warning)
        )
        if problems:
            raise ConfigurationError(" ".join(problems))
        refuse_other_settings(settings)
        partitions = topics.partition_count(settings, wait_s=math.inf, say=waits)
        process = this_process()
        refuse_to_join(settings.kafka, process, log.warning)
        return Worker(settings, metrics, page.serve if page is not None else None, partitions, process).run()
