"""Makes one partition's engine from the settings: the same for the worker and the backtest."""

from __future__ import annotations

import hashlib

from service.config import Settings
from service.domain.calendar import NEVER
from service.domain.engine import Engine
from service.domain.folding.attic import Attic
from service.domain.stumbling import LaterReleaseError
from service.errors import ConfigurationError


def new_engine(
    settings: Settings,
    learn_until_us: int = NEVER,
    *,
    partitions: int = 1,
    partition: int = 0,
    keeps_records: bool = True,
    tells_ends: bool = True,
    attic: Attic | None = None,
) -> Engine:
    """An empty engine, of one of so many partitions, of that number; `attic` as the engine's.

    The hashes of erased customers, and that of the control group, are keyed with the installation's secret. Without
    one nobody is erased (wire/decoder.py), and the control group is keyed with the group's name; hashes that an
    older release has keyed with it are still recognised.
    """
    secret, by_group = settings.shop.erasure_salt, group_key(settings.kafka.group)
    return Engine(
        settings.policy(partitions, partition),
        settings.shop.calendar(),
        by_group if secret is None else _key(secret.get_secret_value()),
        learn_until_us,
        keeps_records=keeps_records,
        tells_ends=tells_ends,
        former_salt=None if secret is None else by_group,
        attic=attic,
    )


def of_a_later_release(place: str, error: LaterReleaseError) -> ConfigurationError:
    """A topic's partition holds what this release would drop if it went on."""
    return ConfigurationError(
        f"A later release has written to {place} what this one would drop: {error}. Run that release again, or restore "
        "the backup of before (docs/operations/upgrade.md)."
    )


def group_key(group: str) -> bytes:
    """What keys hashes in a group without a secret, and in any that its state is carried to."""
    return _key(group)


def secret_mark(settings: Settings) -> str:
    """Tells one secret from another and not what it is; empty where none is set."""
    secret = settings.shop.erasure_salt
    if secret is None:
        return ""
    return hashlib.blake2b(b"which secret", digest_size=8, key=_key(secret.get_secret_value())).hexdigest()


def _key(secret: str) -> bytes:
    return hashlib.blake2b(secret.encode(), digest_size=16).digest()
