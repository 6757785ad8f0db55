"""What a backtest does with every event: the engine of its partition applies it, and notes are taken.

Apart from run.py because it is compiled (setup.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from service.backtest.alert_log import AlertLog
from service.backtest.calibration import RiskCheck
from service.backtest.day_hours import DayHours
from service.backtest.visit_log import VisitLog
from service.domain.engine import Engine
from service.domain.events import Event, Purchase
from service.feed.partitions import partition_for

_COLLECT_EVERY: Final = 4096
"""Events between two collections of outputs; bounds the memory they take."""


def play_back(
    events: Iterable[Event],
    engines: list[Engine],
    alerts: AlertLog,
    check: RiskCheck,
    visits: VisitLog,
    hours: DayHours,
    on_progress: Callable[[int], None],
    partitioner: str = "murmur2",
) -> int:
    """Applies the events in their order; returns how many they were, which `on_progress` is told now and then."""
    single, count = engines[0] if len(engines) == 1 else None, 0
    predict_at_us, awaited, alerted = check.predict_at_us, check.awaited, alerts.open
    owners: dict[str, Engine] = {}
    for event in events:
        count += 1
        customer_id, at_us = event.customer_id, event.at_us
        engine = single
        if engine is None:
            engine = owners.get(customer_id)
            if engine is None:
                engine = owners[customer_id] = engines[partition_for(customer_id.encode(), len(engines), partitioner)]
        if at_us >= predict_at_us:
            check.predict(engines)
            predict_at_us = check.predict_at_us
        if at_us >= visits.begin_at_us:
            visits.begin(engines)
        engine.apply(event)
        if engine.has_decided:  # collected at once: what was not sent is not told of the return
            alerts.collect((engine,))
        if isinstance(event, Purchase) and not event.refund:
            visits.bought(customer_id, at_us, engine)
            hours.bought(customer_id, at_us)
            if customer_id in awaited:
                check.seen(event)
            if customer_id in alerted:
                alerts.seen(event)
        if count % _COLLECT_EVERY == 0:
            alerts.collect(engines)  # what is not decided is dropped here, so that it does not pile up
            on_progress(count)
    alerts.collect(engines)
    on_progress(count)
    return count
