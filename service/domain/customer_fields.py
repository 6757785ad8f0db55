"""The names of what is stored of a customer, in the order in which a snapshot has them."""

from __future__ import annotations

from typing import Final

FIELDS: Final = (
    "visits",
    "orders",
    "revenue_minor",
    "first_us",
    "last_us",
    "first_day",
    "last_day",
    "previous_day",
    "days_from",
    "days",
    "seen",
    "log_usual",
    "log_recent",
    "gap_weight",
    "gap_total",
    "gap_square",
    "visit_minor",
    "recent_spend",
    "due_us",
    "rung",
    "detected_us",
    "released_us",
    "released_rung",
    "stalled_us",
    "change_us",
    "segment",
    "band",
    "judged",
    "bucket",
    "items",
    "answers",
    "profile",
    "paused_us",
    "risk_band",
    "order_memory",
    "earlier_releases",
    "log_gap_sum",
    "alerted_us",
    "bought",
    "chunks_sealed",
    "sign_us",
    "waits_for",
    "sent_as",
    "sent_until_us",
    "source",
    "source_votes",
    "judged_after_us",
    "rare",
)
"""What a snapshot holds after the version, in order. New fields are appended: an older snapshot leaves them at their
defaults."""
OF_EPISODE: Final = frozenset(
    (
        "due_us",
        "rung",
        "detected_us",
        "released_us",
        "released_rung",
        "stalled_us",
        "paused_us",
        "earlier_releases",
        "alerted_us",
        "waits_for",
        "sent_as",
        "sent_until_us",
    )
)
"""Those of them that are the absence's."""
ONLY_SOME: Final = frozenset(("seen", "sign_us"))
"""Those that lie with what few customers have, though not in the snapshot."""
_ELSEWHERE: Final = frozenset((*OF_EPISODE, *ONLY_SOME, "order_memory", "chunks_sealed", "rare"))
OWN_FIELDS: Final = tuple(name for name in FIELDS if name not in _ELSEWHERE)
REAL: Final = frozenset(
    ("log_usual", "log_recent", "gap_weight", "gap_total", "gap_square", "recent_spend", "log_gap_sum")
)
"""Those of them that are no whole numbers; of a customer of one visit most are 0, and are stored as a whole one, in a
byte instead of nine."""
