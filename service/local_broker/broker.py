"""A real Apache Kafka as a local process: the demo's broker, and the tests' where no Docker answers.

One KRaft node, broker and controller in one, on two free loopback ports, with transactions, compaction, groups and the
admin interface of any other. It dies with the process that started it (service/processes/tethered.py), and Ctrl-C in
the terminal does not reach it, so that a worker can still finish its batch.
"""

from __future__ import annotations

import base64
import os
import shutil
import signal
import socket
import tempfile
import time
import uuid
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from types import TracebackType
from typing import Self

from kafka.errors import KafkaError

from service.connection.admin import open_admin
from service.errors import ConfigurationError
from service.local_broker.distribution import KAFKA_VERSION, Progress, find_java, kafka_jars
from service.processes.tethered import Tethered

HOST = "127.0.0.1"
DEFAULT_HEAP_MB = 512
SHORT_LIFE = ("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
"""Starts a second sooner and stays small; a broker that is to run for hours or be measured does better without."""

START_TIMEOUT_S = 60.0
"""Ready takes 3 s on an idle machine; a loaded one may need ten times that."""
STOP_TIMEOUT_S = 20.0
PORT_ATTEMPTS = 3
"""Another process can take a free port between our look and the broker's bind."""

BROKER_SETTINGS: Mapping[str, str] = {
    "process.roles": "broker,controller",
    "node.id": "1",
    "controller.listener.names": "CONTROLLER",
    "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT",
    "auto.create.topics.enable": "false",
    # An open transaction whose owner is gone is looked for every second instead of every ten: it blocks read_committed
    # readers.
    "transaction.abort.timed.out.transaction.cleanup.interval.ms": "1000",
    # One node: nothing to replicate to. Few partitions: each costs files and start time.
    "offsets.topic.replication.factor": "1",
    "offsets.topic.num.partitions": "4",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "transaction.state.log.num.partitions": "4",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    "group.initial.rebalance.delay.ms": "0",
    "num.network.threads": "2",
    "num.io.threads": "4",
    # The default of 128 MiB is a quarter of the heap; 32 MiB still holds 1.2 million distinct keys per cleaning.
    "log.cleaner.dedupe.buffer.size": str(32 << 20),
    # After SIGKILL and a restart the controller waits this long before it believes the old broker gone; a default is 9
    # s.
    "broker.session.timeout.ms": "3000",
    "broker.heartbeat.interval.ms": "1000",
    # Else the controller writes a record that says nothing twice a second: half of what an idle broker asks of the
    # processor.
    "metadata.max.idle.interval.ms": "0",
}


def _silent(_line: str) -> None:
    pass


class LocalKafka:
    """One broker: `start`, use `bootstrap_servers`, `stop`; or `with LocalKafka() as broker`.

    Without `data_dir` the data lie in a temporary directory, which goes with `stop` or with the owner's death. With
    one, they stay, and the next LocalKafka on it goes on where this one ended. `settings` override BROKER_SETTINGS.
    """

    def __init__(
        self,
        data_dir: Path | None = None,
        *,
        port: int | None = None,
        heap_mb: int = DEFAULT_HEAP_MB,
        jvm_options: tuple[str, ...] = SHORT_LIFE,
        settings: Mapping[str, str] | None = None,
        cache: Path | None = None,
    ) -> None:
        self._kept = data_dir
        self._home: Path | None = None
        self._fixed_port = port
        self._ports: tuple[int, int] | None = None
        self._jvm_options = (f"-Xmx{heap_mb}m", *jvm_options)
        self._settings = {**BROKER_SETTINGS, **(settings or {})}
        self._cache = cache
        self._command: list[str] = []
        self._process: Tethered | None = None

    @property
    def bootstrap_servers(self) -> str:
        """host:port; the same through kill and restart. Raises RuntimeError before the first start."""
        if self._ports is None:
            raise RuntimeError("the local Kafka has not been started")
        return f"{HOST}:{self._ports[0]}"

    @property
    def pid(self) -> int:
        """Process id of the Java process. Raises RuntimeError when it does not run."""
        if self._process is None or self._process.poll() is not None:
            raise RuntimeError("the local Kafka is not running")
        return self._process.pid

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def log_file(self) -> Path:
        """What the broker said; for the curious and for error messages."""
        if self._home is None:
            raise RuntimeError("the local Kafka has not been started")
        return self._home / "broker.log"

    def start(self, progress: Progress = _silent) -> Self:
        """Returns when clients can use the broker: about 4 s, plus once the download of its jars.

        Raises ConfigurationError when Java or Kafka cannot be had or the broker does not come up.
        """
        if self.running:
            return self
        java, jars = find_java(), kafka_jars(progress, self._cache)
        self._command = [str(java), *self._jvm_options, "-cp", os.pathsep.join(map(str, jars))]
        self._command.append("-Dorg.slf4j.simpleLogger.defaultLogLevel=warn")
        progress(f"Starting Apache Kafka {KAFKA_VERSION} as a local process")
        begin = time.monotonic()
        try:
            self._open_home()
            self._launch_on_free_ports()
        except BaseException:
            self.stop()
            raise
        progress(f"Apache Kafka is ready on {self.bootstrap_servers} ({time.monotonic() - begin:.1f} s)")
        return self

    def stop(self) -> None:
        """Ends the broker; temporary data are removed. Does nothing when it never ran."""
        self._end(signal.SIGKILL if self._kept is None else signal.SIGTERM)
        if self._kept is None and self._home is not None:
            shutil.rmtree(self._home, ignore_errors=True)
            self._home = None

    def kill(self) -> None:
        """SIGKILL, as a crash; the data stay for `restart`."""
        self._end(signal.SIGKILL)

    def pause(self) -> None:
        """SIGSTOP: connections stay open and nothing answers, until `resume`."""
        os.kill(self.pid, signal.SIGSTOP)

    def resume(self) -> None:
        os.kill(self.pid, signal.SIGCONT)

    def restart(self) -> None:
        """Stops it in an orderly way if it runs, and starts it again on the same data and port."""
        if self._home is None:
            raise RuntimeError("the local Kafka has not been started")
        self._end(signal.SIGTERM)
        self._launch()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _open_home(self) -> None:
        if self._home is None:
            self._home = self._kept or Path(tempfile.mkdtemp(prefix="churn-alert-kafka-"))
        try:
            self._home.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigurationError(
                f"The data directory {self._home} of the local Kafka cannot be made ({error.strerror}): name another one."
            ) from error

    def _launch_on_free_ports(self) -> None:
        for attempt in range(1, PORT_ATTEMPTS + 1):
            self._ports = self._ports or _free_ports(self._fixed_port)
            try:
                self._launch()
            except ConfigurationError:
                if self._fixed_port or attempt == PORT_ATTEMPTS or "Address already in use" not in self._said():
                    raise
                self._ports = None
            else:
                return

    def _launch(self) -> None:
        home = self._require_home()
        properties = home / "server.properties"
        properties.write_text(
            "".join(f"{key}={value}\n" for key, value in self._properties(home).items()), encoding="utf-8"
        )
        self.log_file.unlink(missing_ok=True)
        if not (home / "log" / "meta.properties").exists():
            self._format(properties)
        self._process = self._run("kafka.Kafka", str(properties))
        self._wait_until_ready()

    def _run(self, *arguments: str) -> Tethered:
        """A Java program of the distribution; what it says is added to the log."""
        with self.log_file.open("ab") as log:
            return Tethered([*self._command, *arguments], output=log, remove=self._home if self._kept is None else None)

    def _properties(self, home: Path) -> dict[str, str]:
        assert self._ports is not None  # noqa: S101  (chosen before the first launch)
        broker, controller = self._ports
        return {
            **self._settings,
            "listeners": f"PLAINTEXT://{HOST}:{broker},CONTROLLER://{HOST}:{controller}",
            "advertised.listeners": f"PLAINTEXT://{HOST}:{broker}",
            "controller.quorum.voters": f"1@{HOST}:{controller}",
            "log.dirs": str(home / "log"),
        }

    def _format(self, properties: Path) -> None:
        cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=").replace("-", "A", 1)
        self._process = self._run("kafka.tools.StorageTool", "format", "-t", cluster, "-c", str(properties))
        if self._process.wait() != 0:
            raise self._failure("its data directory could not be formatted")

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + START_TIMEOUT_S
        while not _answers(self.bootstrap_servers):
            if not self.running:
                raise self._failure("it ended while starting")
            if time.monotonic() > deadline:
                self._end(signal.SIGKILL)
                raise self._failure(f"it was not ready after {START_TIMEOUT_S:.0f} s")
            time.sleep(0.05)

    def _failure(self, what: str) -> ConfigurationError:
        causes = [line for line in self._said().splitlines() if "Exception" in line or "rror" in line] or [""]
        reason = f": {causes[0].strip()[:200]}" if causes[0] else ""
        if "Address already in use" in self._said() and self._ports:
            reason = f": port {self._ports[0]} or {self._ports[1]} is in use"
        where = f"its log is {self.log_file}" if self._kept else "set a data directory to keep its log"
        return ConfigurationError(
            f"The local Apache Kafka did not start, {what}{reason}; {where}, or name a running broker with --bootstrap."
        )

    def _said(self) -> str:
        return self.log_file.read_text(encoding="utf-8", errors="replace") if self.log_file.exists() else ""

    def _require_home(self) -> Path:
        if self._home is None:
            raise RuntimeError("the local Kafka has not been started")
        return self._home

    def _end(self, sign: signal.Signals) -> None:
        if self._process is not None:
            self._process.end(sign, STOP_TIMEOUT_S)
            self._process = None


def _free_ports(fixed: int | None) -> tuple[int, int]:
    """A port for clients (the fixed one if given) and one for the controller."""
    with socket.create_server((HOST, 0)) as one, socket.create_server((HOST, 0)) as two:
        return fixed or one.getsockname()[1], two.getsockname()[1]


def _answers(bootstrap_servers: str) -> bool:
    try:
        with closing(open_admin(bootstrap_servers, 2.0)) as admin:
            return bool(admin.describe_cluster()["brokers"])
    except (OSError, KafkaError):
        return False
