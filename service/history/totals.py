"""The words by which a table says that a row is the sum of those above it."""

from __future__ import annotations

from typing import Final

_WORDS: Final = frozenset(
    ("total", "totals", "sum", "grand total", "subtotal", "summe", "gesamt", "gesamtsumme", "insgesamt", "somme", "total général",
     "total general", "suma", "totale", "totale generale", "totaal", "eindtotaal", "soma", "summa", "razem")
)  # fmt: skip


def is_total(cell: str) -> bool:
    """Whether a cell says so."""
    return cell.strip().casefold().rstrip(" :.") in _WORDS
