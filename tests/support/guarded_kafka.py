"""A local Kafka that keeps access lists: whoever logs in may do what was granted, and nothing else.

`bootstrap_servers` is a listener without a login, whose users may do everything; `login` the one for everybody else, by
PLAIN and without TLS. Grants are read from the very commands that people paste.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import Any, Final

from kafka.admin import (
    ACL,
    ACLFilter,
    ACLOperation,
    ACLPermissionType,
    ResourcePattern,
    ResourcePatternFilter,
    ResourceType,
)
from kafka.admin import ACLResourcePatternType as PatternType

from service.connection.admin import open_admin
from service.local_broker.broker import HOST, LocalKafka
from tests.support.processes import free_port

PASSWORD: Final = "known-to-both-sides"  # noqa: S105
USERS: Final = (
    "worker", "deliver", "looker", "nobody", "feed", "letter", "create", "state", "replay",
    "lacks-worker", "lacks-deliver", "lacks-feed", "lacks-letter",
)  # fmt: skip
_MODULE: Final = "org.apache.kafka.common.security.plain.PlainLoginModule"


class GuardedKafka(LocalKafka):
    """Call `grant` before anybody can do anything."""

    def __init__(self) -> None:
        super().__init__()
        self._ports, self._port = (free_port(), free_port()), free_port()

    @property
    def login(self) -> str:
        return f"{HOST}:{self._port}"

    def settings(self, user: str) -> dict[str, Any]:
        """Of `kafka`, for one of the USERS."""
        return {
            "bootstrap_servers": self.login,
            "security_protocol": "SASL_PLAINTEXT",
            "sasl_mechanism": "PLAIN",
            "sasl_username": user,
            "sasl_password": PASSWORD,
            "allow_plaintext_credentials": True,
        }

    def grant(self, commands: Iterable[str]) -> None:
        """What `kafka-acls.sh --add …` does; comments are passed over."""
        acls = [acl for line in commands if line and not line.startswith("#") for acl in _acls(line)]
        with closing(open_admin(self.bootstrap_servers)) as admin:
            done = admin.create_acls(acls)
            assert not done["failed"], done

    def revoke(self, command: str) -> None:
        """Takes back what this command has granted."""
        filters = [
            ACLFilter(
                principal=acl.principal,
                host=acl.host,
                operation=acl.operation,
                permission_type=acl.permission_type,
                resource_pattern=ResourcePatternFilter(
                    acl.resource_pattern.resource_type,
                    acl.resource_pattern.resource_name,
                    acl.resource_pattern.pattern_type,
                ),
            )
            for acl in _acls(command)
        ]
        with closing(open_admin(self.bootstrap_servers)) as admin:
            for _, gone, _ in admin.delete_acls(filters):
                assert gone, command

    def _properties(self, home: Path) -> dict[str, str]:
        properties = super()._properties(home)
        own = f"LOGIN://{self.login}"
        users = " ".join(f'user_{user}="{PASSWORD}"' for user in USERS)
        return {
            **properties,
            "listeners": f"{properties['listeners']},{own}",
            "advertised.listeners": f"{properties['advertised.listeners']},{own}",
            "listener.security.protocol.map": (f"{properties['listener.security.protocol.map']},LOGIN:SASL_PLAINTEXT"),
            "inter.broker.listener.name": "PLAINTEXT",
            "listener.name.login.sasl.enabled.mechanisms": "PLAIN",
            "listener.name.login.plain.sasl.jaas.config": f"{_MODULE} required {users};",
            "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            "super.users": "User:ANONYMOUS",
        }


def _acls(command: str) -> list[ACL]:
    """Of one command; raises for an option that it does not know, so that nothing is granted by mistake."""
    words = shlex.split(command)
    assert words[:2] == ["kafka-acls.sh", "--bootstrap-server"], command
    principal, operations, resources, pattern = "", list[str](), list[tuple[str, str]](), PatternType.LITERAL
    rest = iter(words[3:])
    for word in rest:
        match word:
            case "--add":
                pass
            case "--allow-principal":
                principal = next(rest)
            case "--operation":
                operations.append(next(rest))
            case "--resource-pattern-type":
                assert next(rest) == "prefixed"
                pattern = PatternType.PREFIXED
            case "--topic" | "--group" | "--transactional-id":
                resources.append((word[2:], next(rest)))
            case "--cluster":
                resources.append(("cluster", "kafka-cluster"))
            case _:
                raise AssertionError(word)
    return [
        ACL(
            principal=principal,
            host="*",
            operation=ACLOperation[_snake(operation)],
            permission_type=ACLPermissionType.ALLOW,
            resource_pattern=ResourcePattern(ResourceType[kind.replace("-", "_").upper()], name, pattern),
        )
        for kind, name in resources
        for operation in operations
    ]


def _snake(operation: str) -> str:
    return "".join(
        f"_{letter}" if letter.isupper() and place else letter for place, letter in enumerate(operation)
    ).upper()
