"""What a shop system's earlier posts said and its newest one does not say any more, or says in another way.

A post tells what an order is now. So money that was given back and is not any more, as where a cancelled order is paid
after all, is told by nothing but its absence; and payments that share an order say nothing of each other. Remembered
are the last orders of this process for which that matters.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Final, TypeVar

from service.ingest.bodies import Object

_REMEMBERED: Final = 50_000
T = TypeVar("T")


class Earlier:
    """Of one source."""

    def __init__(self) -> None:
        self._given_back: OrderedDict[str, dict[str, Object]] = OrderedDict()
        """Of each order for which money was given back: those events, by their ids."""
        self._paid_by: OrderedDict[str, dict[str, int]] = OrderedDict()
        """Of each order of Square's the payments, and which one each is."""

    def completed(self, made: list[Object], changed_at: str) -> list[Object]:
        """The events of a post about an order, and nothing given back where an earlier one said that something was.
        `changed_at`: when the order was as the post says; empty, and then nothing is added: it does not say."""
        order = made[0] if made else None
        if order is None or order.get("kind") == "refund":
            return made
        number = str(order["event_id"])
        now = {str(event["event_id"]): event for event in made[1:]}
        before = self._given_back.get(number, {})
        taken_back = [
            {**event, "amount": "0", "occurred_at": changed_at}
            for name, event in before.items()
            if name not in now and changed_at and (event["amount"] != "0" or event["occurred_at"] == changed_at)
        ]  # also where the same post comes again, which may not have been written
        said = {**now, **{str(event["event_id"]): event for event in taken_back}}
        if said:
            _put(self._given_back, number, {**before, **said})
        return [*made, *taken_back]

    def told_apart(self, made: list[Object]) -> list[Object]:
        """Payments of one order, each as an order of its own from the second one on: of one number the later would
        correct the earlier."""
        if not made:
            return made
        order, payment = str(made[0]["order_id"]), str(made[0]["event_id"])
        known = self._paid_by.get(order, {})
        _put(self._paid_by, order, known)
        place = known.setdefault(payment, len(known))
        return made if place == 0 else [{**event, "order_id": f"{order}/{place + 1}"} for event in made]


def _put(memory: OrderedDict[str, T], name: str, value: T) -> None:
    memory[name] = value
    memory.move_to_end(name)
    if len(memory) > _REMEMBERED:
        memory.popitem(last=False)
