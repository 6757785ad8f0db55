"""What the demo needs around it: a broker, topics, a supervised worker. Everything ends with the demo."""

from __future__ import annotations

import os
import secrets
import signal
import socket
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from service.cluster import topics
from service.config import Settings, child_environment
from service.domain.policy import ClockMode, ConsentRule
from service.errors import ConfigurationError, FatalError
from service.local_broker.broker import LocalKafka
from service.processes.supervisor import Supervisor

READY_S = 180.0
"""A worker and its page are up in some seconds; a busy machine may need many times that, and the page yields to all."""
PATIENCE_S = 60.0
"""For the numbers of the summary: a page that is busy or just begins again answers later."""
Say = Callable[[str], None]


@dataclass
class Stage:
    """A running broker and worker."""

    settings: Settings
    broker: str
    """What the demo runs on, for a person."""
    supervisor: Supervisor
    worker_log: Path

    @property
    def address(self) -> str:
        return f"http://{self.settings.web.host}:{self.settings.web.port}"

    def metric_sums(self, name: str, *by: str) -> dict[tuple[str, ...], float]:
        """The samples of one metric, added up over the labels that are not in `by`."""
        sums: dict[tuple[str, ...], float] = {}
        with urllib.request.urlopen(f"{self.address}/metrics", timeout=5) as answer:  # noqa: S310 - our own loopback address
            for family in text_string_to_metric_families(answer.read().decode()):
                for sample in family.samples:
                    if sample.name == name:
                        key = tuple(sample.labels[label] for label in by)
                        sums[key] = sums.get(key, 0.0) + sample.value
        return sums

    def metric_sums_patiently(self, name: str, *by: str) -> dict[tuple[str, ...], float]:
        """The same, however long the page needs. Raises FatalError where it does not answer within `PATIENCE_S`."""
        deadline = time.monotonic() + PATIENCE_S
        while True:
            try:
                return self.metric_sums(name, *by)
            except (urllib.error.URLError, OSError) as error:
                if time.monotonic() >= deadline:
                    raise FatalError(
                        f"The worker does not say how it stands: {self.address}/metrics does not answer within "
                        f"{PATIENCE_S:g} s ({error}). {_last_line(self.worker_log)}"
                    ) from error
            time.sleep(0.2)

    def lag(self) -> float | None:
        """Records not yet processed; None while the worker does not answer."""
        try:
            lags = self.metric_sums("churn_alert_lag_records")
        except (urllib.error.URLError, OSError):
            return None
        return lags.get((), None)


@contextmanager
def stage(
    base: Settings, *, shop: dict[str, Any], bootstrap: str | None, partitions: int, port: int | None, say: Say
) -> Iterator[Stage]:
    """Starts everything and stops it at the end. With `bootstrap` the topics get names of their own there."""
    with ExitStack() as stack:
        stack.enter_context(_ending_in_order())
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="churn-alert-demo-")))
        if bootstrap is None:
            broker = stack.enter_context(LocalKafka().start(say))
            servers, prefix, name = (
                broker.bootstrap_servers,
                "",
                f"local Apache Kafka 4.1 at {broker.bootstrap_servers}",
            )
        else:
            servers, prefix, name = bootstrap, f"demo-{secrets.token_hex(3)}-", f"Kafka at {bootstrap}"
        kafka: dict[str, Any] = {
            "bootstrap_servers": servers,
            "group": f"{prefix}churn-alert",
            "instance_id": "demo-worker",
        }
        if prefix:
            names = base.kafka.topics.model_dump()
            kafka["topics"] = type(base.kafka.topics)(**{key: f"{prefix}{topic}" for key, topic in names.items()})
        settings = base.changed(
            kafka=kafka,
            shop=shop,
            time={"clock": ClockMode.EVENT},
            outreach={"consent": ConsentRule.EXTERNAL},
            web={
                "enabled": True,
                "numbers": "open",  # on loopback, and the demo reads them itself
                "host": "127.0.0.1",
                "port": _port(port if port is not None else base.web.port, port is not None),
            },
        )
        topics.create(settings, partitions=partitions, wait_s=30)
        log_file = home / "worker.log"
        supervisor = Supervisor(
            [sys.executable, "-P", "-m", "service.cli", "worker"],  # -P: not what lies in the working directory
            environment=child_environment(settings, os.environ),
            log_file=log_file,
            remove=home,
            on_exit=lambda code, pause: (
                say(f"The worker ended with exit code {code}; it starts again in {pause:g} s.")
                if pause
                else say(f"The worker cannot start (exit code {code}): {_last_line(log_file)}")
            ),
        )
        supervisor.start()
        stack.callback(supervisor.stop)
        running = Stage(settings, name, supervisor, log_file)
        _wait_until_up(running)
        yield running


@contextmanager
def _ending_in_order() -> Iterator[None]:
    """SIGTERM and a closed terminal unwind as Ctrl-C does. What nohup has told us to ignore stays ignored."""
    if threading.current_thread() is not threading.main_thread():  # signals are the main thread's
        yield
        return

    def leave(number: int, _frame: object) -> None:
        for each in before:
            signal.signal(each, signal.SIG_IGN)  # once is enough
        sys.exit(128 + number)

    before = {
        number: signal.getsignal(number)
        for number in (signal.SIGTERM, signal.SIGHUP)
        if signal.getsignal(number) is not signal.SIG_IGN
    }
    for number in before:
        signal.signal(number, leave)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _port(wanted: int, insisted: bool) -> int:
    """The wanted port if it is free, else any free one; an error if the user insisted on it."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", wanted))
        except OSError as error:
            if insisted:
                raise ConfigurationError(f"Port {wanted} is in use; choose another with --port.") from error
            probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_until_up(running: Stage) -> None:
    deadline = time.monotonic() + READY_S
    while time.monotonic() < deadline:
        if running.supervisor.gave_up:
            raise FatalError(f"The worker could not start: {_last_line(running.worker_log)}")
        try:
            with urllib.request.urlopen(f"{running.address}/healthz", timeout=2):  # noqa: S310 - our own loopback address
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    raise FatalError(f"The worker did not come up within {READY_S:g} s: {_last_line(running.worker_log)}")


def _last_line(log_file: Path) -> str:
    lines = log_file.read_text(errors="replace").strip().splitlines() if log_file.exists() else []
    return lines[-1] if lines else "it left no word."
