"""The settings without which a state means something else, kept beside it in the ledger topic.

Visits lie on local days and money is in minor units of one currency, and neither can be read otherwise afterwards: a
state goes on under the zone, the begin of the day and the currency that it was made under, or not at all. The same
holds for the secret, by whose hashes erased customers are known; and what was let go of a history cannot be remembered
by a longer one. A secret may be set where there was none: the control group and other lots stay as they were drawn. The
visits that make a regular may change: who is one is counted again.

What every other setting does to a state stands in config/changes.py. Commands that look into a state take zone,
currency and the like from it, whatever they were called with.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec

from service.cluster.reader import Reader
from service.cluster.tail import open_reader, partitions_of, records_until_now
from service.config import KafkaSettings, Settings
from service.domain.changelog import MADE_UNDER_KEY
from service.engines import secret_mark
from service.errors import ConfigurationError

_FIXED: Final = ("timezone", "currency", "day_starts_at")
_READ_BY: Final = (*_FIXED, "regular_min_visits")
"""Whoever looks into a state needs these of it."""
_CURE: Final = (
    "set it back, take another kafka.group, or begin anew with `churn-alert state reset` "
    "(docs/operations/changed-settings.md)."
)


class MadeUnder(msgspec.Struct, frozen=True):
    """Of one state; new fields have defaults."""

    timezone: str
    currency: str
    day_starts_at: str
    regular_min_visits: int
    history_days: int = 0
    """The fewest under which it ever ran; 0 = a release that kept none has written this."""
    secret: str | None = None
    """Tells one secret from another; empty = there is none, None = a release that kept none has written this."""
    drawn_by_group: bool = False
    """There was no secret when its customers were first drawn for the control group: the group's name is the key."""

    @classmethod
    def of(cls, settings: Settings) -> MadeUnder:
        """What a state is made under that begins now."""
        shop, secret = settings.shop, secret_mark(settings)
        return cls(
            shop.timezone,
            shop.currency,
            shop.day_starts_at,
            shop.regular_min_visits,
            shop.history_days,
            secret,
            drawn_by_group=not secret,
        )

    def going_on(self, settings: Settings) -> MadeUnder:
        """What the same state is made under once it has gone on under these settings."""
        now = MadeUnder.of(settings)
        return msgspec.structs.replace(
            now,
            history_days=min(now.history_days, self.history_days or now.history_days),
            drawn_by_group=now.drawn_by_group if self.secret is None else self.drawn_by_group,
        )

    def pack(self, beyond: Mapping[str, object] | None = None) -> bytes:
        """`beyond`: what a later release has kept beside it (`beyond_of`)."""
        return msgspec.msgpack.encode({**msgspec.structs.asdict(self), **(beyond or {})})

    @classmethod
    def beyond_of(cls, value: bytes) -> dict[str, object]:
        """What a later release has added, to be kept for it. Call it of what `unpack` could read."""
        fields: dict[str, object] = msgspec.msgpack.decode(value, type=dict[str, object])
        return {name: told for name, told in fields.items() if name not in cls.__struct_fields__}

    @classmethod
    def unpack(cls, value: bytes) -> MadeUnder:
        """Raises ValueError for what is no such record."""
        try:
            return msgspec.msgpack.decode(value, type=cls)
        except msgspec.MsgspecError as error:
            raise ValueError(f"not a record of this release: {error}") from error

    def refusals(self, settings: Settings) -> Iterator[str]:
        """A sentence for each setting under which the state cannot go on."""
        shop, group = settings.shop, settings.kafka.group
        for name in _FIXED:
            mine, theirs = getattr(self, name), getattr(shop, name)
            if mine != theirs:
                yield (
                    f"shop.{name} is {theirs!r}, but the state of group {group!r} was made under {mine!r}, and its visits "
                    f"and amounts cannot be read otherwise: {_CURE}"
                )
        if self.history_days and shop.history_days > self.history_days:
            yield (
                f"shop.history_days is {shop.history_days}, but the state of group {group!r} was made under "
                f"{self.history_days}, and what it has let go by then would count twice if it came again: {_CURE}"
            )
        if self.secret and self.secret != secret_mark(settings):
            what = "another secret than that" if shop.erasure_salt is not None else "not set, and was one"
            yield (
                f"shop.erasure_salt is {what} under which the state of group {group!r} was made: erased customers would "
                f"not be recognised, and others would be in the control group: {_CURE}"
            )

    def hold(self, settings: Settings) -> None:
        """Raises ConfigurationError where the state cannot go on under these settings."""
        refusals = list(self.refusals(settings))
        if refusals:
            raise ConfigurationError(" ".join(refusals))

    def settings(self, settings: Settings) -> Settings:
        """The same, under which this state is read."""
        changed: dict[str, Any] = {name: getattr(self, name) for name in _READ_BY}
        same = all(getattr(settings.shop, name) == value for name, value in changed.items())
        return settings if same else settings.changed(shop=changed)


def found_in(reader: Reader, kafka: KafkaSettings) -> MadeUnder | None:
    """Of the group; None where no release that keeps it has run. `reader` is one of tail.open_reader."""
    found = None
    for record in records_until_now(reader, partitions_of(reader, kafka.ledger_topic)):
        if record.key == MADE_UNDER_KEY and record.value is not None:
            try:
                found = MadeUnder.unpack(record.value)
            except ValueError as error:
                raise ConfigurationError(
                    f"{kafka.ledger_topic} holds at offset {record.offset} of partition {record.partition} a record that this "
                    f"release cannot read, and which says under which settings the state was made ({error}): run the release "
                    "that has written it, or begin anew with `churn-alert state reset`."
                ) from error
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
