"""Makes one partition's engine from the settings: the same for the worker and the backtest."""

from __future__ import annotations

import hashlib

from service.config import Settings
from service.domain.calendar import Calendar
from service.domain.engine import Engine


def new_engine(settings: Settings) -> Engine:
    """An empty engine. The salt of erasure hashes is the group's, so it survives restarts and differs between installations."""
    salt = hashlib.blake2b(settings.kafka.group.encode(), digest_size=16).digest()
    return Engine(settings.policy(), Calendar(settings.shop.zone), erasure_salt=salt)
