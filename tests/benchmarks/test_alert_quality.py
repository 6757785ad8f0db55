"""How good the alerts are on real logs: beside the rules of the study and simple ones at as many alerts, and against
what was promised.

The second half of each log is judged with what was learned in the first; the promises also with learning that goes on,
as the worker's does. Reads every purchase log of the directory named by CHURN_ALERT_TEST_LOGS, and a year of real
grocery baskets from the package of the demo. Definitions: service/backtest/absences.py and
service/backtest/wrong_alerts.py. Logs with fewer than `FEWEST_COMPARED` compared absences are shown and not averaged.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from math import inf
from pathlib import Path
from statistics import mean

import pytest

from service.backtest.absences import Absences, absences_of
from service.backtest.baselines import Baseline, at_count, baseline_results
from service.backtest.comparison import Performance, RuleComparison
from service.backtest.run import Result, backtest
from service.backtest.wrong_alerts import WrongAlerts, wrong_alerts_of
from service.config import Settings
from service.demo import baskets
from service.domain.calendar import Calendar, to_date
from service.errors import ConfigurationError
from service.history import open_history
from tests.support.baseline_rules import newest_first, reference_bases
from tests.support.real_logs import real_logs

VOLUMES = (2.0, 3.0, 5.0, 7.0, 10.0, 15.0, 20.0)
"""Alerts per 100 visits of regulars."""
AMPLE = 10.0
"""From here on the product is held to the needless share of the best simple rule."""
BUDGETS = (0.5, 1.0, 2.0)
PROBABILITIES = (0.02, 0.05, 0.10)
FEWEST_COMPARED = 300
FEWEST_REGULARS = 200
VOLUME_KEPT, PROMISE_KEPT = 0.10, 0.20
AT_MOST = 1.5
"""Of what may be missed of a promise before the test fails; beyond the bar itself it is printed."""
PRODUCT, REFERENCE, NEWEST = "product", "reference", "newest first"
PROTOTYPES = (REFERENCE, NEWEST)
STOPPED, GOES_ON = "stopped", "goes on"
SIMPLE = tuple(str(name) for name in Baseline)

pytestmark = [pytest.mark.benchmark, pytest.mark.timeout(3600)]


@dataclass
class Log:
    name: str
    file: Path
    shop: dict[str, object]


@dataclass(frozen=True)
class Line:
    """One rule at one volume on one log. Shares in per cent."""

    volume: float
    rule: str
    tally: Performance
    captured: tuple[float, float]

    @property
    def needless(self) -> float:
        return 100.0 * (self.tally.needless_share or 0.0)


@dataclass(frozen=True)
class Promise:
    """One budget or probability on one log: the level, and what was realised by class of evidence and in all."""

    measure: str
    level: float
    learning: str
    """Whether what was learned in the first half was left as it was for the second."""
    kept: Sequence[WrongAlerts]

    def realised(self, kept: WrongAlerts) -> float | None:
        return kept.rate if self.measure == "budget" else kept.share

    def off(self) -> float:
        """Part of the promise by which it was missed."""
        return abs((self.realised(self.kept[-1]) or 0.0) / self.level - 1.0)

    def told(self) -> str:
        return f"{self.measure} {self.level:g} → {self.realised(self.kept[-1]) or 0.0:.3f}, learning {self.learning}"


@dataclass
class Found:
    name: str
    compared: int = 0
    regulars: int = 0
    lines: list[Line] = field(default_factory=list)
    volumes: dict[float, float] = field(default_factory=dict)
    """Promised → realised."""
    promises: list[Promise] = field(default_factory=list)

    @property
    def counts(self) -> bool:
        return self.compared >= FEWEST_COMPARED

    def line(self, volume: float, rule: str) -> Line:
        return next(line for line in self.lines if line.volume == volume and line.rule == rule)

    def best(self, volume: float, rules: Sequence[str]) -> Line:
        """The one that captures most up to four usual gaps."""
        return max((self.line(volume, rule) for rule in rules), key=lambda line: line.captured[0])


def logs(directory: Path) -> Iterator[Log]:
    for path in real_logs():
        yield Log(path.name.removesuffix(".csv.gz"), path, {})
    try:
        file, _ = baskets.as_history_files(directory, surveys=False)
    except ConfigurationError as error:
        print(f"\nComplete Journey left out: {error}")
        return
    yield Log("complete_journey", file, {"timezone": baskets.ZONE.key, "currency": baskets.CURRENCY})


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> list[Found]:
    """Everything measured, printed log by log as it is found."""
    measured = [measure(log) for log in logs(tmp_path_factory.mktemp("baskets"))]
    if not measured:
        pytest.skip("no logs: CHURN_ALERT_TEST_LOGS names no directory, and the demo's data is not installed")
    summary([each for each in measured if each.counts])
    return measured


def measure(log: Log) -> Found:
    began, result = time.perf_counter(), Found(log.name)
    shop = Settings().changed(shop=log.shop).shop
    history = open_history([log.file], calendar=Calendar(shop.zone), minor_digits=shop.minor_digits)
    calendar = Calendar(shop.zone)
    half = to_date((calendar.day_of(history.first_us) + calendar.day_of(history.last_us)) // 2)
    for volume in VOLUMES:
        run, absences = outcome(log, half, volume_per_100_visits=volume)
        comparison = RuleComparison(absences)
        result.compared = len(comparison.rows)
        result.regulars = len(run.visits.evaluated)
        result.volumes[volume] = 100.0 * absences.given / max(1, len(absences))
        result.lines += [
            Line(volume, rule, tally, captured(comparison, tally)) for rule, tally in beside(run, comparison, volume)
        ]
    for measure_, levels in (("budget", BUDGETS), ("probability", PROBABILITIES)):
        for level in levels:
            for learning, until in ((STOPPED, half), (GOES_ON, None)):
                _, absences = outcome(log, until, measure=measure_, level=level)
                result.promises.append(Promise(measure_, level, learning, wrong_alerts_of(absences)))
    show(result, time.perf_counter() - began)
    return result


def outcome(log: Log, half: date | None, **outreach: object) -> tuple[Result, Absences]:
    settings = Settings().changed(shop=log.shop, outreach={"consent": "external", **outreach})
    result = backtest(settings, [log.file], learn_until=half)
    assert result.visits.halvings == 0, "a log so long that only a part of its customers is judged"
    return result, absences_of(result.visits, result.alerts, Calendar(settings.shop.zone))


def captured(comparison: RuleComparison, tally: Performance) -> tuple[float, float]:
    most = [max(each, 1e-9) for each in comparison.capturable]
    return 100.0 * tally.captured_4 / most[0], 100.0 * tally.captured_8 / most[1]


def beside(run: Result, comparison: RuleComparison, volume: float) -> Iterator[tuple[str, Performance]]:
    """The product's alerts, and those of every other rule at as many of them."""
    policy = comparison.policy()
    alerts = round(policy.alerts)
    yield PRODUCT, policy
    visits, half_us = run.visits.visits, run.visits.evaluate_from_us
    silences = [
        (customer, at)
        for customer in run.visits.evaluated
        for at in visits[customer][len(visits[customer]) - judged(run, customer) :]
    ]
    bases = reference_bases(visits, half_us)
    units = [bases[silences[row]] for row in comparison.rows]
    reached = [comparison.absences.gap[row] / unit for row, unit in zip(comparison.rows, units, strict=True)]
    yield (
        REFERENCE,
        at_count(reached, lambda c: comparison.performance([max(0.0, c) * unit for unit in units]), alerts)[1],
    )

    def chosen(per_100: float) -> Performance:
        delays = newest_first(visits, per_100, half_us)
        return comparison.performance([delays.get(silences[row], inf) for row in comparison.rows])

    yield NEWEST, at_volume(chosen, volume, alerts)
    for baseline in baseline_results(comparison, alerts):
        yield str(baseline.name), baseline.performance


def judged(run: Result, customer: str) -> int:
    """How many of the customer's visits, the last ones, begin a judged absence."""
    return sum(
        at >= run.visits.evaluate_from_us and number >= run.settings.shop.regular_min_visits
        for number, at in enumerate(run.visits.visits[customer], 1)
    )


def at_volume(chosen: Callable[[float], Performance], volume: float, alerts: int) -> Performance:
    """The volume is moved until the rule gives as many alerts; the two nearest numbers of alerts found are mixed."""
    low, high = Performance(), None
    low_volume, high_volume = 0.0, inf
    for _ in range(6):
        tally = chosen(volume)
        if tally.alerts == alerts:
            return tally
        if tally.alerts < alerts:
            low, low_volume = tally, volume
            guess = volume * max(1.1, min(2.0, alerts / max(1.0, tally.alerts)))
            volume = min(100.0, guess if guess < high_volume else (low_volume + high_volume) / 2.0)
        else:
            high, high_volume = tally, volume
            guess = volume * min(0.9, alerts / tally.alerts)
            volume = guess if guess > low_volume else (low_volume + high_volume) / 2.0
        if high is not None and high.alerts - low.alerts <= 0.05 * alerts:
            break
    if high is None:
        return low
    return high.mixed(low, (alerts - low.alerts) / (high.alerts - low.alerts))


def show(found: Found, seconds: float) -> None:
    few = "" if found.counts else "; too few to be averaged"
    print(f"\n{found.name}: {found.regulars:,} regulars, {found.compared:,} compared absences{few}; {seconds:.0f} s")
    print("  volume realised  rule           alerts  captured to 4 u   to 8 u  needless  too late  lead days")
    for line in found.lines:
        tally, realised = line.tally, f"{found.volumes[line.volume]:.2f}" if line.rule == PRODUCT else ""
        print(
            f"  {line.volume:>6g} {realised:>8}  {line.rule:<13} {tally.alerts:>7.0f} {line.captured[0]:>16.1f} {line.captured[1]:>8.1f}"
            f" {line.needless:>9.1f} {100.0 * (tally.late_share or 0.0):>9.1f} {tally.mean_lead_days or 0.0:>10.1f}"
        )
    print("  promised            learning  realised, by visits: up to 6   7 to 12   13 or more   all")
    for promise in found.promises:
        realised_ = [promise.realised(kept) for kept in promise.kept]
        told = "".join(f"{'–' if value is None else f'{value:.3f}':>11}" for value in realised_)
        enough = "" if promise.kept[-1].enough else "  (few)"
        print(
            f"  {promise.measure:<12} {promise.level:>5g}  {promise.learning:<9}{told}   {promise.kept[-1].wrong:,} wrong{enough}"
        )


def summary(found: Sequence[Found]) -> None:
    """Means over the logs that count."""
    if not found:
        return
    print(f"\nmean of {len(found)} logs ({', '.join(each.name for each in found)}); baseline − product in points")
    print(
        "  volume  product: captured to 4 u, to 8 u, needless"
        + "".join(f"{rule:>16}" for rule in (*PROTOTYPES, *SIMPLE))
    )
    for volume in VOLUMES:
        mine = [each.line(volume, PRODUCT) for each in found]
        print(
            f"  {volume:>6g} {mean(m.captured[0] for m in mine):>22.1f} {mean(m.captured[1] for m in mine):>7.1f} {mean(m.needless for m in mine):>8.1f} "
            + "".join(
                f"{mean(each.line(volume, rule).captured[0] - m.captured[0] for each, m in zip(found, mine, strict=True)):>+16.1f}"
                for rule in (*PROTOTYPES, *SIMPLE)
            )
        )


def bar(name: str, missed: Sequence[str]) -> None:
    """Says plainly whether a bar holds."""
    print(f"\n{'HOLDS ' if not missed else 'MISSED'} {name}" + "".join(f"\n         {each}" for each in missed))


def averaged(found: Sequence[Found]) -> list[Found]:
    counted = [each for each in found if each.counts]
    if not counted:
        pytest.skip("no log with enough absences to compare rules on")
    return counted


def ahead(found: Found, volume: float) -> float:
    """Points captured more than the better of the two prototypes."""
    return found.line(volume, PRODUCT).captured[0] - found.best(volume, PROTOTYPES).captured[0]


def test_on_the_mean_over_volumes_more_is_captured_than_by_the_better_prototype(found: list[Found]) -> None:
    gains = {each.name: mean(ahead(each, volume) for volume in VOLUMES) for each in averaged(found)}
    bar(
        "captured: above the better prototype on the mean over volumes, on every log",
        [f"{name}: {gain:+.2f} points" for name, gain in gains.items() if gain <= 0.0],
    )
    print(", ".join(f"{name} {gain:+.2f}" for name, gain in gains.items()))
    assert min(gains.values()) > 0.0


def test_at_every_volume_at_least_as_much_is_captured_as_by_the_better_prototype_on_the_mean_of_the_logs(
    found: list[Found],
) -> None:
    counted = averaged(found)
    missed = [
        f"{each.name} at {volume:g}: {ahead(each, volume):+.2f} points"
        for each in counted
        for volume in VOLUMES
        if ahead(each, volume) < 0.0
    ]
    bar("captured: at least the better prototype at every volume on every log", missed)
    for volume in VOLUMES:
        assert mean(ahead(each, volume) for each in counted) >= 0.0


def test_at_every_volume_more_is_captured_than_by_any_simple_rule(found: list[Found]) -> None:
    missed = [
        f"{each.name} at {volume:g}"
        for each in averaged(found)
        for volume in VOLUMES
        if each.line(volume, PRODUCT).captured[0] <= each.best(volume, SIMPLE).captured[0]
    ]
    bar("captured: above every simple rule at every volume on every log", missed)
    assert not missed


def test_with_ample_volume_no_more_is_needless_than_where_the_newest_come_first(found: list[Found]) -> None:
    counted = averaged(found)
    over = {
        (each.name, volume): each.line(volume, PRODUCT).needless - each.best(volume, SIMPLE).needless
        for each in counted
        for volume in VOLUMES
        if volume >= AMPLE
    }
    bar(
        "needless: no more than the best simple rule from 10 per 100 visits on, on every log",
        [f"{name} at {volume:g}: {points:+.1f} points" for (name, volume), points in over.items() if points > 0.0],
    )
    for volume in VOLUMES:
        if volume >= AMPLE:
            newest = mean(each.line(volume, NEWEST).needless for each in counted)
            assert mean(each.line(volume, PRODUCT).needless for each in counted) <= newest


def test_the_volume_is_kept(found: list[Found]) -> None:
    off = {
        f"{each.name}: {promised:g} → {realised:.2f}": abs(realised / promised - 1.0)
        for each in averaged(found)
        for promised, realised in each.volumes.items()
    }
    bar("volume: realised within a tenth of promised", [told for told, by in off.items() if by > VOLUME_KEPT])
    assert max(off.values()) <= AT_MOST * VOLUME_KEPT


@pytest.mark.parametrize(("learning", "at_most"), [(GOES_ON, 1.0), (STOPPED, AT_MOST)])
def test_budgets_and_probabilities_are_kept(found: list[Found], learning: str, at_most: float) -> None:
    """Within the bar itself where learning goes on; what was learned once and left so drifts behind a shop that
    changes."""
    off = {
        f"{each.name}: {promise.told()}": promise.off()
        for each in averaged(found)
        for promise in each.promises
        if each.regulars >= FEWEST_REGULARS and promise.learning == learning
    }
    bar(
        f"promises: realised within a fifth of promised, on logs with at least 200 regulars; learning {learning}",
        [told for told, by in off.items() if by > PROMISE_KEPT],
    )
    assert max(off.values(), default=0.0) <= at_most * PROMISE_KEPT
