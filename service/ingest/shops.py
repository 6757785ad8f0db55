"""What each shop system posts → events of ours, as dictionaries in the form of `purchases`.

The same body always gives the same events with the same ids, made of the shop system's own: whatever is posted again
counts once. What is given back is a refund beside the order, and not a lower order: posts may arrive in any order, and
by several doors. A cancelled order that was paid is taken back whole; refunds of one order never take back more than it
amounts to.

Of the words on one refund the one with the later time counts, whatever was heard first. So an order that was changed a
while after it was paid, and of which nothing is taken back now, says so: a refund of nothing, of the time of that
change. It may have been cancelled in between, which nothing else in it would tell.

Which statuses are no purchase, who is a customer and what an order's number is, the profiles of files say.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from typing import Final

from service.config.sections.ingest import SourceSettings
from service.domain.minor_units import minor_decimals
from service.errors import ErrorCode, PassedOverError, PoisonError
from service.ingest.bodies import (
    TEST,
    Object,
    customer_in,
    first,
    lines_of,
    major,
    money,
    needed,
    seconds,
    text,
    word,
)
from service.ingest.changes import edited_at, sold_at
from service.profiles import Profile
from service.wire.framing import opened, read_object
from service.wire.places import Place
from service.wire.shop_bodies import PLANNED, UNDONE, captured_and_left, changed_since_paid, gift_cards_in, profile_of
from service.wire.shop_changes import changed_since_sold, is_a_while_after

Read = Callable[[SourceSettings, Mapping[str, str], Object], list[Object]]
"""Source, headers by their names in small letters, the body → its events. PassedOverError where it tells of no
purchase, PoisonError where it cannot be understood."""
NOT_PAID, OTHER = "not_paid", "of_no_order"
"""Why a post is passed over."""
MOST_EVENTS: Final = 500
"""Of one post."""


def _said(profile: Profile, field: str) -> list[str]:
    return profile.columns.get(field) or [field]


def _last(names: list[str]) -> list[str]:
    """Of a line's columns, from the line on."""
    return [name.rpartition(".")[2] for name in names]


def _refuse_status(profile: Profile, status: str) -> None:
    for values in profile.left_out.values():
        if status in values:
            raise PassedOverError(NOT_PAID)


def _refund(order: Object, refund_id: str, at: str, amount: Decimal) -> Object:
    return {
        "event_id": refund_id,
        "customer_id": order["customer_id"],
        "occurred_at": at,
        "amount": f"{amount:f}",
        "currency": order["currency"],
        "kind": "refund",
        "order_id": order["order_id"],
    }


def shopify(source: SourceSettings, headers: Mapping[str, str], body: Object) -> list[Object]:
    """`orders/*`. Refunds are in the order (`orders/updated`); a post of `refunds/create` names no customer."""
    profile = profile_of("shopify_api")
    if "financial_status" not in body:
        raise PassedOverError(OTHER)
    if word(headers.get("x-shopify-test")) == "true" or word(first(body, _said(profile, "test"))) in profile.tests:
        raise PassedOverError(TEST)
    _refuse_status(profile, word(first(body, _said(profile, "status"))))
    number, total = needed(body, "id"), money(first(body, ["total_price"]), "total_price")
    current = first(body, ["current_total_price"])
    order: Object = {
        "event_id": f"shopify-order-{number}",
        "customer_id": customer_in(body, [source.customer] if source.customer else _said(profile, "customer_id")),
        "occurred_at": sold_at(body),
        "amount": f"{total:f}",
        "currency": text(first(body, _said(profile, "currency"))) or None,
        "order_id": text(first(body, _said(profile, "order_id"))),
        "items": lines_of(
            body,
            "line_items",
            _last(_said(profile, "item")),
            [*_last(_said(profile, "sku")), "variant_id", "product_id"],
        ),
        "channel": text(body.get("source_name")) or None,
    }
    refunds = list(_shopify_refunds(order, body))
    if current is not None:  # the order may have been edited; what was given back is taken off this already
        given_back = sum((Decimal(str(each["amount"])) for each in refunds), Decimal(0))
        total = money(current, "current_total_price") + given_back
        order["amount"] = f"{total:f}"
    order["occurred_at"] = edited_at(body, total)
    total = max(total - gift_cards_in(body), Decimal(0))
    order["amount"] = f"{total:f}"
    back_id = f"shopify-cancelled-{number}"
    cancelled_at = text(first(body, _said(profile, "cancelled_at")))
    if cancelled_at:
        return [order, *refunds, _refund(order, back_id, cancelled_at, total)]
    return [order, *refunds, *_nothing_back(order, back_id, changed_since_sold(body))]


def _nothing_back(order: Object, refund_id: str, at: str) -> list[Object]:
    """Where an order was changed since: empty, and it was not."""
    return [_refund(order, refund_id, at, Decimal(0))] if at else []


def _shopify_refunds(order: Object, body: Object) -> Iterator[Object]:
    refunds, in_the_shops = body.get("refunds"), _of_the_shops(body)
    for refund in refunds if isinstance(refunds, list) else ():
        paid_back, transactions = Decimal(0), Place("transactions").of(refund)
        for one in transactions if isinstance(transactions, list) else ():
            if word(Place("kind").of(one)) == "refund" and word(Place("status").of(one)) == "success":
                amount = money(Place("amount").of(one), "refunds.transactions.amount")
                paid_back += in_the_shops(amount, text(Place("currency").of(one)))
        if paid_back > 0:
            at = text(first(refund, ["processed_at", "created_at"])) or str(order["occurred_at"])
            yield _refund(order, f"shopify-refund-{needed(refund, 'id')}", at, paid_back)


def _of_the_shops(body: Object) -> Callable[[Decimal, str], Decimal]:
    """Whoever pays in a currency of their own gets that back: by the order's own rate what it is in the shop's."""
    shops, theirs = (Place(f"total_price_set.{whose}_money").of(body) for whose in ("shop", "presentment"))
    code = text(Place("currency_code").of(theirs))

    def in_the_shops(amount: Decimal, currency: str) -> Decimal:
        if not currency or currency != code or code == text(Place("currency_code").of(shops)):
            return amount
        total, paid = (money(Place("amount").of(each), "total_price_set") for each in (shops, theirs))
        if paid <= 0:
            return amount
        places = minor_decimals(text(Place("currency_code").of(shops)))
        return (amount * total / paid).quantize(Decimal(1).scaleb(-places))

    return in_the_shops


def woocommerce(source: SourceSettings, _headers: Mapping[str, str], body: Object) -> list[Object]:
    """`order.*`. An order counts from when it is paid, also one that is cancelled, fails or is thrown away then."""
    profile = profile_of("woocommerce_api")
    status = word(body.get("status"))
    if "line_items" not in body or not status or PLANNED in body:
        raise PassedOverError(OTHER)
    paid_at = text(first(body, ["date_paid_gmt", "date_paid", "date_completed_gmt", "date_completed"]))
    undone = any(status in profile.left_out[reason] for reason in UNDONE)
    if not undone:
        _refuse_status(profile, status)
    if not paid_at:
        raise PassedOverError(NOT_PAID)
    number, total = needed(body, "id"), money(body.get("total"), "total")
    order: Object = {
        "event_id": f"woocommerce-order-{number}",
        "customer_id": customer_in(
            body, [source.customer] if source.customer else _said(profile, "customer_id"), profile.guests
        ),
        "occurred_at": _gmt(body, "date_created"),
        "amount": f"{total:f}",
        "currency": text(first(body, _said(profile, "currency"))) or None,
        "order_id": text(first(body, _said(profile, "order_id"))),
        "items": lines_of(
            body, "line_items", _last(_said(profile, "item")), [*_last(_said(profile, "sku")), "product_id"]
        ),
    }
    events = [order]
    changed_at = _gmt(body, "date_modified") if body.get("date_modified_gmt") else str(order["occurred_at"])
    refunds = body.get("refunds")
    for refund in refunds if isinstance(refunds, list) else ():
        back = abs(money(Place("total").of(refund), "refunds.total"))
        events.append(_refund(order, f"woocommerce-refund-{needed(refund, 'id')}", changed_at, back))
    if undone or status in profile.refunded:
        events.append(_refund(order, f"woocommerce-back-{number}", changed_at, total))
    else:
        since = changed_since_paid(body)
        events += _nothing_back(order, f"woocommerce-back-{number}", _in_utc(since) if since else "")
    return events


def _gmt(body: Object, name: str) -> str:
    """Their times have no offset; those of the fields …_gmt are in UTC."""
    return _in_utc(needed(body, f"{name}_gmt"))


def _in_utc(at: str) -> str:
    return at if at.endswith("Z") or "+" in at else f"{at}Z"


def square(source: SourceSettings, _headers: Mapping[str, str], body: Object) -> list[Object]:
    """`payment.*`, whose refunded money grows; a post of `refund.*` names no customer."""
    payment = Place("data.object.payment").of(body)
    if not isinstance(payment, dict):
        raise PassedOverError(OTHER)
    if word(payment.get("status")) != "completed":
        raise PassedOverError(NOT_PAID)
    number, currency = needed(payment, "id"), needed(payment, "total_money.currency")
    order: Object = {
        "event_id": f"square-payment-{number}",
        "customer_id": customer_in(
            payment, [source.customer] if source.customer else ["customer_id", "buyer_email_address"]
        ),
        "occurred_at": needed(payment, "created_at"),
        "amount": f"{major(Place('total_money.amount').of(payment), currency, 'total_money.amount'):f}",
        "currency": currency,
        "order_id": text(payment.get("order_id")) or number,
        "store_id": text(payment.get("location_id")) or None,
    }
    back, back_id = Place("refunded_money.amount").of(payment), f"square-back-{number}"
    if word(back) == "":
        return [order]
    if word(back) == "0":
        return [order, *_nothing_back(order, back_id, changed_since_sold(payment))]
    at = text(payment.get("updated_at")) or str(order["occurred_at"])
    return [order, _refund(order, back_id, at, major(back, currency, "refunded_money.amount"))]


def stripe(source: SourceSettings, _headers: Mapping[str, str], body: Object) -> list[Object]:
    """`charge.*`, whose refunded amount grows."""
    profile = profile_of("stripe_api_charges")
    charge = Place("data.object").of(body)
    if not isinstance(charge, dict) or charge.get("object") != "charge":
        raise PassedOverError(OTHER)
    if word(first(charge, _said(profile, "test"))) in profile.tests:
        raise PassedOverError(TEST)
    status = word(first(charge, _said(profile, "status")))
    _refuse_status(profile, status)
    if status != "succeeded" or charge.get("captured") is False:
        raise PassedOverError(NOT_PAID)
    number, currency = needed(charge, "id"), needed(charge, "currency")
    unit = profile.smallest_unit or "iso4217"
    taken, left = captured_and_left(charge) or (charge.get("amount"), None)
    order: Object = {
        "event_id": f"stripe-{number}",
        "customer_id": customer_in(charge, [source.customer] if source.customer else _said(profile, "customer_id")),
        "occurred_at": seconds(charge.get("created"), "created"),
        "amount": f"{major(taken, currency, 'amount', unit):f}",
        "currency": currency,
        "order_id": number,
    }
    back = first(charge, _said(profile, "refunded")) if left is None or not isinstance(taken, int) else taken - left
    at = seconds(body.get("created"), "created")
    if word(back) in {"", "0"}:
        return [
            order,
            *_nothing_back(order, f"stripe-back-{number}", at if is_a_while_after(at, order["occurred_at"]) else ""),
        ]
    given_back = major(back, currency, "amount_refunded", unit)
    return [order, _refund(order, f"stripe-back-{number}", at, given_back)]


def plain(_source: SourceSettings, _headers: Mapping[str, str], body: Object) -> list[Object]:
    """An event of our own."""
    return [body]


def bodies_in(kind: str, posted: bytes) -> list[Object]:
    """The bodies of a post: one, each of a list, what WooCommerce calls a batch, or our own `{"events": […]}`.
    PoisonError where it cannot be understood."""
    if posted.lstrip()[:1] == b"[":
        several = read_object(b'{"events":' + posted + b"}")["events"]
        if several:
            return _objects(several, "the list")
    found = read_object(posted)
    if kind == "plain" and "events" in found:
        return _objects(found["events"], "events")
    batch = [each for name in _BATCH for each in _listed(found.get(name))]
    return _objects(batch, "the batch") if kind == "woocommerce" and batch else [found]


_BATCH: Final = ("create", "update")


def _listed(said: object) -> list[object]:
    return said if isinstance(said, list) else []


def _objects(said: object, where: str) -> list[Object]:
    if not isinstance(said, list) or not all(isinstance(each, dict) for each in said):
        raise PoisonError(ErrorCode.WRONG_TYPE, f"{where}: must be a list of objects")
    if not 0 < len(said) <= MOST_EVENTS:
        raise PoisonError(ErrorCode.INVALID_VALUE, f"{where}: 1 to {MOST_EVENTS} at once")
    return [opened(each) for each in said]


READERS: Final[dict[str, Read]] = {
    "shopify": shopify,
    "woocommerce": woocommerce,
    "square": square,
    "stripe": stripe,
    "plain": plain,
}
