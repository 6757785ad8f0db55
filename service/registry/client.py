"""Asks the registry for one schema with all that it refers to. Nothing here decides what becomes of a record.

An id is unknown only where a registry says so itself, in its own form: a proxy's 404, a login that is refused, a broken
line mean that nobody knows yet, and the record waits.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from typing import Any, Final, NamedTuple
from urllib.parse import quote
from uuid import UUID

import aiohttp
import msgspec

from service.build_info import version
from service.config import RegistrySettings, Settings
from service.errors import ConfigurationError, TransientError
from service.wire.ours import NOT_OURS
from service.wire.schemas import SchemaId

_LARGEST_BYTES: Final = 4 << 20
"""Of one answer, and of all texts of one schema."""
_MOST_REFERENCES: Final = 200
_ACCEPT: Final = "application/vnd.schemaregistry.v1+json, application/json"
_IS_UNKNOWN: Final = range(40_400, 40_500)
"""Error codes of a registry: no such schema, subject or version."""


class SchemaUnknownError(Exception):
    """The registry does not know it; the message says what."""


class RegistryAwayError(TransientError):
    """It does not answer, or not as a registry does."""


class Schema(NamedTuple):
    """One, as it was registered."""

    kind: str
    """AVRO, PROTOBUF or JSON."""
    text: str
    references: Mapping[str, str]
    """Name → text, each after what it refers to itself."""


class _Reference(msgspec.Struct):
    name: str
    subject: str
    version: int


class _Answer(msgspec.Struct):
    schema: str
    schemaType: str = "AVRO"  # noqa: N815 - the registry's word
    references: list[_Reference] | None = None


class _Refusal(msgspec.Struct):
    error_code: int


class RegistryClient:
    """Any number of questions at once."""

    def __init__(self, settings: RegistrySettings) -> None:
        """Raises ConfigurationError where there is no address, or a file cannot be used."""
        if not settings.urls:
            raise ConfigurationError("registry.url is not set: say where the schemas of Avro and Protobuf are.")
        if unreadable := settings.unreadable():
            raise ConfigurationError(f"{unreadable}.")
        self._settings = settings
        self._tls = tls_of(settings)
        self._session: aiohttp.ClientSession | None = None

    async def schema(self, schema_id: SchemaId) -> Schema:
        """Raises SchemaUnknownError and RegistryAwayError."""
        by = "guids" if isinstance(schema_id, UUID) else "ids"
        found = await self._ask(f"/schemas/{by}/{schema_id}", "the registry does not know it")
        texts: dict[str, str] = {}
        await self._collect(found, texts, set())
        return Schema(found.schemaType.upper(), found.schema, texts)

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _collect(self, answer: _Answer, texts: dict[str, str], met: set[str]) -> None:
        for reference in answer.references or ():
            if reference.name in met:
                continue
            met.add(reference.name)
            if len(met) > _MOST_REFERENCES or sum(map(len, texts.values())) > _LARGEST_BYTES:
                raise SchemaUnknownError("it refers to more schemas than can be read")
            where = f"/subjects/{quote(reference.subject, safe='')}/versions/{reference.version}"
            found = await self._ask(where, f"the registry does not know {reference.name[:100]}, which it refers to")
            await self._collect(found, texts, met)
            texts[reference.name] = found.schema

    async def _ask(self, path: str, unknown: str) -> _Answer:
        """Of the first address that answers."""
        why = ""
        for url in self._settings.urls:
            try:
                status, body = await self._get(url + path)
            except (aiohttp.ClientError, OSError, TimeoutError, asyncio.IncompleteReadError) as error:
                why = f"the schema registry {url} cannot be reached ({_short(error)})"
                continue
            if status == 200:
                try:
                    return msgspec.json.decode(body, type=_Answer)
                except NOT_OURS:
                    why = f"{url} does not answer as a schema registry does: look at registry.url"
                    continue
            if status == 404 and _is_unknown(body):
                raise SchemaUnknownError(unknown)
            why = f"the schema registry {url} answers {status}{_CURES.get(status, '')}"
        raise RegistryAwayError(why)

    async def _get(self, url: str) -> tuple[int, bytes]:
        async with self._opened().get(url, allow_redirects=False) as answer:
            body = bytearray()
            async for chunk in answer.content.iter_chunked(1 << 16):
                body += chunk
                if len(body) > _LARGEST_BYTES:
                    raise aiohttp.ClientPayloadError("the answer is too large")
            return answer.status, bytes(body)

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            settings = self._settings
            headers = {"Accept": _ACCEPT, "User-Agent": f"churn-alert/{version()}"}
            if settings.token is not None:
                headers["Authorization"] = f"Bearer {settings.token.get_secret_value()}"
            elif settings.username is not None and settings.password is not None:
                headers["Authorization"] = aiohttp.encode_basic_auth(
                    settings.username, settings.password.get_secret_value(), "utf-8"
                )
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(ssl=self._tls, limit=8),
                timeout=aiohttp.ClientTimeout(total=settings.timeout_s),
                headers=headers,
                cookie_jar=aiohttp.DummyCookieJar(),
                trust_env=False,
            )
        return self._session


_CURES: Final = {
    401: ": look at registry.username and password",
    403: ": the login may not read schemas",
    404: " with a page of its own: look at registry.url",
}


def _is_unknown(body: bytes) -> bool:
    try:
        return msgspec.json.decode(body, type=_Refusal).error_code in _IS_UNKNOWN
    except NOT_OURS:
        return False


def _short(error: BaseException) -> str:
    if isinstance(error, TimeoutError):
        return "no answer in time"
    text: Any = getattr(error, "os_error", error)
    return f"{type(text).__name__}: {text}"[:200]


def refuse_unusable(settings: Settings) -> None:
    """Raises ConfigurationError where an input needs the registry and a file of its settings cannot be used."""
    if any(said.needs_registry for said in (*settings.inputs.of_topics.values(), settings.inputs.customers)):
        if unreadable := settings.registry.unreadable():
            raise ConfigurationError(f"{unreadable}.")
        tls_of(settings.registry)


def tls_of(settings: RegistrySettings) -> ssl.SSLContext:
    """Raises ConfigurationError where a file cannot be used."""
    try:
        context = ssl.create_default_context(cafile=None if settings.ca_file is None else str(settings.ca_file))
        context.minimum_version = ssl.TLSVersion.TLSv1_2
    except OSError as error:
        raise ConfigurationError(f"registry.ca_file cannot be used: {error.strerror or error}.") from error
    if settings.cert_file is not None:
        try:
            context.load_cert_chain(
                str(settings.cert_file), None if settings.key_file is None else str(settings.key_file), lambda: ""
            )
        except (OSError, ValueError) as error:
            raise ConfigurationError(f"registry.cert_file or key_file cannot be used: {error}.") from error
    return context
