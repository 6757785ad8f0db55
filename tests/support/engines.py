"""Engines for tests: one line makes one, a changelog remembers what a broker would, shops have random customers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from random import Random
from zoneinfo import ZoneInfo

from service.domain.calendar import DAY_US, HOUR_US, Calendar
from service.domain.changelog import Turn
from service.domain.customer import Customer
from service.domain.customer_record import snapshot
from service.domain.engine import Engine
from service.domain.events import Erasure, Event, Item, Profile, Purchase, SignOfLife, Survey, SurveyAnswer
from service.domain.findings import Decision, Outcome, Output
from service.domain.policy import ClockMode, ConsentRule, OutreachPolicy, Policy, Shop, Timing
from service.domain.purchase_history import entries_of
from service.domain.rhythm import CELLS

START_US = 18_500 * DAY_US
"""Midnight UTC of 2020-08-26."""
OPEN_HOUSE = OutreachPolicy(consent=ConsentRule.EXTERNAL)
"""Consent is kept elsewhere: every alert that is due goes out."""
EVENT_TIME = Timing(clock=ClockMode.EVENT)
UNDISTURBED = Timing(clock=ClockMode.EVENT, max_jump_days=10_000, feed_silence_hours=1e6)
"""Events move time however far apart they are; no silence of the feed counts."""
WALL_TIME = Timing(clock=ClockMode.WALL)


def make_engine(
    outreach: OutreachPolicy = OPEN_HOUSE, timing: Timing = UNDISTURBED, shop: Shop | None = None, zone: str = "UTC"
) -> Engine:
    policy = Policy(shop=shop or Shop(timezone=zone), timing=timing, outreach=outreach)
    return Engine(policy, Calendar(ZoneInfo(zone)), b"salt")


def at(days: float) -> int:
    """So many days after the start, in µs."""
    return START_US + round(days * DAY_US)


def purchase(customer: str, days: float, minor: int = 1000, *, event_id: str = "", refund: bool = False) -> Purchase:
    """A purchase `days` after the start; its id follows from the customer and the time unless given."""
    return Purchase(event_id or f"{customer}@{days}{refund}", customer, at(days), minor, refund)


def weekly(customer: str, visits: int, first_day: float = 0.5) -> list[Event]:
    return [purchase(customer, first_day + 7 * n) for n in range(visits)]


def apply_all(engine: Engine, events: Iterable[Event | SignOfLife], wall_us: int = 0) -> list[Output]:
    """Applies the events as one turn and returns its outputs."""
    for event in events:
        engine.apply(event, wall_us)
    return engine.drain().outputs


def decisions(outputs: Iterable[Output]) -> list[Decision]:
    return [output for output in outputs if isinstance(output, Decision)]


def detections(outputs: Iterable[Output]) -> list[tuple[str, int, int]]:
    """(customer, quiet since, fired at) of every rung that came due."""
    ends = {Outcome.CANCELLED, Outcome.CONVERTED}
    told = ((d.customer_id, d.quiet_since_us, d.detected_us) for d in decisions(outputs) if d.outcome not in ends)
    return list(dict.fromkeys(told))  # one that waited is told again when it goes out


class Changelog:
    """The compacted topics: the latest record of each key."""

    def __init__(self) -> None:
        self.state: dict[bytes, bytes | None] = {}
        self.ledger: dict[int, bytes] = {}

    def take(self, turn: Turn) -> list[Output]:
        self.state.update(turn.state)
        self.ledger.update(turn.ledger)
        return turn.outputs

    def revive(self, like: Engine) -> Engine:
        """A fresh engine that knows what the changelog knows."""
        engine = Engine(like.policy, Calendar(like.calendar.zone, like.calendar.day_starts_us), b"salt")
        for key, value in self.state.items():
            engine.restore(key, value)
        for day, record in self.ledger.items():
            engine.ledger.restore(day, record)
        engine.restored()
        return engine


def everybody_of(engine: Engine) -> Iterator[tuple[str, Customer]]:
    """Everybody who is known, folded and stored away or not."""
    yield from engine.customers.items()
    if engine.roster.attic is not None:
        yield from ((customer.customer_id, customer) for customer in engine.roster.attic.read_all())


def whole_state(engine: Engine) -> dict[str, object]:
    """Everything a restart must keep; where the due queue holds a customer is not part of it."""
    customers = dict(everybody_of(engine))
    return {
        "customers": {name: bare(customer) for name, customer in customers.items()},
        "purchases": {name: entries_of(customer) for name, customer in customers.items()},
        "partition": engine.state.pack(),
        "brake": engine.state.brake.fields(),
        "pace": engine._pace.fields(),
        "ledger": {day: engine.ledger.record(day) for day in engine.ledger.days()},
        "segments": list(engine.scoreboard.segments),
        "bands": list(engine.scoreboard.bands),
        "erased": sorted(engine.identities.erased),
        "open": {day: dict(places) for day, places in engine.everybody.silences._open.items()},
        "newcomers": None if (few := engine.everybody.newcomers) is None else (few.closed, few.sent, few._open),
        "returns": None if (back := engine.everybody.learned.returns) is None else (back.curves, back.pace_days),
        "sources": sources_of(engine),
        "rhythm": [engine.rhythm.cell(cell) for cell in range(CELLS)],
        "sent": engine.everybody.silences.sent,
        "rows": [row.fields() for row in engine.everybody.silences.rows],
        "learned": (
            engine.everybody.learned.tolerances.table,
            engine.everybody.learned.tolerances.kappa,
            engine.everybody.learned.tolerances.class_weights,
            engine.everybody.learned.tolerances.classes,
        ),
    }


def sources_of(engine: Engine) -> list[object]:
    """Their time is that of the feed, whenever they were asked last."""
    known = sorted(engine.sources._known.values(), key=lambda source: source.name)
    for source in known:
        source.pass_to(engine.rhythm.state.hour)
    return [(source.fields(), [source.rhythm.cell(cell) for cell in range(CELLS)]) for source in known]


def bare(customer: Customer) -> bytes:
    bucket, customer.bucket = customer.bucket, -1
    try:
        return snapshot(customer)
    finally:
        customer.bucket = bucket


def shop_log(
    seed: int, *, customers: int = 8, days: int = 120, disorder: float = 0.0, everything: bool = False, odd: float = 0.0
) -> list[Event]:
    """Random customers with rhythms, absences and dropouts, in order of arrival.

    `disorder`: share of events that arrive up to 20 days late. `everything`: with refunds, answers, profiles,
    duplicates and erasures. `odd`: share of purchases dated years off.
    """
    random = Random(seed)
    arrivals: list[tuple[float, Event]] = []
    for number in range(customers):
        name = f"c{number}"
        for index, day in enumerate(_visit_times(random, days)):
            event = _event(random, name, index, day, everything=everything)
            if random.random() < odd:
                event.at_us += random.choice([-1, 1]) * random.randrange(60, 4000) * DAY_US
            arrival = day + (random.random() * 20 if random.random() < disorder else 0.0)
            arrivals.append((arrival, event))
            if everything and random.random() < 0.05:
                arrivals.append((arrival + random.random() * 3, event))
            if everything and random.random() < 0.004:
                arrivals.append((arrival, Erasure(f"x{name}{index}", name, at(day))))
    arrivals.sort(key=lambda entry: entry[0])
    return [event for _, event in arrivals]


def _visit_times(random: Random, days: int) -> Sequence[float]:
    """Days after the start: a rhythm of its own, now and then an absence, perhaps an early end."""
    mean = random.lognormvariate(1.7, 0.7)
    end = days * (random.random() if random.random() < 0.4 else 1.0)
    times, day = [], random.random() * min(days / 3, 4 * mean)
    while day < end:
        times.append(day)
        if random.random() < 0.15:
            times.append(day + random.random() * 0.2)
        long = random.uniform(3, 8) if random.random() < 0.06 else 1.0
        day += random.gammavariate(3.0, mean / 3.0) * long + 0.01
    return times


def _event(random: Random, name: str, index: int, day: float, *, everything: bool) -> Event:
    at_us = at(day)
    if random.random() < 0.1:
        at_us = at_us // HOUR_US * HOUR_US  # some ties
    lot = random.random() if everything else 1.0
    if lot < 0.06:
        return Purchase(f"{name}/{index}", name, at_us, random.randrange(2000), refund=True)
    if lot < 0.14:
        survey, score = random.choice([(Survey.NPS, 10), (Survey.NPS, 2), (Survey.CSAT, 1), (Survey.CES, 7)])
        order_id = f"{name}-{max(0, index - index % 5)}" if index % 3 else None
        return SurveyAnswer(f"{name}/{index}", name, at_us, survey, score, order_id)
    if lot < 0.2:
        return Profile(f"{name}/{index}", name, at_us, first_name=name, marketing_consent=random.random() < 0.8)
    items = (Item(f"sku{random.randrange(12)}", f"thing {random.randrange(12)}"),) if everything else ()
    order_id = f"{name}-{index}" if everything and index % 4 else None
    return Purchase(f"{name}/{index}", name, at_us, random.randrange(5000), order_id=order_id, items=items)


def due_of(engine: Engine, customer_id: str) -> int:
    """When the customer's next rung comes due if nothing new is learned."""
    return engine.ladder.rungs_ahead(engine.customers[customer_id])[0][1]
