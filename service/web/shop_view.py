"""What the web half asks of the service.

Everything that the page, the API and the probes say comes through `ShopFacts`, so that where the numbers come from can
change without the page. Period numbers and decisions are the whole shop's; customer counts are those of this worker's
partitions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Protocol

from service.domain.findings import HealthBand, Segment
from service.domain.outreach.realised import ClassRealised
from service.domain.periods.numbers import PeriodRow
from service.domain.periods.span import FreeRow, Span
from service.streaming.brought_totals import BroughtRow
from service.web.recent import Decided


class Condition(Enum):
    """What a person has to know before reading the numbers."""

    UNREACHABLE = auto()
    SILENT = auto()
    STARTING = auto()
    CATCHING_UP = auto()
    STALLED = auto()
    HELD = auto()
    PART_SILENT = auto()
    NO_CONSENTS = auto()
    STRANGERS = auto()
    STOPPED = auto()
    LIVE = auto()


@dataclass(frozen=True, slots=True)
class PartitionHealth:
    """One partition of this worker."""

    recovered: bool
    caught_up: bool
    feed_alive: bool
    """False while the feed has been silent for so long that absence alerts wait."""
    behind_transactions: Mapping[str, int] = field(default_factory=dict)
    """Input → records that wait behind a producer's open transaction."""
    silent_sources: Sequence[str] = ()
    """Stores and channels that are silent; the absences of their customers wait."""

    held: str = ""
    """Why all alerts of the partition are held; empty while they are not."""
    lacks_consents: bool = False
    """Nearly every alert ends at a consent of which nobody knows."""
    set_aside: Sequence[str] = ()
    """What errors of our own were about lately, a sentence each."""
    stopped: Mapping[str, str] = field(default_factory=dict)
    """Inputs that are not read on, and why."""
    waits_for_schema: str = ""
    """Why records wait for their schema; empty while none do."""
    waits_for_profiles: str = ""
    """Which records of a CRM's topic are not in `customers` yet; empty while there are none."""

    @property
    def ready(self) -> bool:
        held_up = self.stopped or self.waits_for_schema
        return self.recovered and self.caught_up and self.feed_alive and not held_up


@dataclass(frozen=True, slots=True)
class Readiness:
    """Whether this worker may be relied on. A member of the group without partitions is a ready standby."""

    assigned: bool
    """The group has said which partitions are this worker's, be it none."""
    partitions: Mapping[int, PartitionHealth]
    unreachable_since_s: float = 0.0
    """Since when no broker has answered, Unix seconds; 0 = they answer."""
    misplaced: str = ""
    """What is to be known of records that lay in partitions their keys do not belong to; empty where none did."""
    strangers: tuple[str, ...] = ()
    """Other programs in the consumer group: their client ids and hosts."""
    silent_s: float = 0.0
    """How long the worker has not answered whoever tells this; 0 = it does."""
    refused: str = ""
    """Why the broker does not let the worker in, or not do what it has to; empty: it does."""

    @property
    def ready(self) -> bool:
        reachable = not self.unreachable_since_s and not self.silent_s and not self.refused
        return (
            reachable
            and not self.strangers
            and self.assigned
            and all(health.ready for health in self.partitions.values())
        )

    @property
    def silent_sources(self) -> list[str]:
        """Stores or channels of which nothing arrives, those that are named."""
        return sorted({source for health in self.partitions.values() for source in health.silent_sources if source})

    @property
    def condition(self) -> Condition:
        """The worst of them."""
        return self.conditions[0]

    @property
    def conditions(self) -> list[Condition]:
        """All that hold at once, the worst first. Where the worker is not to be had, nothing else is known of it."""
        parts = self.partitions.values()
        if self.unreachable_since_s:
            return [Condition.UNREACHABLE]
        if self.silent_s:
            return [Condition.SILENT]
        if not self.assigned or not all(health.recovered for health in parts):
            return [Condition.STARTING]
        held = {
            Condition.STRANGERS: bool(self.strangers),
            Condition.STOPPED: any(health.stopped for health in parts),
            Condition.CATCHING_UP: not all(health.caught_up for health in parts),
            Condition.STALLED: not all(health.feed_alive for health in parts),
            Condition.HELD: any(health.held for health in parts),
            Condition.PART_SILENT: bool(self.silent_sources),
            Condition.NO_CONSENTS: any(health.lacks_consents for health in parts),
        }
        return [condition for condition, holds in held.items() if holds] or [Condition.LIVE]


@dataclass(frozen=True, slots=True)
class CustomerCounts:
    """Customers of some partitions. `partitions` of `of_partitions` were counted; None = not known yet."""

    segments: Mapping[Segment, int]
    bands: Mapping[HealthBand, int]
    regulars: int
    partitions: int
    of_partitions: int | None

    @property
    def partial(self) -> bool:
        return self.of_partitions is None or self.partitions < self.of_partitions


@dataclass(frozen=True, slots=True)
class Expected:
    """What is expected of the next 365 days, by the model, of all customers who are not lost."""

    customers: int
    value_minor: int
    """Of all of them together."""


class ShopFacts(Protocol):
    """What can be asked. All answers come from memory."""

    async def alive(self) -> bool:
        """Whether the worker does its work: it answers within a second."""
        ...

    def readiness(self) -> Readiness: ...

    def totals_known(self) -> bool:
        """Whether the period numbers contain everything that was written before this process started."""
        ...

    def periods(self, granularity: str) -> list[PeriodRow]:
        """Oldest first."""
        ...

    def free(self, span: Span) -> FreeRow | None:
        """The numbers of any run of days; None before the first event."""
        ...

    def money_by_day(self, start: int, end: int) -> Sequence[tuple[int, int, int]]:
        """(day, orders, revenue in minor units) of each day from `start` on, before `end`."""
        ...

    def expected(self) -> Expected | None:
        """None while it is not known."""
        ...

    def misspelt(self) -> Mapping[str, str]:
        """Fields of customers' profiles of late that are not read → the field they seem to mean; of this worker's
        partitions."""
        ...

    def customers(self) -> CustomerCounts: ...

    def kept(self) -> list[ClassRealised]:
        """What the alerts did since the partitions began, those of `customers`: by class of evidence, and of all."""
        ...

    def brought(self) -> list[BroughtRow]:
        """What messages have brought, of the whole shop; empty without a control group, and until its first window is
        over."""
        ...

    def decisions(self) -> list[Decided]:
        """The latest ones of the whole shop, newest first."""
        ...

    def first_asked(self) -> Decided | None:
        """The first "we miss you" that this process has seen decided; None: none yet."""
        ...
