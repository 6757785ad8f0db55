"""`churn-alert worker`: waits for the broker, checks the topics, then runs until stopped."""

from __future__ import annotations

import math
import os
import signal
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Annotated

import structlog
import typer

from service.commands.console import settings_of
from service.config import Settings
from service.errors import ConfigurationError

if TYPE_CHECKING:
    from fastapi import FastAPI

log = structlog.get_logger()


def worker(
    ctx: typer.Context,
    no_web: Annotated[bool, typer.Option("--no-web", help="Serve no page, no API and no metrics.")] = False,
) -> None:
    """Consume the input topics, keep the state, emit decisions, scores and period numbers. Runs until stopped."""
    raise typer.Exit(_run(settings_of(ctx), web=not no_web))


def _run(settings: Settings, *, web: bool) -> int:
    """Returns the exit code. Raises ConfigurationError when the topics or the port cannot be used."""
    from service.streaming import topics
    from service.streaming.membership import refuse_to_join, this_process
    from service.streaming.metrics import Metrics
    from service.streaming.reach import AWAY_VARIABLE
    from service.streaming.restarts import RESTARTS_VARIABLE, pause_before_start
    from service.streaming.worker import Worker

    # Nothing is in flight before the worker runs, also while it waits for a broker: stopping it then is a good end.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    restarts, away_since_s = int(os.environ.get(RESTARTS_VARIABLE, "0")), float(os.environ.get(AWAY_VARIABLE, "0"))
    os.environ.pop(AWAY_VARIABLE, None)
    metrics, serve = Metrics(calendar=settings.shop.calendar()), None
    meanwhile: AbstractContextManager[None] = nullcontext()
    if web and settings.web.enabled:
        from service.web.server import serving_on, take_port
        from service.web.waiting import answering

        listener = take_port(settings.web)  # a mistake there is told before anything waits for the broker
        serve, meanwhile = (
            serving_on(listener, settings, _unsubscribing(settings)),
            answering(settings, listener, metrics, away_since_s),
        )
    with meanwhile:
        if restarts:
            log.info("started again", restarts=restarts)
            time.sleep(pause_before_start(restarts))
        topics.make_added(settings, wait_s=math.inf, say=log.warning)
        problems = topics.check(settings, wait_s=math.inf, say=log.warning)
        if problems:
            raise ConfigurationError(" ".join(problems))
        partitions = topics.partition_count(settings, wait_s=math.inf, say=log.warning)
        process = this_process()
        refuse_to_join(settings.kafka, process, log.warning)
    return Worker(settings, metrics, serve, partitions, process).run()


def _unsubscribing(settings: Settings) -> Callable[[FastAPI], None]:
    """Adds the page that the links of messages lead to, where the secret is known that signs them."""
    secret = settings.deliver.unsubscribe_secret

    def add(app: FastAPI) -> None:
        if secret is None:
            return
        from service.delivery.customers import CustomersWriter
        from service.delivery.links import Links
        from service.web.unsubscribe import add_unsubscribe

        writer = CustomersWriter(settings)
        add_unsubscribe(app, Links(settings.deliver.public_url, secret).read, writer.unsubscribed)

    return add
