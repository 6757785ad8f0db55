"""What a way out is: given one order, it says what became of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any, Protocol

from service.domain.calendar import NEVER, to_day
from service.domain.decision_ids import decision_id, ids_in_other_zones
from service.domain.findings import Kind


@dataclass(frozen=True, slots=True)
class Order:
    """One `outreach.requested`, as far as delivering it needs to be understood."""

    id: str
    customer_id: str
    expires_us: int
    """Not to be acted on from then on."""
    consent: bool | None
    """The customer's word on marketing when it was decided; None = none is known."""
    consent_us: int
    """Since when that is their word; 0 = not known."""
    consent_elsewhere: bool
    """The shop keeps consents elsewhere: only a no stops the message."""
    sample: bool
    """A marked sample: somebody of the shop asked for it; it counts nowhere."""
    event: Mapping[str, Any]
    """The CloudEvent as it was read."""
    partition: int = 0
    offset: int = 0
    """Where it lies in `outreach`."""
    retried: bool = False
    """Asked for again after it had failed: `churn-alert deliver retry`."""
    takes_back: str = ""
    """Tells that this request is void, to a channel that passes such news on; empty = it is a request itself."""
    quiet_since_us: int = NEVER
    """When the visit was after which the absence began that it is about; NEVER = it is not said."""

    @property
    def data(self) -> Mapping[str, Any]:
        """What the message is written from."""
        data: Mapping[str, Any] = self.event["data"]
        return data

    @property
    def other_names(self) -> list[str]:
        """Ids under which the same was asked for if the shop's days lay otherwise then: in another time zone, or with
        another begin of the day. A message about an occasion has none: its id is that of the occasion."""
        data = self.data
        try:
            kind, day = Kind(data["kind"]), to_day(date.fromisoformat(data["episode_id"]))
            rung, customer_id = str(data["rung"]), str(data["customer_id"])
        except (KeyError, TypeError, ValueError):
            return []
        about_the_absence = decision_id(kind, rung, day, customer_id) == self.id
        return ids_in_other_zones(kind, rung, day, customer_id) if about_the_absence else []

    @property
    def email(self) -> str | None:
        contact = self.data.get("contact")
        address = contact.get("email") if isinstance(contact, dict) else None
        return address if isinstance(address, str) and address else None


class Result(StrEnum):
    """What became of an attempt."""

    DELIVERED = "delivered"
    """The other side has taken it."""
    BOUNCED = "bounced"
    """The address does not exist or takes nothing, for good."""
    RETRY = "retry"
    """Not now: to be tried again until it expires."""
    FAILED = "failed"
    """Never, whatever the reason, and the address is not to blame."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """How it ended."""

    result: Result
    detail: str = ""
    """A short code such as `smtp 451`; it is published, so it names nobody: never the other side's own words."""
    retry_after_s: float | None = None
    """The other side's own wish; None = the usual back-off."""
    provider_id: str | None = None
    """What the other side calls what it has taken; None = it does not say."""


class Channel(Protocol):
    """A way out. One object for each process, used by all its partitions at once."""

    name: str
    """As the records and metrics say it."""

    @property
    def available(self) -> bool:
        """Whether an attempt makes sense now. While it does not, orders wait untouched: nothing is written for them."""

    def refusal(self, order: Order) -> str | None:
        """Why this channel can never carry it, a code; None = it can. Asked before an attempt is recorded."""

    async def send(self, order: Order) -> Attempt:
        """One attempt, cut off by the channel's own time-outs. An error that is raised counts as `RETRY`."""

    async def keep(self) -> None:
        """Runs beside the attempts until cancelled: keeps `available` true to the world."""

    async def close(self) -> None:
        """Says goodbye."""
