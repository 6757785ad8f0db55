"""Logging of the processes: structlog to standard error, for people or as JSON; standard output is the commands'."""

from __future__ import annotations

import logging
import sys

import structlog

from service.config import LogSettings


def configure_logging(settings: LogSettings) -> None:
    """Called once per process, by the command line."""
    level = getattr(logging, settings.level.upper())
    render: structlog.types.Processor = (
        structlog.processors.JSONRenderer()
        if settings.format == "json"
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), pad_event_to=0)
    )
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            render,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    # The libraries log through the standard module; their warnings matter, their chatter does not.
    logging.basicConfig(stream=sys.stderr, level=logging.ERROR, format="%(levelname)s %(name)s: %(message)s")
