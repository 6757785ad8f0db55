"""Every metric of a delivery process, and what an operator concludes from it; README is checked against this file."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Gauge, GCCollector, ProcessCollector

from service.streaming.instruments import Counter, Histogram

_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)


class DeliveryMetrics:
    """All instruments of one process; `channel` is a label, so that several can be told apart."""

    def __init__(self, channel: str, registry: CollectorRegistry | None = None) -> None:
        self.registry = r = registry or CollectorRegistry()
        self._channel = channel
        ProcessCollector(registry=r)
        GCCollector(registry=r)
        self._messages = Counter(
            "churn_alert_deliver_messages_total",
            "Requests that have ended, by state. A sudden rise of bounced or failed: look at `deliveries` for the reasons.",
            ["channel", "state"],
            registry=r,
        )
        self._samples = Counter(
            "churn_alert_deliver_samples_total",
            "Marked samples that have ended; they count nowhere else.",
            ["channel", "state"],
            registry=r,
        )
        self._attempts = Counter(
            "churn_alert_deliver_attempts_total",
            "Attempts by what became of them. Mostly retry: the other side does not want us now.",
            ["channel", "result"],
            registry=r,
        )
        self._seconds = Histogram(
            "churn_alert_deliver_attempt_seconds",
            "Duration of one attempt. Rising: the other side is slow.",
            ["channel"],
            buckets=_BUCKETS,
            registry=r,
        )
        self._again = Counter(
            "churn_alert_deliver_sent_again_total",
            "Messages that a deliverer had begun when it died, sent once more: at most so many have come twice.",
            ["channel"],
            registry=r,
        )
        self._unreadable = Counter(
            "churn_alert_deliver_unreadable_total",
            "Records of `outreach` that are none of ours. Above 0: somebody else writes there.",
            ["channel"],
            registry=r,
        )
        self._waiting = Gauge(
            "churn_alert_deliver_waiting_requests",
            "Requests that were read and have not ended. At deliver.waiting for long: the other side is down or too slow.",
            ["channel", "partition"],
            registry=r,
        )
        self._in_flight = Gauge(
            "churn_alert_deliver_in_flight_requests",
            "Requests that are begun and whose end is not on record: what a crash now could make come twice.",
            ["channel", "partition"],
            registry=r,
        )
        self._memory = Gauge(
            "churn_alert_deliver_remembered_requests",
            "Ids in memory. It grows with what is sent within the retention of `outreach`, and no further.",
            ["channel", "partition"],
            registry=r,
        )
        self._lag = Gauge(
            "churn_alert_deliver_lag_records",
            "Records of `outreach` that are not yet read. Growing for minutes: raise deliver.per_second, or add deliverers.",
            ["channel", "partition"],
            registry=r,
        )
        self._available = Gauge(
            "churn_alert_deliver_available",
            "1 while the other side answers. 0: see the log for what it says.",
            ["channel"],
            registry=r,
        )
        self._unsubscribed = Counter(
            "churn_alert_deliver_unsubscribes_total",
            "Consents withdrawn through the link of a message. Compare with delivered.",
            registry=r,
        )
        self._provider = Counter(
            "churn_alert_deliver_provider_events_total",
            "Bounces, complaints and unsubscribes that mail providers have posted; unknown = nobody has that address.",
            ["type", "outcome"],
            registry=r,
        )
        self.available(value=False)

    def ended(self, state: str, sample: bool) -> None:
        (self._samples if sample else self._messages).labels(self._channel, state).inc()

    def attempted(self, result: str, seconds: float) -> None:
        self._attempts.labels(self._channel, result).inc()
        self._seconds.labels(self._channel).observe(seconds)

    def sent_again(self) -> None:
        self._again.labels(self._channel).inc()

    def unreadable(self) -> None:
        self._unreadable.labels(self._channel).inc()

    def available(self, *, value: bool) -> None:
        self._available.labels(self._channel).set(value)

    def unsubscribed(self) -> None:
        self._unsubscribed.inc()

    def provider_event(self, what: str, outcome: str) -> None:
        self._provider.labels(what, outcome).inc()

    def standing(self, partition: int, *, waiting: int, in_flight: int, memory: int) -> None:
        self._waiting.labels(self._channel, partition).set(waiting)
        self._in_flight.labels(self._channel, partition).set(in_flight)
        self._memory.labels(self._channel, partition).set(memory)

    def lag(self, partition: int, records: int) -> None:
        self._lag.labels(self._channel, partition).set(records)

    def released(self, partition: int) -> None:
        """It belongs to another process now, which shows it."""
        for gauge in (self._waiting, self._in_flight, self._memory, self._lag):
            if (self._channel, str(partition)) in gauge._metrics:  # noqa: SLF001 - removing what is not there is an error
                gauge.remove(self._channel, str(partition))
