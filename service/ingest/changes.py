"""When an order was sold, and what of its times tells a post from the ones before it.

Nothing is remembered here: whichever process takes a post, and whatever it took before, says the same of it.
"""

from __future__ import annotations

from decimal import Decimal

from service.ingest.bodies import Object, first, money, needed, text
from service.wire.shop_bodies import profile_of
from service.wire.shop_changes import has_other_lines, slightly_later


def sold_at(order: Object) -> str:
    """Of an order of Shopify's. PoisonError where it does not say."""
    columns = profile_of("shopify_api").columns["timestamp"]
    return text(first(order, columns)) or needed(order, columns[-1])


def edited_at(order: Object, total: Decimal) -> str:
    """When an order of Shopify's was sold, and of one that was edited by so little later that the last word on what it
    amounts to counts, whatever was heard first."""
    sold = sold_at(order)
    if total == money(first(order, ["total_price"]), "total_price") and not has_other_lines(order):
        return sold
    return slightly_later(sold, (order.get("created_at") or sold, order.get("updated_at"))) or sold
