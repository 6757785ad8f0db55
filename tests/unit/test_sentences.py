"""What a person reads first: why this customer, in English and in French."""

from __future__ import annotations

import msgspec
import pytest

from service.domain.findings import Evidence, Kind
from service.wording.sentences import Language, language_of, sentence

ANNA = Evidence(
    visits=12,
    usual_gap_days=6.2,
    gap_days=19.4,
    tail_probability=0.031,
    expected_visit_us=0,
    customer_since_us=0,
    orders=13,
    lifetime_value_minor=0,
    value_at_risk_minor=None,
    churn_risk=None,
    favourite_items=(),
    last_items=(),
    latest_nps=3,
    latest_csat=None,
    first_name="Anna",
    locale=None,
)


def test_english_says_the_rhythm_the_silence_and_how_rare_it_is() -> None:
    assert sentence(Kind.WIN_BACK, ANNA, "1234") == (
        "Anna usually comes every 6 days and has not been seen for 19 days; "
        "only 3% of the silences after which such customers came back lasted this long."
    )


def test_french_says_the_same() -> None:
    assert sentence(Kind.WIN_BACK, ANNA, "1234", Language.FR) == (
        "Anna passe d’habitude tous les 6\u00a0jours et ne donne plus signe depuis 19\u00a0jours\u00a0; "
        "3\u00a0% seulement des silences suivis d’un retour, chez de tels clients, ont duré aussi longtemps."
    )


def test_without_a_name_the_number_stands_in() -> None:
    nameless = msgspec.structs.replace(ANNA, first_name=None)

    assert sentence(Kind.WIN_BACK, nameless, "1234").startswith("Customer 1234 usually")
    assert sentence(Kind.WIN_BACK, nameless, "1234", Language.FR).startswith("Client 1234 passe")


@pytest.mark.parametrize(
    ("probability", "english", "french"),
    [
        (0.36, "; 36% of", "; 36\u00a0% des"),
        (0.2, "only 20%", "20\u00a0% seulement"),
        (0.012, "only 1%", "1\u00a0% seulement"),
        (0.0042, "only 0.4%", "0,4\u00a0% seulement"),
        (0.00001, "; fewer than 0.1% of", "moins de 0,1\u00a0% des"),
    ],
)
def test_a_rare_silence_never_reads_as_none_nor_a_third_as_few(probability: float, english: str, french: str) -> None:
    rare = msgspec.structs.replace(ANNA, tail_probability=probability)

    assert english in sentence(Kind.WIN_BACK, rare, "1")
    assert french in sentence(Kind.WIN_BACK, rare, "1", Language.FR)


def test_a_daily_customer_reads_naturally() -> None:
    daily = msgspec.structs.replace(ANNA, usual_gap_days=1.1, gap_days=1.4)

    assert "usually comes every day and has not been seen for 1 day;" in sentence(Kind.WIN_BACK, daily, "1")
    assert "passe d’habitude tous les jours et ne donne plus signe depuis 1\u00a0jour" in sentence(
        Kind.WIN_BACK, daily, "1", Language.FR
    )


@pytest.mark.parametrize("language", list(Language))
@pytest.mark.parametrize("kind", list(Kind))
@pytest.mark.parametrize("name", ["Anna", None])
def test_every_kind_is_one_sentence_that_names_the_customer(kind: Kind, language: Language, name: str | None) -> None:
    found = sentence(kind, msgspec.structs.replace(ANNA, first_name=name), "1234", language)

    assert (name or "1234") in found
    assert found.endswith(".")
    assert found[0].isupper()


def test_a_complaint_quotes_the_answer() -> None:
    assert sentence(Kind.SERVICE_RECOVERY, ANNA, "1") == "Anna was not happy (NPS 3 of 10) and deserves an answer."


@pytest.mark.parametrize(
    ("locale", "language"),
    [("fr-FR", Language.FR), ("fr_CA", Language.FR), ("FR", Language.FR), ("en", Language.EN), ("de", Language.EN), (None, Language.EN)],
)  # fmt: skip
def test_a_locale_that_is_not_shipped_falls_back(locale: str | None, language: Language) -> None:
    assert language_of(locale) is language
