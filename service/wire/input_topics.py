"""The one table of input topics: what each is called, who reads it, what it becomes and how it is written.

Everything that deals with inputs is derived from it: the topics that are created and checked, what a worker subscribes
to and is assigned, the order in which events of one instant are applied, decoding, counting, and what a replay sends
where. A new input is a wire form with its channel (schemas/inputs.py), a setting for its name
(config/sections/kafka.py), an event (domain/events.py), what the engine does with it, how it is decoded (decoder.py),
and a row here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from schemas import inputs
from service.config import Settings, TopicNames
from service.domain.calendar import utc_text
from service.domain.events import (
    Erasure,
    Event,
    Merge,
    Profile,
    Purchase,
    Resolved,
    SignOfLife,
    SurveyAnswer,
    Withdrawal,
)
from service.domain.money import minor_to_text
from service.wire.decoder import Decoder
from service.wire.framing import Headers

Decode = Callable[[bytes | None, bytes | None, Headers, int], Event]
"""Value, key and headers of a record, and the present time in µs → the event. PoisonError when it can never be
accepted."""
Sign = Callable[[bytes | None, bytes | None, Headers, int, int], SignOfLife | None]
"""Value, key and headers of a refused record, the present time and that of the record in the log, in µs → whose sign of
life it is."""
Body = dict[str, object]


@dataclass(frozen=True, slots=True)
class InputTopic:
    """One row."""

    channel: inputs.InputChannel
    """Its wire form. The channel's name is the topic's default name and its key among the settings kafka.topics."""
    rank: int
    """Events of one instant are applied in the order of their topics' ranks."""
    events: tuple[type[Event], ...]
    """What its records become."""
    decode: Callable[[Decoder], Decode]
    """The decoder's method for its records."""
    write: Callable[[Any, int], Body]
    """The fields of an event of it, with the currency's minor digits; those that every input has are not among them."""
    counted: Mapping[str, str]
    """Counters of the engine (domain/counts.py) → the type that the metrics show them as."""
    sign: Callable[[Decoder], Sign] | None = None
    """The decoder's method for what a refused record of it still says; None: nothing."""
    withdrawal: Callable[[Decoder], Callable[[bytes | None, int, Headers], Withdrawal | None]] | None = None
    """The decoder's method for a record without a value (key, its time in the log in µs, headers); None: it says
    nothing."""

    def name(self, topics: TopicNames) -> str:
        """What it is called here."""
        name: str = getattr(topics, self.channel.name)
        return name


def _purchase(event: Purchase, minor_digits: int) -> Body:
    body: Body = {
        "amount": minor_to_text(event.amount_minor, minor_digits),
        "kind": "refund" if event.refund else "purchase",
    }
    if event.order_id is not None:
        body["order_id"] = event.order_id
    if event.items:
        body["items"] = [{"sku": item.sku, "name": item.name} for item in event.items]
    if event.source:
        body["store_id"] = event.source
    return body


def _answer(event: SurveyAnswer | Resolved, minor_digits: int) -> Body:  # noqa: ARG001 - the signature of every writer
    if isinstance(event, Resolved):
        said = {"survey": event.survey, "order_id": event.order_id, "comment": event.note or None}
        return {"kind": "resolved", **{name: value for name, value in said.items() if value is not None}}
    body: Body = {"survey": event.survey, "score": event.score}
    if event.order_id is not None:
        body["order_id"] = event.order_id
    return body


def _customer(event: Profile | Erasure | Merge, minor_digits: int) -> Body:  # noqa: ARG001 - the signature of every writer
    if isinstance(event, Erasure):
        return {"kind": "erase"}
    if isinstance(event, Merge):
        return {"kind": "merge", "merged_into": event.merged_into}
    contact = {"email": event.email, "phone": event.phone, "crm_id": event.crm_id}
    said = {
        "first_name": event.first_name,
        "locale": event.locale,
        "timezone": event.timezone,
        "contact": {name: text for name, text in contact.items() if text is not None} or None,
        "marketing_consent": event.marketing_consent,
        "profiling": event.profiling,
    }
    return {"kind": "profile", **{name: value for name, value in said.items() if value is not None}}


INPUT_TOPICS: Final = (
    InputTopic(
        inputs.PURCHASES,
        rank=2,
        events=(Purchase,),
        decode=lambda decoder: decoder.of_purchases,
        write=_purchase,
        counted={"purchases": "purchase", "refunds": "refund"},
        sign=lambda decoder: decoder.sign_of_purchases,
    ),
    InputTopic(
        inputs.SURVEYS,
        rank=3,
        events=(SurveyAnswer, Resolved),
        decode=lambda decoder: decoder.of_surveys,
        write=_answer,
        counted={"answers": "survey_answer", "resolutions": "survey_resolved"},
    ),
    InputTopic(
        inputs.CUSTOMERS,
        rank=1,  # what the shop knows of a customer comes before what they do
        events=(Profile, Erasure, Merge),
        decode=lambda decoder: decoder.customer,
        write=_customer,
        counted={"profiles": "profile", "erasures": "erasure", "merges": "merge", "withdrawals": "withdrawal"},
        withdrawal=lambda decoder: decoder.withdrawal,
    ),
)
"""In the order in which people are told of them."""

BY_RANK: Final = tuple(sorted(INPUT_TOPICS, key=lambda row: row.rank))
"""In the order that breaks ties of time."""
TOPIC_OF: Final[Mapping[type[Event], InputTopic]] = {event: row for row in INPUT_TOPICS for event in row.events}


def input_names(topics: TopicNames) -> tuple[str, ...]:
    """What the input topics are called here."""
    return tuple(row.name(topics) for row in INPUT_TOPICS)


def names_keyed_by_customer(settings: Settings) -> tuple[str, ...]:
    """Those whose records lie where their customers belong, as far as producers hash alike."""
    otherwise = {name for name, said in settings.inputs.of_topics.items() if said.key != "customer_id"}
    return tuple(row.name(settings.kafka.topics) for row in INPUT_TOPICS if row.channel.name not in otherwise)


def names_of_schemas(settings: Settings) -> frozenset[str]:
    """Inputs, by their names among the settings, whose records have the id of a schema in front."""
    return frozenset(name for name, said in settings.inputs.of_topics.items() if said.needs_registry)


def names_of_key_schemas(settings: Settings) -> frozenset[str]:
    """Those whose keys are read by their schemas too."""
    return frozenset(name for name, said in settings.inputs.of_topics.items() if said.needs_key_schemas)


def wire_fields(event: Event, minor_digits: int) -> Body:
    """The event in the wire form of its topic; what is not known is left out."""
    return {
        "event_id": event.event_id,
        "customer_id": event.customer_id,
        "occurred_at": utc_text(event.at_us),
        **TOPIC_OF[type(event)].write(event, minor_digits),
    }
