"""What the page is told before there is a worker: the process waits for a broker."""

from __future__ import annotations

from service.domain.outreach.realised import Realised, totals
from service.web.shop_view import CustomerCounts, Readiness
from service.web.wire import Facts


def waiting_facts(since_s: float, refused: str = "") -> Facts:
    """Of a process without partitions, whose broker has been away since then (Unix seconds; 0 = it may be there), or
    refuses it."""
    return Facts(
        working=False,
        readiness=Readiness(assigned=False, partitions={}, unreachable_since_s=since_s, refused=refused),
        customers=CustomerCounts({}, {}, 0, 0, None),
        kept=[list(one.fields()) for one in totals([Realised()])],
    )
