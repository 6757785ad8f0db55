"""A limited number of messages: how many go out, to whom, and that nobody waits longer for it."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from math import exp, inf, log
from pathlib import Path
from statistics import fmean

import msgspec
import pytest
from rich.console import Console

from service.commands.backtest import backtest_files
from service.config import Settings
from service.domain.calendar import DAY_US, NEVER, to_datetime
from service.domain.changelog import PARTITION_KEY
from service.domain.customer import Customer
from service.domain.customer_record import restore, snapshot
from service.domain.engine import Engine
from service.domain.events import Erasure, Event, Profile, Purchase
from service.domain.findings import Decision, Outcome, Reason
from service.domain.learning.silences import UNKNOWN, Tolerances
from service.domain.outreach.moments import steadiness
from service.domain.outreach.patience import steady_gap_days
from service.domain.outreach.volume import LATEST, Volume, VolumeState
from service.domain.partition_state import PartitionState
from service.domain.policy import ConsentRule, OutreachPolicy, Rung, Timing
from service.errors import ConfigurationError
from service.feed.simulate import Cafe, Simulation
from tests.support.customers import customer_with
from tests.support.engines import (
    EVENT_TIME,
    Changelog,
    apply_all,
    at,
    decisions,
    make_engine,
    purchase,
    weekly,
)

OPEN = OutreachPolicy(consent=ConsentRule.EXTERNAL)
CAFE = Cafe(customers=250, days=330, seed=5)
MU0 = 2.0


def limited(per_100: float, **other: object) -> OutreachPolicy:
    return replace(OPEN, volume_per_100_visits=per_100, **other)  # type: ignore[arg-type]


@cache
def cafe_log(willing: bool = True) -> Sequence[Event]:
    """A year of a café; without its profiles everybody may be asked."""
    events: list[Event] = list(Simulation(CAFE).events())
    return [event for event in events if not (willing and isinstance(event, Profile))]


@cache
def run(policy: OutreachPolicy, willing: bool = True) -> tuple[list[Decision], Engine, int]:
    """Decisions of the log's second half, and the visits of regulars in it."""
    engine, found, visits = make_engine(policy, EVENT_TIME), list[Decision](), 0
    engine.everybody.state.next_fit_us = NEVER  # the churn model has no part in this
    events = cafe_log(willing)
    half_us = (events[0].at_us + events[-1].at_us) // 2
    for event in events:
        known = engine.customers.get(event.customer_id)
        before = known.visits if known else 0
        engine.apply(event)
        now = engine.customers[event.customer_id].visits
        visits += event.at_us >= half_us and now > before and now >= 4
        found += decisions(engine.take_outputs())
    return [made for made in found if made.decided_us >= half_us], engine, visits


def sent(found: Sequence[Decision]) -> list[Decision]:
    return [made for made in found if made.outcome is Outcome.RELEASED]


def passed_over(found: Sequence[Decision]) -> list[Decision]:
    return [made for made in found if made.reason is Reason.VOLUME]


@pytest.mark.parametrize(
    ("promised", "willing"), [(2.0, True), (5.0, True), (10.0, True), (20.0, True), (5.0, False), (20.0, False)]
)
def test_the_volume_is_what_was_promised(promised: float, willing: bool) -> None:
    found, _, visits = run(limited(promised), willing)

    assert 100 * len(sent(found)) / visits == pytest.approx(promised, rel=0.1)


def test_a_volume_a_day_is_kept_too() -> None:
    found, _, _ = run(replace(OPEN, volume_per_day=1.0))
    days = (max(made.decided_us for made in found) - min(made.decided_us for made in found)) / DAY_US

    assert len(sent(found)) / days == pytest.approx(1.0, rel=0.1)


def test_the_newest_regulars_come_first_where_few_can_be_asked() -> None:
    found, _, _ = run(limited(2.0))

    chosen = fmean(made.evidence.visits for made in sent(found))
    assert chosen < 0.5 * fmean(made.evidence.visits for made in passed_over(found))


def chosen_of(crowd: Sequence[int], for_loyal: float) -> list[int]:
    """Visits of those chosen, of a crowd with so many visits each; the volume allows for 2 alerts in 5 who come due."""
    volume, chosen = Volume(4.0, None, VolumeState(), for_loyal), list[int]()
    for n in range(2000):
        for _ in range(10):
            volume.visit(at(n / 5), MU0)
        if volume.chosen(quiet_after(crowd[n % len(crowd)], who=f"x{n}"), at(n / 5), MU0):
            volume.spend()
            if n >= 500:
                chosen.append(crowd[n % len(crowd)])
    return chosen


@pytest.mark.parametrize("part", [0.3, 0.5])
def test_a_part_of_the_volume_is_kept_for_loyal_customers_and_the_whole_is_as_promised(part: float) -> None:
    crowd = [4 + n * 7 % 30 for n in range(50)]

    without, found = chosen_of(crowd, 0.0), chosen_of(crowd, part)

    assert fmean(visits >= 13 for visits in without) < 0.22
    assert fmean(visits >= 13 for visits in found) == pytest.approx(part, abs=0.05)
    assert len(without) == pytest.approx(600, rel=0.05)
    assert len(found) == pytest.approx(600, rel=0.05)


@pytest.mark.parametrize("part", [0.25, 0.5])
def test_of_the_loyal_too_those_likelier_gone_come_first(part: float) -> None:
    loyal = [visits for visits in chosen_of([4 + n * 7 % 30 for n in range(50)], part) if visits >= 13]

    assert fmean(visits < 23 for visits in loyal) > 0.7


def test_what_the_loyal_do_not_use_goes_to_the_others() -> None:
    crowd = [4 + n * 7 % 9 for n in range(9)]

    assert len(chosen_of(crowd, 0.3)) == pytest.approx(600, rel=0.08)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"volume_for_loyal": 0.2}, "part of a volume"),
        ({"volume_for_loyal": 1.0, "volume_per_day": 2.0}, r"\[0, 1\)"),
    ],
)
def test_a_part_of_nothing_and_the_whole_are_refused(settings: dict[str, float], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        replace(OPEN, **settings)  # type: ignore[arg-type]


@pytest.mark.parametrize("promised", [2.0, 20.0])
def test_nobody_comes_due_later_than_at_the_limit_of_their_own_gaps(promised: float) -> None:
    """Who is irregular after two and a quarter usual gaps; who is steady by their own, as these tell them, and not when
    an absence has become a loss."""
    found, engine, _ = run(limited(promised))
    volume, mu0 = engine.ladder.volume, engine.everybody.mu0

    assert engine.state.clock.stalled_us == 0
    assert found
    assert volume is not None
    regulars = [each for each in engine.customers.values() if each.visits >= 4]
    assert {steadiness(each) == 0.0 for each in regulars} == {True, False}
    for customer in regulars:
        least, most = sorted([exp(customer.log_usual), steady_gap_days(customer, mu0)])
        latest = LATEST * (1.0 + 1e-9) if steadiness(customer) == 0.0 else 4.0
        assert least * (1.0 - 1e-9) <= volume.days(customer) <= latest * most


def test_where_more_can_be_asked_they_are_asked_sooner() -> None:
    gaps = [
        fmean(made.evidence.gap_days / made.evidence.usual_gap_days for made in run(limited(promised))[0])
        for promised in (5.0, 10.0, 20.0)
    ]

    assert gaps[0] > gaps[1] + 0.1 > gaps[2] + 0.2


def test_who_is_passed_over_is_not_asked_later_in_that_absence() -> None:
    ladder = limited(5.0, rungs=(Rung("remind"), Rung("incentive", strictness=0.2)))
    found, _, visits = run(ladder)
    by_episode: dict[tuple[str, int], list[Decision]] = {}
    for made in found:
        if made.outcome in {Outcome.RELEASED, Outcome.SUPPRESSED}:
            by_episode.setdefault((made.customer_id, made.quiet_since_us), []).append(made)

    ladders = [[made.rung for made in episode] for episode in by_episode.values() if not passed_over(episode)]
    assert all(len(episode) == 1 for episode in by_episode.values() if passed_over(episode))
    assert ["remind", "incentive"] in ladders
    assert 100 * len(sent(found)) / visits == pytest.approx(5.0, rel=0.1)


def test_a_restart_in_the_midst_changes_nothing() -> None:
    policy = limited(5.0)
    events = cafe_log()[:5000]
    once = make_engine(policy, EVENT_TIME)
    expected = decisions(apply_all(once, events))
    engine, changelog, found = make_engine(policy, EVENT_TIME), Changelog(), list[Decision]()
    for index, event in enumerate(events):
        engine.apply(event)
        if index % 1000 == 999:
            found += decisions(changelog.take(engine.drain()))
            engine = changelog.revive(engine)
    found += decisions(engine.drain().outputs)

    assert passed_over(found)
    assert found == expected
    assert engine.state.pack() == once.state.pack()


def test_the_record_does_not_grow_and_costs_nothing_without_a_volume() -> None:
    _, engine, _ = run(limited(20.0))
    record, start = engine.state.pack(), make_engine(limited(20.0)).state.pack()

    assert len(record) - len(start) < 200
    assert len(make_engine(OPEN).state.pack()) < 300
    assert make_engine(OPEN).state.volume is None


def test_a_record_from_before_volumes_is_read() -> None:
    older = msgspec.msgpack.encode(msgspec.msgpack.decode(make_engine(OPEN).state.pack())[:4])
    engine = make_engine(limited(5.0))

    engine.restore(PARTITION_KEY, older)
    engine.restored()

    assert PartitionState.unpack(older).volume is None
    assert engine.state.volume is not None
    assert engine.state.volume.tokens == 1.0


def test_a_volume_that_is_switched_off_is_forgotten_and_one_that_is_switched_on_begins() -> None:
    engine, changelog = make_engine(limited(5.0)), Changelog()
    apply_all(engine, weekly("a", 6))
    changelog.take(engine.drain())
    changelog.state[PARTITION_KEY] = engine.state.pack()

    free = changelog.revive(make_engine(OPEN))
    changelog.state[PARTITION_KEY] = free.state.pack()
    again = changelog.revive(make_engine(limited(5.0)))

    assert free.ladder.volume is None
    assert free.state.volume is None
    assert again.state.volume is not None
    assert again.state.volume.visits == 0.0


def gone_quiet(name: str, *, first_day: float = 0.5) -> list[Event]:
    """A weekly regular who stays away; due 23 days after the fourth visit, on day 44."""
    return weekly(name, 4, first_day)


def tokens(engine: Engine) -> float:
    assert engine.state.volume is not None
    return engine.state.volume.tokens


def test_what_the_shadow_mode_holds_back_counts_as_sent() -> None:
    engine = make_engine(limited(5.0, shadow=True))
    apply_all(engine, gone_quiet("a"))
    before = tokens(engine)

    found = decisions(apply_all(engine, [purchase("b", 60)]))

    assert [made.reason for made in found] == [Reason.SHADOW]
    assert tokens(engine) == pytest.approx(before - 1.0)


def test_what_cannot_be_sent_costs_nothing() -> None:
    engine = make_engine(limited(5.0))
    unwilling = Profile("p", "a", at(1), marketing_consent=False)
    apply_all(engine, [*gone_quiet("a"), unwilling])
    before = tokens(engine)

    found = decisions(apply_all(engine, [purchase("b", 60)]))

    assert [made.reason for made in found] == [Reason.NO_CONSENT]
    assert tokens(engine) == before


@pytest.mark.parametrize("end", [purchase("a", 46), Erasure("x", "a", at(46))], ids=["a visit", "an erasure"])
def test_an_overdue_alert_that_waits_in_vain_leaves_its_place_to_another(end: Event) -> None:
    engine = make_engine(limited(5.0), Timing(feed_silence_hours=1e6, max_jump_days=1e4))
    apply_all(engine, gone_quiet("a"), wall_us=at(22))
    before = tokens(engine)
    engine.advance(at(46), at(46))
    waiting = decisions(engine.drain().outputs)
    while_it_waits = tokens(engine)

    apply_all(engine, [end], wall_us=at(46))

    assert [made.reason for made in waiting] == [Reason.RELEASE_RATE]
    assert while_it_waits == pytest.approx(before - 1.0)
    assert tokens(engine) >= before


def test_of_two_alike_a_lot_decides_which_is_the_same_on_every_replay() -> None:
    def choices() -> list[bool]:
        volume = Volume(5.0, None, VolumeState())
        for day in range(400):
            volume.visit(at(day), MU0)
        return [volume.chosen(quiet_after(8, who=f"c{n}"), at(400 + n), MU0) for n in range(40)]

    assert choices() == choices()
    assert {True, False} == set(choices())


def quiet_after(visits: int, *, recent: float = MU0, who: str = "c") -> Customer:
    return customer_with(who, visits=visits, log_usual=MU0, log_recent=recent)


def named(customer: Customer, name: str) -> Customer:
    """The same under another id, with a lot of its own."""
    return restore(name, snapshot(customer))


def share_chosen(customer: Customer) -> float:
    """How often the customer is chosen among a mixed crowd, at two alerts in five who come due."""
    volume, chosen = Volume(4.0, None, VolumeState()), 0
    for n in range(600):
        for _ in range(10):
            volume.visit(at(n), MU0)
        place = n % 50
        other = quiet_after(4 + place * 7 % 30, recent=MU0 + place % 3 * 0.4 - 0.4, who=f"x{n}")
        if volume.chosen(other, at(n), MU0):
            volume.spend()
        if n % 6 == 0 and n > 200:
            asked = VolumeState.of(volume.state.fields())
            asked.arrived = list(asked.arrived)
            chosen += Volume(4.0, None, asked).chosen(named(customer, f"y{n}"), at(n), MU0)
    return chosen / 66


def test_new_regulars_and_those_whose_gaps_grew_come_first() -> None:
    assert share_chosen(quiet_after(4)) > 0.95
    assert share_chosen(quiet_after(40)) < 0.05
    assert share_chosen(quiet_after(14, recent=MU0 + 1)) > share_chosen(quiet_after(14, recent=MU0 - 1))


def test_with_little_known_everybody_comes_due_at_the_latest_date() -> None:
    volume = Volume(20.0, None, VolumeState())

    volume.learn(UNKNOWN, MU0)

    assert volume.days(customer_with(visits=4, log_usual=MU0)) == pytest.approx(LATEST * exp(MU0))


STEP = log(40.0 / 0.02) / 60
FALLING = [1.0 - 0.95 * n / 60 for n in range(61)]
"""A curve whose survival falls by as much in each bin."""


def bases_at(survival: float) -> float:
    return 0.02 * exp(STEP * (1.0 - survival) / 0.95 * 60)


@pytest.mark.parametrize("share", [0.999, 0.7, 0.25, 0.0501])
def test_the_bases_after_which_a_share_is_still_open_are_read_between_the_bins(share: float) -> None:
    tolerances = Tolerances([], 1.0, [1.0, 2.0, 3.0, 4.0], [FALLING] * 4)

    assert tolerances.bases_open(share, inf) == pytest.approx(bases_at(share), rel=1e-6)
    assert tolerances.share_open(bases_at(share), inf) == pytest.approx(share)
    assert tolerances.bases_open(0.04, inf) == inf


def test_classes_of_visits_count_by_their_silences_and_the_latest_date_is_that_of_usual_gaps() -> None:
    at_once, never = [0.0] * 61, [1.0] * 61
    tolerances = Tolerances([], 1.0, [6.0, 0.0, 0.0, 2.0], [at_once, never, never, FALLING])
    loyal = 4.0**0.3  # bases are so many usual gaps at 40 visits

    assert tolerances.share_open(100.0, 3.0 * loyal) == pytest.approx(
        0.25 * (1.0 - 0.95 * log(3.0 / 0.02) / log(2000.0))
    )
    assert tolerances.share_open(2.0, 1e9) == pytest.approx(0.25 * (1.0 - 0.95 * log(2.0 / 0.02) / log(2000.0)))
    assert tolerances.bases_open(0.01, 3.0 * loyal) == inf  # more are open at the latest date


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("volume_per_100_visits", 0.0),
        ("volume_per_100_visits", 100.1),
        ("volume_per_day", 0.0),
        ("volume_per_day", inf),
    ],
)
def test_a_volume_that_is_none_is_refused(setting: str, value: float) -> None:
    with pytest.raises(ValueError, match=setting):
        OutreachPolicy(**{setting: value})  # type: ignore[arg-type]


def test_only_one_kind_of_volume_can_be_set() -> None:
    with pytest.raises(ValueError, match="not both"):
        OutreachPolicy(volume_per_100_visits=5.0, volume_per_day=5.0)


def test_the_backtest_tells_who_was_passed_over_and_when_they_came_back(tmp_path: Path) -> None:
    file = tmp_path / "log.csv"
    rows = [event for event in cafe_log() if isinstance(event, Purchase) and not event.refund]
    days: dict[str, list[str]] = {}
    with file.open("w", encoding="utf-8") as stream:
        stream.write("customer_id,timestamp,amount\n")
        for event in rows:
            when = to_datetime(event.at_us).isoformat()
            stream.write(f"{event.customer_id},{when},1\n")
            days.setdefault(event.customer_id, []).append(when)
    settings = Settings().changed(outreach={"consent": "external"})

    backtest_files(settings, [file], [], tmp_path / "out", Console(quiet=True), partitions=1, levels={}, volume=2.0)

    with (tmp_path / "out" / "alerts.csv").open(encoding="utf-8") as stream:
        alerts = list(csv.DictReader(stream))
    suppressed = [alert for alert in alerts if (alert["decision"], alert["reason"]) == ("suppressed", "volume")]
    assert len(suppressed) > len(alerts) / 2
    for alert in alerts:
        later = [day for day in days[alert["customer_id"]] if day[:10] > alert["quiet_since"][:10]]
        assert alert["returned_at"] == (later[0] if later else "")


def test_a_volume_beyond_its_bounds_is_named_as_the_option(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"--volume: volume_per_100_visits must lie in \(0, 100\]"):
        backtest_files(Settings(), [], [], tmp_path, Console(quiet=True), partitions=1, levels={}, volume=0.0)
