"""The words that stand for nobody are data: each counts in whichever letters, and a mistake in the file is named."""

from __future__ import annotations

import pytest

from service.errors import ConfigurationError
from service.history.people import person
from service.profiles.nobody import read_nobody, words_for_nobody


def test_each_word_is_nobody_in_small_letters_capitals_and_with_blanks_around() -> None:
    somebody = [
        spelling
        for word in words_for_nobody()
        for spelling in (word, word.upper(), word.title(), f"  {word} ")
        if person(spelling)
    ]

    assert somebody == []


@pytest.mark.parametrize("name", ["Gast AG", "Ann Walk-in", "Guestrow", "Nana", "Passanten", "0815", "Ospiteria"])
def test_a_name_that_only_looks_like_one_of_them_is_somebody(name: str) -> None:
    assert person(name) == name


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[programs]\nmissing = ["0"]\n[languages]\nde = ["Gast"]', "small letters"),
        ('[programs]\nmissing = ["0"]\n[languages]\nde = ["gast", "gast"]', "twice"),
        ('[programs]\nmissing = ["0"]\n[languages]\nger = ["gast"]', "code of a language"),
        ('[programs]\nmissing = ["0"]\n[languages]\nde = "gast"', "array"),
        ('[languages]\nde = ["gast"]', "programs"),
        ("[programs", "cannot be used"),
    ],
)
def test_a_mistake_in_the_file_is_named(text: str, said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        read_nobody(text)
