"""The pages about persons in a real browser: what is cut, what scrolls, what a screen reader finds; and their pictures,
in `build/pictures`, for people to look at. Of made-up customers, without a broker."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from pydantic import SecretStr

from service.streaming.metrics import Metrics
from service.web.access import Access
from service.web.app import create_app
from tests.support.browser import chromium
from tests.support.made_up_people import FakePeople, a_few, coming_of_tonight, detail_of
from tests.support.made_up_shop import SETTINGS, TOKEN, FakeFacts
from tests.support.served_app import served_app

PICTURES = Path(__file__).parents[2] / "build" / "pictures"
WIDTHS = (390, 768, 1280)
PAGES = {
    "today": "/today",
    "people": "/people?segment=all",
    "one": "/people/one?id=c-1",
    "elsewhere": "/people/one?id=c-4",
    "nobody": "/people/one?id=nobody",
    "coming": "/coming",
    "stores": "/stores",
}
_CUT = """() => [...document.querySelectorAll('main *, header *')].filter((each) => {
  if (!each.checkVisibility() || each.closest('.scroll, svg, .unseen, select')) return false;
  const box = each.getBoundingClientRect();
  return box.width > 0 && (box.right > innerWidth + 1 || box.left < -1);
}).map((each) => each.outerHTML.slice(0, 120))"""
_CUT_ON_PAPER = """() => [...document.querySelectorAll('table')].filter((each) =>
  each.getBoundingClientRect().right > document.documentElement.clientWidth + 1).map((each) => each.outerHTML.slice(0, 120))"""


def a_shop() -> FakePeople:
    people = a_few()
    people.details["c-1"] = detail_of([date(2026, 2, 25) + timedelta(days=6 * each) for each in range(20)])
    people.ahead = coming_of_tonight()
    for number in range(60):
        long_name = "Maximilienne-Hortense" if number % 7 == 0 else f"Anne {number}"
        people.scores(
            f"customer-of-the-north-{number:04}", silent_days=10.0 + number, value_at_risk=f"{60 - number}.50"
        )
        people.decided(f"customer-of-the-north-{number:04}", 4.0, first_name=long_name)
    return people


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    settings = SETTINGS.changed(web={"port": 0, "token": SecretStr(TOKEN), "requests_per_second": 1_000.0})
    access = Access(settings.web)
    app = create_app(settings, Metrics().registry, FakeFacts(), access, people=a_shop())
    with served_app(app, settings.web, access) as found:
        yield found


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as started:
        yield started


def open_page(browser: Any, address: str, path: str, **context: Any) -> Any:
    """Signed in."""
    page = browser.new_context(**{"locale": "en-GB", "viewport": {"width": 1280, "height": 800}, **context}).new_page()
    page.goto(address + path)
    page.locator("input[type=password]").fill(TOKEN)
    page.locator("main button").click()
    page.wait_for_url(address + path)
    return page


@pytest.mark.parametrize("locale", ["en-GB", "fr-FR"])
@pytest.mark.parametrize("path", list(PAGES.values()), ids=list(PAGES))
def test_nothing_is_cut_on_any_screen_nor_on_paper_and_what_scrolls_says_so(
    browser: Any, address: str, path: str, locale: str
) -> None:
    complaints: list[str] = []
    page = open_page(browser, address, path, locale=locale)
    page.on("console", lambda said: complaints.append(said.text))
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 800})

        assert page.evaluate("document.documentElement.scrollWidth") == width
        assert page.evaluate(_CUT) == []
        for at in range(page.locator(".scroll").count()):
            table = page.locator(".scroll").nth(at)
            scrolls = table.evaluate("each => each.scrollWidth > each.clientWidth")
            assert table.evaluate("each => each.querySelector('.hint').checkVisibility()") is scrolls
            if scrolls:
                assert table.evaluate("each => (each.scrollLeft = 1e6) && each.scrollLeft > 0")
    page.set_viewport_size({"width": 703, "height": 1000})  # A4 less its margins
    page.emulate_media(media="print")
    assert page.evaluate(_CUT_ON_PAPER) == []
    assert complaints == []
    page.context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("path", list(PAGES.values()), ids=list(PAGES))
def test_axe_finds_no_violation(browser: Any, address: str, path: str, scheme: str) -> None:
    page = open_page(browser, address, path, color_scheme=scheme, bypass_csp=True)

    found = Axe().run(page)

    assert found.violations_count == 0, found.generate_report()
    page.context.close()


def test_axe_finds_no_violation_in_the_sign_in(browser: Any, address: str) -> None:
    page = browser.new_context(locale="fr-FR", bypass_csp=True).new_page()
    page.goto(address + "/sign-in")
    page.locator("input[type=password]").fill("a-wrong-token-of-somebody")
    page.locator("main button").click()
    assert page.get_by_role("alert").inner_text() == "Ce jeton est inconnu."

    found = Axe().run(page)

    assert found.violations_count == 0, found.generate_report()
    page.context.close()


@pytest.mark.parametrize(
    ("name", "path", "context"),
    [
        ("today", "/today", {}),
        ("people", "/people", {}),
        ("people-french", "/people?segment=all", {"locale": "fr-FR"}),
        ("people-phone", "/people", {"viewport": {"width": 390, "height": 844}}),
        ("one", "/people/one?id=c-1", {}),
        ("coming-phone-french", "/coming", {"locale": "fr-FR", "viewport": {"width": 390, "height": 844}}),
        ("stores-dark", "/stores", {"color_scheme": "dark"}),
        ("one-dark", "/people/one?id=c-1", {"color_scheme": "dark"}),
    ],
)
def test_pictures_for_people_to_look_at(
    browser: Any, address: str, name: str, path: str, context: dict[str, Any]
) -> None:
    page = open_page(browser, address, path, **context)
    PICTURES.mkdir(parents=True, exist_ok=True)
    picture = PICTURES / f"{name}.png"

    page.screenshot(path=picture, full_page=True)

    assert picture.stat().st_size > 5_000
    page.context.close()
