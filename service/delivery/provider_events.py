"""What mail providers post of mail that came back, of complaints, and of people who do not want any more.

One shape is ours and documented in docs/delivery.md; those of Amazon SES (through SNS), Mailgun, Postmark and SendGrid
are taken as they come, each told by fields that no other has. What passes (a soft bounce, an opened mail) is no news
here and is left out. Pure: a body in, what it says out.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping
from enum import StrEnum
from typing import Any, Final, NamedTuple

import msgspec

from service.delivery.mail import POSTMARK_METADATA
from service.delivery.requests import time_us
from service.domain.calendar import SECOND_US

_ONE_OF_OURS: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_MOST: Final = 5_000
"""Events in one body; SendGrid sends up to a thousand or so."""


class What(StrEnum):
    BOUNCE = "bounce"
    COMPLAINT = "complaint"
    UNSUBSCRIBE = "unsubscribe"


class Told(NamedTuple):
    """One piece of news."""

    event_id: str
    """Ours, made of the provider's: the same news has the same id however often it comes."""
    what: What
    email: str | None
    customer_id: str | None
    """Where the provider knows it; None = whoever has the address."""
    at_us: int | None
    """None = the provider does not say."""
    outreach_id: str | None = None
    """Of the message it is about, or what the provider calls it; None = nobody says."""


class Read(NamedTuple):
    """What one body says."""

    told: list[Told]
    left_out: int
    """Events that are no news."""
    confirm: str | None = None
    """An address that must be opened once by a person, so that SNS begins to post."""
    unreadable: str | None = None
    """What is wrong with the first event that cannot be read, where others can be."""


class UnreadableEventError(ValueError):
    """A body in no shape that is known; the message says what is missing."""


def read_events(body: bytes) -> Read:
    """Raises UnreadableEventError where nothing of it can be read."""
    try:
        found = msgspec.json.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise UnreadableEventError("the body is not JSON") from error
    if isinstance(found, dict) and found.get("Type") in {"SubscriptionConfirmation", "UnsubscribeConfirmation"}:
        url = found.get("SubscribeURL")
        return Read([], 1, url if isinstance(url, str) and url.startswith("https://") else None)
    events = found.get("events", [found]) if isinstance(found, dict) else found
    if not isinstance(events, list) or len(events) > _MOST:
        raise UnreadableEventError(f"the body is one event, a list, or an object with `events`: {_MOST:,} at most")
    told: list[Told] = []
    left_out = 0
    unreadable: UnreadableEventError | None = None
    for event in events:
        try:
            some = _told_by(event)
        except UnreadableEventError as error:
            unreadable = unreadable or error
            continue
        told += some
        left_out += not some
    if unreadable is not None and not told:
        raise unreadable
    return Read(told, left_out, unreadable=None if unreadable is None else str(unreadable))


def _told_by(event: object) -> list[Told]:
    if not isinstance(event, dict):
        raise UnreadableEventError("an event is an object")
    try:
        return list(_shape_of(event)(event))
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise UnreadableEventError(f"an event cannot be read ({type(error).__name__}: {str(error)[:100]})") from error


def _shape_of(event: Mapping[str, Any]) -> Callable[[Mapping[str, Any]], Iterator[Told]]:
    if event.get("Type") == "Notification" and "Message" in event:
        return _sns
    if "notificationType" in event or "eventType" in event:
        return _ses
    if "event-data" in event:
        return _mailgun
    if "RecordType" in event:
        return _postmark
    if "sg_event_id" in event:
        return _sendgrid
    return _ours


def _ours(event: Mapping[str, Any]) -> Iterator[Told]:
    what = What(event["type"])
    email, customer_id = event.get("email"), event.get("customer_id")
    if not (email or customer_id):
        raise ValueError("email or customer_id is required")
    if what is What.BOUNCE and event.get("bounce_type", "hard") != "hard":
        if event["bounce_type"] != "soft":
            raise ValueError("bounce_type is hard or soft")
        return
    outreach_id = event.get("outreach_id") or None
    _check("outreach_id", outreach_id)
    told = _told("events", event["event_id"], what, email, event.get("occurred_at"), customer_id)
    yield told._replace(outreach_id=_text(outreach_id))


def _sns(event: Mapping[str, Any]) -> Iterator[Told]:
    return _ses(msgspec.json.decode(event["Message"]))


def _ses(event: Mapping[str, Any]) -> Iterator[Told]:
    match event.get("notificationType") or event.get("eventType"):
        case "Bounce":
            part = event["bounce"]
            if part["bounceType"] == "Permanent":
                for to in part["bouncedRecipients"]:
                    told = _told("ses", part["feedbackId"], What.BOUNCE, to["emailAddress"], part.get("timestamp"))
                    yield _about(told, _ses_name(event))
        case "Complaint":
            part = event["complaint"]
            for to in part["complainedRecipients"]:
                told = _told("ses", part["feedbackId"], What.COMPLAINT, to["emailAddress"], part.get("timestamp"))
                yield _about(told, _ses_name(event))


def _mailgun(event: Mapping[str, Any]) -> Iterator[Told]:
    data = event["event-data"]
    what = {"failed": What.BOUNCE, "complained": What.COMPLAINT, "unsubscribed": What.UNSUBSCRIBE}.get(data["event"])
    if what is None or (what is What.BOUNCE and data.get("severity") != "permanent"):
        return
    told = _told("mailgun", data["id"], what, data["recipient"], data.get("timestamp"))
    yield _about(told, _local_part(_within(data, "message", "headers", "message-id")))


def _postmark(event: Mapping[str, Any]) -> Iterator[Told]:
    match event["RecordType"]:
        case "Bounce" if event["Type"] in {"HardBounce", "BadEmailAddress"}:
            told = _told("postmark", event["ID"], What.BOUNCE, event["Email"], event.get("BouncedAt"))
            yield _about(told, _within(event, "Metadata", POSTMARK_METADATA))
        case "SpamComplaint":
            told = _told("postmark", event["ID"], What.COMPLAINT, event["Email"], event.get("BouncedAt"))
            yield _about(told, _within(event, "Metadata", POSTMARK_METADATA))
        case "SubscriptionChange" if event["SuppressSending"] and event["SuppressionReason"] == "ManualSuppression":
            said = (event["MessageID"], What.UNSUBSCRIBE, event["Recipient"], event.get("ChangedAt"))
            yield _told("postmark", *said)


def _sendgrid(event: Mapping[str, Any]) -> Iterator[Told]:
    what = {
        "bounce": What.BOUNCE,
        "spamreport": What.COMPLAINT,
        "unsubscribe": What.UNSUBSCRIBE,
        "group_unsubscribe": What.UNSUBSCRIBE,
    }.get(event["event"])
    if what is None or (what is What.BOUNCE and event.get("type", "bounce") != "bounce"):
        return  # "blocked" passes
    told = _told("sendgrid", event["sg_event_id"], what, event["email"], event.get("timestamp"))
    yield _about(told, _local_part(event.get("smtp-id")))


def _ses_name(event: Mapping[str, Any]) -> object:
    """Ours, where SES is set to quote the headers and the message had it; else that of SES."""
    ours = _local_part(_within(event, "mail", "commonHeaders", "messageId"))
    return ours if ours is not None and _ONE_OF_OURS.fullmatch(ours) else _within(event, "mail", "messageId")


def _within(found: Any, *names: str) -> object:
    """None where one of them is not there: it names the message and is not needed."""
    for name in names:
        found = found.get(name) if isinstance(found, dict) else None
    return found


def _local_part(message_id: object) -> str | None:
    """Of a Message-ID, which is the id of the request (`mail.Envelope.message_id`)."""
    return message_id.strip("<> ").rpartition("@")[0] or None if isinstance(message_id, str) else None


def _about(told: Told, name: object) -> Told:
    """With the message it is about, as far as a provider has given a name that can be one."""
    usable = isinstance(name, str) and 0 < len(name) <= 256 and name.isprintable()
    return told._replace(outreach_id=str(name)) if usable else told


def _told(provider: str, their_id: object, what: What, email: object, at: object, customer_id: object = None) -> Told:
    _check("email", email)
    _check("customer_id", customer_id)
    if their_id in {None, ""} or not isinstance(their_id, str | int):
        raise ValueError("the event has no id")
    digest = hashlib.sha256(f"{their_id}\0{what}\0{email}\0{customer_id}".encode(errors="replace")).hexdigest()
    return Told(f"{provider}-{digest[:32]}", what, _text(email), _text(customer_id), _at_us(at))


def _check(name: str, value: object) -> None:
    if value is not None and not (isinstance(value, str) and 0 < len(value) <= 256 and value.isprintable()):
        raise ValueError(f"{name} is a text of at most 256 characters")


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _at_us(at: object) -> int | None:
    """Of RFC 3339, or of seconds since 1970."""
    if at is None:
        return None
    found = int(at * SECOND_US) if isinstance(at, int | float) else time_us(at)
    if found < 0:
        raise ValueError("a time before 1970")
    return found
