"""When an order was changed, as its body says it: of two words on an order the one of the later change counts, in
whatever order they were heard.

All bodies about an order are of the order's own time. So what is said of it later is made some microseconds younger: a
microsecond for each second that went by until the change, and a minute at most, so that it stays on its day.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Final

from service.wire.places import Place
from service.wire.shop_bodies import A_WHILE, moment_of, word_of
from service.wire.views import Row, View

_MOST_LATER: Final = timedelta(minutes=1)
"""Which lasts for two years nearly."""
_PAYMENT, _CHARGE = Place("data.object.payment"), Place("data.object")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_FOREVER_S: Final = 10**11
Times = tuple[object, object]
"""When an order was made, and when it was changed; the latter is empty where that needs not be told apart."""
_NOT_CHANGED: Final = (None, None)


def is_a_while_after(later: object, earlier: object) -> bool:
    """Whether both are times, so far apart that they are not of one sale: an order is saved more than once then."""
    after, before = _moment(later), _moment(earlier)
    return after is not None and before is not None and after - before > A_WHILE


def slightly_later(sold: object, times: Times) -> str:
    """The time of a sale as that of a change of it; empty where one of these is no time."""
    made, changed = map(_moment, times)
    since = None if changed is None else _moment(sold)
    if since is None or made is None or changed is None:
        return ""
    later = timedelta(microseconds=max(int((changed - made).total_seconds()), 0))
    return (since + min(later, _MOST_LATER)).isoformat()


def changed_since_sold(order: Row) -> str:
    """When an order of Shopify's, or a payment of Square's, was changed last; empty where that was while it was sold.
    Of one that was sent it is that: orders are changed often afterwards, and are not cancelled any more."""
    changed_at = order.get("updated_at")
    times = [order.get(name) for name in ("created_at", "processed_at") if order.get(name)]
    if not isinstance(changed_at, str) or not all(is_a_while_after(changed_at, each) for each in times):
        return ""
    sent = [moment for moment in map(moment_of, _sent_at(order)) if moment is not None]
    return max(sent).isoformat() if sent else changed_at.strip()


def _sent_at(order: Row) -> Iterator[object]:
    sent = order.get("fulfillments")
    for each in sent if isinstance(sent, list) else ():
        yield Place("created_at").of(each)


def has_other_lines(order: Row) -> bool:
    """Whether of a line of Shopify's there is another number now: an order may be edited to the same amount."""
    lines = order.get("line_items")
    for line in lines if isinstance(lines, list) else ():
        now = Place("current_quantity").of(line)
        if now is not None and now != Place("quantity").of(line):
            return True
    return False


def _shopify(order: Row) -> Times:
    said = order.get("current_total_price")
    is_other = order.get("cancelled_at") or order.get("refunds") or said not in (None, order.get("total_price"))
    changed = order.get("updated_at") if is_other or has_other_lines(order) else changed_since_sold(order)
    return order.get("created_at"), changed


def _woocommerce(order: Row) -> Times:
    """Completed orders are changed often: of those it is since when they are that, while nothing was given back."""
    is_over = word_of(order.get("status")) == "completed" and not order.get("refunds")
    changed = order.get("date_completed_gmt" if is_over else "date_modified_gmt")
    was_changed = is_a_while_after(changed, order.get("date_paid_gmt"))
    return (order.get("date_created_gmt"), changed) if was_changed else _NOT_CHANGED


def _square(event: Row) -> Times:
    payment = _PAYMENT.of(event)
    return _of_two(payment, "created_at", payment, "updated_at")


def _stripe(event: Row) -> Times:
    return _of_two(_CHARGE.of(event), "created", event, "created")


def _of_two(order: object, made: str, word: object, changed: str) -> Times:
    if not isinstance(order, dict | View) or not isinstance(word, dict | View):
        return _NOT_CHANGED
    before, after = _moment(order.get(made)), _moment(word.get(changed))
    was_changed = before is not None and after is not None and after - before > A_WHILE
    return (before, after) if was_changed else _NOT_CHANGED


CHANGED: Final[dict[str, Callable[[Row], Times]]] = {
    "shopify": _shopify,
    "woocommerce": _woocommerce,
    "square": _square,
    "stripe": _stripe,
}


def _moment(said: object) -> datetime | None:
    if said is None or isinstance(said, datetime):
        return said
    if isinstance(said, int) and not isinstance(said, bool) and 0 <= said < _FOREVER_S:
        return _EPOCH + timedelta(seconds=said)
    return moment_of(said)
