"""The page's process beside a real worker: what the network does to it, and what becomes of it, costs the stream
nothing."""

from __future__ import annotations

import os
import re
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from service.cluster import topics
from tests.support.attack import Attack
from tests.support.broker import TestBroker
from tests.support.live_shop import metric, readiness, until
from tests.support.load import many_purchases, send, settings_for
from tests.support.processes import free_port
from tests.support.worker_process import WorkerProcess

pytestmark = [pytest.mark.broker]
TOKEN = "token-of-the-test"  # noqa: S105


class Shop:
    """A worker with its page."""

    def __init__(self, worker: WorkerProcess, port: int) -> None:
        self.worker = worker
        self.port = port
        self.address = f"http://127.0.0.1:{port}"

    @property
    def page(self) -> int:
        """Process id of the page."""
        children = [int(each) for each in _children(self.worker.pid)]
        assert len(children) == 1, children
        return children[0]


def _children(pid: int) -> list[str]:
    """Its threads start some."""
    return [child for each in Path(f"/proc/{pid}/task").glob("*/children") for child in each.read_text().split()]


def _files(pid: int) -> int:
    """That it has open."""
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


@pytest.fixture(scope="module")
def shop(broker: TestBroker) -> Iterator[Shop]:
    port = free_port()
    settings = settings_for(broker.bootstrap_servers, f"page{os.getpid()}-{time.time_ns() % 10**9}-").changed(
        web={"port": port, "token": TOKEN, "header_timeout_s": 3.0}
    )
    topics.create(settings, partitions=1)
    send(broker.bootstrap_servers, many_purchases(settings.kafka.topics.purchases, 200), 1)
    with WorkerProcess(settings, "w", static=False, web=True) as worker:
        begun = Shop(worker, port)
        until(lambda: readiness(begun.address)[0] == 200, "the worker is ready", worker)
        until(lambda: "<article" in httpx.get(begun.address, timeout=60).text, "the page has numbers", worker)
        yield begun


def test_the_page_takes_what_the_worker_leaves(shop: Shop) -> None:
    assert os.getpriority(os.PRIO_PROCESS, shop.page) - os.getpriority(os.PRIO_PROCESS, shop.worker.pid) == 10


def test_an_attack_is_survived_and_neither_process_grows_in_files(shop: Shop) -> None:
    with Attack(shop.port) as attack:
        attack.half_open(400)
        statuses = attack.at_once(300)
        assert _files(shop.page) < 700
        time.sleep(4)  # longer than a header may take
        attack.drop()
    until(lambda: _files(shop.page) < 60, "the connections are gone", shop.worker)

    assert set(statuses) <= {200, 429, 503, 0}
    until(lambda: readiness(shop.address)[0] == 200, "it is ready as before", shop.worker)
    assert shop.worker.running
    until(lambda: metric(shop.address, "churn_alert_page_restarts_total") == 0.0, "none was started anew", shop.worker)


def test_guessing_the_token_is_slowed_and_a_view_of_persons_is_on_record(shop: Shop) -> None:
    def tried(token: str) -> httpx.Response:
        return httpx.get(f"{shop.address}/api/v1/decisions", headers={"Authorization": f"Bearer {token}"}, timeout=60)

    right, *guesses, slowed = [tried(each) for each in (TOKEN, *(f"{n:016}" for n in range(12)), TOKEN)]

    assert right.status_code == 200
    assert [each.status_code for each in guesses] == [401] * 10 + [429] * 2
    assert slowed.status_code == 429
    assert 0 < int(slowed.headers["Retry-After"]) <= 60
    viewed = [line for line in shop.worker.log.splitlines() if '"persons viewed"' in line]
    assert len(viewed) == 1
    assert '"path": "/api/v1/decisions"' in viewed[0]


def asked(shop: Shop) -> tuple[httpx.Response, httpx.Response, httpx.Response, float]:
    """Whether it lives and is ready, the page, and the seconds that the three took."""
    began = time.monotonic()
    life, ready, page = (httpx.get(shop.address + path, timeout=60) for path in ("/healthz", "/readyz", "/"))
    return life, ready, page, time.monotonic() - began


def test_a_worker_that_stands_still_is_seen(shop: Shop) -> None:
    *_, usually_s = asked(shop)
    shop.worker.pause()
    try:
        time.sleep(1.2)
        life, ready, page, took_s = min((asked(shop) for _ in range(3)), key=lambda each: each[-1])
    finally:
        shop.worker.resume()

    assert life.status_code == 503
    assert ready.status_code == 503
    assert ready.json()["missing"][0] == "worker"
    assert 'class="condition silent"' in page.text
    assert took_s < usually_s + 6.0, "the page waits for the worker, each time"
    until(lambda: httpx.get(f"{shop.address}/healthz", timeout=60).status_code == 200, "it is well again", shop.worker)


def test_a_page_that_is_killed_is_started_again_and_the_worker_goes_on(shop: Shop) -> None:
    killed = shop.page
    os.kill(killed, signal.SIGKILL)

    until(lambda: httpx.get(f"{shop.address}/healthz", timeout=60).status_code == 200, "it answers again", shop.worker)
    assert shop.page != killed
    until(lambda: metric(shop.address, "churn_alert_page_restarts_total") == 1.0, "the restart counts", shop.worker)
    assert len(re.findall("the page's process has ended", shop.worker.log)) == 1
    assert shop.worker.running


def test_the_page_ends_at_once_with_a_worker_that_is_killed(shop: Shop) -> None:
    page = shop.page
    assert shop.worker.end(signal.SIGKILL) == -9

    until(lambda: not Path(f"/proc/{page}/stat").exists(), "the page has ended")
    with socket.socket() as probe, pytest.raises(ConnectionRefusedError):
        probe.connect(("127.0.0.1", shop.port))


def test_a_signal_to_both_processes_ends_the_worker_in_order_and_the_page_with_it(shop: Shop) -> None:
    shop.worker.start()
    until(lambda: httpx.get(f"{shop.address}/healthz", timeout=60).status_code == 200, "it is there again", shop.worker)
    shop.worker.wait_assigned()
    page = shop.page
    os.kill(page, signal.SIGTERM)  # as systemd does

    assert shop.worker.end(signal.SIGTERM) == 0
    assert "the page's process has ended" not in shop.worker.life_log
    until(lambda: not Path(f"/proc/{page}").exists(), "the page has ended")
