"""What a kind of message that a silence brings has to say of itself."""

from __future__ import annotations

from typing import Final

from service.domain.customer import Customer
from service.domain.findings import Kind
from service.domain.outreach.kinds.message import MessageKind


class SilenceKind(MessageKind):
    """One kind: whose silences it follows, in which steps, and after how many days each.

    A step has a number, unique among all kinds; customers who wait keep it in their snapshot, so it is never given to
    another.
    """

    def __init__(self, kind: Kind, *, limited: bool) -> None:
        super().__init__(kind)
        self.limited: Final = limited
        """Whether its messages are paid from the volume, and counted against what the policy promises."""

    def follows(self, customer: Customer) -> bool:
        """Whether this silence of the customer is this kind's: at most one kind's at a time."""
        raise NotImplementedError

    def owns(self, number: int) -> bool:
        """Whether the step of this number is one of this kind's."""
        raise NotImplementedError

    def number(self, decided: int) -> int:
        """The step that comes after so many decided rungs of an absence."""
        raise NotImplementedError

    def beyond(self, number: int) -> bool:  # noqa: ARG002
        """Whether the policy has no step of this number any more."""
        return False

    def last(self, number: int) -> bool:
        """Whether no step comes after this one."""
        raise NotImplementedError

    def days(self, customer: Customer, decided: int) -> float:
        """Silence after which the step comes due that follows on so many decided rungs, by what is known at present."""
        raise NotImplementedError
