"""Sessions of the page: a cookie that says who has signed in and until when, signed with a key of that holder's token.

Nothing is kept of them, so any worker of the group knows them; what is signed out is remembered until it would have
ended by itself, and told to the other workers (sign_outs.py). No script reads the cookie, and no other site's
request carries it.
"""

from __future__ import annotations

import base64
import hmac
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie
from typing import Final, Protocol, TypeVar

from starlette.datastructures import Headers

COOKIE: Final = "churn_alert_session"
_HOUR_S: Final = 3_600.0
_MOST_ENDED: Final = 10_000
_LONGEST: Final = 4_096
"""Of a header that is looked at."""
_SAME_SITE: Final = frozenset({"same-origin", "none"})
"""`none`: the user has done it by hand, no page has."""


class Keyed(Protocol):
    """Whose session it is."""

    @property
    def fingerprint(self) -> str: ...

    @property
    def key(self) -> bytes: ...


H = TypeVar("H", bound=Keyed)


@dataclass(frozen=True, slots=True)
class Session:
    """One that holds."""

    number: str
    """Random; its own."""
    until_s: int
    """Unix seconds."""
    proof: str
    """What every form of the page sends along: another site cannot know it."""


class Sessions:
    """Begins, reads and ends them."""

    def __init__(self, hours: float, clock_s: Callable[[], float] = time.time) -> None:
        self._lasts_s = int(hours * _HOUR_S)
        self._clock_s = clock_s
        self._ended: OrderedDict[str, int] = OrderedDict()
        """Number → when it would have ended."""

    def begin(self, holder: Keyed, *, secure: bool) -> str:
        """The header Set-Cookie. `secure`: the browser came by https."""
        told = f"{holder.fingerprint}.{int(self._clock_s()) + self._lasts_s}.{secrets.token_hex(16)}"
        return _cookie(f"{told}.{_signature(holder.key, told)}", self._lasts_s, secure=secure)

    def read(self, cookies: str, holders: Mapping[str, H]) -> tuple[H, Session] | None:
        """`cookies`: the header Cookie. `holders`: by fingerprint."""
        value = _value_of(cookies)
        told, _, signature = value.rpartition(".")
        parts = told.split(".")
        holder = holders.get(parts[0])
        if holder is None or len(parts) != 3 or not parts[1].isdecimal() or not parts[1].isascii():
            return None
        if not hmac.compare_digest(signature.encode(), _signature(holder.key, told).encode()):
            return None
        until_s = int(parts[1][:12])
        if until_s <= self._clock_s() or parts[2] in self._ended:
            return None
        return holder, Session(parts[2], until_s, _signature(holder.key, f"form.{parts[2]}"))

    def end(self, session: Session, *, secure: bool) -> str:
        """The header Set-Cookie that takes it from the browser; whoever has copied it is not let in either."""
        self.hear(session.number, session.until_s)
        return _cookie("", 0, secure=secure)

    def hear(self, number: str, until_s: int) -> None:
        """A session was signed out, here or elsewhere; by itself it ends at `until_s`."""
        self._ended[number] = until_s
        while len(self._ended) > _MOST_ENDED:
            self._ended.popitem(last=False)

    def over(self) -> list[str]:
        """Forgets, and tells, those that were signed out and would have ended by themselves meanwhile."""
        now_s = self._clock_s()
        found = [number for number, until_s in self._ended.items() if until_s <= now_s]
        for number in found:
            del self._ended[number]
        return found


def came_by_https(headers: Headers, scheme: str) -> bool:
    """As the browser sees it: the proxy that ends TLS says so, and so does the origin of a form."""
    said = headers.get("x-forwarded-proto", "").split(",")[0].strip().lower()
    return "https" in (scheme, said) or headers.get("origin", "").startswith("https://")


def from_our_own_page(headers: Headers) -> bool:
    """Whether a request that changes something comes from a page of this server (or from no page at all)."""
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site in _SAME_SITE
    origin = headers.get("origin")
    return origin is None or origin.partition("://")[2].lower() == headers.get("host", "").lower()


def is_the_proof(session: Session, given: str) -> bool:
    return hmac.compare_digest(session.proof.encode(), given.encode())


def _signature(key: bytes, told: str) -> str:
    return base64.urlsafe_b64encode(hmac.digest(key, told.encode(), "sha256")).rstrip(b"=").decode()


def _cookie(value: str, lasts_s: int, *, secure: bool) -> str:
    end = "; Secure" if secure else ""
    return f"{COOKIE}={value}; Path=/; Max-Age={lasts_s}; HttpOnly; SameSite=Strict{end}"


def _value_of(cookies: str) -> str:
    found = SimpleCookie()
    try:
        found.load(cookies[:_LONGEST])
    except CookieError:
        return ""
    morsel = found.get(COOKIE)
    return "" if morsel is None else morsel.value
