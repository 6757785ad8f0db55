"""What a history has read, in a form that a test can write down."""

from __future__ import annotations

from decimal import Decimal

from service.domain.calendar import to_datetime
from service.history import History

Bought = list[tuple[str, str, Decimal | int]]
"""Customer, time in UTC to the minute, and amount; what was given back is below zero."""


def bought(history: History) -> Bought:
    """All purchases, in their order; of amounts with two minor digits."""
    return [
        (one.customer_id, to_datetime(one.at_us).isoformat()[:16], Decimal(-one.amount_minor if one.refund else one.amount_minor) / 100)
        for one in history.purchases()
    ]  # fmt: skip
