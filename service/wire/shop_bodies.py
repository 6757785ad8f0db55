"""Topics whose records are the bodies of a shop system's webhooks: how they are read, in the words of a mapping.

Statuses, tests, customers, order numbers and lines are those of the shop system's files (service/profiles); here is
what a body has around them, and when its purchase is one.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from functools import cache
from importlib import resources
from typing import Any, Final

from service.config.sections.inputs import MappedInput, MappedPurchases
from service.profiles import Profile, read_profile
from service.wire.places import Place, in_text
from service.wire.views import Row, View

Said = dict[str, Any]
_CHARGE: Final = Place("data.object")
_IS_CARD, _PRICE, _PIECES = Place("gift_card"), Place("price"), Place("current_quantity|quantity")
_TAKEN_OFF: Final = Place("discount_allocations.*.amount")
A_WHILE: Final = timedelta(minutes=1)
"""An order is saved more than once while it is paid."""
UNDONE: Final = ("cancelled", "failed", "deleted")
"""Why files leave an order of WooCommerce's out that is taken back where it had been paid: nobody keeps the money of an
order whose payment fails later, and an order that is thrown away counts no more."""


PLANNED: Final = "billing_period"
"""What a subscription of WooCommerce's has and no order: each of its payments is an order of its own."""


def completed(said: MappedInput) -> MappedInput:
    """With what is known of its profile, where it has one; what is said goes before."""
    if not isinstance(said, MappedPurchases) or said.profile is None:
        return said
    known = _KNOWN[said.profile]()
    fields = {**known.pop("fields"), **said.fields}
    given = {
        name: value
        for name, field in MappedPurchases.model_fields.items()
        if name not in {"profile", "fields"} and (value := getattr(said, name)) != field.default
    }
    return MappedPurchases(**{**known, **given, "fields": fields, "profile": said.profile})


_TOLD_BY: Final = {
    "shopify": Place("financial_status"),
    "woocommerce": Place("line_items"),
    "square": Place("data.object"),
    "stripe": Place("data.object"),
}
"""Where each body has something."""
_AROUND: Final = tuple(Place(path) for path in ("payload", "body", "detail.payload", "detail", "data", "event"))
"""What gateways, connectors and event buses put around a body, as it is or as a text."""


def body_in(profile: str) -> Callable[[Row], Row]:
    """Takes out what somebody has put around a shop system's body."""
    told_by = _TOLD_BY[profile]

    def found(record: Row) -> Row:
        if told_by.of(record) is not None:
            return record
        for around in _AROUND:
            inner = around.of(record)
            inner = in_text(inner) if isinstance(inner, str) else inner
            if isinstance(inner, dict) and told_by.of(inner) is not None:
                return inner
        return record

    return found


@cache
def profile_of(file: str) -> Profile:
    """What is known of a shop system's files, by the name of its file of data."""
    found = resources.files("service.profiles").joinpath(f"{file}.toml")
    return read_profile(file, found.read_text(encoding="utf-8"))


def _of(profile: Profile, field: str, inside: str = "") -> str:
    """The columns of a field as one path."""
    return "|".join(f"{inside}{name}" for name in profile.columns.get(field) or [field])


def _not_purchases(profile: Profile, inside: str = "") -> Said:
    unpaid = sorted({value for values in profile.left_out.values() for value in values})
    tests = {_of(profile, "test", inside): profile.tests} if profile.tests else {}
    return {_of(profile, "status", inside): unpaid, **tests}


def _lines(profile: Profile) -> Said:
    names, skus = ([name.rpartition(".")[2] for name in profile.columns[field]] for field in ("item", "sku"))
    return {"sku": "|".join([*skus, "variant_id", "product_id", *names]), "name": "|".join(names)}


def _shopify() -> Said:
    profile = profile_of("shopify_api")
    return {
        "fields": {
            "event_id": "id",
            "customer_id": _of(profile, "customer_id"),
            "occurred_at": _of(profile, "timestamp"),
            "amount": _of(profile, "amount"),
            "currency": _of(profile, "currency"),
            "order_id": _of(profile, "order_id"),
            "items": "line_items",
        },
        "lines": _lines(profile),
        "needs": ["financial_status"],
        "not_if": _not_purchases(profile),
    }


def _woocommerce() -> Said:
    profile = profile_of("woocommerce_api")
    taken_back = [value for reason in UNDONE for value in profile.left_out[reason]]
    unpaid = [value for value in _not_purchases(profile)["status"] if value not in taken_back]
    return {
        "fields": {
            "event_id": "id",
            "customer_id": _of(profile, "customer_id"),
            "occurred_at": "date_created_gmt",
            "amount": _of(profile, "amount"),
            "currency": _of(profile, "currency"),
            "order_id": _of(profile, "order_id"),
            "items": "line_items",
        },
        "lines": _lines(profile),
        "timezone": "UTC",
        "needs": ["line_items", "date_paid_gmt|date_completed_gmt"],
        "not_if": {"status": unpaid, "customer_id": profile.guests, PLANNED: ["*"]},
        "cancelled_if": {"status": [*taken_back, *profile.refunded]},
        "given_back": "refunds.*.total",
    }


def changed_since_paid(order: Row) -> str:
    """When an order of WooCommerce's was changed last, where that is a while after it was paid: it may have been
    cancelled and paid after all, which nothing in it says. Of a completed one since when it is that; empty: not
    since."""
    name = "date_completed_gmt" if word_of(order.get("status")) == "completed" else "date_modified_gmt"
    changed, paid = (moment_of(order.get(each)) for each in (name, "date_paid_gmt"))
    if changed is None or paid is None or changed - paid < A_WHILE:
        return ""
    return str(order.get(name))


def captured_and_left(charge: Row) -> tuple[int, int] | None:
    """Of a charge of Stripe's what was taken of it, and what is left of that, in the smallest unit. None where it does
    not say in whole numbers.

    More may have been asked for than was taken. Of the rest older versions of Stripe's interface say that it was given
    back, newer ones do not: then less was given back than the rest is.
    """
    amount, taken, back = (charge.get(name) for name in ("amount", "amount_captured", "amount_refunded"))
    taken, back = amount if taken is None else taken, 0 if back is None else back
    if not all(isinstance(each, int) and not isinstance(each, bool) for each in (amount, taken, back)):
        return None
    assert isinstance(amount, int) and isinstance(taken, int) and isinstance(back, int)  # noqa: S101, PT018
    if charge.get("refunded") is True:
        return taken, 0
    never_taken = max(amount - taken, 0)
    return taken, max(taken - (back - never_taken if back >= never_taken else back), 0)


def gift_cards_in(order: Row) -> Decimal:
    """What of an order of Shopify's is for gift cards, which were not taken back: no revenue yet, for what is paid with
    them counts when they are used."""
    lines = order.get("line_items")
    cost = Decimal(0)
    for line in lines if isinstance(lines, list) else ():
        if _IS_CARD.of(line) is not True:
            continue
        try:
            cost += Decimal(str(_PRICE.of(line))) * Decimal(str(_PIECES.of(line)))
            taken_off = _TAKEN_OFF.of(line)
            cost -= (
                sum((Decimal(str(each)) for each in taken_off if each), Decimal(0))
                if isinstance(taken_off, list)
                else 0
            )
        except InvalidOperation:
            continue
    return max(cost, Decimal(0)) if cost.is_finite() else Decimal(0)


def _left_of_stripe(event: Row) -> object:
    charge = _CHARGE.of(event)
    found = captured_and_left(charge) if isinstance(charge, dict | View) else None
    return None if found is None else found[1]


def word_of(said: object) -> str:
    return said.strip().lower() if isinstance(said, str) else ""


def moment_of(said: object) -> datetime | None:
    """A time as shop systems write it; one without an offset is of UTC. None where it is none."""
    try:
        found = datetime.fromisoformat(said) if isinstance(said, str) else None
    except ValueError:
        return None
    return found if found is None or found.tzinfo is not None else found.replace(tzinfo=UTC)


def _square() -> Said:
    inside = "data.object.payment."
    return {
        "fields": {
            "event_id": f"{inside}id",
            "customer_id": f"{inside}customer_id|{inside}buyer_email_address",
            "occurred_at": f"{inside}created_at",
            "amount": f"{inside}total_money.amount",
            "currency": f"{inside}total_money.currency",
            "order_id": f"{inside}id",  # payments may share an order, of which each is a part
            "store_id": f"{inside}location_id",
        },
        "amounts": "minor",
        "only": {f"{inside}status": ["completed"]},
        "given_back": f"{inside}refunded_money.amount",
    }


def _stripe() -> Said:
    profile, inside = profile_of("stripe_api_charges"), "data.object."
    return {
        "fields": {
            "event_id": f"{inside}id",
            "customer_id": _of(profile, "customer_id", inside),
            "occurred_at": _of(profile, "timestamp", inside),
            "amount": _of(profile, "amount", inside),
            "currency": _of(profile, "currency", inside),
            "order_id": f"{inside}id",
        },
        "amounts": "minor",
        "time": "epoch_s",
        "only": {f"{inside}object": ["charge"], f"{inside}status": ["succeeded"]},
        "not_if": {f"{inside}captured": [False], **_not_purchases(profile, inside)},
        "given_back": _of(profile, "refunded", inside),
    }


VOID_SINCE: Final = {"shopify": "cancelled_at"}
"""Where an order says that it is cancelled by saying when: what its post says of an amount counts no more. The order
itself is corrected to nothing, which is right too where it was never seen as it was before."""
LEFT_OF: Final[dict[str, Callable[[Row], object]]] = {"data.object.amount": _left_of_stripe}
"""Of the amount at a place what is left where a sum that was given back does not say it all; None: that has to do."""
CARDS_IN: Final[dict[str, Callable[[Row], Decimal]]] = {"shopify": gift_cards_in}
"""What of an order's amount is for gift cards."""
STATES: Final = frozenset({"woocommerce"})
"""Whose posts say what an order is now: a cancelled one is corrected to nothing, and may be paid after all."""
AMOUNT_OF: Final = {"shopify": _of(profile_of("shopify_api"), "amount")}
"""Where the whole of an order is."""
_KNOWN: Final = {"shopify": _shopify, "woocommerce": _woocommerce, "square": _square, "stripe": _stripe}
