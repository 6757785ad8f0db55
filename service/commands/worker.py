"""Starts one worker process: waits for the broker, checks the topics, then runs until stopped."""

from __future__ import annotations

import math
import os
import signal
import sys
import time

import structlog

from service.config import Settings
from service.errors import ConfigurationError
from service.streaming import topics
from service.streaming.metrics import Metrics
from service.streaming.worker import RESTARTS_VARIABLE, Worker, pause_before_start

log = structlog.get_logger()


def run_worker(settings: Settings, *, web: bool = True) -> int:
    """Returns the exit code. Raises ConfigurationError when the topics or the port cannot be used."""
    # Nothing is in flight before the worker runs, also while it waits for a broker: stopping it then is a good end.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    restarts = int(os.environ.get(RESTARTS_VARIABLE, "0"))
    if restarts:
        log.info("started again", restarts=restarts)
        time.sleep(pause_before_start(restarts))
    serve = None
    if web and settings.web.enabled:
        from service.web.server import prepare  # noqa: PLC0415 - the web half is optional

        serve = prepare(settings)  # takes the port: a mistake there is told before anything waits for the broker
    problems = topics.check(settings, wait_s=math.inf, say=log.warning)
    if problems:
        raise ConfigurationError(" ".join(problems))
    partitions = topics.partition_count(settings, wait_s=math.inf, say=log.warning)
    return Worker(settings, Metrics(), serve, partitions).run()
