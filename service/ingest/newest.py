"""Posts that overtake each other: what a shop system says of an order counts as of its newest post.

An order is posted whenever it changes, and again where no answer was heard; all of them are of the order's own time, so
that the log alone does not tell which is the newer one. Remembered are the last orders of this process.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

from service.wire.places import Place

_REMEMBERED: Final = 50_000
"""Orders: some MB. Shop systems try again for two days at most."""
_CHANGED: Final[Mapping[str, tuple[Place, Place]]] = {
    "shopify": (Place("id"), Place("updated_at")),
    "woocommerce": (Place("id"), Place("date_modified_gmt")),
    "square": (Place("data.object.payment.id"), Place("data.object.payment.updated_at")),
    "stripe": (Place("data.object.id"), Place("created")),
}
"""Where a body has the order's id, and when it was changed."""


class Newest:
    """Of one source."""

    def __init__(self, kind: str) -> None:
        self._where = _CHANGED.get(kind)
        self._seen: OrderedDict[str, float] = OrderedDict()

    def is_older(self, body: object) -> bool:
        """Whether a newer post about the same order has been seen; this one has been seen then, too."""
        if self._where is None:
            return False
        number, changed = self._where[0].of(body), _seconds(self._where[1].of(body))
        if not isinstance(number, str | int) or changed is None:
            return False
        key = str(number)[:100]
        last = self._seen.get(key)
        if last is not None and changed < last:
            return True
        self._seen[key] = changed
        self._seen.move_to_end(key)
        if len(self._seen) > _REMEMBERED:
            self._seen.popitem(last=False)
        return False

    def changed_at(self, body: object) -> str:
        """When the order was as the post says; empty where it does not say."""
        at_s = None if self._where is None else _seconds(self._where[1].of(body))
        return "" if at_s is None else datetime.fromtimestamp(at_s, UTC).isoformat()


def _seconds(said: object) -> float | None:
    """None where it is no time."""
    if isinstance(said, int | float) and not isinstance(said, bool):
        return float(said)
    try:
        moment = datetime.fromisoformat(said) if isinstance(said, str) else None
    except ValueError:
        return None
    if moment is None:
        return None
    return (moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)).timestamp()
