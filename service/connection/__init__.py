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
from service.connection.refusals import LoginRefusedError, NoBrokerError, Refusal, RefusedError, RefusedForLongError
from service.connection.security import REFUSED_LONG_S, check_files, refused_for_long

__all__ = [
    "REFUSED_LONG_S",
    "Door",
    "LoginRefusedError",
    "NoBrokerError",
    "Refusal",
    "RefusedError",
    "RefusedForLongError",
    "become_careful",
    "check_files",
    "faust_broker",
    "look_in",
    "new_admin",
    "new_async_client",
    "new_async_consumer",
    "new_async_producer",
    "new_producer",
    "refused_for_long",
]
