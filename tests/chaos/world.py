"""The world of one schedule: two workers and one that comes and goes, their topics on the three brokers, and the
supervisor that starts again what ends by itself, with its pauses, as systemd would."""

from __future__ import annotations

import asyncio
import heapq
import json
import math
import signal
import sys
import tempfile
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import ExitStack, closing, suppress
from pathlib import Path
from subprocess import DEVNULL, PIPE, Popen, TimeoutExpired
from types import TracebackType
from typing import Final, Literal, Self

from aiokafka.errors import KafkaError as AsyncKafkaError
from kafka import TopicPartition
from kafka.errors import KafkaError

from service.cluster import topics
from service.config import Settings
from service.errors import ExitCode
from tests.chaos.feed import Feed
from tests.chaos.outcome import Noticed, Outcome
from tests.chaos.schedule import BROKERS, Act, Kind, Schedule, What
from tests.chaos.standstill import TELL, TELLS_S, what_brokers_say
from tests.chaos.under_test import CLOCK, MUTANT, PAUSE
from tests.chaos.watch import Watch
from tests.support.checker import BOMB_BYTES, Hole, Report, check
from tests.support.cluster import Cluster, Node
from tests.support.hostile_batches import GZIP, ZSTD, Made, batch, bomb, produce_raw
from tests.support.load import settings_for
from tests.support.processes import free_port
from tests.support.worker_process import WorkerProcess, visible

Gaps = Literal["stop", "continue"]
PARTITIONS: Final = 3
ALL_REPLICAS: Final = 3
SESSION_S: Final = 6
"""The shortest that a broker allows."""
CLIENTS: Final = ("w1", "w2", "w3")
STOP_S: Final = 60.0
"""A worker goes in ten seconds at most; a loaded machine takes longer."""
STOPS_WITH: Final = (0, ExitCode.CRASHED, -signal.SIGTERM)
"""In order; where the turn in flight waited for something disturbed; where Python had not begun yet."""
RESTARTED: Final = (ExitCode.CRASHED, ExitCode.UNAVAILABLE)
"""A supervisor starts again, and all is well."""
RESTART_S: Final = 0.3
"""A supervisor's pause."""
ENDLESS: Final = 6
"""So many ends of one worker by itself in a row, with nothing applied in between, are an endless restart."""
STARTS_AGAIN: Final = "; starting again"
"""What a worker says that replaces itself."""
NO_FURTHER: Final = "a partition gets no further"
"""What one says of a partition for which others do not what they should."""
SETTLE_S: Final = 90.0
"""Requests that wait for an answer which was lost give up after 45 s."""
LEAST_CUSTOMERS: Final = 240
CUSTOMERS_PER_S: Final = 3.0
"""Of the café, for each second of a schedule: so that its days last."""
WEB_LOAD: Final = "web load"
"""A schedule in which this occurs has a worker with a page."""
HUGE_SUMS: Final = "sums beyond 64 bits"
"""A schedule in which this occurs counts in a currency with four digits behind the point."""
HEADER: Final = (b"\xff\xfe", b"v")
"""Its name is no text."""
WAITS_S: Final = 60.0
"""So long a disturbance of a worker waits for that worker to have work in hand."""
BASE_DELAY_S: Final = 0.004
"""Of each worker's links in each direction, as between two machines: so that a turn takes a while, and is met."""
TALKATIVE: Final = {"level": 4.0, "second_visit": True}
"""Settings of outreach under which some turns in ten records decide something: the default learns a shop first, and
leaves a café of a minute alone."""


class World:
    """Made for one schedule; the cluster stays for the next."""

    def __init__(
        self,
        cluster: Cluster,
        schedule: Schedule,
        *,
        mutant: str = "",
        delay_s: float = BASE_DELAY_S,
        patience_s: float = SETTLE_S,
        limit_s: float = math.inf,
    ) -> None:
        """`delay_s`: of the workers' links while nothing disturbs them; `patience_s`: with workers that do not move
        then; `limit_s`: of the schedule, whatever has come of it by then."""
        self.cluster = cluster
        self._stack = ExitStack()
        self._mutant = mutant
        self.delay_s = delay_s
        self.patience_s = patience_s
        self._limit_s = limit_s
        self._directory = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="chaos-")))
        seed = schedule.seed
        self._schedule = schedule
        self._static = seed % 2 == 0
        """Whether the workers' places in the group are kept for them."""
        self._page = free_port() if any(step.kind == WEB_LOAD for step in schedule.steps) else None
        self.on_gap: Gaps = "continue" if seed % 4 < 2 else "stop"
        """What the workers' next lives do where records were lost."""
        self._attack: Popen[bytes] | None = None
        self.settings = self._settings_of(cluster.bootstrap_servers, f"c{seed}-{uuid.uuid4().hex[:6]}-")
        self.workers = {name: self._worker(name) for name in CLIENTS}
        self._wanted: dict[str, bool] = dict.fromkeys(CLIENTS, False)
        self._ended_s: dict[str, float] = {}
        self._ends_in_a_row: dict[str, tuple[int, int]] = {}
        self.own_ends: dict[int, int] = {}
        """Exit code → how often a worker has ended by itself with it."""
        topics.create(self.settings, partitions=PARTITIONS, replication=ALL_REPLICAS, wait_s=30)
        self.watched = Watch(self.settings, PARTITIONS)
        customers = max(LEAST_CUSTOMERS, int(CUSTOMERS_PER_S * schedule.seconds))
        self.feed = Feed(self.settings, PARTITIONS, seed, self.watched, customers=customers)
        self.complaints: list[str] = []
        self._complained_s = 0.0
        self.refusals: list[str] | None = None
        """What workers have said that ended because records were lost; None: none were, and nobody may end so."""
        self.holes: list[Hole] = []
        """Records that were lost on purpose before anybody had read them, as the states tell."""
        self.bombs = self.nameless = self.made_anew = 0
        self._begun: Counter[str] = Counter()
        """How often each kind has been done."""
        self._under_way: dict[int, Act] = {}
        """By the number of their step: how disturbances that have begun end."""

    def _settings_of(self, servers: str, prefix: str) -> Settings:
        return settings_for(
            servers,
            prefix,
            kafka={
                "fetch_bytes": 65_536,
                "buffer_records": 100,
                "session_timeout_s": SESSION_S,
                "heartbeat_interval_s": 1,
                "rebalance_timeout_s": 15,
                "transaction_timeout_s": 20,  # longer than a pause: what fences a sleeper is its successor
                "request_timeout_s": 8,
                "partitioner": "murmur2",
                "on_gap": self.on_gap,
            },
            outreach=TALKATIVE,
            shop={"currency": "UYW"} if any(step.kind == HUGE_SUMS for step in self._schedule.steps) else {},
        )

    def go_on_without_what_was_lost(self) -> None:
        """The operator has read what the workers said: their next lives accept it."""
        self.on_gap = "continue"
        self.settings = self.settings.changed(kafka={"on_gap": self.on_gap})
        for name, worker in self.workers.items():
            worker.obey(self._settings_behind(name))

    def _worker(self, name: str) -> WorkerProcess:
        variables = {CLOCK: str(self._directory / f"clock-{name}"), PAUSE: str(self._pauses(name))}
        if self._mutant:
            variables[MUTANT] = self._mutant
        return WorkerProcess(
            self._settings_behind(name),
            name,
            web=self._page is not None and name == "w1",
            static=self._static and name != "w3",
            program="tests.chaos.under_test",
            variables=variables,
        )

    def _settings_behind(self, name: str) -> Settings:
        """Of a worker behind its links."""
        page = {"web": {"port": self._page}} if self._page is not None and name == "w1" else {}
        return self.settings.changed(kafka={"bootstrap_servers": self.cluster.behind(name)}, **page)

    def _pauses(self, name: str) -> Path:
        return self._directory / f"pause-{name}"

    # ---- what kinds do

    def start_worker(self, what: What) -> None:
        self._wanted[what.target] = True
        if self.workers[what.target]._process is None:
            self.workers[what.target].start()

    def kill_worker(self, what: What) -> None:
        self._wanted[what.target] = False
        if self.workers[what.target]._process is not None:
            self.workers[what.target].end(signal.SIGKILL)

    def stop_worker(self, what: What) -> None:
        """SIGTERM: it must go in time, by itself."""
        worker = self.workers[what.target]
        if self._wanted[what.target] and worker._process is not None and not worker.running:
            self._has_ended(what.target, worker)  # by itself, a moment ago
        self._wanted[what.target] = False
        if worker._process is None:
            return
        worker.resume()
        try:
            code = worker.end(signal.SIGTERM, STOP_S)
        except TimeoutExpired:
            self.complain(f"{what.target} did not stop within {STOP_S:.0f} s")
            worker.end(signal.SIGKILL)
        else:
            if code not in STOPS_WITH:
                self.complain(f"{what.target} ended with {code} when it was asked to stop")

    def pause_worker(self, what: What) -> None:
        self._wanted[what.target] = False
        self.workers[what.target].pause()

    def pause_in_a_turn(self, what: What) -> None:
        """It stands still as soon as it has a turn to write."""
        self._wanted[what.target] = False
        self._pauses(what.target).touch()

    def kill_in_a_turn(self, what: What) -> None:
        """It dies so many seconds after it has begun to write its next turn, or before the one after so many."""
        self._wanted[what.target] = False
        asked = self._pauses(what.target).with_suffix(".new")
        asked.write_text(str(what.strength), encoding="utf-8")
        asked.replace(self._pauses(what.target))

    def follow_the_dead(self, what: What) -> None:
        """It begins again, whether it had a turn to die in or not."""
        self._pauses(what.target).unlink(missing_ok=True)
        self.kill_worker(what)
        self.start_worker(what)

    def resume_worker(self, what: What) -> None:
        self._wanted[what.target] = True
        self._pauses(what.target).unlink(missing_ok=True)
        self.workers[what.target].resume()

    def kill_broker(self, what: What) -> None:
        self._node(what).kill()

    def stop_broker(self, what: What) -> None:
        self._node(what).stop_in_order()

    def start_broker(self, what: What) -> None:
        self._node(what).restart()

    def pause_broker(self, what: What) -> None:
        self._node(what).pause()

    def resume_broker(self, what: What) -> None:
        self._node(what).resume()

    def lack_replicas(self, what: What) -> None:
        """Of each partition fewer are in step than must be: nobody's records are taken."""
        self._node(what).kill()
        self._demand_in_step(ALL_REPLICAS)

    def have_replicas(self, what: What) -> None:
        self._node(what).restart()
        self._demand_in_step(ALL_REPLICAS - 1)

    def _demand_in_step(self, replicas: int) -> None:
        """So many of each topic of ours must be in step, or it takes nothing."""
        deadline = time.monotonic() + SETTLE_S
        while True:  # a broker that is being killed may be the one that is asked
            try:
                self.cluster.demand_in_step(self._topics(), replicas)
            except (KafkaError, OSError):
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.2)
            else:
                return

    def _topics(self) -> list[str]:
        """Inputs, outputs and our own."""
        kafka = self.settings.kafka
        return [*kafka.topics.model_dump().values(), kafka.state_topic, kafka.ledger_topic, kafka.carried_topic]

    def fill_disk(self, what: What) -> None:
        """A broker without room ends itself at its next write."""
        self._node(what).fill_disk()

    def give_room(self, what: What) -> None:
        self._node(what).kill()
        self._node(what).restart()

    def throttle(self, what: What) -> None:
        self.cluster.quota(what.target, what.strength)

    def throttle_no_more(self, what: What) -> None:
        self.cluster.quota(what.target, None)

    def set_clock(self, what: What) -> None:
        """The worker's wall clock is off by so many seconds from now on."""
        (self._directory / f"clock-{what.target}").write_text(str(what.strength), encoding="utf-8")

    def right_clock(self, what: What) -> None:
        self.set_clock(what._replace(strength=0.0))

    def set_broker_clock(self, what: What) -> None:
        """It begins again with a clock that is off by so many seconds."""
        node = self._node(what)
        node.stop_in_order()
        node.believe(what.strength)
        node.restart()

    def right_broker_clock(self, what: What) -> None:
        self.set_broker_clock(what._replace(strength=0.0))

    def forget_what_is_applied(self, _: What) -> None:
        """Retention: what the state contains goes from the inputs."""
        applied = {TopicPartition(*place): at for place, at in self.watched.applied_inputs().items()}
        with suppress(KafkaError, OSError), closing(self.cluster.admin()) as admin:
            admin.delete_records(applied, timeout_ms=5_000)

    def drop_bomb(self, what: What) -> None:
        """Some kilobytes that hold tens of megabytes. Whether they lie there is seen by whoever looks on."""
        codec, size = (ZSTD, BOMB_BYTES) if what.strength else (GZIP, BOMB_BYTES)
        content = batch(0, [Made()], codec, packed=bomb(codec, size))
        topic, partition = self.settings.kafka.topics.purchases, int(what.target)
        with suppress(KafkaError, AsyncKafkaError, OSError, TimeoutError):
            asyncio.run(asyncio.wait_for(produce_raw(self.cluster.bootstrap_servers, topic, partition, content), 5.0))
            self.bombs += 1

    def drop_nameless_header(self, what: What) -> None:
        """Purchases with a header whose name is no text, among good ones: of somebody who is known, at the instant of
        the newest; packed where the strength is 1."""
        topic, partition = self.settings.kafka.topics.purchases, int(what.target)
        known, newest = self.watched.first_and_newest(topic, partition)
        if known is None or newest is None:
            return
        who, at = json.loads(known)["customer_id"], json.loads(newest)["occurred_at"]
        value = f'{{"event_id":"nameless","customer_id":"{who}","occurred_at":"{at}","amount":"7"}}'.encode()
        made = [Made(who.encode(), value, ((b"a header", b"v"), HEADER))] * 2
        with suppress(KafkaError, AsyncKafkaError, OSError, TimeoutError):
            content = batch(0, made, ZSTD if what.strength else 0)
            asyncio.run(asyncio.wait_for(produce_raw(self.cluster.bootstrap_servers, topic, partition, content), 5.0))
            self.nameless += 1

    def attack_page(self, what: What) -> None:
        """Requests at once again and again, half-open ones, large bodies, and the heaviest list."""
        command = [sys.executable, "-m", "tests.support.attack", str(self._page), "100", "100"]
        self._attack = Popen(command, stdin=PIPE, stdout=DEVNULL, stderr=DEVNULL)

    def attack_no_more(self, what: What) -> None:
        if self._attack is not None:
            self._attack.communicate(timeout=300)
            self._attack = None

    def _node(self, what: What) -> Node:
        return self.cluster.nodes[int(what.target) - 1]

    # ---- how it goes

    def run(self, kinds: Mapping[str, Kind]) -> Outcome:
        """The whole of it: the disturbances, then quiet, then what is there is compared with what must be."""
        outcome = Outcome(self._schedule)
        started_s = time.monotonic()
        self.calm()
        for name in ("w1", "w2"):
            self.start_worker(What(name))
        self.until(self.watched.all_move, "the workers have not begun", SETTLE_S)
        began_s = time.monotonic()
        self._play(kinds, began_s)
        self._settle()
        healed_s = time.monotonic() - began_s
        outcome.report = self.compare()
        if self.complaints:
            outcome.noticed = Noticed(self._complained_s - started_s, self._complained_s - began_s)
        outcome.complaints, outcome.begun = self.complaints, self._begun
        outcome.longest_pause_s = max(self.watched.longest_pause_s)
        outcome.said = self._figures(self._schedule, healed_s)
        if self.complaints:
            outcome.logs = self._logs()
        return outcome

    def _logs(self) -> str:
        """What workers have said, and wait for, and what each of the brokers says of the topics."""
        said = {name: worker.log for name, worker in self.workers.items()}
        for worker in self.workers.values():
            worker.send_signal(TELL)
        time.sleep(TELLS_S)
        nodes = [node.number + 1 for node in self.cluster.nodes]
        names, inputs = self.settings.kafka.topics, [self.settings.kafka.state_topic]
        inputs += [names.purchases, names.surveys, names.customers]
        return "\n".join(
            [
                *(f"--- {name} waits: {worker.log[len(said[name]) :]}" for name, worker in self.workers.items()),
                what_brokers_say(self.cluster.bootstrap_servers, nodes, inputs),
                *(f"--- {name}: {log[-5_000:]}" for name, log in said.items()),
            ]
        )

    def complain(self, *what: str) -> None:
        """That was wrong."""
        if what and not self.complaints:
            self._complained_s = time.monotonic()
        self.complaints += what

    def _play(self, kinds: Mapping[str, Kind], began_s: float) -> None:
        """The schedule, up to the first complaint."""
        steps, until_s = self._schedule.steps, began_s + self._limit_s
        due = [(step.at_s, number) for number, step in enumerate(steps)]
        while due and not self.complaints and time.monotonic() < until_s:
            self.supervise()
            now_s = time.monotonic() - began_s
            if now_s < due[0][0]:
                time.sleep(0.02)
                continue
            _, number = heapq.heappop(due)
            step = steps[number]
            kind, what = kinds[step.kind], step.what
            if number in self._under_way:
                self._under_way.pop(number)(self, what)
            elif self._holds(kinds) & set(kind.holds(what)) or (
                kind.wants_work and now_s < step.at_s + WAITS_S and not self.works(what.target)
            ):  # who waited for work has begun later than it was drawn
                heapq.heappush(due, (now_s + 0.1, number))
            elif kind.alone:
                due = [each for each in due if each[1] not in self._under_way]
                heapq.heapify(due)
                self._end_what_is_under_way()
                self._begun[step.kind] += 1
                stood_s = time.monotonic()
                kind.begin(self, what)
                began_s += time.monotonic() - stood_s
            else:
                self._begun[step.kind] += 1
                kind.begin(self, what)
                if kind.end is not None:
                    self._under_way[number] = kind.end
                    heapq.heappush(due, (now_s + what.lasts_s, number))
        self._end_what_is_under_way()

    def _holds(self, kinds: Mapping[str, Kind]) -> set[str]:
        """What is disturbed now, and by nobody else meanwhile. Of brokers nothing: none of their steps waits for work,
        so they lie as they were drawn, with time to rest behind each; put off, one would begin when the last is hardly
        back, and two of three that are not there are more than a cluster is made for."""
        steps = [self._schedule.steps[number] for number in self._under_way]
        return {each for step in steps for each in kinds[step.kind].holds(step.what)} - {BROKERS}

    def _end_what_is_under_way(self) -> None:
        for number, act in self._under_way.items():
            act(self, self._schedule.steps[number].what)
        self._under_way.clear()

    def compare(self) -> Report:
        """All that lies there now, when all that has come in is applied and visible. What differs is a complaint."""
        report = Report()

        def work() -> None:
            nonlocal report
            asyncio.run(asyncio.wait_for(visible(self.settings.kafka), SETTLE_S))
            report = check(self.settings, PARTITIONS, kept=self.watched.everything(), holes=self.holes)

        if not self.complaints:
            self.meanwhile(work)
            self.complain(*report.differences)
        return report

    def _heal(self) -> None:
        """Every link is open, and every broker there."""
        self.calm()
        for node in self.cluster.nodes:
            if node.running:
                node.resume()
            else:
                node.restart()

    def calm(self) -> None:
        """Every link as it is when nothing disturbs it."""
        links = [each for client in CLIENTS for each in self.cluster.links(client)]
        self.cluster.proxy.tell(links, delay_s=self.delay_s)

    def works(self, name: str) -> bool:
        """Whether that worker has partitions, and has begun to apply what lies in them."""
        worker = self.workers[name]
        return self._is_member(worker) and self.watched.moved_lately()

    def all_wanted_are_members(self) -> bool:
        """Whether each worker that should be there has joined the group."""
        return all(self._is_member(worker) for name, worker in self.workers.items() if self._wanted[name])

    @staticmethod
    def _is_member(worker: WorkerProcess) -> bool:
        return worker.running and "partitions assigned" in worker.life_log

    def _settle(self) -> None:
        """Nothing is disturbed any more: all that lies there is applied, and the workers stay."""
        self._heal()
        if self.complaints:
            return
        self._wanted.update(w1=True, w2=True)
        self.meanwhile(self.cluster.wait_whole)
        self.meanwhile(self.feed.finish)
        self.meanwhile(self.watched.ends_here)
        self.until(self.watched.caught_up, "not caught up")

    def until(self, holds: Callable[[], bool], complaint: str, patience_s: float | None = None) -> None:
        """The supervisor goes on until it holds; it is a complaint where nothing moves for too long before."""
        patience_s = self.patience_s if patience_s is None else patience_s
        applied, moved_s = -1, time.monotonic()
        while not self.complaints and not holds():
            self.supervise()
            if (now := self.watched.applied_in_all()) != applied:
                applied, moved_s = now, time.monotonic()
            if time.monotonic() > moved_s + patience_s:
                self.complain(
                    f"{complaint}: nothing has moved for {patience_s:.0f} s, and nothing was disturbed; "
                    f"{self.watched.told_waiting()}"
                )
            time.sleep(0.05)

    def meanwhile(self, work: Callable[[], object]) -> None:
        """The supervisor goes on while something is waited for."""
        failure: list[BaseException] = []

        def run() -> None:
            try:
                work()
            except BaseException as error:  # noqa: BLE001 - raised below
                failure.append(error)

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        while thread.is_alive():
            self.supervise()
            thread.join(0.05)
        if failure:
            raise failure[0]

    def supervise(self) -> None:
        """Starts again what has ended by itself, and notices what does nothing else, and what no state may say."""
        self.complain(*[said for said in self.watched.wrong if said not in self.complaints])
        for name, worker in self.workers.items():
            if not self._wanted[name]:
                continue
            if worker._process is not None and not worker.running:
                self._has_ended(name, worker)
            if (
                self._wanted[name]
                and worker._process is None
                and time.monotonic() - self._ended_s.get(name, 0.0) > RESTART_S
            ):
                worker.start()

    def _has_ended(self, name: str, worker: WorkerProcess) -> None:
        """By itself."""
        code = worker.wait()
        self.own_ends[code] = self.own_ends.get(code, 0) + 1
        last = "".join(worker.log.splitlines()[-1:])
        if self.refusals is not None and code == ExitCode.CONFIGURATION:
            self.refusals.append(last)
            self._wanted[name] = False
            return
        if code not in RESTARTED:
            self.complain(f"{name} ended with {code}, which nobody starts again: {last[:400]}")
        self._ended_s[name] = time.monotonic()
        self._note_end(name)

    def _note_end(self, name: str) -> None:
        applied = self.watched.applied_in_all()
        before, row = self._ends_in_a_row.get(name, (-1, 0))
        row = row + 1 if before == applied else 1
        self._ends_in_a_row[name] = (applied, row)
        if row >= ENDLESS:
            self.complain(f"{name} starts again and again and nothing is applied")

    def _figures(self, schedule: Schedule, took_s: float) -> str:
        pauses = ", ".join(f"{pause:.1f}" for pause in self.watched.longest_pause_s)
        again = sum(worker.log.count(STARTS_AGAIN) for worker in self.workers.values())
        ends = ", ".join(f"{count} with {code}" for code, count in sorted(self.own_ends.items())) or "none"
        still = [line for worker in self.workers.values() for line in worker.log.splitlines() if NO_FURTHER in line]
        return (
            f"seed {schedule.seed}: {', '.join(f'{count} {kind}' for kind, count in sorted(self._begun.items()))}; "
            f"{self.feed.sent} records, {self.feed.ghosts} ghosts, {self.bombs} bombs, {self.nameless} with headers that are no text, "
            f"{self.made_anew} topics made anew, "
            f"{sum(hole.records for hole in self.holes)} records lost unread, {self.watched.commits} transactions in {took_s:.0f} s; "
            f"longest pause of each partition {pauses} s; ends by themselves: {ends}; "
            f"workers that replaced themselves: {again}; partitions that got no further: {' '.join(still) or 'none'}"
        )

    def __enter__(self) -> Self:
        self._stack.enter_context(self.watched)
        self._stack.enter_context(self.feed)
        self._stack.callback(self._end_workers)
        return self

    def _end_workers(self) -> None:
        for worker in self.workers.values():
            if worker._process is not None:
                worker.resume()
                worker.end(signal.SIGKILL)
            worker._directory.cleanup()
        self.attack_no_more(What(""))

    def _leave_no_topics(self) -> None:
        """Hours of schedules share the brokers."""
        with suppress(KafkaError, OSError), closing(self.cluster.admin()) as admin:
            there = set(admin.list_topics())
            admin.delete_topics([name for name in self._topics() if name in there])

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()
        self._heal()
        self._leave_no_topics()
