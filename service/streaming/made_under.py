"""The settings without which a state means something else, kept beside it in the ledger topic.

Visits lie on local days and money is in minor units of one currency, and neither can be read otherwise afterwards: a
state goes on under the zone, the begin of the day and the currency that it was made under, or not at all. The visits
that make a regular may change: who is one is counted again. Everything else of a policy holds from each customer's next
visit on, and asks nothing of a state.

Commands that look into a state take these settings from it, whatever they were called with.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import msgspec

from service.config import KafkaSettings, Settings
from service.domain.changelog import MADE_UNDER_KEY
from service.errors import ConfigurationError
from service.streaming.tail import open_reader, partitions_of, records_until_now

_FIXED: Final = ("timezone", "currency", "day_starts_at")


class MadeUnder(msgspec.Struct, frozen=True):
    """Of one state; new fields have defaults."""

    timezone: str
    currency: str
    day_starts_at: str
    regular_min_visits: int

    @classmethod
    def of(cls, settings: Settings) -> MadeUnder:
        shop = settings.shop
        return cls(shop.timezone, shop.currency, shop.day_starts_at, shop.regular_min_visits)

    def pack(self) -> bytes:
        return msgspec.msgpack.encode(self)

    @classmethod
    def unpack(cls, value: bytes) -> MadeUnder:
        """Raises ValueError for what is no such record."""
        try:
            return msgspec.msgpack.decode(value, type=cls)
        except msgspec.MsgspecError as error:
            raise ValueError(f"not a record of this release: {error}") from error

    def differing(self, settings: Settings) -> Iterator[tuple[str, str, str]]:
        """(name of a setting, as the state has it, as it is set) of what a state cannot change."""
        for name in _FIXED:
            mine, theirs = getattr(self, name), getattr(settings.shop, name)
            if mine != theirs:
                yield f"shop.{name}", mine, theirs

    def hold(self, settings: Settings) -> None:
        """Raises ConfigurationError where the state cannot go on under these settings."""
        for name, mine, theirs in self.differing(settings):
            raise ConfigurationError(
                f"{name} is {theirs!r}, but the state of group {settings.kafka.group!r} was made under {mine!r}, and its "
                "visits and amounts cannot be read otherwise: set it back, take another kafka.group, or begin anew with "
                "`churn-alert state reset` (docs/operations/changed-settings.md)."
            )

    def settings(self, settings: Settings) -> Settings:
        """The same, under which this state is read."""
        if self == MadeUnder.of(settings):
            return settings
        changed: dict[str, Any] = msgspec.structs.asdict(self)
        return settings.changed(shop=changed)


def found_in(reader: Any, kafka: KafkaSettings) -> MadeUnder | None:
    """Of the group; None where no release that keeps it has run. `reader` is one of tail.open_reader."""
    found = None
    for record in records_until_now(reader, partitions_of(reader, kafka.ledger_topic)):
        if record.key == MADE_UNDER_KEY and record.value is not None:
            found = MadeUnder.unpack(record.value)
    return found


def settings_of_the_state(settings: Settings) -> Settings:
    """Those of the group's state where it has any, else as they are. Raises ConfigurationError where no broker
    answers."""
    with open_reader(settings.kafka) as reader:
        found = found_in(reader, settings.kafka)
    return settings if found is None else found.settings(settings)


def refuse_other_settings(settings: Settings) -> None:
    """Raises ConfigurationError where the group's state cannot go on under these settings, or no broker answers."""
    with open_reader(settings.kafka) as reader:
        found = found_in(reader, settings.kafka)
    if found is not None:
        found.hold(settings)
