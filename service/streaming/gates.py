"""The gate before each input of a partition: shut where nearly all is refused, or dated by a clock that is wrong."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import structlog
from aiokafka.structs import ConsumerRecord

from service.config.sections.limits import LimitSettings
from service.refused.floodgate import Floodgate, Standing

log = structlog.get_logger()


class Gates:
    """Of one partition; inputs are counted as in `sources`."""

    def __init__(
        self, limits: LimitSettings, sources: Sequence[str], positions: Mapping[str, int], partition: int
    ) -> None:
        """`positions`: next offset by topic, as they stand at each call."""
        self._sources = sources
        self._positions = positions
        self._partition = partition
        self.each = [
            Floodgate(limits.refused_share, limits.refused_records, limits.max_clock_offset_s) for _ in sources
        ]

    def let_through(self, source: int, records: list[ConsumerRecord], after_us: int, now_us: int) -> bool:
        """Whether they may be decoded; else they wait."""
        gate = self.each[source]
        if gate.reason or gate.waiting:
            gate.keep(records, after_us)
            return False
        if gate.looks_at_clock(records, after_us, now_us):
            return True
        gate.keep(records, after_us)
        self._tell_shut(source)
        return False

    def shut(self, source: int, records: list[ConsumerRecord], last: int) -> None:
        """The source is not read on behind that offset."""
        self.each[source].keep([record for record in records if record.offset > last])
        self._tell_shut(source)

    def _tell_shut(self, source: int) -> None:
        log.error(
            "an input is not read on; what it holds stays in Kafka and no absence is concluded meanwhile. It goes on by "
            "itself when its records are accepted again, and by `churn-alert dead-letters resume`",
            topic=self._sources[source],
            partition=self._partition,
            reason=self.each[source].reason,
        )

    def stopped(self) -> dict[str, str]:
        """Inputs that are not read on, and why."""
        return {self._sources[source]: gate.reason for source, gate in enumerate(self.each) if gate.reason}

    def standings(self) -> dict[str, Standing]:
        """How far each input is from being stopped, as of its position; without those of which nothing was refused."""
        kept = {topic: gate.kept(self._positions[topic]) for topic, gate in zip(self._sources, self.each, strict=False)}
        return {topic: each for topic, each in kept.items() if each != Standing()}

    def restore(self, kept: Mapping[str, Standing]) -> None:
        """As the one before has left them; an input that was stopped is, until what it holds would be accepted."""
        for source, gate in enumerate(self.each):
            gate.restore(kept.get(self._sources[source], Standing()))
            if gate.reason:
                self._tell_shut(source)

    @property
    def wait(self) -> bool:
        """Whether an input is not read on, or records wait behind it."""
        return any(gate.reason or gate.waiting for gate in self.each)
