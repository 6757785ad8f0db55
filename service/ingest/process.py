"""The process of the door: it listens at once, and is ready when it has met a broker."""

from __future__ import annotations

import asyncio
import socket

import structlog
from aiokafka.errors import KafkaError
from kafka.errors import KafkaError as BlockingKafkaError

from service.config import Settings
from service.errors import ConfigurationError, ExitCode, TransientError
from service.ingest.door import Door, create_ingest_app
from service.ingest.metrics import IngestMetrics
from service.ingest.writing import EventWriter
from service.processes.ending import end_on_request, leave
from service.web.limits import Limits
from service.web.port import address_of
from service.web.server import serve_app

_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.5, 15.0
_STOP_S, _GRACE_S = 9.0, 5
"""Whoever is asked to end has ended by then; so long posts that are being written have to be answered, which they are
when Kafka has them."""
_WIND_UP_S = 2.0
"""For what is not there by then, of which nobody hears any more: an answer that comes too late is a post that comes
again."""

log = structlog.get_logger()


def check(settings: Settings) -> None:
    """Raises ConfigurationError for what would make the door of no use."""
    if not settings.ingest.sources:
        raise ConfigurationError("ingest.sources is empty: say who may post, in a table [[ingest.sources]].")
    for source in settings.ingest.sources:
        said = settings.inputs.of_topics.get(source.topic)
        if said is not None and said.is_foreign:
            raise ConfigurationError(
                f"ingest writes events of ours, and inputs.{source.topic} says that its topic holds others: give the door "
                "and those that write otherwise a topic and a worker each."
            )


class Ingest:
    """One process, for as long as it runs."""

    def __init__(self, settings: Settings, writer: EventWriter | None = None) -> None:
        """Raises ConfigurationError."""
        check(settings)
        self._settings = settings
        self._metrics = IngestMetrics(source.path_name for source in settings.ingest.sources)
        self._writer = writer or EventWriter(settings)
        try:
            self._door = Door(settings, self._writer, self._metrics)
        except ValueError as error:
            raise ConfigurationError(f"ingest.sources cannot be used: {error}.") from error
        self._missing = "no broker has answered yet"

    def run(self, listener: socket.socket) -> int:
        """Until stopped; returns the exit code."""
        return asyncio.run(self._run(listener))

    def missing(self) -> list[str]:
        return [self._missing] if self._missing else []

    async def _run(self, listener: socket.socket) -> int:
        stop = asyncio.Event()
        end_on_request(stop, _STOP_S, _give_up)
        app = create_ingest_app(self._door, self._metrics, self.missing)
        log.info("webhooks are taken", address=address_of(listener), sources=sorted(self._door.sources))
        serving: asyncio.Task[object] = asyncio.create_task(
            serve_app(app, listener, limits_of(self._settings), grace_s=_GRACE_S)
        )
        opening: asyncio.Task[object] = asyncio.create_task(self.keep_open())
        stopped: asyncio.Task[object] = asyncio.create_task(stop.wait())
        try:
            while not stopped.done():
                await asyncio.wait({serving, opening, stopped}, return_when=asyncio.FIRST_COMPLETED)
                for task in (serving, opening):
                    if task.done():
                        task.result()  # a mistake of ours, or of the settings, ends the process
        finally:
            for task in (serving, opening, stopped):
                task.cancel()
            await asyncio.gather(serving, opening, stopped, return_exceptions=True)
            await self._writer.close(_WIND_UP_S)
        log.info("stopped")
        return 0

    async def keep_open(self) -> None:
        """Opens the writer, and anew after each failure, for a producer that has failed may never write again. Until
        cancelled; raises ConfigurationError where the broker lets nobody in."""
        topics = sorted(set().union(*(source.topics for source in self._door.sources.values())))
        while True:
            await self._open(topics)
            self._missing = ""
            self._metrics.ready(value=True)
            log.info("ready", topics=topics)
            await self._writer.failed.wait()
            self._missing = "the broker did not take what was posted"
            self._metrics.ready(value=False)
            await self._writer.close()

    async def _open(self, topics: list[str]) -> None:
        pause_s = _FIRST_PAUSE_S
        while True:
            try:
                await self._writer.open(topics)
            except (KafkaError, BlockingKafkaError, OSError, TransientError) as error:
                log.warning("no broker to write to; it is tried again", error=f"{type(error).__name__}: {error}"[:300])
                await asyncio.sleep(pause_s)
                pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)
            else:
                return


def limits_of(settings: Settings) -> Limits:
    """Those of the page, with the door's own size and rate."""
    ingest = settings.ingest
    web = settings.web.model_copy(update={"numbers": "open", "requests_per_second": ingest.requests_per_second})
    urls = [source.url for source in ingest.sources]
    return Limits.of(web, ingest.host, ingest.public_url, *urls, body_bytes=ingest.body_bytes, section="ingest")


def _give_up() -> None:
    log.warning("no broker could be taken leave of; whoever was not answered posts again")
    leave(ExitCode.DONE)
