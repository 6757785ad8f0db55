"""Who holds the token. It is compared in constant time, and guessing it is slow: see Guesses."""

from __future__ import annotations

import base64
import binascii
import hmac
import math

from fastapi import HTTPException, Request
from pydantic import SecretStr

from service.web.limits import Guesses, client_of

Refusal = tuple[int, str, dict[str, str]]
"""Status, why, headers."""


class Access:
    """One per process, so that guesses are counted together wherever they are made."""

    def __init__(self, token: SecretStr | None, failures: int) -> None:
        self._expected = token.get_secret_value().encode() if token is not None else b""
        self._guesses = Guesses(failures)

    def refusal(self, client: str, authorization: str, *, basic: bool = False) -> Refusal | None:
        """Why this client is not let in; None: it is. `basic`: a browser may ask its user for the token."""
        if not self._expected:
            return 403, "Closed: this is about persons, and no token is configured (set web.token).", {}
        asks = 'Basic realm="Churn Alert: the token is the password", charset="UTF-8", Bearer' if basic else "Bearer"
        given = _token_of(authorization, basic=basic)
        if given is None:
            why = "This needs the token (web.token): send the header Authorization: Bearer TOKEN."
            return 401, why, {"WWW-Authenticate": asks}
        wait_s = self._guesses.wait_s(client)
        if wait_s:
            why = "Too many wrong tokens (web.token_failures)."
            return 429, why, {"Retry-After": str(math.ceil(wait_s))}
        if not hmac.compare_digest(given, self._expected):
            self._guesses.was_wrong(client)
            return (
                401,
                "The token is wrong.",
                {"WWW-Authenticate": 'Bearer error="invalid_token"' if not basic else asks},
            )
        return None

    def check(self, request: Request) -> None:
        """Raises HTTPException with the refusal."""
        client = client_of(request.client.host if request.client else "")
        refusal = self.refusal(client, request.headers.get("authorization", ""))
        if refusal is not None:
            raise HTTPException(*refusal)


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
