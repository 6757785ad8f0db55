"""A shop that shuts for a week, a feed that stops for three days: nobody's absence, no wave of alerts, and none lost.

The days are cut out of simulated customers' visits, of a twentieth of the demo's real households, and of real logs
where CHURN_ALERT_TEST_LOGS names their directory.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from random import Random
from statistics import median
from zoneinfo import ZoneInfo

import pytest

from service.demo import baskets
from service.domain.calendar import DAY_US, HOUR_US, Calendar
from service.domain.clock import StreamClock
from service.domain.events import Event, Purchase
from service.domain.policy import ConsentRule, OutreachPolicy, Timing
from service.errors import ConfigurationError
from service.feed.simulate import Cafe, Simulation
from service.history import open_history
from tests.support.engines import EVENT_TIME, at, detections, make_engine
from tests.support.real_logs import real_logs

POLICY = OutreachPolicy(level=2.0, consent=ConsentRule.EXTERNAL)
USUAL_TIMES = 2
"""No day after the closure may bring more alerts than this many times the most there were on any day without it."""
LEAST_DAYS = 150
"""A log needs so many days to be cut."""
EARLIER_DAYS, LATER_DAYS = 0.5, 2.0
"""How far from the closure's length an alert may be put off: the clock needs a while to notice that a shop is shut."""
DRIFT = 0.2
"""Of the silence: dates follow what is learned from everybody, and that is not the same with a week of visits less."""
HOUSEHOLDS = 20
"""Every so-manieth household of the demo, to be quick."""
DAYS = pytest.mark.parametrize("days", [7, 3], ids=["a week shut", "three days without a feed"])

SHUT = ("canteen_2022", "cdnow", "coffee_vending", "grocery_elog")
"""Logs that are cut, where they are long enough. Not online_retail_ii, a wholesaler: of those who stay away one is lost
after a closed week."""

Alert = tuple[str, int, int]
"""customer, quiet since, fired at"""


@dataclass
class Shop:
    events: Sequence[Event]
    zone: str
    alerts: list[Alert]

    def day(self, at_us: int) -> int:
        """Since the first event."""
        return (at_us - self.events[0].at_us) // DAY_US


def alerts_of(events: Sequence[Event], zone: str) -> list[Alert]:
    engine = make_engine(POLICY, EVENT_TIME, zone=zone)
    found: list[Alert] = []
    for event in events:
        engine.apply(event)
        if engine.has_decided:
            found += detections(engine.take_outputs())
    return found + detections(engine.take_outputs())


def shop(events: Sequence[Event], zone: str) -> Shop:
    return Shop(events, zone, alerts_of(events, zone))


@pytest.fixture(scope="module")
def cafe() -> Shop:
    return shop(
        [event for event in Simulation(Cafe(customers=200, days=300, seed=3)).events() if is_visit(event)],
        "Europe/Paris",
    )


@pytest.fixture(scope="module")
def canteen() -> Shop:
    """Where people come every day or two, a week is a multiple of anybody's rhythm."""
    random, events = Random(1), list[Event]()
    for number in range(120):
        pace, day = random.uniform(1.5, 4.0), random.uniform(0.0, 10.0)
        end = random.uniform(60.0, 240.0) if random.random() < 0.35 else 240.0
        while day < end:
            at_us = at(int(day) + random.uniform(0.35, 0.75))
            events.append(Purchase(f"{number}/{int(day)}", f"c{number}", at_us, 500, refund=False))
            day += max(1.0, random.gammavariate(4.0, pace / 4.0))
    events.sort(key=lambda event: event.at_us)
    return shop(events, "UTC")


@pytest.fixture(scope="module")
def households() -> Shop:
    try:
        events = [e for e in baskets.demo_events(surveys=False) if int(e.customer_id) % HOUSEHOLDS == 0]
    except ConfigurationError as error:
        pytest.skip(str(error))
    return shop(events, baskets.ZONE.key)


@pytest.fixture(scope="module", params=real_logs(*SHUT), ids=lambda path: path.name)
def real(request: pytest.FixtureRequest) -> Shop:
    history = open_history([request.param], calendar=Calendar(ZoneInfo("UTC")), minor_digits=2)
    if history.last_us - history.first_us < LEAST_DAYS * DAY_US:
        pytest.skip("a few days only")
    return shop(list(history.events()), "UTC")


def is_visit(event: Event) -> bool:
    return isinstance(event, Purchase) and not event.refund


def shut(shop: Shop, days: int) -> tuple[list[Event], int, int]:
    """The log without some days in its second half, and from when to when they are missing."""
    first_us = shop.events[0].at_us
    begin_us = (first_us + shop.day(shop.events[-1].at_us) * 6 // 10 * DAY_US) // DAY_US * DAY_US
    end_us = begin_us + days * DAY_US
    return [event for event in shop.events if not begin_us <= event.at_us < end_us], begin_us, end_us


def stayed_away(shop: Shop, begin_us: int, until_us: Callable[[int], int]) -> Iterator[Alert]:
    """Alerts from the closure on, to customers whose silence began before it.

    In the log the silence lasted up to `until_us(fired at)`.
    """
    visits: dict[str, list[int]] = defaultdict(list)
    for event in shop.events:
        visits[event.customer_id].append(event.at_us)
    for customer, since_us, fired_us in shop.alerts:
        last_us = until_us(fired_us)
        if (
            since_us < begin_us <= fired_us
            and last_us < shop.events[-1].at_us
            and not any(since_us + DAY_US < visit <= last_us for visit in visits[customer])
        ):
            yield customer, since_us, fired_us


def assert_a_closure_is_nobodys_absence(shop: Shop, days: int) -> None:
    events, begin_us, end_us = shut(shop, days)

    alerts = alerts_of(events, shop.zone)

    usual = Counter(shop.day(fired_us) for *_, fired_us in shop.alerts)
    found = Counter(shop.day(fired_us) for *_, fired_us in alerts)
    reopened = shop.day(end_us)
    after = range(reopened, reopened + 30)
    assert max(found[day] for day in after) <= USUAL_TIMES * max(usual.values())
    assert sum(found[day] for day in after) <= 1.5 * sum(usual[day] for day in after) + 5
    fired = {(customer, since_us): fired_us for customer, since_us, fired_us in alerts}
    assert not [fired_us for fired_us in fired.values() if begin_us + 2 * DAY_US <= fired_us < end_us]
    away = list(stayed_away(shop, begin_us, lambda fired_us: fired_us + (days + 5) * DAY_US))
    assert away
    assert [customer for customer, since_us, _ in away if (customer, since_us) not in fired] == []
    moved = [
        ((fired[customer, since_us] - expected_us) / DAY_US - days, (expected_us - since_us) / DAY_US)
        for customer, since_us, expected_us in away
    ]
    # Each by as much as the others, and so as spread out as they would have been.
    assert -EARLIER_DAYS <= median(by for by, _ in moved) <= LATER_DAYS
    assert [(by, of) for by, of in moved if not -EARLIER_DAYS - DRIFT * of <= by <= LATER_DAYS + DRIFT * of] == []


@DAYS
def test_a_closure_brings_no_wave_and_loses_nobody_in_a_simulated_cafe(cafe: Shop, days: int) -> None:
    assert_a_closure_is_nobodys_absence(cafe, days)


@DAYS
def test_a_closure_brings_no_wave_and_loses_nobody_where_people_come_daily(canteen: Shop, days: int) -> None:
    assert_a_closure_is_nobodys_absence(canteen, days)


@DAYS
def test_a_closure_brings_no_wave_and_loses_nobody_among_real_households(households: Shop, days: int) -> None:
    assert_a_closure_is_nobodys_absence(households, days)


@DAYS
def test_a_closure_brings_no_wave_and_loses_nobody_in_a_real_log(real: Shop, days: int) -> None:
    assert_a_closure_is_nobodys_absence(real, days)


def test_months_after_a_closure_as_many_are_alerted_as_without_it(canteen: Shop) -> None:
    """A closed week taken for everybody's rhythm once made the engine three times as patient for months."""
    events, _, end_us = shut(canteen, 7)
    from_day, to_day = canteen.day(end_us) + 10, canteen.day(end_us) + 80

    def alerted(alerts: list[Alert]) -> int:
        return sum(from_day <= canteen.day(fired_us) < to_day for *_, fired_us in alerts)

    usual = alerted(canteen.alerts)
    assert usual > 25
    assert alerted(alerts_of(events, canteen.zone)) == pytest.approx(usual, rel=0.25)


def observed(times: Sequence[float]) -> StreamClock:
    clock = StreamClock(Timing())
    for number, day in enumerate(times):
        clock.observe(at(day), f"c{number}")
    return clock


def test_a_log_of_whole_days_has_a_pulse_too() -> None:
    """Twenty purchases a day at midnight: an interval of a day is no sign of a tiny shop."""
    daily = [float(day) for day in range(60) for _ in range(20)]

    assert observed(daily).silence_limit_us() == 48 * HOUR_US
    assert observed([*daily, 63.0]).state.stalled_us == 4 * DAY_US


def test_who_closes_on_weekends_is_silent_on_the_first_three_only() -> None:
    open_hours = [day + hour / 24 for day in range(7 * 20) if day % 7 < 5 for hour in range(8, 19)]

    clock = observed(open_hours)

    assert clock.state.stalled_us == pytest.approx(3 * 62 / 24 * DAY_US)
    assert 62 * HOUR_US < clock.silence_limit_us() < 86 * HOUR_US
    assert clock.stalled(at(7 * 20 - 2 - 5 / 24) + 86 * HOUR_US)


def test_the_pause_of_a_week_survives_a_restart() -> None:
    clock = observed([day + hour / 24 for day in range(40) if day % 7 < 5 for hour in range(8, 19)])

    revived = StreamClock(Timing(), type(clock.state).of(clock.state.fields()))

    assert revived.silence_limit_us() == clock.silence_limit_us()
    assert revived.state.fields() == clock.state.fields()


# ---- one customer more or less


@pytest.fixture(scope="module")
def regulars() -> Shop:
    """A hundred and fifty with steady and uneven rhythms, of whom a third leaves."""
    random, events = Random(5), list[Event]()
    for number in range(150):
        pace, evenness, day = random.lognormvariate(1.9, 0.5), random.choice((1.5, 4.0)), random.uniform(0.0, 20.0)
        end = random.uniform(60.0, 300.0) if random.random() < 0.35 else 300.0
        while day < end:
            events.append(Purchase(f"{number}/{day}", f"c{number}", at(day), 500, refund=False))
            day += max(0.5, random.gammavariate(evenness, pace / evenness))
    events.sort(key=lambda event: event.at_us)
    return shop(events, "UTC")


MOVED_MOST = 0.10
"""Of the silence: one of N regulars moves what is learned by about 1 / N of it in the early weeks, when N is some
dozens; never more than a tenth."""
MOVED_USUALLY = 0.02
UNCHANGED = 0.95


@pytest.mark.parametrize("seed", [1, 2])
def test_a_customer_less_moves_the_others_alerts_by_the_drift_of_the_population_only(regulars: Shop, seed: int) -> None:
    gone = Random(seed).choice(sorted({customer for customer, *_ in regulars.alerts}))
    rest = [event for event in regulars.events if event.customer_id != gone]

    without = {(customer, since_us): fired_us for customer, since_us, fired_us in alerts_of(rest, regulars.zone)}

    others = {(who, since_us): fired_us for who, since_us, fired_us in regulars.alerts if who != gone}
    both = sorted(others.keys() & without.keys())
    moved = [abs(without[key] - others[key]) / (others[key] - key[1]) for key in both]
    assert len(both) >= UNCHANGED * len(others.keys() | without.keys())
    assert sum(move <= MOVED_USUALLY for move in moved) >= UNCHANGED * len(moved)
    assert median(moved) <= MOVED_USUALLY / 4
    assert max(moved) <= MOVED_MOST


def test_a_customer_who_comes_once_moves_nobody_at_all(regulars: Shop) -> None:
    stranger = Purchase("once", "stranger", at(100.5), 500, refund=False)
    events = sorted([*regulars.events, stranger], key=lambda event: event.at_us)

    assert alerts_of(events, regulars.zone) == regulars.alerts


# ---- people who buy in bulk, or four times on one day


STOCKS_UP = 4
"""One visit in so many is for so many times as much, and as long: the next one comes when it is used up."""
EVENNESS = 11.0
"""Shape of the gamma gaps: a coefficient of variation of 0.3."""
BULK_DAYS = 600.0
BULK_MOST = 1.5
"""Times the budget that those who buy in bulk may bear of it."""
LEAVERS_NOTICED = 0.9


def test_who_buys_in_bulk_is_given_the_time_to_use_it_up_and_noticed_when_gone() -> None:
    random, events = Random(1), list[Event]()
    leaves = dict[str, float]()
    for number in range(200):
        pace, day, stocks_up = random.uniform(5.0, 12.0), random.uniform(0.0, 20.0), number % 2 == 0
        name = f"{'bulk' if stocks_up else 'even'}{number}"
        end = random.uniform(100.0, BULK_DAYS) if random.random() < 0.3 else BULK_DAYS
        while day < end:
            times = STOCKS_UP if stocks_up and random.random() < 1.0 / STOCKS_UP else 1
            events.append(Purchase(f"{name}/{day}", name, at(day), 500 * times, refund=False))
            day += times * pace * random.gammavariate(EVENNESS, 1.0 / EVENNESS)
        if stocks_up and BULK_DAYS / 2 < end < BULK_DAYS - STOCKS_UP * STOCKS_UP * pace:
            leaves[name] = end
    events.sort(key=lambda event: event.at_us)
    visits: dict[str, list[int]] = defaultdict(list)
    for event in events:
        visits[event.customer_id].append(event.at_us)

    alerts = {(who, since_us) for who, since_us, _ in alerts_of(events, "UTC")}

    healthy = [
        (who, since_us, until_us)
        for who, times_us in visits.items()
        for since_us, until_us in pairwise(times_us[3:])
        if who.startswith("bulk") and since_us >= at(BULK_DAYS / 2)
    ]
    years = sum(until_us - since_us for _, since_us, until_us in healthy) / DAY_US / 365
    wrong = sum((who, since_us) in alerts for who, since_us, _ in healthy) / years
    assert wrong <= BULK_MOST * POLICY.level
    assert len(leaves) >= 10
    assert sum((who, visits[who][-1]) in alerts for who in leaves) >= LEAVERS_NOTICED * len(leaves)


def test_who_bought_four_times_on_one_day_came_once_and_is_no_regular() -> None:
    """The day is the shop's: from 20 to 23 o'clock in New York, midnight in Greenwich lies in between."""
    evening = [Purchase(f"e{hour}", "anna", at(10 + hour / 24), 500, refund=False) for hour in (0, 1, 2, 3)]
    others = [Purchase(f"o{day}", f"o{day % 5}", at(day + 0.5), 500, refund=False) for day in range(120)]
    engine = make_engine(POLICY, EVENT_TIME, zone="America/New_York")

    for event in sorted([*evening, *others], key=lambda event: event.at_us):
        engine.apply(event)

    anna = engine.customers["anna"]
    assert (anna.visits, anna.orders, anna.last_us) == (1, 4, evening[0].at_us)
    assert "anna" not in {who for who, *_ in detections(engine.take_outputs())}
