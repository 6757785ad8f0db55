"""The window of recent decisions, the port, and the server itself."""

from __future__ import annotations

import asyncio
import errno
import socket
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from service.config import WebSettings
from service.errors import ConfigurationError
from service.streaming.metrics import Metrics
from service.web.app import create_app
from service.web.limits import Limits
from service.web.port import address_of, take_port
from service.web.recent import KEPT, RecentDecisions
from service.web.server import serve_app
from tests.support.made_up_shop import (
    SETTINGS,
    FakeFacts,
    written,
)

LIMITS = Limits.of(WebSettings(), "127.0.0.1")

# ---- recent decisions


def test_the_window_keeps_the_newest_decisions_whatever_order_the_partitions_arrive_in() -> None:
    recent = RecentDecisions(SETTINGS.kafka)
    start = datetime(2026, 1, 1, tzinfo=UTC)

    for hour in [*range(1, 400, 2), *range(0, 400, 2)]:
        recent.take(written((start + timedelta(hours=hour)).isoformat()))

    latest = recent.latest()
    assert [decided.decided_at for decided in latest] == [start + timedelta(hours=399 - n) for n in range(KEPT)]


@pytest.mark.parametrize("value", [None, b"", b"\x00\x01", b"{}", b'{"data": {"visits": 1}}', b"[1]"])
def test_what_is_no_decision_is_counted_and_skipped(value: bytes | None) -> None:
    recent = RecentDecisions(SETTINGS.kafka)

    recent.take(value)

    assert recent.unreadable == 1
    assert recent.latest() == []


# ---- the port


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


def test_a_port_in_use_is_told_in_one_sentence_with_the_cure(taken: int) -> None:
    with pytest.raises(ConfigurationError) as caught:
        take_port(WebSettings(port=taken))

    assert f"Port {taken} on 127.0.0.1 is in use" in str(caught.value)
    assert "CHURN_ALERT_WEB__PORT" in str(caught.value)


@pytest.mark.parametrize("host", ["no.such.host.invalid", "192.0.2.1", "a" * 70])
def test_a_host_that_is_not_this_machine_is_told(host: str) -> None:
    with pytest.raises(ConfigurationError, match=r"web\.host .* is no address of this machine"):
        take_port(WebSettings(host=host, port=0))


def test_a_port_that_needs_more_rights_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_listener: socket.socket, _where: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(socket.socket, "bind", refuse)

    with pytest.raises(ConfigurationError, match=r"Port 80 on 127\.0\.0\.1 may not be opened by this user"):
        take_port(WebSettings(port=80))


async def test_the_server_answers_on_its_port_and_ends_when_cancelled() -> None:
    listener = take_port(WebSettings(port=0))
    address = address_of(listener)
    serving = asyncio.create_task(serve_app(create_app(SETTINGS, Metrics().registry, FakeFacts()), listener, LIMITS))
    async with httpx.AsyncClient() as client:
        response = await client.get(f"{address}healthz")

        serving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await serving

    assert response.status_code == 200
    assert "server" not in response.headers
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", int(address.rstrip("/").rsplit(":", 1)[1])), 1)


def test_the_worker_imports_nothing_of_what_serves_its_page() -> None:
    """Which would be a fifth of what a start takes, and stay in memory."""
    code = "import sys, service.commands.worker, service.streaming.worker, service.web.page_process, service.web.port; print(*sys.modules)"

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert set(done.stdout.split()) & {"fastapi", "starlette", "uvicorn", "jinja2"} == set()
