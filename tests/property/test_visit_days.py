"""The visit days that a customer's state keeps: a set of days, bounded, in a form that is stored as bytes."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from service.domain.customer import Customer
from service.domain.customer_fields import FIELDS
from service.domain.customer_record import fields_of, restore, snapshot

KEPT = 1536
"""Days before the newest that are never dropped."""
MOST = 1792
STORED = FIELDS.index("days")


@given(st.lists(st.integers(19_000, 22_000), min_size=1, max_size=60))
def test_visit_days_are_a_set_of_which_only_the_oldest_are_dropped(days: list[int]) -> None:
    customer = Customer("c")
    marked: set[int] = set()
    newest = 0

    for day in days:
        if day < newest - KEPT:  # the engine books no visit older than the kept history
            continue
        customer.mark_day(day)
        marked.add(day)
        newest = max(newest, day)

        kept = customer.visit_days()
        assert kept == sorted(day for day in marked if day >= kept[0])
        assert {day for day in marked if day > newest - KEPT + 7} <= set(kept)
        assert customer.newest_days(3) == sorted(kept, reverse=True)[:3]
        assert all(customer.visited(day) == (day in kept) for day in range(newest - 2 * MOST, newest + 20, 3))


@given(st.sets(st.integers(19_000, 20_500), max_size=40))
def test_days_are_stored_as_bits_little_endian_and_come_back(days: set[int]) -> None:
    customer = Customer("c")
    for day in sorted(days):
        customer.mark_day(day)

    stored = fields_of(customer)[STORED]
    again = restore("c", snapshot(customer))

    assert isinstance(stored, bytes)
    assert len(stored) <= MOST // 8
    first = min(days, default=0)
    assert {first + 8 * at + bit for at, byte in enumerate(stored) for bit in range(8) if byte >> bit & 1} == days
    assert again.visit_days() == sorted(days)
    assert snapshot(again) == snapshot(customer)
