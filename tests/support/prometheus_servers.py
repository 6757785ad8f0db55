"""A real Prometheus and a real Alertmanager beside a test, with the shipped rules on a shortened clock."""

from __future__ import annotations

import asyncio
import json
import math
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx

from deploy.monitoring.rules import rules
from tests.support.promtool import ALERTMANAGER, PROMETHEUS, program

SHORTER = 600.0
"""Ten minutes are a second."""
SCRAPE_S, EVALUATE_S = 1.0, 0.5
WINDOW_S = (5.0, 8.0)
"""What is looked back upon holds some scrapes at least, and no more than a test waits for at most."""

FIRES_WITHIN_S = 180.0
_READY_S = 120.0
_TEMPLATE = Path("/usr/share/prometheus/alertmanager/default.tmpl")


def shortened(starts_s: float) -> str:
    """The rules of deploy/prometheus with all durations shortened. `starts_s`: what is looked back upon holds scrapes
    of before and after the start of a process that takes so long."""
    least, most = (max(seconds, starts_s) for seconds in WINDOW_S)
    return rules(lambda seconds: min(max(seconds / SHORTER, least), most), lambda seconds: seconds / SHORTER)


class Servers:
    """What is asked of them."""

    def __init__(self, prometheus: str) -> None:
        self.prometheus = prometheus
        self.told: dict[str, set[str]] = {"firing": set(), "resolved": set()}
        """Names of alerts that Alertmanager has passed on, by status."""

    def query(self, expression: str) -> list[dict[str, Any]]:
        answer = httpx.get(f"{self.prometheus}/api/v1/query", params={"query": expression}, timeout=60)
        assert answer.status_code == 200, f"{expression}: {answer.text}"
        found: list[dict[str, Any]] = answer.json()["data"]["result"]
        return found

    def ever(self, expression: str, seconds: int) -> bool:
        """Whether it had a number at any moment of the last `seconds`: what a panel draws."""
        now_s = time.time()
        span = {"start": now_s - seconds, "end": now_s, "step": 1}
        answer = httpx.get(f"{self.prometheus}/api/v1/query_range", params={"query": expression, **span}, timeout=60)
        assert answer.status_code == 200, f"{expression}: {answer.text}"
        series = answer.json()["data"]["result"]
        return any(math.isfinite(float(value)) for each in series for _, value in each["values"])

    async def fire(self, *names: str, doing: Callable[[], object] = lambda: None) -> None:
        """Until Alertmanager has told of these; `doing` is done again and again meanwhile."""
        deadline = time.monotonic() + FIRES_WITHIN_S
        while waited := set(names) - self.told["firing"]:
            assert time.monotonic() < deadline, (
                f"did not fire within {FIRES_WITHIN_S:.0f} s: {sorted(waited)}; Alertmanager told of"
                f" {sorted(self.told['firing'])}, Prometheus of {sorted(self.firing())}"
            )
            await asyncio.to_thread(doing)
            await asyncio.sleep(0.2)

    def firing(self) -> set[str]:
        return {each["metric"]["alertname"] for each in self.query('ALERTS{alertstate="firing"}')}


@contextmanager
def servers(
    directory: Path, ports: tuple[int, int], targets: Mapping[str, list[str]], starts_s: float
) -> Iterator[Servers]:
    """`ports` for Prometheus and Alertmanager; `targets` by job; `starts_s`: one of them that is killed and started
    again is away for so long at most."""
    found = Servers(f"http://127.0.0.1:{ports[0]}")

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            told = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            for alert in told["alerts"]:
                found.told[alert["status"]].add(alert["labels"]["alertname"])
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None: ...  # noqa: A002 - the library's name

    receiver = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    threading.Thread(target=receiver.serve_forever, daemon=True).start()
    jobs = [{"job_name": job, "static_configs": [{"targets": places}]} for job, places in targets.items()]
    every, evaluated = (f"{int(seconds * 1000)}ms" for seconds in (SCRAPE_S, EVALUATE_S))
    prometheus = {
        "global": {"scrape_interval": every, "evaluation_interval": evaluated, "scrape_timeout": every},
        "rule_files": [str(directory / "rules.yml")],
        "alerting": {"alertmanagers": [{"static_configs": [{"targets": [f"127.0.0.1:{ports[1]}"]}]}]},
        "scrape_configs": jobs,
    }
    alertmanager = {
        "route": {"receiver": "test", "group_by": ["alertname"], "group_wait": "0s", "group_interval": "500ms"},
        "receivers": [
            {
                "name": "test",
                "webhook_configs": [{"url": f"http://127.0.0.1:{receiver.server_address[1]}/", "send_resolved": True}],
            }
        ],
    }
    (directory / "rules.yml").write_text(shortened(starts_s), encoding="utf-8")
    (directory / "prometheus.yml").write_text(json.dumps(prometheus), encoding="utf-8")
    (directory / "alertmanager.yml").write_text(json.dumps(alertmanager), encoding="utf-8")
    log = (directory / "servers.log").open("w", encoding="utf-8")
    commands = (
        [_alertmanager(directory), f"--config.file={directory}/alertmanager.yml", f"--storage.path={directory}/alerts",
         f"--web.listen-address=127.0.0.1:{ports[1]}", "--cluster.listen-address=", "--log.level=warn"],
        [program(PROMETHEUS), f"--config.file={directory}/prometheus.yml", f"--storage.tsdb.path={directory}/data",
         f"--web.listen-address=127.0.0.1:{ports[0]}", "--log.level=warn"],
    )  # fmt: skip
    running = [subprocess.Popen(command, stdout=log, stderr=log, cwd=directory) for command in commands]
    try:
        for port in ports:
            _wait_ready(port, directory / "servers.log")
        yield found
    finally:
        for process in running:
            process.terminate()
        for process in running:
            process.wait(120)
        log.close()
        receiver.shutdown()
        receiver.server_close()


def _alertmanager(directory: Path) -> str:
    """Debian's Alertmanager reads its templates from where its package is installed, and from nowhere else. Where the
    package is unpacked and not installed, a copy of the program reads them from where it is started."""
    found = Path(program(ALERTMANAGER))
    if _TEMPLATE.exists() or found.is_relative_to("/usr"):
        return str(found)
    for template in (found.parents[2] / _TEMPLATE.relative_to("/")).parent.glob("*.tmpl"):
        shutil.copy(template, directory)
    installed = str(_TEMPLATE.parent).encode()
    assert len(installed) % 2 == 0, "the name of another directory must be as long"
    copy = directory / found.name
    copy.write_bytes(found.read_bytes().replace(installed, b"./" * (len(installed) // 2)))
    copy.chmod(0o755)
    return str(copy)


def _wait_ready(port: int, log: Path) -> None:
    deadline = time.monotonic() + _READY_S
    while True:
        try:
            if httpx.get(f"http://127.0.0.1:{port}/-/ready", timeout=30).status_code == 200:
                return
        except httpx.TransportError:
            pass
        assert time.monotonic() < deadline, f"port {port} is not ready within {_READY_S:.0f} s: {log.read_text()}"
        time.sleep(0.1)
