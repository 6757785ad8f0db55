"""What shop systems post of their customers → events of `customers`: how to reach them, whether they agreed to mails.

A consent counts from when it was given or taken back, and not from when the customer was changed for another reason:
whoever has unsubscribed in a mail of ours would agree anew otherwise.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from service.config.sections.ingest import SourceSettings
from service.ingest.bodies import Object, customer_in, first, needed, text, word
from service.wire.places import Place
from service.wire.shop_bodies import profile_of

People = Callable[[SourceSettings, Object], list[Object] | None]
"""Source and body → events; None: it is about no customer. PassedOverError for nobody, PoisonError where it cannot be
understood."""
_OF_AN_ORDER: Final = ("customer.", "billing.")
_CONSENT: Final = "email_marketing_consent"
_SUBSCRIBED: Final = "subscribed"


def shopify(source: SourceSettings, body: Object) -> list[Object] | None:
    """`customers/*`, and `customers_email_marketing_consent/update`, which says nothing else."""
    if _CONSENT not in body or "financial_status" in body:
        return None
    number = text(first(body, ["customer_id", "id"]))
    body = {"email": body.get("email_address"), **body, "id": number}
    whose = _whose(source, body, profile_of("shopify_api").columns["customer_id"])
    events = []
    if body.get("updated_at"):
        contact = {"email": text(body.get("email")), "phone": text(body.get("phone"))}
        events.append(_profile("shopify", number, whose, needed(body, "updated_at"), body, contact))
    since = text(Place(f"{_CONSENT}.consent_updated_at").of(body))
    state = word(Place(f"{_CONSENT}.state").of(body))
    if since and state:
        events.append(
            {
                "event_id": f"shopify-consent-{number}-{since}",
                "customer_id": whose,
                "occurred_at": since,
                "kind": "profile",
                "marketing_consent": state == _SUBSCRIBED,
            }
        )
    return events


def woocommerce(source: SourceSettings, body: Object) -> list[Object] | None:
    """`customer.*`, which knows of no consent."""
    if "line_items" in body or not {"email", "billing", "username"} <= body.keys():
        return None
    number = needed(body, "id")
    changed = text(first(body, ["date_modified_gmt", "date_created_gmt"]))
    at = changed if changed.endswith("Z") or "+" in changed else f"{changed}Z"
    contact = {"email": text(body.get("email")), "phone": text(Place("billing.phone").of(body))}
    return [_profile("woocommerce", number, _whose(source, body, ["id"]), at, body, contact)]


def _profile(system: str, number: str, whose: str, at: str, body: Object, contact: dict[str, str]) -> Object:
    reached = {name: said for name, said in contact.items() if said}
    return {
        "event_id": f"{system}-customer-{number}-{at}",
        "customer_id": whose,
        "occurred_at": at,
        "kind": "profile",
        **({"first_name": name} if (name := text(body.get("first_name"))) else {}),
        **({"contact": reached} if reached else {}),
    }


def _whose(source: SourceSettings, body: Object, otherwise: list[str]) -> str:
    """By the field that says it of an order, which has the customer within."""
    paths = [each for path in ([source.customer] if source.customer else otherwise) for each in path.split("|")]
    for before in _OF_AN_ORDER:
        paths = [path.removeprefix(before) for path in paths]
    return customer_in(body, ["id" if path == "customer_id" else path for path in paths])


PEOPLE: Final[dict[str, People]] = {"shopify": shopify, "woocommerce": woocommerce}
