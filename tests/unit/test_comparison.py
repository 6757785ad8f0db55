"""What alerts are worth, and simple rules beside them, on absences few enough to count by hand."""

from __future__ import annotations

from collections.abc import Callable
from math import inf, log

import pytest

from service.backtest.absences import Absences
from service.backtest.baselines import at_count, baseline_results
from service.backtest.comparison import Performance, RuleComparison
from service.domain.learning.churn_model import ChurnModel

SPAN = 1000.0


def table(
    *rows: tuple[float, bool, float], usual: float = 10.0, span: float = SPAN, whole_days: bool = False
) -> Absences:
    """Absences of (gap, returned, alert after so many days); they begin with the span."""
    made = Absences(span=span, sampled_share=1.0, whole_days=whole_days)
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
    comparison = RuleComparison(table((100.0, True, 25.0)))

    found = comparison.policy()

    assert comparison.capturable.up_to_4 == pytest.approx((weighted(40) - weighted(10)) / 10)
    assert comparison.capturable.up_to_8 == pytest.approx((weighted(80) - weighted(10)) / 10)
    assert found.captured_4 == pytest.approx((weighted(40) - weighted(25)) / 10)
    assert found.captured_8 == pytest.approx((weighted(80) - weighted(25)) / 10)
    assert found.captured_4 == pytest.approx(1.5, rel=0.04)  # 25 to 40 days: one and a half visits
    assert found.lead_days == 15.0


def test_an_alert_before_the_first_missed_visit_captures_no_more_than_all() -> None:
    comparison = RuleComparison(table((100.0, True, 5.0)))

    assert comparison.policy().captured_4 == pytest.approx(comparison.capturable.up_to_4)


def test_a_return_ends_what_can_be_captured() -> None:
    comparison = RuleComparison(table((30.0, True, 20.0), (8.0, True, inf)))

    assert comparison.policy().captured_4 == pytest.approx((weighted(30) - weighted(20)) / 10)
    assert comparison.capturable.up_to_4 == pytest.approx((weighted(30) - weighted(10)) / 10)


def test_an_alert_is_needless_if_the_customer_is_back_within_one_usual_gap() -> None:
    found = RuleComparison(table((24.0, True, 15.0), (25.5, True, 15.0), (300.0, False, 15.0))).policy()

    assert (found.alerts, found.known, found.needless) == (3, 3, 1)
    assert found.needless_share == pytest.approx(1 / 3)


def test_of_an_alert_just_before_the_end_of_the_log_it_is_not_known_whether_it_was_needless() -> None:
    absences = table((20.0, False, 15.0))
    absences.left[0] = 20.0

    found = RuleComparison(absences).policy()

    assert (found.alerts, found.known, found.needless) == (1, 0, 0)
    assert found.needless_share is None


def test_an_alert_after_four_usual_gaps_is_too_late() -> None:
    found = RuleComparison(table((100.0, False, 40.0), (100.0, False, 39.0))).policy()

    assert (found.alerts, found.late) == (2, 1)
    assert found.late_share == 0.5
    assert found.lead_days == 1.0


def test_an_alert_on_or_after_the_return_is_none() -> None:
    assert RuleComparison(table((20.0, True, 20.0), (20.0, True, inf))).policy() == Performance()


def test_where_the_log_knows_days_only_an_alert_counts_at_noon() -> None:
    found = RuleComparison(table((60.0, True, 25.0), whole_days=True)).policy()

    assert found.captured_4 == pytest.approx((weighted(40) - weighted(25.5)) / 10)


def test_absences_too_long_for_the_log_are_not_compared() -> None:
    comparison = RuleComparison(table((100.0, True, 25.0), usual=SPAN / 5 + 1))

    assert comparison.rows == []
    assert comparison.policy() == Performance()
    assert comparison.capturable == (0.0, 0.0)


def test_two_performances_are_mixed_number_by_number() -> None:
    found = Performance(4, 2.0, 3.0, 1, 4, 0, 8.0).mixed(Performance(8, 4.0, 5.0, 5, 8, 4, 0.0), 0.25)

    assert found == Performance(7, 3.5, 4.5, 4, 7, 3, 2.0)


def counting(reached: list[float]) -> tuple[list[float], Callable[[float], Performance]]:
    """A rule whose performance is only a count, and the thresholds it was asked for."""
    asked: list[float] = []

    def performance(level: float) -> Performance:
        asked.append(level)
        return Performance(alerts=sum(one > level for one in reached), lead_days=level)

    return asked, performance


@pytest.mark.parametrize(("alerts", "threshold"), [(1, 5.0), (2, 3.0), (4, 1.0), (5, 0.0)])
def test_a_threshold_gives_the_number_of_alerts_wanted_as_early_as_it_can(alerts: int, threshold: float) -> None:
    reached = [3.0, 9.0, 1.0, 3.0, 5.0]
    _, performance = counting(reached)

    found, counted = at_count(reached, performance, alerts)

    assert (found, counted.alerts) == (threshold, alerts)


def test_where_a_tie_leaves_no_such_threshold_the_neighbours_are_mixed() -> None:
    reached = [3.0, 9.0, 1.0, 3.0, 5.0]
    asked, performance = counting(reached)

    threshold, found = at_count(reached, performance, 3)

    assert sorted(asked) == [1.0, 3.0]  # four alerts, or two
    assert found.alerts == 3.0
    assert threshold == 2.0
    assert found.lead_days == 2.0


def test_no_alerts_need_no_threshold() -> None:
    asked, performance = counting([1.0])

    assert at_count([1.0], performance, 0) == (inf, Performance())
    assert at_count([], performance, 3) == (inf, Performance())
    assert asked == []


def test_every_baseline_gives_as_many_alerts_as_it_is_granted() -> None:
    comparison = RuleComparison(table(*[(5.0 + 3 * n, n % 3 > 0, inf) for n in range(40)]))

    for alerts in (1, 7, 20):
        assert [baseline.performance.alerts for baseline in baseline_results(comparison, alerts)] == [
            pytest.approx(alerts)
        ] * 4
