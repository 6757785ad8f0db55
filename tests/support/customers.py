"""Customers in any state, for tests of single rules."""

from __future__ import annotations

from typing import Any, TypeVar

from service.domain.answers import Answers
from service.domain.customer import Customer
from service.domain.customer_fields import FIELDS
from service.domain.profile import ProfileState

State = TypeVar("State")


def customer_with(customer_id: str = "c", **fields: Any) -> Customer:
    """A customer with these fields set, their own or their absence's, the others at their defaults."""
    customer = Customer(customer_id)
    for name, value in fields.items():
        assert name in (*FIELDS, "written_to"), f"a customer has no {name}"
        if hasattr(customer, name):
            setattr(customer, name, value)
        else:
            customer.episode.restore(name, value)
    return customer


def answers_with(**fields: Any) -> Answers:
    """Answers with these fields set."""
    return _with(Answers(), fields)


def profile_with(**fields: Any) -> ProfileState:
    """A profile with these fields set."""
    return _with(ProfileState(), fields)


def _with(state: State, fields: dict[str, Any]) -> State:
    for name, value in fields.items():
        assert hasattr(state, name), f"there is no {name}"
        setattr(state, name, value)
    return state
