"""Makes the clients, of both libraries. Nobody else does: a client made elsewhere would know nothing of TLS and logins.

kafka-python is for commands that ask or write, and may wait: their clients are made after a look whether the broker
lets us in, and stand when they are handed out; they ask that broker for the others, for they would leave a connection
behind for each that does not answer. aiokafka is for whatever reads, and for what lives in an event loop: its clients
are handed out unstarted, and whoever starts them has looked before (`look_in`).
"""

from __future__ import annotations

from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from kafka import KafkaProducer
from kafka.errors import KafkaError

from service.config import KafkaSettings
from service.connection.admin import open_admin
from service.connection.careful import become_careful
from service.connection.handshake import look_in
from service.connection.refusals import NoBrokerError
from service.connection.security import aiokafka_security, faust_credentials, kafka_python_security
from service.connection.sockets import DIRECT
from service.fetching import Limits, ModestClient, OnSetAside, pass_over


def new_admin(kafka: KafkaSettings, timeout_s: float = 10.0, **options: Any) -> Any:
    """Connected within so many seconds; the caller closes it. `options` are KafkaAdminClient's.

    Raises as `look_in`; KafkaError or OSError where the broker goes meanwhile.
    """
    return open_admin(look_in(kafka), timeout_s, **kafka_python_security(kafka), **options)


def new_producer(kafka: KafkaSettings, **options: Any) -> Any:
    """Connected; the caller closes it. `options` are KafkaProducer's. Raises as `look_in`."""
    address = look_in(kafka)
    try:
        made_with = kafka_python_security(kafka) | DIRECT | {"allow_auto_create_topics": False} | options
        return KafkaProducer(bootstrap_servers=address, **made_with)
    except KafkaError as error:
        raise _gone(kafka, error) from error


def new_async_consumer(kafka: KafkaSettings, *topics: str, on_set_aside: OnSetAside = pass_over, **options: Any) -> Any:
    """Not started. `on_set_aside` is told of records that cannot be read. `options` are AIOKafkaConsumer's."""
    consumer = AIOKafkaConsumer(
        *topics, bootstrap_servers=kafka.bootstrap_servers, **aiokafka_security(kafka), **options
    )
    become_careful(consumer, Limits(kafka.unpacked_bytes, on_set_aside))
    return consumer


def new_async_producer(kafka: KafkaSettings, **options: Any) -> Any:
    """Not started. `options` are AIOKafkaProducer's."""
    producer = AIOKafkaProducer(bootstrap_servers=kafka.bootstrap_servers, **aiokafka_security(kafka), **options)
    producer.client.__class__ = ModestClient
    return producer


def new_async_client(kafka: KafkaSettings, **options: Any) -> Any:
    """For questions of one's own; not connected (`bootstrap`). `options` are AIOKafkaClient's."""
    return ModestClient(bootstrap_servers=kafka.bootstrap_servers, **aiokafka_security(kafka), **options)


def faust_broker(kafka: KafkaSettings) -> dict[str, Any]:
    """Options of a Faust app: where its brokers are, and how it is let in."""
    return {
        "broker": [f"kafka://{server.strip()}" for server in kafka.bootstrap_servers.split(",")],
        "broker_credentials": faust_credentials(kafka),
    }


def _gone(kafka: KafkaSettings, error: KafkaError) -> NoBrokerError:
    return NoBrokerError(
        f"The broker at {kafka.bootstrap_servers} let us in and went ({type(error).__name__}): try again."
    )
