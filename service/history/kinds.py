"""What the rows of an export are, where it holds more than purchases: payments, refunds, and what is neither."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import Final

from service.profiles import Profile

_KEPT: Final = 10_000


class Kinds:
    """Looks a kind up once for each spelling."""

    def __init__(self, profile: Profile | None) -> None:
        self._refunds = _small(profile.refunds if profile is not None else ())
        self._only = _small(profile.only if profile is not None else ())
        self._never = _small(profile.never if profile is not None else ())
        self._conversions = _small(profile.conversions if profile is not None else ())
        self.changes_money = bool(self._conversions)
        """Whether rows say what became of money in another currency."""
        self._known: dict[str, tuple[bool, bool]] = {}

    def is_refund(self, kind: str) -> bool:
        """Whether a row of the kind pays back."""
        return bool(self._refunds) and self._look(kind)[0]

    def counts(self, kind: str) -> bool:
        """Whether a row of the kind is a purchase or a refund."""
        return not self._only or self._look(kind)[1]

    def is_conversion(self, kind: str) -> bool:
        """Whether a row of the kind says what became of a payment's money in another currency."""
        return _is_one_of(" ".join(kind.casefold().split()), self._conversions)

    def _look(self, kind: str) -> tuple[bool, bool]:
        known = self._known.get(kind)
        if known is None:
            text = " ".join(kind.casefold().split())
            never = _is_one_of(text, self._never)
            refund = _is_one_of(text, self._refunds) and not never
            counts = refund or (_is_one_of(text, self._only) and not never)
            known = refund, counts
            if len(self._known) < _KEPT:
                self._known[kind] = known
        return known


def _small(patterns: Sequence[str]) -> tuple[str, ...]:
    return tuple(pattern.strip().casefold() for pattern in patterns)


def _is_one_of(text: str, patterns: Sequence[str]) -> bool:
    return any(fnmatchcase(text, pattern) for pattern in patterns)
