"""What happens in a delivery process, put into its metrics; service/metric_table.py says what each means."""

from __future__ import annotations

from prometheus_client import CollectorRegistry

from service import metric_table as table
from service.delivery.channel import Result
from service.delivery.memory import State
from service.delivery.provider_events import What


class DeliveryMetrics:
    """All instruments of one process; `channel` is a label, so that several can be told apart."""

    def __init__(self, channel: str, registry: CollectorRegistry | None = None) -> None:
        self.registry = r = registry or CollectorRegistry()
        self._channel = channel
        table.show_process(r)
        self._messages = table.DELIVER_MESSAGES.on(r)
        for state in State:
            if state.final:
                self._messages.labels(
                    channel, state.value
                )  # from 0 on, or Prometheus would not see the first as a rise
        self._samples = table.DELIVER_SAMPLES.on(r)
        self._attempts = table.DELIVER_ATTEMPTS.on(r)
        self._seconds = table.DELIVER_ATTEMPT_SECONDS.on(r)
        self._again = table.DELIVER_SENT_AGAIN.on(r)
        self._unreadable = table.DELIVER_UNREADABLE.on(r)
        self._seconds.labels(channel)
        for result in Result:
            self._attempts.labels(channel, result.value)
        self._again.labels(channel)
        self._unreadable.labels(channel)
        self._oldest = table.DELIVER_OLDEST_WAITING_SECONDS.on(r)
        self._waiting = table.DELIVER_WAITING_REQUESTS.on(r)
        self._in_flight = table.DELIVER_IN_FLIGHT_REQUESTS.on(r)
        self._memory = table.DELIVER_REMEMBERED_REQUESTS.on(r)
        self._lag = table.DELIVER_LAG_RECORDS.on(r)
        self._available = table.DELIVER_AVAILABLE.on(r)
        self._unsubscribed = table.DELIVER_UNSUBSCRIBES.on(r)
        self._provider = table.DELIVER_PROVIDER_EVENTS.on(r)
        for what in What:
            for outcome in ("recorded", "unknown"):
                self._provider.labels(what.value, outcome)
        self._strangers = table.GROUP_STRANGERS.on(r)
        self._away = table.BROKER_UNREACHABLE_SINCE_SECONDS.on(r)
        self.available(value=False)
        self.strangers(0)

    def broker(self, unreachable_since_s: float) -> None:
        """Unix seconds; 0 = one answers."""
        self._away.set(unreachable_since_s)

    def strangers(self, count: int) -> None:
        self._strangers.set(count)

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

    def standing(self, partition: int, *, waiting: int, in_flight: int, memory: int, oldest_s: float = 0.0) -> None:
        """`oldest_s`: how long ago the oldest of those that wait was asked for; 0 = none waits."""
        self._oldest.labels(self._channel, partition).set(oldest_s)
        self._waiting.labels(self._channel, partition).set(waiting)
        self._in_flight.labels(self._channel, partition).set(in_flight)
        self._memory.labels(self._channel, partition).set(memory)

    def lag(self, partition: int, records: int) -> None:
        self._lag.labels(self._channel, partition).set(records)

    def released(self, partition: int) -> None:
        """It belongs to another process now, which shows it."""
        for gauge in (self._oldest, self._waiting, self._in_flight, self._memory, self._lag):
            if (self._channel, str(partition)) in gauge._metrics:  # noqa: SLF001 - removing what is not there is an error
                gauge.remove(self._channel, str(partition))
