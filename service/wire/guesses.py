"""What a record that was refused looks like, for whoever looks at a topic before a worker does."""

from __future__ import annotations

from typing import Final

from service.errors import PoisonError
from service.wire.framing import read_object, strip_frame
from service.wire.places import Place
from service.wire.shop_bodies import body_in
from service.wire.views import Row

_OF_SHOPS: Final[dict[str, tuple[Place, ...]]] = {
    "shopify": (Place("financial_status"), Place("total_price")),
    "woocommerce": (Place("line_items"), Place("date_created_gmt"), Place("billing")),
    "square": (Place("data.object.payment.total_money"), Place("data.object.payment.status")),
    "stripe": (Place("data.object.amount_refunded"), Place("data.object.currency")),
}
"""What all bodies of a shop system have."""
_DEBEZIUM: Final = (Place("op|payload.op"), Place("source|payload.source"))
_MAXWELL: Final = (Place("database"), Place("table"), Place("data"), Place("type"))
_CANAL: Final = Place("isDdl")


def looks_like(value: bytes | None) -> str:
    """Settings of [inputs.…] that would read it, as TOML on one line; empty: nobody knows."""
    try:
        found = read_object(strip_frame(value)) if value else {}
    except PoisonError:
        return ""

    def has(name: str, places: tuple[Place, ...]) -> bool:
        body = body_in(name)(found)
        return all(place.of(body) is not None for place in places)

    profile = next((name for name, places in _OF_SHOPS.items() if has(name, places)), "")
    if profile:
        return f'profile = "{profile}", key = "any"'
    envelope = envelope_of(found)
    return f'envelope = "{envelope}"' if envelope else ""


def envelope_of(found: Row) -> str:
    """Whose change of a row an object looks like; empty: it is none."""
    if all(place.of(found) is not None for place in _DEBEZIUM):
        return "debezium"
    if all(place.of(found) is not None for place in _MAXWELL):
        return "maxwell" if _CANAL.of(found) is None else "canal"
    return ""
