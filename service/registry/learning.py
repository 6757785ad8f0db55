"""Schemas that somebody waits for: asked for in the background, until the registry has answered, whatever it takes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable
from typing import Final

import structlog

from service.config import RegistrySettings
from service.errors import ConfigurationError
from service.registry.client import RegistryAwayError, RegistryClient, Schema, SchemaUnknownError
from service.wire.formats import framed_avro, framed_protobuf
from service.wire.framing import read_object
from service.wire.schemas import Reading, SchemaId, Schemas

_FIRST_PAUSE_S: Final = 0.5
_LONGEST_PAUSE_S: Final = 30.0

log = structlog.get_logger()


class Learning:
    """Of one partition. Its calls come from one event loop."""

    def __init__(self, client: RegistryClient, schemas: Schemas, wake: Callable[[], None]) -> None:
        """`wake` is called when there is something new among the schemas."""
        self._client = client
        self._schemas = schemas
        self._wake = wake
        self._task: asyncio.Task[None] | None = None
        self.waits = ""
        """Why nothing has been learned for a while, in words; empty: nobody waits, or not for long."""

    def ask(self, ids: Iterable[SchemaId]) -> None:
        """Returns at once. What is asked for meanwhile is asked for again by whoever needs it."""
        if self._task is None or self._task.done():
            if self._task is not None and not self._task.cancelled():
                self._task.result()  # a mistake of ours ends the process, and is not made again and again
            self._task = asyncio.create_task(self._until_known(sorted(ids, key=str)), name="schemas")

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
        await self._client.close()

    async def _until_known(self, ids: list[SchemaId]) -> None:
        pause_s = _FIRST_PAUSE_S
        for schema_id in ids:
            while True:
                try:
                    await learn(self._client, self._schemas, schema_id)
                    break
                except (RegistryAwayError, ConfigurationError) as error:
                    if not self.waits:
                        log.warning("records wait for their schema; it is asked for until it is there", why=str(error))
                    self.waits = str(error).removesuffix(".")
                    await asyncio.sleep(pause_s)
                    pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)
            self._wake()
        if self.waits:
            log.info("the schema registry answers again")
        self.waits = ""


def learn_now(settings: RegistrySettings, schemas: Schemas, values: Iterable[bytes | None]) -> None:
    """What these records were written with, framed as they are, for who runs no event loop. Raises as `learn`."""
    missing = schemas.missing(values, time.monotonic())
    if not missing:
        return

    async def all_of_them() -> None:
        client = RegistryClient(settings)
        try:
            for schema_id in sorted(missing, key=str):
                await learn(client, schemas, schema_id)
        finally:
            await client.close()

    asyncio.run(all_of_them())


async def learn(client: RegistryClient, schemas: Schemas, schema_id: SchemaId) -> None:
    """Puts in what the registry says of one id, be it that there is none. Raises RegistryAwayError, and
    ConfigurationError where what reads it is not installed."""
    try:
        schema = await client.schema(schema_id)
        reading = await asyncio.to_thread(_reading_of, schema)
    except SchemaUnknownError as error:
        schemas.put_unknown(schema_id, str(error), time.monotonic())
    except ValueError as error:
        schemas.put_unknown(schema_id, str(error), time.monotonic())
    else:
        schemas.put(schema_id, reading, time.monotonic())


def _reading_of(schema: Schema) -> Reading:
    match schema.kind:
        case "AVRO":
            return framed_avro(schema.text, schema.references)
        case "PROTOBUF":
            return framed_protobuf(schema.text, schema.references)
        case "JSON":
            return read_object
        case kind:
            raise ValueError(f"it is of the kind {kind[:40]}, which is not read")
