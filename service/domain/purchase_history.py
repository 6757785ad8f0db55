"""What a customer has bought and got back, one entry for each accepted event of the kept history: by it the same
purchase is recognised whenever it comes again, and all that follows from purchases can be told anew.

Entries lie in order of arrival, in chunks of 24 (sealed_chunks.py). The open chunk is in the customer's snapshot; a
full one is sealed into a record of its own, written once, and withdrawn when it has been sealed for longer than history
is kept. So a visit writes a bounded number of bytes however many came before it.

An event that says something new of a known purchase is an entry too: what a purchase amounts to is told by all of its
entries (`settled`), and every event is known for what it was.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

from service.domain.customer import Customer
from service.domain.events import Survey
from service.domain.hashed_ids import NO_ID, order_hash
from service.domain.sealed_chunks import CHUNK, Sealed, appended, is_full, names_either, rows_of

BOUGHT: Final = 0
GIVEN_BACK: Final = 1
SAID: Final = 2
"""A survey answer or a word on the customer: its id is kept, and what it says where that is counted."""
_LOOKED_UP: Final = 4
"""Ids after which it is cheaper to read chunks that have no index than to look through them for each."""
_SURVEYS: Final = tuple(Survey)
_SCORES: Final = 16


class Entry(NamedTuple):
    """One accepted event."""

    place: int
    """Its number among all that the customer ever had: the order of arrival."""
    event: bytes
    order: bytes
    at_us: int
    amount: int
    """Minor units, at least 0; of what was SAID the answer (`said_by`)."""
    what: int
    """BOUGHT, GIVEN_BACK or SAID."""


class Booked(NamedTuple):
    """A purchase, or money given back, as it counts by all that is known of it."""

    place: int
    """Of its first entry, whose time is its own, if it is no word that nothing is given back."""
    at_us: int
    amount: int
    """Minor units, at least 0: of a refund what its order has left to give back."""
    refund: bool
    left_out: int
    """Of a refund: what is beyond its order."""
    order: bytes


# ---- the hot path


def knows(customer: Customer, one: bytes, other: bytes) -> bool:
    """Whether an entry has one of these hashes as one of its ids. With NO_ID as one of them only the other is looked
    for."""
    if other == NO_ID:
        other = one
    elif one == NO_ID:
        one = other
    if names_either(customer.bought, one, other):
        return True
    sealed = customer.sealed
    return sealed is not None and sealed.holds_either(one, other)


def remember(
    customer: Customer, event: bytes, order: bytes, at_us: int, amount: int, what: int, today: int, kept_days: int
) -> bool:
    """Adds an entry on local day `today`. Returns whether a chunk was sealed for it: its records are news then."""
    chunk, sealing = customer.bought, False
    if is_full(chunk):
        sealing = True
        if customer.sealed is None:
            customer.sealed = Sealed()
        customer.sealed.seal(chunk, today, kept_days)
        chunk = b""
    customer.bought = appended(chunk, event, order, at_us, amount, what)
    return sealing


def said_by(survey: Survey, score: int) -> int:
    """What an answer says, as one number; 0 stands for a word that is no answer."""
    return 1 + _SURVEYS.index(survey) * _SCORES + score


def answer_of(said: int) -> tuple[Survey, int] | None:
    """Survey and score, back from `said_by`; None for 0."""
    return (_SURVEYS[(said - 1) // _SCORES], (said - 1) % _SCORES) if said else None


# ---- reading


def entries_of(customer: Customer) -> list[Entry]:
    """All that are kept, in order of arrival."""
    sealed = customer.sealed
    found: list[Entry] = []
    if sealed is not None:
        for number, chunk in sealed.numbered():
            found += _entries(number, chunk)
    return found + _entries(_open_number(customer), customer.bought)


def booked_by(customer: Customer) -> list[Booked]:
    """Every purchase and refund that is kept, as it counts, in order of time: visits, orders, revenue and refunds of
    all kept days follow from it."""
    return sorted(settled(entries_of(customer)).values(), key=lambda booked: (booked.at_us, booked.place))


def rewrite(customer: Customer, entries: Iterable[Entry], today: int, kept_days: int) -> None:
    """Puts these entries in place of what is kept, in their order; their places are told anew. What was sealed is
    withdrawn, and the new chunks are news."""
    if customer.sealed is not None:
        customer.sealed.drop(len(customer.sealed.chunks))
    customer.bought = b""
    for entry in entries:
        remember(customer, entry.event, entry.order, entry.at_us, entry.amount, entry.what, today, kept_days)


def related(customer: Customer, event: bytes, order: bytes) -> list[Entry]:
    """The entries of purchases and refunds that have one of these ids, and all that belong to them, in order of
    arrival. Cost: that of the chunks in which they lie, each of which is read once."""
    found: dict[int, Entry] = {}
    waiting = {digest for digest in (event, order) if digest != NO_ID}
    looked_for: set[bytes] = set()
    read: set[int] = {_open_number(customer)}
    named: dict[bytes, list[Entry]] = {}
    _name(named, _entries(_open_number(customer), customer.bought))
    sealed = customer.sealed
    while waiting:
        digest = waiting.pop()
        looked_for.add(digest)
        if sealed is not None:
            every = len(looked_for) > _LOOKED_UP and not sealed.is_indexed
            for number in sealed.numbers if every else sealed.holding(digest):
                if number not in read:
                    read.add(number)
                    _name(named, _entries(number, sealed.chunks[number - sealed.first]))
        for entry in named.get(digest, ()):
            if entry.place not in found:
                found[entry.place] = entry
                for other in (entry.event, entry.order):
                    if other != NO_ID and other not in looked_for:
                        waiting.add(other)
    return [found[place] for place in sorted(found)]


def order_of(customer: Customer, order_id: str) -> tuple[int, int] | None:
    """Time in µs and amount in minor units of the purchase with that order_id; None where none is kept."""
    digest = order_hash(order_id)
    if not knows(customer, digest, NO_ID):
        return None
    for booked in settled(related(customer, NO_ID, digest)).values():
        if not booked.refund and booked.order == digest:
            return booked.at_us, booked.amount
    return None


def grouped(entries: Iterable[Entry]) -> dict[int, list[Entry]]:
    """The entries of each purchase and refund, by the place of its first one. An entry belongs to the one that has its
    event_id, or else to the purchase that has its order_id. Given in order of arrival, and whole (`related`)."""
    groups: dict[int, list[Entry]] = {}
    owners: dict[tuple[int, bytes], int] = {}
    for entry in entries:
        if entry.what == SAID:
            continue
        first = owners.get((entry.what, entry.event)) if entry.event != NO_ID else None
        if first is None and entry.what == BOUGHT and entry.order != NO_ID:
            first = owners.get((BOUGHT, entry.order))
        if first is None:
            first = entry.place
        groups.setdefault(first, []).append(entry)
        if entry.event != NO_ID:
            owners.setdefault((entry.what, entry.event), first)
        if entry.what == BOUGHT and entry.order != NO_ID:
            owners.setdefault((BOUGHT, entry.order), first)
    return groups


def named_order(group: Iterable[Entry]) -> bytes:
    """The order that a purchase or refund is known as."""
    return next((entry.order for entry in group if entry.order != NO_ID), NO_ID)


def settled(entries: Iterable[Entry]) -> dict[int, Booked]:
    """What the purchases and refunds amount to, by the place of their first entry.

    The word with the later time says the amount, of those at one instant the later in the log. All refunds of an order
    together take back what it amounts to and no more, in order of their times, whatever order they arrived in.
    """
    groups = grouped(entries)
    amounts = {
        first: max(group, key=lambda entry: (entry.at_us, entry.place)).amount for first, group in groups.items()
    }
    orders = {first: named_order(group) for first, group in groups.items()}
    left = {
        orders[first]: amounts[first]
        for first, group in groups.items()
        if group[0].what == BOUGHT and orders[first] != NO_ID
    }
    booked: dict[int, Booked] = {}
    since = {first: _since(group) for first, group in groups.items()}
    for first, group in sorted(groups.items(), key=lambda each: (since[each[0]], each[1][0].event, each[0])):
        refund, order, amount = group[0].what == GIVEN_BACK, orders[first], amounts[first]
        counted = amount
        if refund and order in left:
            counted = min(amount, left[order])
            left[order] -= counted
        booked[first] = Booked(first, since[first], counted, refund, amount - counted, order)
    return booked


def _since(group: list[Entry]) -> int:
    """When a purchase or refund is booked; that nothing was given back yet is booked nowhere."""
    if group[0].what == GIVEN_BACK and not group[0].amount:
        return next((entry.at_us for entry in group if entry.amount), group[0].at_us)
    return group[0].at_us


def next_place(customer: Customer) -> int:
    """The place that the next entry takes."""
    return CHUNK * _open_number(customer) + len(rows_of(customer.bought))


def _open_number(customer: Customer) -> int:
    return 0 if customer.sealed is None else customer.sealed.following


def _entries(number: int, chunk: bytes) -> list[Entry]:
    return [
        Entry(place, event, order, at_us, amount, what)
        for place, (event, order, at_us, amount, what) in enumerate(rows_of(chunk), CHUNK * number)
    ]


def _name(named: dict[bytes, list[Entry]], entries: Iterable[Entry]) -> None:
    """Purchases and refunds among these, under each of their ids."""
    for entry in entries:
        if entry.what != SAID:
            named.setdefault(entry.event, []).append(entry)
            if entry.order != entry.event:
                named.setdefault(entry.order, []).append(entry)
