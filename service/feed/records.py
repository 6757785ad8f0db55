"""Accepted events → records of the input topics: replay, demo and simulation use the door that everybody uses."""

from __future__ import annotations

import msgspec

from service.domain.events import Event
from service.wire.input_topics import wire_fields

_encode = msgspec.json.Encoder().encode


def key_of(event: Event) -> bytes:
    return event.customer_id.encode()


def value_of(event: Event, minor_digits: int) -> bytes:
    """The event as JSON of the input schemas."""
    return _encode(wire_fields(event, minor_digits))
