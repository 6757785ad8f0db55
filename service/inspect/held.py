"""Who is held by the brake just now, as the workers' state says."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from service.cluster.tail import open_reader, partitions_of, records_until_now
from service.config import Settings
from service.domain.calendar import to_datetime
from service.domain.changelog import BRAKE_KEY, OWN_PREFIX, unpack
from service.domain.customer_record import restore
from service.domain.findings import Reason
from service.domain.outreach.brake import BrakeState
from service.domain.stumbling import LaterReleaseError
from service.engines import of_a_later_release
from service.errors import ConfigurationError

_CODE = Reason.SURGE.value.encode()


class Held(NamedTuple):
    """Of one group."""

    customers: int
    """Of whom a message waits because of the brake."""
    partitions: int
    """Which hold everybody who comes due."""
    of: int
    """Partitions there are."""
    since: datetime | None
    """Stream time at which the first of them began to; None: none does."""

    @property
    def any(self) -> bool:
        return bool(self.customers or self.partitions)


def held_by_brake(settings: Settings) -> Held:
    """Reads the whole of the state topic, and decodes of it who may wait. ConfigurationError where there is none."""
    topic = settings.kafka.state_topic
    brakes: dict[int, BrakeState] = {}
    waiting = set[bytes]()
    with open_reader(settings.kafka) as reader:
        partitions = partitions_of(reader, topic)
        if not partitions:
            raise ConfigurationError(f"Topic {topic} does not exist: has a worker of this group ever run?")
        for record in records_until_now(reader, partitions):
            key: bytes = record.key or b""
            if key == BRAKE_KEY and record.value is not None:
                brakes[record.partition] = BrakeState.of(unpack(record.value))
            elif not key.startswith(OWN_PREFIX):
                (waiting.add if _waits(settings, key, record.value) else waiting.discard)(key)
    since = [brake.held_us for brake in brakes.values() if brake.held_us]
    return Held(len(waiting), len(since), len(partitions), to_datetime(min(since)) if since else None)


def _waits(settings: Settings, key: bytes, value: bytes | None) -> bool:
    if value is None or _CODE not in value:
        return False
    try:
        episode = restore(key.decode(errors="replace"), value).episode
    except LaterReleaseError as error:
        raise of_a_later_release(settings.kafka.state_topic, error) from error
    return episode.detected_us > 0 and episode.waits_for == Reason.SURGE.value
