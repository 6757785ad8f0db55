"""How this service reaches Kafka: the one place that makes clients, for whatever command.

What the settings say of TLS and of the login becomes arguments of the two client libraries here (security.py); a
client of a command is made after a look at whether the broker lets us in (handshake.py), so that who is refused reads
one sentence, and not the retries of a library.
"""

from service.connection.careful import become_careful
from service.connection.clients import (
    faust_broker,
    new_admin,
    new_async_client,
    new_async_consumer,
    new_async_producer,
    new_producer,
)
from service.connection.door import Door
from service.connection.handshake import look_in
from service.connection.refusals import NoBrokerError, Refusal, RefusedError
from service.connection.security import check_files

__all__ = [
    "Door",
    "NoBrokerError",
    "Refusal",
    "RefusedError",
    "become_careful",
    "check_files",
    "faust_broker",
    "look_in",
    "new_admin",
    "new_async_client",
    "new_async_consumer",
    "new_async_producer",
    "new_producer",
]
