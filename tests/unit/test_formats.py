"""Numbers and days agree with their nouns as this reader's language wants it."""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal

import pytest

from service.config import ShopSettings
from service.wording.catalogue import catalogue_in
from service.wording.english import LANGUAGE as ENGLISH
from service.wording.formats import Formats
from service.wording.french import LANGUAGE as FRENCH
from service.wording.language import Language
from tests.support.plain import plain


def formats(language: Language) -> Formats:
    return Formats(ShopSettings(), catalogue_in(language))


@pytest.mark.parametrize(
    ("currency", "language", "paid", "expected"),
    [
        ("EUR", ENGLISH, "€39,550.25", "€39,550"), ("EUR", FRENCH, "39 550,25 €", "39 550 €"), ("JPY", ENGLISH, "¥39,550", "¥39,550"),
        ("KWD", ENGLISH, "KWD 39,550.250", "KWD 39,550"), ("KWD", FRENCH, "39 550,250 KWD", "39 550 KWD"),
        ("CHF", ENGLISH, "CHF 39,550.25", "CHF 39,550"), ("CAD", ENGLISH, "CA$39,550.25", "CA$39,550"),
    ],
)  # fmt: skip
def test_what_was_paid_is_written_to_the_cent_and_what_is_expected_without(
    currency: str, language: Language, paid: str, expected: str
) -> None:
    written = Formats(ShopSettings(currency=currency), catalogue_in(language))
    amount = Decimal("39550.25")

    assert plain(written.money(amount)) == paid
    assert plain(written.money(-amount)) in {f"-{paid}", f"−{paid}"}
    assert plain(written.estimate(amount)) == expected


def test_small_amounts_are_written_as_large_ones_are() -> None:
    english = formats(ENGLISH)

    assert [english.money(Decimal(text)) for text in ("0", "9.5", "9999.99", "10000")] == [
        "€0.00", "€9.50", "€9,999.99", "€10,000.00",
    ]  # fmt: skip
    assert [english.estimate(Decimal(text)) for text in ("0.4", "9.6", "2350")] == ["€0", "€10", "€2,350"]


@pytest.mark.parametrize(
    ("number", "english", "french"),
    [(0.1, "0.1 orders", "0,1 commande"), (1.0, "1.0 orders", "1,0 commande"), (1.94, "1.9 orders", "1,9 commande"),
     (1.96, "2.0 orders", "2,0 commandes"), (12.5, "12.5 orders", "12,5 commandes")],
)  # fmt: skip
def test_french_counts_in_the_plural_from_two_on(number: float, english: str, french: str) -> None:
    assert plain(formats(ENGLISH).measured(number, "orders")) == english
    assert plain(formats(FRENCH).measured(number, "orders")) == french


def test_the_first_of_a_french_month_is_ordinal() -> None:
    french = formats(FRENCH)

    assert plain(french.day(date(1998, 1, 1))) == "1er janvier 1998"
    assert plain(french.day(date(2001, 11, 11))) == "11 novembre 2001"
    assert plain(formats(ENGLISH).day(date(1998, 1, 1))) == "January 1, 1998"


@pytest.mark.parametrize(
    ("number", "short", "rounded", "setting"),
    [
        (2.0, ("2", "2"), ("2.00", "2,00"), ("2", "2")),
        (0.125, ("0.12", "0,12"), ("0.12", "0,12"), ("0.125", "0,125")),
        (12.5, ("12.5", "12,5"), ("12.50", "12,50"), ("12.5", "12,5")),
    ],
)
def test_numbers_have_the_decimals_that_their_place_wants(
    number: float, short: tuple[str, str], rounded: tuple[str, str], setting: tuple[str, str]
) -> None:
    for language, place in ((ENGLISH, 0), (FRENCH, 1)):
        reader = formats(language)

        assert (reader.plain(number), reader.decimal(number, 2), reader.setting(number)) == (
            short[place], rounded[place], setting[place],
        )  # fmt: skip


def test_an_unknown_share_is_a_dash_and_not_nought() -> None:
    assert formats(ENGLISH).share(None) == "–"
    assert formats(ENGLISH).share(0.0) == "0.0%"
    assert formats(FRENCH).share(0.256, whole=True).split() == ["26", "%"]


def test_french_signs_keep_together_with_their_words() -> None:
    said = FRENCH.typeset("Promis : « 5 % » ; et tenu ? Oui !")

    assert said == "Promis\u00a0: «\u00a05\u00a0%\u00a0»\u202f; et tenu\u202f? Oui\u202f!"
    assert not [text for text in FRENCH.catalogue.values() if re.search(r"« | [»:;?!%]", text)]
