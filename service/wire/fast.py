"""The quick way in: typed decoding of plain events with msgspec.

Sound, not complete: whatever is accepted here the pydantic models accept with the same meaning; whatever is refused
here is left to them. So this may be stricter (a raw text over 4 KiB, more than 100 brackets), never laxer.
tests/property/test_decoder_agrees_with_pydantic.py holds it to that.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final, Literal, TypeVar

import msgspec

from schemas.wire_types import MAX_AMOUNT, MAX_COMMENT, MAX_ID, MAX_NAME

_MAX_BYTES: Final = 4_096
"""pydantic refuses whole numbers of more than 4,300 digits, also in fields nobody reads; msgspec skips them unseen."""
_MAX_BRACKETS: Final = 100
"""pydantic refuses nesting beyond 200 levels, also in fields nobody reads; msgspec skips those too."""
TOO_SHORT_TO_BE_DEEP: Final = 400
"""Bytes; 200 levels need as many opening and closing brackets, so that shorter texts need no counting."""

_Id = Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_ID)]
_Name = Annotated[str, msgspec.Meta(max_length=MAX_NAME)]
_Number = Annotated[float, msgspec.Meta(gt=-MAX_AMOUNT, lt=MAX_AMOUNT)]
_Decimal = Annotated[str, msgspec.Meta(pattern=r"^-?[0-9]{1,12}(?:\.[0-9]{1,40})?\Z")]


class FastLine(msgspec.Struct, gc=False):
    sku: _Id
    name: _Name | None = None
    category: _Name | None = None
    quantity: _Number | _Decimal | None = None
    amount: _Number | _Decimal | None = None


class FastPurchase(msgspec.Struct, gc=False):
    """`specversion` admits no value: an event that has one may be a CloudEvent, which this path does not read."""

    event_id: _Id
    customer_id: _Id
    occurred_at: datetime
    amount: int | float | str
    currency: str | None = None
    kind: Literal["purchase", "refund"] | None = None
    order_id: _Id | None = None
    items: Annotated[list[FastLine], msgspec.Meta(max_length=_MAX_BRACKETS)] | None = None
    channel: _Name | None = None
    store_id: _Name | None = None
    specversion: msgspec.UnsetType = msgspec.UNSET


class FastAnswer(msgspec.Struct, gc=False):
    event_id: _Id
    customer_id: _Id
    occurred_at: datetime
    survey: Literal["nps", "csat", "ces"]
    score: int
    comment: Annotated[str, msgspec.Meta(max_length=MAX_COMMENT)] | None = None
    order_id: _Id | None = None
    kind: Literal["answer"] | None = None
    specversion: msgspec.UnsetType = msgspec.UNSET


Wire = TypeVar("Wire", FastPurchase, FastAnswer)


def decode_fast(decoder: msgspec.json.Decoder[Wire], value: bytes) -> Wire | None:
    """The typed event, or None where the models must decide."""
    if len(value) > TOO_SHORT_TO_BE_DEEP and (
        len(value) > _MAX_BYTES or value.count(b"{") + value.count(b"[") > _MAX_BRACKETS
    ):
        return None
    try:
        if not value.isascii():
            value.decode()  # texts of unknown fields are skipped unread
        return decoder.decode(value)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None
