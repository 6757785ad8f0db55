"""Who may not be written to, from what has been said on `customers` since: withdrawn consents, erasures, bounces.

An order carries the consent that was known when it was decided. Between then and the moment of sending the customer may
have taken it back, and the topic `customers` is where that is said first: by the shop, by a provider, and by the
unsubscribe link itself. So the deliverer reads that topic, and needs neither a worker that runs nor one that has caught
up (`customer-scores` would need both). Only a no is kept, so memory is bounded by the customers who have said one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

from service.delivery.aftermath import Aftermath, aftermath_of
from service.domain.events import Erasure, Merge, Profile, Withdrawal

_MOST_AFTERMATHS: Final = 8
"""Of one customer: more than the messages that are remembered of most."""


class _No(NamedTuple):
    at_us: int
    reason: str


class Standings:
    """Of all customers; the newest word counts by its own time, whatever order they come in. Of two words at the same
    instant the no counts."""

    def __init__(self) -> None:
        self._no: dict[str, _No] = {}
        self._bounced: dict[str, dict[str, int]] = {}
        """Customer → addresses in small letters to which mail came back, and when."""
        self._erased: set[str] = set()
        self._objections: dict[str, int] = {}
        """Who objects to profiling, as far as they have not taken it back; and since when."""
        self._merged: dict[str, str] = {}
        self._merged_from: dict[str, set[str]] = {}
        self._aftermaths: dict[str, tuple[Aftermath, ...]] = {}
        """Complaints and mail that came back, the newest of each customer."""
        self.on_erased: list[Callable[[str], None]] = []
        """Told of each customer who is erased."""
        self.on_aftermath: list[Callable[[str], None]] = []
        """Told of each customer of whose messages something was said."""

    def __len__(self) -> int:
        return len(self._no) + len(self._bounced) + len(self._erased) + len(self._objections)

    def erased(self, customer_id: str) -> bool:
        return customer_id in self._erased

    def people(self, customer_id: str) -> set[str]:
        """All ids of the person, this one included."""
        who = customer_id
        if not self._merged:
            return {who}
        seen = {who}
        while (into := self._merged.get(who)) is not None and into not in seen:
            who = into
            seen.add(who)
        found, left = {who}, [who]
        while left:
            new = self._merged_from.get(left.pop(), set()) - found
            found |= new
            left += new
        return found

    def aftermaths(self, customer_id: str) -> list[Aftermath]:
        """What was said of the person's messages, oldest first."""
        if not self._aftermaths:
            return []
        return sorted(
            [one for who in self.people(customer_id) for one in self._aftermaths.get(who, ())],
            key=lambda one: (one.at_us, one.state, one.message or ""),
        )

    def take(self, event: Profile | Erasure | Merge | Withdrawal) -> None:
        who = event.customer_id
        match event:
            case Erasure():
                self._erased.add(who)
                self._no.pop(who, None)
                self._bounced.pop(who, None)
                self._objections.pop(who, None)
                self._aftermaths.pop(who, None)
                for tell in self.on_erased:
                    tell(who)
            case Merge():
                self._merged_from.get(self._merged.get(who, ""), set()).discard(who)
                self._merged[who] = event.merged_into
                self._merged_from.setdefault(event.merged_into, set()).add(who)
            case Withdrawal():
                self._refuse(who, _No(event.at_us, "consent_withdrawn"))
            case Profile():
                self._profile(event)

    def why_not(self, customer_id: str, consent_us: int, address: str | None, *, profiled: bool = False) -> str | None:
        """A code, where the customer must not be written to (there) although they had agreed since `consent_us`.
        `profiled`: they were chosen by what they have done, to which they may object."""
        seen = set()
        who: str | None = customer_id
        while who is not None and who not in seen:
            seen.add(who)
            if who in self._erased:
                return "erased"
            no = self._no.get(who)
            if no is not None and no.at_us >= consent_us:
                return no.reason
            if profiled and who in self._objections:
                return "no_profiling"
            bounced = self._bounced.get(who)
            if bounced is not None and address is not None and (address.lower() in bounced or "" in bounced):
                return "address_bounced"
            who = self._merged.get(who)
        return None

    def bounced(self, customer_id: str, address: str, at_us: int = 0) -> None:
        """It takes nothing, for good; empty: the one that was known then, whichever that was."""
        bounced = self._bounced.setdefault(customer_id, {})
        bounced[address.lower()] = max(at_us, bounced.get(address.lower(), 0))

    def _profile(self, said: Profile) -> None:
        who = said.customer_id
        if said.marketing_consent is False:
            self._refuse(who, _No(said.at_us, "consent_withdrawn"))
        elif said.marketing_consent is True:
            no = self._no.get(who)
            if no is not None and said.at_us > no.at_us:
                del self._no[who]

        if said.profiling is not None:
            self._of_profiling(who, said.at_us, allowed=said.profiling)
        news = aftermath_of(said)
        if news is not None and who not in self._erased:
            both = {*self._aftermaths.get(who, ()), news}
            self._aftermaths[who] = tuple(sorted(both, key=lambda one: one.at_us)[-_MOST_AFTERMATHS:])
            for tell in self.on_aftermath:
                tell(who)
        if said.bounces_lifted:
            self._lift(who, said.at_us)
        if said.bounced is not None:
            self.bounced(who, said.bounced, said.at_us)
        if said.email is not None and said.at_us > self._bounced.get(who, {}).get("", said.at_us):
            del self._bounced[who][""]  # the shop has said where to write instead

    def _of_profiling(self, who: str, at_us: int, *, allowed: bool) -> None:
        known_us = self._objections.get(who)
        if not allowed:
            self._objections[who] = max(at_us, known_us or 0)
        elif known_us is not None and at_us > known_us:
            del self._objections[who]

    def _lift(self, who: str, at_us: int) -> None:
        """Bounces up to then count no more."""
        left = {address: since for address, since in self._bounced.pop(who, {}).items() if since > at_us}
        if left:
            self._bounced[who] = left

    def _refuse(self, who: str, no: _No) -> None:
        before = self._no.get(who)
        if before is None or no.at_us >= before.at_us:
            self._no[who] = no
