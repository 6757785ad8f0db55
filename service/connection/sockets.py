"""Sockets of kafka-python that are closed where nobody accepts the connection.

The library opens a socket for each attempt and, when the attempt fails, forgets it: it stays open until it is collected
as garbage. Whoever waits for a broker for hours makes thousands of attempts. The library takes classes of sockets for
schemes of proxies; ours is one that goes the direct way.
"""

from __future__ import annotations

import socket
from typing import Any, Final

from kafka.net import KafkaNetSocket

DIRECT: Final = {"proxy_url": "direct://"}
"""Option of every client of kafka-python: it goes to the broker itself, and leaves no socket behind."""


class DirectSocket(KafkaNetSocket):  # type: ignore[misc]  # kafka-python is untyped
    SCHEMES = ("direct",)

    async def sock_connect(self, net: Any, sock: socket.socket, sockaddr: Any, timeout_at: float | None = None) -> Any:
        """The socket, connected. Raises as the library does, with the socket closed."""
        try:
            return await super().sock_connect(net, sock, sockaddr, timeout_at=timeout_at)
        except BaseException:
            sock.close()
            raise
