"""Which budget is proposed."""

from __future__ import annotations

from service.backtest.budgets import Proposal, TriedBudget, proposal
from service.backtest.comparison import Performance


def tried(budget: float, needless: int, ahead: float, known: int = 100) -> TriedBudget:
    """With `ahead` visits still ahead per alert."""
    performance = Performance(alerts=known, captured_4=ahead * known, needless=needless, known=known)
    return TriedBudget(performance, 1.0, 0.5, budget)


def test_the_budget_whose_alerts_leave_most_visits_to_win_back_is_proposed() -> None:
    budgets = [tried(0.5, 20, 1.0), tried(1.0, 30, 2.0), tried(2.0, 40, 1.5)]

    assert proposal(budgets) == Proposal(budgets[1], within=True)


def test_of_budgets_that_are_nearly_equal_the_highest_is_proposed() -> None:
    budgets = [tried(0.5, 20, 2.0), tried(1.0, 30, 1.9), tried(2.0, 40, 1.89)]

    assert proposal(budgets) == Proposal(budgets[1], within=True)


def test_a_budget_with_most_alerts_needless_is_not_proposed_whatever_it_catches() -> None:
    budgets = [tried(0.5, 20, 1.0), tried(1.0, 50, 2.0), tried(2.0, 51, 9.0)]

    assert proposal(budgets) == Proposal(budgets[1], within=True)


def test_where_every_budget_has_more_the_lowest_is_proposed_and_that_is_said() -> None:
    budgets = [tried(0.5, 60, 1.0), tried(1.0, 70, 2.0)]

    assert proposal(budgets) == Proposal(budgets[0], within=False)


def test_budgets_with_a_handful_of_alerts_are_not_proposed() -> None:
    budgets = [tried(0.5, 0, 9.0, known=19), tried(1.0, 30, 1.0)]

    assert proposal(budgets) == Proposal(budgets[1], within=True)
    assert proposal(budgets[:1]) is None
    assert proposal([]) is None


def test_a_needless_one_is_not_proposed_as_the_lowest_where_the_lower_ones_are_not_known() -> None:
    budgets = [tried(0.5, 5, 2.0, known=9), tried(1.0, 74, 0.9)]

    assert proposal(budgets) is None
