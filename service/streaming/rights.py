"""A right that is taken from a running process: said in one sentence, and waited for, as a broker is.

The library's error names the topic, group or transactional id, and nothing else. So the process starts again, and its
new life asks the broker what it may do before it begins (`wait_for_rights`).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from aiokafka.errors import (
    ClusterAuthorizationFailedError,
    GroupAuthorizationFailedError,
    TopicAuthorizationFailedError,
    TransactionalIdAuthorizationFailed,
)

from service.cluster import topics
from service.cluster.topic_rights import Missing, Part, Resource, Right, principal_of
from service.config import KafkaSettings, Settings
from service.connection import Refusal
from service.errors import ConfigurationError

_KINDS: Final[dict[type[BaseException], tuple[Resource, str]]] = {
    TopicAuthorizationFailedError: (Resource.TOPIC, "what it needs"),
    GroupAuthorizationFailedError: (Resource.GROUP, "Read"),
    ClusterAuthorizationFailedError: (Resource.CLUSTER, "what it needs"),
    TransactionalIdAuthorizationFailed: (Resource.TRANSACTIONAL_ID, "Write"),
}
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.5, 5.0


def about_right(kafka: KafkaSettings, error: BaseException) -> str | None:
    """A sentence about the right that an error of the library says is missing; None where it says nothing of the
    kind."""
    for kind, (resource, operation) in _KINDS.items():
        if isinstance(error, kind):
            return _sentence(kafka, resource, operation, error)
    return None


def _sentence(kafka: KafkaSettings, resource: Resource, operation: str, error: BaseException) -> str:
    told = error.args[0] if error.args else ""
    names = sorted(map(str, told)) if isinstance(told, (set, frozenset, list, tuple)) else [str(told)]
    if resource is Resource.TRANSACTIONAL_ID:
        prefix = f"{kafka.group}-"
        right = Right(Part.WORKER, resource, prefix, (operation,), "one for each partition", prefixed=True)
        return Missing(right, (operation,)).sentence(principal_of(kafka), kafka.bootstrap_servers)
    thing = f"{resource} {', '.join(names)}".strip()
    return (
        f"The broker at {kafka.bootstrap_servers} does not allow {operation} on {thing}: `churn-alert topics plan` prints "
        "what has to be granted."
    )


def hold_rights(settings: Settings, part: Part, say: Callable[[str], None], group: str | None = None) -> None:
    """At the first start, where a person looks on: raises ConfigurationError for what this part needs and the broker
    does not allow, as far as it tells. Waits for a broker."""
    missing = topics.rights_missing(settings, part, say=say, group=group)
    if missing:
        raise ConfigurationError(" ".join(missing))


def wait_for_rights(settings: Settings, part: Part, say: Callable[[str], None], group: str | None = None) -> None:
    """Returns when the broker allows all that this part needs, as far as it tells; what is missing is said once.
    `group`: of a deliverer. Raises as `topics.create`."""
    pause, told = _FIRST_PAUSE_S, ""
    while missing := " ".join(topics.rights_missing(settings, part, say=say, group=group)):
        if missing != told:
            say(Refusal(f"Waiting for a right. {missing}"))
            told = missing
        time.sleep(pause)
        pause = min(pause * 2, _LONGEST_PAUSE_S)
