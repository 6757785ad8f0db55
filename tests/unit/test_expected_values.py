"""What is expected of all customers, summed from the records of each."""

from __future__ import annotations

import msgspec

from service.config import KafkaSettings, Settings
from service.domain.events import Purchase
from service.domain.findings import Scores, Segment
from service.engines import new_engine
from service.web.expected_values import ExpectedValues
from service.web.shop_view import Expected
from service.wire.score_records import ScoreEncoder


def of_somebody() -> Scores:
    engine = new_engine(Settings(time={"clock": "event"}))
    engine.apply(Purchase("p1", "ann", 1_700_000_000_000_000, 500))
    scores = engine.scores("ann")
    assert scores is not None
    return scores


def scored(segment: str, minor: int | None) -> bytes:
    scores = msgspec.structs.replace(of_somebody(), segment=Segment(segment), expected_value_365d_minor=minor)
    return ScoreEncoder("EUR", 2).encode(scores)


def caught_up(*records: tuple[bytes | None, bytes | None]) -> ExpectedValues:
    values = ExpectedValues(KafkaSettings(), 2)
    for key, value in records:
        values.take(key, value)
    values._caught_up = True
    return values


def test_the_newest_record_of_everybody_counts_and_those_who_are_lost_or_unknown_do_not() -> None:
    values = caught_up(
        (b"ann", scored("regular", 10_050)),
        (b"bob", scored("new", 2_000)),
        (b"ann", scored("slowing", 8_025)),
        (b"cid", scored("lost", 77)),
        (b"dan", scored("new", None)),
    )

    assert values.told() == Expected(2, 10_025)
    values.take(b"bob", scored("lost", 1_000))
    assert values.told() == Expected(1, 8_025)


def test_who_is_erased_is_not_expected_and_strange_records_change_nothing() -> None:
    values = caught_up(
        (b"ann", scored("regular", 500)),
        (b"bob", scored("regular", 700)),
        (b"ann", None),
        (None, b"{}"),
        (b"eve", b"no score"),
        (b"eve", b'{"data": {"segment": "vip", "expected_value_365d": "NaN"}}'),
        (b"eve", b'{"data": {"segment": "vip", "expected_value_365d": "1e999"}}'),
    )

    assert values.told() == Expected(1, 700)
    assert values.unreadable == 3


def test_nothing_is_said_before_all_is_read_and_of_a_shop_without_customers() -> None:
    values = ExpectedValues(KafkaSettings(), 2)
    values.take(b"ann", scored("regular", 500))

    assert values.told() is None
    assert caught_up().told() is None
