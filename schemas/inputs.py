"""What a shop sends in: purchases, survey answers, and what it knows of its customers.

Keys of all three are `customer_id`.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal, NamedTuple, Self

from pydantic import Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from schemas.scales import ALL_IN_WORDS, SCALES
from schemas.wire_types import (
    MAX_COMMENT,
    MAX_ITEMS,
    Amount,
    Currency,
    Identifier,
    Locale,
    Name,
    Score,
    SignedAmount,
    Time,
    WireModel,
    Zone,
)


class _Input(WireModel):
    event_id: Identifier = Field(
        description="Unique for this customer: what comes again with the same id is the same event and counts once; a purchase "
        "with another amount is corrected. 1–256 characters."
    )
    customer_id: Identifier = Field(
        description="Who. Must equal the record's key. 1–256 characters, no control characters."
    )
    occurred_at: Time = Field(
        description="When it happened: RFC 3339 with an offset, not before 1970, not in the future."
    )


class ItemLine(WireModel):
    """One line of a basket."""

    sku: Identifier = Field(description="The shop's article number. 1–256 characters.")
    name: Name | None = Field(None, description="What a message would call it, at most 500 characters; null = the sku.")
    category: Name | None = Field(None, description="At most 500 characters; null = unknown.")
    quantity: SignedAmount | None = Field(
        None, description="Pieces, or weight where sold by weight; negative for a returned piece; null = unknown."
    )
    amount: SignedAmount | None = Field(
        None, description="Line total in major units of the order's currency; negative for a discount; null = unknown."
    )


class Purchase(_Input):
    """One order, or money given back."""

    amount: Amount = Field(
        description="Total in major units, 0 ≤ amount < 10¹², as a number or a decimal text. "
        "A text is exact; a number is read as a double. Also ≥ 0 for a refund."
    )
    currency: Currency | None = Field(None, description="ISO 4217, e.g. EUR; null = the shop's currency.")
    kind: Literal["purchase", "refund"] | None = Field(
        "purchase", description="A refund lowers revenue and is never a visit; null = purchase."
    )
    order_id: Identifier | None = Field(
        None,
        description="The shop's order number: what comes again with it is the same order, and a refund that names it gives "
        "back of it; null = unknown.",
    )
    items: Annotated[tuple[ItemLine, ...], Field(strict=False, max_length=MAX_ITEMS)] | None = Field(
        None, description="Lines of the basket, at most 1,000; null = unknown."
    )
    channel: Name | None = Field(None, description="Where it was sold, e.g. web or store; null = unknown.")
    store_id: Name | None = Field(None, description="Which store; null = unknown.")


class SurveyAnswer(_Input):
    """One answer to a satisfaction question."""

    survey: Literal["nps", "csat", "ces"] = Field(description=f"{ALL_IN_WORDS}.")
    score: Score = Field(description="Whole number on the survey's scale.")
    comment: Annotated[str, StringConstraints(max_length=MAX_COMMENT)] | None = Field(
        None, description="Free text of at most 10,000 characters; null = none."
    )
    order_id: Identifier | None = Field(None, description="The order asked about; null = unknown.")
    kind: Literal["answer"] | None = Field("answer", description="null = answer.")

    @model_validator(mode="after")
    def _score_lies_on_its_scale(self) -> Self:
        lowest, highest = SCALES[self.survey]
        if not lowest <= self.score <= highest:
            raise PydanticCustomError(
                "score_off_scale",
                "score: {survey} goes from {lowest} to {highest}",
                {"survey": self.survey, "lowest": lowest, "highest": highest},
            )
        return self


class SurveyEvent(_Input):
    """An answer, or the shop's word that it has dealt with what an answer was about."""

    kind: Literal["answer", "resolved"] | None = Field(
        "answer",
        description="resolved closes the case that a low answer has opened, and the customer may hear of it; null = answer.",
    )
    survey: Literal["nps", "csat", "ces"] | None = Field(
        None, description=f"{ALL_IN_WORDS}. Required for an answer; of a case null = whichever it was."
    )
    score: Score | None = Field(
        None, description="Whole number on the survey's scale. Required for an answer, and of no meaning for a case."
    )
    comment: Annotated[str, StringConstraints(max_length=MAX_COMMENT)] | None = Field(
        None,
        description="Free text of at most 10,000 characters; of a case what the shop did about it, which the message to the "
        "customer may quote; null = none.",
    )
    order_id: Identifier | None = Field(
        None, description="The order asked about; of a case null = whichever it was; null = unknown."
    )


class Contact(WireModel):
    """How to reach a customer; null = not said in this event, so what was known stays."""

    email: Annotated[str, StringConstraints(max_length=254, pattern=r"^[^@\s]+@[^@\s]+$")] | None = Field(
        None, description="E-mail address, at most 254 characters."
    )
    phone: Annotated[str, StringConstraints(max_length=40, pattern=r"^[+0-9][0-9 ()./-]*$")] | None = Field(
        None, description="Telephone number, e.g. +33 1 23 45 67 89."
    )
    crm_id: Identifier | None = Field(None, description="The customer's id in the CRM.")


class Bounce(WireModel):
    """Mail to the customer came back."""

    email: Annotated[str, StringConstraints(max_length=254)] | None = Field(
        None, description="The address it was sent to; null = the one that was known at occurred_at."
    )
    type: Literal["hard", "soft", "lifted"] | None = Field(
        "hard",
        description="hard: there is no such mailbox, and nothing is sent to the address until another is said; soft: it passes "
        "and changes nothing; lifted: takes earlier bounces back; null = hard.",
    )


class CustomerEvent(_Input):
    """What the shop says of a customer, that two ids are one person, or that this customer must be forgotten."""

    kind: Literal["profile", "erase", "merge"] | None = Field(
        "profile",
        description="erase deletes everything known and blocks re-ingestion; merge says that this id is merged_into "
        "from now on, and has always been; null = profile.",
    )
    merged_into: Identifier | None = Field(
        None, description="For a merge, and required there: the customer's id from now on."
    )
    first_name: Name | None = Field(None, description="At most 500 characters; null = not said.")
    locale: Locale | None = Field(None, description="BCP 47, e.g. fr-FR; null = not said.")
    timezone: Zone | None = Field(None, description="IANA name, e.g. Europe/Paris; null = not said.")
    contact: Contact | None = Field(None, description="How to reach the customer; null = not said.")
    marketing_consent: bool | None = Field(None, description="true or false; null = not said in this event.")
    bounce: Bounce | None = Field(None, description="Mail to the customer came back; null = not said.")
    complaint: bool | None = Field(
        None,
        description="true: the customer has called a message spam, which is marketing_consent = false; false or null = not said.",
    )
    profiling: bool | None = Field(
        None,
        description="false: the customer objects to profiling, so they have no scores and no message is chosen for them; true: "
        "takes that back; null = not said.",
    )
    outreach_id: Identifier | None = Field(
        None,
        description="Beside bounce or complaint: the id of the outreach.requested that it is about, or the provider_id that "
        "deliveries gives for it; null = the last one delivered.",
    )

    @model_validator(mode="after")
    def _a_merge_says_into_whom(self) -> Self:
        if self.kind == "merge" and self.merged_into is None:
            raise PydanticCustomError("missing_field", "merged_into: is required for a merge")
        if self.kind == "merge" and self.merged_into == self.customer_id:
            raise PydanticCustomError("invalid_value", "merged_into: must be another id than customer_id")
        return self


class InputChannel(NamedTuple):
    """One input as the documents describe it."""

    name: str
    """Of its topic, unless the settings give it another."""
    about: str
    model: type[_Input]
    schema: str
    """Name of its JSON Schema."""


PURCHASES: Final = InputChannel("purchases", "Orders and refunds.", Purchase, "purchase")
SURVEYS: Final = InputChannel(
    "surveys", "Answers to NPS, CSAT and CES questions, and what was done about them.", SurveyEvent, "survey-answer"
)
CUSTOMERS: Final = InputChannel("customers", "Profiles, consent, erasures.", CustomerEvent, "customer-event")
INPUT_CHANNELS: Final = (PURCHASES, SURVEYS, CUSTOMERS)
