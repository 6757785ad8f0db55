"""Engines whose customers are folded, however short they have been away; and a store in memory."""

from __future__ import annotations

from collections.abc import Iterator
from zoneinfo import ZoneInfo

from service.domain.calendar import Calendar
from service.domain.engine import Engine
from service.domain.folding.attic import Attic
from service.domain.policy import OutreachPolicy, Policy, Shop, Timing
from tests.support.engines import OPEN_HOUSE, UNDISTURBED


class MemoryStore:
    """What `LocalStore` does, without a file. `room`: records that it takes; beyond them it refuses."""

    def __init__(self, room: int = 1 << 30) -> None:
        self.records: dict[int, bytes] = {}
        self.room = room

    def write(self, records: dict[int, bytes]) -> bool:
        if len(self.records) + len(records) > self.room:
            return False
        assert not self.records.keys() & records.keys()
        self.records.update(records)
        return True

    def read(self, digest: int) -> bytes | None:
        return self.records.get(digest)

    def drop(self, digest: int) -> None:
        del self.records[digest]

    def may_hold(self, digest: int) -> bool:
        return digest in self.records

    def all(self) -> Iterator[bytes]:
        return iter(list(self.records.values()))

    def taken_over(self) -> Iterator[bytes]:
        before, self.records = self.records, {}
        return iter(before.values())

    def __len__(self) -> int:
        return len(self.records)


def folding_engine(
    outreach: OutreachPolicy = OPEN_HOUSE,
    timing: Timing = UNDISTURBED,
    attic: Attic | None = None,
    zone: str = "UTC",
) -> Engine:
    policy = Policy(shop=Shop(timezone=zone), timing=timing, outreach=outreach)
    return Engine(policy, Calendar(ZoneInfo(zone)), b"salt", attic=attic or Attic())


def fold_all(engine: Engine) -> int:
    """Folds everybody who can be. Returns how many were."""
    return sum([engine.presence.fold(customer) for customer in list(engine.customers.values())])


def unfold_all(engine: Engine) -> None:
    """Everybody is in memory as an object, to be looked at."""
    attic = engine.roster.attic
    assert attic is not None
    for customer in list(attic.everybody()):
        engine.customers[customer.customer_id] = customer
