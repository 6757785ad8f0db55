"""Makes one partition's engine from the settings: the same for the worker and the backtest."""

from __future__ import annotations

import hashlib

from service.config import Settings
from service.domain.calendar import NEVER
from service.domain.engine import Engine


def new_engine(
    settings: Settings,
    learn_until_us: int = NEVER,
    *,
    partitions: int = 1,
    partition: int = 0,
    keeps_records: bool = True,
    tells_ends: bool = True,
) -> Engine:
    """An empty engine, of one of so many partitions, of that number.

    The hashes of erased customers, and that of the control group, are keyed with the installation's secret. Without
    one nobody is erased (streaming/decoder.py), and the control group is keyed with the group's name; hashes that an
    older release has keyed with it are still recognised.
    """
    secret, group_key = settings.shop.erasure_salt, _key(settings.kafka.group)
    return Engine(
        settings.policy(partitions, partition),
        settings.shop.calendar(),
        group_key if secret is None else _key(secret.get_secret_value()),
        learn_until_us,
        keeps_records=keeps_records,
        tells_ends=tells_ends,
        former_salt=None if secret is None else group_key,
    )


def _key(secret: str) -> bytes:
    return hashlib.blake2b(secret.encode(), digest_size=16).digest()
