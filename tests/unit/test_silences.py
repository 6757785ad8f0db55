"""How long healthy silences last: cells, Kaplan–Meier against a batch computation, the table and its inverse, the cold
start."""

from __future__ import annotations

from copy import copy
from functools import cache
from math import exp, log
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.domain.customer import Customer
from service.domain.learning.silences import (
    CELLS,
    GRID,
    SHARE_HIGH,
    SHARE_LOW,
    UNKNOWN,
    Row,
    Silences,
    Tolerances,
    _Counts,
    cell_of,
)
from tests.support.customers import customer_with
from tests.support.examples import examples

TODAY = 18_500
COLD = UNKNOWN


def regular(visits: int = 10, usual: float = 14.0, spread: float = 0.6, day: int = TODAY) -> Customer:
    """A customer whose usual gap at the reference's pace is `usual`, whose own spread of log gaps is `spread`."""
    weight = 8.0
    return customer_with(
        visits=visits,
        last_day=day,
        gap_weight=weight,
        gap_total=log(usual) * (2.0 + weight) - 2.0 * log(14.0),
        gap_square=spread**2 * (weight + 4.0) - 4.0 * 0.64,
        log_usual=log(usual),
    )


@cache
def learned(seed: int, gaps: int = 600, open_: int = 120, mu0: float = log(14.0)) -> tuple[Silences, Tolerances]:
    """Ten weeks of closed gaps of regulars of all kinds, and silences that are still open."""
    random = Random(seed)
    silences = Silences()
    found = None
    for week in range(10):
        for _ in range(gaps // 10):
            customer = regular(
                random.choice([4, 5, 8, 10, 20, 40]), random.choice([5.0, 14.0, 30.0]), random.uniform(0.4, 1.2)
            )
            base = exp(customer.log_usual) * (min(customer.visits, 40) / 10) ** 0.3
            silences.closed(customer, max(0.5, base * random.lognormvariate(-0.2, 0.7)), log(14.0))
        if week == 9:
            for _ in range(open_):
                silences.opened(regular(random.choice([4, 8, 20]), 14.0, 0.7, TODAY - random.randrange(200)))
        found = silences.refresh(TODAY, mu0)
    assert found is not None
    return silences, found


@pytest.mark.parametrize(
    ("visits", "spread", "cell"),
    [(4, 0.4, 0), (6, 0.6, 1), (7, 0.8, 7), (12, 0.9, 8), (13, 1.2, 14), (29, 0.5, 10), (30, 0.5, 15), (900, 3.0, 19)],
)
def test_regulars_fall_into_cells_by_visits_and_by_their_own_spread(visits: int, spread: float, cell: int) -> None:
    assert cell_of(regular(visits, spread=spread)) == cell


def test_few_gaps_of_ones_own_count_little_for_the_spread() -> None:
    steady = customer_with(visits=4, gap_weight=2.0, gap_square=0.0)
    proven = customer_with(visits=4, gap_weight=19.0, gap_square=0.0)

    assert cell_of(steady) == 1, "√(4 · 0.64 / 6) = 0.65"
    assert cell_of(proven) == 0


def test_a_multiple_is_where_the_curve_of_a_single_kind_of_customer_says() -> None:
    """One cell only, no open silences, weights alike: the share beyond c bases is counted by hand."""
    silences = Silences()
    customer = regular(10, 14.0, 0.6)
    gaps = [0.5 + 0.01 * i for i in range(400)]  # in bases, evenly up to 4.5; 14 days a base
    for r in gaps:
        silences.closed(customer, 14.0 * r, log(14.0))
    found = silences.refresh(TODAY, log(14.0))
    assert found is not None

    weights = [0.5 ** (14.0 * r / 90.0) for r in gaps]
    for share in (0.1, 0.2, 0.4):  # finer ones lie within the last bin, whose width is an eighth
        multiple = exp(found.log_multiple(cell_of(customer), log(share)))
        beyond = sum(w for r, w in zip(gaps, weights, strict=True) if r > multiple) / sum(weights)
        assert beyond == pytest.approx(share, abs=0.01)
    assert found.kappa == pytest.approx(sum(w * r for r, w in zip(gaps, weights, strict=True)) / sum(weights), rel=0.02)


def test_open_silences_make_the_tolerance_longer_than_closed_gaps_alone() -> None:
    def multiple(open_: int) -> float:
        silences = Silences()
        for i in range(300):
            silences.closed(regular(), 14.0 * (0.4 + 0.01 * i), log(14.0))
        for _ in range(open_):
            silences.opened(regular(day=TODAY - 28))
        found = silences.refresh(TODAY, log(14.0))
        assert found is not None
        return found.log_multiple(cell_of(regular()), log(0.1))

    assert multiple(150) > multiple(0) + 0.02


def test_every_cell_keeps_the_promised_share_by_itself() -> None:
    """Steady and erratic regulars, half each: one multiple for all would let nearly all of the 5 % fall on the
    erratic."""
    silences = Silences()
    random = Random(3)
    drawn: list[tuple[int, float]] = []
    for _ in range(6000):
        erratic = random.random() < 0.5
        customer = regular(10, 14.0, 1.2 if erratic else 0.4)
        r = min(5.9, random.lognormvariate(-0.3, 1.0 if erratic else 0.3))
        drawn.append((cell_of(customer), r))
        silences.closed(customer, max(0.5, 14.0 * r), log(14.0))
    found = silences.refresh(TODAY, log(14.0))
    assert found is not None

    def realised(cells: set[int]) -> float:
        mine = [
            (0.5 ** (14.0 * r / 90.0), r > exp(found.log_multiple(cell, log(0.05))))
            for cell, r in drawn
            if cell in cells
        ]
        return float(sum(w for w, beyond in mine if beyond) / sum(w for w, _ in mine))

    steady_cell, erratic_cell = cell_of(regular(10, 14.0, 0.4)), cell_of(regular(10, 14.0, 1.2))
    assert realised({steady_cell, erratic_cell}) == pytest.approx(0.05, abs=0.005)
    assert realised({steady_cell}) == pytest.approx(0.05, abs=0.01)
    assert realised({erratic_cell}) == pytest.approx(0.05, abs=0.01)


@settings(max_examples=examples(40), deadline=None)
@given(seed=st.integers(0, 5), cell=st.integers(0, CELLS - 1), share=st.floats(SHARE_LOW, SHARE_HIGH))
def test_the_tail_probability_inverts_the_multiple(seed: int, cell: int, share: float) -> None:
    _, found = learned(seed)
    r = exp(found.log_multiple(cell, log(share)))

    if r < 6.0:
        assert found.tail_probability(cell, r) == pytest.approx(share, rel=1e-6)


@settings(max_examples=examples(60), deadline=None)
@given(seed=st.integers(0, 5), cell=st.integers(0, CELLS - 1), r=st.floats(0.01, 7), further=st.floats(0, 3))
def test_the_tail_probability_falls_from_one_to_zero(seed: int, cell: int, r: float, further: float) -> None:
    _, found = learned(seed)

    assert found.tail_probability(cell, 0.0) == 1.0
    assert 0 <= found.tail_probability(cell, r + further) <= found.tail_probability(cell, r) <= 1
    assert found.tail_probability(cell, 6.0) == 0.0


def test_multiples_fall_as_the_share_grows() -> None:
    _, found = learned(1)

    for row in found.table:
        assert len(row) == GRID + 1
        assert row == sorted(row, reverse=True)


def test_a_cold_start_waits_four_bases_for_five_percent_and_three_for_ten() -> None:
    assert exp(COLD.log_multiple(0, log(0.05))) == pytest.approx(4)
    assert exp(COLD.log_multiple(7, log(0.10))) == pytest.approx(3)


@given(share=st.floats(0.0126, 0.34))
def test_a_cold_start_inverts_too(share: float) -> None:
    assert COLD.tail_probability(0, exp(COLD.log_multiple(0, log(share)))) == pytest.approx(share)


def test_under_thirty_closed_gaps_nothing_is_learned() -> None:
    silences = Silences()
    for _ in range(29):
        silences.closed(regular(), 0.5, log(14.0))

    assert silences.refresh(TODAY, log(14.0)) is None


def test_the_same_gaps_under_another_pace_of_the_shop_are_moved_with_it() -> None:
    """A base leans on the shop's pace: when it doubles, bases grow by the part that is the shop's, and multiples shrink
    by it."""
    _, before = learned(2)
    _, after = learned(2, mu0=log(28.0))

    pulled = 2.0 / (2.0 + 8.0)
    cell = cell_of(regular(10, 14.0, 0.7))
    moved = after.log_multiple(cell, log(0.1)) - before.log_multiple(cell, log(0.1))
    assert moved == pytest.approx(-pulled * log(2.0), abs=0.06)


@pytest.mark.parametrize(("pace", "half_life"), [(2.0, 105), (14.0, 105), (56.0, 420)])
def test_old_gaps_halve_in_105_days_or_in_seven_and_a_half_usual_gaps_of_a_slow_shop(
    pace: float, half_life: int
) -> None:
    silences = Silences()
    for _ in range(1000):
        silences.closed(regular(), 7.0, log(pace))
    before = sum(row.weight for row in silences.rows)
    assert before == pytest.approx(1000 * 0.5 ** (7 / half_life))

    for _ in range(half_life // 7):
        silences.refresh(TODAY, log(pace))

    assert sum(row.weight for row in silences.rows) == pytest.approx(before / 2)


def test_a_silence_that_is_gone_leaves_nothing_behind() -> None:
    silences = Silences()

    silences.opened(regular())
    silences.opened(regular())
    for _ in range(3):
        silences.taken_out(regular())

    assert silences._open == {}


# ---- what is stored


def read_back(written: dict[int, Row], parts: dict[tuple[int, int], tuple[object, ...]]) -> Silences:
    """What a restart makes of the newest records."""
    silences = Silences()
    for cell, row in written.items():
        silences.rows[cell] = Row.of(row.fields())
    silences.restore_parts([(cell, number, fields) for (cell, number), fields in parts.items()])
    return silences


@given(
    turns=st.lists(
        st.one_of(
            st.just("refresh"),
            st.lists(
                st.tuples(st.sampled_from([4, 8, 40]), st.floats(0.2, 1.3), st.floats(0.3, 400.0)),
                min_size=1,
                max_size=12,
            ),
        ),
        min_size=1,
        max_size=12,
    )
)
def test_rows_and_their_parts_are_read_back_to_the_last_bit_after_every_turn(
    turns: list[str | list[tuple[int, float, float]]],
) -> None:
    silences, rows, parts = Silences(), dict[int, Row](), dict[tuple[int, int], tuple[object, ...]]()

    for turn in turns:
        if isinstance(turn, str):
            silences.refresh(TODAY, log(14.0))
        else:
            for visits, spread, gap in turn:
                silences.closed(regular(visits, 14.0, spread), gap, log(14.0))
        for cell, part in silences.changed_parts():
            if part < 0:
                rows[cell] = Row.of([copy(field) for field in silences.rows[cell].fields()])
            else:
                parts[cell, part] = tuple(copy(field) for field in silences.rows[cell].part(part))

        revived = read_back(rows, parts)

        assert [row.fields() for row in revived.rows] == [row.fields() for row in silences.rows]


def test_a_visit_changes_one_part_and_a_refresh_whole_rows() -> None:
    silences = Silences()
    silences.closed(regular(), 9.0, log(14.0))
    silences.closed(regular(), 9.1, log(14.0))
    assert [cell for cell, part in silences.changed_parts() if part >= 0] == [cell_of(regular())]

    silences.refresh(TODAY, log(14.0))

    assert silences.changed_parts() == [(cell_of(regular()), -1)]
    assert silences.changed_parts() == []


# ---- messages


def shop(seed: int, *, withheld: float) -> Tolerances:
    """Loyal customers, who are hardly ever late, among others who often are; both are written to when nearly all of
    them would be back, but for the part from which messages are withheld. Some leave for good."""
    random, silences = Random(seed), Silences()
    for visits, spread, written_to_after, number in ((5, 0.6, 3.0, 4000), (40, 0.3, 1.4, 1200)):
        customer = regular(visits, spread=0.6)
        base = exp(customer.log_usual) * (visits / 10) ** 0.3
        for _ in range(number):
            gone, gap = random.random() < 0.06, 0.8 * random.lognormvariate(0.0, spread)
            silence = regular(visits, spread=0.6, day=TODAY - 100)
            if (gone or gap > written_to_after) and random.random() >= withheld:
                silences.cut(silence, written_to_after * base, log(14.0))
            elif gone:
                silences.opened(silence)
            else:
                silences.closed(silence, max(0.5, gap * base), log(14.0))
    found = silences.refresh(TODAY, log(14.0))
    assert found is not None
    return found


def test_what_messages_cut_does_not_make_a_kind_of_customer_more_like_everybody() -> None:
    loyal = cell_of(regular(40, spread=0.6))
    tail = log(0.02)

    whole = [shop(seed, withheld=1.0).log_multiple(loyal, tail) for seed in range(8)]
    cut = [shop(seed, withheld=0.1).log_multiple(loyal, tail) for seed in range(8)]

    others = shop(0, withheld=1.0).log_multiple(cell_of(regular(5, spread=0.6)), tail)
    assert others - sum(whole) / 8 > 0.5
    assert sum(cut) / 8 == pytest.approx(sum(whole) / 8, abs=0.03)


counts = st.lists(st.floats(0.0, 50.0), min_size=61, max_size=61)


@given(counts, counts, counts, st.integers(0, 3))
def test_what_is_lent_is_thinned_like_the_borrowers_and_keeps_its_curve(
    closed: list[float], open_: list[float], cut: list[float], kind: int
) -> None:
    closed[-1] += 1.0
    lender = _Counts(closed, open_, [])
    borrower = _Counts.of([closed], [[a + b for a, b in zip(open_, cut, strict=True)]], [cut] if kind else [[]])

    lent = lender.cut_like(borrower)

    assert lent.survival() == pytest.approx(lender.survival(), abs=1e-3)
    assert sum(lent.closed) + sum(lent.censored) == pytest.approx(sum(closed) + sum(open_))
    if not kind:
        assert lent is lender
