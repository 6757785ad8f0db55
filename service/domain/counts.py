"""What has happened in one partition, counted for metrics and reports since the process began."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

COUNTED: Final = (
    "purchases", "refunds", "answers", "profiles", "erasures", "duplicates", "late_visits", "beyond_history", "of_erased",
    "corrections", "refunds_beyond_order", "merges", "withdrawals", "signs_of_life", "resolutions", "words_beyond",
    "merges_refused",
)  # fmt: skip


class Counts:
    """Plain counters; not stored."""

    __slots__ = (*COUNTED, "left_out")

    def __init__(self) -> None:
        self.purchases: int = 0
        self.refunds: int = 0
        self.answers: int = 0
        self.profiles: int = 0
        self.erasures: int = 0
        self.duplicates: int = 0
        self.late_visits: int = 0
        """Visits dated before the customer's last one."""
        self.beyond_history: int = 0
        """Events older than the kept history: counted in lifetime totals only."""
        self.of_erased: int = 0
        """Events of an erased customer: refused."""
        self.corrections: int = 0
        """Events that gave a known purchase or refund another amount."""
        self.refunds_beyond_order: int = 0
        """Events by which the refunds of an order came to more than it amounts to: what is beyond is left out."""
        self.signs_of_life: int = 0
        """Purchases that were refused and postpone what is due for their customer."""
        self.left_out: dict[str, int] = {}
        """By name: optional fields of accepted purchases that could not be read."""
        self.merges: int = 0
        self.resolutions: int = 0
        """Words of the shop that it has dealt with an answer."""
        self.words_beyond: int = 0
        """Events about a purchase of which too much has been said already: not taken."""
        self.merges_refused: int = 0
        """Merges of a customer who has too many ids already: not taken."""
        self.withdrawals: int = 0
        """Profiles that the shop has deleted."""

    def leave_out(self, names: Iterable[str]) -> None:
        """These fields of an event were not read."""
        for name in names:
            self.left_out[name] = self.left_out.get(name, 0) + 1

    def as_dict(self) -> dict[str, int]:
        return {name: getattr(self, name) for name in COUNTED}

    def minus(self, earlier: Counts) -> Counts:
        """What has happened since `earlier`."""
        news = Counts()
        for name in COUNTED:
            setattr(news, name, getattr(self, name) - getattr(earlier, name))
        news.left_out = {name: count - earlier.left_out.get(name, 0) for name, count in self.left_out.items()}
        return news

    def copy(self) -> Counts:
        return self.minus(Counts())
