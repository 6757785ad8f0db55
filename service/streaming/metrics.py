"""What happens in a worker, put into its metrics; service/metric_table.py says what each means. One object per process
with an injected registry."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from zoneinfo import ZoneInfo

from prometheus_client import CollectorRegistry, Counter, Gauge

from service import metric_table as table
from service.cluster.known_logs import KnownLogs
from service.cluster.log_ends import Ends
from service.domain.calendar import SECOND_US, Calendar, to_day
from service.domain.counts import Counts
from service.domain.engine import Engine
from service.domain.findings import HealthBand, Segment
from service.domain.outreach.realised import EVIDENCE, Realised
from service.domain.periods.numbers import NUMBERS, PeriodRow
from service.domain.policy import Measure
from service.errors import ErrorCode
from service.refused.quarantine import Kind
from service.streaming.job import Written
from service.wire.input_topics import INPUT_TOPICS

_EVENT_TYPES = {counter: event_type for row in INPUT_TOPICS for counter, event_type in row.counted.items()}
PERIODS_PARTITION = 0
"""Every worker knows the whole shop's numbers. Its owner alone shows them, so that a sum over the workers is true and a
worker that has lost its partitions leaves no stale series; it also writes `period-metrics`."""


DAY_S = 86_400
_HELD = ("in_memory", "folded", "stored_away")
_DUE = ("seen", "usual")


class Metrics:
    """All instruments of one worker process."""

    def __init__(self, registry: CollectorRegistry | None = None, calendar: Calendar | None = None) -> None:
        """`calendar` is the shop's, by which its periods begin; None = UTC."""
        self.registry = registry or CollectorRegistry()
        self._calendar = calendar or Calendar(ZoneInfo("UTC"))
        r = self.registry
        table.show_process(r)
        self._records = table.RECORDS.on(r)
        self._events = table.EVENTS.on(r)
        self._duplicates = table.DUPLICATES.on(r)
        self._late = table.LATE_VISITS.on(r)
        self._beyond = table.BEYOND_HISTORY.on(r)
        self._corrections = table.CORRECTIONS.on(r)
        self._refunds_beyond = table.REFUNDS_BEYOND_ORDER.on(r)
        limits = table.BEYOND_LIMITS.on(r)
        self._words_beyond, self._merges_refused = limits.labels("words"), limits.labels("ids")
        self._signs = table.SIGNS_OF_LIFE.on(r)
        self._left_out = table.FIELDS_LEFT_OUT.on(r)
        self._erased = table.ERASED_REFUSED.on(r)
        self._dead = table.DEAD_LETTERS.on(r)
        for code in ErrorCode:
            self._dead.labels(code.value)  # from 0 on, or Prometheus would not see the first as a rise
        self._decisions = table.DECISIONS.on(r)
        self._regular_events = table.REGULAR_EVENTS.on(r)
        self._healthy = table.HEALTHY_SECONDS.on(r)
        self._promised = table.PROMISED.on(r)
        self._tallies: dict[int, Realised] = {}
        self._outputs = table.OUTPUTS.on(r)
        self._stopped = table.SOURCE_STOPPED.on(r)
        self._schema = table.SCHEMA_WAITING.on(r)
        self._aside = table.SET_ASIDE.on(r)
        self._retried = table.RETRIED_RECORDS.on(r)
        self._passed = table.RECORDS_PASSED_OVER.on(r)
        self._compute = table.TURN_COMPUTE_SECONDS.on(r)
        self._commit = table.TURN_COMMIT_SECONDS.on(r)
        self._turn_most = table.TURN_MOST_BYTES.on(r)
        self._lag = table.LAG_RECORDS.on(r)
        self._source_stalled = table.SOURCE_STALLED.on(r)
        self._sources: dict[int, set[str]] = {}
        """Sources that were silent once, by partition: few, as the engine keeps few."""
        self._away = table.BROKER_UNREACHABLE_SINCE_SECONDS.on(r)
        self._strangers = table.GROUP_STRANGERS.on(r)
        self._open = table.OPEN_TRANSACTION_RECORDS.on(r)
        self._lost = table.GAP_RECORDS.on(r)
        self._gaps = table.GAPS.on(r)
        self._last_gap = table.LAST_GAP_SECONDS.on(r)
        self._shown_losses: dict[tuple[Counter, str, int], int] = {}
        self._delay = table.FEED_DELAY_SECONDS.on(r)
        self._customers = table.CUSTOMERS.on(r)
        self._held_customers = table.HELD_CUSTOMERS.on(r)
        self._bands = table.HEALTH_CUSTOMERS.on(r)
        self._regulars = table.REGULARS.on(r)
        self._due = table.DUE_QUEUE_ENTRIES.on(r)
        self._time = table.STREAM_TIME_SECONDS.on(r)
        self._stalled = table.FEED_STALLED.on(r)
        self._held = table.BRAKE_HELD.on(r)
        self._come_due = table.REGULARS_DUE_WEEK.on(r)
        self._recovered = table.RECOVERY_SECONDS.on(r)
        self._recovered_records = table.RECOVERY_RECORDS.on(r)
        self._assigned = table.PARTITIONS_ASSIGNED.on(r)
        self._ready = table.PARTITIONS_READY.on(r)
        self._period = table.PERIOD.on(r)
        self._period_start = table.PERIOD_START_TIMESTAMP_SECONDS.on(r)
        self._period_end = table.PERIOD_END_TIMESTAMP_SECONDS.on(r)
        self._counts: dict[int, Counts] = {}
        self._rows: dict[tuple[str, str], PeriodRow] = {}
        """Latest row by (granularity, which), also while another worker shows them: a new owner has all at once."""
        self._carried = table.CARRIED_RECORDS.on(r)
        self._brought = table.OUTREACH_BROUGHT.on(r)
        self._page_restarts = table.PAGE_RESTARTS.on(r)
        self._brought_shown: list[tuple[str, str, str, str, float]] = []
        self._shows_periods = False
        self._lag_topics: set[str] = set()

    def recovered(self, partition: int, records: int, seconds: float) -> None:
        self._records.labels(partition)
        self._stalled.labels(partition)  # 0 also by an event clock, which never waits for the feed
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

    def lost(self, partition: int, logs: KnownLogs) -> None:
        """What was lost of its topics since the state began: a counter that restarts do not set back."""
        for topic, known in logs.losses():
            for counter, value in ((self._lost, known.records), (self._gaps, known.gaps)):
                shown = self._shown_losses.get((counter, topic, partition), 0)
                counter.labels(topic, partition).inc(value - shown)
                self._shown_losses[counter, topic, partition] = value
            if known.last_us:
                self._last_gap.labels(topic, partition).set(known.last_us / 1e6)

    def turn(self, partition: int, written: Written, engine: Engine, compute_s: float, commit_s: float) -> None:
        """After each committed turn."""
        self._records.labels(partition).inc(written.processed)
        self._outputs.inc(written.outputs)
        self._compute.observe(compute_s)
        self._commit.observe(commit_s)
        for reason, count in written.dead_letters.items():
            self._dead.labels(reason).inc(count)
        for outcome, count in written.retried.items():
            self._retried.labels(outcome).inc(count)
        for (topic, reason), count in written.passed.items():
            self._passed.labels(topic, reason).inc(count)
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
        self._words_beyond.inc(max(0, news.words_beyond))
        self._merges_refused.inc(max(0, news.merges_refused))
        self._tell_promises(partition, engine)
        for segment, count in zip(Segment, engine.scoreboard.segments, strict=True):
            self._customers.labels(segment.value, partition).set(count)
        attic = engine.roster.attic
        held = (len(engine.customers), 0 if attic is None else attic.folded, 0 if attic is None else attic.away)
        for kind, count in zip(_HELD, held, strict=True):
            self._held_customers.labels(kind, partition).set(count)
        for band, count in zip(HealthBand, engine.scoreboard.bands, strict=True):
            self._bands.labels(band.value, partition).set(count)
        self._regulars.labels(partition).set(engine.everybody.state.regulars)
        self._due.labels(partition).set(engine.timeline.dates_waiting)
        self._time.labels(partition).set(engine.now_us / 1e6)
        brake = engine.ladder.brake
        self._held.labels(partition).set(brake.held_us > 0)
        for which, regulars in zip(_DUE, brake.due_this_week(), strict=True):
            self._come_due.labels(which, partition).set(regulars)

    def profiles(self, topic: str, passed: Mapping[str, int], refused: Mapping[str, int]) -> None:
        """After each transaction that has brought what a CRM says into `customers`."""
        for reason, count in passed.items():
            self._passed.labels(topic, reason).inc(count)
        for reason, count in refused.items():
            self._dead.labels(reason).inc(count)

    def turn_size(self, partition: int, most_bytes: int) -> None:
        """So many bytes might the last turn write."""
        self._turn_most.labels(partition).set(most_bytes)

    def _tell_promises(self, partition: int, engine: Engine) -> None:
        outreach = engine.policy.outreach
        weighed = outreach.measure is Measure.PATIENCE
        self._promised.labels(outreach.measure.value).set(outreach.patience if weighed else outreach.level)
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

    def stopped(self, partition: int, topics: Collection[str], stopped: Collection[str]) -> None:
        """Inputs of a partition that are not read on."""
        for topic in topics:
            self._stopped.labels(topic, partition).set(topic in stopped)

    def waits_for_schema(self, partition: int, *, waits: bool) -> None:
        self._schema.labels(partition).set(waits)

    def set_aside(self, partition: int, counted: Mapping[str, int]) -> None:
        """What errors of our own were about lately, by kind."""
        for kind in Kind:
            if kind is not Kind.TURN:
                self._aside.labels(kind.value, partition).set(counted.get(kind.value, 0))

    def positions(self, partition: int, positions: Mapping[str, int], ends: Mapping[str, Ends | None]) -> None:
        for topic, position in positions.items():
            end = ends.get(topic)
            if end is not None:
                self._lag_topics.add(topic)
                self._lost.labels(topic, partition)  # from 0 on: so is a first loss a rise
                stable, high = end.log.stable, end.log.high
                self._lag.labels(topic, partition).set(max(0, stable - position))
                self._open.labels(topic, partition).set(max(0, high - max(stable, position)))

    def released(self, partition: int) -> None:
        """The partition has gone to another worker: its gauges must not linger here."""
        self._counts.pop(partition, None)
        self._tallies.pop(partition, None)
        for gauge in (
            self._regulars, self._due, self._time, self._stalled, self._delay, self._recovered, self._recovered_records,
            self._held, self._turn_most, self._schema,
        ):  # fmt: skip
            _remove(gauge, partition)
        for source in self._sources.pop(partition, ()):
            _remove(self._source_stalled, partition, source)
        for which in _DUE:
            _remove(self._come_due, which, partition)
        for kind in Kind:
            _remove(self._aside, kind.value, partition)
        for counter, topic, number in list(self._shown_losses):
            if number == partition:
                del self._shown_losses[counter, topic, number]
                _remove(counter, topic, partition)
                _remove(self._last_gap, topic, partition)
        for topic in self._lag_topics:
            _remove(self._lag, topic, partition)
            _remove(self._stopped, topic, partition)
            _remove(self._open, topic, partition)
        for segment in Segment:
            _remove(self._customers, segment.value, partition)
        for place in _HELD:
            _remove(self._held_customers, place, partition)
        for band in HealthBand:
            _remove(self._bands, band.value, partition)
        if partition == PERIODS_PARTITION:
            self._shows_periods = False
            for gauge in (self._period, self._period_start, self._period_end):
                gauge.clear()
            self._brought.clear()

    def assignment(self, assigned: int, ready: int) -> None:
        self._assigned.set(assigned)
        self._ready.set(ready)

    def page_restarted(self) -> None:
        self._page_restarts.inc()

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
        for gauge, day in ((self._period_start, row.start), (self._period_end, row.end)):
            gauge.labels(row.granularity, which).set(self._calendar.start_of(to_day(day)) / SECOND_US)
        for number in NUMBERS:
            value = getattr(row, number.name)
            if value is None:
                _remove(self._period, row.granularity, which, number.name)
            else:
                self._period.labels(row.granularity, which, number.name).set(float(value))


def _remove(gauge: Gauge | Counter, *labels: object) -> None:
    try:
        gauge.remove(*labels)
    except KeyError:
        return
