"""When an order was sold, and what of its times tells a post from the ones before it.

Nothing is remembered here: whichever process takes a post, and whatever it took before, says the same of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from typing import Final

from service.ingest.bodies import Object, first, money, needed, text
from service.wire.places import Place
from service.wire.shop_bodies import A_WHILE, moment_of, profile_of

_MOST_LATER: Final = timedelta(minutes=1)
"""Than an order was sold is what it was edited to, so that it stays on its day; a microsecond for each second that went
by, which lasts for two years nearly."""


def sold_at(order: Object) -> str:
    """Of an order of Shopify's. PoisonError where it does not say."""
    columns = profile_of("shopify_api").columns["timestamp"]
    return text(first(order, columns)) or needed(order, columns[-1])


def is_a_while_after(later: object, earlier: object) -> bool:
    """Whether both are times, so far apart that they are not of one sale: an order is saved more than once then."""
    after, before = moment_of(later), moment_of(earlier)
    return after is not None and before is not None and after - before > A_WHILE


def changed_since_sold(order: Object) -> str:
    """When an order of Shopify's, or a payment of Square's, was changed last; empty where that was while it was sold.
    Of one that was sent it is that: orders are changed often afterwards, and are not cancelled any more."""
    changed_at = text(order.get("updated_at"))
    times = [order.get(name) for name in ("created_at", "processed_at") if order.get(name)]
    if not all(is_a_while_after(changed_at, each) for each in times):
        return ""
    sent = [moment for moment in map(moment_of, _sent_at(order)) if moment is not None]
    return max(sent).isoformat() if sent else changed_at


def _sent_at(order: Object) -> Iterator[object]:
    sent = order.get("fulfillments")
    for each in sent if isinstance(sent, list) else ():
        yield Place("created_at").of(each)


def edited_at(order: Object, total: Decimal) -> str:
    """When an order of Shopify's was sold, and of one that was edited by so little later that the last word on what it
    amounts to counts, whatever was heard first."""
    sold = sold_at(order)
    since, changed = moment_of(sold), moment_of(order.get("updated_at"))
    made = moment_of(order.get("created_at")) or since
    if since is None or changed is None or made is None or not _is_edited(order, total):
        return sold
    later = timedelta(microseconds=max(int((changed - made).total_seconds()), 0))
    return (since + min(later, _MOST_LATER)).isoformat()


def _is_edited(order: Object, total: Decimal) -> bool:
    """By what it amounts to, or by a line of which there is another number now: it may have been edited back."""
    if total != money(first(order, ["total_price"]), "total_price"):
        return True
    lines = order.get("line_items")
    for line in lines if isinstance(lines, list) else ():
        now = Place("current_quantity").of(line)
        if now is not None and now != Place("quantity").of(line):
            return True
    return False
