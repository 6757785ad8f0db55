"""What pages and API about persons stand on: who there is, what the worker knows beside, and what can be done."""

from __future__ import annotations

from typing import Protocol

import msgspec
from fastapi import HTTPException

from service.web.coming import Coming
from service.web.people.roll import Detail, Roll


class People(Protocol):
    """Of the whole shop."""

    @property
    def roll(self) -> Roll: ...

    async def decisions(self, customer_id: str) -> list[msgspec.Raw]:
        """Every decision about a customer that the topic still keeps, newest first, as it was written. Raises
        TimeoutError where the topic cannot be read."""
        ...

    async def detail(self, customer_id: str) -> Detail | None:
        """As `churn-alert inspect --json` has it; None: another worker holds the customer, or this one does not
        answer."""
        ...

    async def coming(self) -> Coming | None:
        """What comes due within a day among the customers of this worker; None: it does not answer."""
        ...

    # ---- what changes something; each raises ChurnAlertError, KafkaError, OSError or TimeoutError

    async def do_not_contact(self, customer_id: str) -> None:
        """Returns when the customer's no is on record."""
        ...

    async def forget(self, customer_id: str) -> None:
        """Returns when the erasure is on record; the worker does the rest."""
        ...

    async def export(self, customer_id: str) -> Detail:
        """All that is held of them; it takes as long as the topics are large."""
        ...


def known(people: People) -> Roll:
    """Raises HTTPException 503 while it is being read."""
    if not people.roll.known:
        raise HTTPException(503, "Who there is is still being read; ask again in a moment.", {"Retry-After": "1"})
    return people.roll


class Nobody:
    """Where no topic is read: of tests, and of a page whose persons are closed."""

    def __init__(self) -> None:
        self.roll = Roll()

    async def decisions(self, customer_id: str) -> list[msgspec.Raw]:  # noqa: ARG002
        return []

    async def detail(self, customer_id: str) -> Detail | None:  # noqa: ARG002
        return None

    async def coming(self) -> Coming | None:
        return None

    async def do_not_contact(self, customer_id: str) -> None:
        raise TimeoutError(customer_id)

    async def forget(self, customer_id: str) -> None:
        raise TimeoutError(customer_id)

    async def export(self, customer_id: str) -> Detail:
        raise TimeoutError(customer_id)
