"""The accepted events, as the engine sees them: decoded, validated, in integer units.

Wire forms live in `schemas/`; the decoder (shell) and the history reader turn them into these.
Times are microseconds since 1970-01-01T00:00Z, money is integer minor units of the shop's currency.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec


class Survey(StrEnum):
    NPS = "nps"
    CSAT = "csat"
    CES = "ces"


class Item(msgspec.Struct, frozen=True, gc=False):
    """One line of a basket. `name` is what a message would call it; the sku where no name is known."""

    sku: str
    name: str


class Purchase(msgspec.Struct, gc=False):
    """One order or, with `refund`, money given back. A refund is never a visit."""

    event_id: str
    """Empty: known to be no duplicate (a log without ids)."""
    customer_id: str
    at_us: int
    amount_minor: int
    """≥ 0 also for a refund; 0 where the amount is unknown."""
    refund: bool = False
    order_id: str | None = None
    items: tuple[Item, ...] = ()
    left_out: tuple[str, ...] = ()
    """Names of optional fields that could not be read."""
    source: str = ""
    """The store, else the channel; empty: not said."""


class SurveyAnswer(msgspec.Struct, gc=False):
    event_id: str
    customer_id: str
    at_us: int
    survey: Survey
    score: int
    order_id: str | None = None


class Resolved(msgspec.Struct, gc=False):
    """The shop has dealt with what an answer was about."""

    event_id: str
    customer_id: str
    at_us: int
    survey: Survey | None = None
    """None: whichever it was, like the order."""
    order_id: str | None = None
    note: str = ""
    """What was done, in the shop's words; empty: not said."""


class Profile(msgspec.Struct, gc=False):
    """What the shop says of a customer. None = not said in this event, so what was known stays."""

    event_id: str
    customer_id: str
    at_us: int
    first_name: str | None = None
    locale: str | None = None
    timezone: str | None = None
    email: str | None = None
    phone: str | None = None
    crm_id: str | None = None
    marketing_consent: bool | None = None
    """False also where the customer has complained."""
    bounced: str | None = None
    """Address to which mail came back for good; empty: the one known at that time."""
    bounces_lifted: bool = False
    """Earlier bounces count no more."""
    alike: tuple[str, ...] = ()
    """Names of fields that look like these and are not read."""
    complained: bool = False
    """The customer has called a message spam."""
    outreach_id: str | None = None
    """The message that came back or was complained about; None = the last one."""
    profiling: bool | None = None
    """False: the customer objects to it; True: they take that back."""


class Erasure(msgspec.Struct, gc=False):
    event_id: str
    customer_id: str
    at_us: int


class Withdrawal(msgspec.Struct, gc=False):
    """The shop has deleted the customer's profile: what it said up to then counts no more."""

    event_id: str
    """Empty: a deletion has none."""
    customer_id: str
    at_us: int


class Merge(msgspec.Struct, gc=False):
    """One person, two ids: `customer_id` is `merged_into` from now on, and has always been."""

    event_id: str
    customer_id: str
    at_us: int
    merged_into: str


class SignOfLife(msgspec.Struct, gc=False):
    """A purchase that was refused, for its currency, its amount, its date …: the customer was there, nothing more is
    known."""

    customer_id: str
    at_us: int
    """0 or less: not known."""
    own_time: bool
    """Whether that is the purchase's own time, which moves the stream's; else it is when the record was written."""


Event = Purchase | SurveyAnswer | Resolved | Profile | Erasure | Merge
