"""What a person reads first: why this customer, in English and in French."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import pytest

from service.domain.events import Survey
from service.domain.findings import About, Evidence, Kind
from service.wording.english import LANGUAGE as ENGLISH
from service.wording.french import LANGUAGE as FRENCH
from service.wording.language import Language
from service.wording.languages import LANGUAGES, language_of
from service.wording.sentences import MissingSentenceError, sentence

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
    assert sentence(Kind.WIN_BACK, ANNA, "1234", FRENCH) == (
        "Anna passe d’habitude tous les 6\u00a0jours et ne donne plus signe depuis 19\u00a0jours\u00a0; "
        "3\u00a0% seulement des silences suivis d’un retour, chez de tels clients, ont duré aussi longtemps."
    )


def test_without_a_name_the_number_stands_in() -> None:
    nameless = msgspec.structs.replace(ANNA, first_name=None)

    assert sentence(Kind.WIN_BACK, nameless, "1234").startswith("Customer 1234 usually")
    assert sentence(Kind.WIN_BACK, nameless, "1234", FRENCH).startswith("Le client 1234 passe")
    assert sentence(Kind.MILESTONE, nameless, "1234", FRENCH) == "C’est la 12e\u00a0visite du client 1234."
    assert sentence(Kind.SERVICE_RECOVERY, nameless, "1234", FRENCH).startswith(
        "Quelque chose n’a pas plu au client 1234"
    )
    assert sentence(Kind.SERVICE_RECOVERY, ANNA, "1234", FRENCH).startswith("Quelque chose n’a pas plu à Anna")


@pytest.mark.parametrize("written", ["Null", "<b>Bob</b>", "x" * 60, "  "])
def test_the_reason_calls_a_customer_as_the_message_does(written: str) -> None:
    odd = msgspec.structs.replace(ANNA, first_name=written)

    assert sentence(Kind.WIN_BACK, odd, "1234").startswith("Customer 1234 usually")
    loud = msgspec.structs.replace(ANNA, first_name=" ANNE-MARIE ")
    assert sentence(Kind.WIN_BACK, loud, "1234").startswith("Anne-Marie usually")


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
    assert french in sentence(Kind.WIN_BACK, rare, "1", FRENCH)


def test_a_daily_customer_reads_naturally() -> None:
    daily = msgspec.structs.replace(ANNA, usual_gap_days=1.1, gap_days=1.4)

    assert "usually comes every day and has not been seen for 1 day;" in sentence(Kind.WIN_BACK, daily, "1")
    assert "passe d’habitude tous les jours et ne donne plus signe depuis 1\u00a0jour" in sentence(
        Kind.WIN_BACK, daily, "1", FRENCH
    )


@pytest.mark.parametrize("language", LANGUAGES.values(), ids=list(LANGUAGES))
def test_every_kind_of_message_has_a_sentence_in_every_language(language: Language) -> None:
    assert set(language.sentences) == set(Kind)


def about(step: str, **more: object) -> Evidence:
    return msgspec.structs.replace(ANNA, about=About("m", 0, 0, step=step, **more))  # type: ignore[arg-type]


def test_french_elides_before_a_vowel_and_counts_in_words_that_agree() -> None:
    once = msgspec.structs.replace(ANNA, visits=1)

    assert sentence(Kind.MILESTONE, once, "1", FRENCH) == "C’est la 1re\u00a0visite d’Anna."
    assert sentence(Kind.MILESTONE, about("reached", number=10), "1", FRENCH) == "C’est la 10e\u00a0visite d’Anna."
    assert "compte 1\u00a0visite et" in sentence(Kind.DELIGHT, once, "1", FRENCH)


def test_a_message_about_an_occasion_says_which() -> None:
    assert "for the 10th time" in sentence(Kind.MILESTONE, about("reached", number=10), "1")
    assert "for the first time" in sentence(Kind.FOLLOW_UP, about("first"), "1")
    assert "for the first time" not in sentence(Kind.FOLLOW_UP, about("again"), "1")
    assert "how easy it was" in sentence(Kind.FEEDBACK_REQUEST, about("ask", survey=Survey.CES, order_id="o"), "1")


def test_who_was_not_satisfied_is_told_with_what_they_answered() -> None:
    low = {"survey": Survey.CSAT, "score": 1}

    assert "gave 1 out of 5" in sentence(Kind.SERVICE_RECOVERY, about("apology", **low), "1")
    assert "a répondu 1 sur 5" in sentence(Kind.SERVICE_RECOVERY, about("apology", **low), "1", FRENCH)
    assert "dealt with since" in sentence(Kind.SERVICE_RECOVERY, about("resolved", **low), "1")
    assert "not satisfied" in sentence(Kind.SERVICE_RECOVERY, ANNA, "1")


@pytest.mark.parametrize("language", LANGUAGES.values(), ids=list(LANGUAGES))
@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize("name", ["Anna", None])
def test_a_kind_is_one_sentence_that_names_the_customer(kind: Kind, language: Language, name: str | None) -> None:
    found = sentence(kind, msgspec.structs.replace(ANNA, first_name=name), "1234", language)

    assert (name or "1234") in found
    assert found.endswith(".")
    assert found[0].isupper()


def test_a_kind_without_a_sentence_is_refused_by_name() -> None:
    silent = replace(FRENCH, sentences={Kind.WIN_BACK: FRENCH.sentences[Kind.WIN_BACK]})

    with pytest.raises(MissingSentenceError, match="kind of message 'second_visit' in Français") as refused:
        sentence(Kind.SECOND_VISIT, ANNA, "1", silent)

    assert (refused.value.kind, refused.value.language) == (Kind.SECOND_VISIT, silent)


@pytest.mark.parametrize(
    ("locale", "language"),
    [("fr-FR", FRENCH), ("fr_CA", FRENCH), ("FR", FRENCH), ("en", ENGLISH), ("de", None), ("", None), (None, None)],
)
def test_a_locale_is_of_a_language_that_ships_or_of_none(locale: str | None, language: Language | None) -> None:
    assert language_of(locale) is language
