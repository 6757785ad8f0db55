"""What Pythons beside the first try: together every case of every test, and each of them some of every test."""

from __future__ import annotations

from itertools import product

import pytest

from tests.support.examples import Another, another


@pytest.mark.parametrize("pythons", [1, 2, 3])
@pytest.mark.parametrize("cases", [1, 2, 3, 4, 7, 200])
def test_together_they_try_every_case_and_each_some_of_every_kind(pythons: int, cases: int) -> None:
    kinds = [name for _ in range(cases) for name in ("often", "as often")] + ["once"]
    shares = [Another(number, pythons).share(kinds) for number in range(pythons)]

    assert all(any(case) for case in zip(*shares, strict=True))
    for share in shares:
        assert {kind for kind, mine in zip(kinds, share, strict=True) if mine} == set(kinds)
        tried = [mine for kind, mine in zip(kinds, share, strict=True) if kind == "often"]
        assert sum(tried) <= (cases if cases < pythons else cases / pythons + 1)


def test_of_two_things_that_take_turns_no_python_is_left_with_one() -> None:
    cases = list(product(range(8), ("UTC", "Europe/Paris")))

    for number in range(2):
        mine = Another(number, 2).share(["kind"] * len(cases))
        assert {zone for (_, zone), here in zip(cases, mine, strict=True) if here} == {"UTC", "Europe/Paris"}


@pytest.mark.parametrize(
    ("said", "found"),
    [
        ("", None),
        ("another-python", Another(0, 1)),
        ("another-python 1/2", Another(0, 2)),
        ("another-python 2/2", Another(1, 2)),
    ],
)
def test_what_a_python_is_told(said: str, found: Another | None) -> None:
    assert another(said) == found


@pytest.mark.parametrize("said", ["a-python", "another-python 3/2", "another-python 0/2", "another-python two"])
def test_a_word_that_would_leave_tests_out_is_refused(said: str) -> None:
    with pytest.raises(ValueError, match=r"TESTS_ON|invalid literal"):
        another(said)
