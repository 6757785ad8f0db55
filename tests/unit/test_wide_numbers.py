"""Sums beyond 64 bits: a customer and a shop of 200,000 orders of just below 10¹², to the last digit, everywhere."""

from __future__ import annotations

import msgspec
import pytest
from msgspec.structs import replace

from service.domain import wide_numbers
from service.domain.calendar import DAY_US
from service.domain.changelog import pack, unpack
from service.domain.customer import MOST_ORDERS
from service.domain.customer_record import restore, snapshot
from service.domain.events import Merge
from service.domain.findings import Outcome, Scores
from service.domain.periods import day_part
from service.domain.periods.day_part import DayPart
from service.domain.uplift.measured import measure
from service.domain.uplift.sums import ArmSums
from service.streaming.brought_totals import WHOLE, BroughtRow
from service.web.live import fingerprint
from service.wire.encoder import Encoder, EncoderSettings
from tests.support.engines import (
    Changelog,
    apply_all,
    at,
    decisions,
    make_engine,
    purchase,
    weekly,
    whole_state,
)
from tests.support.made_up_shop import FakeFacts
from tests.unit.test_alert_log import Story

LARGEST = 10**14 - 1
"""Minor units of the largest order, in a currency of two digits."""
ORDERS = 200_000


@pytest.mark.parametrize(
    "number", [0, -1, (1 << 63) - 1, 1 << 63, (1 << 64) - 1, 1 << 64, -(1 << 63), -(1 << 63) - 1, 10**40, -(10**40)]
)
def test_a_number_of_any_size_comes_back(number: int) -> None:
    assert unpack(pack([number, [{"sum": number}], b"bytes", None, 0.5])) == [
        number,
        [{"sum": number}],
        b"bytes",
        None,
        0.5,
    ]


def test_what_fits_is_stored_as_ever() -> None:
    plain = [1, (1 << 64) - 1, "text", {"a": [True, None]}]

    assert wide_numbers.encode(plain) == msgspec.msgpack.encode(plain)


def test_another_extension_is_no_record_of_this_release() -> None:
    with pytest.raises(ValueError, match="code 7"):
        wide_numbers.decode(msgspec.msgpack.encode(msgspec.msgpack.Ext(7, b"x")))


def test_a_day_of_a_shop_holds_any_revenue() -> None:
    part = DayPart(orders=ORDERS, revenue_minor=ORDERS * LARGEST, gaps={7: 3}, skips={14: 2}, ces_sum=9)

    assert day_part.unpack(day_part.pack(part)) == part


@pytest.mark.parametrize("sign", [1, -1])
def test_a_customer_beyond_64_bits_goes_on_exactly_through_a_restart(sign: int) -> None:
    engine, log, many = make_engine(), Changelog(), sign * (ORDERS - 2) * LARGEST
    for event in weekly("whale", 5):
        engine.apply(event)
    customer, day = engine.customers["whale"], at(28.5) // DAY_US
    before = customer.revenue_minor
    customer.revenue_minor += many
    customer.visit_minor += many
    engine.everybody.spent(customer, many)
    engine.ledger.adjust(day, ORDERS - 2, many)
    for hour in range(2):
        engine.apply(purchase("whale", 28.6 + hour / 24, LARGEST, refund=sign < 0))
    shown = log.take(engine.drain())
    again = log.revive(engine)

    revenue = before + sign * ORDERS * LARGEST
    assert abs(revenue) > 1 << 64
    assert again.customers["whale"].revenue_minor == revenue
    assert whole_state(again) == whole_state(engine)
    assert again.everybody.state.regular_revenue_minor == engine.everybody.state.regular_revenue_minor
    [scores] = [each for each in shown if isinstance(each, Scores)]
    [record] = Encoder(EncoderSettings()).encode(scores)
    told = msgspec.json.decode(record.value or b"")["data"]["revenue"]
    assert told == f"{'-' * (sign < 0)}{abs(revenue) // 100}.{abs(revenue) % 100:02}"

    gone = apply_all(again, weekly("other", 40))  # the whale falls silent: the alert tells what it is worth
    [request] = [each for each in decisions(gone) if each.customer_id == "whale" and each.outcome is Outcome.RELEASED][
        :1
    ]
    assert request.evidence.lifetime_value_minor == revenue
    assert len(Encoder(EncoderSettings()).encode(request)) == 2
    apply_all(again, [Merge("m", "whale", at(300), "leviathan")])
    assert again.customers["leviathan"].revenue_minor == revenue


def test_the_orders_of_one_customer_are_counted_up_to_a_bound() -> None:
    engine = make_engine()
    apply_all(engine, weekly("till", 2))
    engine.customers["till"].orders = MOST_ORDERS

    apply_all(engine, [purchase("till", 20.0), Merge("m", "till", at(21), "other")])

    assert engine.customers["other"].orders == MOST_ORDERS
    assert restore("other", snapshot(engine.customers["other"])).orders == MOST_ORDERS


def test_a_backtest_keeps_an_alert_about_any_sum() -> None:
    story = Story()
    made = story.decide("whale", 10.5, 30)
    made = replace(made, decision_id="other", evidence=replace(made.evidence, lifetime_value_minor=ORDERS * LARGEST))
    story._engine.waiting.append(made)
    story.log.collect([story._engine])  # type: ignore[list-item]

    assert made in [alert.decision for alert in story.log]


def test_the_page_tells_that_sums_of_squares_have_changed() -> None:
    sums, control = ArmSums(), ArmSums()
    for arm in (sums, control):
        for _ in range(50):
            arm.count(returned=True, first=LARGEST, window=LARGEST, chance=1, worth=LARGEST)
    facts = FakeFacts()
    facts.brought = lambda: [BroughtRow("win_back", "remind", WHOLE, measure(sums, control))]  # type: ignore[method-assign]

    before = fingerprint(facts)
    sums.count(returned=True, first=LARGEST, window=LARGEST, chance=1, worth=LARGEST)

    assert sums.window_square > 1 << 64
    assert fingerprint(facts) != before
