"""Three brokers with replicas of everything, as local processes: each is broker and controller, each can be killed,
paused, restarted and starved of disk, and workers reach each of them through a link of their own (proxy.py)."""

from __future__ import annotations

import os
import resource
import signal
import socket
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self, TypeVar

from kafka.admin import ConfigResource
from kafka.errors import KafkaError
from kafka.protocol.admin.client_quotas import AlterClientQuotasRequest

from service.connection.admin import open_admin
from service.local_broker.broker import HOST, SHORT_LIFE, LocalKafka
from service.local_broker.distribution import find_java, kafka_jars
from tests.support.broker_clock import off_by
from tests.support.processes import free_port
from tests.support.proxy import Proxy

Answer = TypeVar("Answer")
CLUSTER_ID: Final = "chaosAAAAAAAAAAAAAAAAA"
HEAP_MB: Final = 320
READY_S: Final = 240.0
REPLICATED: Final = {
    "default.replication.factor": "3",
    "min.insync.replicas": "2",
    "offsets.topic.replication.factor": "3",
    "transaction.state.log.replication.factor": "3",
    "transaction.state.log.min.isr": "2",
    "share.coordinator.state.topic.replication.factor": "3",
    "share.coordinator.state.topic.min.isr": "2",
    # A broker that is away is noticed within three seconds, and its followers stop waiting for it as soon.
    "replica.lag.time.max.ms": "3000",
    "controller.quorum.fetch.timeout.ms": "2000",
    "controller.quorum.election.timeout.ms": "1000",
    # As a cluster has them: a node alone does without.
    "metadata.max.idle.interval.ms": "500",
    "broker.heartbeat.interval.ms": "500",
    "num.network.threads": "1",
    "num.io.threads": "2",
    "num.replica.fetchers": "1",
    "background.threads": "2",
    "log.cleaner.dedupe.buffer.size": str(4 << 20),
}

FEATURES: Final = ("--feature", "eligible.leader.replicas.version=0")
"""With it a controller of 4.1 forgets to take out which brokers are eligible when a topic's min.insync.replicas changes
and the topic is deleted: it fails then whenever one of them registers, and the cluster never comes back."""


class Node(LocalKafka):
    """One of the brokers. `start` and `restart` return before it is ready: alone it never would be."""

    def __init__(self, number: int, direct: Sequence[int], controllers: Sequence[int], doors: dict[str, int]) -> None:
        """`direct`, `controllers`: ports by node; `doors`: the ports of this one behind links, by client."""
        super().__init__(heap_mb=HEAP_MB, jvm_options=(*SHORT_LIFE, "-Xss512k"), settings=REPLICATED)
        self.number = number
        self._ports = (direct[number], controllers[number])
        self.listens_on = (direct[number], *doors.values())
        """Ports that clients reach it by."""
        self._controllers = controllers
        self._doors = doors
        self.advertised: dict[str, int] = {}
        """Where links listen, by client; set before the start."""

    def prepare(self) -> None:
        """Everything up to the start of its process."""
        self._open_home()
        self.believe(0.0)

    def believe(self, off_s: float) -> None:
        """From its next start on its clock is off by so many seconds."""
        java, jars = find_java(), kafka_jars(print)
        first = [off_by(jars, off_s, self._require_home())] if off_s else []
        self._command = [str(java), *self._jvm_options, "-cp", os.pathsep.join(map(str, [*first, *jars]))]
        self._command.append("-Dorg.slf4j.simpleLogger.defaultLogLevel=warn")

    def _properties(self, home: Path) -> dict[str, str]:
        properties = super()._properties(home)
        own = [f"{client.upper()}://{HOST}:{port}" for client, port in self._doors.items()]
        told = [f"{client.upper()}://{HOST}:{port}" for client, port in self.advertised.items()]
        kinds = "".join(f",{client.upper()}:PLAINTEXT" for client in self._doors)
        return {
            **properties,
            "node.id": str(self.number + 1),
            "listeners": ",".join([properties["listeners"], *own]),
            "advertised.listeners": ",".join([properties["advertised.listeners"], *told]),
            "listener.security.protocol.map": properties["listener.security.protocol.map"] + kinds,
            "inter.broker.listener.name": "PLAINTEXT",
            "controller.quorum.voters": ",".join(f"{i + 1}@{HOST}:{p}" for i, p in enumerate(self._controllers)),
        }

    def _launch(self) -> None:
        self._process = self._run("kafka.Kafka", str(self._written()))

    def _written(self) -> Path:
        home = self._require_home()
        file = home / "server.properties"
        file.write_text("".join(f"{k}={v}\n" for k, v in self._properties(home).items()), encoding="utf-8")
        return file

    def format(self) -> None:
        """Begins to; `formatted` waits for it."""
        file = self._written()
        self._process = self._run("kafka.tools.StorageTool", "format", "-t", CLUSTER_ID, "-c", str(file), *FEATURES)

    def formatted(self) -> None:
        assert self._process is not None
        assert self._process.wait(READY_S) == 0, self._said()
        self._process = None

    def tail(self) -> str:
        """What it said last."""
        return self._said()[-1_500:]

    def stop_in_order(self) -> None:
        """SIGTERM: it hands its leaderships over."""
        self._end(signal.SIGTERM)

    def fill_disk(self) -> None:
        """From now on no file of it can grow, as on a full disk: what fails is its write, with another number."""
        hard = resource.prlimit(self.pid, resource.RLIMIT_FSIZE)[1]
        resource.prlimit(self.pid, resource.RLIMIT_FSIZE, (1, hard))


class Cluster:
    """`bootstrap_servers` leads there directly, for tests; `behind(client)` through the links of that client."""

    def __init__(self, clients: Sequence[str]) -> None:
        self.clients = tuple(clients)
        ports = [free_port() for _ in range(3 * (2 + len(self.clients)))]
        direct, controllers, rest = ports[:3], ports[3:6], ports[6:]
        doors = [{client: rest[3 * i + n] for i, client in enumerate(self.clients)} for n in range(3)]
        self.nodes = [Node(number, direct, controllers, doors[number]) for number in range(3)]
        self.bootstrap_servers = ",".join(f"{HOST}:{port}" for port in direct)
        self.proxy = Proxy({link(c, n): doors[n][c] for c in self.clients for n in range(3)})
        for node in self.nodes:
            node.advertised = {c: self.proxy.ports[link(c, node.number)] for c in self.clients}

    def behind(self, client: str) -> str:
        """Where that client finds the brokers."""
        return ",".join(f"{HOST}:{self.proxy.ports[link(client, node.number)]}" for node in self.nodes)

    def links(self, client: str) -> list[str]:
        return [link(client, node.number) for node in self.nodes]

    def start(self) -> Self:
        for node in self.nodes:
            node.prepare()
            node.format()
        for node in self.nodes:
            node.formatted()
        for node in self.nodes:
            node.restart()
        self.wait_whole()
        return self

    def admin(self, patience_s: float = 0.0) -> Any:
        """`patience_s`: the client asks a broker by chance, and again the one that is away."""
        deadline = time.monotonic() + patience_s
        while True:
            try:
                return open_admin(self.bootstrap_servers, 5.0)
            except KafkaError:
                if time.monotonic() > deadline:
                    raise

    def wait_whole(self, timeout_s: float = READY_S) -> float:
        """Seconds until all brokers are there and every partition has all its replicas in step. A broker ends itself
        where it finds no quorum while it starts: it is started again, as a supervisor would."""
        began = time.monotonic()
        while not self._whole():
            for node in self.nodes:
                if not node.running:
                    node.restart()
            if time.monotonic() - began > timeout_s:
                said = "\n".join(f"--- broker {node.number + 1}: {node.tail()}" for node in self.nodes)
                raise AssertionError(f"the cluster is not whole after {timeout_s:.0f} s\n{said}")
            time.sleep(0.2)
        return time.monotonic() - began

    def _whole(self) -> bool:
        """A broker is known to the others before it listens."""
        try:
            for node in self.nodes:
                for port in node.listens_on:
                    socket.create_connection((HOST, port), timeout=1.0).close()
            with closing(self.admin()) as admin:
                if len(admin.describe_cluster()["brokers"]) != len(self.nodes):
                    return False
                return all(
                    len(partition["isr_nodes"]) == len(partition["replica_nodes"])
                    for topic in admin.describe_topics()
                    for partition in topic["partitions"]
                )
        except (KafkaError, OSError, KeyError, TypeError):
            return False

    def leaders(self, topic: str) -> list[int]:
        """Index of the broker that leads each partition."""
        (described,) = self.ask(lambda admin: admin.describe_topics([topic]))
        partitions = sorted(described["partitions"], key=lambda each: int(each["partition_index"]))
        return [int(each["leader_id"]) - 1 for each in partitions]

    def quota(self, name: str, bytes_per_s: float | None) -> None:
        """Limits every client of every user (`producer_byte_rate` or `consumer_byte_rate`); None = no more."""
        entry = AlterClientQuotasRequest.EntryData(
            entity=[AlterClientQuotasRequest.EntryData.EntityData(entity_type="user", entity_name=None)],
            ops=[
                AlterClientQuotasRequest.EntryData.OpData(
                    key=name, value=bytes_per_s or 0.0, remove=bytes_per_s is None
                )
            ],
        )
        request = AlterClientQuotasRequest(entries=[entry], validate_only=False)
        answer = self.ask(lambda admin: admin._manager.run(admin._manager.send, request))
        assert not answer.entries[0].error_code, answer

    def ask(self, question: Callable[[Any], Answer]) -> Answer:
        """Of any broker that is there: others may be down at the moment."""
        until_s = time.monotonic() + READY_S
        while True:
            try:
                with closing(self.admin(READY_S)) as admin:
                    return question(admin)
            except (KafkaError, OSError):
                if time.monotonic() > until_s:
                    raise
                time.sleep(0.2)

    def demand_in_step(self, topics: Sequence[str], replicas: int) -> None:
        """Those of these topics that are there take records only while so many replicas are in step."""
        wanted = {"min.insync.replicas": str(replicas)}

        def demand(admin: Any) -> None:
            there = set(admin.list_topics())
            admin.alter_configs([ConfigResource("topic", name, wanted) for name in topics if name in there])

        self.ask(demand)

    def stop(self) -> None:
        for node in self.nodes:
            node.stop()
        self.proxy.close()

    def __enter__(self) -> Self:
        try:
            return self.start()
        except BaseException:
            self.stop()
            raise

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def link(client: str, node: int) -> str:
    return f"{client}-{node + 1}"
