"""A real Kafka that keeps access lists: everything runs with exactly what `topics plan` prints, and whatever is missing
of it is said in one sentence that names it."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar
from urllib.error import HTTPError
from urllib.request import urlopen

import msgspec
import pytest
from kafka import KafkaProducer
from typer.testing import CliRunner, Result

from service.cli import app
from service.cluster import topics
from service.cluster.topic_making import make
from service.cluster.topic_plan import topic_plan
from service.cluster.topic_rights import Part, command, commands, of_part
from service.config import Settings
from service.config.sections.letter import WEEKDAYS
from service.delivery.letter_post import due_at
from service.errors import ChurnAlertError, ConfigurationError
from service.letter.content import week_before
from service.streaming.rights import hold_rights
from service.wire.period_records import numbers_of
from tests.integration.test_delivery import FAR_US, Deliverer, Post
from tests.integration.test_webhook import SECRET, Webhook
from tests.support.delivery_world import requested
from tests.support.guarded_kafka import GuardedKafka
from tests.support.live_shop import until
from tests.support.load import settings_for
from tests.support.mail_sink import Sink as MailSink
from tests.support.processes import free_port
from tests.support.sink import sink_in_a_thread
from tests.support.worker_process import WorkerProcess, environment_of
from tests.unit.test_letter import row

pytestmark = [pytest.mark.broker]

PARTITIONS = 2
_PATIENCE_S = 180.0
Said = TypeVar("Said", bool, str)


@pytest.fixture(scope="module")
def kafka() -> Iterator[GuardedKafka]:
    with GuardedKafka() as broker:
        yield broker


@pytest.fixture
def command_of(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Runs `churn-alert …` with these settings."""

    def run(settings: Settings, *words: str) -> Result:
        for name in os.environ:
            if name.startswith("CHURN_ALERT_"):
                monkeypatch.delenv(name)
        for name, value in environment_of(settings).items():
            monkeypatch.setenv(name, value)
        return CliRunner().invoke(app, list(words))

    return run


def settings_at(kafka: GuardedKafka, prefix: str, url: str = "http://127.0.0.1:1/") -> Settings:
    """Of somebody who may do everything."""
    target = {"url": url, "secret": SECRET, "allow_http": True, "allow_private": True}
    return settings_for(
        kafka.bootstrap_servers,
        prefix,
        deliver={"port": 0, "webhook": target, "unsubscribe_secret": "a secret of the tests"},
        web={"port": 0},
    )


def as_user(settings: Settings, kafka: GuardedKafka, user: str) -> Settings:
    return settings.changed(kafka=kafka.settings(user))


def let(kafka: GuardedKafka, settings: Settings, part: Part, user: str) -> None:
    """Grants what is printed for this part, and not a line more."""
    needed = [right for right in of_part(settings, PARTITIONS, part) if right.needed]
    kafka.grant(commands(needed, f"User:{user}", kafka.login))


def test_worker_and_delivery_run_with_what_is_printed_and_every_line_that_is_missing_is_named(
    kafka: GuardedKafka, topic_prefix: str, command_of: Callable[..., Result]
) -> None:
    with sink_in_a_thread(200) as sink:
        everybody = settings_at(kafka, topic_prefix, sink.url)
        topics.create(everybody, partitions=PARTITIONS)
        for part, user in (
            (Part.WORKER, "worker"), (Part.DELIVER, "deliver"), (Part.LOOK, "looker"), (Part.REPAIR, "looker"),
        ):  # fmt: skip
            let(kafka, everybody, part, user)
        worker_s, deliver_s, looker_s = (as_user(everybody, kafka, user) for user in ("worker", "deliver", "looker"))
        post = Post(everybody)
        post.rubbish(everybody.kafka.topics.purchases)
        with WorkerProcess(worker_s, "worker", web=True) as worker:
            worker.wait_assigned()
            until(
                lambda: "1 dead letter" in command_of(looker_s, "dead-letters", "list").output, "it is listed", worker
            )
            with Webhook(deliver_s) as deliverer:
                post.say(requested("r-1", "anna", expires_us=FAR_US))
                post.wait({"r-1.webhook": ("delivered", "")}, deliverer)
            assert worker.running
        post.close()
    checked = command_of(looker_s, "topics", "check")
    retried = command_of(looker_s, "dead-letters", "retry", "--yes")

    assert [json.loads(one.body)["id"] for one in sink.came] == ["r-1"]
    assert "uthoriz" not in worker.log + deliverer.log
    assert (checked.exit_code, retried.exit_code) == (0, 0), checked.output + retried.output
    assert "does not show how" in checked.output
    assert "A worker can run on these topics." in checked.output
    assert "1 record sent back" in retried.output


def test_the_other_parts_run_with_what_is_printed(
    kafka: GuardedKafka, topic_prefix: str, tmp_path: Path, command_of: Callable[..., Result]
) -> None:
    """Whoever makes the topics, writes the inputs, posts scores, writes the weekly letter and carries a state."""
    with sink_in_a_thread(200) as scored, MailSink() as mail:
        smtp = {"host": "127.0.0.1", "port": mail.port, "security": "none", "sender": "hello@cafe.example"}
        yesterday = WEEKDAYS[(datetime.now(UTC) - timedelta(days=1)).weekday()]  # a letter is given up after five days
        everybody = settings_at(kafka, topic_prefix, scored.url).changed(
            deliver={"smtp": smtp}, letter={"enabled": True, "to": ["anna@cafe.example"], "weekday": yesterday}
        )
        for part in (Part.CREATE, Part.REPLAY, Part.FEED, Part.LETTER, Part.STATE, Part.WORKER):
            let(kafka, everybody, part, part.value)
        by = {part: as_user(everybody, kafka, part.value) for part in Part}
        log, file = tmp_path / "log.csv", tmp_path / "state"
        log.write_text(
            "customer_id,timestamp,amount\n" + "".join(f"anna,2025-03-0{day}T10:00:00Z,3.50\n" for day in range(1, 9))
        )

        made = command_of(by[Part.CREATE], "topics", "create", "--partitions", str(PARTITIONS))
        replayed = command_of(by[Part.REPLAY], "replay", str(log))
        with WorkerProcess(by[Part.WORKER], "worker", static=False) as worker:
            with Feed(by[Part.FEED]) as feed:
                until(lambda: bool(scored.came), "a score is posted", worker)
                assert feed.end(signal.SIGTERM) == 0
            assert worker.end(signal.SIGTERM) == 0
        week = week_before(due_at(everybody, datetime.now(UTC)).date())
        told_week = row("week", week, week + timedelta(days=7), buyers=90, orders=120, revenue_minor=84_050)
        event = {"type": "period.measured", "data": numbers_of(told_week, "EUR") | {"revision": 1}}
        with closing(KafkaProducer(bootstrap_servers=kafka.bootstrap_servers)) as producer:
            key = f"week:{week}".encode()
            producer.send(everybody.kafka.topics.period_metrics, msgspec.json.encode(event), key, partition=0).get(30)
        with LetterProcess(by[Part.LETTER]) as letter:
            until(lambda: bool(mail.handler.taken), "the letter comes", letter)
            assert letter.end(signal.SIGTERM) == 0
        exported = command_of(by[Part.STATE], "state", "export", str(file))
        reset = command_of(by[Part.STATE], "state", "reset", "--yes")
        imported = command_of(by[Part.STATE], "state", "import", str(file))

    told = {"create": made, "replay": replayed, "export": exported, "reset": reset, "import": imported}
    assert {name: done.exit_code for name, done in told.items()} == dict.fromkeys(told, 0), [
        said_by(done)[-600:] for done in told.values()
    ]
    for process in (feed, letter, worker):
        assert "uthoriz" not in process.log
        assert "does not allow" not in process.log


@pytest.mark.parametrize("part", [Part.WORKER, Part.DELIVER, Part.FEED, Part.LETTER])
def test_each_line_that_a_process_lacks_is_named_before_it_begins(
    kafka: GuardedKafka, topic_prefix: str, part: Part
) -> None:
    everybody, user = settings_at(kafka, topic_prefix), f"lacks-{part}"
    topics.create(everybody, partitions=PARTITIONS)
    let(kafka, everybody, part, user)
    settings = as_user(everybody, kafka, user)

    for right in of_part(everybody, PARTITIONS, part):
        if right.needed:
            heard(lambda: refusal_of(settings, part) == "", f"all are granted, {right} among them")
            granted = command([right], f"User:{user}", kafka.login)
            kafka.revoke(granted)
            said = heard(lambda: refusal_of(settings, part), f"{right} is gone")
            kafka.grant([granted])
            thing = right.resource.value.replace("-", " ")
            assert f"does not allow {' and '.join(right.operations)} on {thing} {right.name}" in said
            assert granted in said or right.prefixed
            assert said.count("does not allow") == 1


def test_a_right_that_is_taken_from_who_runs_is_named_and_waited_for(kafka: GuardedKafka, topic_prefix: str) -> None:
    port = free_port()  # the same for a worker that starts itself again
    everybody = settings_at(kafka, topic_prefix).changed(web={"port": port})
    topics.create(everybody, partitions=1)
    let(kafka, everybody, Part.WORKER, "worker")
    let(kafka, everybody, Part.DELIVER, "deliver")
    worker_s, deliver_s = as_user(everybody, kafka, "worker"), as_user(everybody, kafka, "deliver")
    (state,) = [
        right for right in of_part(everybody, 1, Part.WORKER)
        if right.needed and right.name == everybody.kafka.state_topic
    ]  # fmt: skip
    (outreach,) = [
        right for right in of_part(everybody, 1, Part.DELIVER)
        if right.needed and right.name == everybody.kafka.topics.outreach
    ]  # fmt: skip
    written = command([state._replace(operations=("Write",))], "User:worker", kafka.login)
    read = command([outreach], "User:deliver", kafka.login)
    post = Post(everybody)
    with WorkerProcess(worker_s, "worker", web=True) as worker, Webhook(deliver_s) as deliverer:
        page = f"http://127.0.0.1:{port}/"
        until(lambda: ready(page)[0], "it is ready", worker)
        kafka.revoke(written)
        kafka.revoke(read)
        post.rubbish(everybody.kafka.topics.purchases)
        worker.wait_for(f"Waiting for a right.*does not allow Write on topic {state.name} ", _PATIENCE_S)
        until(lambda: f"does not allow Write on topic {state.name} " in ready(page)[1], "the page says it", worker)
        until(lambda: f"does not allow Read on topic {outreach.name} " in deliverer.log, "it says so", deliverer)
        said = (worker.log.count("Waiting for a right"), deliverer.log.count("Waiting for a right"))
        assert '"thread": "page"' not in worker.log
        kafka.grant([written, read])
        until(lambda: ready(page)[0], "it is ready", worker)
        until(lambda: deliverer.log.count("deliverer started") >= 2, "it has begun anew", deliverer)
    post.close()

    assert said == (1, 1)


def ready(page: str) -> tuple[bool, str]:
    """Whether it is, and what it says."""
    try:
        with urlopen(f"{page}readyz", timeout=60) as answer:  # noqa: S310 - its own page
            return True, answer.read().decode()
    except HTTPError as error:
        with error:
            return False, " ".join(json.loads(error.read())["details"])
    except OSError as error:
        return False, str(error)


def refusal_of(settings: Settings, part: Part) -> str:
    """What the start of this part says; empty: nothing."""
    group = settings.deliver.group_of(settings.kafka.group, "webhook")
    if part is Part.WORKER:
        return " ".join(topics.check(settings, part=part))
    try:
        if part is Part.DELIVER:
            topics.for_delivery(settings, group=group)
        else:
            hold_rights(settings, part, lambda _: None, f"{group}-scores" if part is Part.FEED else None)
    except ConfigurationError as error:
        return str(error)
    return ""


def heard(asked: Callable[[], Said], what: str) -> Said:
    """Waits until all parts of the broker have heard of a change of its access lists: until there is an answer."""
    deadline = time.monotonic() + _PATIENCE_S
    while not (said := asked()):
        assert time.monotonic() < deadline, what
        time.sleep(0.05)
    return said


class Feed(Webhook):
    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self._command = (*self._command, "--topic", "customer-scores")


class LetterProcess(Deliverer):
    def __init__(self, settings: Settings) -> None:
        super().__init__(settings, "letter")
        self._command = (sys.executable, "-m", "service.cli", "deliver", "letter")


def test_who_may_see_nothing_gets_the_plan_of_an_empty_broker_and_what_could_not_be_seen(
    kafka: GuardedKafka, topic_prefix: str, command_of: Callable[..., Result]
) -> None:
    everybody = settings_at(kafka, topic_prefix)
    nobody = as_user(everybody, kafka, "nobody")

    done = command_of(nobody, "topics", "plan", "--json")
    pasted = command_of(nobody, "topics", "plan", "--acls", "--principal", "User:somebody").output
    made = command_of(nobody, "topics", "create")
    seen = {
        each["name"]: each for each in json.loads(command_of(everybody, "topics", "plan", "--json").output)["topics"]
    }

    plan = json.loads(done.output)
    assert done.exit_code == 0
    assert {each["action"] for each in plan["topics"]} == {"not_seen"}
    assert len(plan["topics"]) == 11
    assert "does not allow Describe on" in plan["not_seen"][0]
    assert {each["action"] for each in seen.values()} == {"create"}
    assert all(setting["why"] for each in seen.values() for setting in each["settings"])
    lines = [line for line in pasted.splitlines() if not line.startswith("#")]
    assert all(line.startswith("kafka-acls.sh --bootstrap-server ") and "User:somebody" in line for line in lines)
    assert made.exit_code != 0
    assert "does not allow Describe" in said_by(made)


def test_who_may_not_create_is_told_which_right_is_missing_and_a_refused_setting_is_left_out(
    kafka: GuardedKafka, topic_prefix: str, command_of: Callable[..., Result]
) -> None:
    everybody = settings_at(kafka, topic_prefix)
    looker = as_user(everybody, kafka, "looker")
    let(kafka, everybody, Part.LOOK, "looker")

    plan = json.loads(command_of(looker, "topics", "plan", "--json").output)
    made = command_of(looker, "topics", "create")
    purchases, *_ = topic_plan(everybody, 1)
    odd = replace(purchases, configs={**purchases.configs, "segment.ms": "none", "max.message.bytes": "-7"})
    with closing(topics.connect(everybody.kafka)) as admin:
        said = make(admin, [odd])
        admin.wait_for_topics([odd.name])
    there = json.loads(command_of(everybody, "topics", "plan", "--json").output)["topics"][0]

    assert {each["action"] for each in plan["topics"]} == {"create"}
    assert any("does not allow Create on the cluster" in sentence for sentence in plan["not_seen"])
    assert made.exit_code == 2 or isinstance(made.exception, ConfigurationError)
    assert "does not allow Create, neither on the cluster nor on topic" in said_by(made)
    assert len(said) == 2
    assert f"Topic {odd.name} was created with segment.ms=86400000 instead of none" in said[0]
    assert f"Topic {odd.name} was created with max.message.bytes=8388608 instead of -7" in said[1]
    assert there["action"] == "differs"
    assert {each["key"] for each in there["settings"] if each["cure"]} == {"segment.ms", "max.message.bytes"}


def said_by(done: Result) -> str:
    return done.output + (str(done.exception) if isinstance(done.exception, ChurnAlertError) else "")
