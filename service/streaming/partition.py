"""One worker per partition number: its state, its lock, its transactional producer, its turns.

Life: fence the predecessor → read the changelogs → turns until revoked. A turn, under the lock, shared by batches and
the clock: take everything queued → apply → one transaction with outputs, dead letters, state, ledger and positions →
acknowledge. Nothing is undone in memory: whatever goes wrong ends the process, and the successor reads the last commit.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import structlog

from service.cluster.gaps import Gap, tell
from service.cluster.log_ends import SourcePartition, counts
from service.cluster.partitioner import Kept
from service.cluster.placement import Placement
from service.cluster.topic_ids import TopicNow
from service.collector import leave_alone
from service.config import Settings
from service.domain.calendar import utc_text
from service.domain.policy import ClockMode
from service.errors import CeilingError, FatalError, RecordsLostError
from service.refused.quarantine import Note, Stumbled, frames_of, sentence
from service.registry.client import RegistryClient
from service.registry.learning import Learning
from service.streaming.batches import Intake, Source
from service.streaming.bounded_turns import BoundedTurns
from service.streaming.broker_clock import BrokerClock
from service.streaming.job import PartitionJob, Written
from service.streaming.metrics import Metrics
from service.streaming.producer import TransactionalProducer
from service.streaming.profiles import ProfileWatch
from service.streaming.recovery import Loaded, read_changelogs
from service.streaming.refusals import Refusals
from service.streaming.restarts import slow_lives, transaction_timeout_s
from service.wire.input_topics import BY_RANK
from service.wire.lenient import OF_CUSTOMERS, OURS
from service.wire.schemas import SchemaId

KEEPS_UP_S = 2.0
"""Under steady load something is always in flight: scores go on being published for so long after the last moment at
which nothing was."""

_TOLD_ASIDE = 5
"""Of what was set aside, so many are told one by one."""
_POSITIONS_S = 60.0
"""A position that has moved without a record (control records, what was aborted) is stored this soon, so that what
retention takes of it later is not taken for a loss."""

log = structlog.get_logger()


class PartitionWorker:
    """Owns partition `number` of all input topics. `fail` is told of anything not understood and does not return."""

    def __init__(
        self,
        settings: Settings,
        number: int,
        source: Source,
        committed: Callable[[SourcePartition], int | None],
        metrics: Metrics,
        fail: Callable[[BaseException], None],
        kept: tuple[PartitionJob, dict[str, int]] | None = None,
        partitions: int = 1,
        refusals: Refusals | None = None,
        placement: Placement | None = None,
        profiles: ProfileWatch | None = None,
    ) -> None:
        self._settings = settings
        self._profiles = profiles
        self._refusals = refusals or Refusals()
        self.number = number
        self._metrics = metrics
        self._fail = fail
        self.job, self._read_to = kept or (
            PartitionJob(settings, number, partitions, placement),
            {settings.kafka.state_topic: 0, settings.kafka.ledger_topic: 0},
        )
        self._placement = placement
        slow = slow_lives()
        self._timeout_s = transaction_timeout_s(settings.kafka.transaction_timeout_s, slow)
        self._turns = BoundedTurns(self.job, self._timeout_s, slow)
        self._intake = Intake(settings.kafka, self.job, source, committed)
        self._learning: Learning | None = None
        """Asks for schemas; None: nothing has needed any."""
        self._producer: TransactionalProducer | None = None
        self._clock = BrokerClock(settings.limits.max_clock_offset_s)
        self._told_clock = ""
        self._wall = settings.time.clock is ClockMode.WALL
        self._more = asyncio.Event()
        self._lock = asyncio.Lock()
        self.ready = False
        self._opened, self._loaded = False, Loaded()
        self.closing = False
        self._ticked = False
        self._kept_up_s = -KEEPS_UP_S
        """When (`time.monotonic`) all that had arrived was applied, the last time."""
        self._said_us = 0
        """When the operator gave the word that is not yet passed on; 0: there is none."""
        self._told_silent: frozenset[str] = frozenset()
        """Stores and channels that are silent."""
        self._told_alike: set[str] = set()
        """Names of fields that were left out."""
        self._may_go_on = False
        """The operator has said that what has stopped may go on, and it has not been heard."""
        self._told_held = self._told_consents = self._told_untold = False
        self._gap_found = False
        """A hole has been told to the job, and not been written."""
        self._from_the_beginning: set[str] = set()
        """Inputs that are to be read from their beginning, which the consumer does not know."""
        self._stored: dict[str, int] = {}
        self._stored_s = 0.0
        self.task = asyncio.create_task(self._main(), name=f"partition-{number}")

    # ---- from Faust

    def wants(self, topic: str) -> bool:
        """Whether more of this topic may be fetched now."""
        return self._intake.wants(topic)

    def put(self, event: Any) -> None:
        """A batch has arrived. Never waits: fetching is what is held back (`wants`)."""
        self._intake.put(event)
        self._more.set()

    def poke(self) -> None:
        """How far the inputs have been read, or where they end, may have changed."""
        if self.ready:
            self._more.set()

    def tick(self) -> None:
        """The clock: time may move as soon as everything that arrived has been applied."""
        if self.ready and (self.job.wakes or self.job.inbox.gates.wait or self._clock.reason):
            self._ticked = True
            self._more.set()

    def decide(self, kept: Kept) -> None:
        """The group's function was found; the next turn makes it known. Only for partition 0."""
        self.job.decide(kept)
        self._more.set()

    def drop_queue(self) -> None:
        """Revoked: nothing more will be processed or acknowledged here."""
        self.closing = True
        self._intake.forget()

    # ---- life

    async def _main(self) -> None:
        try:
            self._producer = TransactionalProducer(
                self._settings.kafka, f"{self._settings.kafka.group}-{self.number}", self._timeout_s
            )
            await self._producer.open()
            self._opened = True
            await self._load()
            self.ready = True
            self._more.set()
            while True:
                await self._more.wait()
                async with self._lock:
                    self._more.clear()
                    while not self.closing and await self._turn():
                        pass
                    if self._ticked and not self.closing:
                        self._ticked = False
                        await self._pass_time()
        except asyncio.CancelledError:
            return  # by `close`; a task that ends with the error keeps it, and the error all that was under way
        except Exception as error:  # noqa: BLE001 - whatever it is, going on would break a promise
            self._fail(await self._noted(error))

    async def _noted(self, error: Exception) -> Exception:
        """The error, once the next life can know what it was about; that which prevents it where nothing does."""
        if (
            not isinstance(error, Stumbled | CeilingError)
            or self._producer is None
            or self._producer.waits_since_s is not None
        ):
            return error
        try:
            if isinstance(error, CeilingError):
                await self._producer.write(self.job.noted_stop())
                return error
            await self._producer.write(self.job.noted(error))
        except Exception as other:  # noqa: BLE001 - the successor begins without the note
            return other
        log.error(
            "an error of our own; what it was about is tried once more, and then set aside",
            partition=self.number,
            about=error.told,
            tries=self.job.quarantine.tries(error.identity),
            frames=frames_of(error),
        )
        return error

    async def _load(self) -> None:
        read_from = dict(self._read_to)
        loaded = self._loaded
        await read_changelogs(
            self._settings.kafka, self.number, self._read_to, self.job.restore, self.job.sources, loaded
        )
        topics = await self._topics_now([*self.job.sources, *self._read_to, *self.job.own_topics.outputs])
        self.job.own_topics.refuse_others(topics)
        self.job.own_topics.refuse_lost_beginnings(loaded.begins, read_from)
        self.job.own_topics.refuse_lost_ends(self._read_to)
        self.job.restored()
        leave_alone()
        self._stored, self._stored_s = dict(self.job.positions), time.monotonic()
        epochs, positions = self.job.epochs, self.job.positions
        cut = await self._cut(
            {topic: (epochs.of(topic), positions[topic]) for topic in self.job.sources if epochs.of(topic) >= 0}
        )
        for topic, end in loaded.input_ends.items():
            now = topics.get(topic)
            if now is not None and self.job.logs.is_another(topic, now) and self.job.has_had_to_do_with(topic):
                self._begins_anew(topic)
            elif end < self.job.positions[topic]:
                self._intake.lost_tail(topic, time.time_ns() // 1000)
            elif topic in cut:
                self._was_cut(topic, cut[topic])
            elif not positions[topic] and self.job.logs.has_lost(topic) and self._intake.begins_beyond(topic):
                # A life before has written down that it is read anew, and ended before the group knew.
                self._read_from_the_beginning(topic)
            elif now is not None:
                if self.job.logs.is_another(topic, now):
                    epochs.forget(topic)
                self.job.logs.adopt(topic, now)
        for topic, lost in self.job.own_topics.follow_outputs(topics, time.time_ns() // 1000).items():
            log.error("an output was made anew", topic=topic, partition=self.number, lost=lost)
        self._metrics.lost(self.number, self.job.logs)
        self._metrics.lost(self.number, self.job.state_log)
        if self.job.engine.roster.unreadable:
            log.error(
                "customers whose stored state cannot be read are left as they are; their records go to dead-letters",
                partition=self.number,
                customers=len(self.job.engine.roster.unreadable),
            )
        self._metrics.recovered(self.number, loaded.records, loaded.seconds)

    async def close(self) -> tuple[PartitionJob, dict[str, int]] | None:
        """Ends the worker. Returns the state for the next assignment, if it is exactly what was committed."""
        self.closing = True
        self._more.set()
        whole = False
        if self.ready:
            async with self._lock:  # the turn in flight ends first
                self._intake.forget()
                whole = True
        self.task.cancel()
        await asyncio.wait([self.task])
        if self._learning is not None:
            await self._learning.close()
        if self._producer is not None:
            await self._producer.close()
        if not whole:
            self.job.close()
        return (self.job, self._read_to) if whole else None

    # ---- turns

    async def _turn(self) -> bool:
        """One transaction's worth of work. Returns whether there may be more."""
        if not await self._clock_is_right():
            return False
        began = time.monotonic()
        self._turns.begin(began)
        self._intake.follow_seeks()
        self.job.inbox.release()
        self._try_gates()
        await self._follow_leaders()
        self._intake.follow_seeks()  # again: leaders may have been waited for, and the group balanced meanwhile
        if not self._from_the_beginning:  # else what comes lies behind what is to be read first
            self._intake.decode()
            if self._intake.missing[1]:
                self._learn_schemas(self._intake.missing[1])
            self._intake.follow_positions()
        self._hear_operator()
        if gaps := self._intake.take_gaps():
            await self._fell_into(gaps)
        self.job.inbox.note_ends(self._intake.ended_us())
        self.job.inbox.note_asked(self._intake.asked_s())
        processed, more = await self._turns.apply(self._intake.at_ends(), with_scores=self._keeps_up())
        waiting = self.job.engine.scoreboard.waiting > 0 or self.job.engine.ladder.brake.changed
        if processed or more or self._gap_found or self.job.must_write or waiting:
            await self._write(processed, began)
        if self._from_the_beginning:
            await self._intake.begin_again(self._from_the_beginning)
        self._intake.acknowledge()
        self._metrics.positions(self.number, self.job.positions, self._intake.ends())
        self._metrics.stopped(self.number, self.job.sources, self.job.inbox.gates.stopped())
        self._metrics.waits_for_schema(self.number, waits=bool(self.waits_for_schema()))
        scores_wait = self.job.engine.scoreboard.waiting > 0 and self._keeps_up()
        return more or (len(self._intake) > 0 and not self._intake.missing[1]) or scores_wait

    async def _clock_is_right(self) -> bool:
        """Whether records and dates may be judged by our clock, as far as the broker says; what has arrived waits
        else."""
        if self._clock.asks and self._producer is not None:
            await self._producer.write(self.job.asked_time())
            self._clock.heard(*self._producer.seen_us)
        if bool(self._clock.reason) != bool(self._told_clock):
            if self._clock.reason:
                log.error("nothing is judged by this clock", partition=self.number, reason=self._clock.reason)
            else:
                log.warning("the clock is right again", partition=self.number, was=self._told_clock)
            self._told_clock = self._clock.reason
            self._metrics.stopped(self.number, self.job.sources, self.stopped())
        return not self._told_clock

    def _learn_schemas(self, ids: Collection[SchemaId]) -> None:
        """The next turn comes when there is something new."""
        if self._learning is None:
            client = RegistryClient(self._settings.registry)
            self._learning = Learning(client, self.job.inbox.schemas, self._more.set)
        self._learning.ask(ids)

    def _keeps_up(self) -> bool:
        """Whether scores are published: all that had arrived is applied, or was a moment ago. While a backlog is read,
        every record would be superseded."""
        now_s = time.monotonic()
        if self._all_applied():
            self._kept_up_s = now_s
        return now_s - self._kept_up_s < KEEPS_UP_S

    def _begins_anew(self, topic: str) -> None:
        """It is not the topic that was read."""
        beyond = self._intake.begins_beyond(topic)
        self._intake.lost_tail(topic, time.time_ns() // 1000)
        if beyond:
            self._read_from_the_beginning(topic)

    async def _follow_leaders(self) -> None:
        """Before anything is taken that another leader has taken: it may not have had all that was read."""
        while changed := self._intake.new_leaders():  # others may lead by the time that these have been asked
            cut = await self._cut(changed)
            for topic, kept in cut.items():
                self._was_cut(topic, kept)
            if cut:
                return
            self._intake.follow_leaders(changed)

    async def _cut(self, read: Mapping[str, tuple[int, int]]) -> dict[str, int]:
        """`read`: of each input the epoch of the leader of the newest batch that was read, and up to where. Returns
        those of which some of that is not there any more, and up to where it is. Raises TimeoutError."""
        if not read:
            return {}
        if self._producer is None:
            raise FatalError("Leaders were asked before the producer was open.")
        wanted = {SourcePartition(topic, self.number): epoch for topic, (epoch, _) in read.items()}
        ends = await self._producer.ends_of_epochs(wanted)
        return {place.topic: end for place, end in ends.items() if end is not None and end < read[place.topic][1]}

    def _was_cut(self, topic: str, kept: int) -> None:
        """It has lost its end, and others lie there."""
        self._intake.lost_tail(topic, time.time_ns() // 1000, kept)
        self._read_from_the_beginning(topic)

    def _read_from_the_beginning(self, topic: str) -> None:
        """At the end of this turn; what has arrived lies behind it."""
        self._intake.forget()
        self._from_the_beginning.add(topic)

    async def _topics_now(self, names: Sequence[str]) -> Mapping[str, TopicNow]:
        if self._producer is None:
            raise FatalError("Topics were asked for before the producer was open.")
        return await self._producer.topics_now(names)

    async def _fell_into(self, gaps: Sequence[Gap]) -> None:
        """Records of inputs were lost before they were read."""
        topics = await self._topics_now([gap.topic for gap in gaps])
        for gap in gaps:
            now, logs = topics.get(gap.topic), self.job.logs
            anew = now is not None and logs.is_another(gap.topic, now)
            since, until = utc_text(self.job.engine.now_us), utc_text(gap.until_us)
            log_now, carried = self._intake.log_of(gap.topic), gap.topic == self._settings.kafka.carried_topic
            told = tell(gap, self.number, log_now, anew=anew, carried=carried, since=since, until=until)
            if self._settings.kafka.on_gap == "stop":
                raise RecordsLostError(
                    f'{told.lost}. {told.cure}. To go on, set kafka.on_gap = "continue"; to begin anew, '
                    "`churn-alert state reset`."
                )
            log.error(
                "records were lost; absences that may lie among them wait for one more usual gap",
                lost=f"{told.lost}. {told.cure}",
                topic=gap.topic,
                partition=self.number,
                records=told.records,
                since=since,
                until=until,
            )
            self.job.lost(gap.topic, told.records, gap.until_us)
            if now is not None:
                logs.adopt(gap.topic, now)
        self._metrics.lost(self.number, self.job.logs)
        self._gap_found = True

    async def _pass_time(self) -> None:
        """Where all that lay in the logs at some instant has been applied, time moves towards it and dates fire."""
        if not await self._clock_is_right():
            return
        self._intake.follow_seeks()
        began, wall_us = time.monotonic(), time.time_ns() // 1000
        self._turns.begin(began)
        self.job.inbox.note_ends(self._intake.ended_us())
        self.job.beat()
        complete_us = self.job.complete_us(self._intake.complete_us()) if self._wall else 0
        if self._profiles is not None:
            complete_us = self._profiles.complete_us(complete_us)
        if complete_us > 0:
            self._turns.grant(0)
            self.job.advance(wall_us, complete_us)
            self._metrics.feed(
                self.number,
                stalled=self.job.engine.timeline.clock.stalled(wall_us),
                delay_s=self.job.feed_delay_us() / 1e6,
                silent_sources=self.job.engine.sources.silent(),
            )
        elif not self.job.must_write:
            return
        await self._write(0, began)
        if complete_us > 0 and self.job.behind:  # what has arrived meanwhile goes first
            self._ticked = True
            self._more.set()
            await asyncio.sleep(0)

    async def _write(self, processed: int, began: float) -> None:
        moved = self.job.positions != self._stored and time.monotonic() - self._stored_s > _POSITIONS_S
        scores = self._turns.scores() if self._keeps_up() else 0
        written = self.job.drain(processed, positions=moved or self._gap_found, scores=scores)
        if written is None:
            return
        self._gap_found = False
        if self._producer is None:
            raise FatalError("A turn was made before its producer was open.")
        computed = time.monotonic()
        sizes = await self._producer.write(written.records)
        self._clock.heard(*self._producer.seen_us)
        self.job.own_topics.note_written(self._producer.ends)
        self._refusals.note(written.refused)
        ended = time.monotonic()
        self._turns.committed(written, sizes, ended - computed, ended)
        self._stored, self._stored_s = written.positions, time.monotonic()
        self._tell(written, computed - began, ended - computed)
        if self._placement is not None:
            self._placement.note_carried(written.carried)

    def _tell(self, written: Written, compute_s: float, commit_s: float) -> None:
        """Whoever looks at the log and the metrics; what goes wrong here is no reason to stop."""
        try:
            self._tell_notices()
            self._metrics.turn(self.number, written, self.job.engine, compute_s, commit_s)
            self._metrics.turn_size(self.number, self._turns.most)
            self._metrics.set_aside(self.number, Counter(note.kind for note in self._lately()))
        except Exception as error:  # noqa: BLE001
            if not self._told_untold:
                self._told_untold = True
                log.error("an error of our own in telling what was done", frames=frames_of(error))  # noqa: TRY400

    def _lately(self) -> list[Note]:
        return self.job.quarantine.lately(time.time_ns() // 1000)

    def set_aside(self) -> tuple[str, ...]:
        """What an error of our own was about lately, a sentence each; the newest few."""
        lately = sorted(self._lately(), key=lambda note: -note.at_us)
        told = [sentence(note) for note in lately[:_TOLD_ASIDE]]
        unreadable = len(self.job.engine.roster.unreadable)
        if unreadable:
            told.append(f"the stored state of {unreadable} customers cannot be read; their records go to dead-letters")
        if len(lately) > _TOLD_ASIDE:
            told.append(f"and {len(lately) - _TOLD_ASIDE} more were set aside")
        return tuple(told)

    def caught_up(self) -> bool:
        """Ready, and nothing waits that was known at the last fetch."""
        return self.ready and self._all_applied()

    def _all_applied(self) -> bool:
        return not (len(self._intake) or len(self.job.inbox)) and all(self._intake.at_ends())

    def progress(self) -> list[tuple[int, int]] | None:
        """(applied up to, end) of each input topic; None where an end is not known, or has not been heard of lately."""
        ends, now_us = self._intake.ends(), time.time_ns() // 1000
        known = [
            (self.job.positions[topic], end.log.high)
            for topic, end in ends.items()
            if end is not None and counts(end.log.asked_us, now_us)
        ]
        return known if len(known) == len(ends) else None

    def answered_s(self) -> float:
        """`time.monotonic` of the oldest of the answers that are waited for: of the leaders of inputs that are read to
        their end, and of whoever takes the transaction under way."""
        now_s, now_us = time.monotonic(), time.time_ns() // 1000
        asked = [
            now_s - (now_us - ends.log.asked_us) / 1e6
            for topic, ends in self._intake.ends().items()
            if ends is not None and ends.position >= ends.log.high and self.wants(topic)
        ]
        writes_s = None if self._producer is None else self._producer.waits_since_s
        return min([now_s, *asked, *([] if writes_s is None else [writes_s])])

    def waits_for(self) -> str:
        """What others have to do before this partition gets further, in words; empty while it works, or rests."""
        if self.closing:
            return ""
        if not self._opened:
            return "its producer to be let in, and the end of the former one's transaction"
        if not self.ready:
            return f"its state to be read, {self._loaded.records:,} records so far"
        if silent := self._intake.silent():
            return f"word of {', '.join(silent)}"
        if self.caught_up() or self.stopped() or self.waits_for_schema() or self.waits_for_profiles():
            return ""
        if self.job.inbox.waits_for_others or self.behind_open_transactions():
            return ""
        return f"its turn, with all topics applied up to {sum(self.job.positions.values()):,}"

    def held(self) -> str:
        """Why all alerts are held, in a sentence; empty while they are not."""
        brake = self.job.engine.ladder.brake
        if not brake.held_us:
            return ""
        (due, usual_due), (visits, usual_visits) = brake.due_this_week(), brake.visits_last_week()
        return (
            f"alerts are held since {utc_text(brake.held_us)}: {due} regulars have come due within seven days, where "
            f"{usual_due:.1f} are usual, and {visits} visits of regulars came in the week before, of {usual_visits:.0f}"
        )

    def go_on(self, said_us: int) -> None:
        """The operator's word, given at that instant, that what has stopped may go on. Of before this life it is read
        with the state."""
        if self.ready and said_us > self.job.quarantine.allowed_us:
            self.job.quarantine.allowed_us = said_us
            self._may_go_on = True
            self._more.set()

    def _try_gates(self) -> None:
        allowed, self._may_go_on = self._may_go_on, False
        if self.job.inbox.gates.wait:
            self.job.inbox.try_gates(allowed=allowed)

    def stopped(self) -> dict[str, str]:
        """Inputs that are not read on, and why."""
        if self._told_clock:
            return dict.fromkeys(self.job.sources[: len(BY_RANK)], self._told_clock)
        return self.job.inbox.gates.stopped()

    def waits_for_schema(self) -> str:
        """Why records wait for their schema, in words; empty while none do, or not for long."""
        return self._learning.waits if self._learning is not None else ""

    def waits_for_profiles(self) -> str:
        """Which records of customers are not here yet, in words; empty while there are none."""
        return self._profiles.waits if self._profiles is not None else ""

    def resume(self, said_us: int) -> None:
        """The operator's word, given at that instant, that what is held may go out."""
        self._said_us = max(self._said_us, said_us)
        self._more.set()

    def _hear_operator(self) -> None:
        if self._said_us:
            if self.job.engine.resume(self._said_us):
                log.warning("held alerts may go out, by the operator's word", partition=self.number)
            self._said_us = 0

    def _tell_notices(self) -> None:
        """What an operator should read in the log, when it begins and when it ends."""
        held, release = self.held(), self.job.engine.ladder.release
        if bool(held) != self._told_held:
            self._told_held = bool(held)
            if held:
                log.error(
                    held,
                    partition=self.number,
                    cure="look for purchases that do not arrive; `churn-alert outreach resume` lets them go",
                )
            else:
                log.warning("alerts are held no longer", partition=self.number)
        silent = frozenset(self.job.engine.sources.silent())
        for source in sorted(silent - self._told_silent):
            log.warning(
                "a store or channel has fallen silent; the absences of its customers wait",
                source=source,
                partition=self.number,
            )
        for source in sorted(self._told_silent - silent):
            log.info("a store or channel is heard of again", source=source, partition=self.number)
        self._told_silent = silent
        for name in self.job.engine.counts.left_out.keys() - self._told_alike:
            self._told_alike.add(name)
            if name.startswith(OF_CUSTOMERS):
                log.warning(
                    "a field of customers is not read",
                    field=name.removeprefix(OF_CUSTOMERS),
                    meant=OURS[name.removeprefix(OF_CUSTOMERS)],
                )
        if release.lacks_consents != self._told_consents:
            self._told_consents = release.lacks_consents
            if release.lacks_consents:
                log.warning(
                    "nearly every alert ends at a consent of which nobody knows: nothing is sent",
                    partition=self.number,
                    cure='send marketing_consent on customers, or set outreach.consent = "external" if it is kept elsewhere',
                )

    def behind_open_transactions(self) -> dict[str, int]:
        """Input → records, of those that wait behind a transaction that is open; without those where none does."""
        found = {
            topic: end.log.high - max(end.log.stable, self.job.positions[topic])
            for topic, end in self._intake.ends().items()
            if end is not None
        }
        return {topic: records for topic, records in found.items() if records > 0}
