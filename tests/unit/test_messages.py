"""Every message of every kind reads like a person's, in both languages, whatever is known of the customer."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from html.parser import HTMLParser
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from schemas.kinds import Kind
from schemas.outputs import OutreachRequested
from service.errors import ConfigurationError
from service.message import Message, Renderer, ShopFacts, TemplateError
from service.message.folders import SHIPPED
from service.message.renderer import wrapped
from service.message.samples import RUNGS, sample_request, samples_of
from service.message.told import told
from service.wording.french.names import of
from service.wording.subjects import called
from tests.support.examples import examples
from tests.support.for_outlook import as_outlook_reads_it, faults_in_outlook

SHOP = ShopFacts("Café Anna", "12 rue des Lilas, 75011 Paris", "https://cafe-anna.example/", "", "en", "Europe/Paris")
LINK = "https://cafe-anna.example/unsubscribe?token=a&b=1"
RENDERER = Renderer(SHOP)
NAMELESS = Renderer(ShopFacts())
RUNGS_OF = {kind: [rung, "third"] for kind, rung in RUNGS.items()} | {
    Kind.WIN_BACK: ["remind", "incentive", "third"],
    Kind.SERVICE_RECOVERY: ["apology", "resolved"],
}
MISSING: dict[str, dict[str, Any]] = {
    "nothing": {},
    "first_name": {"first_name": None},
    "items": {"favourite_items": [], "last_items": []},
    "visits": {"visits": 1, "orders": 1},
    "offer": {"offer": ""},
    "consent": {"consent": None},
    "everything": {
        "first_name": None, "favourite_items": [], "last_items": [], "visits": 1, "offer": "", "consent": None, "contact": None,
    },
}  # fmt: skip
MATRIX = [
    (kind, rung, locale, missing)
    for kind in Kind
    for rung, locale, missing in product(RUNGS_OF[kind], ("en", "fr"), MISSING)
]


def request(kind: Kind = Kind.WIN_BACK, rung: str = "", locale: str | None = "en", **changed: Any) -> dict[str, Any]:
    return sample_request(kind, rung, locale, shop=SHOP) | {"sample": False} | changed


def written(kind: Kind = Kind.WIN_BACK, rung: str = "", locale: str | None = "en", **changed: Any) -> Message:
    return RENDERER.render(request(kind, rung, locale, **changed), LINK)


class Page(HTMLParser):
    """Of a page: whether its tags close each other, what it shows, what it leads to, what it would load."""

    VOID = frozenset({"meta", "br", "img", "link"})

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.shown: list[str] = []
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in self.VOID:
            self.open.append(tag)
        given = dict(attrs)
        if tag == "a":
            self.links.append(given.get("href") or "")
        self.loaded += [str(given[name]) for name in ("src", "srcset", "background") if given.get(name)]
        if tag == "link":
            self.loaded.append(str(given.get("href")))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.open and "title" not in self.open:
            self.shown.append(data)


@pytest.mark.parametrize(("kind", "rung", "locale", "missing"), MATRIX)
def test_every_message_is_whole_whatever_is_missing(kind: Kind, rung: str, locale: str, missing: str) -> None:
    for renderer in (RENDERER, NAMELESS):
        message = renderer.render(request(kind, rung, locale, **MISSING[missing]), LINK)
        page = Page(message.html)
        shown = " ".join(" ".join(page.shown).split(" "))

        assert message.subject
        assert "\n" not in message.subject
        assert page.open == []
        assert page.loaded == []
        assert LINK in page.links
        assert f"\n{LINK}\n" in message.text
        for text in (message.subject, message.text, shown):
            plain = text.replace(LINK, "")
            assert not re.search(r"None|undefined|\{|\}|probab|\d[.,]\d| ,| \.|,,|\.\.|\(\)", plain), plain
        assert not re.search(r"[a-zé.,][.!?][A-ZÀÉ]", message.text.replace("https://", "")), message.text
        assert all(len(line) <= 100 for line in message.text.replace(LINK, "").splitlines())


@pytest.mark.parametrize(("kind", "locale"), list(product(Kind, ("en", "fr"))))
def test_every_message_names_customer_shop_and_reason_and_is_short(kind: Kind, locale: str) -> None:
    message = written(kind, locale=locale)
    name = {"en": "Anna", "fr": "Camille"}[locale]

    for body in (message.text, message.html):
        assert name in body
        assert "Café Anna, 12 rue des Lilas, 75011 Paris" in body
        assert {"en": "You get this mail because", "fr": "Vous recevez ce message parce que"}[locale] in body
    above = message.text.split("\n-- \n")[0]
    assert len(above.split()) <= 90
    assert Page(message.html).links.count("https://cafe-anna.example/") == (kind is not Kind.SERVICE_RECOVERY)


def test_a_regular_reads_the_usual_order_and_since_when() -> None:
    english, french = written().text, written(locale="fr").text

    assert "Your usual, Flat white and Almond croissant, is here" in english
    assert "since August 2019" in english
    assert "Café crème et Croissant aux amandes" in french
    assert "depuis août 2019" in french.replace("\n", " ")


def test_what_reads_like_a_machine_is_left_out() -> None:
    unspeakable = ["85123A", "https://shop.example", "x" * 60, "SKU 1234567", "<b>Tea</b>", "  "]

    assert "usual" not in written(favourite_items=unspeakable).text
    assert (
        "white hanging heart and Tea" in written(favourite_items=["85123A", "WHITE HANGING HEART", "Tea", "tea"]).text
    )


@pytest.mark.parametrize(
    ("said", "name"),
    [
        ("ANNE-MARIE", "Anne-Marie"), ("anna", "Anna"), ("Jean-Éric", "Jean-Éric"), ("  Anna \n B ", "Anna B"), ("", ""),
        (None, ""), ("x" * 41, ""), ("123", ""), ("Al", "Al"), ("win at https://x.example", ""), ("a@b.example", ""),
        ("NULL", ""), ("guest", ""), ("Unknown", ""), ("\u202eAnna", "Anna"), ("محمد", "محمد"), ("O'BRIEN", "O'Brien"),
    ],
)  # fmt: skip
def test_a_first_name_is_written_as_a_person_would(said: str | None, name: str) -> None:
    assert called(said) == name


def test_who_has_come_once_has_not_been_coming_since() -> None:
    assert "since" not in written(visits=1).text
    assert "since" not in written(customer_since="2026-01-20T09:00:00Z").text
    assert "first time" in written(Kind.FOLLOW_UP, visits=1).text
    assert "first time" not in written(Kind.FOLLOW_UP, visits=2).text
    assert "première visite" in written(Kind.FOLLOW_UP, locale="fr", visits=1).text


@pytest.mark.parametrize(
    ("number", "english", "french"),
    [(1, "1st", "1re"), (2, "2nd", "2e"), (11, "11th", "11e"), (50, "50th", "50e"), (103, "103rd", "103e")],
)
def test_the_nth_visit(number: int, english: str, french: str) -> None:
    assert f"that was your {english} visit" in written(Kind.MILESTONE, visits=number, occasion=str(number)).subject
    assert (
        f"votre {french}\u00a0visite"
        in written(Kind.MILESTONE, locale="fr", visits=number, occasion=str(number)).subject
    )


@pytest.mark.parametrize(
    ("name", "whose"),
    [
        ("Anna", "d’Anna"), ("Élodie", "d’Élodie"), ("Rose", "de Rose"), ("Hôtel", "d’Hôtel"), ("Hamburger Haus", "de Hamburger Haus"),
        ("Le Petit Café", "du Petit Café"), ("Les Deux Moulins", "des Deux Moulins"), ("Café Anna", "du Café Anna"),
        ("Boulangerie Rose", "de la Boulangerie Rose"), ("Atelier 9", "de l’Atelier 9"), ("L’Épicerie", "de L’Épicerie"), ("Yves", "d’Yves"),
        ("Yolk", "de Yolk"), ("O’Neill", "d’O’Neill"),
    ],
)  # fmt: skip
def test_french_elides_and_contracts(name: str, whose: str) -> None:
    assert of(name) == whose


def test_french_punctuation_keeps_its_spaces() -> None:
    for path in SHIPPED.glob("*.fr.jinja"):
        text = re.sub(r"\{%.*?%\}|\{\{.*?\}\}", "", path.read_text(encoding="utf-8"))
        assert not re.search(r"[^\u202f][!?;]|[^\u00a0]:", text), path.name
        assert "'" not in text, path.name


def test_the_reason_is_consent_with_its_date_or_that_one_is_a_customer() -> None:
    external = {"marketing_consent": None, "since": None, "rule": "external"}

    assert "because you agreed on January 26, 2025 to hear from\nCafé Anna" in written().text
    assert "because you agreed on 26 January 2025 to hear from" in written(locale="en-GB").text.replace("\n", " ")
    assert "because you are a customer of Café Anna." in written(consent=external).text


def test_an_offer_is_shown_where_there_is_one() -> None:
    with_offer, without = written(rung="incentive", offer="SPRING10"), written(rung="incentive", offer="")

    assert "this is for you" in with_offer.text
    assert "* SPRING10 *" in with_offer.text
    assert "SPRING10</td>" in with_offer.html
    assert "for you:" not in without.text
    assert "SPRING10" in written(rung="third", offer="SPRING10").text


def test_a_name_is_no_markup() -> None:
    message = written(first_name="Anna & Co", offer='<script>"x"</script>', favourite_items=["Fish & chips"])

    assert "Hello Anna &amp; Co," in message.html
    assert "<script>" not in message.html
    assert "Fish &amp; chips" in message.html
    assert "Hello Anna & Co," in message.text


def test_outlook_and_dark_mode_can_read_it() -> None:
    html = written(rung="incentive").html

    assert '<meta name="color-scheme" content="light dark">' in html
    assert "@media (prefers-color-scheme: dark)" in html
    assert len(html.encode()) < 20_000  # below it no mail program cuts it off


@pytest.mark.parametrize(("kind", "rung", "locale", "missing"), MATRIX)
def test_outlook_lays_every_message_out_as_all_others_do(kind: Kind, rung: str, locale: str, missing: str) -> None:
    html = written(kind, rung, locale, **MISSING[missing]).html

    assert faults_in_outlook(html) == []
    assert all("role" in table for table in re.findall(r"<table[^>]*>", html))


def test_the_button_is_a_button_in_outlook_too() -> None:
    html = as_outlook_reads_it(written(rung="incentive").html)

    ((cell, link),) = re.findall(r'<table class="button".*?<td([^>]*)>\s*(<a [^>]*>)', html, re.DOTALL)
    assert 'bgcolor="#8a4b2a"' in cell
    assert "mso-padding-alt:14px 28px" in cell, "it leaves out what a link is padded with"
    assert 'href="https://cafe-anna.example/"' in link
    assert "v:" not in html, "no drawing of a fixed size, which cuts a longer word off"


@pytest.mark.parametrize(
    ("wrong", "fault"),
    [
        ("<div style='display:flex'></div>", "display:flex"),
        ("<table style='max-width:560px'></table>", "as wide as the window"),
        ("<img src=x>", "not shown"),
        ("<td style='font-family:serif'><a href=x>here</a></td>", "colour of the program"),
        ("<td style='font-family:serif'><p>text</p></td>", "distances of the program"),
        ("<td>text</td>", "font of the program"),
        ("<p style='margin:0'>text</p>", "in no cell"),
        ("<table><tr></table>", "not open"),
        ("<!--[if mso]><table><![endif]-->", "not closed"),
    ],
)
def test_what_outlook_does_not_know_is_found(wrong: str, fault: str) -> None:
    assert any(fault in each for each in faults_in_outlook(wrong))


def test_a_person_who_is_asked_is_led_to_the_survey() -> None:
    shop = ShopFacts(
        "Café Anna", "", "https://cafe.example", "https://ask.example/?c={customer_id}&d={decision_id}", "en"
    )
    data = request(Kind.FEEDBACK_REQUEST, customer_id="a b&c", decision_id="d-1")

    assert "https://ask.example/?c=a%20b%26c&d=d-1\n" in Renderer(shop).render(data, LINK).text
    assert "https://cafe.example\n" in Renderer(shop).render(request(), LINK).text


def test_a_sample_says_that_it_is_one() -> None:
    assert "This is a sample" in written(sample=True).text
    assert "sample" not in written().text.replace(LINK, "")


@pytest.mark.parametrize(
    ("locale", "shop_locale", "subject"),
    [
        ("fr-CA", "en", "Anna, vous nous manquez"), ("fr_FR", "en", "Anna, vous nous manquez"), ("de", "fr", "Anna, vous nous manquez"),
        ("de", "nl", "Anna, we miss you"), (None, "fr-FR", "Anna, vous nous manquez"), (None, "en", "Anna, we miss you"),
    ],
)  # fmt: skip
def test_the_customers_language_else_the_shops_else_english(locale: str | None, shop_locale: str, subject: str) -> None:
    renderer = Renderer(ShopFacts(locale=shop_locale))

    assert renderer.render(request() | {"locale": locale}, LINK).subject == subject


def test_without_a_link_there_is_none() -> None:
    message = RENDERER.render(request(), "")

    assert "nsubscribe" not in message.text
    assert "nsubscribe" not in message.html


def test_everything_that_ships_passes_its_own_check() -> None:
    RENDERER.check()
    NAMELESS.check()


@pytest.mark.parametrize(("kind", "locale"), list(product(Kind, (None, "en", "fr-FR"))))
def test_a_sample_is_a_request_as_it_is_published(kind: Kind, locale: str | None) -> None:
    sample = sample_request(kind, "", locale, shop=SHOP, email="me@shop.example", now=datetime(2026, 1, 2, tzinfo=UTC))

    OutreachRequested.model_validate(sample)

    assert set(sample) == set(OutreachRequested.model_fields)
    assert sample["sample"] is True
    assert sample == sample_request(
        kind, "", locale, shop=SHOP, email="me@shop.example", now=datetime(2026, 1, 2, tzinfo=UTC)
    )


def in_the_old_way(line: str) -> list[str]:
    lines, so_far = [], ""
    for word in line.split(" "):
        if so_far and len(so_far) + len(word) >= 72:
            lines.append(so_far)
            so_far = word
        else:
            so_far = f"{so_far} {word}" if so_far else word
    return [*lines, so_far]


@given(st.lists(st.integers(1, 90), max_size=40))
@example([72, 1, 71, 72, 73, 1])
@settings(max_examples=examples(60))
def test_text_is_broken_where_a_word_no_longer_fits(words: list[int]) -> None:
    line = " ".join("x" * length for length in words)

    assert wrapped(line).split("\n") == in_the_old_way(line)


@pytest.mark.parametrize("path", sorted(SHIPPED.glob("*.*.jinja")), ids=lambda path: path.stem)
def test_a_chain_that_was_followed_beforehand_writes_what_jinja_writes(path: Path) -> None:
    stem, _, locale = path.stem.rpartition(".")
    kind = stem if stem != "base" else "win_back"
    for sample, chains in product(samples_of(kind, locale), (RENDERER._in_text, RENDERER._in_html)):
        variables = told(sample, SHOP, locale, LINK)
        for layout in ("layout.subject", "layout.txt", "layout.html"):
            as_jinja = chains._environment.get_template(path.name).render({**variables, "layout": layout})

            assert chains.writer_of(path.name, layout)(variables) == as_jinja


@pytest.mark.parametrize(
    "odd",
    [
        "{% extends layout %}{% set name = 'Bo' %}{% block greeting %}Hi {{ name }}{% endblock %}",
        "{% if true %}{% extends layout %}{% endif %}{% block greeting %}Hi Bo{% endblock %}",
        "{% extends 'base.' ~ 'en.jinja' %}{% block greeting %}Hi Bo{% endblock %}",
        "{% extends layout %}{% import '_part.html' as part %}{% block greeting %}Hi Bo{% endblock %}",
        "Dear{% extends layout %}{% block greeting %}Hi Bo{% endblock %}",
        "{% extends 'base.en.jinja' %}{% block greeting %}Hi Bo{{ super()[:0] }}{% endblock %}",
    ],
)
def test_a_chain_that_only_writing_tells_is_written_as_jinja_does(tmp_path: Path, odd: str) -> None:
    (tmp_path / "_part.html").write_text("{% macro m() %}x{% endmacro %}", encoding="utf-8")
    renderer = own(tmp_path, win_back__en__jinja=odd)
    variables = told(request(), SHOP, "en", LINK)
    variables |= {"layout": "layout.txt"}

    written_text = renderer._in_text.writer_of("win_back.en.jinja", "layout.txt")(variables)

    assert written_text == renderer._in_text._environment.get_template("win_back.en.jinja").render(variables)
    assert "Hi Bo" in written_text


# ---- the shop's own templates


def own(folder: Path, **files: str) -> Renderer:
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(text, encoding="utf-8")
    return Renderer(SHOP, folder)


def test_a_shop_overrides_one_message_or_one_part_of_it(tmp_path: Path) -> None:
    renderer = own(
        tmp_path,
        win_back__remind__en__txt="Dear {{ first_name }}, come.",
        win_back__fr__subject="Coucou {{ first_name }}",
    )
    renderer.check()

    english, french = renderer.render(request(), LINK), renderer.render(request(locale="fr"), LINK)

    assert english.text == "Dear Anna, come.\n"
    assert english.html == written().html
    assert french.subject == "Coucou Camille"
    assert french.text == written(locale="fr").text
    assert renderer.render(request(Kind.DELIGHT), LINK) == written(Kind.DELIGHT)


def test_a_shop_changes_what_all_messages_have_in_common(tmp_path: Path) -> None:
    own(
        tmp_path, base__en__jinja='{% extends "shipped/base.en.jinja" %}{% block goodbye %}Cheers{% endblock %}'
    ).check()

    assert "Cheers,\nEveryone at Café Anna" in Renderer(SHOP, tmp_path).render(request(), LINK).text


def test_a_language_of_the_shops_own(tmp_path: Path) -> None:
    renderer = own(
        tmp_path, win_back__de__subject="{{ first_name }}, Sie fehlen uns", win_back__de__txt="Hallo seit {{ since }}",
        win_back__de__html="<p>Hallo</p>",
    )  # fmt: skip
    renderer.check()

    message = renderer.render(request() | {"locale": "de-AT"}, LINK)

    assert (message.subject, message.text) == ("Anna, Sie fehlen uns", "Hallo seit August 2019\n")


def test_the_policys_own_template_key_is_found_first(tmp_path: Path) -> None:
    renderer = own(tmp_path, summer__en__txt="Summer!", summer__en__html="<p>Summer</p>", summer__en__subject="Sun")
    renderer.check()

    assert renderer.render(request() | {"template": "summer"}, LINK).subject == "Sun"


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        (
            "win_back.remind.en.txt",
            "Hello\n{{ frist_name }}",
            "win_back.remind.en.txt, line 2 cannot be used: 'frist_name' is undefined",
        ),
        ("win_back.en.html", "<p>\n\n{% if %}</p>", "win_back.en.html, line 3 cannot be used: "),
        (
            "delight.fr.jinja",
            '{% extends "nowhere.jinja" %}',
            "delight.fr.jinja cannot be used: it names a template that does not exist",
        ),
        ("milestone.fr.txt", "{{ visits + first_name }}", "milestone.fr.txt, line 1 cannot be used"),
        ("milestone.fr.txt", "{{ 1 // 0 }}", "milestone.fr.txt, line 1 cannot be used"),
        ("second_visit.fr.subject", "  ", "second_visit.fr cannot be used: its subject line is empty"),
        ("win_back.txt", "Hello", "win_back.txt cannot be used: its name is not KIND.LOCALE"),
        ("win_back.de.txt", "Hallo", "there is no win_back.de.subject beside it"),
        (
            "base.en.jinja",
            "{% extends layout %}{% block because %}{{ nobody }}{% endblock %}",
            "base.en.jinja, line 1 cannot be used",
        ),
        ("layout.html", "{{ subjekt }}", "layout.html, line 1 cannot be used: 'subjekt' is undefined"),
    ],
)
def test_a_template_that_cannot_be_used_is_named_with_its_line(tmp_path: Path, name: str, text: str, said: str) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8")

    with pytest.raises(TemplateError, match=r"The template .* cannot be used") as refused:
        Renderer(SHOP, tmp_path).check()

    assert said in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"The folder of templates .*nowhere cannot be read"):
        Renderer(SHOP, tmp_path / "nowhere")


def test_what_else_lies_in_the_folder_is_no_template(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("ours")
    (tmp_path / "_part.html").write_text("{{ anything }}")

    Renderer(SHOP, tmp_path).check()


def test_a_record_of_an_older_release_is_written_too() -> None:
    new = {"contact", "timezone", "consent", "subject", "sentence_shop", "reasons", "sample"}
    data = {key: value for key, value in request().items() if key not in new}

    assert "because you are a customer" in RENDERER.render(data, LINK).text


def test_a_time_that_cannot_be_read_is_left_out() -> None:
    assert told(request() | {"customer_since": "yesterday"}, SHOP, "en", LINK)["since"] == ""
