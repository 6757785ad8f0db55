"""The port of an HTTP server, taken before anything is served on it: the worker takes its page's, and needs to import
nothing of what serves."""

from __future__ import annotations

import errno
import os
import socket

from service.config import DeliverSettings, IngestSettings, WebSettings
from service.errors import ConfigurationError

_BACKLOG = 1024


def take_port(web: WebSettings | DeliverSettings | IngestSettings) -> socket.socket:
    """A listening socket on the section's host and port; port 0 takes any free one.

    Raises ConfigurationError when the port cannot be taken.
    """
    try:
        family, *_, where = socket.getaddrinfo(web.host, web.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    except (socket.gaierror, UnicodeError):
        raise ConfigurationError(
            f"{_section(web)}.host {web.host!r} is no address of this machine: use 127.0.0.1, or 0.0.0.0 for every network."
        ) from None
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        if os.name == "posix":
            listener.setsockopt(
                socket.SOL_SOCKET, socket.SO_REUSEADDR, 1
            )  # a restart must not wait for old connections
        listener.bind(where)
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        raise ConfigurationError(_why_not(web, error)) from None
    listener.setblocking(False)
    return listener


def _section(web: WebSettings | DeliverSettings | IngestSettings) -> str:
    if isinstance(web, IngestSettings):
        return "ingest"
    return "web" if isinstance(web, WebSettings) else "deliver"


def _why_not(web: WebSettings | DeliverSettings | IngestSettings, error: OSError) -> str:
    section = _section(web)
    cure = f"set {section}.port (or CHURN_ALERT_{section.upper()}__PORT) to another one; 0 takes any free port."
    match error.errno:
        case errno.EADDRINUSE:
            return f"Port {web.port} on {web.host} is in use by another program: stop that one, or {cure}"
        case errno.EACCES | errno.EPERM:
            return f"Port {web.port} on {web.host} may not be opened by this user: {cure}"
        case errno.EADDRNOTAVAIL:
            return f"{section}.host {web.host!r} is no address of this machine: use 127.0.0.1, or 0.0.0.0 for every network."
        case _:
            return f"Port {web.port} on {web.host} cannot be opened ({error.strerror}): {cure}"


def address_of(listener: socket.socket) -> str:
    """What to type into a browser on this machine."""
    host, port = listener.getsockname()[:2]
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - compared with, not bound
    return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"
