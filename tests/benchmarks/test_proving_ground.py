"""How far the alerts are from the best that could be done, on generated shops whose truth is known: regret, mean and
worst, printed shop by shop.

A cell of each kind; `python -m tests.benchmarks.ground.proving all` walks the whole grid.
"""

from __future__ import annotations

from statistics import mean

import pytest

from tests.benchmarks.ground.proving import HEADING, SMALL, Proof, proved, summary

pytestmark = [pytest.mark.benchmark, pytest.mark.timeout(3600)]

AMPLE = (10.0, 15.0)


@pytest.fixture(scope="module")
def proofs() -> list[Proof]:
    print(f"\n{HEADING}")
    found: list[Proof] = []
    for cell in SMALL:
        for proof in proved(cell):
            print(proof.told())
            found.append(proof)
    print("\n".join(summary(found)))
    return found


def test_on_the_mean_more_is_captured_than_by_the_best_simple_rule_of_each_shop(proofs: list[Proof]) -> None:
    assert mean(each.gain for each in proofs) > 0.0


def test_where_regulars_are_like_clocks_the_simple_rules_are_no_better(proofs: list[Proof]) -> None:
    clocks = [each for each in proofs if each.clock_like and each.volume in AMPLE]

    assert mean(each.gain for each in clocks) > -1.0
    assert mean(each.needless - each.simple_needless for each in clocks) < 2.0


def test_without_a_setting_no_shop_is_much_worse_off_than_by_the_best_simple_rule(proofs: list[Proof]) -> None:
    assert min(each.gain for each in proofs if each.volume is None) > -3.0
