"""Logging of the processes: one line for each change of state, to standard error, for people or as JSON; standard
output is the commands'.

The libraries' lines, warnings and what ends a thread or the process take the same way, so that every line of a process
can be read by one program. Nothing that names a customer is said above the level debug; tracebacks are without values.
"""

from __future__ import annotations

import logging
import sys
import threading
from types import TracebackType
from typing import TextIO, cast

import structlog

from service.config import LogSettings
from service.processes.lines import Lines

log = structlog.get_logger()


def configure_logging(settings: LogSettings) -> None:
    """Called once per process, by the command line."""
    as_json = settings.format == "json"
    level = getattr(logging, settings.level.upper())
    render: structlog.types.Processor = (
        structlog.processors.JSONRenderer()
        if as_json
        else structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(), pad_event_to=0, exception_formatter=structlog.dev.plain_traceback
        )
    )
    before: list[structlog.types.Processor] = [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    if as_json:
        before.append(structlog.processors.format_exc_info)
    ours = not logging.getLogger().handlers  # else it is somebody else's process, who looks after its libraries and end
    if ours and not isinstance(sys.stderr, Lines):
        sys.stderr = cast("TextIO", Lines(sys.stderr, as_json=as_json))
    structlog.configure(
        processors=[*before, render],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    if not ours:
        return
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, render],
            foreign_pre_chain=[structlog.stdlib.add_logger_name, *before],
        )
    )
    # The errors of the libraries matter, their chatter does not.
    logging.basicConfig(handlers=[handler], level=logging.ERROR)
    logging.captureWarnings(capture=True)
    logging.getLogger("py.warnings").setLevel(logging.WARNING)
    sys.excepthook = _uncaught
    threading.excepthook = _uncaught_in_thread


def never_wait_for_readers() -> None:
    """Of a process that runs until it is stopped: who reads its log may stop reading, and it goes on."""
    if isinstance(sys.stderr, Lines):
        sys.stderr.never_wait()


def _uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    log.critical("an error was not caught", exc_info=(kind, error, trace))


def _uncaught_in_thread(told: threading.ExceptHookArgs) -> None:
    if told.exc_value is not None and told.exc_type is not SystemExit:
        log.critical(
            "an error was not caught in a thread",
            thread=told.thread.name if told.thread else None,
            exc_info=(told.exc_type, told.exc_value, told.exc_traceback),
        )
