"""How this server answers whatever the route: JSON, refusals in one sentence, and headers that keep a browser safe."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import msgspec
from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError

SECURITY_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Resource-Policy": "same-origin",
}


def json_answer(content: object, status: int = 200) -> Response:
    return Response(msgspec.json.encode(content), status, media_type="application/json")


async def refuse(_request: Request, error: Exception) -> Response:
    """A wrong parameter, in one sentence."""
    first = error.errors()[0] if isinstance(error, RequestValidationError) else {"loc": ("request",), "msg": str(error)}
    return json_answer({"detail": f"{first['loc'][-1]}: {first['msg']}."}, 422)


async def secure(request: Request, answer: Callable[[Request], Awaitable[Response]]) -> Response:
    """Middleware: adds the headers to every answer, unless a page needs one of its own."""
    response = await answer(request)
    for name, value in SECURITY_HEADERS.items():
        response.headers.setdefault(name, value)
    # Numbers are never stored by a proxy or a browser; the style sheet may be kept if it is asked for again.
    response.headers.setdefault("Cache-Control", "no-cache" if request.url.path.startswith("/static/") else "no-store")
    return response
