"""A purchase or refund whose event_id or order_id is known: the same one again, a word that corrects it, or money given
back for it.

The rules in words:

- The same event_id, or the same order_id of a purchase, is the same purchase, on the day on which it was first booked.
- What has been said before, with the same id, time and amount, is a duplicate and changes nothing.
- Of different amounts the one with the later time counts, at the same instant the one later in the log.
- All refunds of an order take back what it amounts to and no more, in order of their times; what is beyond is left out.
- Of one purchase, its order and what was given back for it so many words are taken and no more: each is read again with
  every further one.
- A purchase sent again with a later time is still a sign of life at that time: tills use their numbers again.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from service.domain.customer import Customer
from service.domain.events import Purchase
from service.domain.hashed_ids import NO_ID
from service.domain.purchase_history import (
    BOUGHT,
    GIVEN_BACK,
    Booked,
    Entry,
    grouped,
    named_order,
    next_place,
    related,
    settled,
)

MOST_WORDS: Final = 128
"""On one purchase, its order and its refunds. A till that repeats itself says a handful, an order that is given back
line by line a few dozen."""


class Change(NamedTuple):
    """What a purchase or refund counts for more than before, in minor units, on the day of its time; less where it is
    negative, and a refund counts negatively."""

    at_us: int
    minor: int
    bought: bool


class Known(NamedTuple):
    """What an event says of purchases that are known."""

    again: bool
    """It is no purchase or refund of its own."""
    duplicate: bool
    """It says nothing new at all."""
    changes: list[Change]
    order: bytes
    """As which order it is remembered."""
    restated: Booked | None
    """The purchase or refund that it is, as it counts now."""
    beyond: bool
    """By it more of refunds is left out than before."""
    too_many: bool = False
    """So much has been said of that purchase that this is not taken."""


_DUPLICATE: Final = Known(True, True, [], NO_ID, None, False)
_TOO_MANY: Final = Known(True, False, [], NO_ID, None, False, True)


def known_by(customer: Customer, event: Purchase, event_hash: bytes, order_hash: bytes) -> Known | None:
    """What the event means where one of its ids is known; None: it is new, and touches nothing."""
    entries = related(customer, event_hash, order_hash)
    if not entries:
        return None
    what = GIVEN_BACK if event.refund else BOUGHT
    if any(entry.event == event_hash != NO_ID and entry.what != what for entry in entries):
        return _DUPLICATE  # one id for two things: a producer's mistake
    groups = grouped(entries)
    order = _own_order(groups, event_hash, order_hash) if what == BOUGHT else order_hash
    new = Entry(next_place(customer), event_hash, order, event.at_us, event.amount_minor, what)
    group = next(group for group in grouped([*entries, new]).values() if new in group)
    again = len(group) > 1
    if again and any(_says_the_same(entry, new) for entry in group[:-1]):
        return _DUPLICATE
    if len(entries) >= MOST_WORDS:
        return _TOO_MANY
    before, after = settled(entries), settled([*entries, new])
    changes: list[Change] = []
    for place, booked in after.items():
        minor = booked.amount - (event.amount_minor if place == new.place else before[place].amount)
        if minor:
            changes.append(Change(booked.at_us, -minor if booked.refund else minor, not booked.refund))
    beyond = sum(booked.left_out for booked in after.values()) > sum(booked.left_out for booked in before.values())
    return Known(again, False, changes, order, after[group[0].place] if again else None, beyond)


def _own_order(groups: Mapping[int, list[Entry]], event_hash: bytes, order_hash: bytes) -> bytes:
    """The order that a purchase is remembered with: none where it is known by its event_id and names another order than
    it did, or one that is another purchase."""
    mine = next((group for group in groups.values() if any(e.event == event_hash != NO_ID for e in group)), None)
    if mine is None:
        return order_hash
    named = named_order(mine)
    if named == NO_ID:
        others = any(group[0].what == BOUGHT and named_order(group) == order_hash for group in groups.values())
        return NO_ID if others else order_hash
    return order_hash if named == order_hash else NO_ID


def _says_the_same(entry: Entry, new: Entry) -> bool:
    """Whether it is the same event, or one that cannot be told from it."""
    same = entry.at_us == new.at_us and entry.amount == new.amount
    return same and new.event in (entry.event, NO_ID)
