"""The weekly letter to the shop: what it says, in which language, when it goes out, and that no week goes out twice."""

from __future__ import annotations

import asyncio
import email
import email.policy
import os
import signal
import socket
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import httpx
import pytest
from aiokafka.errors import ProducerFenced
from pydantic import ValidationError
from typer.testing import CliRunner

from service.cli import app
from service.config import Settings
from service.delivery import letter_post
from service.delivery.desk import Said
from service.delivery.letter_post import LetterPost, compose, due_at, id_of
from service.delivery.memory import Entry, Memory, State
from service.delivery.metrics import DeliveryMetrics
from service.delivery.web import limits_of, serve_letter
from service.domain.calendar import to_day
from service.domain.periods.numbers import Counts, PeriodRow
from service.domain.periods.rows import RowMaker
from service.domain.policy import Shop
from service.errors import ConfigurationError
from service.letter.content import Key, letter_of, row_of, week_before
from service.letter.sample import WEEK, sample_of
from service.letter.writing import write
from service.wire.period_records import numbers_of
from tests.support.for_outlook import faults_in_outlook
from tests.support.mail_sink import Handler, Sink

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
"""A Monday."""


def settings(port: int = 25, **said: Any) -> Settings:
    letter = {"enabled": True, "to": ["Anna <anna@cafe.example>", "boss@cafe.example"], **said.pop("letter", {})}
    smtp = {"host": "127.0.0.1", "port": port, "security": "none", "sender": "Café Anna <hello@cafe.example>"}
    return Settings(letter=letter, deliver={"smtp": smtp}, shop={"name": "Café Anna", **said})


def row(granularity: str, start: date, end: date, **counted: int) -> PeriodRow:
    first, last = to_day(start), to_day(end)
    before = Counts(buyers=counted.pop("start", 100))
    return RowMaker(Shop()).row(granularity, first, last, last, now=Counts(**counted), before=before)


ROWS: dict[Key, PeriodRow] = {
    ("week", WEEK): row("week", WEEK, date(2026, 3, 2), buyers=90, orders=120, revenue_minor=84_050, new=7),
    ("month", date(2026, 2, 1)): row("month", date(2026, 2, 1), date(2026, 3, 1), buyers=300, retained=71),
}


def score(customer_id: str, worth: str, **said: Any) -> dict[str, Any]:
    return {
        "customer_id": customer_id,
        "segment": "quiet",
        "visits": 9,
        "value_at_risk": worth,
        "marketing_consent": None,
        "as_of": "2026-02-28T09:00:00Z",
        "last_visit_at": "2026-02-01T09:00:00Z",
        "usual_gap_days": 7.0,
        "tail_probability": 0.05,
        **said,
    }


# ---- what it says


def test_it_has_the_numbers_of_the_week_and_of_the_last_month_and_who_is_worth_a_call() -> None:
    letter = letter_of(settings(), WEEK, ROWS, [score("few", "10.00"), score("much", "90.00")], NOW.timestamp())

    assert letter is not None
    text = write(letter).text
    assert "Revenue: €840.50" in text
    assert "The month: February 2026" in text
    assert "Retention: 71.0% - 71 of 100 came back" in text
    assert [person.customer_id for person in letter.people] == ["much", "few"]
    assert "1. much (€90): Comes every 7 days, silent for 29 days: longer than 95.0% of such pauses." in text


@pytest.mark.parametrize(
    "left_out",
    [
        {"segment": "regular"},
        {"marketing_consent": False},
        {"visits": 3},
        {"value_at_risk": None},
    ],
)
def test_who_is_not_worth_a_call_is_not_named(left_out: dict[str, Any]) -> None:
    letter = letter_of(settings(), WEEK, ROWS, [score("x", "10.00") | left_out], NOW.timestamp())

    assert letter is not None
    assert letter.people == ()
    assert "Nobody has gone quiet for whom much is at stake." in write(letter).text


def test_it_names_ten_at_most_or_as_many_as_are_set() -> None:
    scores = [score(f"c{n:02}", f"{n}.00") for n in range(1, 15)]
    ten = letter_of(settings(), WEEK, ROWS, scores, NOW.timestamp())
    none = letter_of(settings(letter={"people": 0}), WEEK, ROWS, scores, NOW.timestamp())

    assert ten is not None
    assert none is not None
    assert [person.customer_id for person in ten.people] == [f"c{n:02}" for n in range(14, 4, -1)]
    assert (none.people, none.nobody) == ((), "")


def test_a_week_that_is_not_whole_has_no_letter() -> None:
    running = row("week", WEEK, date(2026, 3, 2))
    open_week = row_of({**numbers_of(running, "EUR"), "complete": False})

    assert letter_of(settings(), WEEK, {}, [], NOW.timestamp()) is None
    assert letter_of(settings(), WEEK, {("week", WEEK): open_week}, [], NOW.timestamp()) is None


def test_a_row_read_back_from_its_record_is_the_same() -> None:
    for each in ROWS.values():
        assert row_of(numbers_of(each, "EUR") | {"revision": 3}) == each


def test_french_is_french() -> None:
    written = write(sample_of(settings(locale="fr-FR", currency="EUR")))

    assert written.subject.startswith("Café Anna\u00a0: votre semaine, 23 févr.")
    assert "Chiffre d’affaires\u00a0: 1\u202f738,00\u00a0€" in written.text
    assert "Le mois\u00a0: février 2026" in written.text
    assert "À rappeler" in written.html
    assert '<html lang="fr"' in written.html


@pytest.mark.parametrize("locale", ["en-GB", "fr-FR"])
def test_outlook_lays_it_out_as_all_others_do(locale: str) -> None:
    html = write(sample_of(settings(locale=locale))).html

    assert faults_in_outlook(html) == []


def test_what_a_customer_is_called_cannot_become_html() -> None:
    letter = replace(sample_of(settings()), shop="<b>&", people=())
    letter = replace(letter, people=(replace(sample_of(settings()).people[0], customer_id="<script>x</script>"),))

    assert "<script>" not in write(letter).html
    assert "&lt;script&gt;" in write(letter).html


# ---- when


@pytest.mark.parametrize(
    ("now", "due"),
    [
        ("2026-03-02T07:59:00+01:00", "2026-02-23T08:00:00+01:00"),
        ("2026-03-02T08:00:00+01:00", "2026-03-02T08:00:00+01:00"),
        ("2026-03-08T23:00:00+01:00", "2026-03-02T08:00:00+01:00"),
        ("2026-03-30T08:30:00+02:00", "2026-03-30T08:00:00+02:00"),
    ],
)
def test_it_goes_out_on_its_day_at_its_hour_in_the_shops_zone(now: str, due: str) -> None:
    assert due_at(settings(timezone="Europe/Paris"), datetime.fromisoformat(now)) == datetime.fromisoformat(due)


def test_another_day_tells_of_the_last_week_that_is_over() -> None:
    said = settings(letter={"weekday": "thursday", "at": "18:30"})
    due = due_at(said, datetime(2026, 3, 6, 12, 0, tzinfo=UTC))

    assert due == datetime(2026, 3, 5, 18, 30, tzinfo=UTC)
    assert week_before(due.date()) == WEEK


def test_the_id_is_of_the_week_and_the_mailbox_and_does_not_show_it() -> None:
    assert id_of(WEEK, "Anna <Anna@cafe.example>") == id_of(WEEK, "anna@cafe.example")
    assert id_of(WEEK, "anna@cafe.example") != id_of(WEEK + timedelta(7), "anna@cafe.example")
    assert "anna" not in id_of(WEEK, "anna@cafe.example")
    assert id_of(WEEK, "x@y.example").startswith("letter.2026-W09.")


# ---- settings and commands


def test_it_is_off_unless_asked_for_and_then_needs_a_reader() -> None:
    assert not Settings().letter.enabled
    with pytest.raises(ValidationError, match="whom shall the letter go to"):
        Settings(letter={"enabled": True})
    with pytest.raises(ValidationError, match="is no address"):
        Settings(letter={"to": ["anna"]})
    with pytest.raises(ConfigurationError, match=r"letter\.enabled is not set"):
        LetterPost(Settings())
    with pytest.raises(ConfigurationError, match=r"deliver\.smtp\.host is not set"):
        LetterPost(Settings(letter={"enabled": True, "to": ["a@b.example"]}))


def test_preview_shows_it(tmp_path: Any) -> None:
    page = tmp_path / "letter.html"
    shown = CliRunner().invoke(app, ["preview", "--letter", "--locale", "fr", "--html", str(page)])

    assert shown.exit_code == 0
    assert "À rappeler" in shown.output
    assert "À rappeler" in page.read_text(encoding="utf-8")
    assert CliRunner().invoke(app, ["preview", "--letter", "--sample"]).exit_code != 0


# ---- sending


def test_the_mail_is_text_and_html_and_no_holiday_notice_answers() -> None:
    said = settings()
    message = compose(said, sample_of(said), "letter.2026-W09.x", "Anna <anna@cafe.example>", NOW)
    read = email.message_from_bytes(message.as_bytes(), policy=email.policy.default)

    assert (read["To"], read["Auto-Submitted"]) == ("Anna <anna@cafe.example>", "auto-generated")
    assert read["Message-ID"] == "<letter.2026-W09.x@cafe.example>"
    assert [part.get_content_type() for part in read.iter_parts()] == ["text/plain", "text/html"]
    assert str(read["Subject"]).startswith("Café Anna: your week")


class Topic:
    """`deliveries`, and books of it."""

    def __init__(self) -> None:
        self.said: list[Said] = []
        self.writer: object = None
        """The book that was opened last: of no other is anything taken."""

    def book(self, *_: object) -> OneBook:
        return OneBook(self)

    def states(self) -> list[str]:
        return [entry.state.value for _, entry in self.said if entry is not None]


class OneBook:
    def __init__(self, topic: Topic) -> None:
        self._topic = topic

    async def open(self, memory: Memory) -> None:
        self._topic.writer = self
        for request_id, entry in self._topic.said:
            if entry is not None:
                memory.put(request_id, entry)

    async def write(self, said: Sequence[Said]) -> None:
        if self._topic.writer is not self:
            raise ProducerFenced
        self._topic.said += said

    async def close(self) -> None: ...


@pytest.fixture
def topic(monkeypatch: pytest.MonkeyPatch) -> Topic:
    found = Topic()
    monkeypatch.setattr(letter_post, "Book", found.book)

    async def read(_: object) -> tuple[dict[Key, PeriodRow], list[dict[str, Any]]]:
        return ROWS, [score("much", "90.00")]

    monkeypatch.setattr(LetterPost, "_read", read)
    return found


async def test_each_mailbox_gets_one_letter_a_week_whoever_looks_again(topic: Topic) -> None:
    with Sink() as sink:
        for _ in range(2):  # a second process knows what the first has written
            post = LetterPost(settings(sink.port))
            assert await post.look(NOW)
            assert await post.look(NOW + timedelta(hours=1))
        taken = sorted(mail["to"] for mail in sink.handler.taken)

    assert taken == ["anna@cafe.example", "boss@cafe.example"]
    assert topic.states() == ["attempted", "delivered", "attempted", "delivered"]
    assert {said.request_id for said in topic.said} == {id_of(WEEK, to) for to in taken}
    assert all(entry is not None and entry.customer_id is None for _, entry in topic.said)


async def test_of_two_processes_at_once_one_sends(topic: Topic, monkeypatch: pytest.MonkeyPatch) -> None:
    """The other one looks in the middle of the attempt: it opens the record, so that the first cannot write any more,
    and leaves the letter to it."""
    with Sink() as sink:
        first, second = (LetterPost(settings(sink.port)) for _ in range(2))
        usual, looked = LetterPost._hand_over, list[bool]()

        async def in_the_middle(post: LetterPost, message: Any) -> Any:
            if post is first and not looked:
                looked.append(await second.look(NOW))
            return await usual(post, message)

        monkeypatch.setattr(LetterPost, "_hand_over", in_the_middle)
        with pytest.raises(ProducerFenced):  # to the next mailbox
            await first.look(NOW)
        assert await second.look(NOW)
        assert await first.look(NOW)
        taken = sorted(mail["to"] for mail in sink.handler.taken)

    assert looked == [False]
    assert taken == ["anna@cafe.example", "boss@cafe.example"]


async def test_its_probes_say_what_it_waits_for_and_its_metrics_what_went_out(
    topic: Topic, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Sink() as sink:
        given, metrics = settings(sink.port), DeliveryMetrics("letter")
        post, listener = LetterPost(given, metrics), socket.create_server(("127.0.0.1", 0))
        listener.setblocking(False)
        address = f"http://127.0.0.1:{listener.getsockname()[1]}"
        post.serve = lambda: serve_letter(listener, limits_of(given), metrics, post.missing)
        before = post.missing()
        assert await post.look(NOW)
        monkeypatch.setattr(post, "look", _done)
        running = asyncio.create_task(post._run())
        async with httpx.AsyncClient(base_url=address, timeout=5) as client:
            while not running.done():
                try:
                    ready = await client.get("/readyz")
                except httpx.ConnectError:
                    continue
                if ready.status_code == 200:
                    break
                await asyncio.sleep(0.02)
            told = (await client.get("/metrics")).text
        os.kill(os.getpid(), signal.SIGTERM)

        assert await running == 0
    assert before == ["what was sent has not been read yet"]
    assert 'churn_alert_deliver_messages_total{channel="letter",state="delivered"} 2.0' in told


async def _done(_now: datetime) -> bool:
    return True


@pytest.mark.parametrize("sending", [False, True])
async def test_who_is_asked_to_end_while_a_broker_is_waited_for_ends_and_finishes_a_mail_on_its_way(
    topic: Topic, monkeypatch: pytest.MonkeyPatch, *, sending: bool
) -> None:
    post, begun, answers = LetterPost(settings(1)), asyncio.Event(), asyncio.Event()
    ends: list[str] = []

    async def look(_now: datetime) -> bool:
        post._sending = sending
        begun.set()
        try:
            await answers.wait()
        except asyncio.CancelledError:
            ends.append("broken off")
            raise
        ends.append("finished")
        return True

    monkeypatch.setattr(post, "look", look)
    running = asyncio.create_task(post._run())
    await begun.wait()
    os.kill(os.getpid(), signal.SIGTERM)
    if sending:
        asyncio.get_running_loop().call_later(0.2, answers.set)

    assert await running == 0
    assert ends == ["finished" if sending else "broken off"]


async def test_an_attempt_whose_process_died_is_made_again_after_a_while(topic: Topic) -> None:
    at_us = int((time.time() - 700) * 1_000_000)
    begun = Entry(State.ATTEMPTED, "", at_us, 1, at_us + 1, None, sample=False)
    topic.said = [Said(id_of(WEEK, to), begun) for to in ("anna@cafe.example", "boss@cafe.example")]
    with Sink() as sink:
        assert await LetterPost(settings(sink.port)).look(NOW)
        topic.said = [Said(said.request_id, begun._replace(at_us=int(time.time() * 1e6))) for said in topic.said[:2]]
        assert not await LetterPost(settings(sink.port)).look(NOW)

        assert len(sink.handler.taken) == 2


async def test_a_server_that_says_not_now_is_asked_again_and_one_that_says_never_is_not(topic: Topic) -> None:
    handler = Handler()
    handler.rcpt_answers = ["451 4.2.0 later", "550 5.1.1 nobody"]
    with Sink(handler) as sink:
        post = LetterPost(settings(sink.port))
        first = await post.look(NOW)
        second = await post.look(NOW + timedelta(minutes=5))

    assert (first, second) == (False, True)
    assert topic.states() == ["attempted", "requested", "attempted", "bounced", "attempted", "delivered"]
    last = topic.said[-1].entry
    assert last is not None
    assert last.attempts == 2


async def test_a_mail_server_that_is_away_is_waited_for(topic: Topic) -> None:
    with Sink() as sink:
        port = sink.port
    post = LetterPost(settings(port))

    assert not await post.look(NOW)
    assert topic.states() == ["attempted", "requested"] * 2
    with Sink(port=port) as sink:
        assert await post.look(NOW + timedelta(minutes=5))
        assert len(sink.handler.taken) == 2


async def test_a_letter_that_is_days_late_is_left_out_and_one_whose_numbers_lack_waits(
    topic: Topic, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def nothing(_: object) -> tuple[dict[Key, PeriodRow], list[dict[str, Any]]]:
        return {}, []

    monkeypatch.setattr(LetterPost, "_read", nothing)
    post = LetterPost(settings())

    assert not await post.look(NOW)
    assert await post.look(NOW + timedelta(days=6))
    assert topic.states() == []
    assert State.DELIVERED.final
