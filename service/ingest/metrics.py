"""What is posted, put into metrics; service/metric_table.py says what each means."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

from prometheus_client import CollectorRegistry

from service import metric_table as table


class Outcome(StrEnum):
    """Of one post."""

    TAKEN = "taken"
    PASSED_OVER = "passed_over"
    REFUSED = "refused"
    UNSIGNED = "unsigned"
    UNAVAILABLE = "unavailable"


class IngestMetrics:
    """All instruments of one process."""

    def __init__(self, sources: Iterable[str] = (), registry: CollectorRegistry | None = None) -> None:
        self.registry = r = registry or CollectorRegistry()
        table.show_process(r)
        self._posts = table.INGEST_POSTS.on(r)
        self._events = table.INGEST_EVENTS.on(r)
        self._seconds = table.INGEST_SECONDS.on(r)
        self._ready = table.INGEST_READY.on(r)
        for source in sources:
            self._events.labels(source)
            for outcome in Outcome:
                self._posts.labels(source, outcome.value)  # from 0 on, or the first would be seen as no rise
        self.ready(value=False)

    def posted(self, source: str, outcome: Outcome, events: int, seconds: float) -> None:
        self._posts.labels(source, outcome.value).inc()
        self._events.labels(source).inc(events)
        self._seconds.observe(seconds)

    def ready(self, *, value: bool) -> None:
        self._ready.set(value)
