"""A real Prometheus watches a real worker and a real deliverer: every panel of every dashboard has data."""

from __future__ import annotations

import itertools
import json
import re
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing

import pytest

from deploy.monitoring.alerts import RECORDINGS
from deploy.monitoring.dashboards import dashboards
from service.config import Settings
from service.feed.replay import replay
from service.feed.simulate import Cafe, Simulation
from service.streaming import topics
from tests.integration.test_delivery import FAR_US, Deliverer, Post, settings_of
from tests.integration.test_web import free_port
from tests.support.broker import TestBroker
from tests.support.delivery_world import requested
from tests.support.mail_sink import Sink
from tests.support.prometheus_servers import Servers, servers
from tests.support.worker_process import WorkerProcess

pytestmark = [pytest.mark.broker, pytest.mark.timeout(240)]

PATIENCE_S = 30.0
LOOK_BACK_S = 60
CAFE = Cafe(customers=120, days=240)


def until(holds: Callable[[], bool], what: Callable[[], str]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < deadline, what()
        time.sleep(0.1)


class Run:
    """What one run has: processes, servers, and the topics' hands."""

    def __init__(
        self, settings: Settings, worker: WorkerProcess, deliverer: Deliverer, sink: Sink, seen: Servers, post: Post
    ) -> None:
        self.settings, self.worker, self.deliverer = settings, worker, deliverer
        self.sink, self.seen, self.post = sink, seen, post

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
        settings = settings.changed(web={"port": port}, deliver={"port": free_port()}, outreach={"control_share": 0.2})
        topics.create(settings, partitions=1)
        worker = stack.enter_context(WorkerProcess(settings, "w", web=True))
        deliverer = stack.enter_context(Deliverer(settings))
        deliver_port = settings.deliver.port
        targets = {
            "churn-alert-worker": [f"127.0.0.1:{port}"],
            "churn-alert-deliver": [f"127.0.0.1:{deliver_port}"],
        }
        deliverer.wait_assigned()
        worker.wait_assigned()
        ports = free_port(), free_port()
        seen = stack.enter_context(servers(tmp_path_factory.mktemp("prometheus"), ports, targets))
        post = stack.enter_context(closing(Post(settings)))
        made = Run(settings, worker, deliverer, sink, seen, post)
        stack.callback(made.stop_sink)
        yield made


def test_every_panel_of_every_dashboard_has_data(run: Run) -> None:
    kafka = run.settings.kafka
    cafe = Simulation(CAFE)
    sent = replay(
        cafe.events(),
        connection={"bootstrap_servers": kafka.bootstrap_servers},
        topics=kafka.topics,
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
        run.post.say(requested(f"r-{number}", f"c-{number}", expires_us=FAR_US))
        run.post.rubbish(kafka.topics.purchases)

    def empty() -> bool:
        life_goes_on()
        for query in list(missing):
            if run.seen.ever(query, LOOK_BACK_S):
                del missing[query]
        return not missing

    until(empty, lambda: "no data:\n" + "\n".join(f"{place}: {query}" for query, place in missing.items()))
