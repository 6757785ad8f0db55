"""A customer as it is stored: the snapshot, and the customer of one.

A MessagePack array of the fields (customer_fields.py) whose first element is the schema version; new fields are
appended with defaults, so an older snapshot is upgraded by reading it.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from service.domain import wide_numbers
from service.domain.answers import Answers
from service.domain.customer import Customer
from service.domain.customer_fields import FIELDS, OF_EPISODE, ONLY_SOME, REAL
from service.domain.favourites import Favourites
from service.domain.profile import ProfileState
from service.domain.sealed_chunks import Sealed, of_order_memory
from service.domain.stumbling import LaterReleaseError

VERSION: Final = 1
_LOG_GAP_SUM: Final = 37
"""Elements of a snapshot, its version included, from before log_gap_sum."""
_encode = msgspec.msgpack.encode


def fields_of(customer: Customer) -> tuple[object, ...]:
    """The values of FIELDS in that order, as they are stored. Spelt out, because it is made at every visit."""
    episode, rare = customer.episode, customer.rare_fields()
    fields = (
        customer.visits,
        customer.orders,
        customer.revenue_minor,
        customer.first_us,
        customer.last_us,
        customer.first_day,
        customer.last_day,
        customer.previous_day,
        customer.days_from,
        customer.days.to_bytes((customer.days.bit_length() + 7) // 8, "little"),
        customer.seen,
        customer.log_usual,
        customer.log_recent,
        customer.gap_weight if customer.gap_weight != 0.0 else 0,
        customer.gap_total if customer.gap_total != 0.0 else 0,
        customer.gap_square if customer.gap_square != 0.0 else 0,
        customer.visit_minor,
        customer.recent_spend if customer.recent_spend != -1.0 else -1,
        episode.due_us,
        episode.rung,
        episode.detected_us,
        episode.released_us,
        episode.released_rung,
        episode.stalled_us,
        customer.change_us,
        customer.segment,
        customer.band,
        customer.judged,
        -1,  # the bucket of an earlier release's due queue
        None if customer.items is None else customer.items.fields(),
        None if customer.answers is None else customer.answers.fields(),
        None if customer.profile is None else customer.profile.fields(),
        episode.paused_us,
        customer.risk_band,
        None,  # orders, as an earlier release has kept them
        episode.earlier_releases,
        customer.log_gap_sum if customer.log_gap_sum != 0.0 else 0,
        episode.alerted_us,
        customer.bought,
        0 if customer.sealed is None else customer.sealed.following,
        customer.sign_us,
        episode.waits_for,
        episode.sent_as,
        episode.sent_until_us,
        customer.source,
        customer.source_votes,
        customer.judged_after_us,
    )
    return (*fields, rare) if rare else fields


def snapshot(customer: Customer) -> bytes:
    """What `restore` takes."""
    fields = (VERSION, *fields_of(customer))
    try:
        return _encode(fields)
    except OverflowError:  # a sum beyond 64 bits
        return wide_numbers.encode(fields)


def restore(customer_id: str, value: bytes) -> Customer:
    """The customer of a snapshot. Raises ValueError for bytes that are no snapshot of this or an earlier version,
    LaterReleaseError where they are one of a later one."""
    try:
        fields = wide_numbers.decode(value)
    except msgspec.MsgspecError as error:
        raise ValueError(f"not a customer's snapshot: {error}") from error
    return of_fields(customer_id, fields)


def of_fields(customer_id: str, fields: Any) -> Customer:
    """The same of what a snapshot holds, its version first."""
    try:
        if not isinstance(fields, list) or not fields or not isinstance(fields[0], int):
            raise ValueError("not a customer's snapshot")
        if fields[0] > VERSION or (fields[0] == VERSION and len(fields) > len(FIELDS) + 1):
            raise LaterReleaseError("not a customer's snapshot of a known version: a later release has written it")
        if fields[0] != VERSION:
            raise ValueError("not a customer's snapshot of a known version")
        customer, memory = Customer(customer_id), None
        for name, field in zip(FIELDS, fields[1:], strict=False):
            if name == "days":
                customer.days = int.from_bytes(field, "little")
            elif name == "items":
                customer.items = None if field is None else Favourites.of(field)
            elif name == "answers":
                customer.answers = None if field is None else Answers.of(field)
            elif name == "profile":
                customer.profile = None if field is None else ProfileState.of(field)
            elif name == "order_memory":
                memory = field
            elif name == "chunks_sealed":
                customer.sealed = Sealed(field) if field else None
            elif name == "rare":
                customer.take_rare(field)
            elif name in OF_EPISODE:
                customer.episode.restore(name, field)
            elif name in REAL:
                setattr(customer, name, float(field))
            elif name in ONLY_SOME:
                if field:
                    setattr(customer, name, field)
            else:
                setattr(customer, name, field)
    except (TypeError, OverflowError) as error:
        raise ValueError(f"not a customer's snapshot: {error}") from error
    customer.bucket = -1
    if len(fields) <= _LOG_GAP_SUM and customer.gap_weight > 0.0:  # as good as an older release knows it
        customer.log_gap_sum = customer.gap_total / customer.gap_weight * (customer.visits - 1)
    if memory is not None:
        customer.bought = of_order_memory(memory)
    return customer
