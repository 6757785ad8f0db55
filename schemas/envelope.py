"""CloudEvents 1.0 envelope of every output except dead letters (whose value is a plain record)."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from schemas.outputs import (
    CustomerRemoved,
    CustomerScores,
    DecisionRecord,
    DeliveryRecord,
    OutreachCancelled,
    OutreachMeasured,
    OutreachRequested,
    PeriodMetrics,
    ShopNotice,
)
from schemas.wire_types import UtcTime, WireModel


class _CloudEvent(WireModel):
    specversion: Literal["1.0"] = Field(description="Version of CloudEvents.")
    id: str = Field(
        min_length=1,
        description="Deterministic: the same fact always has the same id, so remembering ids means acting once.",
    )
    source: str = Field(min_length=1, description="Which service and shop says so, a URI reference.")
    subject: str = Field(min_length=1, description="The customer id, or the period for period.measured.")
    time: UtcTime = Field(description="Stream time of the fact, UTC.")
    datacontenttype: Literal["application/json"] = Field(description="Always application/json.")


class OutreachRequestedEvent(_CloudEvent):
    """Ask this customer back, now."""

    type: Literal["outreach.requested"] = Field(description="Kind of the event.")
    data: OutreachRequested = Field(description="What to say, to whom, and why.")


class OutreachCancelledEvent(_CloudEvent):
    """Do not act on an earlier request any more."""

    type: Literal["outreach.cancelled"] = Field(description="Kind of the event.")
    data: OutreachCancelled = Field(description="Which request is void, and why.")


class OutreachDecidedEvent(_CloudEvent):
    """A decision, whatever it was, with its reason."""

    type: Literal["outreach.decided"] = Field(description="Kind of the event.")
    data: DecisionRecord = Field(description="The decision.")


class CustomerScoredEvent(_CloudEvent):
    """A customer's numbers; the latest one per key counts."""

    type: Literal["customer.scored"] = Field(description="Kind of the event.")
    data: CustomerScores = Field(description="The scores.")


class CustomerRemovedEvent(_CloudEvent):
    """This customer's numbers are void: erased, or merged into another one. Posted in place of the null value that
    lies in the topic."""

    type: Literal["customer.removed"] = Field(description="Kind of the event.")
    data: CustomerRemoved = Field(description="Whose numbers are void.")


class PeriodMeasuredEvent(_CloudEvent):
    """A period's numbers; the highest revision per key counts."""

    type: Literal["period.measured"] = Field(description="Kind of the event.")
    data: PeriodMetrics = Field(description="The numbers.")


class ShopNoticedEvent(_CloudEvent):
    """The shop is told of one of its numbers."""

    type: Literal["shop.noticed"] = Field(description="Kind of the event.")
    subject: str = Field(min_length=1, description="The threshold, as the settings call it.")
    data: ShopNotice = Field(description="What is to be told.")


class OutreachMeasuredEvent(_CloudEvent):
    """What messages have brought; the highest revision per key counts."""

    type: Literal["outreach.measured"] = Field(description="Kind of the event.")
    subject: str = Field(min_length=1, description="The key of the record.")
    data: OutreachMeasured = Field(description="The numbers of both groups and what follows from them.")


class DeliveryRecordedEvent(_CloudEvent):
    """What has become of a request; the latest one per key counts."""

    type: Literal["delivery.recorded"] = Field(description="Kind of the event.")
    subject: str = Field(min_length=1, description="The id of the request.")
    data: DeliveryRecord = Field(description="The state of one request.")
