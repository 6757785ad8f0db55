"""Which column of a survey's export asks which question, and the score that an answer in words or numbers is."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from schemas.scales import SCALES

ASKED: Final = {
    "nps": re.compile(
        r"recommend|recommand|weiterempf|empfehl|recomend|recomiend|consigli|aanbevel|raccomand|poleci|rekommender|anbefal|suosittel|tavsiye"
        r"|рекоменд|doporuč|odporuč|ajánl|推荐|推薦|おすすめ|勧め|추천|(^|[^a-z])e?nps([^a-z]|$)|likelihood"
    ),
    "csat": re.compile(
        r"satisf|zufrieden|satisfait|soddisf|tevreden|zadowol|nöjd|tilfreds|fornøyd|tyytyväi|memnun|удовлетвор|довол[еь]н|spokojen|elégedett"
        r"|满意|滿意|満足|만족|csat"
    ),
    "ces": re.compile(
        r"effort|how easy|made it easy|easy (was|is) it|easier|facile|facilit|fácil|einfach|aufwand|makkelijk|kolay|легко|snadn"
        r"|(^|[^a-z])ces([^a-z]|$)"
    ),
}  # fmt: skip
"""What the question of each survey says, in small letters."""
_LABELS: Final[dict[str, dict[str, int]]] = {
    "nps": {"not at all likely": 0, "not likely at all": 0, "very unlikely": 0, "extremely unlikely": 0,
            "extremely likely": 10, "very likely": 10, "pas du tout probable": 0, "très probable": 10,
            "extrêmement probable": 10, "überhaupt nicht wahrscheinlich": 0, "äußerst wahrscheinlich": 10,
            "sehr wahrscheinlich": 10},
    "csat": {"very dissatisfied": 1, "very unsatisfied": 1, "extremely dissatisfied": 1, "dissatisfied": 2, "unsatisfied": 2,
             "somewhat dissatisfied": 2, "neutral": 3, "neither satisfied nor dissatisfied": 3, "satisfied": 4,
             "somewhat satisfied": 4, "very satisfied": 5, "extremely satisfied": 5, "très insatisfait": 1,
             "pas du tout satisfait": 1, "insatisfait": 2, "neutre": 3, "satisfait": 4, "très satisfait": 5,
             "sehr unzufrieden": 1, "unzufrieden": 2, "zufrieden": 4, "sehr zufrieden": 5},
    "ces": {"strongly disagree": 1, "disagree": 2, "somewhat disagree": 3, "neither agree nor disagree": 4, "neutral": 4,
            "undecided": 4, "somewhat agree": 5, "agree": 6, "strongly agree": 7, "extremely difficult": 1,
            "very difficult": 1, "difficult": 2, "somewhat difficult": 3, "neither easy nor difficult": 4,
            "somewhat easy": 5, "easy": 6, "very easy": 7, "extremely easy": 7},
}  # fmt: skip
"""Scales in words, low to high; a label that ends a scale of numbers stands for its last number."""
_NUMBER: Final = re.compile(r"^\W*(\d{1,3})(?:[.,]0+)?(?!\d)|(?<![\d.,])(\d{1,3})\W*$", re.ASCII)
_SAID: Final = re.compile(r"(\d{1,2})\s*[=:\-–(]+\s*([^\W\d][^\d,;/=()]*)")
"""1 = very satisfied."""
_SHARE: Final = 0.9


def score_of(survey: str, text: str) -> int | None:
    """The score of "10 - Extremely likely", "Very satisfied" or "7"; None for what is none on the scale."""
    label = " ".join(text.casefold().split())
    low, high = SCALES[survey]
    number = _LABELS[survey].get(label)
    if number is None:
        found = _NUMBER.search(label.split("/")[0] if label.count("/") == 1 else label)
        number = int(found[1] or found[2]) if found is not None else None
    return number if number is not None and low <= number <= high else None


def is_turned_round(survey: str, text: str) -> bool:
    """Whether a number and the words beside it, in a question or an answer, say that the lowest number is the best."""
    low, high = SCALES[survey]
    for number, words in _SAID.findall(" ".join(text.casefold().split())):
        meant = _LABELS[survey].get(words.strip(" .)(:;-–"))
        if meant is not None and (2 * meant - low - high) * (2 * int(number) - low - high) < 0:
            return True
    return False


def questions_of(header: Sequence[str], rows: Sequence[Sequence[str]]) -> dict[str, int]:
    """Survey → place of the first column that asks for it, and whose cells are scores."""
    return {survey: places[0] for survey, places in all_questions_of(header, rows).items()}


def all_questions_of(header: Sequence[str], rows: Sequence[Sequence[str]]) -> dict[str, list[int]]:
    """Survey → places of the columns that ask for it, and whose cells are scores."""
    found: dict[str, list[int]] = {}
    for place, name in enumerate(header):
        asked = " ".join(name.casefold().split())
        for survey, words in ASKED.items():
            if not words.search(asked):
                continue
            cells = [row[place] for row in rows if place < len(row) and row[place].strip()]
            good = sum(score_of(survey, cell) is not None for cell in cells)
            if cells and good >= _SHARE * len(cells):
                found.setdefault(survey, []).append(place)
                break
    return found
