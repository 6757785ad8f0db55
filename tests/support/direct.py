"""Clients of the tests leave no socket behind where a broker has gone: it would fail whichever test comes next."""

from __future__ import annotations

from kafka import KafkaConsumer, KafkaProducer
from kafka.admin import KafkaAdminClient

from service.connection.sockets import DIRECT

for client in (KafkaConsumer, KafkaProducer, KafkaAdminClient):
    client.DEFAULT_CONFIG.update(DIRECT)
