"""Customers that shop systems post: their address, and their consent from when it was given."""

from __future__ import annotations

import json
from typing import Any

import pytest

from service.domain.events import Profile
from service.wire.decoder import Decoder, DecoderSettings
from tests.unit.test_ingest import SHOPIFY, WOO, Served, events, settings_with

Object = dict[str, Any]
NOW_US = 1_780_000_000_000_000
ANNA: Object = {
    "id": 115310627314723954,
    "email": "John@Example.com",
    "first_name": "John",
    "phone": "+33612345678",
    "updated_at": "2026-03-05T10:00:00+01:00",
    "email_marketing_consent": {
        "state": "subscribed", "opt_in_level": "single_opt_in", "consent_updated_at": "2026-01-05T10:00:00+01:00",
    },
    "default_address": None,
}  # fmt: skip
OF_CONSENT: Object = {
    "customer_id": 115310627314723954,
    "email_address": "john@example.com",
    "email_marketing_consent": {"state": "unsubscribed", "consent_updated_at": "2026-04-05T10:00:00+01:00"},
}
OF_WOO: Object = {
    "id": 17,
    "email": "john.doe@example.com",
    "first_name": "John",
    "username": "john",
    "date_created_gmt": "2026-03-01T08:30:00",
    "date_modified_gmt": "2026-03-02T08:30:00",
    "billing": {"phone": "", "email": "john.doe@example.com"},
}


async def profiles(name: str, body: Object, **source: Any) -> list[Profile]:
    """What lies in `customers` then."""
    served = Served(settings_with({"kind": name, "secret": "hush", **source}))
    answer = await served.post(name, body)
    assert answer.status_code == 200, answer.text
    assert {each.topic for each in served.kafka.written} <= {"customers"}
    read = Decoder(DecoderSettings()).customer
    found = [read(each.value, each.key, (), NOW_US) for each in served.kafka.written]
    assert all(isinstance(each, Profile) for each in found)
    return [each for each in found if isinstance(each, Profile)]


async def test_a_customer_of_shopify_has_an_address_and_a_consent_of_its_own_time() -> None:
    profile, consent = await profiles("shopify", ANNA)

    assert profile.customer_id == consent.customer_id == events("shopify", SHOPIFY)[0]["customer_id"]
    assert (profile.first_name, profile.email, profile.phone) == ("John", "John@Example.com", "+33612345678")
    assert (profile.marketing_consent, consent.marketing_consent) == (None, True)
    assert profile.at_us - consent.at_us == 59 * 86_400_000_000


@pytest.mark.parametrize(
    ("said", "consents"),
    [
        ({"state": "not_subscribed", "consent_updated_at": None}, []),
        ({"state": "pending", "consent_updated_at": "2026-01-05T10:00:00Z"}, [False]),
        ({"state": "unsubscribed", "consent_updated_at": "2026-01-05T10:00:00Z"}, [False]),
        (None, []),
    ],
)
async def test_a_consent_is_one_where_it_was_given(said: Object | None, consents: list[bool]) -> None:
    found = await profiles("shopify", {**ANNA, "email_marketing_consent": said})
    assert [each.marketing_consent for each in found[1:]] == consents


async def test_a_post_of_a_consent_says_nothing_else() -> None:
    (consent,) = await profiles("shopify", OF_CONSENT)
    assert (consent.customer_id, consent.marketing_consent, consent.email) == ("john@example.com", False, None)


async def test_whoever_is_known_by_another_field_in_orders_is_so_here() -> None:
    for name, body, order, field in (
        ("shopify", ANNA, SHOPIFY, "customer.id"),
        ("shopify", OF_CONSENT, SHOPIFY, "customer.id"),
        ("shopify", ANNA, SHOPIFY, "customer.id|email"),
        ("woocommerce", OF_WOO, WOO, "billing.email"),
        ("woocommerce", OF_WOO, WOO, "customer_id"),
    ):
        found = await profiles(name, body, customer=field)
        assert found[0].customer_id == events(name, order, customer=field)[0]["customer_id"]


async def test_a_customer_of_woocommerce_has_an_address() -> None:
    (profile,) = await profiles("woocommerce", OF_WOO)

    assert profile.customer_id == events("woocommerce", WOO)[0]["customer_id"]
    assert (profile.first_name, profile.email, profile.phone, profile.marketing_consent) == (
        "John", "john.doe@example.com", None, None,
    )  # fmt: skip


async def test_nobody_has_no_profile() -> None:
    served = Served(settings_with({"kind": "shopify", "secret": "hush"}))
    answer = await served.post("shopify", {**ANNA, "email": None, "id": None})
    assert json.loads(answer.content)["passed_over"] == "no_customer"
