"""Shops that sell on a few days a month only, with nothing set: what lies between is their customers' rhythm, and no
silence of the feed."""

from __future__ import annotations

from collections import Counter
from random import Random
from typing import NamedTuple

import pytest

from service.domain.calendar import DAY_US, to_date
from service.domain.findings import Outcome
from service.domain.policy import ConsentRule, Measure, OutreachPolicy
from tests.support.engines import EVENT_TIME, START_US, Changelog, apply_all, at, decisions, make_engine, purchase

NOTHING_SET = OutreachPolicy(consent=ConsentRule.EXTERNAL, measure=Measure.PATIENCE)
DAYS = 420
CUSTOMERS = 100
FIRST_OF_MONTH = "all are billed on the first of the month"
FIRST_SUNDAY = "a market on the first Sunday"
EVERY_FOUR_WEEKS = "a van that comes every fourth Friday"


def sells(kind: str, day: int) -> bool:
    date = to_date(START_US // DAY_US + day)
    match kind:
        case "all are billed on the first of the month":
            return date.day == 1
        case "a market on the first Sunday":
            return date.isoweekday() == 7 and date.day <= 7
        case _:
            return day % 28 == 2


class Truth(NamedTuple):
    """The visits (day, customer), and when those who left were there last."""

    visits: list[tuple[float, str]]
    left: dict[str, float]


def shop(kind: str, seed: int) -> Truth:
    """Customers who come on nearly every day on which it sells, until three in a hundred are there for the last
    time."""
    random, visits, left = Random(seed), list[tuple[float, str]](), dict[str, float]()
    days = [day for day in range(DAYS) if sells(kind, day)]
    for number in range(CUSTOMERS):
        who, joined = f"c{number}", random.random() * 240 if number % 2 else 0.0
        for day in days:
            if day < joined or random.random() < 0.04:
                continue
            visits.append((day + 0.4 + 0.2 * random.random(), who))
            if random.random() < 0.03:
                left[who] = visits[-1][0]
                break
    return Truth(sorted(visits), left)


def asked(kind: str, seed: int) -> tuple[Truth, dict[str, list[float]]]:
    """What was decided with nothing set: customer → the days on which a message went out."""
    truth = shop(kind, seed)
    told = decisions(apply_all(make_engine(NOTHING_SET, EVENT_TIME), [purchase(who, day) for day, who in truth.visits]))
    sent = dict[str, list[float]]()
    for one in told:
        if one.outcome is Outcome.RELEASED:
            sent.setdefault(one.customer_id, []).append((one.decided_us - START_US) / DAY_US)
    return truth, sent


@pytest.mark.parametrize("kind", [FIRST_OF_MONTH, FIRST_SUNDAY, EVERY_FOUR_WEEKS])
def test_the_days_between_are_taken_off_nobodys_rhythm(kind: str) -> None:
    """They counted as silences of the feed, the first of them twice: usual gaps came out as a few days, and when the
    pauses were known everybody was due at once: of 255 messages 118 went out on one day, to people who paid on the
    next first of the month."""
    truth, sent = asked(kind, 1)

    to_who_stays = [day for who, days in sent.items() for day in days if day < truth.left.get(who, DAYS)]
    assert len(to_who_stays) <= 0.25 * sum(map(len, sent.values()))
    assert max(Counter(int(day) for day in to_who_stays).values(), default=0) <= 5
    regulars = Counter(who for _, who in truth.visits)
    leavers = {who for who, day in truth.left.items() if regulars[who] >= 4 and day < DAYS - 120}
    assert len(leavers) > 10
    assert len(leavers & sent.keys()) >= 0.9 * len(leavers)


def test_who_comes_twice_around_pay_day_is_not_asked_with_everybody_else() -> None:
    """Here a month's pause is none of their rhythm, which is of days, and stays so: once it was taken for the shop's
    usual pause, after half a year, 64 of 65 messages of one day were wrong."""
    random, visits = Random(7), list[tuple[float, str]]()
    pay_days = [day for day in range(DAYS) if to_date(START_US // DAY_US + day).day in {25, 27, 28}]
    for number in range(150):
        joined = random.random() * 200
        for day in pay_days:
            if day >= joined and random.random() < 0.6:
                visits.append((day + 0.4 + 0.4 * random.random(), f"c{number}"))
    told = decisions(
        apply_all(make_engine(NOTHING_SET, EVENT_TIME), [purchase(who, day) for day, who in sorted(visits)])
    )

    sent = Counter((one.decided_us - START_US) // DAY_US for one in told if one.outcome is Outcome.RELEASED)
    assert max(sent.values()) <= 15


def test_a_season_is_no_rhythm_however_often_it_was_over() -> None:
    """Who comes every week from April to September comes often between two winters: they stay nobody's absence."""
    random, visits = Random(1), list[tuple[float, str]]()
    for number in range(60):
        day = random.random() * 7
        while day < 700:
            if to_date(START_US // DAY_US + int(day)).month in range(4, 10):
                visits.append((day, f"c{number}"))
            day += 7 * random.uniform(0.8, 1.2)
    told = decisions(
        apply_all(make_engine(NOTHING_SET, EVENT_TIME), [purchase(who, day) for day, who in sorted(visits)])
    )

    wrong = [one for one in told if one.outcome is Outcome.RELEASED and at(30) < one.decided_us < at(660)]
    assert len(wrong) <= 3, "whoever would have come just after the end of one season, and late in the next"


def test_a_month_of_outage_is_no_usual_pause() -> None:
    """Two months are silent, in a shop of which usually one is: nobody is asked at its end who is there again."""
    truth = shop(FIRST_OF_MONTH, 2)
    lost = {day for day in range(DAYS) if sells(FIRST_OF_MONTH, day)}
    gone = sorted(lost)[8:10]
    feed = [(day, who) for day, who in truth.visits if int(day) not in gone]
    told = decisions(apply_all(make_engine(NOTHING_SET, EVENT_TIME), [purchase(who, day) for day, who in feed]))

    wrong = [
        one.customer_id
        for one in told
        if one.outcome is Outcome.RELEASED
        and at(gone[0]) < one.decided_us
        and (one.decided_us - START_US) / DAY_US < min(truth.left.get(one.customer_id, DAYS), gone[1] + 40)
    ]
    assert len(wrong) <= 5


def test_a_silence_that_the_pulse_has_told_is_not_counted_again_by_the_hours() -> None:
    """In its first days a shop is known by its pulse, at the end of the pause by its hours."""
    days = [day + number / 50 for day in (*range(5), *range(25, 28)) for number in range(30)]
    engine = make_engine(NOTHING_SET, EVENT_TIME)
    apply_all(engine, [purchase(f"c{number % 30}", day) for number, day in enumerate(days)])

    assert 18 < engine.timeline.stalled_us() / DAY_US < 22


def test_a_restart_still_knows_the_pauses() -> None:
    truth, sent = asked(FIRST_OF_MONTH, 3)
    engine, changelog, told = make_engine(NOTHING_SET, EVENT_TIME), Changelog(), list[tuple[str, int]]()
    for number, (day, who) in enumerate(truth.visits):
        engine.apply(purchase(who, day))
        if number % 97 == 0 or number == len(truth.visits) - 1:
            made = decisions(changelog.take(engine.drain()))
            told += [(one.customer_id, one.decided_us) for one in made if one.outcome is Outcome.RELEASED]
            engine = changelog.revive(engine)

    assert told
    assert {who: [(us - START_US) / DAY_US for name, us in told if name == who] for who, _ in told} == sent
