"""The operator's word to all partitions of a group: a record in each partition of the ledger topic, which every worker
reads anyway."""

from __future__ import annotations

import time

from kafka import KafkaProducer
from kafka.errors import KafkaError

from service.config import Settings
from service.domain.changelog import RESUME_KEY, pack_today
from service.errors import ConfigurationError
from service.streaming.connection import kafka_python_security
from service.streaming.tail import open_reader

_WAIT_S = 30


def resume_outreach(settings: Settings) -> int:
    """Says that what the brake holds may go out. Returns how many partitions were told. ConfigurationError where the
    group has no ledger, or no broker answers."""
    kafka = settings.kafka
    with open_reader(kafka) as reader:
        known = reader.topics()
        partitions = (
            sorted(reader.partitions_for_topic(kafka.ledger_topic) or ()) if kafka.ledger_topic in known else []
        )
    if not partitions:
        raise ConfigurationError(f"Topic {kafka.ledger_topic} does not exist: has a worker of this group ever run?")
    said = pack_today(time.time_ns() // 1000)
    try:
        producer = KafkaProducer(bootstrap_servers=kafka.bootstrap_servers, acks="all", **kafka_python_security(kafka))
        try:
            for sent in [producer.send(kafka.ledger_topic, said, RESUME_KEY, partition=each) for each in partitions]:
                sent.get(timeout=_WAIT_S)
        finally:
            producer.close()
    except KafkaError as error:
        raise ConfigurationError(f"The word could not be written to {kafka.ledger_topic}: {error}.") from error
    return len(partitions)
