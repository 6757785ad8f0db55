"""A message can be looked at before it goes out: a made-up one, and that of a customer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from schemas.kinds import Kind
from schemas.outputs import OutreachRequested
from service.cli import app
from service.commands.preview import _notes
from service.config import Settings
from service.domain.events import Event, Profile
from service.errors import ConfigurationError
from service.inspect.request import request_of, step_of
from tests.support.engines import OPEN_HOUSE, apply_all, at, make_engine, purchase, weekly

SETTINGS = Settings()
ANNA = Profile(
    "p",
    "anna",
    at(1),
    first_name="Anna",
    locale="fr-FR",
    email="anna@mail.example",
    timezone="Europe/Paris",
    marketing_consent=True,
)


def requested(
    *events: Event, settings: Settings = SETTINGS, kind: Kind | None = None, rung: str = "", locale: str | None = None
) -> dict[str, Any]:
    engine = make_engine(OPEN_HOUSE)
    apply_all(engine, sorted(events, key=lambda event: event.at_us))
    data = request_of(settings, engine, "anna", kind, rung, locale)
    OutreachRequested.model_validate(data)
    return data


def shown(*words: str, **variables: str) -> tuple[int, str, str]:
    done = CliRunner().invoke(app, ["preview", *words], env=variables)
    return done.exit_code, done.stdout, done.stderr


def test_a_regulars_is_the_ladders_and_says_all_that_is_known() -> None:
    data = requested(*weekly("anna", 6), ANNA, purchase("other", 55.5))

    assert (data["kind"], data["rung"], data["template"]) == ("win_back", "remind", "win_back.remind")
    assert data["contact"] == {"email": "anna@mail.example", "phone": None, "crm_id": None}
    assert (data["timezone"], data["locale"], data["first_name"]) == ("Europe/Paris", "fr-FR", "Anna")
    assert data["consent"]["marketing_consent"] is True
    assert data["subject"] == "Anna, vous nous manquez"
    assert data["visits"] == 6
    assert data["sample"] is False


def test_who_has_come_once_is_nudged_and_another_kind_or_language_can_be_asked_for() -> None:
    once = [purchase("anna", 0), purchase("other", 20.0)]

    assert requested(*once)["kind"] == "second_visit"
    asked = requested(*once, kind=Kind.MILESTONE, rung="fifth", locale="fr")
    assert (asked["kind"], asked["rung"], asked["locale"]) == ("milestone", "fifth", "fr")
    assert asked["subject"] == "C’était votre 1re\u00a0visite"


@pytest.mark.parametrize("kind", Kind)
def test_every_kind_can_be_previewed_of_a_customer(kind: Kind) -> None:
    assert requested(*weekly("anna", 6), ANNA, purchase("other", 55.5), kind=kind)["kind"] == kind.value


def test_the_policys_steps_have_their_offers_and_templates() -> None:
    settings = SETTINGS.changed(
        outreach={
            "rungs": [{"name": "remind"}, {"name": "gift", "strictness": 0.2, "offer": "G7", "template": "summer"}],
            "second_visit": True, "second_visit_offer": "HELLO",
        }
    )  # fmt: skip

    gift = step_of(settings, Kind.WIN_BACK, "gift")
    assert (gift.offer, gift.template) == ("G7", "summer")
    assert step_of(settings, Kind.WIN_BACK, "").name == "remind"
    assert step_of(settings, Kind.SECOND_VISIT, "").offer == "HELLO"
    assert step_of(settings, Kind.DELIGHT, "").template == "delight.treat"
    assert step_of(settings, Kind.WIN_BACK, "third").template == "win_back.third"


def test_of_who_has_bought_nothing_there_is_nothing_to_write() -> None:
    with pytest.raises(ConfigurationError, match="has not bought anything"):
        requested(ANNA)


def test_what_would_keep_it_from_going_out_is_said() -> None:
    days = [*weekly("anna", 6), purchase("other", 55.5)]
    refused = Profile("q", "anna", at(2), marketing_consent=False)

    unknown = " ".join(_notes(SETTINGS, requested(*days), made_up_one=False))
    assert "nothing is known of a consent" in unknown
    assert "no e-mail address is known" in unknown
    assert "has said no" in " ".join(_notes(SETTINGS, requested(*days, ANNA, refused), made_up_one=False))
    named = SETTINGS.changed(shop={"name": "Café", "address": "Paris", "url": "https://cafe.example"})
    assert list(_notes(named, requested(*days, ANNA), made_up_one=False)) == []

    present = requested(*weekly("anna", 6), ANNA, purchase("other", 37.0))
    assert "usually comes every" in " ".join(_notes(named, present, made_up_one=False))
    trial = named.changed(outreach={"shadow": True})
    assert "outreach.shadow" in " ".join(_notes(trial, requested(*days, ANNA), made_up_one=False))


def test_a_made_up_one_needs_nothing_and_is_always_the_same(tmp_path: Path) -> None:
    page = tmp_path / "page.html"

    code, text, notes = shown("--sample", "--kind", "milestone", "--locale", "fr", "--html", str(page))

    assert code == 0
    assert text.startswith("Subject: Camille, c’était votre 50e\u00a0visite\n\nBonjour Camille,\n")
    assert page.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    assert "shop.name is not set" in notes
    assert shown("--sample", "--kind", "milestone", "--locale", "fr")[1] == text


def test_it_is_the_shops_message_by_the_shops_templates(tmp_path: Path) -> None:
    (tmp_path / "win_back.en.txt").write_text("Ahoy {{ first_name }} of {{ shop_name }}")
    shop = {"CHURN_ALERT_SHOP__NAME": "Café Anna", "CHURN_ALERT_DELIVER__TEMPLATES": str(tmp_path)}

    assert "Ahoy Anna of Café Anna" in shown("--sample", **shop)[1]
    (tmp_path / "win_back.en.txt").write_text("Ahoy {{ nobody }}")
    done = CliRunner().invoke(app, ["preview", "--sample"], env=shop)
    assert isinstance(done.exception, ConfigurationError)
    assert "win_back.en.txt, line 1" in str(done.exception)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "exactly one"), (["anna", "--sample"], "exactly one"), (["--sample", "--locale", "french language"], "--locale"),
        (["--sample", "--rung", "a/b"], "--rung"), (["--sample", "--html", "/nowhere/at/all.html"], "cannot be written"),
    ],
)  # fmt: skip
def test_a_mistake_is_one_sentence(words: list[str], said: str) -> None:
    done = CliRunner().invoke(app, ["preview", *words])

    assert isinstance(done.exception, ConfigurationError)
    assert said in str(done.exception)


@pytest.mark.parametrize(
    ("words", "note"),
    [
        (["--rung", "nosuch"], "no step 'nosuch' of win_back, only remind"), (["--kind", "milestone"], "outreach.milestone is not switched on"),
        (["--rung", "remind"], None), ([], None),
    ],
)  # fmt: skip
def test_a_step_that_nobody_gets_is_said_to_be_one(words: list[str], note: str | None) -> None:
    said = CliRunner().invoke(app, ["preview", "--sample", *words]).stderr

    assert (note in said) if note else ("nobody gets" not in said)


def test_nobody_can_be_forgotten_without_a_name() -> None:
    done = CliRunner().invoke(app, ["forget", " ", "--yes"])

    assert isinstance(done.exception, ConfigurationError)
    assert "customer_id is empty" in str(done.exception)


def test_no_address_no_sample() -> None:
    done = CliRunner().invoke(app, ["outreach", "test", "--email", "nobody"])

    assert isinstance(done.exception, ConfigurationError)
    assert "--email 'nobody' is no e-mail address" in str(done.exception)


@pytest.mark.parametrize(
    ("words", "note"),
    [
        (["--locale", "de-AT"], "no template writes this in 'de-AT': it goes out in en"),
        (
            ["--letter", "--locale", "de-AT"],
            "the letter is not written in 'de-AT', only in en and fr: it goes out in en",
        ),
        (["--locale", "fr-CA"], ""),
        (["--letter", "--locale", "fr-CA"], ""),
        (["--locale", "EN"], ""),
    ],
)
def test_a_language_in_which_nothing_is_written_is_said(words: list[str], note: str) -> None:
    """It was shown in English without a word."""
    code, _, notes = shown(*([] if "--letter" in words else ["--sample"]), *words)

    assert code == 0
    assert note in notes
    assert ("goes out in" in notes) is bool(note)


def test_a_template_of_the_shops_own_is_a_language_more(tmp_path: Path) -> None:
    for ending, text in (("subject", "Hallo"), ("txt", "Wir vermissen Sie."), ("html", "<p>Wir vermissen Sie.</p>")):
        (tmp_path / f"win_back.de.{ending}").write_text(text, encoding="utf-8")

    code, text, notes = shown("--sample", "--locale", "de", CHURN_ALERT_DELIVER__TEMPLATES=str(tmp_path))

    assert code == 0
    assert text.startswith("Subject: Hallo\n")
    assert "goes out in" not in notes
