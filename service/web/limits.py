"""How much one client, and all of them together, may take of the HTTP half; and under which names it is asked.

One client is one address; of IPv6 one network of 64 bits, for whoever has one has all of it.
"""

from __future__ import annotations

import ipaddress
import socket
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from service.config import WebSettings

_BURST_S: Final = 4.0
_REMEMBERED: Final = 10_000
"""Clients that are told apart; the one longest unheard of is forgotten first."""
_MINUTE_S: Final = 60.0
_LOOPBACK: Final = frozenset({"localhost", "ip6-localhost"})
_EVERY_NETWORK: Final = frozenset({"0.0.0.0", "::", ""})  # noqa: S104 - compared with, not bound


@dataclass(frozen=True, slots=True)
class Limits:
    """The settings, and the names."""

    settings: WebSettings
    names: frozenset[str]
    """Lower case, without the port; `*` is any, `*.example` is any below it."""
    body_bytes: int
    section: str = "web"
    """Of the settings, where size and rate are said."""

    @classmethod
    def of(
        cls,
        settings: WebSettings,
        bound_to: str,
        *urls: str | None,
        body_bytes: int | None = None,
        section: str = "web",
    ) -> Limits:
        """`urls`: where else the same server is reached. `body_bytes`: where another size is needed."""
        names = {name.lower() for name in settings.hosts} | _LOOPBACK | {bound_to.lower()}
        if not _is_loopback(bound_to):
            names.add(socket.gethostname().lower())
        names |= {(urlsplit(url).hostname or "").lower() for url in urls if url}
        most = settings.body_bytes if body_bytes is None else body_bytes
        return cls(settings, frozenset(names) - _EVERY_NETWORK, most, section)

    def answers_to(self, host: str) -> bool:
        """`host`: a request's header. A bare address always is right: no name leads to it that could be rebound."""
        name = _name_of(host)
        if name is None:
            return False
        if "*" in self.names or name in self.names or _is_address(name):
            return True
        parts = name.split(".")
        return any("*." + ".".join(parts[place:]) in self.names for place in range(1, len(parts)))


def client_of(address: str) -> str:
    """Who is behind a peer's address."""
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(ip, ipaddress.IPv6Address):
        mapped = ip.ipv4_mapped
        return str(mapped) if mapped else str(ipaddress.ip_network((ip, 64), strict=False))
    return address


def _name_of(host: str) -> str | None:
    """Without port and brackets, lower case; None where it cannot be read."""
    try:
        parts = urlsplit(f"//{host}")
        if parts.username is not None or parts.path or parts.query or parts.fragment:
            return None
        _ = parts.port
    except ValueError:
        return None
    return (parts.hostname or "").rstrip(".").lower() or None


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _is_loopback(name: str) -> bool:
    return name in _LOOPBACK or (_is_address(name) and ipaddress.ip_address(name).is_loopback)


class Rate:
    """A bucket of requests for each client, which fills by itself."""

    def __init__(self, per_second: float, clock_s: Callable[[], float] = time.monotonic) -> None:
        self._per_second = per_second
        self._most = max(1.0, per_second * _BURST_S)
        self._clock_s = clock_s
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()
        """Client → (requests that it may make, when that was so); the latest heard of last."""

    def wait_s(self, client: str) -> float:
        """Takes one; 0 = it may go on, else the seconds until there is one."""
        now_s = self._clock_s()
        left, at_s = self._left.pop(client, (self._most, now_s))
        left = min(self._most, left + (now_s - at_s) * self._per_second)
        allowed = left >= 1.0
        self._left[client] = (left - 1.0 if allowed else left, now_s)
        _forget(self._left)
        return 0.0 if allowed else (1.0 - left) / self._per_second


class Guesses:
    """Wrong tokens of each client within a minute of its first one."""

    def __init__(self, most: int, clock_s: Callable[[], float] = time.monotonic) -> None:
        self._most = most
        self._clock_s = clock_s
        self._wrong: OrderedDict[str, tuple[int, float]] = OrderedDict()
        """Client → (how many, since when)."""

    def wait_s(self, client: str) -> float:
        """Seconds for which no token of this client is looked at; 0 = it is."""
        count, since_s = self._wrong.get(client, (0, 0.0))
        left_s = since_s + _MINUTE_S - self._clock_s()
        return left_s if count >= self._most and left_s > 0.0 else 0.0

    def was_wrong(self, client: str) -> None:
        now_s = self._clock_s()
        count, since_s = self._wrong.pop(client, (0, now_s))
        if now_s - since_s > _MINUTE_S:
            count, since_s = 0, now_s
        self._wrong[client] = (count + 1, since_s)
        _forget(self._wrong)


def _forget(kept: OrderedDict[str, tuple[float, float]] | OrderedDict[str, tuple[int, float]]) -> None:
    while len(kept) > _REMEMBERED:
        kept.popitem(last=False)
