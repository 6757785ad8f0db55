"""`churn-alert outreach test`: a real record today, from the command line to whoever reads `outreach`."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from kafka import TopicPartition
from typer.testing import CliRunner, Result

from schemas.envelope import OutreachRequestedEvent
from service.cli import app
from service.cluster import topics
from service.config import Settings
from service.errors import ConfigurationError
from tests.support.broker import TestBroker
from tests.support.consumers import committed_records
from tests.support.load import settings_for
from tests.support.worker_process import environment_of

pytestmark = pytest.mark.broker


def put(settings: Settings, *words: str) -> Result:
    return CliRunner().invoke(app, ["outreach", "test", *words], env=environment_of(settings))


def written(settings: Settings) -> list[tuple[bytes, OutreachRequestedEvent]]:
    """Everything in `outreach`, each strictly by the published model."""
    place = TopicPartition(settings.kafka.topics.outreach, 0)
    with closing(committed_records(settings.kafka.bootstrap_servers)) as reader:
        reader.assign([place])
        reader.seek_to_beginning(place)
        (end,) = reader.end_offsets([place]).values()
        records = []
        while reader.position(place) < end:
            records += reader.poll(timeout_ms=200).get(place, [])
    return [(record.key, OutreachRequestedEvent.model_validate_json(record.value, strict=True)) for record in records]


def test_a_sample_is_a_whole_request_and_each_is_another_one(broker: TestBroker, topic_prefix: str) -> None:
    settings = settings_for(broker.bootstrap_servers, topic_prefix)
    too_early = put(settings, "--email", "me@shop.example")
    topics.create(settings, partitions=1)

    first = put(settings, "--email", "me@shop.example")
    second = put(settings, "--email", "me@shop.example", "--kind", "milestone", "--locale", "fr")

    assert isinstance(too_early.exception, ConfigurationError)
    assert "topics create" in str(too_early.exception)
    assert (first.exit_code, second.exit_code) == (0, 0)
    (key, english), (_, french) = written(settings)
    assert key == english.subject.encode() == english.data.customer_id.encode()
    assert english.id == english.data.decision_id
    assert english.id in first.stdout.replace("\n", "")
    assert english.id != french.id
    for event in (english, french):
        assert event.data.sample is True
        assert event.data.contact is not None
        assert event.data.contact.email == "me@shop.example"
        assert msgspec.convert(event.data.expires_at, datetime) > datetime.now(UTC) + timedelta(days=1)
    assert (english.data.kind, english.data.rung, english.data.subject) == ("win_back", "remind", "Anna, we miss you")
    assert (french.data.kind, french.data.locale) == ("milestone", "fr")
    assert "visite" in french.data.sentence
