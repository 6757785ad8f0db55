"""What every request passes before the application sees it: its host, its size, its rate, and who may see numbers."""

from __future__ import annotations

import asyncio
import math
from typing import Final
from urllib.parse import urlencode

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Send
from starlette.types import Scope as AsgiScope

from service.web.access import Access, Holder, Refusal, Scope
from service.web.limits import Limits, Rate, client_of
from service.web.responses import SECURITY_HEADERS, problem

_LIFE: Final = "/healthz"
_PROBES: Final = frozenset({_LIFE, "/readyz"})
"""Asked by who starts processes again: never too often, and without a token."""
_OPEN: Final = frozenset({"/unsubscribe", "/delivery/events", "/sign-in", "/sign-out"})
"""Without the token: the first is for customers, the second has its own, the others ask for it."""
_STATIC: Final = "/static/"
_PERSONS: Final = ("/today", "/people", "/api/v1/customers", "/api/v1/decisions", "/api/v1/today")
"""They ask for a scope of their own."""
_READING: Final = ("GET", "HEAD")
_SIGN_IN: Final = "/sign-in"
_FIRST: Final = "/today"
"""What whoever has signed in to see persons is shown first."""
_DRAINED_S: Final = 2.0
_MOST_DRAINED: Final = 32 << 20


class TooLargeError(Exception):
    """A body."""


class Protection:
    """Middleware."""

    def __init__(self, app: ASGIApp, limits: Limits, access: Access) -> None:
        self._app = app
        self._limits = limits
        self._access = access
        self._rate = Rate(limits.settings.requests_per_second)

    async def __call__(self, scope: AsgiScope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        headers = Headers(scope=scope)
        refusal = self._refusal(scope, headers)
        if isinstance(refusal, str):
            await _lead_to(refusal)(scope, receive, send)
            return
        if refusal is not None:
            status, why, more = refusal
            await _refuse(status, why, more, scope, receive, send)
            return
        try:
            body = await self._body(headers, receive)
        except TooLargeError:
            why = f"The body may have {self._limits.body_bytes:,} bytes at most ({self._limits.section}.body_bytes)."
            await _refuse(413, why, {"Connection": "close"}, scope, receive, send)
            return
        except TimeoutError:
            why = f"The body has not arrived within {self._limits.settings.body_timeout_s:g} s."
            await problem(408, why, {"Connection": "close"})(scope, receive, send)
            return
        if body is None:
            return
        await self._app(scope, _once(body, receive) if body else receive, send)

    def _refusal(self, scope: AsgiScope, headers: Headers) -> Refusal | str | None:
        """None: go on. A text: go there."""
        path, settings = scope["path"], self._limits.settings
        client = client_of((scope.get("client") or ("",))[0])
        if (
            sum(len(name) + len(value) + 4 for name, value in scope["headers"])
            + len(scope["raw_path"])
            + len(scope["query_string"])
            > settings.header_bytes
        ):
            return 431, f"The header may have {settings.header_bytes:,} bytes at most.", {"Connection": "close"}
        if path != _LIFE and not self._limits.answers_to(headers.get("host", "")):
            return 421, "This host is not served here: add its name to the setting web.hosts.", {}
        wait_s = 0.0 if path in _PROBES else self._rate.wait_s(client)
        if wait_s:
            return (
                429,
                f"Too many requests ({self._limits.section}.requests_per_second).",
                {"Retry-After": str(math.ceil(wait_s))},
            )
        cookies = headers.get("cookie", "")
        if settings.numbers == "token" and path not in _PROBES | _OPEN and not path.startswith((_STATIC, *_PERSONS)):
            found = self._access.refusal(client, headers.get("authorization", ""), cookies, Scope.NUMBERS, basic=True)
            if not isinstance(found, Holder):
                return _way_in(scope, headers) or found
        if path == "/" and not scope["query_string"] and scope["method"] in _READING:
            signed_in = self._access.session_of(cookies)
            if signed_in is not None and signed_in[0].may(Scope.PERSONS):
                return _FIRST
        return None

    async def _body(self, headers: Headers, receive: Receive) -> bytes | None:
        """All of it; empty where there is none, None when the client has gone. Raises TooLargeError, TimeoutError."""
        declared = int(headers.get("content-length", "0"))  # digits only, or the parser had refused them
        if declared > self._limits.body_bytes:
            raise TooLargeError
        if not declared and "transfer-encoding" not in headers:
            return b""
        body = bytearray()
        async with asyncio.timeout(self._limits.settings.body_timeout_s):
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    return None
                body += message.get("body", b"")
                if len(body) > self._limits.body_bytes:
                    raise TooLargeError
                if not message.get("more_body", False):
                    return bytes(body)


def _way_in(scope: AsgiScope, headers: Headers) -> str:
    """To the sign-in, for who looks with a browser; empty for programs."""
    if scope["method"] != "GET" or "text/html" not in headers.get("accept", "") or "authorization" in headers:
        return ""
    query = scope["query_string"].decode("latin-1")
    return f"{_SIGN_IN}?{urlencode({'to': scope['path'] + (f'?{query}' if query else '')})}"


def _lead_to(address: str) -> Response:
    return Response(status_code=303, headers={**SECURITY_HEADERS, "Cache-Control": "no-store", "Location": address})


def _once(body: bytes, receive: Receive) -> Receive:
    """Gives the body that has been taken, then what else happens."""
    given = False

    async def again() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again


async def _refuse(
    status: int, why: str, headers: dict[str, str], scope: AsgiScope, receive: Receive, send: Send
) -> None:
    """The whole answer first; then what the client still sends is taken in for a moment, for closing before would take
    the answer back."""
    response = problem(status, why, {**SECURITY_HEADERS, "Cache-Control": "no-store", **headers})
    if "Connection" not in headers:
        await response(scope, receive, send)
        return
    await send({"type": "http.response.start", "status": status, "headers": response.raw_headers})
    await send(
        {"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else response.body, "more_body": True}
    )
    taken = 0
    try:
        async with asyncio.timeout(_DRAINED_S):
            while taken < _MOST_DRAINED:
                message = await receive()
                taken += len(message.get("body", b""))
                if message["type"] == "http.disconnect" or not message.get("more_body", False):
                    break
    except TimeoutError:
        pass
    await send({"type": "http.response.body", "body": b"", "more_body": False})
