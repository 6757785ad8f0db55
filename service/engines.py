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

    The hashes of erased customers are keyed with the installation's secret; without one, with the group's name.
    """
    secret = settings.shop.erasure_salt
    key = settings.kafka.group if secret is None else secret.get_secret_value()
    salt = hashlib.blake2b(key.encode(), digest_size=16).digest()
    return Engine(
        settings.policy(partitions, partition),
        settings.shop.calendar(),
        salt,
        learn_until_us,
        keeps_records=keeps_records,
        tells_ends=tells_ends,
    )
