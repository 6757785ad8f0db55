"""The words by which a table says that a row is the sum of those above it."""

from __future__ import annotations

from typing import Final

_WORDS: Final = frozenset(
    ("total", "totals", "sum", "grand total", "subtotal", "summe", "gesamt", "gesamtsumme", "insgesamt", "somme", "total général",
     "total general", "suma", "totale", "totale generale", "totaal", "eindtotaal", "soma", "summa", "razem", "zwischensumme", "endsumme",
     "monatssumme", "sous-total", "sous total", "subtotaal", "subtotale", "delsumma", "podsuma", "totalt", "celkem", "mezisoučet", "összesen",
     "итого", "всего", "toplam", "ara toplam", "合計", "小計", "総計", "总计", "合计", "小计", "합계", "소계")
)  # fmt: skip


_NO_NAMES: Final = _WORDS - {"sum", "soma", "suma", "summa"} | {
    "tagessumme", "tagesumsatz", "daily total", "day total", "total du jour", "total del día", "total del dia", "totale giornaliero", "dagtotaal"
}  # fmt: skip
"""Those by which nobody is called."""
SPELLINGS_OF_SUMS: Final = frozenset(form for word in _NO_NAMES for form in (word, word.upper(), word.capitalize()))


def is_total(cell: str) -> bool:
    """Whether a cell says so."""
    return cell.strip().casefold().rstrip(" :.") in _WORDS


def is_sum(cell: str) -> bool:
    """Whether a cell that should name a customer says so, and can be nobody's name."""
    return cell.strip().casefold().rstrip(" :.") in _NO_NAMES


def begins_as_total(cell: str) -> bool:
    """Whether it begins so: Zwischensumme Januar, Total for Ann. A name may, so in a row with a time it says little."""
    text = cell.strip().casefold()
    return is_total(text) or any(text.startswith((f"{word} ", f"{word}:")) for word in _WORDS)
