"""Answers that are made once a second, however often they are asked for; who has one already is told so (304)."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.web.freshness import is_the_same, tag_of

FRESH_S: Final = 1.0
_KEPT: Final = 64
_LARGEST: Final = 4 << 20
_THE_SAME_FOR_ALL: Final = frozenset(
    {
        "/",
        "/brought",
        "/api/v1/numbers",
        "/api/v1/periods",
        "/api/v1/promises",
        "/api/v1/outreach/brought",
        "/outreach/sample",
        "/openapi.json",
    }
)
"""What they say depends on the address and the language alone."""
_ASK_THE_WORKER: Final = frozenset({"/", "/brought", "/readyz", "/api/v1/promises", "/api/v1/numbers"})
_LONGEST_LANGUAGE: Final = 500
_OF_THE_SAME: Final = frozenset({b"content-type", b"content-length"})
"""Headers that an answer without a body does not have."""

Key = tuple[str, str, bytes, str]
"""Method, path, query, language."""


class Renderings:
    """Middleware: has the facts renewed, keeps answers for a moment, and makes one at a time, so that what is quick is
    never far behind what is not."""

    def __init__(self, app: ASGIApp, renew: Callable[[], Awaitable[None]], *, stored: bool = True) -> None:
        """`stored`: a browser may keep the answers, if it asks each time whether they still hold."""
        self._app = app
        self._renew = renew
        self._stored = stored
        self._kept: OrderedDict[Key, tuple[float, list[Message]]] = OrderedDict()
        self._one = asyncio.Lock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["path"]
        if path in _ASK_THE_WORKER:
            await self._renew()
        if path not in _THE_SAME_FOR_ALL or scope["method"] not in ("GET", "HEAD"):
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        language = headers.get("accept-language", "")[:_LONGEST_LANGUAGE]
        key = (scope["method"], path, scope["query_string"], language)
        messages = await self._answer(key, scope, receive)
        if is_the_same(headers.get("if-none-match"), Headers(raw=messages[0]["headers"]).get("etag", "")):
            messages = _unchanged(messages[0])
        for message in messages:
            await send(message)

    async def _answer(self, key: Key, scope: Scope, receive: Receive) -> list[Message]:
        async with self._one:
            at_s, messages = self._kept.get(key, (-FRESH_S, []))
            if messages and time.monotonic() - at_s < FRESH_S:
                return messages
            made: list[Message] = []

            async def keep(message: Message) -> None:
                made.append(message)

            await self._app(scope, receive, keep)
            await asyncio.sleep(0)
            if made and made[0]["status"] == 200:
                self._tag(made)
                if sum(len(each.get("body", b"")) for each in made) <= _LARGEST:
                    self._kept.pop(key, None)
                    self._kept[key] = (time.monotonic(), made)
                    while len(self._kept) > _KEPT:
                        self._kept.popitem(last=False)
            return made

    def _tag(self, messages: list[Message]) -> None:
        headers = MutableHeaders(raw=messages[0]["headers"])
        language = headers.get("content-language", "").encode()
        headers["ETag"] = tag_of(language, b"".join(each.get("body", b"") for each in messages))
        if self._stored:
            headers["Cache-Control"] = "private, no-cache"
        messages[0]["headers"] = headers.raw


def _unchanged(start: Message) -> list[Message]:
    """304, with the headers that the whole answer would have had."""
    headers = [(name, value) for name, value in start["headers"] if name.lower() not in _OF_THE_SAME]
    return [{**start, "status": 304, "headers": headers}, {"type": "http.response.body", "body": b""}]
