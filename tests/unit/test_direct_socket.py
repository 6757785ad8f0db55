"""A connection that nobody accepts leaves no socket behind."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import pytest
from kafka.errors import KafkaConnectionError, KafkaTimeoutError
from kafka.net import KafkaNetSocket

from service.connection.sockets import DIRECT, DirectSocket
from tests.support.processes import free_port


class Net:
    """As much of kafka-python's loop as a connection asks for."""

    async def wait_write(self, sock: socket.socket, timeout_at: float | None = None) -> None:
        del sock, timeout_at
        await asyncio.sleep(0.01)


class Remembering(DirectSocket):
    """Keeps what it opened."""

    SCHEMES = ("remembering",)
    opened: list[socket.socket]

    def socket(self, *how: Any) -> socket.socket:
        self.opened = [*getattr(self, "opened", []), super().socket(*how)]
        return self.opened[-1]


def address(port: int) -> tuple[Any, ...]:
    return socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", ("127.0.0.1", port)


def test_clients_of_ours_go_by_it() -> None:
    assert type(KafkaNetSocket(**DIRECT)) is DirectSocket


def test_refused_and_closed() -> None:
    way = Remembering()
    with pytest.raises(KafkaConnectionError):
        asyncio.run(way.connect(Net(), address(free_port())))
    assert [opened.fileno() for opened in way.opened] == [-1]


def test_too_late_and_closed() -> None:
    way = Remembering()
    with pytest.raises(KafkaTimeoutError):
        asyncio.run(way.connect(Net(), address(free_port()), timeout_at=0.0))
    assert [opened.fileno() for opened in way.opened] == [-1]


def test_accepted_and_open() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        way = Remembering()
        with asyncio.run(way.connect(Net(), address(server.getsockname()[1]))) as line:
            assert line.getpeername() == server.getsockname()
