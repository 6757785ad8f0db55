"""Who may see and do what: tokens with scopes, sent as Bearer, or exchanged on the page for a session (sessions.py).

Every token is compared in constant time and with all of them, and guessing is slow: see Guesses.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Final

from fastapi import Depends, HTTPException, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from service.config import WebSettings
from service.web.limits import Guesses, client_of
from service.web.sessions import Session, Sessions

Refusal = tuple[int, str, dict[str, str]]
"""Status, why, headers."""

_FINGERPRINT: Final = 8
_NOBODY: Final = "Closed: this is about persons, and no token is configured (set web.token)."
_REALM: Final = 'Basic realm="Churn Alert: the token is the password", charset="UTF-8", Bearer'


class Scope(StrEnum):
    """What a token opens."""

    NUMBERS = "numbers"
    PERSONS = "persons"
    WRITE = "write"


@dataclass(frozen=True, slots=True)
class Holder:
    """Who has a token."""

    name: str
    scopes: frozenset[Scope]
    fingerprint: str
    """The start of the token's SHA-256: how logs and sessions name it."""
    key: bytes
    """Signs this holder's sessions: with another token they end."""

    def may(self, scope: Scope) -> bool:
        return scope in self.scopes


class Access:
    """One per process, so that guesses are counted together wherever they are made."""

    def __init__(self, web: WebSettings) -> None:
        given = [(each.name, each.token, frozenset(map(Scope, each.scopes))) for each in web.tokens]
        if web.token is not None:
            given.insert(0, ("web.token", web.token, frozenset(Scope)))
        self._holders: list[tuple[bytes, Holder]] = []
        for name, token, scopes in given:
            secret = token.get_secret_value().encode()
            key = hmac.digest(secret, b"churn-alert session", "sha256")
            self._holders.append((secret, Holder(name, scopes, _fingerprint(secret), key)))
        self._guesses = Guesses(web.token_failures)
        self.sessions = Sessions(web.session_hours)
        self.cursor_key: Final = hmac.digest(
            b"churn-alert cursor", b"".join(sorted(secret for secret, _ in self._holders)), "sha256"
        )

    def anybody(self, scope: Scope) -> bool:
        """Whether there is a token that opens it."""
        return any(holder.may(scope) for _, holder in self._holders)

    def wait_s(self, client: str) -> float:
        """Seconds for which no token of this client is looked at; 0 = it is."""
        return self._guesses.wait_s(client)

    def holder_of(self, client: str, given: bytes) -> Holder | None:
        """Whose token it is; None: nobody's, which is counted."""
        found: Holder | None = None
        for secret, holder in self._holders:
            if hmac.compare_digest(given, secret):
                found = holder
        if found is None:
            self._guesses.was_wrong(client)
        return found

    def session_of(self, cookies: str) -> tuple[Holder, Session] | None:
        """Who has signed in, by the header Cookie; None: nobody, or no longer."""
        return self.sessions.read(cookies, {holder.fingerprint: holder for _, holder in self._holders})

    def refusal(
        self, client: str, authorization: str, cookies: str, scope: Scope, *, basic: bool = False
    ) -> Refusal | Holder:
        """Who is let in, or why this client is not. `basic`: a browser may ask its user for the token."""
        if not self.anybody(scope):
            return 403, _NOBODY if scope is Scope.PERSONS else f"Closed: no token has the scope {scope}.", {}
        asks = _REALM if basic else "Bearer"
        given = _token_of(authorization, basic=basic)
        if given is None:
            signed_in = self.session_of(cookies)
            if signed_in is None:
                why = "This needs a token (web.token): send the header Authorization: Bearer TOKEN, or sign in at /sign-in."
                return 401, why, {"WWW-Authenticate": asks}
            holder: Holder | None = signed_in[0]
        else:
            wait_s = self.wait_s(client)
            if wait_s:
                return 429, "Too many wrong tokens (web.token_failures).", {"Retry-After": str(math.ceil(wait_s))}
            holder = self.holder_of(client, given)
        if holder is None:
            header = asks if basic else 'Bearer error="invalid_token"'
            return 401, "The token is wrong.", {"WWW-Authenticate": header}
        if not holder.may(scope):
            why = f"This token does not open it: it lacks the scope {scope} (web.tokens)."
            return 403, why, {"WWW-Authenticate": f'Bearer error="insufficient_scope", scope="{scope}"'}
        return holder

    def check(self, request: Request, scope: Scope, *, by_header_alone: bool = False) -> Holder:
        """Raises HTTPException with the refusal."""
        found = self.refusal(
            client_of(request.client.host if request.client else ""),
            request.headers.get("authorization", ""),
            "" if by_header_alone else request.headers.get("cookie", ""),
            scope,
        )
        if isinstance(found, Holder):
            return found
        raise HTTPException(*found)


def gate(access: Access, scope: Scope, *, by_header_alone: bool = False) -> Callable[..., Awaitable[Holder]]:
    """For a route of the API: lets in who holds a token of that scope, and tells who it is. `by_header_alone`: for what
    changes something no cookie counts, which a browser sends along by itself."""

    async def check(
        request: Request,
        _given: Annotated[
            HTTPAuthorizationCredentials | None,
            Depends(HTTPBearer(auto_error=False, description="web.token, or one of web.tokens")),
        ],
    ) -> Holder:
        return access.check(request, scope, by_header_alone=by_header_alone)

    return check


def _fingerprint(secret: bytes) -> str:
    return hashlib.sha256(secret).hexdigest()[:_FINGERPRINT]


def _token_of(authorization: str, *, basic: bool) -> bytes | None:
    """None where none is given in a way that is understood."""
    scheme, _, rest = authorization.partition(" ")
    given = rest.strip().encode()
    if scheme.lower() == "bearer":
        return given
    if basic and scheme.lower() == "basic":
        try:
            return base64.b64decode(given, validate=True).partition(b":")[2]
        except (binascii.Error, ValueError):
            return b""
    return None
