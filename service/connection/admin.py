"""Opens kafka-python's clients so that a failed attempt leaves no thread and no socket behind.

Their constructors start a thread and connect; when that fails, nothing of it can be closed by the caller. Somebody who
waits for a broker for hours makes thousands of attempts.
"""

from __future__ import annotations

import socket
from typing import Any

from kafka.admin import KafkaAdminClient
from kafka.errors import KafkaConnectionError, KafkaError
from kafka.future import Future
from kafka.net.compat import KafkaNetClient
from kafka.net.manager import KafkaConnectionManager

from service.connection.sockets import DIRECT

KNOCK_S = 2.0
"""For a plain TCP connection, per address."""


class _Manager(KafkaConnectionManager):  # type: ignore[misc]  # kafka-python is untyped
    """A connection that is closing, with bytes still to be written, counts as one that stands; whoever asks over it
    then gets a RuntimeError, which nobody takes for a broker that went."""

    def send(self, request: Any, node_id: Any = None, request_timeout_ms: int | None = None) -> Any:
        try:
            return super().send(request, node_id, request_timeout_ms)
        except RuntimeError as error:
            return Future().failure(KafkaConnectionError(str(error)))


def open_admin(bootstrap_servers: str, timeout_s: float = 10.0, **config: Any) -> KafkaAdminClient:
    """A connected admin client; the caller closes it. Raises OSError or KafkaError when no broker answers in time.

    Without `config` of kafka-python's, it speaks neither TLS nor SASL.
    """
    _knock(bootstrap_servers)
    opened: list[KafkaNetClient] = []

    def remembered(**arguments: Any) -> KafkaNetClient:
        opened.append(KafkaNetClient(**arguments))
        opened[-1]._manager.__class__ = _Manager  # noqa: SLF001 - nothing public takes another one
        return opened[-1]

    try:
        return KafkaAdminClient(
            bootstrap_servers=bootstrap_servers,
            bootstrap_timeout_ms=int(timeout_s * 1000),
            kafka_client=remembered,
            **DIRECT,
            **config,
        )
    except KafkaError:
        for client in opened:
            client.close()
            client._manager._net.stop()  # noqa: SLF001 - its thread; what KafkaAdminClient.close() does as well
        raise


def _knock(bootstrap_servers: str) -> None:
    """Returns when one of the addresses accepts a connection; otherwise raises the last one's OSError."""
    refusal = OSError(f"{bootstrap_servers!r} names no address")
    for address in bootstrap_servers.split(","):
        host, _, port = address.strip().rpartition(":")
        try:
            socket.create_connection((host.strip("[]"), int(port)), timeout=KNOCK_S).close()
        except OSError as error:
            refusal = error
        except ValueError:
            refusal = OSError(f"{address.strip()!r} is not host:port")
        else:
            return
    raise refusal
