"""Accepted events → records of the input topics: where replay, demo and simulation enter the same door as everybody else."""

from __future__ import annotations

from functools import lru_cache
from typing import assert_never

import msgspec
from kafka.partitioner.default import murmur2

from service.domain.calendar import SECOND_US, to_datetime
from service.domain.events import Erasure, Event, Profile, Purchase, SurveyAnswer
from service.domain.money import decimal_text

_encode = msgspec.json.Encoder().encode


@lru_cache(maxsize=200_000)  # the hash is pure Python, and customers come back
def partition_for(key: bytes, partitions: int) -> int:
    """Kafka's own default partitioner: murmur2 of the key, made positive, modulo the number of partitions."""
    return int((murmur2(key) & 0x7FFF_FFFF) % partitions)


def key_of(event: Event) -> bytes:
    return event.customer_id.encode()


def value_of(event: Event, minor_digits: int) -> bytes:
    """The event as JSON of the input schemas; what is not known is left out."""
    body: dict[str, object] = {
        "event_id": event.event_id,
        "customer_id": event.customer_id,
        "occurred_at": rfc3339(event.at_us),
    }
    match event:
        case Purchase():
            body["amount"] = decimal_text(event.amount_minor, minor_digits)
            body["kind"] = "refund" if event.refund else "purchase"
            if event.order_id is not None:
                body["order_id"] = event.order_id
            if event.items:
                body["items"] = [{"sku": item.sku, "name": item.name} for item in event.items]
        case SurveyAnswer():
            body["survey"] = event.survey
            body["score"] = event.score
            if event.order_id is not None:
                body["order_id"] = event.order_id
        case Profile():
            body["kind"] = "profile"
            contact = {"email": event.email, "phone": event.phone, "crm_id": event.crm_id}
            said = {
                "first_name": event.first_name,
                "locale": event.locale,
                "timezone": event.timezone,
                "contact": {name: text for name, text in contact.items() if text is not None} or None,
                "marketing_consent": event.marketing_consent,
            }
            body.update({name: value for name, value in said.items() if value is not None})
        case Erasure():
            body["kind"] = "erase"
        case _:
            assert_never(event)
    return _encode(body)


def rfc3339(at_us: int) -> str:
    """UTC, ending in Z; the fraction only when there is one, to the microsecond."""
    text = to_datetime(at_us).isoformat(timespec="microseconds" if at_us % SECOND_US else "seconds")
    return text.removesuffix("+00:00") + "Z"
