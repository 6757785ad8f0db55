"""What alerts are worth, on absences small enough to count by hand."""

from __future__ import annotations

from collections.abc import Callable
from math import inf, log

import pytest

from service.backtest.alert_log import AlertLog
from service.backtest.baselines import at_count, rivals
from service.backtest.calibration import RiskCheck
from service.backtest.evaluation import Absences, Court, Realised, absences_of
from service.backtest.playback import rerun
from service.backtest.visit_log import BUDGETS, PER_ABSENCE, VisitLog
from service.domain.cadence import base_days
from service.domain.calendar import DAY_US, Calendar
from service.domain.engine import Engine
from service.domain.events import Event
from service.domain.learning.churn_model import ChurnModel
from service.domain.policy import OutreachPolicy, Policy, Shop
from tests.support.engines import OPEN_HOUSE, START_US, UNDISTURBED, at, make_engine, purchase, weekly

SPAN = 1000.0


def table(
    *rows: tuple[float, bool, float], usual: float = 10.0, span: float = SPAN, whole_days: bool = False
) -> Absences:
    """Absences of (gap, returned, alert after so many days); they begin with the span."""
    made = Absences(span=span, share=1.0, whole_days=whole_days)
    for gap, returned, alerted in rows:
        made.visits.append(5)
        made.gap.append(gap)
        made.returned.append(returned)
        made.left.append(span)
        made.usual.append(usual)
        made.mean.append(usual)
        made.median.append(usual)
        made.recency.append(4 * usual)
        made.base.append(usual)
        made.alerted.append(alerted)
        for column in made.tolerated:
            column.append(inf)
        made.models.append(ChurnModel())
    return made


def weighted(days: float) -> float:
    """Days up to here, weighted against the end of the log."""
    return -log(1.0 - days / SPAN) * SPAN


def test_of_an_absence_the_visits_after_the_alert_up_to_four_usual_gaps_are_captured() -> None:
    court = Court(table((100.0, True, 25.0)))

    found = court.policy()

    assert court.capturable == [
        pytest.approx((weighted(40) - weighted(10)) / 10),
        pytest.approx((weighted(80) - weighted(10)) / 10),
    ]
    assert found.captured_4 == pytest.approx((weighted(40) - weighted(25)) / 10)
    assert found.captured_8 == pytest.approx((weighted(80) - weighted(25)) / 10)
    assert found.captured_4 == pytest.approx(1.5, rel=0.04)  # 25 to 40 days: one and a half visits
    assert found.lead_days == 15.0


def test_an_alert_before_the_first_missed_visit_captures_no_more_than_all() -> None:
    court = Court(table((100.0, True, 5.0)))

    assert court.policy().captured_4 == pytest.approx(court.capturable[0])


def test_a_return_ends_what_can_be_captured() -> None:
    court = Court(table((30.0, True, 20.0), (8.0, True, inf)))

    assert court.policy().captured_4 == pytest.approx((weighted(30) - weighted(20)) / 10)
    assert court.capturable[0] == pytest.approx((weighted(30) - weighted(10)) / 10)


def test_an_alert_is_needless_if_the_customer_is_back_within_one_usual_gap() -> None:
    found = Court(table((24.0, True, 15.0), (25.5, True, 15.0), (300.0, False, 15.0))).policy()

    assert (found.alerts, found.known, found.needless) == (3, 3, 1)
    assert found.needless_share == pytest.approx(1 / 3)


def test_of_an_alert_just_before_the_end_of_the_log_it_is_not_known_whether_it_was_needless() -> None:
    absences = table((20.0, False, 15.0))
    absences.left[0] = 20.0

    found = Court(absences).policy()

    assert (found.alerts, found.known, found.needless) == (1, 0, 0)
    assert found.needless_share is None


def test_an_alert_after_four_usual_gaps_is_too_late() -> None:
    found = Court(table((100.0, False, 40.0), (100.0, False, 39.0))).policy()

    assert (found.alerts, found.late) == (2, 1)
    assert found.late_share == 0.5
    assert found.lead_days == 1.0


def test_an_alert_on_or_after_the_return_is_none() -> None:
    assert Court(table((20.0, True, 20.0), (20.0, True, inf))).policy() == Realised()


def test_where_the_log_knows_days_only_an_alert_counts_at_noon() -> None:
    found = Court(table((60.0, True, 25.0), whole_days=True)).policy()

    assert found.captured_4 == pytest.approx((weighted(40) - weighted(25.5)) / 10)


def test_absences_too_long_for_the_log_are_not_compared() -> None:
    court = Court(table((100.0, True, 25.0), usual=SPAN / 5 + 1))

    assert court.rows == []
    assert court.policy() == Realised()
    assert court.capturable == [0.0, 0.0]


def test_two_tallies_are_mixed_number_by_number() -> None:
    found = Realised(4, 2.0, 3.0, 1, 4, 0, 8.0).mixed(Realised(8, 4.0, 5.0, 5, 8, 4, 0.0), 0.25)

    assert found == Realised(7, 3.5, 4.5, 4, 7, 3, 2.0)


def counting(reached: list[float]) -> tuple[list[float], Callable[[float], Realised]]:
    """A tally that only counts, and the thresholds it was asked for."""
    asked: list[float] = []

    def tally(level: float) -> Realised:
        asked.append(level)
        return Realised(alerts=sum(one > level for one in reached), lead_days=level)

    return asked, tally


@pytest.mark.parametrize(("alerts", "threshold"), [(1, 5.0), (2, 3.0), (4, 1.0), (5, 0.0)])
def test_a_threshold_gives_the_number_of_alerts_wanted_as_early_as_it_can(alerts: int, threshold: float) -> None:
    reached = [3.0, 9.0, 1.0, 3.0, 5.0]
    _, tally = counting(reached)

    found, counted = at_count(reached, tally, alerts)

    assert (found, counted.alerts) == (threshold, alerts)


def test_where_a_tie_leaves_no_such_threshold_the_neighbours_are_mixed() -> None:
    reached = [3.0, 9.0, 1.0, 3.0, 5.0]
    asked, tally = counting(reached)

    threshold, found = at_count(reached, tally, 3)

    assert sorted(asked) == [1.0, 3.0]  # four alerts, or two
    assert found.alerts == 3.0
    assert threshold == 2.0
    assert found.lead_days == 2.0


def test_no_alerts_need_no_threshold() -> None:
    asked, tally = counting([1.0])

    assert at_count([1.0], tally, 0) == (inf, Realised())
    assert at_count([], tally, 3) == (inf, Realised())
    assert asked == []


def test_every_rival_gives_as_many_alerts_as_it_is_granted() -> None:
    court = Court(table(*[(5.0 + 3 * n, n % 3 > 0, inf) for n in range(40)]))

    for alerts in (1, 7, 20):
        assert [rival.tally.alerts for rival in rivals(court, alerts)] == [pytest.approx(alerts)] * 4


def logged(
    events: list[Event], end: float, judge_from: float | None = None, outreach: OutreachPolicy = OPEN_HOUSE
) -> tuple[VisitLog, Engine, AlertLog]:
    """As a backtest writes it down."""
    engine = make_engine(outreach)
    policy = Policy(shop=Shop(), timing=UNDISTURBED, outreach=outreach)
    log = VisitLog(engine.calendar, policy, START_US, at(end), None if judge_from is None else at(judge_from))
    alerts = AlertLog(engine.calendar)
    check = RiskCheck(engine.calendar, START_US, at(end), Shop().regular_min_visits)
    rerun(events, [engine], alerts, check, log, lambda _: None)
    return log, engine, alerts


def test_visits_are_written_down_once_a_day_and_judged_from_the_middle_of_the_log_on() -> None:
    twice = purchase("anna", 28.75)
    log, engine, _ = logged([*weekly("anna", 5), twice, *weekly("anna", 6)[5:]], 60)

    assert log.judge_from_us == at(30)
    assert [*log.visits["anna"]] == [at(0.5 + 7 * n) for n in range(6)]
    assert len(log.judged["anna"]) == PER_ABSENCE  # the sixth visit, on day 35.5
    assert log.judged["anna"][0] == pytest.approx(engine_base(engine, "anna"), rel=1e-6)
    assert [*log.judged["anna"][1:]] == sorted(log.judged["anna"][1:], reverse=True)  # a higher budget waits less long


def engine_base(engine: Engine, customer_id: str) -> float:
    return base_days(engine.customers[customer_id])


def test_refunds_and_visits_of_who_is_no_regular_are_not_judged() -> None:
    log, _, _ = logged([*weekly("anna", 3, 40.5), purchase("anna", 58, refund=True)], 60)

    assert len(log.visits["anna"]) == 3
    assert log.judged == {}


def test_the_day_asked_for_decides_from_when_on_is_judged_unless_the_log_does_not_hold_it() -> None:
    assert logged([], 60, 12)[0].judge_from_us == at(12)
    assert logged([], 60, 90)[0].judge_from_us == at(30)


def test_a_large_log_keeps_a_part_of_the_customers_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    events = sorted(
        (event for n in range(40) for event in weekly(f"c{n}", 6)), key=lambda event: (event.at_us, event.customer_id)
    )
    monkeypatch.setattr("service.backtest.visit_log.MOST_VISITS", 100)

    log, _, _ = logged(events, 60)

    assert log.level > 0
    assert 0 < sum(map(len, log.visits.values())) <= 100
    assert {len(times) for times in log.visits.values()} == {6}
    assert log.judged.keys() <= log.visits.keys()


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
