"""How this server answers whatever the route: JSON, refusals in one sentence, and headers that keep a browser safe."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import Final

import msgspec
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from service.errors import in_plain_words

SECURITY_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self'; script-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Permissions-Policy": "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Resource-Policy": "same-origin",
}
PROBLEM: Final = "application/problem+json"


def json_answer(content: object, status: int = 200) -> Response:
    return Response(msgspec.json.encode(content), status, media_type="application/json")


def problem_bytes(status: int, detail: str) -> bytes:
    """RFC 9457."""
    return msgspec.json.encode(
        {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "detail": detail}
    )


def problem(status: int, detail: str, headers: Mapping[str, str] | None = None) -> Response:
    return Response(problem_bytes(status, detail), status, headers, media_type=PROBLEM)


def answer_errors(app: FastAPI) -> None:
    """Every refusal and every mistake of ours looks the same; of ours nothing is said but that it was one."""
    app.add_exception_handler(RequestValidationError, refuse)
    app.add_exception_handler(HTTPException, _refused)
    app.add_exception_handler(Exception, _failed)


async def refuse(_request: Request, error: Exception) -> Response:
    """A wrong parameter, in one sentence."""
    first = error.errors()[0] if isinstance(error, RequestValidationError) else {"loc": ("request",), "msg": str(error)}
    return problem(422, f"{first['loc'][-1]}: {in_plain_words(str(first['msg']))}.")


async def _refused(_request: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise error
    if error.status_code == HTTPStatus.NOT_MODIFIED:
        return Response(status_code=304, headers=error.headers)
    return problem(error.status_code, str(error.detail), error.headers)


async def _failed(_request: Request, _error: Exception) -> Response:
    """Without the headers of `secure`, which an error passes by."""
    answer = problem(500, "The server has made a mistake; its log says which.")
    answer.headers.update({**SECURITY_HEADERS, "Cache-Control": "no-store"})
    return answer


async def secure(request: Request, answer: Callable[[Request], Awaitable[Response]]) -> Response:
    """Middleware: adds the headers to every answer, unless a page needs one of its own."""
    response = await answer(request)
    for name, value in SECURITY_HEADERS.items():
        response.headers.setdefault(name, value)
    # No proxy and no browser stores an answer that does not allow it itself.
    response.headers.setdefault("Cache-Control", "no-store")
    return response
