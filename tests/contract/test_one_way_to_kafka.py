"""One room makes the clients of Kafka: one made elsewhere would know nothing of TLS and logins."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.support.syntax import nodes_of

pytestmark = pytest.mark.files

ROOT: Final = Path(__file__).parents[2]
THE_ROOM: Final = "service/connection/"
LIBRARIES: Final = {"aiokafka", "kafka", "confluent_kafka", "faust"}
NO_CLIENTS: Final = {"AIOKafkaClient"}
"""The class is refined (log_ends.py), and its instances are made by the consumers."""
REFINED: Final = {"AIOKafkaConnection"}
"""May be imported, for it is refined as well (modest.py), and not called: clients make them."""


def clients_made_in(path: str, text: str) -> Iterator[str]:
    """What a file imports from the libraries that is, or makes, a client; and where it calls such a thing."""
    for node in nodes_of(text, ast.ImportFrom, ast.Call):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in LIBRARIES:
            yield from (
                f"{path}:{node.lineno}: {each.name}"
                for each in node.names
                if is_client(each.name) and each.name not in REFINED
            )
        elif isinstance(node, ast.Call) and is_client(ast.unparse(node.func).rpartition(".")[2]):
            yield f"{path}:{node.lineno}: {ast.unparse(node.func)}"


def is_client(name: str) -> bool:
    kafkas = name.startswith(("Kafka", "AIOKafka")) and name.endswith(("Client", "Consumer", "Producer"))
    return (kafkas and name not in NO_CLIENTS) or name in {
        *REFINED,
        "create_conn",
        "KafkaConnectionManager",
    }


def test_no_client_of_kafka_is_made_outside_of_its_room() -> None:
    made = [
        found
        for top in ("service", "deploy")
        for path in sorted((ROOT / top).rglob("*.py"))
        if not (name := str(path.relative_to(ROOT))).startswith(THE_ROOM)
        for found in clients_made_in(name, path.read_text(encoding="utf-8"))
    ]

    assert made == []


@pytest.mark.parametrize(
    "line",
    [
        "from kafka import KafkaProducer",
        "import kafka\nkafka.KafkaConsumer(bootstrap_servers='b')",
        "from aiokafka import AIOKafkaConsumer as Reader",
        "from kafka.admin import KafkaAdminClient\nKafkaAdminClient()",
        "import aiokafka.admin\naiokafka.admin.AIOKafkaAdminClient()",
        "from aiokafka.conn import AIOKafkaConnection\nAIOKafkaConnection('b', 9092)",
    ],
)
def test_a_client_made_elsewhere_is_found(line: str) -> None:
    assert list(clients_made_in("service/feed/replay.py", line))


def test_types_of_the_libraries_are_no_clients() -> None:
    assert (
        list(clients_made_in("a.py", "from aiokafka.structs import ConsumerRecord\nfrom kafka import TopicPartition"))
        == []
    )
