"""Which column of a survey's export asks which question, and the score that an answer in words or numbers is."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import cache
from typing import Final

from schemas.scales import SCALES
from service.history.digits import in_our_digits
from service.profiles.words import words_of

_SURVEYS: Final = ("nps", "csat", "ces")
"""In the order in which a question is held against them."""


@cache
def asked() -> dict[str, re.Pattern[str]]:
    """Survey → what its question says, in small letters: `words/questions.toml`."""
    words, found = words_of("questions"), {}
    for survey in _SURVEYS:
        parts = [re.escape(part) for part in sorted(words[survey])]
        if whole := words.get(f"whole {survey}"):
            parts.append(rf"(?:^|[^a-z])(?:{'|'.join(map(re.escape, sorted(whole)))})(?:[^a-z]|$)")
        found[survey] = re.compile("|".join(parts))
    return found


@cache
def _labels(survey: str) -> dict[str, int]:
    """Scales in words, low to high; a label that ends a scale of numbers stands for its last number."""
    found: dict[str, int] = {}
    for named, words in words_of("answers").items():
        of, _, score = named.rpartition(" ")
        if of == survey:
            found |= dict.fromkeys(words, int(score))
    return found


_NUMBER: Final = re.compile(r"^\W*(\d{1,3})(?:[.,]0+)?(?!\d)|(?<![\d.,])(\d{1,3})\W*$", re.ASCII)
_SAID: Final = re.compile(r"(\d{1,2})\s*[=:\-–(]*\s*([^\W\d][^\d,;/=()]*)")
"""1 = very satisfied, 1 very low."""
_ENDING: Final = re.compile(r"\((?:e|a|o|/a|/e)\)|[/·](?:a|e|o)\b|[.!]+$")
"""Of the other gender: satisfait(e), satisfecho/a."""
_FULL_STARS: Final = "\u2605\u2b50\U0001f31f"
_STARS: Final = re.compile(rf"[{_FULL_STARS}\u2606\ufe0f ]+")
_OTHER_SCALE: Final = re.compile(r"(?<!\d)([01])\s*(?:-|\u2013|to|bis|à|a|tot|until|\.\.+|/)\s*(\d{1,3})(?!\d)")
"""(1-10) in a question."""
_SCHOOL: Final = re.compile(r"schulnote|schulgrade|school grade|note scolaire|klausurnote")
"""Grades whose lowest is the best."""
_SHARE: Final = 0.9
_GROUPED: Final = "_NPS_GROUP"
_FINER: Final = " of fine steps"


def scale_of(survey: str, cells: Iterable[str]) -> str:
    """The scale in words that a column was answered on: a survey may have one of finer steps, in which "very easy" is
    not the end, as the labels beyond it show."""
    finer = f"{survey}{_FINER}"
    steps = {_labels(finer).get(label) for label in {_label(cell) for cell in cells}}
    low, high = SCALES[survey]
    return finer if steps & {low, high} and steps & {low + 1, high - 1} else survey


def _label(text: str) -> str:
    return _ENDING.sub("", " ".join(text.casefold().split()))


def score_of(survey: str, text: str, scale: str = "") -> int | None:
    """The score of "10 - Extremely likely", "Very satisfied" or "7"; None for what is none on the scale.

    `scale` is that of `scale_of`, "" = the survey's usual one.
    """
    if not text.isascii():
        text = in_our_digits(text)
    label = _label(text)
    low, high = SCALES[survey]
    number = _labels(scale or survey).get(label)
    if number is None and _STARS.fullmatch(label):
        number = sum(map(label.count, _FULL_STARS))
    if number is None:
        found = _NUMBER.search(label.split("/")[0] if label.count("/") == 1 else label)
        number = int(found[1] or found[2]) if found is not None else None
    return number if number is not None and low <= number <= high else None


@cache
def _how_much() -> re.Pattern[str]:
    """What asks for effort, of which less is the better answer, and not for ease."""
    return re.compile("|".join(map(re.escape, sorted(words_of("questions")["how much effort"]))))


def is_turned_round(survey: str, text: str) -> bool:
    """Whether a number and the words beside it, in a question or an answer, say that the lowest number is the best."""
    low, high = SCALES[survey]
    ends = {**dict.fromkeys(words_of("answers")["best"], high), **dict.fromkeys(words_of("answers")["worst"], low)}
    if survey == "ces":
        ends |= {**dict.fromkeys(words_of("answers")["low"], high), **dict.fromkeys(words_of("answers")["high"], low)}
    if _SCHOOL.search(text.casefold()) or (survey == "ces" and _how_much().search(" ".join(text.casefold().split()))):
        return True
    for number, words in _SAID.findall(" ".join(text.casefold().split())):
        said = words.strip(" .)(:;-–")
        meant = _labels(survey).get(said, ends.get(said))
        if meant is not None and (2 * meant - low - high) * (2 * int(number) - low - high) < 0:
            return True
    return False


def other_scale(survey: str, question: str) -> str:
    """The scale that a question names where it is not that of the survey: "1–10"; "" where it names none."""
    low, high = SCALES[survey]
    for first, last in _OTHER_SCALE.findall(question.casefold()):
        if int(last) in {3, 4, 5, 6, 7, 10, 100} and (int(last) != high or (int(first) != low and int(last) != 10)):
            return f"{first}\u2013{last}"
    return ""


def unscored(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """What is said of a question that is known though its cells are no scores of its scale; "" = there is none."""
    for place, name in enumerate(header):
        for survey, words in asked().items():
            cells = [row[place].strip() for row in rows if place < len(row) and row[place].strip()]
            if cells and words.search(" ".join(name.casefold().split())):
                low, high = SCALES[survey]
                shown = ", ".join(repr(cell[:24]) for cell in dict.fromkeys(cells) if score_of(survey, cell) is None)[
                    :90
                ]
                return (
                    f" {name.strip()[:60]!r} asks for {survey}, whose scores go from {low} to {high}; what stands in it is something else "
                    f"({shown}): write the answers on that scale and give the file again."
                )
    return ""


def questions_of(header: Sequence[str], rows: Sequence[Sequence[str]]) -> dict[str, int]:
    """Survey → place of the first column that asks for it, and whose cells are scores."""
    return {survey: places[0] for survey, places in all_questions_of(header, rows).items()}


def all_questions_of(header: Sequence[str], rows: Sequence[Sequence[str]]) -> dict[str, list[int]]:
    """Survey → places of the columns that ask for it, and whose cells are scores."""
    found: dict[str, list[int]] = {}
    for place, name in enumerate(header):
        question = " ".join(name.casefold().split())
        grouped = f"{name.strip()}{_GROUPED}" in header  # Qualtrics names the groups of such a question beside it
        for survey, words in asked().items():
            if not words.search(question) and not (grouped and survey == "nps"):
                continue
            cells = [row[place] for row in rows if place < len(row) and row[place].strip()]
            scale = scale_of(survey, cells)
            good = sum(score_of(survey, cell, scale) is not None for cell in cells)
            if cells and good >= _SHARE * len(cells):
                found.setdefault(survey, []).append(place)
                break
    return found
