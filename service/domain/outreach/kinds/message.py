"""What every kind of message has to say of itself, whatever brings it about."""

from __future__ import annotations

from typing import Final

from service.domain.customer import Customer
from service.domain.findings import Kind
from service.domain.learning.learned import Learned
from service.domain.policy import Rung


class MessageKind:
    """One kind, in steps that have numbers."""

    def __init__(self, kind: Kind) -> None:
        self.kind: Final = kind
        self.profiles: bool = True
        """Whether customers are chosen for it by what they have done over time: it is not for who objects to that."""

    def step(self, number: int) -> Rung:
        """The step's name, offer and template."""
        raise NotImplementedError

    def tail_probability(self, customer: Customer, gap_days: float, learned: Learned) -> float:
        """P(a silence of such a customer that ends by itself lasts at least so long), 0–1."""
        raise NotImplementedError
