"""The due queue: order, dates that moved, and what it costs when nothing is due."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from random import Random

import pytest

from service.domain.calendar import DAY_US, NEVER
from service.domain.customer import Customer
from service.domain.due import DueQueue


class Board:
    """A queue with its customers; what fires is noted, and the customer then has no date."""

    def __init__(self) -> None:
        self.customers: dict[str, Customer] = {}
        self.queue = DueQueue(self.customers)
        self.fired: list[tuple[int, str]] = []

    def set(self, name: str, date: int) -> None:
        customer = self.customers.setdefault(name, Customer(name))
        customer.episode.due_us = date
        self.queue.schedule(customer)

    def fire(self, until: int) -> list[tuple[int, str]]:
        self.fired = []
        self.queue.fire(until, self._look, 10**9)
        return self.fired

    def _look(self, date: int, customer: Customer) -> None:
        self.fired.append((date, customer.customer_id))
        customer.episode.due_us = NEVER


def test_dates_fire_in_order_of_date_and_then_of_customer() -> None:
    board = Board()
    for name, date in [("b", 5), ("z", 2), ("a", 5), ("m", 4 * DAY_US), ("c", 3 * DAY_US + 1)]:
        board.set(name, 10 * DAY_US + date)

    fired = board.fire(100 * DAY_US)

    assert [name for _, name in fired] == ["z", "a", "b", "c", "m"]


def test_a_date_fires_only_before_the_given_instant() -> None:
    board = Board()
    board.set("a", 1000)

    assert board.fire(1000) == []
    assert board.fire(1001) == [(1000, "a")]
    assert board.fire(2000) == []


def test_of_a_pile_so_many_fire_and_the_rest_the_next_time() -> None:
    board = Board()
    for number in range(7):
        board.set(f"c{number}", 10 * DAY_US)

    left = [board.queue.fire(20 * DAY_US, board._look, most) for most in (3, 3, 3)]

    assert [name for _, name in board.fired] == [f"c{number}" for number in range(7)]
    assert left == [0, 0, 2]


def test_a_date_moved_later_fires_once_at_the_later_date() -> None:
    board = Board()
    for day in (3, 5, 9, 20):
        board.set("a", day * DAY_US)

    assert board.fire(20 * DAY_US) == []
    assert board.fire(20 * DAY_US + 1) == [(20 * DAY_US, "a")]


def test_a_date_moved_earlier_fires_at_the_earlier_date_and_not_again() -> None:
    board = Board()
    for day in (20, 9, 3):
        board.set("a", day * DAY_US)

    assert board.fire(30 * DAY_US) == [(3 * DAY_US, "a")]


def test_a_date_in_the_past_fires_at_once() -> None:
    board = Board()
    board.set("a", 50 * DAY_US)
    board.fire(60 * DAY_US)

    board.set("b", 10 * DAY_US)

    assert board.fire(60 * DAY_US) == [(10 * DAY_US, "b")]


def test_a_customer_who_is_gone_does_not_fire() -> None:
    board = Board()
    board.set("a", 5)
    del board.customers["a"]

    assert board.fire(DAY_US) == []


def test_a_look_may_set_the_next_date_of_the_same_customer() -> None:
    board = Board()
    dates = iter([7, 8, 5 * DAY_US, NEVER])
    fired = []
    board.set("a", 6)

    def look(date: int, customer: Customer) -> None:
        fired.append(date)
        customer.episode.due_us = next(dates)

    board.queue.fire(10 * DAY_US, look, 10**9)

    assert fired == [6, 7, 8, 5 * DAY_US]


@pytest.mark.parametrize("seed", range(20))
def test_it_fires_what_a_plain_search_through_all_customers_would(seed: int) -> None:
    random = Random(seed)
    board = Board()
    now = 0
    for _ in range(400):
        if random.random() < 0.7:
            board.set(f"c{random.randrange(12)}", now + random.randrange(-DAY_US, 12 * DAY_US))
        else:
            now += random.randrange(3 * DAY_US)
            expected = sorted((c.wake_us, name) for name, c in board.customers.items() if c.wake_us < now)
            assert board.fire(now) == expected
            assert board.queue.next_us >= now
        assert board.queue.next_us <= min((c.wake_us for c in board.customers.values()), default=NEVER)


def counted(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Counts heap operations from now on."""
    count = [0]

    def counting(operation: Callable[..., object]) -> Callable[..., object]:
        def wrapped(*arguments: object) -> object:
            count[0] += 1
            return operation(*arguments)

        return wrapped

    monkeypatch.setattr(heapq, "heappush", counting(heapq.heappush))
    monkeypatch.setattr(heapq, "heappop", counting(heapq.heappop))
    return count


def test_nothing_due_costs_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    board = Board()
    for n in range(5000):
        board.set(f"c{n}", (10 + n % 90) * DAY_US)
    count = counted(monkeypatch)

    for tick in range(1000):
        board.fire(tick * DAY_US // 200)

    assert count == [0]


def test_a_visit_that_moves_the_date_later_costs_no_heap_operation(monkeypatch: pytest.MonkeyPatch) -> None:
    board = Board()
    board.set("a", 10 * DAY_US)
    count = counted(monkeypatch)

    for day in range(11, 500):
        board.set("a", day * DAY_US)

    assert count == [0]
    assert len(board.queue) == 1


def test_the_cost_follows_the_customers_due_not_all_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    board = Board()
    for n in range(5000):
        board.set(f"c{n}", (100 + n % 90) * DAY_US)
    for n in range(20):
        board.set(f"due{n}", 50 * DAY_US + n)
    count = counted(monkeypatch)

    assert len(board.fire(60 * DAY_US)) == 20
    assert count[0] <= 50
