"""An operator repairs: a dead letter is listed, its cause mended, the record replayed; a customer is looked up."""

from __future__ import annotations

import json

import pytest

from service.cluster import topics
from service.domain.events import Purchase, Survey, SurveyAnswer
from service.feed.records import key_of, value_of
from tests.integration.test_errors_for_people import run
from tests.support.broker import TestBroker
from tests.support.load import Line, send, settings_for
from tests.support.worker_process import Positions, WorkerProcess

pytestmark = [pytest.mark.broker]

DAY_US = 86_400_000_000
START_US = 1_700_000_000_000_000


def test_a_purchase_in_an_unknown_currency_is_repaired_by_a_rate_and_a_retry(
    broker: TestBroker, topic_prefix: str
) -> None:
    settings = settings_for(broker.bootstrap_servers, topic_prefix)
    topics.create(settings, partitions=2)
    good = [Purchase(f"e{week}", "anna", START_US + week * 7 * DAY_US, 500, order_id=f"o{week}") for week in range(6)]
    answer = SurveyAnswer("s1", "anna", START_US + 36 * DAY_US, Survey.CSAT, 4, "o5")
    foreign = (
        b'{"event_id":"e9","customer_id":"anna","occurred_at":"2023-12-25T10:00:00Z","amount":"10","currency":"USD"}'
    )
    lines = [Line(settings.kafka.topics.purchases, key_of(event), value_of(event, 2)) for event in good]
    lines.append(Line(settings.kafka.topics.surveys, key_of(answer), value_of(answer, 2)))
    hopeless = [Line(settings.kafka.topics.purchases, b"anna", b"%d]" % number) for number in range(10)]
    send(broker.bootstrap_servers, [*lines, Line(settings.kafka.topics.purchases, b"anna", foreign), *hopeless], 2)
    with WorkerProcess(settings, "w0", static=False) as worker, Positions(settings, 2) as positions:
        positions.wait_caught_up(workers=[worker])

    code, said = run(settings, "dead-letters", "list")
    assert code == 0
    assert "unknown_currency" in said
    code, said = run(settings, "inspect", "anna")
    assert code == 0
    assert "6, 6" in said
    assert "30.00 EUR" in said
    assert "gone for good" in said
    assert "counted as lost" in said
    assert "4 on 2023-12-20 23:13" in said
    assert "o5 of 2023-12-19 23:13, 5.00 EUR" in said

    repaired = settings.changed(shop={"rates": {"USD": "0.9"}})
    code, said = run(repaired, "dead-letters", "retry", "--code", "unknown_currency")
    assert (code, "Aborted" in said) == (1, True)  # nobody said yes
    code, said = run(repaired, "dead-letters", "retry", "--yes")
    assert code == 0
    assert "11 records sent back" in said
    code, said = run(repaired, "dead-letters", "retry", "--yes")
    assert "0 records sent back" in said
    assert "11 dead letters left alone: sent back before, and read by no worker yet" in said
    code, said = run(repaired, "dead-letters", "retry", "--code", "unknown_currency", "--again", "--yes")
    assert "1 record sent back" in said
    with WorkerProcess(repaired, "w0", static=False) as worker, Positions(repaired, 2) as positions:
        positions.wait_caught_up(workers=[worker])

    code, said = run(repaired, "dead-letters", "list")
    assert "11 dead letters: 10 not_json, 1 unknown_currency" in said
    assert "1 of them sent back and taken since" in said
    assert "10 of them sent back and refused once more" in said
    code, said = run(repaired, "dead-letters", "retry", "--code", "unknown_currency", "--yes")
    assert "1 dead letter left alone: sent back before, and taken" in said
    code, said = run(repaired, "inspect", "anna", "--json")
    told = json.loads(said)
    state = told["scores"]
    tails = [point["tail_probability"] for point in told["curve"]]
    assert tails == sorted(tails, reverse=True)
    assert tails[-1] == 0.0
    assert [point["churn_risk"] for point in told["curve"]] == sorted(point["churn_risk"] for point in told["curve"])
    assert (code, state["orders"], state["revenue_minor"]) == (0, 7, 3900)
    code, said = run(repaired, "dead-letters", "retry", "--place", "7/7")
    assert code == 1
    assert "7/7" in said
