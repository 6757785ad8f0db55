"""Where a webhook may go: out into the world, and not into the machine or the network that this process stands in.

Who can set a target could otherwise have this process fetch from what only it can reach (server-side request forgery):
its own ports, the neighbours', the cloud's metadata. The name of a host is no protection, for whoever owns the name
says where it leads, and may say something else at every question (DNS rebinding). So addresses are judged, at two
places: when a name is resolved, so that one sentence can say what is wrong; and when a socket for a connection is
made, which sees the very address that is connected to, also where no name was resolved.

Redirects are not followed (service/delivery/webhook.py), and no proxy of the environment is used, which would connect
in our place.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import urlsplit

from aiohttp.abc import AbstractResolver, ResolveResult

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_CARRIER_NAT: Final = ipaddress.ip_network("100.64.0.0/10")
_OWN_HOSTS: Final = frozenset({ipaddress.ip_address("168.63.129.16")})
"""Public by its number, yet every machine of Azure reaches its own host there."""
_NAT64: Final = ipaddress.ip_network("64:ff9b::/96")
_LOCAL_NAT64: Final = ipaddress.ip_network("64:ff9b:1::/48")
_COMPATIBLE: Final = ipaddress.ip_network("::/96")
_PUBLIC: Final = ipaddress.ip_network("2000::/3")
"""All that has been given out of IPv6 so far; older releases of Python take more for public."""
_EXAMPLES: Final = ipaddress.ip_network("3fff::/20")


class TargetRefusedError(OSError):
    """The target lies where webhooks must not go; an OSError, since that is what a connection that fails raises."""


class Guard:
    """Judges addresses; `allow_private` lets everything pass."""

    def __init__(self, *, allow_private: bool = False) -> None:
        self._allow_private = allow_private

    def why_not(self, address: str) -> str | None:
        """What kind of address it is, in a few words, where it must not be connected to. None = it may be."""
        if self._allow_private:
            return None
        try:
            return _kind(ipaddress.ip_address(address))
        except ValueError:
            return "no IP address"

    def check(self, address: str) -> None:
        """Raises TargetRefusedError."""
        why = self.why_not(address)
        if why is not None:
            raise TargetRefusedError(f"{address[:60]} is {why}")

    def socket_for(self, info: tuple[Any, ...]) -> socket.socket:
        """The socket of a connection to this address (an entry of `getaddrinfo`). Raises TargetRefusedError."""
        family, kind, protocol, _, where = info
        self.check(str(where[0]))
        return socket.socket(family, kind, protocol)


class GuardedResolver(AbstractResolver):
    """A resolver that keeps back what must not be connected to."""

    def __init__(self, guard: Guard, inner: AbstractResolver) -> None:
        self._guard = guard
        self._inner = inner

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Raises TargetRefusedError where nothing is left."""
        found = await self._inner.resolve(host, port, family)
        good = [one for one in found if self._guard.why_not(one["host"]) is None]
        if found and not good:
            self._guard.check(found[0]["host"])
        return good

    async def close(self) -> None:
        await self._inner.close()


def check_url(url: str, guard: Guard, *, allow_http: bool) -> None:
    """Raises ValueError for what cannot be a target, whatever its name leads to."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise ValueError("it is no web address") from error
    if not url.isascii() or not url.isprintable() or " " in url or "\\" in url:
        raise ValueError("it holds characters that no web address has")
    if parts.scheme not in {"http", "https"} or not host:
        raise ValueError("it is no web address such as https://crm.example/hooks/churn-alert")
    if parts.scheme == "http" and not allow_http:
        raise ValueError("http is readable on its way; use https, or set allow_http = true")
    if parts.username is not None or parts.password is not None:
        raise ValueError("it holds a name or a password, which logs would show; use authorization instead")
    if parts.fragment:
        raise ValueError("what follows # is never sent")
    address = _literal(host)
    why = None if address is None else guard.why_not(str(address))
    if why is not None:
        raise ValueError(f"{host} is {why}; to send there all the same, set allow_private = true")


def _literal(host: str) -> Address | None:
    """A host that is an address, also in the spellings that only old C libraries know (127.1, 0x7f000001)."""
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        pass
    try:
        return ipaddress.IPv4Address(socket.inet_aton(host))
    except OSError:
        return None


def _kind(address: Address) -> str | None:
    if isinstance(address, ipaddress.IPv6Address):
        inner = _carried(address)
        if inner is not None:
            why = _kind(inner)
            return None if why is None else f"{why} ({inner})"
        if address.is_site_local or address in _LOCAL_NAT64:
            return "a private address"
    for found, words in _tests(address):
        if found:
            return words
    public = address.is_global and (address.version == 4 or (address in _PUBLIC and address not in _EXAMPLES))
    return None if public else "no address of the public internet"


def _tests(address: Address) -> Sequence[tuple[bool, str]]:
    return (
        (address.is_unspecified, "this machine itself"),
        (address.is_loopback, "this machine itself"),
        (address.is_link_local, "a link-local address"),
        (address.is_multicast, "a multicast address"),
        (address.version == 4 and address in _CARRIER_NAT, "a shared address of a carrier"),
        (address in _OWN_HOSTS, "an address inside the cloud"),
        (address.is_private, "a private address"),
        (address.is_reserved, "a reserved address"),
    )


def _carried(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    """The IPv4 address that an IPv6 one leads to: mapped, translated (NAT64), tunnelled (6to4, Teredo), compatible."""
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    if address.teredo is not None:
        return address.teredo[1]
    if address in _NAT64 or (address in _COMPATIBLE and int(address) > 1):
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return None
