"""`POST /delivery/events`: where mail providers say what became of mail.

It answers when everything it was told lies on `customers`; what comes again has the same event id there, so it counts
once. A provider that gets no 2xx posts again.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import time
from collections.abc import Awaitable, Callable
from typing import Annotated, Any, Final, Protocol

import structlog
from aiokafka.errors import KafkaError
from fastapi import FastAPI, Header, Request, Response
from pydantic import SecretStr

from service.delivery.addresses import Addresses
from service.delivery.provider_events import Told, UnreadableEventError, What, read_events
from service.web.responses import json_answer

log = structlog.get_logger()

LARGEST_BYTES: Final = 4 << 20
_PATH: Final = "/delivery/events"


class Says(Protocol):
    async def told(self, customer_id: str, event_id: str, at_us: int, fields: dict[str, Any]) -> None:
        """Returns when it lies on `customers`."""


class ProviderEvents:
    """What stands behind the path."""

    def __init__(
        self,
        token: SecretStr,
        addresses: Addresses,
        writer: Says,
        up_to_date: Callable[[], Awaitable[None]],
        count: Callable[[str, str], None],
    ) -> None:
        """`up_to_date` returns when `addresses` knows all that could be read; `count` is told type and outcome."""
        self._token = token.get_secret_value().encode()
        self._addresses = addresses
        self._writer = writer
        self._up_to_date = up_to_date
        self._count = count

    def lets_in(self, authorization: str) -> bool:
        """Bearer and the token, or Basic with the token as the password: many providers can only do that."""
        scheme, _, rest = authorization.partition(" ")
        given = rest.strip().encode()
        if scheme.lower() == "basic":
            try:
                given = base64.b64decode(given, validate=True).partition(b":")[2]
            except (binascii.Error, ValueError):
                return False
        elif scheme.lower() != "bearer":
            return False
        return hmac.compare_digest(given, self._token)

    async def take(self, body: bytes) -> dict[str, int]:
        """How many were recorded, of nobody we know, and no news. Raises UnreadableEventError, where others can be read
        when those are recorded, and what Kafka does."""
        read = read_events(body)
        if read.confirm is not None:
            log.warning("SNS asks whether it may post here: open the address once", address=read.confirm)
        if read.told:
            await self._up_to_date()
        recorded = unknown = 0
        for told in read.told:
            whom = self._whom(told)
            now_us = time.time_ns() // 1_000
            at_us = now_us if told.at_us is None else min(told.at_us, now_us)  # their clock may be ahead
            for customer_id in whom:
                await self._writer.told(customer_id, told.event_id, at_us, _fields(told))
            recorded += bool(whom)
            unknown += not whom
            self._count(told.what.value, "recorded" if whom else "unknown")
        if read.unreadable is not None:
            raise UnreadableEventError(f"{read.unreadable}; what could be read of the others is on record")
        return {"recorded": recorded, "unknown": unknown, "ignored": read.left_out}

    def _whom(self, told: Told) -> tuple[str, ...]:
        if told.customer_id is not None:
            return (told.customer_id,)
        return self._addresses.who(told.email or "")


def add_provider_events(app: FastAPI, events: ProviderEvents) -> None:
    @app.post(_PATH, summary="Bounces, complaints and unsubscribes, as mail providers post them", tags=["events"])
    async def post(request: Request, authorization: Annotated[str, Header()] = "") -> Response:
        if not events.lets_in(authorization):
            refusal = json_answer(
                {"detail": "deliver.events_token is asked for, as Bearer or as a Basic password"}, 401
            )
            refusal.headers["WWW-Authenticate"] = "Bearer"
            return refusal
        body = bytearray()
        async for some in request.stream():
            body += some
            if len(body) > LARGEST_BYTES:
                return json_answer({"detail": "the body is too large"}, 413)
        try:
            return json_answer(await events.take(bytes(body)))
        except UnreadableEventError as error:
            return json_answer({"detail": str(error)}, 400)
        except (KafkaError, OSError, TimeoutError) as error:
            log.warning("what a mail provider said could not be recorded", error=type(error).__name__)
            return json_answer({"detail": "it could not be recorded; post it again"}, 503)


def _fields(told: Told) -> dict[str, Any]:
    match told.what:
        case What.BOUNCE:
            return {"bounce": {"email": told.email, "type": "hard"}, **_about(told)}
        case What.COMPLAINT:
            return {"complaint": True, **_about(told)}
        case What.UNSUBSCRIBE:
            return {"marketing_consent": False}


def _about(told: Told) -> dict[str, Any]:
    return {} if told.outreach_id is None else {"outreach_id": told.outreach_id}
