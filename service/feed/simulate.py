"""A café whose customers' fates are known: for load, for tests, and to see whether the service notices what it should.

Everything follows from the seed. Memory holds one small record per customer that still comes.
"""

from __future__ import annotations

import csv
import heapq
import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from pathlib import Path
from zoneinfo import ZoneInfo

from schemas.scales import SCALES
from service.domain.calendar import DAY_US, Calendar, to_date, to_datetime, to_us
from service.domain.events import Item, Profile, Purchase, Survey, SurveyAnswer
from service.errors import ConfigurationError
from service.history.writing import write_history

MINOR_DIGITS = 2


class Fate(StrEnum):
    """What becomes of a customer."""

    REGULAR = "regular"
    """Keeps a steady rhythm to the end."""
    IRREGULAR = "irregular"
    """Keeps coming, with gaps as uneven as chance makes them."""
    SEASONAL = "seasonal"
    """Steady from September to May, seldom in summer."""
    LEAVING = "leaving"
    """Steady, then never again."""
    PAUSING = "pausing"
    """Steady, away for some weeks, steady again."""
    CHANGING_PACE = "changing_pace"
    """Steady, then steady at half or twice the rate."""
    ONE_TIMER = "one_timer"
    """A single visit."""


_SHARES = {
    Fate.REGULAR: 0.30,
    Fate.IRREGULAR: 0.12,
    Fate.SEASONAL: 0.06,
    Fate.LEAVING: 0.18,
    Fate.PAUSING: 0.08,
    Fate.CHANGING_PACE: 0.06,
    Fate.ONE_TIMER: 0.20,
}
_MENU = (
    ("flat-white", "flat white", 380), ("espresso", "espresso", 220), ("cappuccino", "cappuccino", 360),
    ("latte", "latte", 400), ("filter", "filter coffee", 300), ("tea", "pot of tea", 340),
    ("chocolate", "hot chocolate", 420), ("croissant", "croissant", 190), ("pain-choc", "pain au chocolat", 210),
    ("banana-bread", "banana bread", 350), ("toast", "avocado toast", 850), ("cookie", "cookie", 240),
)  # fmt: skip
_FRENCH = (
    "Camille", "Louis", "Emma", "Hugo", "Léa", "Jules", "Chloé", "Adam", "Inès", "Gabriel", "Zoé", "Raphaël", "Manon",
    "Arthur", "Jeanne", "Noé", "Aïcha", "Théo", "Margaux", "Yanis",
)  # fmt: skip
_ENGLISH = (
    "Oliver", "Amelia", "George", "Isla", "Harry", "Ava", "Noah", "Freya", "Jack", "Lily", "Leo", "Grace", "Oscar", "Ruby",
    "Priya", "Sam", "Nina", "Tom", "Maya", "Ben",
)  # fmt: skip

_REGULARITY = 4.0
"""Shape of the gamma gaps of a steady customer: coefficient of variation 0.5, the middle of real logs."""
_ANSWER_SHARE = 0.03
_USUAL_ANSWERS = {Survey.NPS: (8.4, 1.5), Survey.CSAT: (4.2, 0.8), Survey.CES: (5.6, 1.0)}
"""Middle and spread of the scores."""
_REFUND_SHARE = 0.004
_CONSENT_SHARE = 0.8
_OPEN_FROM_HOUR, _OPEN_HOURS = 7, 11


_PARIS = ZoneInfo("Europe/Paris")


@dataclass(frozen=True)
class Cafe:
    """What to simulate.

    The log covers `days` local days from `start`; customers first come at any time in it, most of them early.
    """

    customers: int = 500
    days: int = 365
    seed: int = 1
    start: date = date(2025, 1, 1)
    zone: ZoneInfo = _PARIS

    def __post_init__(self) -> None:
        if self.customers < 1 or self.days < 1:
            raise ConfigurationError("A simulation needs at least one customer and one day.")


@dataclass(frozen=True)
class KnownFate:
    """The truth about one customer. Times are µs since the epoch."""

    customer_id: str
    fate: Fate
    usual_gap_days: float
    first_us: int
    leaves_us: int | None
    """Time from which they do not come (for good, or for a pause); None = never leaves."""
    returns_us: int | None
    """End of a pause; None = no pause."""


@dataclass
class _Guest:
    """A customer who still comes."""

    known: KnownFate
    pace: float
    changes_us: int
    """When the pace changes; far away where it does not."""
    favourite: int
    mood: float
    orders: int = 0


class Simulation:
    """The fates are drawn at once, the events as they are asked for. The same Cafe gives the same, every time."""

    def __init__(self, cafe: Cafe) -> None:
        self.cafe = cafe
        self._calendar = Calendar(cafe.zone)
        self._first_us = to_us(datetime.combine(cafe.start, time(), tzinfo=cafe.zone))
        self._end_us = to_us(datetime.combine(cafe.start + timedelta(days=cafe.days), time(), tzinfo=cafe.zone))

    def fates(self) -> Iterator[KnownFate]:
        """One per customer, in order of their number."""
        for guest in self._guests(random.Random(self.cafe.seed)):
            yield guest.known

    def events(self) -> Iterator[Purchase | SurveyAnswer | Profile]:
        """In order of time. A profile comes just before the first purchase, an answer some hours after a purchase."""
        rng = random.Random(self.cafe.seed)
        queue: list[tuple[int, int, Purchase | SurveyAnswer | Profile | _Guest]] = []
        """time, a number that settles ties, what happens then"""
        for number, guest in enumerate(self._guests(rng)):
            queue.append((guest.known.first_us, number, guest))
        heapq.heapify(queue)
        number = len(queue)
        while queue:
            at_us, _, what = heapq.heappop(queue)
            if not isinstance(what, _Guest):
                yield what
                continue
            if what.orders == 0:
                yield self._profile(rng, what, at_us)
            purchase = self._order(rng, what, at_us)
            yield purchase
            following: list[tuple[int, Purchase | SurveyAnswer | _Guest]] = list(self._aftermath(rng, what, purchase))
            next_us = self._next_visit(rng, what, at_us)
            if next_us is not None:
                following.append((next_us, what))
            for later_us, event in following:
                if later_us < self._end_us:
                    number += 1
                    heapq.heappush(queue, (later_us, number, event))

    def write(self, directory: Path) -> tuple[Path, Path, Path]:
        """purchases.csv and surveys.csv in the backtest's format, and fates.csv."""
        directory.mkdir(parents=True, exist_ok=True)
        purchases, surveys, fates = (directory / name for name in ("purchases.csv", "surveys.csv", "fates.csv"))
        write_history(self.events(), purchases, surveys, minor_digits=MINOR_DIGITS)
        with fates.open("w", encoding="utf-8", newline="") as file:
            put = csv.writer(file, lineterminator="\n").writerow
            put(("customer_id", "fate", "usual_gap_days", "first_at", "leaves_at", "returns_at"))
            for known in self.fates():
                times = (known.first_us, known.leaves_us, known.returns_us)
                told = ("" if at_us is None else to_datetime(at_us).isoformat() for at_us in times)
                put((known.customer_id, known.fate, f"{known.usual_gap_days:.2f}", *told))
        return purchases, surveys, fates

    def _guests(self, rng: random.Random) -> Iterator[_Guest]:
        width = len(str(self.cafe.customers))
        span_us = self._end_us - self._first_us
        fates, shares = tuple(_SHARES), tuple(_SHARES.values())
        for number in range(1, self.cafe.customers + 1):
            fate = rng.choices(fates, shares)[0]
            gap = min(30.0, max(1.5, rng.lognormvariate(1.9, 0.6)))
            first_us = self._open(rng, self._first_us + round(span_us * 0.8 * rng.random() ** 2))
            turn_us = first_us + round((self._end_us - first_us) * rng.uniform(0.35, 0.75))
            away_us = round(gap * DAY_US * rng.uniform(4, 8))
            leaves = {Fate.LEAVING: turn_us, Fate.PAUSING: turn_us, Fate.ONE_TIMER: first_us + 1}.get(fate)
            known = KnownFate(
                f"C{number:0{width}d}", fate, gap, first_us, leaves, turn_us + away_us if fate is Fate.PAUSING else None
            )
            changes_us = turn_us if fate is Fate.CHANGING_PACE else self._end_us
            yield _Guest(known, rng.choice((0.5, 2.0)), changes_us, rng.randrange(len(_MENU)), rng.gauss(0.0, 1.0))

    def _next_visit(self, rng: random.Random, guest: _Guest, at_us: int) -> int | None:
        """None when they never come again."""
        known = guest.known
        shape = 1.0 if known.fate is Fate.IRREGULAR else _REGULARITY
        gap = known.usual_gap_days
        if at_us >= guest.changes_us:
            gap *= guest.pace
        if known.fate is Fate.SEASONAL and to_date(self._calendar.day_of(at_us)).month in {6, 7, 8}:
            gap *= 5
        days = max(1.0, rng.gammavariate(shape, gap / shape))  # at most one visit a day
        next_us = self._open(rng, at_us + round(days * DAY_US))
        if known.leaves_us is None or next_us < known.leaves_us:
            return next_us
        if known.returns_us is None:
            return None
        return next_us if at_us >= known.returns_us else max(next_us, self._open(rng, known.returns_us))

    def _open(self, rng: random.Random, at_us: int) -> int:
        """The same local day at an hour when the café is open; to the second."""
        midnight = self._calendar.start_of(self._calendar.day_of(at_us))
        hour = _OPEN_FROM_HOUR + _OPEN_HOURS * rng.betavariate(1.6, 2.4)
        return midnight + round(hour * 3600) * 1_000_000

    def _order(self, rng: random.Random, guest: _Guest, at_us: int) -> Purchase:
        guest.orders += 1
        chosen = [guest.favourite if rng.random() < 0.75 else rng.randrange(len(_MENU))]
        while rng.random() < 0.3:
            chosen.append(rng.randrange(len(_MENU)))
        items = tuple(Item(_MENU[i][0], _MENU[i][1]) for i in dict.fromkeys(chosen))
        order_id = f"{guest.known.customer_id}-{guest.orders}"
        total = sum(_MENU[i][2] for i in chosen)
        return Purchase(f"order-{order_id}", guest.known.customer_id, at_us, total, False, order_id, items)

    def _aftermath(
        self, rng: random.Random, guest: _Guest, purchase: Purchase
    ) -> Iterator[tuple[int, Purchase | SurveyAnswer]]:
        """Now and then money back, or an answer to a question."""
        customer, order_id = purchase.customer_id, purchase.order_id
        lot = rng.random()
        if lot < _REFUND_SHARE:
            at_us = purchase.at_us + rng.randrange(60, 3600) * 1_000_000
            yield at_us, Purchase(f"refund-{order_id}", customer, at_us, purchase.amount_minor, True, f"R-{order_id}")
        elif lot < _REFUND_SHARE + _ANSWER_SHARE:
            survey = rng.choices((Survey.NPS, Survey.CSAT, Survey.CES), (6, 3, 1))[0]
            leaving = guest.known.fate is Fate.LEAVING
            feeling = guest.mood + rng.gauss(0.0, 0.7) - (0.8 if leaving else 0.0)
            middle, spread = _USUAL_ANSWERS[survey]
            low, high = SCALES[survey]
            score = min(high, max(low, round(middle + spread * feeling)))
            at_us = purchase.at_us + rng.randrange(3600, 2 * 86_400) * 1_000_000
            yield at_us, SurveyAnswer(f"{survey}-{order_id}", customer, at_us, survey, score, order_id)

    def _profile(self, rng: random.Random, guest: _Guest, at_us: int) -> Profile:
        customer = guest.known.customer_id
        french = rng.random() < 0.6
        name = rng.choice(_FRENCH if french else _ENGLISH)
        return Profile(
            f"profile-{customer}",
            customer,
            at_us,
            first_name=name,
            locale="fr-FR" if french else "en-GB",
            timezone=self.cafe.zone.key,
            email=f"{customer.lower()}@example.org",
            marketing_consent=rng.random() < _CONSENT_SHARE,
        )
