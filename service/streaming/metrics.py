"""Every metric: name, unit, labels, and what an operator concludes from it (README, "Metrics", is checked against this
file).

One object per process with an injected registry. Never a customer id as label.
"""

from __future__ import annotations

import platform
from collections.abc import Collection, Mapping
from typing import NamedTuple

from prometheus_client import CollectorRegistry, Gauge, GCCollector, ProcessCollector

from service.build_info import flavour, version
from service.domain.counts import Counts
from service.domain.engine import Engine
from service.domain.findings import HealthBand, Segment
from service.domain.outreach.realised import EVIDENCE, Realised
from service.domain.periods.numbers import NUMBERS, PeriodRow
from service.streaming.input_topics import INPUT_TOPICS
from service.streaming.instruments import Counter, Histogram
from service.streaming.job import Written
from service.streaming.log_ends import Ends

_TURN_BUCKETS = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
_EVENT_TYPES = {counter: event_type for row in INPUT_TOPICS for counter, event_type in row.counted.items()}
PERIODS_PARTITION = 0
"""Every worker knows the whole shop's numbers. Its owner alone shows them, so that a sum over the workers is true and a
worker that has lost its partitions leaves no stale series; it also writes `period-metrics`."""


DAY_S = 86_400
_DUE = ("seen", "usual")


class Metrics:
    """All instruments of one worker process."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        self.registry = registry or CollectorRegistry()
        r = self.registry
        ProcessCollector(
            registry=r
        )  # memory, processor time and open files, under the names that every dashboard knows
        GCCollector(registry=r)
        self._build = Gauge(
            "churn_alert_build_info",
            "Always 1; the labels say what runs. compiled = false where speed matters: install a C compiler.",
            ["version", "compiled", "python"],
            registry=r,
        )
        self._build.labels(version(), "true" if flavour() == "compiled" else "false", platform.python_version()).set(1)
        self._records = Counter(
            "churn_alert_records_total",
            "Input records processed, good and bad. Flat with lag > 0: stuck.",
            ["partition"],
            registry=r,
        )
        self._events = Counter("churn_alert_events_total", "Accepted events by type.", ["type"], registry=r)
        self._duplicates = Counter(
            "churn_alert_duplicates_total",
            "Events ignored because their event_id or order_id was known. A steady rate is a producer that retries too much.",
            registry=r,
        )
        self._late = Counter(
            "churn_alert_late_visits_total",
            "Visits dated before a customer's known last visit. Many: a source delivers out of order.",
            registry=r,
        )
        self._beyond = Counter(
            "churn_alert_beyond_history_total",
            "Events older than the kept history; counted in lifetime totals only.",
            registry=r,
        )
        self._corrections = Counter(
            "churn_alert_corrections_total",
            "Events that gave a known purchase or refund another amount. Many: order numbers are used again.",
            registry=r,
        )
        self._refunds_beyond = Counter(
            "churn_alert_refunds_beyond_order_total",
            "Events by which refunds of an order came to more than it amounts to; what is beyond is left out.",
            registry=r,
        )
        self._signs = Counter(
            "churn_alert_signs_of_life_total",
            "Refused purchases of known customers: what is due for them waits a usual gap. See the dead letters.",
            registry=r,
        )
        self._left_out = Counter(
            "churn_alert_fields_left_out_total",
            "Optional fields of accepted purchases that could not be read. Rising: tell the producer.",
            ["field"],
            registry=r,
        )
        self._erased = Counter("churn_alert_erased_refused_total", "Events of erased customers, refused.", registry=r)
        self._dead = Counter(
            "churn_alert_dead_letters_total",
            "Records sent to dead-letters. Above 0: run `churn-alert dead-letters list`.",
            ["reason"],
            registry=r,
        )
        self._decisions = Counter(
            "churn_alert_decisions_total",
            "Outreach decisions. A sudden rise of released: check the policy before the customers do.",
            ["kind", "rung", "outcome", "reason"],
            registry=r,
        )
        self._regular_events = Counter(
            "churn_alert_regular_events_total",
            "What happened to regulars, by visits they had: wrong_alert / healthy_gap is the share of healthy gaps alerted, "
            "back_soon / alert the share back within a usual gap, 100 x alert / visit the volume.",
            ["evidence", "event"],
            registry=r,
        )
        self._healthy = Counter(
            "churn_alert_healthy_seconds_total",
            "Sum of healthy gaps of regulars. 31,536,000 x wrong_alert / this: wrong alerts per healthy regular and year.",
            ["evidence"],
            registry=r,
        )
        self._promised = Gauge(
            "churn_alert_promised",
            "What the policy promises: budget (wrong alerts per healthy regular and year), probability (share of healthy gaps), "
            "multiple (of the usual gap), volume_per_100_visits.",
            ["promise"],
            registry=r,
        )
        self._tallies: dict[int, Realised] = {}
        self._outputs = Counter("churn_alert_outputs_total", "Records published to the output topics.", registry=r)
        self._compute = Histogram(
            "churn_alert_turn_compute_seconds",
            "Computing of one turn. Near the session timeout: lower kafka.fetch_bytes.",
            buckets=_TURN_BUCKETS,
            registry=r,
        )
        self._commit = Histogram(
            "churn_alert_turn_commit_seconds",
            "Transaction of one turn. Rising: the broker is slow.",
            buckets=_TURN_BUCKETS,
            registry=r,
        )
        self._lag = Gauge(
            "churn_alert_lag_records",
            "Records that can be read and are not yet processed. Growing for minutes: add partitions and workers.",
            ["topic", "partition"],
            registry=r,
        )
        self._source_stalled = Gauge(
            "churn_alert_source_stalled",
            "1 while a store or channel is silent and the absences of its customers wait. Is it shut, or is its till broken?",
            ["partition", "source"],
            registry=r,
        )
        self._sources: dict[int, set[str]] = {}
        """Sources that were silent once, by partition: few, as the engine keeps few."""
        self._away = Gauge(
            "churn_alert_broker_unreachable_since_seconds",
            "Since when no broker has answered, Unix seconds; 0 = they answer. Above 0: the broker or the way to it is down.",
            registry=r,
        )
        self._strangers = Gauge(
            "churn_alert_group_strangers",
            "Other programs in the consumer group. Above 0: they take records from this service; give them another group.",
            registry=r,
        )
        self._open = Gauge(
            "churn_alert_open_transaction_records",
            "Records behind a producer's open transaction; absences wait with them. Above 0 for minutes: a producer hangs.",
            ["topic", "partition"],
            registry=r,
        )
        self._lost = Counter(
            "churn_alert_gap_records_total",
            "Records that were gone before they were read. Above 0: lengthen the retention of the topic, send them again.",
            ["topic", "partition"],
            registry=r,
        )
        self._delay = Gauge(
            "churn_alert_feed_delay_seconds",
            "How long after a sale its purchase arrives, as learned from the last week; absences wait as long.",
            ["partition"],
            registry=r,
        )
        self._customers = Gauge(
            "churn_alert_customers", "Customers known, by segment.", ["segment", "partition"], registry=r
        )
        self._bands = Gauge(
            "churn_alert_health_customers", "Customers by health band.", ["band", "partition"], registry=r
        )
        self._regulars = Gauge(
            "churn_alert_regulars",
            "Customers with enough visits to be judged by their own rhythm.",
            ["partition"],
            registry=r,
        )
        self._due = Gauge(
            "churn_alert_due_queue_entries",
            "Stored dates waiting. About two per customer; more is a leak.",
            ["partition"],
            registry=r,
        )
        self._time = Gauge(
            "churn_alert_stream_time_seconds",
            "Stream time of the partition, Unix seconds. Behind the wall clock: backlog or silent feed.",
            ["partition"],
            registry=r,
        )
        self._stalled = Gauge(
            "churn_alert_feed_stalled",
            "1 while the feed is silent and absence alerts wait. Check the source.",
            ["partition"],
            registry=r,
        )
        self._held = Gauge(
            "churn_alert_brake_held",
            "1 while all alerts are held because far more regulars come due than usual. Look for purchases that do not arrive; "
            "`churn-alert outreach resume` lets them go.",
            ["partition"],
            registry=r,
        )
        self._come_due = Gauge(
            "churn_alert_regulars_due_week",
            "Regulars who came due within seven days of stream time: `which` = seen, or usual.",
            ["which", "partition"],
            registry=r,
        )
        self._recovered = Gauge(
            "churn_alert_recovery_seconds", "Duration of the last state recovery.", ["partition"], registry=r
        )
        self._recovered_records = Gauge(
            "churn_alert_recovery_records", "Changelog records read by the last recovery.", ["partition"], registry=r
        )
        self._assigned = Gauge("churn_alert_partitions_assigned", "Partitions this worker owns.", registry=r)
        self._ready = Gauge(
            "churn_alert_partitions_ready",
            "Partitions recovered and processing. Below assigned for minutes: recovery hangs.",
            registry=r,
        )
        self._period = Gauge(
            "churn_alert_period",
            "Period numbers of the whole shop, shown by the owner of partition 0 alone; `which` = current or last_complete. Rates in percent, money in units of the currency; no series = not enough evidence.",
            ["granularity", "which", "number"],
            registry=r,
        )
        self._counts: dict[int, Counts] = {}
        self._rows: dict[tuple[str, str], PeriodRow] = {}
        """Latest row by (granularity, which), also while another worker shows them: a new owner has all at once."""
        self._carried = Counter(
            "churn_alert_carried_records_total",
            "Records that lay in a partition their key does not belong to, carried to the right one; `function` = who puts "
            "them there. Above 0: let every producer hash alike (`churn-alert topics check`).",
            ["topic", "function"],
            registry=r,
        )
        self._brought = Gauge(
            "churn_alert_outreach_brought",
            "What messages have brought beside the control group, of windows that are over, shown by the owner of partition 0 "
            "alone; kind and rung `all` = every kind. arm `difference`: treated less control, return shares with their 95 % "
            "interval. people_lacking above 0: not enough data yet.",
            ["kind", "rung", "arm", "number"],
            registry=r,
        )
        self._brought_shown: list[tuple[str, str, str, str, float]] = []
        self._shows_periods = False
        self._lag_topics: set[str] = set()

    def recovered(self, partition: int, records: int, seconds: float) -> None:
        self._recovered.labels(partition).set(seconds)
        self._recovered_records.labels(partition).set(records)
        if partition == PERIODS_PARTITION and not self._shows_periods:
            self._shows_periods = True
            for (_, which), row in self._rows.items():
                self._show(which, row)
            self._show_brought()

    def feed(self, partition: int, *, stalled: bool, delay_s: float, silent_sources: Collection[str] = ()) -> None:
        self._stalled.labels(partition).set(stalled)
        self._sources.setdefault(partition, set()).update(silent_sources)
        for source in self._sources[partition]:
            self._source_stalled.labels(partition, source).set(source in silent_sources)
        self._delay.labels(partition).set(delay_s)

    def broker(self, unreachable_since_s: float) -> None:
        """Unix seconds; 0 = reachable."""
        self._away.set(unreachable_since_s)

    def strangers(self, count: int) -> None:
        self._strangers.set(count)

    def gap(self, partition: int, topic: str, records: int) -> None:
        """So many records were lost; 0 where nobody knows how many."""
        self._lost.labels(topic, partition).inc(records)

    def turn(self, partition: int, written: Written, engine: Engine, compute_s: float, commit_s: float) -> None:
        """After each committed turn."""
        self._records.labels(partition).inc(written.processed)
        self._outputs.inc(written.outputs)
        self._compute.observe(compute_s)
        self._commit.observe(commit_s)
        for reason, count in written.dead_letters.items():
            self._dead.labels(reason).inc(count)
        for (topic, function), count in written.carried.items():
            self._carried.labels(topic, function).inc(count)
        for decision in written.decisions:
            self._decisions.labels(
                decision.kind.value, decision.rung, decision.outcome.value, decision.reason.value
            ).inc()
        news = engine.counts.minus(self._counts.get(partition, Counts()))
        self._counts[partition] = engine.counts.copy()
        for counter, event_type in _EVENT_TYPES.items():
            self._events.labels(event_type).inc(max(0, getattr(news, counter)))
        self._duplicates.inc(max(0, news.duplicates))
        self._late.inc(max(0, news.late_visits))
        self._beyond.inc(max(0, news.beyond_history))
        self._erased.inc(max(0, news.of_erased))
        self._signs.inc(max(0, news.signs_of_life))
        for field, count in news.left_out.items():
            self._left_out.labels(field).inc(max(0, count))
        self._corrections.inc(max(0, news.corrections))
        self._refunds_beyond.inc(max(0, news.refunds_beyond_order))
        self._tell_promises(partition, engine)
        for segment, count in zip(Segment, engine.scoreboard.segments, strict=True):
            self._customers.labels(segment.value, partition).set(count)
        for band, count in zip(HealthBand, engine.scoreboard.bands, strict=True):
            self._bands.labels(band.value, partition).set(count)
        self._regulars.labels(partition).set(engine.everybody.state.regulars)
        self._due.labels(partition).set(engine.timeline.dates_waiting)
        self._time.labels(partition).set(engine.now_us / 1e6)
        brake = engine.ladder.brake
        self._held.labels(partition).set(brake.held_us > 0)
        for which, regulars in zip(_DUE, brake.due_this_week(), strict=True):
            self._come_due.labels(which, partition).set(regulars)

    def _tell_promises(self, partition: int, engine: Engine) -> None:
        outreach = engine.policy.outreach
        self._promised.labels(outreach.measure.value).set(outreach.level)
        if outreach.volume_per_100_visits is not None:
            self._promised.labels("volume_per_100_visits").set(outreach.volume_per_100_visits)
        before, now = self._tallies.get(partition, engine.realised_at_start), engine.state.realised
        self._tallies[partition] = now.copy()
        for index, evidence in enumerate(EVIDENCE):
            news = now.classes[index].minus(before.classes[index])
            for event, count in (
                ("visit", news.visits),
                ("alert", news.alerts),
                ("not_chosen", news.not_chosen),
                ("healthy_gap", news.healthy_gaps),
                ("wrong_alert", news.wrong_alerts),
                ("back_soon", news.back_soon),
            ):
                self._regular_events.labels(evidence, event).inc(count)
            self._healthy.labels(evidence).inc(news.healthy_days * DAY_S)

    def positions(self, partition: int, positions: Mapping[str, int], ends: Mapping[str, Ends | None]) -> None:
        for topic, position in positions.items():
            end = ends.get(topic)
            if end is not None:
                self._lag_topics.add(topic)
                stable, high = end.log.stable, end.log.high
                self._lag.labels(topic, partition).set(max(0, stable - position))
                self._open.labels(topic, partition).set(max(0, high - max(stable, position)))

    def released(self, partition: int) -> None:
        """The partition has gone to another worker: its gauges must not linger here."""
        self._counts.pop(partition, None)
        self._tallies.pop(partition, None)
        for gauge in (
            self._regulars, self._due, self._time, self._stalled, self._delay, self._recovered, self._recovered_records,
            self._held,
        ):  # fmt: skip
            _remove(gauge, partition)
        for which in _DUE:
            _remove(self._come_due, which, partition)
        for topic in self._lag_topics:
            _remove(self._lag, topic, partition)
            _remove(self._open, topic, partition)
        for segment in Segment:
            _remove(self._customers, segment.value, partition)
        for band in HealthBand:
            _remove(self._bands, band.value, partition)
        if partition == PERIODS_PARTITION:
            self._shows_periods = False
            self._period.clear()
            self._brought.clear()

    def assignment(self, assigned: int, ready: int) -> None:
        self._assigned.set(assigned)
        self._ready.set(ready)

    def period(self, which: str, row: PeriodRow) -> None:
        """The newest row of its granularity: `which` is current or last_complete. Seen on the owner of partition 0
        only."""
        self._rows[row.granularity, which] = row
        if self._shows_periods:
            self._show(which, row)

    def brought(self, shown: list[tuple[str, str, str, str, float]]) -> None:
        """(kind, rung, arm, number, value) of the whole shop. Seen on the owner of partition 0 only."""
        if shown != self._brought_shown:
            self._brought_shown = shown
            self._show_brought()

    def _show_brought(self) -> None:
        if self._shows_periods:
            self._brought.clear()
            for *labels, value in self._brought_shown:
                self._brought.labels(*labels).set(value)

    def _show(self, which: str, row: PeriodRow) -> None:
        for number in NUMBERS:
            value = getattr(row, number.name)
            if value is None:
                _remove(self._period, row.granularity, which, number.name)
            else:
                self._period.labels(row.granularity, which, number.name).set(float(value))


def _remove(gauge: Gauge, *labels: object) -> None:
    try:
        gauge.remove(*labels)
    except KeyError:
        return


class MetricEntry(NamedTuple):
    """One line of the metrics table of the README."""

    name: str
    """As an operator types it: counters end in _total, histograms have their _bucket, _sum and _count."""
    type: str
    labels: tuple[str, ...]
    help: str


def documented_metrics() -> list[MetricEntry]:
    """Every metric of a worker, in the order in which they are defined."""
    instruments = [each for each in vars(Metrics()).values() if isinstance(each, Counter | Gauge | Histogram)]
    return [
        MetricEntry(
            name=family.name + ("_total" if family.type == "counter" else ""),
            type=family.type,
            labels=tuple(instrument._labelnames),  # noqa: SLF001 - nothing public tells the labels before they are used
            help=family.documentation,
        )
        for instrument in instruments
        for family in instrument.describe()
    ]
