"""The shop of the profile `demo`: a simulated café, two years until this moment at once, then as its days pass.

All follows from the seed and the year, so what a second start sends is known already and counts once.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterable, Iterator
from datetime import date, datetime
from threading import Event as Flag
from typing import Final, TypeVar
from zoneinfo import ZoneInfo

from service.config.loading import load_settings
from service.domain.calendar import SECOND_US
from service.domain.events import Event
from service.feed.replay import partitioner_of, replay
from service.feed.simulate import MINOR_DIGITS, Cafe, Simulation

CUSTOMERS: Final = 1_000
"""Some 60,000 purchases, and one every few minutes of the day: seconds for a worker, and enough for every number."""
SEED: Final = 1

E = TypeVar("E", bound=Event)


def cafe(today: date, zone: ZoneInfo) -> Cafe:
    """Last year and this one: the same on every day of it."""
    start = date(today.year - 1, 1, 1)
    return Cafe(CUSTOMERS, (date(today.year + 1, 1, 1) - start).days, SEED, start, zone)


def as_they_come(events: Iterable[E], stop: Flag, now_s: Callable[[], float] = time.time) -> Iterator[E]:
    """Each when its time has come, until `stop`."""
    for event in events:
        while (left_s := event.at_us / SECOND_US - now_s()) > 0:
            if stop.wait(min(left_s, 1.0)):
                return
        yield event


def main() -> None:
    settings, stop = load_settings(), Flag()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    zone = settings.shop.zone
    events = Simulation(cafe(datetime.now(zone).date(), zone)).events()
    done = replay(
        as_they_come(events, stop),
        kafka=settings.kafka,
        minor_digits=MINOR_DIGITS,
        partitioner=partitioner_of(settings),
        stop=stop,
    )
    print(f"{done.events:,} events sent", flush=True)  # noqa: T201 - the container's log


if __name__ == "__main__":
    main()
