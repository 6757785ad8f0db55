"""The ladder that finds a real broker: KAFKA_BOOTSTRAP_SERVERS, else Apache Kafka in Docker, else as a local process.

`CHURN_ALERT_TEST_BROKER=env|docker|local` forces a rung. The rung used, and why a higher one was not, is printed in the
summary of the test run.
"""

from __future__ import annotations

import importlib
import os
import socket
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kafka.errors import KafkaError

from service.connection.admin import open_admin
from service.local_broker.broker import HOST, SHORT_LIFE, LocalKafka
from service.local_broker.distribution import KAFKA_VERSION
from tests.support.formatted import QuicklyFormatted
from tests.support.processes import free_port

IMAGE = f"apache/kafka:{KAFKA_VERSION}"
FORCE_VARIABLE = "CHURN_ALERT_TEST_BROKER"
SERVERS_VARIABLE = "KAFKA_BOOTSTRAP_SERVERS"

ANSWER_S = 5
"""A Docker engine on this machine answers a ping in milliseconds."""
PULL_S = 180.0
"""400 MB on a slow line; a registry out of reach must not hold the tests up for longer."""
READY_S = 180.0

CONTAINER_SETTINGS = {
    # As a local one (SHORT_LIFE): a broker of a few minutes never earns what the second compiler takes.
    "KAFKA_JVM_PERFORMANCE_OPTS": "-XX:+UseSerialGC",
    "KAFKA_OPTS": " ".join(SHORT_LIFE),
    "KAFKA_TRANSACTION_ABORT_TIMED_OUT_TRANSACTION_CLEANUP_INTERVAL_MS": "1000",
    "KAFKA_AUTO_CREATE_TOPICS_ENABLE": "false",
    "KAFKA_METADATA_MAX_IDLE_INTERVAL_MS": "0",
    "KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS": "0",
    "KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR": "1",
    "KAFKA_OFFSETS_TOPIC_NUM_PARTITIONS": "4",
    "KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR": "1",
    "KAFKA_TRANSACTION_STATE_LOG_MIN_ISR": "1",
    "KAFKA_TRANSACTION_STATE_LOG_NUM_PARTITIONS": "4",
    "KAFKA_SHARE_COORDINATOR_STATE_TOPIC_REPLICATION_FACTOR": "1",
    "KAFKA_SHARE_COORDINATOR_STATE_TOPIC_MIN_ISR": "1",
    "KAFKA_PROCESS_ROLES": "broker,controller",
    "KAFKA_NODE_ID": "1",
    "KAFKA_CONTROLLER_QUORUM_VOTERS": "1@localhost:9093",
    "KAFKA_CONTROLLER_LISTENER_NAMES": "CONTROLLER",
    # The broker talks to itself too (transaction markers), and must not do so through the port that only the host
    # knows.
    "KAFKA_LISTENERS": "PLAINTEXT://:9092,INTERNAL://:19092,CONTROLLER://:9093",
    "KAFKA_INTER_BROKER_LISTENER_NAME": "INTERNAL",
    "KAFKA_LISTENER_SECURITY_PROTOCOL_MAP": "CONTROLLER:PLAINTEXT,INTERNAL:PLAINTEXT,PLAINTEXT:PLAINTEXT",
}


class RungUnavailableError(Exception):
    """This rung of the ladder does not carry here; the message says why."""


@dataclass(frozen=True, slots=True)
class TestBroker:
    """A broker for tests, what it is in words, and how to end it."""

    __test__ = False

    bootstrap_servers: str
    description: str
    stop: Callable[[], None]


def find_broker() -> TestBroker:
    """The first rung that carries. Raises RungUnavailableError when none does, or the forced one does not."""
    rungs = {"env": from_environment, "docker": in_docker, "local": as_process}
    forced = os.environ.get(FORCE_VARIABLE)
    if forced is not None:
        if forced not in rungs:
            raise RungUnavailableError(f"{FORCE_VARIABLE} is {forced!r}: it must be env, docker or local")
        return rungs[forced]()
    if os.environ.get(SERVERS_VARIABLE):
        return from_environment()  # asked for: another broker in its place would be a surprise
    try:
        return in_docker()
    except RungUnavailableError as reason:
        local = as_process()
        return TestBroker(local.bootstrap_servers, f"{local.description}; not in Docker: {reason}", local.stop)


def from_environment() -> TestBroker:
    servers = os.environ.get(SERVERS_VARIABLE, "")
    if not servers:
        raise RungUnavailableError(f"{SERVERS_VARIABLE} is not set")
    _wait_until_ready(servers, ANSWER_S)
    return TestBroker(servers, f"{servers} from {SERVERS_VARIABLE}", lambda: None)


def local_kafka(data_dir: Path | None = None, *, settings: Mapping[str, str] | None = None) -> LocalKafka:
    """On ports that nobody else takes while it is down. Not started yet."""
    broker = QuicklyFormatted(data_dir, settings=settings)
    broker._ports = free_port(), free_port()
    return broker


def as_process() -> TestBroker:
    broker = local_kafka()
    broker.start(lambda line: print(line, flush=True))
    return TestBroker(broker.bootstrap_servers, f"Apache Kafka {KAFKA_VERSION} as a local process", broker.stop)


def _knock(engine: str) -> None:
    """Raises OSError where a local engine's socket does not answer.

    Asked for more, docker-py would leave its connection open."""
    if engine.startswith("unix://"):
        with socket.socket(socket.AF_UNIX) as door:
            door.settimeout(ANSWER_S)
            door.connect(engine.removeprefix("unix://"))


def in_docker() -> TestBroker:
    os.environ["TESTCONTAINERS_RYUK_DISABLED"] = (
        "true"  # read at import; the container is ended by the session's fixture
    )
    try:
        docker = importlib.import_module("docker")
        containers = importlib.import_module("testcontainers.core.container")
    except ImportError as error:
        raise RungUnavailableError(f"the package {error.name} is missing") from error
    docker_error: type[Exception] = docker.errors.DockerException
    try:
        _knock(os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock"))
        client = docker.from_env(timeout=ANSWER_S)
        try:
            client.ping()
            _have_image(docker, client)
        finally:
            client.close()
    except (docker_error, OSError) as error:
        raise RungUnavailableError("no Docker engine answers") from error

    port = free_port()
    container = containers.DockerContainer(IMAGE)
    container.ports["9092/tcp"] = (HOST, port)  # with_bind_ports would listen on every interface
    container.with_env("KAFKA_ADVERTISED_LISTENERS", f"PLAINTEXT://{HOST}:{port},INTERNAL://localhost:19092")
    for name, value in CONTAINER_SETTINGS.items():
        container.with_env(name, value)
    servers = f"{HOST}:{port}"
    try:
        container.start()
        _wait_until_ready(servers, READY_S)
    except (docker_error, OSError, RuntimeError, RungUnavailableError) as error:
        container.stop()
        raise RungUnavailableError(f"the container of {IMAGE} did not come up ({_first_line(error)})") from error
    return TestBroker(servers, f"Apache Kafka {KAFKA_VERSION} in Docker (testcontainers)", container.stop)


def _have_image(docker: Any, client: Any) -> None:
    """Pulls the image if it is not there, for a bounded time: the pull of a hidden registry can hang for minutes."""
    try:
        client.images.get(IMAGE)
    except docker.errors.ImageNotFound:
        pass
    else:
        return
    outcome: list[str] = []

    def pull() -> None:
        own = docker.from_env(timeout=int(PULL_S))
        try:
            own.images.pull(IMAGE)
            outcome.append("")
        except (docker.errors.DockerException, OSError) as error:
            outcome.append(_first_line(error))
        finally:
            own.close()

    thread = threading.Thread(target=pull, daemon=True)
    thread.start()
    thread.join(PULL_S)
    if not outcome:
        raise RungUnavailableError(f"{IMAGE} was not pulled within {PULL_S:.0f} s")
    if outcome[0]:
        raise RungUnavailableError(f"{IMAGE} cannot be pulled ({outcome[0]})")


def _wait_until_ready(servers: str, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while True:
        try:
            admin = open_admin(servers, 2.0)
        except (KafkaError, OSError) as error:
            if time.monotonic() > deadline:
                raise RungUnavailableError(f"no broker answers at {servers}") from error
            time.sleep(0.1)
        else:
            admin.close()
            return


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:160]
