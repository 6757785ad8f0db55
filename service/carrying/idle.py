"""Whether anybody works on what is to be carried: workers, and who delivers what they ask for."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any, Final

from kafka.errors import CoordinatorNotAvailableError

from service.config import Settings
from service.errors import ConfigurationError

_COORDINATOR_S: Final = 10.0
"""A broker on which no group has ever been makes the topic of their offsets first."""
_PAUSE_S: Final = 0.3


def groups_of(admin: Any, settings: Settings) -> list[str]:
    """The consumer groups of this installation that the cluster knows: the workers', and one for each channel."""
    ours, base = settings.kafka.group, settings.deliver.group_of(settings.kafka.group, "smtp")
    known = {each["group_id"] for each in admin.list_groups()}
    return sorted(name for name in known if name in {ours, base} or name.startswith(f"{base}-"))


def deliverers_of(admin: Any, settings: Settings) -> list[str]:
    """Those of them that are not the workers'."""
    return [name for name in groups_of(admin, settings) if name != settings.kafka.group]


def refuse_active(admin: Any, settings: Settings, *further: str) -> None:
    """Raises ConfigurationError where a group of this installation, or one of `further`, has members."""
    deadline = time.monotonic() + _COORDINATOR_S
    while True:
        try:
            _refuse(admin, settings, [*groups_of(admin, settings), *further])
        except CoordinatorNotAvailableError:
            if time.monotonic() > deadline:
                raise
            time.sleep(_PAUSE_S)
        else:
            return


def _refuse(admin: Any, settings: Settings, groups: Iterable[str]) -> None:
    names = sorted(set(groups))
    if not names:
        return
    for name, told in admin.describe_groups(names).items():
        for member in told["members"]:
            raise ConfigurationError(
                f"The consumer group {name} is active (client id {member['client_id']!r} on host "
                f"{member['client_host'].removeprefix('/')}): stop its processes first. One that was killed counts "
                f"until its session ends, {settings.kafka.session_timeout_s:g} s."
            )
