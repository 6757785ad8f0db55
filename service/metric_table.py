"""Every metric of every process, one row each: its name, labels, and what an operator concludes from it. The tables of
docs/metrics.md are made from this file, and every name in deploy/ is checked against it.

Names follow Prometheus: base units, counters end in `_total`. The values of every label are bounded by the code or by
the number of partitions, topics and stores; a customer is never one of them.
"""

from __future__ import annotations

import platform
from dataclasses import dataclass
from typing import ClassVar, Final

from prometheus_client import CollectorRegistry, Gauge, GCCollector, ProcessCollector

from service.build_info import flavour, version
from service.instruments import Counter, Histogram

_TURN_S: Final = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
_ATTEMPT_S: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)


@dataclass(frozen=True, slots=True)
class Row:
    """One metric as it is shown and documented."""

    name: str
    """As an operator types it: a histogram has its _bucket, _sum and _count."""
    help: str
    labels: tuple[str, ...] = ()
    type: ClassVar[str]


@dataclass(frozen=True, slots=True)
class CounterRow(Row):
    """Only grows."""

    type: ClassVar[str] = "counter"

    def on(self, registry: CollectorRegistry) -> Counter:
        return Counter(self.name, self.help, self.labels, registry=registry)


@dataclass(frozen=True, slots=True)
class GaugeRow(Row):
    """Goes up and down."""

    type: ClassVar[str] = "gauge"

    def on(self, registry: CollectorRegistry) -> Gauge:
        return Gauge(self.name, self.help, self.labels, registry=registry)


@dataclass(frozen=True, slots=True)
class HistogramRow(Row):
    """Counts by size."""

    type: ClassVar[str] = "histogram"
    buckets: tuple[float, ...] = _TURN_S

    def on(self, registry: CollectorRegistry) -> Histogram:
        return Histogram(self.name, self.help, self.labels, buckets=self.buckets, registry=registry)


# ---- a worker

BUILD_INFO = GaugeRow(
    "churn_alert_build_info",
    "Always 1; the labels say what runs. compiled = false where speed matters: install a C compiler.",
    labels=(
        "version",
        "compiled",
        "python",
    ),
)
RECORDS = CounterRow(
    "churn_alert_records_total",
    "Input records processed, good and bad. Flat with lag > 0: stuck.",
    labels=("partition",),
)
EVENTS = CounterRow(
    "churn_alert_events_total",
    "Accepted events by type.",
    labels=("type",),
)
DUPLICATES = CounterRow(
    "churn_alert_duplicates_total",
    "Events ignored because their event_id or order_id was known. A steady rate is a producer that retries too much.",
)
LATE_VISITS = CounterRow(
    "churn_alert_late_visits_total",
    "Visits dated before a customer's known last visit. Many: a source delivers out of order.",
)
BEYOND_HISTORY = CounterRow(
    "churn_alert_beyond_history_total",
    "Events older than the kept history; counted in lifetime totals only.",
)
CORRECTIONS = CounterRow(
    "churn_alert_corrections_total",
    "Events that gave a known purchase or refund another amount. Many: order numbers are used again.",
)
REFUNDS_BEYOND_ORDER = CounterRow(
    "churn_alert_refunds_beyond_order_total",
    "Events by which refunds of an order came to more than it amounts to; what is beyond is left out.",
)
SIGNS_OF_LIFE = CounterRow(
    "churn_alert_signs_of_life_total",
    "Refused purchases of known customers: what is due for them waits a usual gap. See the dead letters.",
)
BEYOND_LIMITS = CounterRow(
    "churn_alert_beyond_limits_total",
    "Events not taken because one customer has too much already: words on one purchase, ids of one customer. Above 0: a producer repeats itself.",
    labels=("limit",),
)
FIELDS_LEFT_OUT = CounterRow(
    "churn_alert_fields_left_out_total",
    "Optional fields of accepted purchases that could not be read. Rising: tell the producer.",
    labels=("field",),
)
ERASED_REFUSED = CounterRow(
    "churn_alert_erased_refused_total",
    "Events of erased customers, refused.",
)
DEAD_LETTERS = CounterRow(
    "churn_alert_dead_letters_total",
    "Records sent to dead-letters. Above 0: run `churn-alert dead-letters list`.",
    labels=("reason",),
)
DECISIONS = CounterRow(
    "churn_alert_decisions_total",
    "Outreach decisions. A sudden rise of released: check the policy before the customers do.",
    labels=(
        "kind",
        "rung",
        "outcome",
        "reason",
    ),
)
REGULAR_EVENTS = CounterRow(
    "churn_alert_regular_events_total",
    "What happened to regulars, by visits they had: wrong_alert / healthy_gap is the share of healthy gaps alerted, back_soon / alert the share back within a usual gap, 100 x alert / visit the volume.",
    labels=(
        "evidence",
        "event",
    ),
)
HEALTHY_SECONDS = CounterRow(
    "churn_alert_healthy_seconds_total",
    "Sum of healthy gaps of regulars. 31,536,000 x wrong_alert / this: wrong alerts per healthy regular and year.",
    labels=("evidence",),
)
PROMISED = GaugeRow(
    "churn_alert_promised",
    "What the policy promises: budget (wrong alerts per healthy regular and year), probability (share of healthy gaps), multiple (of the usual gap), volume_per_100_visits; or patience, which promises neither and is what the setting says.",
    labels=("promise",),
)
OUTPUTS = CounterRow(
    "churn_alert_outputs_total",
    "Records published to the output topics.",
)
TURN_COMPUTE_SECONDS = HistogramRow(
    "churn_alert_turn_compute_seconds",
    "Computing of one turn. Near the session timeout: lower kafka.fetch_bytes.",
    buckets=_TURN_S,
)
TURN_COMMIT_SECONDS = HistogramRow(
    "churn_alert_turn_commit_seconds",
    "Transaction of one turn. Rising: the broker is slow.",
    buckets=_TURN_S,
)
LAG_RECORDS = GaugeRow(
    "churn_alert_lag_records",
    "Records that can be read and are not yet processed. Growing for minutes: add partitions and workers.",
    labels=(
        "topic",
        "partition",
    ),
)
SOURCE_STALLED = GaugeRow(
    "churn_alert_source_stalled",
    "1 while a store or channel is silent and the absences of its customers wait. Is it shut, or is its till broken?",
    labels=(
        "partition",
        "source",
    ),
)
BROKER_UNREACHABLE_SINCE_SECONDS = GaugeRow(
    "churn_alert_broker_unreachable_since_seconds",
    "Since when no broker has answered, Unix seconds; 0 = they answer. Above 0: the broker or the way to it is down.",
)
GROUP_STRANGERS = GaugeRow(
    "churn_alert_group_strangers",
    "Other programs in the consumer group. Above 0: they take records from this service; give them another group.",
)
OPEN_TRANSACTION_RECORDS = GaugeRow(
    "churn_alert_open_transaction_records",
    "Records behind a producer's open transaction; absences wait with them. Above 0 for minutes: a producer hangs.",
    labels=(
        "topic",
        "partition",
    ),
)
GAP_RECORDS = CounterRow(
    "churn_alert_gap_records_total",
    "Records that were gone before they were read, since the state began. Above 0: lengthen the retention of the topic, send them again.",
    labels=(
        "topic",
        "partition",
    ),
)
GAPS = CounterRow(
    "churn_alert_gaps_total",
    "How often records of a topic were lost or it was made anew, since the state began. It grows: see ChurnAlertRecordsLost.",
    labels=(
        "topic",
        "partition",
    ),
)
LAST_GAP_SECONDS = GaugeRow(
    "churn_alert_last_gap_timestamp_seconds",
    "When records of a topic were found to be lost, the last time; no series where none were.",
    labels=(
        "topic",
        "partition",
    ),
)
FEED_DELAY_SECONDS = GaugeRow(
    "churn_alert_feed_delay_seconds",
    "How long after a sale its purchase arrives, as learned from the last week; absences wait as long.",
    labels=("partition",),
)
CUSTOMERS = GaugeRow(
    "churn_alert_customers",
    "Customers known, by segment.",
    labels=(
        "segment",
        "partition",
    ),
)
HELD_CUSTOMERS = GaugeRow(
    "churn_alert_customers_held",
    "Customers by where they lie: in_memory whole, folded to some 80 bytes, or stored_away on disk. Memory follows in_memory.",
    labels=(
        "kind",
        "partition",
    ),
)
HEALTH_CUSTOMERS = GaugeRow(
    "churn_alert_health_customers",
    "Customers by health band.",
    labels=(
        "band",
        "partition",
    ),
)
REGULARS = GaugeRow(
    "churn_alert_regulars",
    "Customers with enough visits to be judged by their own rhythm.",
    labels=("partition",),
)
DUE_QUEUE_ENTRIES = GaugeRow(
    "churn_alert_due_queue_entries",
    "Stored dates waiting. About two per customer; more is a leak.",
    labels=("partition",),
)
STREAM_TIME_SECONDS = GaugeRow(
    "churn_alert_stream_time_seconds",
    "Stream time of the partition, Unix seconds. Behind the wall clock: backlog or silent feed.",
    labels=("partition",),
)
FEED_STALLED = GaugeRow(
    "churn_alert_feed_stalled",
    "1 while the feed is silent and absence alerts wait. Check the source.",
    labels=("partition",),
)
BRAKE_HELD = GaugeRow(
    "churn_alert_brake_held",
    "1 while all alerts are held because far more regulars come due than usual. Look for purchases that do not arrive; `churn-alert outreach resume` lets them go.",
    labels=("partition",),
)
REGULARS_DUE_WEEK = GaugeRow(
    "churn_alert_regulars_due_week",
    "Regulars who came due within seven days of stream time: `which` = seen, or usual.",
    labels=(
        "which",
        "partition",
    ),
)
RECOVERY_SECONDS = GaugeRow(
    "churn_alert_recovery_seconds",
    "Duration of the last state recovery.",
    labels=("partition",),
)
RECOVERY_RECORDS = GaugeRow(
    "churn_alert_recovery_records",
    "Changelog records read by the last recovery.",
    labels=("partition",),
)
PARTITIONS_ASSIGNED = GaugeRow(
    "churn_alert_partitions_assigned",
    "Partitions this worker owns.",
)
PARTITIONS_READY = GaugeRow(
    "churn_alert_partitions_ready",
    "Partitions recovered and processing. Below assigned for minutes: recovery hangs.",
)
PERIOD = GaugeRow(
    "churn_alert_period",
    "Period numbers of the whole shop, shown by the owner of partition 0 alone; `which` = current or last_complete. Rates in percent, money in units of the currency; no series = not enough evidence.",
    labels=(
        "granularity",
        "which",
        "number",
    ),
)
CARRIED_RECORDS = CounterRow(
    "churn_alert_carried_records_total",
    "Records that lay in a partition their key does not belong to, carried to the right one; `function` = who puts them there, other_key where the settings say that keys are no customers. Above 0 otherwise: let every producer hash alike (`churn-alert topics check`).",
    labels=(
        "topic",
        "function",
    ),
)
OUTREACH_BROUGHT = GaugeRow(
    "churn_alert_outreach_brought",
    "What messages have brought beside the control group, of windows that are over, shown by the owner of partition 0 alone; kind and rung `all` = every kind. arm `difference`: treated less control, return shares with their 95 % interval. people_lacking above 0: not enough data yet.",
    labels=(
        "kind",
        "rung",
        "arm",
        "number",
    ),
)
PERIOD_START_TIMESTAMP_SECONDS = GaugeRow(
    "churn_alert_period_start_timestamp_seconds",
    "When the period begins that `churn_alert_period` speaks of, Unix seconds; shown by the owner of partition 0 alone.",
    labels=("granularity", "which"),
)
PERIOD_END_TIMESTAMP_SECONDS = GaugeRow(
    "churn_alert_period_end_timestamp_seconds",
    "When that period ends, Unix seconds, exclusive. Ahead of the stream time: its numbers still grow.",
    labels=("granularity", "which"),
)
PAGE_RESTARTS = CounterRow(
    "churn_alert_page_restarts_total",
    "How often the page's process had to be started again; the worker goes on. Grows: see its lines in the log.",
)
SOURCE_STOPPED = GaugeRow(
    "churn_alert_source_stopped",
    "1 while an input is not read on, because nearly all of its records are refused or the clock is off. The log and /readyz say which; nothing is lost.",
    labels=("topic", "partition"),
)
SCHEMA_WAITING = GaugeRow(
    "churn_alert_schema_waiting",
    "1 while a partition waits for a schema that the registry does not give; nothing is refused for it, and it goes on by itself. Above 0 for minutes: look at the registry and at registry.url; the log and /readyz say what is wrong.",
    labels=("partition",),
)
SET_ASIDE = GaugeRow(
    "churn_alert_set_aside",
    "Records, customers, outputs and refreshes that were set aside within a day after an error of our own; customers as long as they are. Above 0: send the line of the log to whoever maintains the program.",
    labels=("kind", "partition"),
)
RETRIED_RECORDS = CounterRow(
    "churn_alert_retried_records_total",
    "Records that `churn-alert dead-letters retry` has sent back, by what became of them; again = it was taken before, and counted once. refused grows: the cause is not repaired.",
    labels=("outcome",),
)

RECORDS_PASSED_OVER = CounterRow(
    "churn_alert_records_passed_over_total",
    "Records that the mapping of an input (inputs.…) says are none of ours: not_wanted by `only`, deleted by Debezium, no_customer where nobody is named. All of them: the mapping is wrong; `churn-alert inputs try` shows it.",
    labels=("topic", "reason"),
)


# ---- a deliverer

DELIVER_MESSAGES = CounterRow(
    "churn_alert_deliver_messages_total",
    "Requests that have ended, by state; one that came back or was complained about after its delivery counts in both. A sudden "
    "rise of bounced, complained or failed: look at `deliveries` for the reasons.",
    labels=(
        "channel",
        "state",
    ),
)
DELIVER_SAMPLES = CounterRow(
    "churn_alert_deliver_samples_total",
    "Marked samples that have ended; they count nowhere else.",
    labels=(
        "channel",
        "state",
    ),
)
DELIVER_ATTEMPTS = CounterRow(
    "churn_alert_deliver_attempts_total",
    "Attempts by what became of them. Mostly retry: the other side does not want us now.",
    labels=(
        "channel",
        "result",
    ),
)
DELIVER_ATTEMPT_SECONDS = HistogramRow(
    "churn_alert_deliver_attempt_seconds",
    "Duration of one attempt. Rising: the other side is slow.",
    labels=("channel",),
    buckets=_ATTEMPT_S,
)
DELIVER_SENT_AGAIN = CounterRow(
    "churn_alert_deliver_sent_again_total",
    "Messages that a deliverer had begun when it died, sent once more: at most so many have come twice.",
    labels=("channel",),
)
DELIVER_UNREADABLE = CounterRow(
    "churn_alert_deliver_unreadable_total",
    "Records of `outreach` that are none of ours. Above 0: somebody else writes there.",
    labels=("channel",),
)
DELIVER_WAITING_REQUESTS = GaugeRow(
    "churn_alert_deliver_waiting_requests",
    "Requests that were read and have not ended. At deliver.waiting for long: the other side is down or too slow.",
    labels=(
        "channel",
        "partition",
    ),
)
DELIVER_IN_FLIGHT_REQUESTS = GaugeRow(
    "churn_alert_deliver_in_flight_requests",
    "Requests that are begun and whose end is not on record: what a crash now could make come twice.",
    labels=(
        "channel",
        "partition",
    ),
)
DELIVER_REMEMBERED_REQUESTS = GaugeRow(
    "churn_alert_deliver_remembered_requests",
    "Ids in memory. It grows with what is sent within the retention of `outreach`, and no further.",
    labels=(
        "channel",
        "partition",
    ),
)
DELIVER_LAG_RECORDS = GaugeRow(
    "churn_alert_deliver_lag_records",
    "Records of `outreach` that are not yet read. Growing for minutes: raise deliver.per_second, or add deliverers.",
    labels=(
        "channel",
        "partition",
    ),
)
DELIVER_AVAILABLE = GaugeRow(
    "churn_alert_deliver_available",
    "1 while the other side answers. 0: see the log for what it says.",
    labels=("channel",),
)
INGEST_POSTS = CounterRow(
    "churn_alert_ingest_posts_total",
    "Webhooks by what became of them: taken = Kafka has them; passed_over = no purchase, a test, not paid; refused = never understood, see the log for the code; unsigned = not from who has the key; unavailable = no broker, and posted again.",
    labels=("source", "outcome"),
)
INGEST_EVENTS = CounterRow(
    "churn_alert_ingest_events_total",
    "Events written to Kafka by the webhook door, those that come again counted again.",
    labels=("source",),
)
INGEST_SECONDS = HistogramRow(
    "churn_alert_ingest_seconds",
    "From a webhook's body to its answer. Rising: the broker is slow; shop systems give up after five seconds.",
    buckets=_ATTEMPT_S,
)
INGEST_READY = GaugeRow(
    "churn_alert_ingest_ready",
    "1 when the webhook door has met a broker. 0: what is posted is answered 503, and posted again.",
)
DELIVER_UNSUBSCRIBES = CounterRow(
    "churn_alert_deliver_unsubscribes_total",
    "Consents withdrawn through the link of a message. Compare with delivered.",
)
DELIVER_PROVIDER_EVENTS = CounterRow(
    "churn_alert_deliver_provider_events_total",
    "Bounces, complaints and unsubscribes that mail providers have posted; unknown = nobody has that address.",
    labels=(
        "type",
        "outcome",
    ),
)
DELIVER_OLDEST_WAITING_SECONDS = GaugeRow(
    "churn_alert_deliver_oldest_waiting_seconds",
    "How long ago the oldest request was decided that has not ended; 0 = none waits. Rising: the other side takes nothing, or too little.",
    labels=("channel", "partition"),
)
TURN_MOST_BYTES = GaugeRow(
    "churn_alert_turn_most_bytes",
    "So much may a turn write: a share of what was committed lately. Low while the lag grows: the broker is slow, or a quota of ours is used up.",
    labels=("partition",),
)

WORKER: Final = tuple(
    row
    for name, row in list(globals().items())
    if isinstance(row, Row) and not name.startswith(("DELIVER_", "INGEST_"))
)
INGEST: Final = (
    BUILD_INFO,
    *(row for name, row in list(globals().items()) if isinstance(row, Row) and name.startswith("INGEST_")),
)
DELIVERER: Final = (
    BUILD_INFO,
    *(row for name, row in list(globals().items()) if isinstance(row, Row) and name.startswith("DELIVER_")),
)
METRICS: Final = tuple(dict.fromkeys((*WORKER, *DELIVERER, *INGEST)))


def show_process(registry: CollectorRegistry) -> None:
    """What every process shows of itself: memory, processor time and open files under the names that every dashboard
    knows, and what runs."""
    ProcessCollector(registry=registry)
    GCCollector(registry=registry)
    compiled = "true" if flavour() == "compiled" else "false"
    BUILD_INFO.on(registry).labels(version(), compiled, platform.python_version()).set(1)
