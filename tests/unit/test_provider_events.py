"""What mail providers post becomes an event on `customers`, once, and only for those whose address it is."""

from __future__ import annotations

import asyncio
import base64
import json
from typing import Any

import httpx
import pytest
from aiokafka.errors import KafkaTimeoutError
from fastapi import FastAPI
from pydantic import SecretStr

from schemas import inputs
from service.delivery.addresses import Addresses
from service.delivery.events_page import ProviderEvents, add_provider_events
from service.delivery.provider_events import UnreadableEventError, What, read_events
from service.domain.events import Erasure, Profile

BOUNCE, COMPLAINT, UNSUBSCRIBE = What.BOUNCE, What.COMPLAINT, What.UNSUBSCRIBE
ZOE = "zoe@example.com"
AT_US = 1_767_258_000_000_000
"""2026-01-01T09:00:00Z."""
SES_BOUNCE = {
    "notificationType": "Bounce",
    "bounce": {
        "bounceType": "Permanent",
        "bouncedRecipients": [{"emailAddress": ZOE}, {"emailAddress": "leo@example.com"}],
        "timestamp": "2026-01-01T09:00:00.000Z",
        "feedbackId": "f-1",
    },
}
SES_COMPLAINT = {
    "eventType": "Complaint",
    "complaint": {
        "complainedRecipients": [{"emailAddress": ZOE}],
        "timestamp": "2026-01-01T09:00:00Z",
        "feedbackId": "f-2",
    },
}
MAILGUN = {"event": "complained", "id": "m-1", "recipient": ZOE, "timestamp": 1_767_258_000.0}
POSTMARK = {"RecordType": "Bounce", "Type": "HardBounce", "ID": 42, "Email": ZOE, "BouncedAt": "2026-01-01T09:00:00Z"}
SENDGRID = {"sg_event_id": "s-1", "event": "bounce", "type": "bounce", "email": ZOE, "timestamp": 1_767_258_000}
OURS = {"event_id": "o-1", "type": "unsubscribe", "email": ZOE, "occurred_at": "2026-01-01T09:00:00Z"}


WRONG: tuple[dict[str, Any], ...] = (
            {"type": "opened"}, {"event_id": None}, {"event_id": ""}, {"event_id": {}}, {"email": None}, {"email": 5}, {"email": "x" * 300},
            {"customer_id": "a\nb"}, {"occurred_at": "yesterday"}, {"occurred_at": "2026-01-01T09:00:00"}, {"occurred_at": -5},
            {"type": "bounce", "bounce_type": "odd"}, {"outreach_id": 5}, {"outreach_id": "x" * 300},
)  # fmt: skip


def body(found: object) -> bytes:
    return json.dumps(found).encode()


@pytest.mark.parametrize(
    ("posted", "what", "people"),
    [
        (OURS, UNSUBSCRIBE, 1),
        ([OURS, OURS | {"event_id": "o-2"}], UNSUBSCRIBE, 2),
        ({"events": [OURS]}, UNSUBSCRIBE, 1),
        (OURS | {"type": "bounce"}, BOUNCE, 1),
        (OURS | {"type": "complaint", "occurred_at": 1_767_258_000}, COMPLAINT, 1),
        (SES_BOUNCE, BOUNCE, 2),
        ({"Type": "Notification", "MessageId": "x", "Message": json.dumps(SES_BOUNCE)}, BOUNCE, 2),
        (SES_COMPLAINT, COMPLAINT, 1),
        ({"signature": {}, "event-data": MAILGUN}, COMPLAINT, 1),
        ({"event-data": MAILGUN | {"event": "failed", "severity": "permanent"}}, BOUNCE, 1),
        ({"event-data": MAILGUN | {"event": "unsubscribed"}}, UNSUBSCRIBE, 1),
        (POSTMARK, BOUNCE, 1),
        (POSTMARK | {"RecordType": "SpamComplaint"}, COMPLAINT, 1),
        (
            {
                "RecordType": "SubscriptionChange",
                "MessageID": "p-1",
                "Recipient": ZOE,
                "SuppressSending": True,
                "SuppressionReason": "ManualSuppression",
                "ChangedAt": "2026-01-01T09:00:00Z",
            },
            UNSUBSCRIBE,
            1,
        ),
        ([SENDGRID], BOUNCE, 1),
        ([SENDGRID | {"event": "spamreport"}], COMPLAINT, 1),
        ([SENDGRID | {"event": "group_unsubscribe"}], UNSUBSCRIBE, 1),
    ],
)
def test_each_shape_is_understood(posted: object, what: What, people: int) -> None:
    read = read_events(body(posted))

    assert [told.what for told in read.told] == [what] * people
    assert read.told[0].email == ZOE
    assert {told.at_us for told in read.told} == {AT_US}
    assert len({told.event_id for told in read.told}) == people
    assert read == read_events(body(posted)), "the same news has the same id"


UUID = "7b0c5b0e-58c3-5a0e-9d5e-0d9f4a2b6c11"
SES_NAME = "0102018f1f1c2a3b-6f1f7b6a-000000"


def of_ses(event: dict[str, Any], message_id: str | None = None) -> dict[str, Any]:
    """As SES is set at first; `message_id`: as it is where it quotes the headers."""
    quoted = {} if message_id is None else {"commonHeaders": {"messageId": message_id}}
    return event | {"mail": {"messageId": SES_NAME, **quoted}}


@pytest.mark.parametrize(
    ("posted", "name"),
    [
        (SES_BOUNCE, None),
        (of_ses(SES_BOUNCE), SES_NAME),
        (of_ses(SES_COMPLAINT), SES_NAME),
        (of_ses(SES_BOUNCE, f"<{UUID}@anna.example>"), UUID),
        (of_ses(SES_COMPLAINT, "<newsletter.2026@anna.example>"), SES_NAME),
        ({"event-data": MAILGUN | {"message": {"headers": {"message-id": f"{UUID}@anna.example"}}}}, UUID),
        ({"event-data": MAILGUN | {"message": None}}, None),
        (POSTMARK | {"Metadata": {"outreach-id": UUID}}, UUID),
        (POSTMARK | {"Metadata": {"other": "x"}, "RecordType": "SpamComplaint"}, None),
        ([SENDGRID | {"smtp-id": f"<{UUID}@anna.example>"}], UUID),
        ([SENDGRID | {"smtp-id": "<14c5d75ce93.dfd.64b469@ismtpd-555>"}], "14c5d75ce93.dfd.64b469"),
        ([SENDGRID | {"smtp-id": "none"}], None),
        ([SENDGRID | {"smtp-id": "<" + "x" * 300 + "@anna.example>"}], None),
    ],
)
def test_the_message_is_named_as_its_provider_names_it(posted: object, name: str | None) -> None:
    told = read_events(body(posted)).told

    assert {each.outreach_id for each in told} == {name}


@pytest.mark.parametrize(
    "posted",
    [
        OURS | {"type": "bounce", "bounce_type": "soft"},
        {"notificationType": "Bounce", "bounce": SES_BOUNCE["bounce"] | {"bounceType": "Transient"}},  # type: ignore[operator]
        {"notificationType": "Delivery", "delivery": {}},
        {"event-data": MAILGUN | {"event": "failed", "severity": "temporary"}},
        {"event-data": MAILGUN | {"event": "opened"}},
        POSTMARK | {"Type": "SoftBounce"},
        {"RecordType": "Open"},
        [SENDGRID | {"event": "open"}],
        [SENDGRID | {"type": "blocked"}],
        {"Type": "SubscriptionConfirmation", "SubscribeURL": "https://sns.example/confirm"},
    ],
)
def test_what_passes_is_left_out(posted: object) -> None:
    read = read_events(body(posted))

    assert (read.told, read.left_out) == ([], 1)


@pytest.mark.parametrize(
    "posted",
    [
        b"", b"nonsense", b"\xff", b"3", b'"text"', b"[1]", b"{}", b"[" * 100_000, b'{"events": 5}',
        *(body(OURS | changes) for changes in WRONG),
        body([OURS] * 5_001), body({"Type": "Notification", "Message": "nonsense"}), body({"notificationType": "Bounce"}),
        body(POSTMARK | {"Email": None, "ID": None}),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_refused_as_a_whole(posted: bytes) -> None:
    with pytest.raises(UnreadableEventError):
        read_events(posted)


def profile(customer_id: str, email: str | None) -> Profile:
    return Profile(event_id="e", customer_id=customer_id, at_us=1, email=email)


def test_whose_an_address_is() -> None:
    addresses = Addresses()
    for who, email in (
        ("c1", "Zoe@Example.com"),
        ("c2", ZOE),
        ("c1", "new@example.com"),
        ("c3", ZOE),
        ("c2", ZOE),
        ("c4", None),
    ):
        addresses.take(profile(who, email))
    before = addresses.who(" ZOE@example.com ")
    addresses.take(Erasure(event_id="e", customer_id="c2", at_us=1))

    assert before == ("c1", "c2", "c3")
    assert addresses.who(ZOE) == ("c1", "c3")
    assert addresses.who("new@example.com") == ("c1",)
    assert addresses.who("nobody@example.com") == ()
    assert len(addresses) == 2


class Writer:
    def __init__(self) -> None:
        self.said: list[dict[str, Any]] = []
        self.broken = False

    async def told(self, customer_id: str, event_id: str, at_us: int, fields: dict[str, Any]) -> None:
        if self.broken:
            raise KafkaTimeoutError
        self.said.append({"customer_id": customer_id, "event_id": event_id, "at_us": at_us, **fields})


TOKEN = "a token of the tests"  # noqa: S105
BEARER = {"Authorization": f"Bearer {TOKEN}"}


class Page:
    def __init__(self) -> None:
        self.writer, self.counted = Writer(), list[tuple[str, str]]()
        addresses = Addresses()
        addresses.take(profile("c1", ZOE))
        app = FastAPI()

        async def up_to_date() -> None: ...

        events = ProviderEvents(
            SecretStr(TOKEN), addresses, self.writer, up_to_date, lambda *told: self.counted.append(told)
        )
        add_provider_events(app, events)
        self.app = app

    def post(self, posted: object, headers: dict[str, str]) -> httpx.Response:
        return self.post_bytes(body(posted), headers)

    def post_bytes(self, content: bytes, headers: dict[str, str]) -> httpx.Response:
        async def post() -> httpx.Response:
            transport = httpx.ASGITransport(self.app)
            async with httpx.AsyncClient(transport=transport, base_url="http://here") as client:
                return await client.post("/delivery/events", content=content, headers=headers)

        return asyncio.run(post())


def test_news_is_on_record_when_it_is_answered_and_has_one_id_however_often_it_comes() -> None:
    page = Page()
    answers = [page.post([OURS, OURS | {"email": "nobody@example.com"}, SENDGRID], BEARER) for _ in range(2)]

    assert [answer.json() for answer in answers] == [{"recorded": 2, "unknown": 1, "ignored": 0}] * 2
    assert page.writer.said[:2] == page.writer.said[2:]
    unsubscribe, bounce = page.writer.said[:2]
    assert unsubscribe["marketing_consent"] is False
    assert unsubscribe["at_us"] == AT_US
    assert bounce["bounce"] == {"email": ZOE, "type": "hard"}
    assert page.counted[:3] == [("unsubscribe", "recorded"), ("unsubscribe", "unknown"), ("bounce", "recorded")]


def test_what_is_written_is_what_the_schema_of_customers_asks_for() -> None:
    page = Page()
    for posted in (OURS, OURS | {"type": "complaint"}, OURS | {"type": "bounce", "email": None, "customer_id": "c9"}):
        assert page.post(posted, BEARER).status_code == 200

    for said in page.writer.said:
        event = {**said, "occurred_at": "2026-01-01T09:00:00Z", "kind": "profile"}
        del event["at_us"]
        inputs.CustomerEvent.model_validate_json(json.dumps(event))
    assert page.writer.said[1]["complaint"] is True
    assert page.writer.said[2]["customer_id"] == "c9"


@pytest.mark.parametrize(("kind", "names_it"), [("bounce", True), ("complaint", True), ("unsubscribe", False)])
def test_the_message_it_is_about_is_passed_on_where_there_is_one(kind: str, names_it: bool) -> None:
    page = Page()
    page.post(OURS | {"type": kind, "outreach_id": "d-1"}, BEARER)

    assert page.writer.said[0].get("outreach_id") == ("d-1" if names_it else None)


@pytest.mark.parametrize(
    ("authorization", "status"),
    [
        (f"Bearer {TOKEN}", 200), (f"bearer {TOKEN}", 200), ("Basic " + base64.b64encode(f"any:{TOKEN}".encode()).decode(), 200),
        ("", 401), ("Bearer", 401), ("Bearer other", 401), (TOKEN, 401), ("Basic !!!", 401), ("Digest x", 401),
        ("Basic " + base64.b64encode(TOKEN.encode()).decode(), 401),
    ],
)  # fmt: skip
def test_only_who_has_the_token_is_heard(authorization: str, status: int) -> None:
    page = Page()

    assert page.post(OURS, {"Authorization": authorization}).status_code == status
    assert len(page.writer.said) == (status == 200)


def test_what_cannot_be_recorded_is_to_be_posted_again() -> None:
    page = Page()
    page.writer.broken = True

    assert page.post(OURS, BEARER).status_code == 503


def test_what_is_unreadable_or_too_large_is_refused() -> None:
    page = Page()

    assert page.post({"type": "opened"}, BEARER).status_code == 400
    assert page.post_bytes(b"x" * (5 << 20), BEARER).status_code == 413
    assert page.writer.said == []


def test_one_that_cannot_be_read_takes_no_other_with_it() -> None:
    page = Page()

    answer = page.post([OURS | {"type": "opened"}, OURS, SENDGRID | {"email": "x" * 300}], BEARER)

    assert answer.status_code == 400
    assert "the others is on record" in answer.json()["detail"]
    assert [said["event_id"] for said in page.writer.said] == [read_events(body(OURS)).told[0].event_id]


def test_a_time_that_lies_ahead_is_now() -> None:
    page = Page()
    page.post(OURS | {"occurred_at": "2999-01-01T00:00:00Z"}, BEARER)

    assert page.writer.said[0]["at_us"] < 4_000_000_000_000_000
