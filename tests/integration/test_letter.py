"""The weekly letter over a real broker and a real mail server, and as a browser shows it."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import msgspec
import pytest
from kafka import KafkaProducer

from service.cluster import topics
from service.config import Settings
from service.delivery.letter_post import LetterPost
from service.letter.sample import WEEK, sample_of
from service.letter.writing import write
from service.wire.period_records import numbers_of
from tests.support.broker import TestBroker
from tests.support.browser import chromium
from tests.support.load import settings_for
from tests.support.mail_sink import Sink
from tests.unit.test_letter import row, score

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


@pytest.mark.broker
async def test_a_letter_goes_out_once_from_what_lies_in_the_topics(broker: TestBroker, topic_prefix: str) -> None:
    with Sink() as sink:
        smtp = {"host": "127.0.0.1", "port": sink.port, "security": "none", "sender": "hello@cafe.example"}
        settings = settings_for(broker.bootstrap_servers, topic_prefix).model_copy(
            update={
                "letter": Settings(letter={"enabled": True, "to": ["anna@cafe.example"]}).letter,
                "deliver": Settings(deliver={"smtp": smtp}).deliver,
            }
        )
        topics.create(settings, partitions=2)
        week = row("week", WEEK, date(2026, 3, 2), buyers=90, orders=120, revenue_minor=84_050)
        event = {"type": "period.measured", "data": numbers_of(week, "EUR") | {"revision": 1}}
        producer = KafkaProducer(bootstrap_servers=broker.bootstrap_servers)
        producer.send(settings.kafka.topics.period_metrics, msgspec.json.encode(event), b"week:2026-02-23", partition=0)
        for partition, name in enumerate(("ann", "bob")):
            told = msgspec.json.encode({"type": "customer.scored", "data": score(name, "90.00")})
            producer.send(settings.kafka.topics.customer_scores, told, name.encode(), partition=partition)
        producer.send(settings.kafka.topics.customer_scores, None, b"bob", partition=1)
        producer.flush()
        producer.close()

        assert await LetterPost(settings).look(NOW)
        assert await LetterPost(settings).look(NOW)

    (mail,) = sink.handler.taken
    assert mail["to"] == "anna@cafe.example"
    assert "1. ann" in mail["text"]
    assert "bob" not in mail["text"]


@pytest.mark.parametrize("width", [360, 700])
@pytest.mark.parametrize("locale", ["en", "fr-FR"])
def test_a_browser_shows_it_whole_at_the_width_of_a_telephone_and_of_a_desk(
    width: int, locale: str, tmp_path: Path
) -> None:
    said = Settings(shop={"name": "Café Anna", "locale": locale}, deliver={"public_url": "https://cafe.example/news"})
    page = tmp_path / "letter.html"
    page.write_text(write(sample_of(said)).html, encoding="utf-8")

    with chromium() as browser:
        view = browser.new_page(viewport={"width": width, "height": 900})
        view.goto(page.as_uri())
        wide = view.evaluate("document.documentElement.scrollWidth")
        rows = view.locator("th[scope=row]").count()
        people = view.locator("p.text strong").count()
        view.screenshot(path=str(tmp_path / f"letter-{locale}-{width}.png"), full_page=True)

    assert wide <= width
    assert rows == 7
    assert people == 10
