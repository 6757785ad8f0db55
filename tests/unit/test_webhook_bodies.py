"""The bodies of webhooks, as the three kinds of receivers take them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from service.delivery.bodies import cloudevent, plain, slack

REQUESTED: dict[str, Any] = {
    "specversion": "1.0",
    "id": "an-id",
    "source": "churn-alert",
    "type": "outreach.requested",
    "subject": "c1",
    "time": "2026-03-01T09:00:00Z",
    "datacontenttype": "application/json",
    "data": {
        "customer_id": "c1",
        "kind": "win_back",
        "rung": "remind",
        "first_name": "Zoë",
        "contact": {"email": "zoe@example.com", "phone": None, "crm_id": None},
        "consent": {"marketing_consent": True, "since": "2025-01-01T00:00:00Z", "rule": "required"},
        "favourite_items": ["Flat white", "Croissant"],
        "last_items": [],
        "reasons": [
            {"code": "usual_gap", "value": 7.5, "unit": "days"},
            {"code": "visits", "value": 31, "unit": "visits"},
        ],
        "lifetime_value": "310.00",
        "value_at_risk": "120.00",
        "currency": "EUR",
        "offer": "",
        "expires_at": "2026-03-08T09:00:00Z",
        "sentence": "Zoë usually comes every 7 days & <b>has not</b>.",
        "sample": False,
    },
}
SCORED: dict[str, Any] = {
    "id": "scores.c1.1.aa",
    "type": "customer.scored",
    "time": "2026-03-01T09:00:00Z",
    "data": {
        "customer_id": "c1",
        "segment": "vip",
        "health": 81.5,
        "health_parts": [{"name": "recency", "points": 36.0, "of": 40.0}],
        "churn_risk_band": None,
        "visits": 31,
        "answers": [{"survey": "nps", "score": 9, "answered_at": "2026-02-01T00:00:00Z", "order_id": None}],
    },
}


def test_a_cloudevent_is_the_event() -> None:
    body = cloudevent(REQUESTED)

    assert body.content_type == "application/cloudevents+json"
    assert json.loads(body.content) == REQUESTED


def test_plain_is_one_flat_object_that_keeps_everything_that_can_be_told_flat() -> None:
    told = json.loads(plain(REQUESTED).content)

    assert all(not isinstance(value, (dict, list)) for value in told.values())
    assert told["id"] == "an-id"
    assert told["type"] == "outreach.requested"
    assert told["contact_email"] == "zoe@example.com"
    assert told["contact_phone"] is None
    assert told["consent_marketing_consent"] is True
    assert told["favourite_items"] == "Flat white, Croissant"
    assert told["last_items"] == ""
    assert told["reasons_usual_gap"] == 7.5
    assert told["lifetime_value"] == "310.00"


def test_plain_tells_scores_by_the_names_of_their_parts() -> None:
    told = json.loads(plain(SCORED).content)

    assert told["answers_nps"] == 9
    assert told["health_parts_recency"] == 36.0
    assert told["segment"] == "vip"


def test_a_field_of_the_data_does_not_take_the_events_own_name() -> None:
    told = json.loads(plain({**SCORED, "data": {"id": "other", "type": "other"}}).content)

    assert (told["id"], told["type"]) == ("scores.c1.1.aa", "customer.scored")


def test_slack_gets_a_text_and_blocks_in_which_no_name_is_a_command() -> None:
    event = {**REQUESTED, "data": REQUESTED["data"] | {"customer_id": "<!channel>"}}
    told = json.loads(slack(event).content)

    assert "win back · remind" in told["text"]
    assert "&amp; &lt;b&gt;has not&lt;/b&gt;" in told["text"]
    assert "<!channel>" not in json.dumps(told)
    assert told["blocks"][0] == {
        "type": "section",
        "text": {"type": "mrkdwn", "text": told["blocks"][0]["text"]["text"]},
    }
    fields = [field["text"] for field in told["blocks"][1]["fields"]]
    assert "*Value at risk*\n120.00 EUR" in fields
    assert not any(text.startswith("*Offer*") for text in fields)


def test_slack_is_never_told_more_than_it_takes() -> None:
    event = {**REQUESTED, "data": REQUESTED["data"] | {"sentence": "&" * 9_000, "customer_id": "<" * 256}}
    told = json.loads(slack(event).content)

    assert len(told["text"]) <= 3_000
    assert len(told["blocks"][0]["text"]["text"]) <= 3_000
    assert all(len(field["text"]) <= 2_000 for field in told["blocks"][1]["fields"])


@pytest.mark.parametrize(
    "event",
    [
        SCORED,
        {"id": "1", "type": "outreach.cancelled", "time": "x", "data": {"customer_id": "c1", "cancelled_id": "an-id", "reason": "returned"}},
        {"id": "2", "type": "customer.removed", "time": "x", "data": {"customer_id": "c1"}},
    ],
)  # fmt: skip
def test_every_kind_of_event_can_be_told_to_slack(event: dict[str, Any]) -> None:
    told = json.loads(slack(event).content)

    assert "c1" in told["text"]
    assert told["blocks"]
