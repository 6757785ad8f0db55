"""The worker process: Faust consumes, one PartitionWorker per partition number does the work.

Ends by itself on SIGTERM or SIGINT (finish the turn, commit, leave; exit 0, also where no broker lets it do so), on
anything not understood (exit 70 at once, a supervisor restarts it), and starts itself again when the broker was lost.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, NoReturn

import structlog
from kafka.errors import KafkaError

from service.build_info import flavour, version
from service.cluster import topics
from service.cluster.log_ends import SourcePartition
from service.cluster.placement import Placement
from service.cluster.policy_watch import PolicyWatch
from service.cluster.topic_ids import Course, TopicWatch
from service.collector import be_patient
from service.config import Settings
from service.connection import Door
from service.domain.changelog import GO_ON_KEY, RESUME_KEY, unpack_today
from service.domain.policy import ClockMode
from service.errors import (
    ChurnAlertError,
    ConfigurationError,
    ExitCode,
    FatalError,
    StartAgainError,
    told,
)
from service.processes.ending import end_on_request, leave
from service.streaming.brought_totals import WHOLE, gauges_of
from service.streaming.decider import Decider
from service.streaming.faust_app import ChurnAlertApp, new_app
from service.streaming.guard import guarded, unless
from service.streaming.job import PartitionJob
from service.streaming.membership import (
    Member,
    Process,
    about_stranger,
    about_twin,
    leave_place,
    members_of,
    strangers_of,
    this_process,
    twin_of,
)
from service.streaming.metrics import Metrics
from service.streaming.outage import FAILED_LATELY_S, Outage
from service.streaming.partition import PartitionWorker
from service.streaming.period_totals import Publisher, ShopTotals
from service.streaming.profiles import ProfileCarrier, ProfileWatch
from service.streaming.reach import Reach
from service.streaming.refusals import Refusals
from service.streaming.restarts import Fate, has_longest_transaction, start_again, verdict_on
from service.streaming.standstill import Standstill
from service.wire.input_topics import input_names

TICK_S = 0.5
WATCH_S = 1.0
"""Between two looks at which topics the names mean."""
LOOK_ROUND_S = 60.0
"""Between two looks at who else is in the group: a worker of a static membership need not hear of who joins."""
_STOP_LIMIT_S = 9.0

log = structlog.get_logger()

Serve = Callable[["Worker"], Awaitable[None]]


class Worker:
    """One worker process. `serve` (what its page is told) runs beside it in the same loop."""

    def __init__(
        self,
        settings: Settings,
        metrics: Metrics,
        serve: Serve | None = None,
        partitions: int = 1,
        process: Process | None = None,
    ) -> None:
        """`partitions` is how many the inputs have: the limits of the whole shop are split over them. `process` is
        what the group is told of this one."""
        self.settings = settings
        self.metrics = metrics
        self.partitions: dict[int, PartitionWorker] = {}
        self.placement = Placement(settings, partitions)
        self.totals = ShopTotals(settings, self._heard)
        self._resumed: dict[int, int] = {}
        """Partition → when the operator last said that what is held may go out."""
        self.app: Any = None
        self.joined = False
        """The group has said which partitions are this worker's, be it none."""
        self.strangers: list[Member] = []
        """Other programs in our group."""
        self._process = process or this_process()
        self._meeting: asyncio.Task[None] | None = None
        self._kept: dict[int, tuple[PartitionJob, dict[str, int]]] = {}
        self._leaving: set[asyncio.Task[None]] = set()
        """States that are let go of."""
        self._serve = serve
        self.inputs = partitions
        """Partitions of each input topic."""
        self._publisher: asyncio.Task[None] | None = None
        self._decider: asyncio.Task[None] | None = None
        mapped = settings.inputs.customers.topic is not None
        self.profiles = ProfileWatch(settings) if mapped else None
        """How far a topic of a CRM has been brought into `customers`; None: there is none."""
        self._carrier: asyncio.Task[None] | None = None
        self._stop = asyncio.Event()
        self._failing = False
        self._settled = False
        """No turn is in flight, and none will be."""
        self._refusals = Refusals()
        self._outage = Outage(settings.kafka.bootstrap_servers)
        self.reach = Reach(settings.kafka.bootstrap_servers)
        self._standstill = Standstill(settings.kafka)
        self.door = Door(settings.kafka)
        self._watch = TopicWatch(settings.kafka, self._watched())
        self._born_s = time.monotonic()
        self._directory = tempfile.TemporaryDirectory(prefix="churn-alert-")

    # ---- run

    def run(self) -> int:
        """Until stopped; returns the exit code."""
        self._outage.install()
        be_patient()
        return asyncio.run(self._run())

    async def _run(self) -> int:
        end_on_request(self._stop, _STOP_LIMIT_S, self._give_up)
        self.totals.listen(self._show_periods)
        self.placement.on_news = self._placement_changed
        with self._directory as directory:
            self.app = self._build(directory)
            tasks = [
                self._guard(work)
                for work in (
                    self._clock(),
                    self.totals.run(),
                    self._look_round(),
                    self._watch_topics(),
                    self.door.watch(lambda: self._outage.within(FAILED_LATELY_S)),
                )
            ]
            if self.profiles is not None:
                tasks.append(self._guard(self.profiles.run()))
            if self._serve is not None:
                tasks.append(self._guard(self._serve(self)))
            try:
                if await unless(self._stop, self.app.start()):
                    log.info(
                        "worker started",
                        group=self.settings.kafka.group,
                        broker=self.settings.kafka.bootstrap_servers,
                        version=version(),
                        engine=flavour(),
                    )
                    await self._until_stopped()
            except Exception as error:  # noqa: BLE001 - one place decides what it means
                self.fail(error)
            log.info("stopping: finishing the turn in flight")
            tasks += [task for task in (self._publisher, self._decider, self._carrier) if task is not None]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            # Before Faust: it would wait for batches that lie in a merge, until the time is up.
            await asyncio.gather(*[owner.close() for owner in self.partitions.values()])
            self._settled = True
            await self.app.stop()
            log.info("stopped")
        return 0

    async def _until_stopped(self) -> None:
        while not self._stop.is_set():
            if self.app.should_stop or self.app._crash_reason is not None:  # noqa: SLF001 - nothing public tells
                self.fail(self.app._crash_reason or FatalError("Faust stopped by itself."))  # noqa: SLF001
            try:
                await asyncio.wait_for(self._stop.wait(), 0.5)
            except TimeoutError:
                continue

    def _give_up(self) -> None:
        if self._settled:
            log.warning("the group could not be left in time; it finds out when the session ends")
        else:
            log.error("the turn in flight could not be committed in time; the next worker does it again")
        self._leave(ExitCode.DONE)

    def _leave(self, code: ExitCode = ExitCode.CRASHED) -> NoReturn:
        self._directory.cleanup()
        leave(code)

    def _guard(self, work: Awaitable[None]) -> asyncio.Task[None]:
        return guarded(work, self.fail)

    def fail(self, error: BaseException) -> None:
        """Ends the process at once: nothing is undone in memory, the successor reads the last commit."""
        if self._failing:
            return
        self._failing = True
        verdict = verdict_on(
            error,
            self.settings.kafka,
            self._outage,
            stops=self._stop.is_set(),
            paused_within=self.reach.paused_within,
        )
        if verdict.fate is Fate.DONE:
            log.warning("the turn in flight could not be committed; the next worker does it again", error=told(error))
            self._leave(ExitCode.DONE)
        verdict.tell()
        if verdict.fate is Fate.ENDS:
            self._leave(verdict.code)
        if verdict.slow and has_longest_transaction(self.settings.kafka.transaction_timeout_s):
            log.error(
                "a turn does not fit the longest transaction",
                cure="let this client write more (its producer_byte_rate at the broker, or the line to it)",
            )
        self._directory.cleanup()
        if isinstance(error, StartAgainError) and error.leaves:
            with suppress(KafkaError, OSError, ChurnAlertError):  # the group gives them out when the session ends
                leave_place(self.settings.kafka)
        away_since_s = self.reach.since_s if verdict.away else self.reach.since_s or None
        start_again(time.monotonic() - self._born_s, away_since_s, slow=verdict.slow)

    # ---- Faust

    def _build(self, directory: str) -> ChurnAlertApp:
        app = new_app(
            self.settings.kafka,
            self.partitions,
            directory,
            self._topics(),
            self._process.client_id,
            asks_again=self.settings.time.clock is ClockMode.EVENT,
        )
        loop = asyncio.get_running_loop()

        async def thrown_out() -> None:
            twin = twin_of(self._process, self.settings.kafka.instance_id, await self._members())
            if twin is not None and (twin.process is None or twin.process.began_ms <= self._process.began_ms):
                loop.call_soon_threadsafe(self.fail, FatalError(about_twin(self.settings.kafka, twin)))
                await asyncio.Event().wait()  # joining again would throw the other one out

        app.answers.on_thrown_out = thrown_out
        app.on_partitions_assigned.connect(self._assigned)
        app.on_partitions_revoked.connect(self._revoked)
        return app

    def _topics(self) -> tuple[str, ...]:
        """What is read: the inputs and, where there is more than one partition, what these carry to each other."""
        kafka = self.settings.kafka
        return (*input_names(kafka.topics), *((kafka.carried_topic,) if self.inputs > 1 else ()))

    def _watched(self) -> tuple[str, ...]:
        """What is read, and whatever a turn is written to."""
        kafka, names = self.settings.kafka, self.settings.kafka.topics
        outputs = names.outreach, names.outreach_decisions, names.customer_scores, names.dead_letters
        return (*self._topics(), kafka.state_topic, kafka.ledger_topic, *outputs, names.period_metrics)

    async def _assigned(self, app: Any, assigned: Any, **_: Any) -> None:
        """Starts tasks and returns: no heartbeats are sent while Faust waits for this."""
        if self._stop.is_set():
            return
        by_topic = [sorted(tp.partition for tp in assigned if tp.topic == name) for name in self._topics()]
        numbers = sorted(set.intersection(*map(set, by_topic)))
        uneven = any(other != numbers for other in by_topic)
        self._meeting = self._guard(self._meet(by_topic if uneven else []))
        self._forget_what_went(numbers)
        for number in numbers:
            if number not in self.partitions:
                self.partitions[number] = PartitionWorker(
                    self.settings,
                    number,
                    app.consumer,
                    self._committed,
                    self.metrics,
                    self.fail,
                    self._kept.pop(number, None),
                    self.inputs,
                    self._refusals,
                    self.placement if self.inputs > 1 else None,
                    self.profiles,
                )
                self.partitions[number].resume(self._resumed.get(number, 0))
        self._share_memory()
        self.joined = True
        log.info("partitions assigned", partitions=numbers)
        if 0 in self.partitions and self._publisher is None:
            self._publisher = self._guard(Publisher(self.settings, self.totals).run())
            if self.profiles is not None:
                carrier = ProfileCarrier(self.settings, self.placement, self.inputs, self.metrics)
                self._carrier = self._guard(carrier.run())
            if self.inputs > 1:
                self._decider = self._guard(Decider(self.settings, self.placement, self.partitions[0]).run())

    async def _revoked(self, app: Any, revoked: Any, **_: Any) -> None:  # noqa: ARG002 - Faust's signature
        self.joined = False
        numbers = sorted({tp.partition for tp in revoked} & self.partitions.keys())
        if not numbers:
            return
        log.info("partitions revoked", partitions=numbers)
        if 0 in numbers and self._publisher is not None:
            publisher, self._publisher = self._publisher, None
            publisher.cancel()
            await asyncio.wait([publisher])
            if self._carrier is not None:
                self._carrier.cancel()
                await asyncio.wait([self._carrier])
                self._carrier = None
            if self._decider is not None:
                self._decider.cancel()
                await asyncio.wait([self._decider])
                self._decider = None
        owners = [(number, self.partitions.pop(number)) for number in numbers]
        closing = await asyncio.gather(*[owner.close() for _, owner in owners])
        for (number, owner), kept in zip(owners, closing, strict=True):
            if kept is None:
                self._let_go(owner.job)
            else:
                self._kept[number] = kept
            self.metrics.released(number)
        self._share_memory()

    def _forget_what_went(self, numbers: Sequence[int]) -> None:
        """The states of partitions that went to others."""
        for number in self._kept.keys() - set(numbers):
            self._let_go(self._kept.pop(number)[0])

    def _let_go(self, job: PartitionJob) -> None:
        self._leaving.add(task := self._guard(job.let_go()))
        task.add_done_callback(self._leaving.discard)

    def _share_memory(self) -> None:
        """Each partition has its part of the customers that may be in memory."""
        for owner in self.partitions.values():
            owner.job.attic.most_in_memory = self.settings.limits.customers // len(self.partitions)

    def _heard(self, partition: int, key: bytes, value: bytes | None) -> None:
        """One record of the ledger topic that is no part of the numbers."""
        if key == GO_ON_KEY and value is not None:
            if partition in self.partitions:
                self.partitions[partition].go_on(unpack_today(value))
        elif key != RESUME_KEY:
            self.placement.take(partition, key, value)
        elif value is not None:
            self._resumed[partition] = unpack_today(value)
            if partition in self.partitions:
                self.partitions[partition].resume(self._resumed[partition])

    def _placement_changed(self) -> None:
        """What a partition is held up by may be over."""
        for owner in self.partitions.values():
            owner.poke()

    async def _members(self) -> list[Member]:
        """Empty where the brokers do not tell."""
        try:
            return await asyncio.to_thread(members_of, self.settings.kafka)
        except (KafkaError, OSError, ChurnAlertError):
            return []

    async def _watch_topics(self) -> None:
        """A topic that is deleted, made anew or given more partitions while it is read."""
        course = Course()
        try:
            while True:
                await asyncio.sleep(WATCH_S)
                topics = await self._watch.look()
                course.note(topics)
                for topic in self._topics():
                    now = topics.get(topic)
                    if now is not None and now.exists and now.partitions != self.inputs:
                        raise ConfigurationError(
                            f"Topic {topic} has {now.partitions} partitions, and had {self.inputs} when this worker began: "
                            "keys lie elsewhere now, and the state does not. docs/operations/more-partitions.md says how a "
                            "state is divided over more partitions."
                        )
        finally:
            await self._watch.close()

    async def _look_round(self) -> None:
        """Strangers who come without a rebalance of ours, and topics that somebody has set otherwise."""
        policies = PolicyWatch(partial(topics.losing, self.settings))
        while True:
            await asyncio.sleep(LOOK_ROUND_S)
            if self.joined:
                await self._meet([])
                await policies.look()

    async def _meet(self, uneven: list[list[int]]) -> None:
        """After the group was balanced: who else is in it? `uneven`: partition numbers by input, where they differ."""
        found = strangers_of(await self._members())
        for stranger in found:
            if stranger not in self.strangers:
                log.error(
                    "a stranger is in the consumer group", told=about_stranger(self.settings.kafka.group, stranger)
                )
        self.strangers = found
        self.metrics.strangers(len(found))
        if uneven and any(now.partitions != self.inputs for now in (await self._watch.look()).values()):
            return  # a topic was deleted, or has more partitions: whoever watches the topics says so
        if uneven and not found:
            await asyncio.sleep(3 * WATCH_S)  # one that was made again already: whoever watches finds another id first
            raise FatalError(
                f"The group has assigned different partition numbers of the input topics: {uneven}. Does a worker of "
                "an earlier release still run in it? Stop all of them before the new ones start."
            )

    def _committed(self, tp: SourcePartition) -> int | None:
        return self.app.consumer._committed_offset.get(tp)  # type: ignore[no-any-return]  # noqa: SLF001

    # ---- clock and numbers

    async def _clock(self) -> None:
        while True:
            await asyncio.sleep(TICK_S)
            for owner in self.partitions.values():
                owner.tick()
            self.metrics.broker(self.reach.look(self._answered_s()))
            self._standstill.look(
                {number: owner.waits_for() for number, owner in self.partitions.items()},
                reachable=not self.reach.since_s,
            )
            self._refusals.tell()
            self.metrics.assignment(len(self.partitions), sum(owner.ready for owner in self.partitions.values()))

    def _answered_s(self) -> float:
        """`time.monotonic` of the oldest of the answers that are waited for."""
        heard_s: float = self.app.answers.at_s
        return min([heard_s, *[owner.answered_s() for owner in self.partitions.values()]])

    def _show_periods(self, changed: list[Any]) -> None:
        digits = self.settings.shop.minor_digits
        self.metrics.brought(
            [
                (row.kind, row.rung, arm, number, value)
                for row in self.totals.brought.rows()
                if row.month == WHOLE
                for (arm, number), value in gauges_of(row, digits).items()
            ]
        )
        for granularity in {row.granularity for row in changed}:
            for which, row in (
                ("current", self.totals.current(granularity)),
                ("last_complete", self.totals.last_complete(granularity)),
            ):
                if row is not None:
                    self.metrics.period(which, row)
