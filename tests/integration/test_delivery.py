"""Deliverers as processes, a real broker, a real mail server: what arrives, what does not, what a kill leaves."""

from __future__ import annotations

import random
import re
import signal
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import httpx
import msgspec
import pytest
from kafka import KafkaProducer, TopicPartition

from schemas.inputs import CustomerEvent
from service.carrying.resetting import reset_state
from service.cluster import topics
from service.config import Settings
from service.domain.calendar import DAY_US
from service.domain.events import Event, Profile
from service.errors import ExitCode
from service.local_broker.broker import LocalKafka
from tests.support.broker import TestBroker
from tests.support.consumers import committed_records
from tests.support.delivery_world import cancelled, requested
from tests.support.live_shop import log_of, until
from tests.support.load import lines_of, send, settings_for
from tests.support.mail_sink import Sink
from tests.support.worker_process import Positions, WorkerProcess

pytestmark = [pytest.mark.broker]

PATIENCE_S = 180.0
STEADY = {"session_timeout_s": 120.0, "heartbeat_interval_s": 1.0}
"""A deliverer ends itself that has stood still for half of its session, and a machine may do so for a while."""
FAR_US = (int(time.time()) + 14 * 86_400) * 1_000_000
COMMAND = (sys.executable, "-m", "service.cli", "deliver", "smtp")


class Deliverer(WorkerProcess):
    """`churn-alert deliver smtp` as a process."""

    def __init__(self, settings: Settings, name: str = "deliverer") -> None:
        super().__init__(settings, name, static=False)
        self._command = COMMAND

    @property
    def address(self) -> str:
        """Of its web server; of the newest where it has started itself again."""
        self.wait_for("probes and metrics")
        line = next(line for line in reversed(self.life_log.splitlines()) if "probes and metrics" in line)
        address: str = msgspec.json.decode(line)["address"]
        return address


class Post:
    """Writes requests and what customers say, and reads what became of them."""

    def __init__(self, settings: Settings) -> None:
        self._topics = settings.kafka.topics
        servers = settings.kafka.bootstrap_servers
        self._producer = KafkaProducer(bootstrap_servers=servers, acks="all")
        self._consumer = committed_records(servers)
        self.newest: dict[str, dict[str, Any]] = {}

    def say(self, *values: bytes, partition: int | None = None) -> None:
        """To `outreach`."""
        for value in values:
            key = msgspec.json.decode(value)["data"]["customer_id"].encode()
            self._producer.send(self._topics.outreach, value, key, partition=partition)
        self._producer.flush()

    def customer(self, customer_id: str, **said: object) -> None:
        event = {
            "event_id": f"e-{time.time_ns()}",
            "customer_id": customer_id,
            "occurred_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            **said,
        }
        self._producer.send(self._topics.customers, msgspec.json.encode(event), customer_id.encode()).get(PATIENCE_S)

    def rubbish(self, topic: str) -> None:
        """A record that nobody can read."""
        self._producer.send(topic, b"rubbish", b"c-1").get(PATIENCE_S)

    def records(self, topic: str) -> list[Any]:
        """All of them, in order."""
        partitions = [TopicPartition(topic, number) for number in self._consumer.partitions_for_topic(topic) or ()]
        self._consumer.assign(partitions)
        self._consumer.seek_to_beginning(*partitions)
        ends, found = self._consumer.end_offsets(partitions), []
        while any(self._consumer.position(each) < ends[each] for each in partitions):
            for records in self._consumer.poll(timeout_ms=100).values():
                found += records
        return found

    def states(self) -> dict[str, tuple[str, str]]:
        """Request → its newest state and reason."""
        told: dict[str, tuple[str, str]] = {}
        for record in self.records(self._topics.deliveries):
            if record.value is None:
                told.pop(record.key.decode(), None)
            else:
                data = msgspec.json.decode(record.value)["data"]
                self.newest[data["request_id"]] = data
                told[record.key.decode()] = (data["state"], data["reason"])
        return told

    def wait(self, wanted: dict[str, tuple[str, str]], who: WorkerProcess) -> None:
        """Until these are the newest states."""
        deadline = time.monotonic() + PATIENCE_S
        while True:
            found = self.states()
            if all(found.get(one) == state for one, state in wanted.items()):
                return
            if time.monotonic() > deadline:
                raise AssertionError(f"not {wanted} but {found}\n{who.log[-3000:]}")
            time.sleep(0.1)

    def close(self) -> None:
        self._producer.close()
        self._consumer.close()


@pytest.fixture
def sink() -> Iterator[Sink]:
    with Sink() as running:
        yield running


def settings_of(broker: TestBroker | LocalKafka, prefix: str, port: int, **deliver: Any) -> Settings:
    smtp = {
        "host": "127.0.0.1",
        "port": port,
        "security": "none",
        "sender": "Café Anna <hello@anna.example>",
        "timeout_s": 120,
    }
    return settings_for(
        broker.bootstrap_servers,
        prefix,
        kafka=STEADY,
        deliver={
            "port": 0,
            "public_url": "https://anna.example",
            "unsubscribe_secret": "a secret of the tests",
            "retry_first_s": 0.2,
            "smtp": {**smtp, **deliver.pop("smtp", {})},
            **deliver,
        },
    )


def test_what_arrives_and_what_does_not(broker: TestBroker, topic_prefix: str, sink: Sink) -> None:
    token = "a token of the tests"  # noqa: S105
    settings = settings_of(broker, topic_prefix, sink.real_port, events_token=token)
    topics.create(settings, partitions=2)
    post = Post(settings)
    post.customer("good", contact={"email": "good@example.org"})
    post.customer("left", kind="profile", marketing_consent=False)
    post.customer("gone", kind="erase")
    past_us = int(time.time() - 5) * 1_000_000
    sink.handler.rcpt_answers = ["", "451 4.7.1 come again"]
    post.say(
        requested("r-good", "good", expires_us=FAR_US),
    )
    post.say(
        requested("r-void", "back", expires_us=FAR_US),
        requested("r-late", "late", expires_us=past_us),
        requested("r-left", "left", expires_us=FAR_US),
        requested("r-gone", "gone", expires_us=FAR_US),
        requested("r-unknown", "unknown", expires_us=FAR_US, consent=None),
        requested("r-nowhere", "nowhere", expires_us=FAR_US, email="no address"),
        cancelled("r-void", "back"),
    )

    with Deliverer(settings) as deliverer:
        post.wait(
            {
                "r-good": ("delivered", ""),
                "r-void": ("cancelled", "returned"),
                "r-late": ("expired", "expired"),
                "r-left": ("cancelled", "consent_withdrawn"),
                "r-gone": ("cancelled", "erased"),
                "r-unknown": ("cancelled", "consent_unknown"),
                "r-nowhere": ("failed", "bad_address"),
            },
            deliverer,
        )
        post.say(requested("r-later", "slow", expires_us=FAR_US))
        post.wait({"r-later": ("delivered", "")}, deliverer)
        sink.handler.rcpt_answers = ["550 5.1.1 no such user here"]
        post.say(requested("r-bad", "bad", expires_us=FAR_US), requested("r-bad-2", "bad", expires_us=FAR_US))
        post.wait({"r-bad": ("bounced", "smtp 550 5.1.1"), "r-bad-2": ("cancelled", "address_bounced")}, deliverer)
        assert httpx.get(f"{deliverer.address}readyz", timeout=60).status_code == 200
        assert (
            'churn_alert_deliver_messages_total{channel="smtp",state="delivered"} 2.0'
            in httpx.get(f"{deliverer.address}metrics", timeout=60).text
        )
        address, told = f"{deliverer.address}delivery/events", {"event_id": "p-1", "type": "complaint"}
        events = [
            told | {"email": "Good@example.org"},
            told | {"email": "nobody@example.org"},
            told | {"type": "bounce"},
        ]
        events[2] |= {"customer_id": "slow", "outreach_id": "r-later"}
        answers = [
            httpx.post(address, json=events, headers={"Authorization": f"Bearer {word}"}, timeout=60)
            for word in ("no", token)
        ]
        assert [answer.status_code for answer in answers] == [401, 200]
        assert answers[1].json() == {"recorded": 2, "unknown": 1, "ignored": 0}
        post.wait({"r-good": ("complained", "complaint"), "r-later": ("bounced", "late_bounce")}, deliverer)
        post.say(requested("r-good-2", "good", expires_us=FAR_US))
        post.wait({"r-good-2": ("cancelled", "consent_withdrawn")}, deliverer)
    renamed = settings.changed(kafka={"topics": {**dict(settings.kafka.topics), "deliveries": f"{topic_prefix}sent"}})
    topics.create(renamed, partitions=2)
    with Deliverer(renamed) as forgetful:
        assert forgetful.wait() == ExitCode.CONFIGURATION
        assert f"remembers in '{settings.kafka.topics.deliveries}' what it has sent" in forgetful.log
    assert sorted(mail["to"] for mail in sink.handler.taken) == ["good@example.org", "slow@example.org"]
    assert sink.handler.taken[0]["id"] == "<r-good@anna.example>"
    assert post.newest["r-later"]["attempts"] == 2
    assert all("@" not in str(told) for told in post.newest.values())
    post.close()


def test_one_killed_and_one_paused_deliverer_lose_nothing_and_double_only_what_was_begun(
    broker: TestBroker, topic_prefix: str, sink: Sink
) -> None:
    in_flight, count, rng = 4, 200, random.Random(13)
    settings = settings_of(
        broker, topic_prefix, sink.real_port, in_flight=in_flight, per_second=150, smtp={"connections": 3}
    ).changed(kafka={"session_timeout_s": 6.0})
    topics.create(settings, partitions=2)
    post, taken = Post(settings), sink.handler.taken

    def ask(numbers: range) -> None:
        """Of both partitions."""
        for number in numbers:
            post.say(requested(f"r{number}", f"c{number % 50}", expires_us=FAR_US), partition=number % 50 % 2)

    ask(range(count // 2))

    with ExitStack() as stack:
        pair = [stack.enter_context(Deliverer(settings, name)) for name in ("one", "two")]
        one, two = pair
        until(lambda: supervised(one, two) and len(taken) >= 25, "one has begun", one)
        time.sleep(rng.uniform(0.0, 0.05))
        one.end(signal.SIGKILL)
        one.start()
        until(lambda: supervised(one, two) and len(taken) >= 60, "the other goes on", two)
        time.sleep(rng.uniform(0.0, 0.05))
        two.pause()
        ask(range(count // 2, count))
        until(lambda: supervised(one) and len({mail["id"] for mail in taken}) == count, "all have come by one", one)
        two.resume()
        assert two.wait() == 70, "who was paused for so long must not go on"
        two.start().wait_assigned()
        post.wait({f"r{number}": ("delivered", "") for number in range(count)}, pair[0])
        assert [each.end(signal.SIGTERM) for each in pair] == [0, 0]

    times = Counter(mail["id"] for mail in taken)
    twice = [one for one, often in times.items() if often > 1]
    print(f"{len(twice)} of {count} mails came twice")
    deaths = sum(code != 0 for each in pair for code in each.exits)
    assert max(times.values()) <= deaths
    assert len(twice) <= deaths * in_flight * 2, "of each death, two on a machine that does not stand still"
    for who in range(50):
        first = [mail["id"] for mail in taken if mail["to"] == f"c{who}@example.org"]
        first = list(dict.fromkeys(first))
        assert first == [f"<r{number}@anna.example>" for number in range(who, count, 50)]
    post.close()


def supervised(*deliverers: Deliverer) -> bool:
    """Starts again whoever has ended because the machine stood still, as a supervisor would."""
    for each in deliverers:
        if not each.running:
            assert each.wait() == 70, each.log[-3000:]
            each.start()
    return True


def test_one_click_and_the_next_mail_does_not_come(broker: TestBroker, topic_prefix: str, sink: Sink) -> None:
    settings = settings_of(broker, topic_prefix, sink.real_port)
    topics.create(settings, partitions=1)
    post = Post(settings)

    with Deliverer(settings) as deliverer:
        post.say(requested("r1", "anna", expires_us=FAR_US))
        post.wait({"r1": ("delivered", "")}, deliverer)
        (link,) = re.findall(r"List-Unsubscribe: <https://anna\.example/([^>]+)>", sink.handler.taken[0]["text"])
        assert httpx.get(f"{deliverer.address}{link}", timeout=60).status_code == 200
        assert len(post.records(settings.kafka.topics.customers)) == 0, "a GET only asks"

        answer = httpx.post(f"{deliverer.address}{link}", data={"List-Unsubscribe": "One-Click"}, timeout=60)
        post.say(requested("r2", "anna", expires_us=FAR_US), requested("r3", "bert", expires_us=FAR_US))
        post.wait({"r2": ("cancelled", "consent_withdrawn"), "r3": ("delivered", "")}, deliverer)

    assert answer.status_code == 200
    (record,) = post.records(settings.kafka.topics.customers)
    said = CustomerEvent.model_validate_json(record.value)
    assert (record.key, said.customer_id, said.kind, said.marketing_consent) == (b"anna", "anna", "profile", False)
    assert [mail["to"] for mail in sink.handler.taken] == ["anna@example.org", "bert@example.org"]
    post.close()


def test_a_reset_and_all_is_decided_again_under_the_same_ids_and_nobody_is_written_to_twice(
    broker: TestBroker, topic_prefix: str, sink: Sink
) -> None:
    settings = settings_of(broker, topic_prefix, sink.real_port).changed(outreach={"level": 1.0})
    topics.create(settings, partitions=1)
    now_us = time.time_ns() // 1000
    log: list[Event] = [*log_of(3, now_us - 13 * DAY_US, now_us)]
    log[:0] = [
        Profile(f"said-{who}", f"leaver-{who}", log[0].at_us - 1, email=f"leaver-{who}@example.org") for who in range(3)
    ]
    send(settings.kafka.bootstrap_servers, lines_of(log, settings), 1)
    post, taken = Post(settings), sink.handler.taken

    with ExitStack() as stack:
        worker = stack.enter_context(WorkerProcess(settings, "worker", static=False))
        deliverer = stack.enter_context(Deliverer(settings))
        decided = asked_for(post, settings, worker, 1)
        post.wait(dict.fromkeys(decided, ("delivered", "")), deliverer)
        assert [each.end(signal.SIGTERM) for each in (worker, deliverer)] == [0, 0]
        assert ["consumer group" in each for each in reset_state(settings)].count(True) == 1
        worker.start()
        deliverer.start()
        assert asked_for(post, settings, worker, 2) == decided
        post.say(requested("the-last", "leaver-0", expires_us=FAR_US, email="last@example.org"))
        post.wait({"the-last": ("delivered", "")}, deliverer)

    assert len(decided) >= 3
    assert Counter(mail["id"] for mail in taken) == Counter(f"<{each}@anna.example>" for each in [*decided, "the-last"])
    post.close()


def asked_for(post: Post, settings: Settings, worker: WorkerProcess, times: int) -> set[str]:
    """Ids of the requests, once all is applied; each was made so often."""
    with Positions(settings, 1) as positions:
        positions.wait_caught_up(workers=[worker])
    made = Counter(
        str(msgspec.json.decode(record.value)["id"]) for record in post.records(settings.kafka.topics.outreach)
    )
    assert set(made.values()) == {times}, made
    return set(made)
