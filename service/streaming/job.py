"""What a partition does with its records, without Kafka's machinery: inbox → engine → records to write.

The positions (next offset per input topic) move with the engine and are part of what is written, so a restart knows
exactly what the state contains.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import NamedTuple

import msgspec
from aiokafka.structs import ConsumerRecord

from service.cluster.known_logs import KnownLogs
from service.cluster.leader_epochs import ReadEpochs
from service.cluster.partitioner import Kept
from service.cluster.placement import Placement
from service.collector import empty
from service.config import Settings
from service.domain.calendar import DAY_US
from service.domain.changelog import (
    CLOCK_KEY,
    GO_ON_KEY,
    LOGS_KEY,
    PARTITIONER_KEY,
    POSITION_KEY,
    PROGRESS_KEY,
    RETRIED_PREFIX,
    STUMBLED_PREFIX,
    UNFINISHED_KEY,
    Turn,
    day_key,
    day_of_key,
    month_key,
    month_of_key,
    pack_positions,
    unpack_positions,
    unpack_today,
)
from service.domain.engine import ALL_SCORES
from service.domain.feed_delay import FeedDelay
from service.domain.findings import Decision, Output
from service.domain.folding.attic import Attic
from service.domain.parcels import Parcel
from service.domain.policy import ClockMode
from service.domain.stumbling import CustomerError, FullTurnError, LaterReleaseError, RefreshError
from service.domain.timeline import UNLIMITED
from service.engines import new_engine, of_a_later_release
from service.errors import ChurnAlertError, FatalError
from service.refused.quarantine import (
    Kind,
    Place,
    Quarantine,
    Stumbled,
    of_customer,
    of_record,
    of_refresh,
    told_of,
)
from service.refused.retries import Mark, Readings
from service.streaming.carriage import Carriage
from service.streaming.decoding import Decoded, Passed, Refused
from service.streaming.inbox import UNDECIDED_US, Inbox, clock_us
from service.streaming.ledger_news import LedgerNews
from service.streaming.local_store import local_store
from service.streaming.own_topics import OwnTopics
from service.streaming.producer import Destination, Record
from service.streaming.turn_letters import TurnLetters
from service.streaming.turn_size import LARGEST_BYTES
from service.wire.encoder import Encoder, EncoderSettings, TopicKind
from service.wire.input_topics import BY_RANK

DATES = 500
"""Dates that a turn looks at, at most: where tens of thousands come due at once, those who wait to be counted or
cancelled are held up by some of them only."""
DATES_FOR_A_RECORD = 2
"""And so many more for each of its records: a backlog brings the dates of the days that it passes."""
SLICE = 500
"""Records applied before other partitions may run."""


class Written(NamedTuple):
    """One turn, ready to be written in one transaction."""

    records: dict[Destination, list[Record]]
    positions: dict[str, int]
    """What the state contains once this is committed."""
    processed: int
    decisions: list[Decision]
    dead_letters: Counter[str]
    outputs: int
    refused: Sequence[tuple[ConsumerRecord, str]] = ()
    """The records of the dead letters, with their codes."""
    carried: Counter[tuple[str, str]] = Counter()  # noqa: RUF012 - nobody adds to it
    """Records carried to other partitions, by topic and by the function that put them here."""
    retried: Counter[str] = Counter()  # noqa: RUF012 - nobody adds to it
    """Records that were sent back by hand: taken, refused once more, and come again after they were taken."""
    passed: Counter[tuple[str, str]] = Counter()  # noqa: RUF012 - nobody adds to it
    """Records that the settings say are none of ours, by topic and reason."""
    state: int = 0
    made: int = 0
    scores: int = 0
    days: int = 0
    """Records of the state, outputs without scores, scores and days of the ledger."""


class PartitionJob:
    """State, inputs and outputs of one partition number. Synchronous; owned by one task at a time."""

    def __init__(
        self, settings: Settings, partition: int, partitions: int = 1, placement: Placement | None = None
    ) -> None:
        """`partitions` is how many the inputs have; without `placement` every record is taken to lie right."""
        self._settings = settings
        self.partition = partition
        topics = settings.kafka.topics
        self.sources = tuple(row.name(topics) for row in BY_RANK)
        """Input topics in the order that breaks ties of time; then the topic of what other partitions have carried
        here, where there are others."""
        self._own = len(self.sources)
        self._carriage: Carriage | None = None
        if placement is not None and partitions > 1:
            self._carriage = Carriage(partition, self.sources, placement, clock_us())
            self.sources = (*self.sources, settings.kafka.carried_topic)
        self._placement = placement
        self._born_us = clock_us()
        self._settled_us = 0
        """All that lay in other partitions' logs at that instant and belongs here has been applied."""
        self._wall = settings.time.clock is ClockMode.WALL
        self._grace_us = int(settings.time.grace_s * 1_000_000)
        self._store = local_store(settings.limits.store_directory) if settings.limits.store else None
        self.attic = Attic(settings.limits.customers, self._store)
        self.engine = new_engine(settings, partitions=partitions, partition=partition, attic=self.attic)
        if self._carriage is not None:
            self.engine.identities.elsewhere = self._is_elsewhere
        self._delay = self._delay_of_feed()
        self._encoder = Encoder(EncoderSettings.of(settings))
        self.positions = dict.fromkeys(self.sources, 0)
        self.quarantine = Quarantine(settings)
        """What errors of our own were about."""
        self.inbox = Inbox(
            settings, self.sources, self.positions, self.engine, self._carriage, self.quarantine, partition
        )
        self._applied = 0
        """Records since the last drain."""
        self._only: tuple[int, Decoded] | None = None
        """The record, where it is one."""
        self._most_bytes = LARGEST_BYTES
        self.logs = KnownLogs()
        """What is known of the topics that are read, and of the ledger; it lies in the state."""
        self.epochs = ReadEpochs()
        """Of the leaders of the inputs."""
        self.state_log = KnownLogs()
        """The same of the state's own topic, and of outputs; it lies in the ledger, which deliverers may read."""
        self.own_topics = OwnTopics(settings.kafka, partition, self.logs, self.state_log)
        self._passed: Counter[tuple[str, str]] = Counter()
        self._news = LedgerNews(settings)
        self._unfinished = False
        self.destinations = {
            TopicKind.OUTREACH: Destination(topics.outreach, partition),
            TopicKind.OUTREACH_DECISIONS: Destination(topics.outreach_decisions, partition),
            TopicKind.CUSTOMER_SCORES: Destination(topics.customer_scores, partition),
        }
        self._dead = Destination(topics.dead_letters, partition)
        self.state = Destination(settings.kafka.state_topic, partition)
        self.ledger = Destination(settings.kafka.ledger_topic, partition)
        self._readings = Readings(settings)
        self._letters = TurnLetters(self.state, self.quarantine, self._readings)

    def close(self) -> None:
        """Nobody goes on with this job: what it holds outside of memory is given back."""
        if self._store is not None:
            self._store.close()

    async def let_go(self) -> None:
        """The same, and its memory bit by bit: millions of customers who go at once would hold everything up. Nobody
        may know this job any more."""
        self.close()
        await empty(self.engine.let_go())

    # ---- recovery

    def restore(self, topic: str, key: bytes, value: bytes | None) -> None:
        """One record of the changelogs."""
        try:
            if topic == self.ledger.topic:
                self._restore_of_ledger(key, value)
            elif key == POSITION_KEY:
                if value is not None:
                    positions = self.epochs.restore(unpack_positions(value))
                    self.positions.update(positions if self._carriage is None else self._carriage.restore(positions))
            elif key == UNFINISHED_KEY:
                self._unfinished = value is not None
            elif key == LOGS_KEY:
                self.logs.restore(value or b"")
            else:
                self.engine.restore(key, value)
        except LaterReleaseError as error:
            raise of_a_later_release(f"{topic}-{self.partition}", error) from error
        except (msgspec.MsgspecError, ValueError) as error:
            raise FatalError(
                f"The changelog {topic}-{self.partition} holds a record that is no snapshot: {error}."
            ) from error

    def _restore_of_ledger(self, key: bytes, value: bytes | None) -> None:
        """One of the ledger's."""
        day = day_of_key(key)
        if key == PARTITIONER_KEY and self._placement is not None:
            self._placement.take(self.partition, key, value)
        elif self._news.restore(key, value):
            pass
        elif key == LOGS_KEY:
            self.state_log.restore(value or b"")
        elif day is not None and value is not None:
            self.engine.ledger.restore(day, value)
        elif key.startswith(STUMBLED_PREFIX):
            self.quarantine.restore(key, value)
        elif key == GO_ON_KEY:
            self.quarantine.allowed_us = 0 if value is None else unpack_today(value)
        elif key.startswith(RETRIED_PREFIX):
            self._readings.restore(key, value)
        elif (month := month_of_key(key)) is not None and value is not None:
            self.engine.brought_sums.restore(month, value)

    def restored(self) -> None:
        """All of it has been read. Raises CeilingError where a person is waited for, FatalError for a state that is not
        whole, or was made under settings that it cannot do without."""
        if self._unfinished:
            raise FatalError(
                f"The state of group {self._settings.kafka.group!r} is not whole: it was being carried here, and that was "
                "broken off. Begin again with `churn-alert state reset`, then carry it once more."
            )
        told = self._news.go_on()
        if told is not None and self._news.made_under.drawn_by_group:
            self.engine.draw_without_secret()
        self.inbox.gates.restore(self._news.gates)
        self.quarantine.restored()
        self.quarantine.hold(clock_us())
        if self.quarantine.has_customers:
            self.engine.roster.is_aside = self._is_aside
            self.engine.roster.aside.update(filter(self._is_aside, self.engine.customers))
        self.engine.refreshes_left_out.update(self.quarantine.refreshes())
        if len(self.engine.roster.unreadable) > self._settings.limits.set_aside_most:
            raise FatalError(
                f"The changelog {self.state.topic}-{self.partition} holds {len(self.engine.roster.unreadable)} customers who cannot "
                "be read: no accident of one record (limits.set_aside_most)."
            )
        try:
            self.engine.restored()
        except LaterReleaseError as error:
            raise of_a_later_release(f"{self.state.topic}-{self.partition}", error) from error
        if told is not None and told.regular_min_visits != self._news.made_under.regular_min_visits:
            self.engine.recount()
        self._delay = self._delay_of_feed()

    def _delay_of_feed(self) -> FeedDelay:
        return FeedDelay(int(self._settings.time.max_delay_days * DAY_US), self.engine.state.delay)

    def _is_aside(self, customer_id: str) -> bool:
        """Whether the customer's dates are not to come up."""
        return self.quarantine.is_aside(of_customer(customer_id))

    def _is_elsewhere(self, customer_id: str) -> bool:
        """Whether the id belongs to another partition."""
        home = None if self._placement is None else self._placement.home(customer_id.encode())
        return home is not None and home != self.partition

    # ---- turns

    def begin(self, most_bytes: int) -> None:
        """A turn that is to write no more than so much begins."""
        self._most_bytes = most_bytes
        if self._carriage is not None:
            self._carriage.most_bytes = most_bytes // 2  # what is applied needs room as well

    @property
    def carries_more(self) -> bool:
        """Whether records that belong to other partitions wait for the next turn, this one being full of them."""
        return self._carriage is not None and self._carriage.is_full

    @property
    def waiting_bytes(self) -> int:
        """What goes with the turn and is encoded already."""
        carriage = self._carriage
        carried = 0 if carriage is None else carriage.out_bytes + self.engine.identities.waiting_bytes()
        return self._letters.bytes + carried

    def apply(self, taken: list[tuple[int, Decoded]]) -> int:
        """Applies a slice of what `take` gave, in its order. Returns how many: all, unless the turn is full of dead
        letters, or of what the dates before a record lead to. Raises Stumbled for an error of our own: this job is to
        be forgotten then."""
        self._only = taken[0] if len(taken) == 1 and not self._applied else None
        self._applied += len(taken)
        apply, wall_us = self.engine.apply, clock_us() if self._wall else 0
        timeline, delay_us = self.engine.timeline, self._delay_at(taken, wall_us)
        last: dict[int, int] = {}
        learn, of_purchases, carriage = self._delay.learn, self.inbox.of_purchases, self._carriage
        rest, left = iter(taken), list[tuple[int, Decoded]]()
        source, offset = 0, 0
        try:
            for source, (_, offset, event, beside, arrived_ms) in rest:
                if event is not None:
                    if delay_us:
                        timeline.until_us = min(arrived_ms * 1000 or wall_us, wall_us) - delay_us
                    if beside is None:
                        apply(event, wall_us)
                        if wall_us and of_purchases[source]:
                            learn(arrived_ms * 1000, event.at_us, wall_us)
                    elif isinstance(beside, Mark):  # when it arrives says nothing about the feed
                        if self._letters.came_again(beside):
                            self.engine.counts.duplicates += 1
                        else:
                            apply(event, wall_us)
                            self._letters.was_applied(beside, clock_us())
                elif isinstance(beside, Refused):
                    if beside.says is not None:
                        apply(beside.says, wall_us)
                    self._letters.refuse(beside, clock_us())
                    if self._letters.bytes > self._most_bytes:
                        left = list(rest)  # so that this record is the last
                elif isinstance(beside, Passed):
                    self._passed[beside] += 1
                last[source] = offset
                if carriage is not None and source >= self._own:
                    carriage.applied(self.inbox.streams[source - self._own], offset)
        except FullTurnError:
            left = taken[-1 - sum(1 for _ in rest) :]  # the record at hand is the first of the next turn
        except Exception as error:
            raise self._stumbled(error, self._place_of(source, offset)) from error
        for source, offset in last.items():
            if source < self._own:
                self.positions[self.sources[source]] = offset + 1
            elif carriage is not None:
                topic = self.sources[self._own]
                self.positions[topic] = carriage.position(self.positions[topic])
        self._applied -= len(left)
        return len(taken) - len(left)

    def _delay_at(self, taken: list[tuple[int, Decoded]], wall_us: int) -> int:
        """How late purchases arrive, by what was known when these had arrived: an event of this evening must not call
        those absent who have bought since, where the till delivers at night. 0 where events are the clock."""
        if not wall_us or not taken:
            return 0
        arrived_us = 1000 * next((entry[4] for _, entry in taken if entry[4] > 0), 0)
        delay_us = self._delay.delay_us(min(arrived_us, wall_us) if arrived_us else wall_us)
        if not delay_us:
            self.engine.timeline.until_us = UNLIMITED
        return delay_us

    def grant(self, records: int, fit: int) -> None:
        """The turn goes over so many records: it looks at so many dates at most, and no more than find room (`fit`),
        where the wall clock rules."""
        self.engine.timeline.grant(min(DATES + DATES_FOR_A_RECORD * records, max(1, fit)))

    def bound(self, dates: int, more: Callable[[], int] | None) -> None:
        """The same where the clock of events rules, or a backlog is read: a record waits for dates before it that find
        no room. Arguments as of `Timeline.bound`."""
        self.engine.timeline.bound(dates, more)

    @property
    def looked_at(self) -> int:
        """Dates that have come up so far."""
        return self.engine.timeline.looked_at

    @property
    def dates_may_be_late(self) -> bool:
        """Whether dates may come up later than they are due: the wall clock rules."""
        return self._wall

    @property
    def behind(self) -> bool:
        """Whether dates that have passed wait for the next turn."""
        return self.engine.timeline.behind

    def advance(self, wall_us: int, complete_us: int) -> None:
        """All that had arrived at `complete_us` has been applied: the wall clock may move time, for as long before that
        as purchases take to arrive."""
        delay_us = self._delay.delay_us(wall_us)
        self.engine.ladder.release.delay_us = delay_us
        to_us = complete_us - max(self._grace_us, delay_us)
        self.engine.timeline.until_us = to_us + 1 if delay_us else UNLIMITED
        try:
            self.engine.advance(wall_us, to_us)
        except Exception as error:
            raise self._stumbled(error, None) from error

    def _place_of(self, source: int, offset: int) -> Place:
        """Of a record in the merge."""
        if source < self._own:
            return Place(self.sources[source], self.partition, offset)
        return Place(*self.inbox.streams[source - self._own], offset)

    def _stumbled(self, error: Exception, place: Place | None) -> Exception:
        """What an error is about; itself where it is not of our own, or of nothing that could be set aside. `place`: of
        the record that was being applied."""
        if isinstance(error, ChurnAlertError | MemoryError | OSError):
            return error
        if isinstance(error, RefreshError):
            return Stumbled(Kind.REFRESH, of_refresh(error.at_us), "the refresh of what is learned")
        if isinstance(error, CustomerError):
            return Stumbled(Kind.CUSTOMER, of_customer(error.customer_id), "a customer's date", error.customer_id)
        return error if place is None else Stumbled(Kind.RECORD, of_record(place), told_of(place))

    def noted(self, stumbled: Stumbled) -> dict[Destination, list[Record]]:
        """What is to be written before this job is forgotten, so that the next one knows."""
        now_us = clock_us()
        if stumbled.kind is Kind.TURN:
            return {self.ledger: [self.quarantine.note_turn(self._applied, self.positions)]}
        records: dict[Destination, list[Record]] = {self.ledger: [self.quarantine.note(stumbled, now_us)]}
        if self.quarantine.is_aside(stumbled.identity) and stumbled.kind is not Kind.RECORD:
            records[self._dead] = [self._letters.about(stumbled, now_us)]
        return records

    def asked_time(self) -> dict[Destination, list[Record]]:
        """What is written for the sake of the broker's answer alone."""
        return {self.ledger: [(CLOCK_KEY, None)]}

    def noted_stop(self) -> dict[Destination, list[Record]]:
        """The same where a person is waited for."""
        return {self.ledger: [self.quarantine.note_stop(clock_us())]}

    def feed_delay_us(self) -> int:
        """How long after a sale its purchase arrives, as far as has been learned."""
        return self._delay.delay_us(clock_us())

    def has_had_to_do_with(self, topic: str) -> bool:
        """Whether anything was read of it, or carried into it: what became of the rest nobody knows once it is gone."""
        is_carried = self._carriage is not None and topic == self.sources[self._own]
        return self.positions[topic] > 0 or (is_carried and self._carriage is not None and self._carriage.has_ever_sent)

    def lost(self, topic: str, records: int, until_us: int) -> None:
        """So many records of an input were lost, which had arrived by `until_us`; 0 where nobody knows how many."""
        self.logs.lost(topic, records, clock_us())
        self.epochs.forget(topic)
        source = self.sources.index(topic)
        if source == self._own or self.inbox.of_purchases[source]:
            self.engine.lost_purchases(records, until_us)

    @property
    def must_write(self) -> bool:
        """Whether a turn has something to write although nothing was applied."""
        return (
            self._news.kept is not None
            or ((self.logs.changed or self.state_log.changed) and any(self.positions.values()))
            or (self._carriage is not None and self._carriage.must_tell)
        )

    @property
    def wakes(self) -> bool:
        """Whether the clock has to wake this partition: time moves with it, or others wait to hear of it."""
        return self._wall or (self._carriage is not None and (self._carriage.tells or self.inbox.holds_back))

    def decide(self, kept: Kept) -> None:
        """The group's function was found: the next turn tells it to everybody. Only for partition 0."""
        self._news.kept = kept

    def beat(self) -> None:
        """The clock: who waits for this partition is told how far it is."""
        if self._carriage is not None:
            self._carriage.beat()

    def complete_us(self, own_us: int) -> int:
        """All that lay in the logs at that instant for customers of this partition has been applied; 0 = nothing is
        known. `own_us`: the same of this partition's own logs."""
        carriage = self._carriage
        if carriage is None:
            return own_us
        if carriage.placement.kept is None and clock_us() - self._born_us < UNDECIDED_US:
            return 0
        if not self.inbox.buffered(self._own):
            self._settled_us = carriage.complete_us()
        return min(own_us, self._settled_us)

    def drain(self, processed: int, *, positions: bool = False, scores: int = ALL_SCORES) -> Written | None:
        """What has to be written for everything applied since the last call; None for nothing at all. `scores`: of how
        many customers, at most, the newest record is published.

        `positions`: they have to be, also where there is nothing else. Raises Stumbled as `apply`.
        """
        waiting = self.engine.waiting()[1]
        try:
            turn = self.engine.drain(scores)
        except Exception as error:
            raise self._stumbled_in_turn(error) from error
        self._applied = 0
        self.quarantine.passed(self.positions, self.partition)
        for customer_id, failed in self.engine.scoreboard.failed:
            self._letters.leave_out(customer_id, "a customer's scores", f"scores of {customer_id}", failed, clock_us())
        self.engine.scoreboard.failed.clear()
        if not (processed or positions or turn or self._letters.records or self._day_has_changed() or self.must_write):
            return None
        records, decisions = self._encoded(turn.outputs)
        outputs = sum(map(len, records.values()))
        published = len(turn.outputs) - waiting
        letters = self._letters.take()
        if letters.records:
            records[self._dead] = letters.records
        contained, carried = self._carried_out(turn.parcels, records)
        records[self.state] = [
            *turn.state,
            (POSITION_KEY, pack_positions(contained | self.epochs.kept(self.positions))),
        ]
        if self.logs.goes_along:
            records[self.state].append((LOGS_KEY, self.logs.pack()))
        ledger = self._ledger_records(turn)
        if ledger:
            records[self.ledger] = ledger
        written = Written(
            records,
            dict(self.positions),
            processed,
            decisions,
            letters.reasons,
            outputs,
            letters.refused,
            carried,
            letters.retried,
            self._passed,
            len(turn.state),
            len(turn.outputs) - published,
            published,
            len(turn.ledger),
        )
        self._passed = Counter()
        return written

    def _encoded(self, outputs: Sequence[Output]) -> tuple[dict[Destination, list[Record]], list[Decision]]:
        """Records of these, and which of them are decisions; without those that an error of our own keeps from being
        written."""
        records: dict[Destination, list[Record]] = {}
        decisions: list[Decision] = []
        for output in outputs:
            try:
                made = self._encoder.encode(output)
            except Exception as error:  # noqa: BLE001 - an error of our own is this one output's
                decision = output.decision_id if isinstance(output, Decision) else "scores"
                what = f"what was decided ({decision})"
                self._letters.leave_out(output.customer_id, what, decision, error, clock_us())
                continue
            if isinstance(output, Decision):
                decisions.append(output)
            for encoded in made:
                records.setdefault(self.destinations[encoded.topic], []).append((encoded.key, encoded.value))
        return records, decisions

    def _carried_out(
        self, parcels: Sequence[Parcel], records: dict[Destination, list[Record]]
    ) -> tuple[dict[str, int], Counter[tuple[str, str]]]:
        """Adds what goes to other partitions. Returns the positions that the state contains then, and how many records
        were carried."""
        if self._carriage is None:
            return self.positions, Counter()
        for parcel in parcels:
            home = self._carriage.placement.home(parcel.to.encode())
            if home is None:
                raise FatalError(f"The partition of {parcel.to!r} is not known, and was a moment ago.")
            self._carriage.send_parcel(parcel, home, clock_us())
        contained = {**self.positions, **dict(self._carriage.positions())}
        sent, carried = self._carriage.take_out()
        for home, batch in sent.items():
            records[Destination(self.sources[self._own], home)] = batch
        return contained, carried

    def _ledger_records(self, turn: Turn) -> list[Record]:
        """Days and months that have changed, and what else a deliverer, another partition or the next life is told."""
        ledger: list[Record] = [(day_key(day), value) for day, value in turn.ledger]
        ledger.extend((month_key(month), value) for month, value in turn.brought)
        today = self.engine.today if self.engine.now_us > 0 else None
        ledger.extend(self._news.records(today, self.sources, self.inbox.gates.standings()))
        ledger.extend(self._readings.take_news(clock_us()))
        ledger.extend(self.quarantine.take_news(clock_us()))
        if self._carriage is not None:
            progress = self._carriage.progress(clock_us(), all_applied=len(self.inbox) == 0)
            if progress is not None:
                ledger.append((PROGRESS_KEY, progress.pack()))
        if self.state_log.goes_along:
            ledger.append((LOGS_KEY, self.state_log.pack()))
        return ledger

    def _stumbled_in_turn(self, error: Exception) -> Exception:
        """What an error is about that came when a turn was put together: a customer whom one of its records has
        changed, or a date."""
        if self._only is not None and not self._is_of_another(error):
            source, (_, offset, *_) = self._only
            cause = error.__cause__ if isinstance(error, CustomerError) else error
            return self._stumbled(cause if isinstance(cause, Exception) else error, self._place_of(source, offset))
        if self._applied > 1 and not isinstance(error, ChurnAlertError | MemoryError | OSError):
            return Stumbled(Kind.TURN, b"", "a turn of several records")
        return self._stumbled(error, None)

    def _is_of_another(self, error: Exception) -> bool:
        """Whether it is about another customer than the one record's of this turn."""
        event = None if self._only is None else self._only[1][2]
        return isinstance(error, CustomerError) and event is not None and event.customer_id != error.customer_id

    def _day_has_changed(self) -> bool:
        """Whether the local day of stream time has not been told yet."""
        return self.engine.now_us > 0 and self._news.is_new_day(self.engine.today)
