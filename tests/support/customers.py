"""Customers in any state, for tests of single rules."""

from __future__ import annotations

from typing import Any

from service.domain.customer import FIELDS, Customer


def customer_with(**fields: Any) -> Customer:
    """A customer with these fields set, the others at their defaults."""
    customer = Customer()
    for name, value in fields.items():
        assert name in FIELDS, f"a customer has no {name}"
        setattr(customer, name, value)
    return customer
