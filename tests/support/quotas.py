"""How many bytes a second a broker lets its clients send, set in Kafka's own protocol: neither client library knows
it."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager

_ALTER_CLIENT_QUOTAS = 49
_PATIENCE_S = 120.0


def _text(value: str | None) -> bytes:
    return struct.pack(">h", -1) if value is None else struct.pack(">h", len(value)) + value.encode()


def _ask(servers: str, bytes_per_s: float | None) -> None:
    """Of everybody who has no quota of their own; None takes it away. Raises OSError where the broker refuses."""
    entity = struct.pack(">i", 1) + _text("user") + _text(None)
    change = struct.pack(">i", 1) + _text("producer_byte_rate") + struct.pack(">d?", bytes_per_s or 0, not bytes_per_s)
    request = (
        struct.pack(">hhi", _ALTER_CLIENT_QUOTAS, 0, 1) + _text("tests")
        + struct.pack(">i", 1) + entity + change + struct.pack(">?", False)
    )  # fmt: skip
    host, port = servers.split(",", maxsplit=1)[0].rsplit(":", 1)
    with socket.create_connection((host, int(port)), timeout=_PATIENCE_S) as connection:
        connection.sendall(struct.pack(">i", len(request)) + request)
        answer = connection.makefile("rb")
        (size,) = struct.unpack(">i", answer.read(4))
        told = answer.read(size)
    _, _, entries, error = struct.unpack_from(">iiih", told)
    if entries != 1 or error:
        raise OSError(f"the broker has refused a quota: error {error}, {told!r}")


@contextmanager
def producers_limited_to(servers: str, bytes_per_s: float) -> Iterator[None]:
    """All producers of the broker together."""
    _ask(servers, bytes_per_s)
    try:
        yield
    finally:
        _ask(servers, None)
