"""What is written down of the visits while a log is played back, and the absences that are made of it."""

from __future__ import annotations

from math import inf

import pytest

from service.backtest.absences import absences_of
from service.backtest.alert_log import AlertLog
from service.backtest.calibration import RiskCheck
from service.backtest.day_hours import DayHours
from service.backtest.playback import play_back
from service.backtest.visit_log import BUDGETS, VisitLog
from service.domain.cadence import base_days
from service.domain.calendar import DAY_US, Calendar
from service.domain.engine import Engine
from service.domain.events import Event
from service.domain.policy import OutreachPolicy, Policy, Shop
from tests.support.engines import OPEN_HOUSE, START_US, UNDISTURBED, at, make_engine, purchase, weekly


def logged(
    events: list[Event], end: float, evaluate_from: float | None = None, outreach: OutreachPolicy = OPEN_HOUSE
) -> tuple[VisitLog, Engine, AlertLog]:
    """As a backtest writes it down."""
    engine = make_engine(outreach)
    policy = Policy(shop=Shop(), timing=UNDISTURBED, outreach=outreach)
    log = VisitLog(engine.calendar, policy, START_US, at(end), None if evaluate_from is None else at(evaluate_from))
    alerts = AlertLog(engine.calendar)
    check = RiskCheck(engine.calendar, START_US, at(end), Shop().regular_min_visits)
    play_back(events, [engine], alerts, check, log, DayHours(engine.calendar), lambda _: None)
    return log, engine, alerts


def test_visits_are_written_down_once_a_day_and_evaluated_from_the_middle_of_the_log_on() -> None:
    twice = purchase("anna", 28.75)
    log, engine, _ = logged([*weekly("anna", 5), twice, *weekly("anna", 6)[5:]], 60)

    assert log.evaluate_from_us == at(30)
    assert [*log.visits["anna"]] == [at(0.5 + 7 * n) for n in range(6)]
    known = log.evaluated["anna"]
    assert len(known) == 1  # the sixth visit, on day 35.5
    assert known.base_days() == [pytest.approx(engine_base(engine, "anna"), rel=1e-6)]
    tolerated = [known.tolerated_days(budget)[0] for budget in range(len(BUDGETS))]
    assert tolerated[0] > tolerated[-1]
    assert tolerated == sorted(tolerated, reverse=True)  # a higher budget waits less long


def engine_base(engine: Engine, customer_id: str) -> float:
    return base_days(engine.customers[customer_id])


def test_refunds_and_visits_of_who_is_no_regular_are_not_evaluated() -> None:
    log, _, _ = logged([*weekly("anna", 3, 40.5), purchase("anna", 58, refund=True)], 60)

    assert len(log.visits["anna"]) == 3
    assert log.evaluated == {}


def test_the_day_asked_for_decides_from_when_on_is_evaluated_unless_the_log_does_not_hold_it() -> None:
    assert logged([], 60, 12)[0].evaluate_from_us == at(12)
    assert logged([], 60, 90)[0].evaluate_from_us == at(30)


def test_of_a_large_log_a_sample_of_the_customers_is_followed_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    events = sorted(
        (event for n in range(40) for event in weekly(f"c{n}", 6)), key=lambda event: (event.at_us, event.customer_id)
    )
    monkeypatch.setattr("service.backtest.visit_log.MOST_VISITS", 100)

    log, _, _ = logged(events, 60)

    assert log.halvings > 0
    assert 0 < sum(map(len, log.visits.values())) <= 100
    assert {len(times) for times in log.visits.values()} == {6}
    assert log.evaluated.keys() <= log.visits.keys()


def test_the_usual_gap_is_told_from_the_other_gaps_and_two_of_everybody() -> None:
    days = [0.5, 10.5, 20.5, 30.5, 40.5, 100.5, 110.5]
    log, _, _ = logged([purchase("anna", day) for day in days], 120, 40.25)

    found = absences_of(log, [], Calendar(make_engine().calendar.zone))

    assert [*found.gap] == pytest.approx([60.0, 10.0, 9.5 + 0.0], abs=1e-6)
    assert [*found.returned] == [1, 1, 0]
    # without its own 60 days the other gaps are 10 each; of the later two the 60 days count as three medians, 30
    others = [(50, 5), (10 * 4 + 30, 5), (10 * 5 + 30, 6)]
    everybody = (80 / 6 + 14) / 2  # of the fourth visit on: 14, 10, 14 and 80 / 6; the median of them
    assert [*found.usual] == pytest.approx([(total + 2 * everybody) / (count + 2) for total, count in others])
    assert [*found.mean] == pytest.approx([10.0, 20.0, 110 / 6])
    assert [*found.median] == pytest.approx([10.0, 10.0, 10.0])


def test_the_first_alert_of_each_absence_is_found_by_the_day_it_began() -> None:
    log, engine, found_alerts = logged([*weekly("anna", 8), purchase("clock", 100)], 100, 40)
    alerts = [*found_alerts]
    assert len(alerts) == 1

    found = absences_of(log, alerts, engine.calendar)

    delay = (alerts[0].decision.detected_us - at(49.5)) / DAY_US
    assert found.given == 1
    assert [*found.alerted] == [inf, pytest.approx(delay)]  # of the visits on days 42.5 and 49.5
    tried = BUDGETS.index(1.0)
    assert found.tolerated[tried][1] == pytest.approx(delay, rel=1e-5)
