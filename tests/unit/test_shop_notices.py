"""The shop is told of its numbers: when a limit is crossed and when it is back, when a change is more than chance; once
for each threshold and period, by whoever writes the sums of all partitions."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import jsonschema
import pytest
from aiokafka.structs import ConsumerRecord
from pydantic import ValidationError

from schemas.export import OUTPUTS, schema_of
from service.cluster.topic_plan import topic_plan
from service.config import Settings, ThresholdSettings
from service.domain.calendar import DAY_US, HOUR_US, to_date
from service.domain.changelog import TODAY_KEY, day_key, pack_today
from service.domain.events import Purchase
from service.domain.periods.numbers import Counts, PeriodRow
from service.domain.periods.rows import RowMaker
from service.domain.policy import Shop
from service.errors import ConfigurationError
from service.notices.judge import State, Told, about, notice_of
from service.streaming.period_totals import Publisher, ShopTotals
from service.streaming.producer import Destination, Record
from service.streaming.shop_notices import ShopNotices
from service.streaming.turn_size import START_BYTES
from tests.support.engines import make_engine

FIRST = 20_454
"""2026-01-01."""
MONTHS = (0, 31, 59, 90, 120, 151, 181)
MAKER = RowMaker(Shop())


def month(number: int, **counted: int) -> PeriodRow:
    """The so-manieth month of 2026, which is over. `start`: customers at its start."""
    start, end = FIRST + MONTHS[number], FIRST + MONTHS[number + 1]
    before = Counts(buyers=counted.pop("start", 200))
    return MAKER.row("month", start, end, end, now=Counts(**{"buyers": 200, **counted}), before=before)


def kept(number: int, share: int, people: int = 200) -> PeriodRow:
    """Of so many people that share in percent came back."""
    return month(number, start=people, retained=people * share // 100)


def scored(number: int, nps: int, answers: int = 400) -> PeriodRow:
    promoters = answers * (100 + nps) // 200
    return month(number, nps_promoters=promoters, nps_detractors=answers - promoters)


def below(limit: float = 60.0, **more: Any) -> ThresholdSettings:
    return ThresholdSettings(name="few", number="retention_rate", when="below", limit=limit, **more)


def story(threshold: ThresholdSettings, rows: Sequence[PeriodRow]) -> list[tuple[int, str]]:
    """What is told of one row after the other: (month, state)."""
    told, found = None, list[tuple[int, str]]()
    for place, row in enumerate(rows):
        notice = notice_of(threshold, row, rows[place - 1] if place else None, told)
        if notice is not None:
            told = Told(notice.state.value, about(threshold))
            found.append((row.start.month, notice.state.value))
    return found


# ---- limits


def test_a_limit_is_told_when_it_is_crossed_and_not_again_while_it_stays_so() -> None:
    rows = [kept(n, share) for n, share in enumerate((70, 55, 50, 58, 59))]

    assert story(below(), rows) == [(2, "begins")]


def test_a_number_that_wavers_around_its_limit_is_told_once_and_its_return_beyond_the_hysteresis() -> None:
    rows = [kept(n, share) for n, share in enumerate((59, 61, 59, 62, 64, 59))]

    assert story(below(hysteresis=3.0), rows) == [(1, "begins"), (5, "ends"), (6, "begins")]
    assert story(below(hysteresis=0.0), rows) == [
        (1, "begins"), (2, "ends"), (3, "begins"), (4, "ends"), (6, "begins"),
    ]  # fmt: skip


def test_without_a_hysteresis_a_twentieth_of_the_limit_is_asked_for() -> None:
    rows = [kept(n, share) for n, share in enumerate((59, 62, 63))]

    assert below().back_by == pytest.approx(3.0)
    assert story(below(), rows) == [(1, "begins"), (3, "ends")]


def test_above_is_the_other_way_round() -> None:
    threshold = ThresholdSettings(name="lost", number="churn_rate", when="above", limit=40, hysteresis=5)
    rows = [kept(n, share) for n, share in enumerate((61, 59, 62, 66))]

    assert story(threshold, rows) == [(2, "begins"), (4, "ends")]


def test_the_limit_itself_is_neither_below_nor_above() -> None:
    assert story(below(), [kept(0, 60)]) == []
    assert story(ThresholdSettings(name="x", number="churn_rate", when="above", limit=40), [kept(0, 60)]) == []


def test_too_few_people_say_nothing() -> None:
    assert story(below(), [kept(0, 10, people=29)]) == []
    assert story(below(at_least=20), [kept(0, 10, people=29)]) == [(1, "begins")]
    assert story(below(at_least=1), [kept(0, 0, people=0)]) == []


def test_a_limit_that_is_set_otherwise_begins_anew() -> None:
    notice = notice_of(below(65.0), kept(1, 55), None, Told("begins", about(below(60.0))))

    assert notice is not None
    assert notice.state is State.BEGINS


# ---- more than chance


def falls(number: str = "nps", when: str = "falls") -> ThresholdSettings:
    return ThresholdSettings(name="mood", number=number, when=when)


def test_an_nps_that_falls_by_more_than_chance_is_told_each_time() -> None:
    rows = [scored(n, nps) for n, nps in enumerate((50, 30, 28, 5, 40))]

    assert story(falls(), rows) == [(2, "changed"), (4, "changed")]
    assert story(falls(when="rises"), rows) == [(5, "changed")]


def test_the_same_fall_of_few_answers_is_chance() -> None:
    assert story(falls(), [scored(0, 50, answers=40), scored(1, 30, answers=40)]) == []


def test_without_the_period_before_nothing_has_fallen() -> None:
    assert notice_of(falls(), scored(3, -80), None, None) is None


# ---- settings


@pytest.mark.parametrize(
    ("said", "wrong"),
    [
        ({"number": "retention", "limit": 3}, "there is no number 'retention'"),
        ({"number": "nps"}, "below needs a limit"),
        ({"number": "nps", "when": "falls", "limit": 3}, "falls has no limit"),
        ({"number": "orders", "when": "falls"}, "it cannot be told whether it falls"),
        ({"number": "nps", "limit": 3, "name": "Not a name"}, "String should match"),
    ],
)
def test_a_threshold_without_sense_is_refused_at_the_start(said: dict[str, Any], wrong: str) -> None:
    with pytest.raises(ValidationError, match=wrong):
        ThresholdSettings(**{"name": "x", **said})


def test_two_thresholds_of_one_name_are_refused() -> None:
    one = {"name": "x", "number": "nps", "limit": 1}
    with pytest.raises((ConfigurationError, ValidationError), match="x is there twice"):
        Settings(notices={"thresholds": [one, one]})


def test_the_topic_is_there_where_there_is_a_threshold() -> None:
    one = {"name": "x", "number": "nps", "limit": 1}

    assert "shop-notices" not in {spec.name for spec in topic_plan(Settings(), 4)}
    (spec,) = [each for each in topic_plan(Settings(notices={"thresholds": [one]}), 4) if each.name == "shop-notices"]
    assert (spec.partitions, spec.cleanup) == (1, "compact")


# ---- records


def settings(clock: str = "event", locale: str = "en", **notices: Any) -> Settings:
    threshold = {"name": "few", "number": "retention_rate", "limit": 60, "hysteresis": 2}
    mood = {"name": "mood", "number": "nps", "when": "falls"}
    return Settings(
        notices={"thresholds": [threshold, mood], **notices}, time={"clock": clock}, shop={"locale": locale}
    )


def told_by(notices: ShopNotices, rows: list[PeriodRow], day: int | None, wall: int = 0) -> list[dict[str, Any]]:
    made = notices.records(lambda granularity: [row for row in rows if row.granularity == granularity], day, wall)
    return [json.loads(value or b"") for _, value in made]


def day_of(number: int) -> int:
    """First day of that month."""
    return FIRST + MONTHS[number]


def test_a_notice_is_an_event_of_the_schema_with_the_same_id_for_ever() -> None:
    rows = [kept(0, 70), kept(1, 55)]
    (event,) = told_by(ShopNotices(settings()), rows, day_of(3))

    jsonschema.validate(event, schema_of(OUTPUTS["shop.noticed"]))
    OUTPUTS["shop.noticed"].model_validate_json(json.dumps(event))
    assert (event["type"], event["id"], event["subject"]) == ("shop.noticed", "few:month:2026-02-01", "few")
    assert event["time"] == "2026-03-01T00:00:00Z"
    data = event["data"]
    assert (data["state"], data["value"], data["value_before"], data["rests_on"]) == ("begins", 55.0, 70.0, 200)
    assert data["summary"] == "Retention was 55.0% in February 2026: below the limit of 60.0%."
    assert told_by(ShopNotices(settings()), rows, day_of(3)) == [event]


def test_a_change_has_its_interval_and_french_is_french() -> None:
    rows = [scored(0, 50), scored(1, 20)]
    told = told_by(ShopNotices(settings(locale="fr-FR")), rows, day_of(3))
    (event,) = [each for each in told if each["subject"] == "mood"]

    data = event["data"]
    assert data["change_high"] < 0.0
    assert data["change_low"] < -30.0 < data["change_high"]
    assert data["summary"] == (
        "février 2026\u00a0: NPS à 20, contre 50 pour janvier 2026\u202f; une baisse que le hasard n’explique pas."
    )


def test_a_period_is_told_of_once_whatever_becomes_of_it_and_whoever_comes_next_knows() -> None:
    first = ShopNotices(settings())
    made = first.records(lambda _: [kept(0, 70), kept(1, 55)], day_of(3), 0)
    again = told_by(first, [kept(0, 70), kept(1, 40)], day_of(3) + 3)
    successor = ShopNotices(settings())
    successor.know(
        [ConsumerRecord("shop-notices", 0, n, 0, 0, key, value, None, 0, 0, ()) for n, (key, value) in enumerate(made)]
    )

    assert len(made) == 1
    assert again == []
    assert told_by(successor, [kept(0, 70), kept(1, 55)], day_of(3)) == []
    assert told_by(successor, [kept(1, 55), kept(2, 50)], day_of(4)) == []
    assert [event["data"]["state"] for event in told_by(successor, [kept(2, 50), kept(3, 64)], day_of(5))] == ["ends"]


def test_a_period_waits_until_every_partition_is_past_it_and_the_days_for_what_comes_late() -> None:
    rows = [kept(0, 70), kept(1, 55)]
    notices = ShopNotices(settings(wait_days=3))

    assert told_by(notices, rows, None) == []
    assert told_by(notices, rows, day_of(2) + 2) == []
    assert len(told_by(notices, rows, day_of(2) + 3)) == 1


def test_by_a_wall_clock_what_ended_long_ago_is_no_news() -> None:
    rows = [kept(0, 70), kept(1, 55)]

    assert told_by(ShopNotices(settings("wall")), rows, day_of(3), day_of(2) + 40) == []
    assert len(told_by(ShopNotices(settings("wall")), rows, day_of(3), day_of(2) + 20)) == 1


def test_the_settled_day_is_that_of_the_last_partition_and_by_the_wall_clock_of_all() -> None:
    totals = ShopTotals(settings())
    assert totals.settled_day(all_tell=False) is None
    totals._partitions = 3
    for partition, day in ((0, 40), (1, 12)):
        totals.take(partition, TODAY_KEY, pack_today(day))

    assert totals.settled_day(all_tell=False) == 12
    assert totals.settled_day(all_tell=True) is None
    totals.take(2, TODAY_KEY, pack_today(30))
    totals.take(1, TODAY_KEY, pack_today(35))
    assert totals.settled_day(all_tell=True) == 30
    assert to_date(30).isoformat() == "1970-01-31"


class Written:
    """What a transactional producer is given, a transaction each."""

    def __init__(self) -> None:
        self.turns: list[dict[Destination, list[Record]]] = []

    async def write(self, records: dict[Destination, list[Record]]) -> dict[Destination, int]:
        self.turns.append(records)
        return {to: sum(len(value or b"") for _, value in each) for to, each in records.items()}


def shop_of(days: int, partitions: int, said: Settings) -> ShopTotals:
    """Two partitions' customers come daily in January and February; of the second's nobody comes in March."""
    totals = ShopTotals(said)
    totals._partitions = partitions
    for partition in range(partitions):
        engine = make_engine(zone="UTC")
        for who in range(40):
            for n in range(days if partition == 0 else 58):
                at_us = (FIRST + n) * DAY_US + 9 * HOUR_US
                engine.apply(Purchase(f"{partition}-{who}-{n}", f"c{partition}-{who}", at_us, 100))
        engine.apply(Purchase("last", f"d{partition}", (FIRST + days) * DAY_US, 100))
        for day, value in engine.drain().ledger:
            totals.take(partition, day_key(day), value)
        totals.take(partition, TODAY_KEY, pack_today(engine.today))
    totals.add_up()
    return totals


async def test_a_notice_goes_in_the_transaction_of_the_numbers_of_all_partitions_and_not_twice(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    said = settings()
    totals, written = shop_of(100, 2, said), Written()
    monkeypatch.setattr("service.streaming.period_totals.TransactionalProducer", lambda *_: written)
    publisher = Publisher(said, totals)

    for _ in range(2):
        await publisher._publish(list(totals.rows.values()), totals.brought.rows())

    *before, turn = written.turns
    assert {to.topic for to in turn} == {"period-metrics", "shop-notices"}
    assert before, "years of numbers are more than a first turn may write"
    for part in (*before, turn):
        numbers = part[Destination("period-metrics", 0)]
        assert sum(len(value or b"") for _, value in numbers) <= START_BYTES
    assert {to.topic for part in before for to in part} == {"period-metrics"}
    published = [key for part in written.turns for key, _ in part[Destination("period-metrics", 0)]]
    assert len(published) == len(set(published)) == len(totals.rows)
    ((key, value),) = turn[Destination("shop-notices", 0)]
    data = json.loads(value or b"")["data"]
    assert (key, data["value"], data["rests_on"]) == (b"few:month:2026-03-01", 50.0, 80)


def test_without_a_threshold_nobody_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.streaming.period_totals.TransactionalProducer", lambda *_: Written())
    said = Settings(time={"clock": "event"})
    publisher = Publisher(said, ShopTotals(said))

    assert publisher._notices is None
