"""What was done with each id: the topic `deliveries`, as one partition's owner holds it.

Bounded by the ids that can still be asked for: an entry is forgotten (a tombstone) when its request has expired and the
topic `outreach` no longer holds it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from enum import StrEnum
from typing import Any, Final, NamedTuple

import msgspec

from service.delivery.requests import time_us
from service.domain.calendar import DAY_US, utc_text
from service.errors import ConfigurationError
from service.wire.cloud_events import cloud_event
from service.wire.ours import NOT_OURS

EVENT_TYPE: Final = "delivery.recorded"
MARGIN_US: Final = DAY_US
"""Beyond expiry and retention: clocks differ, and a broker deletes whole segments only."""


class State(StrEnum):
    """Of one id in one channel."""

    REQUESTED = "requested"
    """Waiting: not tried yet, or the other side said not now."""
    ATTEMPTED = "attempted"
    """Begun. Without an end it is not known whether the other side took it."""
    DELIVERED = "delivered"
    BOUNCED = "bounced"
    COMPLAINED = "complained"
    FAILED = "failed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"

    @property
    def final(self) -> bool:
        """Nothing will be sent for it any more."""
        return self not in {State.REQUESTED, State.ATTEMPTED}


class Entry(NamedTuple):
    """The newest that is known of one id."""

    state: State
    reason: str
    """A code; empty = none is needed."""
    at_us: int
    attempts: int
    expires_us: int
    """Of the request."""
    customer_id: str | None
    """None = erased."""
    sample: bool
    delivered_us: int | None = None
    """When it was delivered, of what has come back or been complained about since; None otherwise."""
    provider_id: str | None = None
    """What the mail server called it when it took it; None = it did not say, or the customer is erased."""

    def without_customer(self) -> Entry:
        """Nothing that leads to the customer is left, here or at a provider."""
        return self._replace(customer_id=None, provider_id=None)


def key_of(channel: str, request_id: str) -> bytes:
    """Of the record in `deliveries`.

    Mail is the first channel and has the bare id; another one names itself, so that two channels that carry the same
    request do not take each other's word.
    """
    return (request_id if channel == "smtp" else f"{request_id}.{channel}").encode()


def pack(channel: str, request_id: str, entry: Entry) -> bytes:
    """The record's value; `schemas/outputs.py` describes it."""
    return cloud_event(
        EVENT_TYPE,
        f"{request_id}.{channel}.{entry.state.value}.{entry.attempts}",
        request_id,
        entry.at_us,
        {
            "request_id": request_id,
            "customer_id": entry.customer_id,
            "channel": channel,
            "state": entry.state.value,
            "reason": entry.reason,
            "at": utc_text(entry.at_us),
            "attempts": entry.attempts,
            "expires_at": utc_text(entry.expires_us),
            "sample": entry.sample,
            **({} if entry.delivered_us is None else {"delivered_at": utc_text(entry.delivered_us)}),
            **({} if entry.provider_id is None else {"provider_id": entry.provider_id}),
        },
    )


def unpack(value: bytes) -> tuple[str, str, Entry]:
    """Channel, id and entry. Raises ValueError for what is no such record."""
    try:
        data: dict[str, Any] = msgspec.json.decode(value)["data"]
        delivered_at = data.get("delivered_at")
        return (
            data["channel"],
            data["request_id"],
            Entry(
                State(data["state"]),
                data["reason"],
                time_us(data["at"]),
                data["attempts"],
                time_us(data["expires_at"]),
                data["customer_id"],
                data.get("sample", False),
                None if delivered_at is None else time_us(delivered_at),
                data.get("provider_id"),
            ),
        )
    except (*NOT_OURS, AttributeError, KeyError, TypeError) as error:
        raise ValueError(f"not a record of a delivery: {error}") from error


def _later_state(value: bytes, channel: str) -> str | None:
    """What a record of that channel says became of a message, where this release has no such word; else None."""
    with suppress(*NOT_OURS, KeyError, TypeError):
        event = msgspec.json.decode(value)
        data = event["data"]
        state = data["state"]
        if event["type"] == EVENT_TYPE and data["channel"] == channel and isinstance(state, str):
            return None if state in set(State) else state
    return None


class Memory:
    """Of one partition and one channel."""

    def __init__(self, channel: str, kept_us: int) -> None:
        """`kept_us`: how long `outreach` holds a request."""
        self.channel = channel
        self.kept_us = kept_us
        self._entries: dict[str, Entry] = {}
        self._of_customer: dict[str, str | list[str]] = {}
        """Most have one id, and a list of one would take as much again."""
        self._forget: dict[int, list[str]] = {}
        """By the day from which on they are looked at; an id may stand there in vain."""

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, request_id: str) -> Entry | None:
        return self._entries.get(request_id)

    def take(self, key: bytes | None, value: bytes | None) -> None:
        """One record of the topic, in order. What is of another channel is passed over, and what is none of ours.
        Raises ConfigurationError where a later release says something that this one does not know: it might be that
        the message was sent."""
        if value is None:
            request_id = (key or b"").decode(errors="replace")
            self._drop(request_id if self.channel == "smtp" else request_id.removesuffix(f".{self.channel}"))
            return
        try:
            channel, request_id, entry = unpack(value)
        except ValueError:
            if (state := _later_state(value, self.channel)) is not None:
                raise ConfigurationError(
                    f"The topic of deliveries says {state!r} of a message, which this release does not know, so it could send "
                    "what has been sent: run the release that has written it."
                ) from None
            return
        if channel == self.channel:
            self.put(request_id, entry)

    def put(self, request_id: str, entry: Entry) -> None:
        before = self._entries.get(request_id)
        self._entries[request_id] = entry
        if before is None:
            self._look_on(entry, request_id)
        if before is not None and before.customer_id not in {None, entry.customer_id}:
            self._unlist(str(before.customer_id), request_id)
        if entry.customer_id is not None and (before is None or before.customer_id != entry.customer_id):
            self._list(entry.customer_id, request_id)

    def attempted(self) -> list[str]:
        """Ids that are begun and have no end."""
        return [request_id for request_id, entry in self._entries.items() if entry.state is State.ATTEMPTED]

    def customers(self) -> Iterator[str]:
        """Who is named in it."""
        return iter(self._of_customer)

    def of_customer(self, customer_id: str) -> list[str]:
        """Their ids, in the order in which they came."""
        ids = self._of_customer.get(customer_id, [])
        return [ids] if isinstance(ids, str) else list(ids)

    def forgettable(self, now_us: int, most: int) -> list[str]:
        """Ids that nobody can ask for any more, removed from here: their tombstones must be written."""
        gone: list[str] = []
        for day in sorted(day for day in self._forget if day * DAY_US <= now_us):
            waiting = self._forget[day]
            while waiting and len(gone) < most:
                request_id = waiting.pop()
                entry = self._entries.get(request_id)
                if entry is None:
                    continue
                if self._forget_us(entry) > now_us:  # it has been said anew since
                    self._look_on(entry, request_id)
                    continue
                gone.append(request_id)
                self._drop(request_id)
            if not waiting:
                del self._forget[day]
        return gone

    def _look_on(self, entry: Entry, request_id: str) -> None:
        self._forget.setdefault(-(-self._forget_us(entry) // DAY_US), []).append(request_id)

    def _forget_us(self, entry: Entry) -> int:
        return max(entry.expires_us, entry.at_us + self.kept_us) + MARGIN_US

    def _drop(self, request_id: str) -> None:
        entry = self._entries.pop(request_id, None)
        if entry is not None and entry.customer_id is not None:
            self._unlist(entry.customer_id, request_id)

    def _list(self, customer_id: str, request_id: str) -> None:
        ids = self._of_customer.setdefault(customer_id, request_id)
        if isinstance(ids, list):
            ids.append(request_id)
        elif ids != request_id:
            self._of_customer[customer_id] = [ids, request_id]

    def _unlist(self, customer_id: str, request_id: str) -> None:
        left = [one for one in self.of_customer(customer_id) if one != request_id]
        if left:
            self._of_customer[customer_id] = left
        else:
            self._of_customer.pop(customer_id, None)
