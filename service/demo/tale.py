"""What the demo tells: alerts as they are decided, and the numbers at the end."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from service.cluster.tail import open_reader, partitions_of, read_from_the_beginning
from service.config import Settings


@dataclass(frozen=True)
class Told:
    """One message that was decided, as a person reads it."""

    when: datetime
    customer_id: str
    sentence: str


@dataclass
class Listener:
    """Follows outreach-decisions and period-metrics in a thread, at read_committed."""

    settings: Settings
    outcomes: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    newest: Told | None = None
    first: dict[str, Any] | None = None
    """Data of the first "we miss you" that was decided."""
    passed_over: Counter[str] = field(default_factory=Counter)
    """Whoever came due and gets no message, by reason."""
    periods: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Newest data of each period record by key."""

    def __post_init__(self) -> None:
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._follow, daemon=True)
        self._zone: ZoneInfo = self.settings.shop.zone

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join(5)

    def _follow(self) -> None:
        topics = self.settings.kafka.topics
        with open_reader(self.settings.kafka) as reader:
            followed = (topics.outreach_decisions, topics.period_metrics)
            read_from_the_beginning(reader, [each for topic in followed for each in partitions_of(reader, topic)])
            while not self._stop.is_set():
                for partition, records in reader.poll(timeout_ms=200).items():
                    for record in records:
                        data = msgspec.json.decode(record.value)["data"]
                        if partition.topic == topics.period_metrics:
                            self.periods[record.key.decode()] = data
                        else:
                            self._decided(data)

    def _decided(self, data: dict[str, Any]) -> None:
        self.outcomes[data["outcome"]] += 1
        self.reasons[data["reason"]] += 1
        if data["outcome"] in {"suppressed", "withheld", "expired"}:
            self.passed_over[data["reason"]] += 1
        if data["outcome"] == "released":
            if self.first is None and data["kind"] == "win_back":
                self.first = data
            when = datetime.fromisoformat(data["decided_at"]).astimezone(self._zone)
            self.newest = Told(when, data["customer_id"], data["sentence"])

    def months(self) -> list[dict[str, Any]]:
        """The month records in order of time."""
        return [self.periods[key] for key in sorted(self.periods) if key.startswith("month:")]
