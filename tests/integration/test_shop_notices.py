"""A notice over a real broker: once, whoever writes the numbers; `deliver webhook --topic shop-notices` posts it."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from typing import Any

import pytest

from service.cluster import topics
from service.cluster.tail import open_reader, partitions_of, records_until_now
from service.config import Settings
from service.streaming.period_totals import Publisher
from tests.integration.test_delivery import STEADY
from tests.integration.test_webhook import SECRET, Webhook
from tests.support.broker import TestBroker
from tests.support.live_shop import until
from tests.support.load import settings_for
from tests.support.sink import sink_in_a_thread
from tests.unit.test_shop_notices import shop_of

pytestmark = [pytest.mark.broker]


class Notices(Webhook):
    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self._command = (*self._command, "--topic", "shop-notices")


async def published(settings: Settings) -> None:
    """An owner of partition 0 adds everything up, tells what there is to tell, and goes."""
    totals = shop_of(100, 2, settings)
    totals._caught_up.set()
    told = asyncio.Event()

    class Heard(Publisher):
        async def _publish(self, *numbers: Any) -> None:
            await super()._publish(*numbers)
            told.set()

    running, waiting = asyncio.create_task(Heard(settings, totals).run()), asyncio.create_task(told.wait())
    await asyncio.wait((running, waiting), return_when=asyncio.FIRST_COMPLETED)
    running.cancel()
    waiting.cancel()
    with suppress(asyncio.CancelledError):
        await running


def test_two_owners_one_after_the_other_tell_a_notice_once_and_it_is_posted(
    broker: TestBroker, topic_prefix: str
) -> None:
    with sink_in_a_thread(200) as sink:
        settings = settings_for(
            broker.bootstrap_servers,
            topic_prefix,
            kafka=STEADY,
            time={"clock": "event"},
            notices={"thresholds": [{"name": "few", "number": "retention_rate", "limit": 60}]},
            deliver={
                "port": 0,
                "retry_first_s": 0.2,
                "webhook": {"url": sink.url, "secret": SECRET, "allow_http": True, "allow_private": True},
            },
        )
        topics.create(settings, partitions=2)
        for _ in range(2):
            asyncio.run(published(settings))
        with open_reader(settings.kafka) as reader:
            lie = list(records_until_now(reader, partitions_of(reader, settings.kafka.topics.shop_notices)))
            measured = list(records_until_now(reader, partitions_of(reader, settings.kafka.topics.period_metrics)))
        with Notices(settings):
            until(lambda: bool(sink.came), "it is posted")

    (record,) = lie
    assert record.key == b"few:month:2026-03-01"
    assert len({each.key for each in measured}) == len(measured) > 0
    (posted,) = {one.body for one in sink.came}
    assert json.loads(posted) == json.loads(record.value)
