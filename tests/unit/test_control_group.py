"""The control group: who is in it, and that they are decided upon and followed exactly like the others."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import date
from zoneinfo import ZoneInfo

import pytest

from service.config import Settings
from service.domain.calendar import DAY_US, Calendar, to_day
from service.domain.events import Event, Merge
from service.domain.findings import Arm, Decision, Outcome, Reason
from service.domain.outreach.control import ControlGroup
from service.domain.policy import ConsentRule, OutreachPolicy, Rotation, Rung
from service.wire.encoder import Encoder, EncoderSettings, TopicKind
from tests.support.engines import Changelog, apply_all, at, decisions, make_engine, purchase, shop_log

CALENDAR = Calendar(ZoneInfo("Europe/Paris"))
IDS = [f"customer {number}" for number in range(20_000)]
QUARTERS = [at(100 + 91.3 * number) for number in range(8)]
LADDER = OutreachPolicy(
    consent=ConsentRule.EXTERNAL,
    level=4.0,
    rungs=(Rung("remind"), Rung("incentive", strictness=0.4), Rung("last_call", strictness=0.2)),
)


def group(share: float, rotates: Rotation = Rotation.NEVER, key: bytes = b"secret") -> ControlGroup:
    return ControlGroup(share, rotates, key, CALENDAR)


@pytest.mark.parametrize("share", [0.0, 0.02, 0.1, 0.5, 0.99])
def test_its_share_of_the_customers_is_in_it(share: float) -> None:
    inside = sum(group(share).holds(customer_id, 0) for customer_id in IDS)

    deviation = (share * (1 - share) * len(IDS)) ** 0.5
    assert abs(inside - share * len(IDS)) <= 4 * deviation


def test_a_larger_share_lets_nobody_out() -> None:
    small, large = group(0.1), group(0.15)

    assert all(large.holds(customer_id, 0) for customer_id in IDS if small.holds(customer_id, 0))


def test_who_is_in_it_cannot_be_told_without_the_key() -> None:
    one, other = group(0.5, key=b"secret"), group(0.5, key=b"another")

    alike = sum(one.holds(customer_id, 0) == other.holds(customer_id, 0) for customer_id in IDS)
    assert abs(alike - len(IDS) / 2) < 4 * (len(IDS) / 4) ** 0.5


def test_they_are_the_same_for_good_unless_it_rotates() -> None:
    stays, rotates = group(0.3), group(0.3, Rotation.QUARTER)

    def members(of: ControlGroup, at_us: int) -> set[str]:
        return {customer_id for customer_id in IDS[:3000] if of.holds(customer_id, at_us)}

    assert len({frozenset(members(stays, at_us)) for at_us in QUARTERS}) == 1
    quarters = [members(rotates, at_us) for at_us in QUARTERS]
    assert len({frozenset(each) for each in quarters}) == len(QUARTERS)
    both = len(quarters[0] & quarters[1]) / len(quarters[0])
    assert 0.2 < both < 0.4, "who was in it last quarter is as likely to be as anybody"


def test_a_quarter_is_one_of_the_shops_calendar() -> None:
    rotates = group(0.5, Rotation.QUARTER)
    first_of_july = CALENDAR.start_of(to_day(date(2021, 7, 1)))

    def members(at_us: int) -> list[bool]:
        return [rotates.holds(customer_id, at_us) for customer_id in IDS[:200]]

    assert members(first_of_july - 1) == members(first_of_july - 80 * DAY_US)
    assert members(first_of_july) == members(first_of_july + 80 * DAY_US)
    assert members(first_of_july - 1) != members(first_of_july)


def told(found: list[Decision]) -> list[tuple[str, str, str, int, int]]:
    """Everything but which arm, and what only a message that went out can have: being stopped."""
    return [
        (made.decision_id, made.kind.value, made.rung, made.detected_us, made.decided_us)
        for made in found
        if made.outcome is not Outcome.CANCELLED
    ]


@pytest.mark.parametrize("volume", [None, 8.0])
@pytest.mark.parametrize("seed", range(2))
def test_what_is_withheld_is_decided_and_followed_exactly_like_what_is_released(
    seed: int, volume: float | None
) -> None:
    log = shop_log(seed, customers=20, days=200)
    policy = replace(LADDER, volume_per_100_visits=volume, at_most_per_hour=3)

    everybody = decisions(apply_all(make_engine(policy), log))
    halved = decisions(apply_all(make_engine(replace(policy, control_share=0.5)), log))

    assert told(halved) == told(everybody)
    arms = {made.customer_id: made.arm for made in halved if made.arm is not None}
    assert Counter(arms.values()).keys() == {Arm.CONTROL, Arm.TREATED}
    for made in halved:
        assert made.outcome is not Outcome.WITHHELD or made.reason is Reason.CONTROL
        if made.outcome in {Outcome.RELEASED, Outcome.CANCELLED}:
            assert made.arm is Arm.TREATED
        if made.arm is not None:
            assert made.arm is arms[made.customer_id], "one arm for every rung and every absence"
    ends = Counter((made.outcome, made.arm) for made in halved)
    assert min(ends[Outcome.CONVERTED, Arm.CONTROL], ends[Outcome.WITHHELD, Arm.CONTROL]) > 0


def test_nothing_of_what_is_withheld_is_published_as_a_request() -> None:
    encoder = Encoder(EncoderSettings())
    found = decisions(apply_all(make_engine(replace(LADDER, control_share=0.5)), shop_log(1, customers=20, days=200)))

    for made in found:
        topics = [record.topic for record in encoder.encode(made)]
        wanted = made.outcome in {Outcome.RELEASED, Outcome.CANCELLED}
        assert (TopicKind.OUTREACH in topics) == wanted
        assert TopicKind.OUTREACH_DECISIONS in topics
        assert made.arm is Arm.TREATED or not wanted


def test_a_restart_remembers_what_was_withheld() -> None:
    log = shop_log(2, customers=20, days=200)
    policy = replace(LADDER, control_share=0.5)
    unbroken = decisions(apply_all(make_engine(policy), log))

    engine, changelog, found = make_engine(policy), Changelog(), []
    for number, event in enumerate(log):
        engine.apply(event)
        if number % 100 == 0:
            found += decisions(changelog.take(engine.drain()))
            engine = changelog.revive(engine)
    found += decisions(changelog.take(engine.drain()))

    assert found == unbroken


def test_of_two_ids_that_are_merged_the_one_that_stays_decides() -> None:
    policy = replace(LADDER, control_share=0.5, level=20.0)
    inside = group(0.5, key=b"salt")
    old = next(customer_id for customer_id in IDS if inside.holds(customer_id, 0))
    new = next(customer_id for customer_id in IDS if not inside.holds(customer_id, 0))
    log: list[Event] = [purchase(old, 7.0 * number) for number in range(8)]
    log += [Merge("m", old, at(50), new), *(purchase(f"other {day}", float(day)) for day in range(51, 120))]

    found = decisions(apply_all(make_engine(policy), log))

    assert {(made.customer_id, made.outcome) for made in found} == {(new, Outcome.RELEASED)}


def test_in_a_live_shop_it_is_a_tenth_and_where_events_are_the_clock_nobody_unless_it_is_set() -> None:
    def share(**sections: object) -> float:
        return Settings(**sections).policy().outreach.control_share  # type: ignore[arg-type]

    assert share() == 0.1
    assert share(time={"clock": "event"}) == 0.0
    assert share(time={"clock": "event"}, outreach={"control_share": 0.25}) == 0.25
    assert share(outreach={"control_share": 0}) == 0.0
