"""The brake of a running worker: an operator sees that alerts are held, and lets them go."""

from __future__ import annotations

import json
from random import Random

import pytest

from service.cluster import topics
from service.domain.calendar import utc_text
from service.errors import ConfigurationError
from service.inspect.held import held_by_brake
from service.streaming.operator import resume_outreach
from tests.support.broker import TestBroker
from tests.support.engines import at
from tests.support.live_shop import Decisions, metric, until, until_told
from tests.support.load import Line, send, settings_for
from tests.support.processes import free_port
from tests.support.regulars import Sale, half_of_the_customers, shop
from tests.support.worker_process import Positions, WorkerProcess

pytestmark = [pytest.mark.broker]

DAMAGED = 240.0


def line(topic: str, sale: Sale) -> Line:
    event = {
        "event_id": f"{sale.customer}@{sale.day}",
        "customer_id": sale.customer,
        "occurred_at": utc_text(at(sale.day)),
        "amount": "9.00",
    }
    return Line(topic, sale.customer.encode(), json.dumps(event).encode())


def test_what_the_brake_holds_is_told_and_goes_out_by_the_operators_word(broker: TestBroker, topic_prefix: str) -> None:
    settings = settings_for(broker.bootstrap_servers, topic_prefix, web={"port": free_port()})
    where = f"http://127.0.0.1:{settings.web.port}"
    with pytest.raises(ConfigurationError, match="does not exist"):
        resume_outreach(settings)
    with pytest.raises(ConfigurationError, match="does not exist"):
        held_by_brake(settings)
    topics.create(settings, partitions=1)
    feed = [s for s in shop(1) if s.day < DAMAGED or half_of_the_customers(s, Random(0))]
    topic = settings.kafka.topics.purchases
    send(broker.bootstrap_servers, (line(topic, s) for s in feed if s.day < DAMAGED + 20), 1)
    decisions = Decisions(settings)

    with WorkerProcess(settings, "w0", static=False, web=True) as worker, Positions(settings, 1) as positions:
        positions.wait_caught_up(workers=[worker])
        until(lambda: metric(where, "churn_alert_brake_held", partition="0") == 1, "held", worker)
        until_told(where, 200, "alerts are held since", worker)
        worker.wait_for("alerts are held since")
        held = {who for who, _, reason in decisions.all() if reason == "surge"}

        told = held_by_brake(settings)
        assert (told.partitions, told.of) == (1, 1)
        assert len(held) // 2 < told.customers <= len(held), "but for those who have come since"
        assert told.since is not None

        assert resume_outreach(settings) == 1
        until(lambda: metric(where, "churn_alert_brake_held", partition="0") == 0, "let go", worker)
        send(broker.bootstrap_servers, (line(topic, s) for s in feed if DAMAGED + 20 <= s.day < DAMAGED + 24), 1)
        positions.wait_caught_up(workers=[worker])

        def gone_out() -> bool:
            told = decisions.all()
            first = max(index for index, (_, _, reason) in enumerate(told) if reason == "surge")
            return len(held & {who for who, outcome, _ in told[first:] if outcome == "released"}) > len(held) // 2

        assert len(held) > 20
        until(gone_out, "most of those held were written to", worker)
        after = held_by_brake(settings)
        assert (after.partitions, after.since) == (0, None)
        assert after.customers < told.customers
    decisions.close()
