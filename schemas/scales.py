"""The scale of each survey: what a score may be, wherever one is read, judged or written down.

It lies here because the wire forms need it and may import nothing of the service; only the standard library is needed.
"""

from __future__ import annotations

from typing import Final

SCALES: Final[dict[str, tuple[int, int]]] = {"nps": (0, 10), "csat": (1, 5), "ces": (1, 7)}
"""Lowest and highest score of each survey, by its name on the wire."""


def in_words(survey: str) -> str:
    """`0–10`, as descriptions say it."""
    lowest, highest = SCALES[survey]
    return f"{lowest}–{highest}"


ALL_IN_WORDS: Final = ", ".join([f"{survey}: {in_words(survey)}" for survey in SCALES])
"""`nps: 0–10, csat: 1–5, ces: 1–7`."""
