"""A real Kafka that asks who comes: by login over TLS, and by certificate. Everything goes through, and whoever is not
let in reads why, whatever the command."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any, Self

import pytest
from typer.testing import CliRunner, Result

from service.cli import app
from service.cluster import topics
from service.config import KafkaSettings, Settings
from service.connection import NoBrokerError, RefusedError, handshake, look_in
from service.errors import ChurnAlertError
from tests.integration.test_delivery import FAR_US, STEADY, Post
from tests.integration.test_webhook import SECRET, Webhook
from tests.support.delivery_world import requested
from tests.support.live_shop import until
from tests.support.load import settings_for
from tests.support.secured_kafka import (
    PASSWORD,
    Papers,
    SecuredKafka,
    by_certificate,
    by_login,
    papers_in,
    unsigned_token,
)
from tests.support.sink import sink_in_a_thread
from tests.support.worker_process import WorkerProcess, environment_of

pytestmark = [pytest.mark.broker]

WRONG = "of-another-shop"
TOKEN: dict[str, Any] = {"sasl_mechanism": "OAUTHBEARER", "sasl_username": None, "sasl_password": None}
Case = Callable[[SecuredKafka], dict[str, Any]]


@pytest.fixture(scope="module")
def papers(tmp_path_factory: pytest.TempPathFactory) -> Papers:
    return papers_in(tmp_path_factory.mktemp("papers"))


@pytest.fixture(scope="module")
def kafka(papers: Papers) -> Iterator[SecuredKafka]:
    with SecuredKafka(papers) as broker:
        broker.know(PASSWORD)
        yield broker


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Runs `churn-alert …` with these settings."""

    def run(settings: Settings, *words: str) -> Result:
        given = environment_of(settings)
        for name in os.environ:
            if name.startswith("CHURN_ALERT_"):
                monkeypatch.delenv(name)
        for name, value in given.items():
            monkeypatch.setenv(name, value)
        return CliRunner().invoke(app, list(words))

    return run


def settings_at(kafka: SecuredKafka, prefix: str, connection: dict[str, Any], url: str) -> Settings:
    target = {"url": url, "secret": SECRET, "allow_http": True, "allow_private": True}
    return settings_for(
        kafka.bootstrap_servers,
        prefix,
        kafka=STEADY,
        deliver={"port": 0, "webhook": target},
    ).changed(kafka=connection)


@pytest.mark.parametrize("connection", [by_login, by_certificate], ids=["login", "certificate"])
def test_every_part_goes_through(
    connection: Callable[..., dict[str, Any]],
    kafka: SecuredKafka,
    topic_prefix: str,
    command: Callable[..., Result],
    tmp_path: Path,
) -> None:
    log = tmp_path / "log.csv"
    visits = [f"anna,2024-0{month}-0{day} 09:00:00,4.50" for month in (1, 2, 3) for day in (1, 8)]
    log.write_text("\n".join(["customer_id,timestamp,amount", *visits]))
    with sink_in_a_thread(200) as sink:
        settings = settings_at(kafka, topic_prefix, connection(kafka), sink.url)
        made = command(settings, "topics", "create", "--partitions", "2")
        checked = command(settings, "topics", "check")
        sent = command(settings, "replay", str(log))
        assert [each.exit_code for each in (made, checked, sent)] == [0, 0, 0], (
            made.output + checked.output + sent.output
        )
        post = Post(settings.changed(kafka={**plain(kafka)}))
        post.rubbish(settings.kafka.topics.purchases)
        with WorkerProcess(settings, "worker") as worker:
            worker.wait_assigned()
            deadline = time.monotonic() + 180
            while (found := command(settings, "inspect", "anna", "--json")).exit_code:
                assert time.monotonic() < deadline, worker.log[-2000:]
                time.sleep(0.2)
            with Webhook(settings) as deliverer:
                post.say(requested("r-1", "anna", expires_us=FAR_US))
                post.wait({"r-1.webhook": ("delivered", "")}, deliverer)
            assert worker.running
        post.close()
        listed = command(settings, "dead-letters", "list")
        forgotten = command(settings, "forget", "anna", "--yes")

    assert '"orders":6' in found.output.replace(" ", "")
    assert [json.loads(one.body)["id"] for one in sink.came] == ["r-1"]
    assert "1 dead letter: 1 not_json" in listed.output
    assert forgotten.exit_code == 0
    for said in (worker.log, deliverer.log, found.output, listed.output):
        assert PASSWORD not in said


def plain(kafka: SecuredKafka) -> dict[str, Any]:
    """The listener in plain text."""
    defaults = KafkaSettings()
    names = ("security_protocol", "sasl_username", "sasl_password", "ssl_cafile", "ssl_certfile", "ssl_keyfile")
    return {"bootstrap_servers": kafka.bootstrap_servers} | {name: getattr(defaults, name) for name in names}


@pytest.mark.parametrize(
    "given",
    [
        lambda kafka: by_login(kafka, sasl_mechanism="SCRAM-SHA-256"),
        lambda kafka: by_login(kafka, sasl_mechanism="PLAIN"),
        lambda kafka: by_login(kafka, bootstrap_servers=f"127.0.0.1:1, {kafka.sasl}"),
    ],
    ids=["SCRAM-SHA-256", "PLAIN", "the second address"],
)
def test_other_logins_are_let_in(given: Case, kafka: SecuredKafka) -> None:
    settings = Settings(kafka=given(kafka))

    assert look_in(settings.kafka) == kafka.sasl
    assert "do not exist" in topics.check(settings)[0], "it has looked"


def test_a_token_is_let_in_while_it_is_good(kafka: SecuredKafka, tmp_path: Path) -> None:
    file = tmp_path / "token"
    settings = Settings(kafka=by_login(kafka, **TOKEN, oauth_token_file=file))

    file.write_text(unsigned_token())
    assert "do not exist" in topics.check(settings)[0]
    file.write_text(unsigned_token(lives_s=-30))
    assert "refuses the token" in topics.check(settings)[0]


class Giver(HTTPServer):
    """An endpoint that gives out tokens which are good for so many seconds, and tells of a sixth of them: who asks for
    another one in time has time to show it."""

    def __init__(self, lives_s: float) -> None:
        super().__init__(("127.0.0.1", 0), _Giving)
        self.lives_s, self.given = lives_s, 0
        self.url = f"http://127.0.0.1:{self.server_port}/token"

    def __enter__(self) -> Self:
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.server_close()


class _Giving(BaseHTTPRequestHandler):
    server: Giver

    def do_POST(self) -> None:
        lives_s = self.server.lives_s
        self.server.given += 1
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps({"access_token": unsigned_token(lives_s), "expires_in": lives_s / 6}).encode())

    def log_message(self, *_: Any) -> None:
        pass


LIVES_S = 16.0


def test_workers_and_deliverers_outlive_their_tokens(papers: Papers, topic_prefix: str) -> None:
    """The broker cuts every line of whoever has not shown a new one."""
    with Giver(LIVES_S) as giver, SecuredKafka(papers, login_lasts_ms=60_000) as kafka, sink_in_a_thread(200) as sink:
        login = by_login(
            kafka,
            **TOKEN,
            oauth_token_url=giver.url,
            oauth_client_id="shop",
            oauth_client_secret="of-the-shop",  # noqa: S106
            allow_plaintext_credentials=True,
        )
        settings = settings_at(kafka, topic_prefix, login, sink.url)
        topics.create(settings.changed(kafka=plain(kafka)), partitions=2)
        post = Post(settings.changed(kafka=plain(kafka)))

        def refused(count: int) -> bool:
            return len(post.records(settings.kafka.topics.dead_letters)) == count

        with WorkerProcess(settings, "worker") as worker, Webhook(settings) as deliverer:
            worker.wait_assigned()
            deliverer.wait_assigned()
            before, began_s, number = giver.given, time.monotonic(), 0
            while giver.given < before + 5 or time.monotonic() < began_s + LIVES_S + 2.0:
                number += 1
                post.say(requested(f"r-{number}", "anna", expires_us=FAR_US))
                post.wait({f"r-{number}.webhook": ("delivered", "")}, deliverer)
                post.rubbish(settings.kafka.topics.purchases)
                until(partial(refused, number), "it is refused", worker)
            assert all(each.running and "starting again" not in each.log for each in (worker, deliverer))
        post.close()
    assert [json.loads(one.body)["id"] for one in sink.came] == [f"r-{each + 1}" for each in range(number)]


REFUSED: dict[str, tuple[Case, str]] = {
    "wrong password": (
        lambda kafka: by_login(kafka, sasl_password=WRONG),
        "refuses the login of 'churn-alert' (Authentication failed",
    ),
    "wrong user": (lambda kafka: by_login(kafka, sasl_username="nobody"), "refuses the login of 'nobody'"),
    "wrong password in plain": (
        lambda kafka: by_login(kafka, sasl_mechanism="PLAIN", sasl_password=WRONG),
        "check kafka.sasl_username and kafka.sasl_password",
    ),
    "authority unknown": (
        lambda kafka: by_login(kafka, ssl_cafile=kafka.papers.stranger_ca),
        "is not trusted (unable to get local issuer certificate): the authority that has signed it is not in kafka.ssl_ca",
    ),
    "authority not named": (lambda kafka: by_login(kafka, ssl_cafile=None), "has signed it in kafka.ssl_cafile"),
    "another name": (
        lambda kafka: by_login(kafka, bootstrap_servers=kafka.sasl.replace("localhost", "127.0.0.1")),
        "shows a certificate for another name",
    ),
    "no certificate": (
        lambda kafka: by_certificate(kafka, ssl_certfile=None, ssl_keyfile=None),
        "wants a certificate of ours (tlsv13 alert certificate required): set kafka.ssl_certfile and kafka.ssl_keyfile",
    ),
    "a certificate of strangers": (
        lambda kafka: by_certificate(kafka, ssl_certfile=kafka.papers.stranger, ssl_keyfile=None),
        "refuses the certificate in kafka.ssl_certfile",
    ),
    "TLS to plain text": (
        lambda kafka: by_certificate(kafka, bootstrap_servers=kafka.bootstrap_servers),
        "does not speak TLS on this port",
    ),
    "plain text to TLS": (lambda kafka: {"bootstrap_servers": kafka.sasl}, "set kafka.security_protocol to SSL"),
    "no login": (
        lambda kafka: by_certificate(kafka, bootstrap_servers=kafka.sasl),
        "lets nobody in without a login",
    ),
    "a login where there is none": (
        lambda kafka: by_login(kafka, bootstrap_servers=kafka.mtls, ssl_certfile=kafka.papers.stranger.parent / "ours.pem",
                               ssl_keyfile=kafka.papers.our_key),
        "asks for no login on this port",
    ),
}  # fmt: skip


AT_ONCE_S = 30.0
"""However busy the machine is. Who waits for an answer that does not come waits for twice as long in these tests."""


@pytest.fixture
def no_answer_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CONNECT_S", "ANSWER_S"):
        monkeypatch.setattr(handshake, name, 2 * AT_ONCE_S)


@pytest.mark.usefixtures("no_answer_is_given_up")
@pytest.mark.parametrize("case", REFUSED)
def test_whoever_is_not_let_in_reads_why_at_once(case: str, kafka: SecuredKafka) -> None:
    given, said = REFUSED[case]
    began = time.monotonic()

    with pytest.raises(RefusedError) as refused:
        look_in(KafkaSettings(**given(kafka)))

    assert time.monotonic() - began < AT_ONCE_S
    assert said in str(refused.value)
    assert WRONG not in str(refused.value)


def test_nobody_there_is_another_sentence() -> None:
    with pytest.raises(NoBrokerError, match="No Kafka broker answers at localhost:1"):
        look_in(KafkaSettings(bootstrap_servers="localhost:1", security_protocol="SSL"))


COMMANDS = [
    ["topics", "check"],
    ["topics", "create"],
    ["inspect", "anna"],
    ["dead-letters", "list"],
    ["deliver", "retry"],
    ["outreach", "resume"],
    ["forget", "anna", "--yes"],
    ["export", "anna"],
]


@pytest.mark.usefixtures("no_answer_is_given_up")
@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_every_command_says_the_same_sentence(
    words: list[str], kafka: SecuredKafka, topic_prefix: str, command: Callable[..., Result]
) -> None:
    settings = settings_at(kafka, topic_prefix, by_login(kafka, sasl_password=WRONG), "http://127.0.0.1:1/")
    began = time.monotonic()

    done = command(settings, *words)

    assert time.monotonic() - began < AT_ONCE_S
    assert done.exit_code == 1
    said = done.output + (str(done.exception) if isinstance(done.exception, ChurnAlertError) else "")
    assert "refuses the login of 'churn-alert'" in said
    assert WRONG not in said


def test_who_runs_says_why_it_waits_and_goes_on_with_what_the_files_say_by_then(
    kafka: SecuredKafka, topic_prefix: str, tmp_path: Path, command: Callable[..., Result]
) -> None:
    """A password and an authority that are changed under a worker and a deliverer, in both of which clients keep what
    they were made with."""
    settings = settings_at(kafka, topic_prefix, by_login(kafka), "http://127.0.0.1:1/")
    assert command(settings, "topics", "create").exit_code == 0
    password, authority = tmp_path / "password", tmp_path / "ca.pem"
    password.write_text("of-last-year")
    authority.write_bytes(kafka.papers.ca.read_bytes())
    both = [WorkerProcess(settings, "worker"), Webhook(settings)]
    for each in both:
        each._environment.pop("CHURN_ALERT_KAFKA__SASL_PASSWORD")
        each._environment["CHURN_ALERT_KAFKA__SASL_PASSWORD_FILE"] = str(password)
        each._environment["CHURN_ALERT_KAFKA__SSL_CAFILE"] = str(authority)
    with both[0] as worker, both[1]:
        worker.wait_for("Waiting for a Kafka broker at .* refuses the login of")
        first = worker.log.splitlines()[0]
        password.write_text(PASSWORD)
        for each in both:
            each.wait_assigned()
        log = worker.log
        kafka.know("of-next-year")
        kafka.papers.renew()
        kafka.restart()  # who is connected is not asked again
        for each in both:
            each.wait_for("The certificate of the broker at .* is not trusted", 240)
        authority.write_bytes(kafka.papers.ca.read_bytes())
        for each in both:
            each.wait_for("is not trusted(?s:.*)refuses the login of", 240)
        password.write_text("of-next-year")
        for each in both:
            each.wait_for("is not trusted(?s:.*)refuses the login of(?s:.*)partitions assigned", 240)
        kafka.know(PASSWORD)

    assert "refuses the login of" in first, "it is said before anything else"
    assert "of-last-year" not in log
    assert log.count("Waiting for a Kafka broker") == 1, "said once, not at each attempt"
    assert all(not each.exits[:-1] for each in both)
