"""`/sign-in` and `/sign-out`: a token becomes a session, and a session ends. Forms, so that no script is needed."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable

import structlog
from fastapi import FastAPI, Request, Response

from service.web.access import Scope
from service.web.limits import client_of
from service.web.people.frame import NUMBERS, SIGN_IN, TODAY, Frame, Reader, form_of, where_to
from service.web.sessions import Session, came_by_https, from_our_own_page, is_the_proof

log = structlog.get_logger()


TellOthers = Callable[[Session], Awaitable[bool]]
"""Tells all workers that a session was signed out; False: it could not be done yet."""


def add_sign_in(app: FastAPI, frame: Frame, tell_others: TellOthers) -> None:
    @app.get(SIGN_IN, include_in_schema=False)
    async def ask(request: Request) -> Response:
        to = where_to(request.query_params.get("to", ""), "")
        return frame.sign_in_page(request, to=to)

    @app.post(SIGN_IN, include_in_schema=False)
    async def sign_in(request: Request) -> Response:
        access, reader = frame.access, Reader(request)
        say, form = reader.catalogue.say, await form_of(request)
        to = where_to(form.get("to", ""), "")
        if not from_our_own_page(request.headers):
            return frame.sign_in_page(request, status=403, said=say("sign_in.elsewhere"), to=to)
        client = client_of(request.client.host if request.client else "")
        wait_s = math.ceil(access.wait_s(client))
        if wait_s:
            page = frame.sign_in_page(request, status=429, said=say("sign_in.slow", seconds=wait_s), to=to)
            page.headers["Retry-After"] = str(wait_s)
            return page
        holder = access.holder_of(client, form.get("token", "").strip().encode())
        if holder is None:
            return frame.sign_in_page(request, status=401, said=say("sign_in.wrong"), to=to)
        log.info("signed in", who=holder.name, token=holder.fingerprint, client=client)
        otherwise = reader.address(TODAY if holder.may(Scope.PERSONS) else NUMBERS)
        secure = came_by_https(request.headers, request.url.scheme)
        cookie = access.sessions.begin(holder, secure=secure)
        return Response(status_code=303, headers={"Location": to or otherwise, "Set-Cookie": cookie})

    @app.post("/sign-out", include_in_schema=False)
    async def sign_out(request: Request) -> Response:
        visitor, form = frame.visitor(request), await form_of(request)
        reader = Reader(request)
        if visitor is None:
            return Response(status_code=303, headers={"Location": reader.address(NUMBERS)})
        if not (from_our_own_page(request.headers) and is_the_proof(visitor.session, form.get("proof", ""))):
            return frame.sign_in_page(request, status=403, said=reader.catalogue.say("sign_in.elsewhere"))
        log.info("signed out", who=visitor.holder.name, token=visitor.holder.fingerprint)
        secure = came_by_https(request.headers, request.url.scheme)
        cookie = frame.access.sessions.end(visitor.session, secure=secure)
        if not await tell_others(visitor.session):
            page = frame.sign_in_page(request, said=reader.catalogue.say("sign_in.out_here"))
            page.headers["Set-Cookie"] = cookie
            return page
        return Response(status_code=303, headers={"Location": reader.address("/sign-in"), "Set-Cookie": cookie})
