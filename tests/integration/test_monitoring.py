"""A real Prometheus and Alertmanager watch a real worker and a real deliverer: every panel has data, every alert
fires by its cause and ends with it, and the whole log of the run is of one kind.

What a broker, a worker or a mail server can be made to suffer here is caused there. The rest is caused at a stage: the
metric objects of the processes, driven by the methods that the processes call, served and scraped like them.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import re
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from aiokafka import AIOKafkaProducer
from prometheus_client import CollectorRegistry, start_http_server

from deploy.monitoring.alerts import ALERTS, RECORDINGS
from deploy.monitoring.dashboards import dashboards
from service.cluster import topics
from service.cluster.known_logs import KnownLogs
from service.cluster.log_ends import Ends, Log
from service.config import Settings
from service.delivery.metrics import DeliveryMetrics
from service.feed.replay import replay
from service.feed.simulate import Cafe, Simulation
from service.ingest.metrics import IngestMetrics, Outcome
from service.streaming.job import Written
from service.streaming.metrics import Metrics
from service.streaming.reach import AWAY_S, Reach
from tests.integration.test_delivery import FAR_US, Deliverer, Post, settings_of
from tests.support.broker import TestBroker
from tests.support.delivery_world import requested
from tests.support.engines import make_engine
from tests.support.mail_sink import Sink
from tests.support.processes import free_port
from tests.support.prometheus_servers import Servers, servers
from tests.support.worker_process import WorkerProcess

pytestmark = [pytest.mark.broker]

PATIENCE_S = 300.0
LOOK_BACK_S = 60
NEARLY_AN_HOUR_US = 3_596_000_000
"""A loss is an alert for an hour, by the clock: here it ends four seconds after the last one."""
PAGE_ANSWERS_S = 30.0
"""Longer than is looked back upon."""
CAFE = Cafe(customers=120, days=240)
TOPIC = "purchases"


def until(holds: Callable[[], bool], what: Callable[[], str]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < deadline, what()
        time.sleep(0.1)


def answers(address: str) -> bool:
    try:
        return httpx.get(address, timeout=60).status_code == 200
    except httpx.TransportError:
        return False


class Stage:
    """The metrics of a worker, a deliverer and a door without their processes; `show` makes one state of them."""

    def __init__(self) -> None:
        self.worker, self.deliverer = Metrics(), DeliveryMetrics("stage")
        self.door = IngestMetrics(["shop"])
        self.door.ready(value=True)
        self.ports = free_port(), free_port()
        self.door_port = free_port()
        self._engine = make_engine()
        self._reach = Reach("nowhere:9092")
        self._offset = 5_000
        self.worker.recovered(0, 10, 0.1)
        self.worker.positions(0, {TOPIC: 0}, {TOPIC: Ends(0, Log(1, 0, 0, 0))})
        self._logs = KnownLogs()
        self.worker.lost(0, self._logs)
        self._turn(0)

    def serve(self, stack: ExitStack) -> None:
        for port, registry in zip(self.ports, (self.worker.registry, self.deliverer.registry), strict=True):
            _serve(stack, port, registry)

    def serve_door(self, stack: ExitStack) -> None:
        """For longer: panels show it as well."""
        _serve(stack, self.door_port, self.door.registry)

    def posted(self) -> None:
        """What the door's panels show."""
        self.door.posted("shop", Outcome.TAKEN, 1, 0.01)

    def _turn(self, carried: int, seconds: float = 0.01) -> None:
        misplaced = Counter({(TOPIC, "crc32"): carried}) if carried else Counter[tuple[str, str]]()
        written = Written({}, {}, 1, [], Counter(), 0, carried=misplaced)
        self.worker.turn(0, written, self._engine, 0.01, seconds)

    def show(self, *, trouble: bool) -> None:
        """Called again and again while the trouble lasts."""
        worker, deliverer, engine = self.worker, self.deliverer, self._engine
        worker.assignment(1 if trouble else 0, 0)
        if trouble:
            worker.recovered(0, 10, 61.0)
            self._offset += 100_000
        high = self._offset if trouble else 0
        worker.positions(0, {TOPIC: 0}, {TOPIC: Ends(0, Log(1, 0, high, high))})
        worker.feed(0, stalled=trouble, delay_s=0.0, silent_sources=("north",) if trouble else ())
        engine.ladder.brake.state.held_us = 1 if trouble else 0
        young = engine.state.realised.classes[0]
        young.healthy_days += 1
        young.wrong_alerts += 50 if trouble else 0
        self._turn(3 if trouble else 0, 5.0 if trouble else 0.01)
        worker.broker(self._reach.look(time.monotonic() - (2 * AWAY_S if trouble else 0)))
        worker.strangers(1 if trouble else 0)
        worker.stopped(0, (TOPIC,), (TOPIC,) if trouble else ())
        worker.waits_for_schema(0, waits=trouble)
        worker.set_aside(0, {"record": 1 if trouble else 0})
        if trouble:
            self._logs.lost(TOPIC, 7, time.time_ns() // 1000 - NEARLY_AN_HOUR_US)
            worker.lost(0, self._logs)
            deliverer.sent_again()
            deliverer.provider_event("complaint", "recorded")
            deliverer.ended("delivered", sample=False)
            for outcome in (Outcome.UNAVAILABLE, Outcome.REFUSED):
                self.door.posted("shop", outcome, 0, 0.01)
        self.door.ready(value=not trouble)
        deliverer.available(value=True)
        deliverer.lag(0, 5_000 if trouble else 0)
        deliverer.standing(0, waiting=1, in_flight=0, memory=0, oldest_s=30_000 if trouble else 0)


def _serve(stack: ExitStack, port: int, registry: CollectorRegistry) -> None:
    server, thread = start_http_server(port, "127.0.0.1", registry)
    stack.callback(thread.join)
    stack.callback(server.server_close)
    stack.callback(server.shutdown)


AT_THE_STAGE = {
    "ChurnAlertWorkerNotReady", "ChurnAlertRecoveryTooLong", "ChurnAlertLagTooHigh", "ChurnAlertLagGrowing", "ChurnAlertFeedSilent",
    "ChurnAlertSourceSilent", "ChurnAlertBrakeOn", "ChurnAlertTurnsSlow", "ChurnAlertBrokerAway", "ChurnAlertRecordsLost",
    "ChurnAlertKeysMisplaced", "ChurnAlertWrongAlertsBeyondPromise", "ChurnAlertDeliverOldestWaiting", "ChurnAlertDeliverLag",
    "ChurnAlertDeliverComplaints", "ChurnAlertDeliverSentTwice", "ChurnAlertStrangers", "ChurnAlertSourceStopped", "ChurnAlertSetAside",
    "ChurnAlertSchemaWaiting", "ChurnAlertIngestNotReady", "ChurnAlertIngestUnavailable", "ChurnAlertIngestRefused",
}  # fmt: skip
AT_THE_REAL_ONES = {
    "ChurnAlertNothingIsProcessed", "ChurnAlertTargetDown", "ChurnAlertRecordsRefused", "ChurnAlertDeadLetterShare",
    "ChurnAlertTransactionStalled", "ChurnAlertPageRestarts", "ChurnAlertDelivererAbsent",
    "ChurnAlertDeliverUnavailable", "ChurnAlertDeliverFailures", "ChurnAlertDeliverBounces", "ChurnAlertDeliverUnreadable",
}  # fmt: skip


def page_of(worker: int) -> int:
    """Process id of the page of a worker."""
    (page,) = [
        int(each) for path in Path(f"/proc/{worker}/task").glob("*/children") for each in path.read_text().split()
    ]
    return page


class Killing:
    """Kills the page of a worker, and again when the next one has answered for a while and nobody was told: a machine
    that has become slower meanwhile starts one for longer than is looked back upon."""

    def __init__(self, worker: WorkerProcess, port: int) -> None:
        """`port`: of the page."""
        self._worker, self._port = worker, port
        self._since_s = -PAGE_ANSWERS_S
        """When the page was killed, or first answered since."""
        self._is_there = True

    def __call__(self) -> None:
        if not self._is_there and answers(f"http://127.0.0.1:{self._port}/metrics"):
            self._is_there, self._since_s = True, time.monotonic()
        elif self._is_there and time.monotonic() > self._since_s + PAGE_ANSWERS_S:
            os.kill(page_of(self._worker.pid), signal.SIGKILL)
            self._is_there = False


class Run:
    """What one run has: processes, servers, and the topics' hands."""

    def __init__(
        self, settings: Settings, worker: WorkerProcess, deliverer: Deliverer, sink: Sink, seen: Servers, post: Post
    ) -> None:
        self.settings, self.worker, self.deliverer = settings, worker, deliverer
        self.sink, self.seen, self.post = sink, seen, post
        self.stage = Stage()

    def stop_sink(self) -> None:
        """The present one."""
        self.sink.stop()


@pytest.fixture(scope="module")
def run(broker: TestBroker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    port = free_port()
    with ExitStack() as stack:
        sink = Sink()
        sink.start()
        settings = settings_of(broker, f"mon{time.time_ns()}-", sink.port)
        settings = settings.changed(
            web={"port": port},
            limits={"refused_records": 1_000_000},  # or nothing more is read when rubbish has come for long
            deliver={"port": free_port()},
            outreach={"control_share": 0.2, "measure": "budget"},  # what is promised has a panel of its own
        )
        topics.create(settings, partitions=1)
        stage = Stage()
        stage.serve_door(stack)
        began_s = time.monotonic()
        worker = stack.enter_context(WorkerProcess(settings, "w", web=True))
        deliverer = stack.enter_context(Deliverer(settings))
        deliver_port = settings.deliver.port
        targets = {
            "churn-alert-worker": [f"127.0.0.1:{port}"],
            "churn-alert-deliver": [f"127.0.0.1:{deliver_port}"],
            "churn-alert-ingest": [f"127.0.0.1:{stage.door_port}"],
            "stage": [f"127.0.0.1:{each}" for each in stage.ports],
        }
        deliverer.wait_assigned()
        worker.wait_assigned()
        until(lambda: answers(f"http://127.0.0.1:{port}/metrics"), lambda: "the page answers")
        starts_s = time.monotonic() - began_s  # the page alone takes half of it
        ports = free_port(), free_port()
        seen = stack.enter_context(servers(tmp_path_factory.mktemp("prometheus"), ports, targets, starts_s))
        post = stack.enter_context(closing(Post(settings)))
        made = Run(settings, worker, deliverer, sink, seen, post)
        made.stage = stage
        stack.callback(made.stop_sink)
        yield made


def test_every_panel_of_every_dashboard_has_data(run: Run) -> None:
    kafka = run.settings.kafka
    cafe = Simulation(CAFE)
    sent = replay(
        cafe.events(),
        kafka=kafka,
        minor_digits=2,
    )
    processed = 'sum(churn_alert_records_total{job="churn-alert-worker"})'
    until(
        lambda: [float(each["value"][1]) for each in run.seen.query(processed)] == [sent.events],
        lambda: f"{run.seen.query(processed)} of {sent.events}: {run.worker.log[-2000:]}",
    )
    expressions = {recording.name: recording.expr for recording in RECORDINGS}

    def query_of(text: str) -> str:
        """As Grafana asks it when a dashboard is opened, of the processes; recorded numbers over production's time."""
        text = text.replace("$granularity", "month").replace("$which", "last_complete")
        return re.sub(r"churn_alert:[a-z0-9_:]+", lambda name: f"({expressions[name[0]]})", text)

    missing = {
        query_of(target["expr"]): f"{name}: {panel['title']}"
        for name, board in dashboards().items()
        for panel in json.loads(board)["panels"]
        for target in panel["targets"]
    }

    numbers = itertools.count()

    def life_goes_on() -> None:
        """Panels that say how fast or how slow need something that happens between two looks at the metrics."""
        number = next(numbers)
        run.stage.posted()
        run.post.say(requested(f"r-{number}", f"c-{number}", expires_us=FAR_US))
        run.post.rubbish(kafka.topics.purchases)

    def empty() -> bool:
        life_goes_on()
        for query in list(missing):
            if run.seen.ever(query, LOOK_BACK_S):
                del missing[query]
        return not missing

    until(empty, lambda: "no data:\n" + "\n".join(f"{place}: {query}" for query, place in missing.items()))


def test_every_alert_fires_by_its_cause_and_ends_with_it(run: Run) -> None:
    assert {alert.name for alert in ALERTS} == AT_THE_STAGE | AT_THE_REAL_ONES
    told = run.seen.told
    trouble, over = threading.Event(), threading.Event()
    trouble.set()

    def act() -> None:
        while not over.wait(0.1):
            run.stage.show(trouble=trouble.is_set())

    stage = threading.Thread(target=act)
    with ExitStack() as served:
        run.stage.serve(served)
        stage.start()
        served.callback(stage.join)
        served.callback(over.set)
        asyncio.run(_trouble(run))
        until(lambda: told["firing"] >= AT_THE_STAGE, lambda: f"never fired: {sorted(AT_THE_STAGE - told['firing'])}")
        trouble.clear()
        until(
            lambda: told["resolved"] >= AT_THE_STAGE | AT_THE_REAL_ONES and not run.seen.firing(),
            lambda: f"not ended: {sorted(told['firing'] - told['resolved'])}, {sorted(run.seen.firing())}",
        )


async def _trouble(run: Run) -> None:
    """Makes the worker and the deliverer suffer, one thing after another, and repairs it."""
    async with asyncio.TaskGroup() as both:
        both.create_task(_trouble_of_the_worker(run))
        both.create_task(_trouble_of_the_deliverer(run))


async def _trouble_of_the_worker(run: Run) -> None:
    kafka, seen, worker = run.settings.kafka, run.seen, run.worker
    # A producer of rubbish.
    await seen.fire(
        "ChurnAlertRecordsRefused", "ChurnAlertDeadLetterShare", doing=lambda: run.post.rubbish(kafka.topics.purchases)
    )
    # A producer that leaves its transaction open.
    async with AIOKafkaProducer(
        bootstrap_servers=kafka.bootstrap_servers,
        transactional_id=f"{kafka.group}-hangs",
        transaction_timeout_ms=600_000,  # the broker would end it while a slow machine looks on
    ) as hanging:
        await hanging.begin_transaction()
        await hanging.send_and_wait(kafka.topics.purchases, b"{}", key=b"c-1")
        await seen.fire("ChurnAlertTransactionStalled")
        await hanging.abort_transaction()
    # A page that is killed, as for want of memory.
    await seen.fire("ChurnAlertPageRestarts", doing=Killing(worker, run.settings.web.port))
    # A worker that dies.
    worker.end()
    await seen.fire("ChurnAlertNothingIsProcessed", "ChurnAlertTargetDown")
    worker.start()
    await asyncio.to_thread(worker.wait_assigned)


async def _trouble_of_the_deliverer(run: Run) -> None:
    kafka, seen = run.settings.kafka, run.seen
    # Another program that writes into its topic.
    await seen.fire("ChurnAlertDeliverUnreadable", doing=lambda: run.post.rubbish(kafka.topics.outreach))
    # Mailboxes that do not exist.
    run.sink.handler.rcpt_answers = ["550 5.1.1 no such user here"] * 12
    run.post.say(*[requested(f"bad-{each}", f"bad-{each}", expires_us=FAR_US) for each in range(12)])
    await seen.fire("ChurnAlertDeliverFailures", "ChurnAlertDeliverBounces")
    # A mail server that is gone.
    port = run.sink.port
    run.sink.stop()
    run.post.say(requested("later", "later", expires_us=FAR_US))
    await seen.fire("ChurnAlertDeliverUnavailable")
    run.sink = Sink(run.sink.handler, port=port)
    run.sink.start()
    # A deliverer that dies.
    run.deliverer.end()
    await seen.fire("ChurnAlertDelivererAbsent")
    run.deliverer.start()


def told_at(line: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(line["timestamp"])


def test_the_log_of_the_whole_run_is_json_says_changes_and_names_nobody(run: Run) -> None:
    customers = {event.customer_id for event in Simulation(CAFE).events()}
    for process in (run.worker, run.deliverer):
        lines = [json.loads(line) for line in process.log.splitlines()]

        assert lines
        assert all({"event", "level", "timestamp"} <= line.keys() for line in lines)
        said = process.log
        assert "@example.org" not in said
        words = set(re.findall(r"[\w-]+", said))
        assert not words & customers
        minutes = (told_at(lines[-1]) - told_at(lines[0])).total_seconds() // 60
        assert max(Counter(line["event"] for line in lines).values()) <= 3 + minutes, (
            "a line for each change, and for each minute that it lasts, none for each event"
        )
        assert all(isinstance(line["partition"], int) for line in lines if "partition" in line)
