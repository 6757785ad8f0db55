"""The demo with a log of the user's own, to its end: alerts told, numbers summed up, nothing left running."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from service.backtest.run import backtest
from service.config import Settings
from service.feed.simulate import Cafe, Simulation
from tests.integration.test_errors_for_people import run
from tests.support.broker import TestBroker

pytestmark = [pytest.mark.broker]


def test_a_log_of_ones_own_is_streamed_told_and_summed_up(broker: TestBroker, tmp_path: Path) -> None:
    purchases, surveys, _ = Simulation(Cafe(customers=200, days=200, seed=5)).write(tmp_path)
    expected = backtest(Settings().changed(outreach={"consent": "external"}), [purchases], [surveys])

    code, said = run(
        Settings(), "demo", str(purchases), "--surveys", str(surveys), "--exit", "--seconds", "4", "--port", "0",
        "--bootstrap", broker.bootstrap_servers,
    )  # fmt: skip

    assert code == 0, said
    assert f"{expected.events:,} events in" in said
    released = sum(alert.decision.outcome.value == "released" for alert in expected.alerts)
    assert released > 20
    told = re.search(r"([\d,]+) times a message was decided\. Nothing was sent", said)
    assert told is not None
    # A day passes in 20 ms here: an answer that overtakes a purchase on its way through Kafka would move time by hours,
    # and dates would come before visits that they have to wait for.
    assert int(told[1].replace(",", "")) == released
    assert re.search(r"usually comes every \d+ days and has not been seen for \d+ days", said)
    assert "Retention and churn by month" in said
    assert "without any message" in said
    assert "The first message: We miss you" in said
    assert "we miss you" in said.partition("The first message")[2]
    assert re.search(r"http://127\.0\.0\.1:\d+/outreach/sample", said)
    assert re.search(r"Page: http://127\.0\.0\.1:\d+", said)
