"""By the wall clock a partition concludes absences only for a time for which its feed has, as it usually does,
delivered."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

from service.config import Settings
from service.domain.calendar import DAY_US, HOUR_US, SECOND_US, utc_text
from service.domain.findings import Decision, Outcome
from service.streaming.job import PartitionJob

START_US = 20_000 * DAY_US
SETTINGS = Settings().changed(
    outreach={"consent": "external", "measure": "multiple", "level": 1.0},
    time={"clock": "wall"},
    shop={"timezone": "UTC"},
)
DAYS = 40
REGULARS = 20


def record(offset: int, who: str, at_us: int, arrived_us: int) -> Any:
    body = f'{{"event_id":"e{offset}","customer_id":"{who}","occurred_at":"{utc_text(at_us)}","amount":"5"}}'
    return SimpleNamespace(
        offset=offset,
        value=body.encode(),
        key=who.encode(),
        headers=(),
        topic="purchases",
        partition=0,
        timestamp=arrived_us // 1_000,
        timestamp_type=0,
    )


def told_in(job: PartitionJob, *, nightly: bool) -> list[Decision]:
    """A shop whose regulars all buy at noon, every day. Its feed delivers at once, or at two in the night."""
    decisions: list[Decision] = []
    offset, source = 0, job.sources.index("purchases")
    waiting: list[Any] = []
    for hour in range(24 * DAYS):
        now_us = START_US + hour * HOUR_US
        if hour % 24 == 12:
            for who in range(REGULARS):
                arrives_us = now_us + 14 * HOUR_US if nightly else now_us + SECOND_US // 2
                waiting.append(record(offset, f"regular-{who}", now_us + who * SECOND_US, arrives_us + who * SECOND_US))
                offset += 1
        with patch("time.time_ns", return_value=(now_us + 60 * SECOND_US) * 1_000):
            arrived = [one for one in waiting if one.timestamp * 1_000 <= now_us + 60 * SECOND_US]
            waiting = [one for one in waiting if one.timestamp * 1_000 > now_us + 60 * SECOND_US]
            job.inbox.put(source, arrived)
            job.apply(job.inbox.take(lambda _: True, 10_000))
            job.advance(now_us + 60 * SECOND_US, now_us + 60 * SECOND_US)
            written = job.drain(len(arrived))
        decisions += [] if written is None else written.decisions
    return decisions


def test_a_shop_that_delivers_at_night_alerts_nobody_who_bought_at_noon() -> None:
    job = PartitionJob(SETTINGS, 0)

    told = told_in(job, nightly=True)

    assert told == []
    assert 14 * HOUR_US <= job._delay.delay_us(START_US + DAYS * DAY_US) <= 20 * HOUR_US


def test_its_regulars_would_have_been_alerted_where_the_delay_is_not_waited_for() -> None:
    deaf = SETTINGS.changed(time={"max_delay_days": 0, "clock": "wall"})

    told = told_in(PartitionJob(deaf, 0), nightly=True)

    assert Outcome.RELEASED in {decision.outcome for decision in told}


def test_a_shop_that_delivers_at_once_is_not_waited_for() -> None:
    job = PartitionJob(SETTINGS, 0)

    assert told_in(job, nightly=False) == []
    assert job._delay.delay_us(START_US + DAYS * DAY_US) == 0
