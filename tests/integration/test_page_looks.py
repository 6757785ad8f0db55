"""The pages of numbers in a real browser: what is cut, what scrolls, what a screen reader finds; and their pictures, in
`build/pictures`, for people to look at. Of a simulated café, without a broker."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe

from service.streaming.metrics import Metrics
from service.web.app import create_app
from service.web.shop_view import ShopFacts
from tests.support.browser import chromium
from tests.support.seen_shop import seen_shop, settings_of
from tests.support.served_app import served_app

PICTURES = Path(__file__).parents[2] / "build" / "pictures"
FIRST_SCREEN = {"width": 1280, "height": 800}
MOST_WORDS = 150
MOST_BYTES = 100_000
WIDTHS = (390, 768, 1280)
PAGES = {
    "numbers": "/",
    "year": "/?period=rolling_365",
    "free": "/?from=2025-03-03&to=2025-04-13",
    "brought": "/brought",
}
_VISIBLE_WORDS = """() => {
  const words = [], walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const node = walker.currentNode, range = document.createRange();
    if (!node.parentElement.checkVisibility({ checkOpacity: true, checkVisibilityCSS: true })) continue;
    range.selectNodeContents(node);
    const box = range.getBoundingClientRect();
    if (box.width > 1 && box.height > 1 && box.top < innerHeight && box.bottom > 0)
      words.push(...node.textContent.split(/\\s+/).filter((each) => each));
  }
  return words;
}"""
_CUT = """() => [...document.querySelectorAll('main *, header *')].filter((each) => {
  if (!each.checkVisibility() || each.closest('.scroll, svg, .unseen')) return false;
  const box = each.getBoundingClientRect();
  return box.width > 0 && (box.right > innerWidth + 1 || box.left < -1 || each.scrollWidth > each.clientWidth + 1
    && getComputedStyle(each).overflowX !== 'visible');
}).map((each) => each.outerHTML.slice(0, 120))"""
_CUT_ON_PAPER = """() => [...document.querySelectorAll('table')].filter((each) =>
  each.getBoundingClientRect().right > document.documentElement.clientWidth + 1).map((each) => each.outerHTML.slice(0, 120))"""


@contextmanager
def served(facts: ShopFacts) -> Iterator[str]:
    """The address at which the facts are shown, by a server in a thread of its own."""
    settings = settings_of(web={"port": 0})
    with served_app(create_app(settings, Metrics().registry, facts), settings.web) as found:
        yield found


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with served(seen_shop()) as found:
        yield found


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as started:
        yield started


def open_page(browser: Any, address: str, **context: Any) -> Any:
    page = browser.new_context(**{"locale": "en-GB", "viewport": FIRST_SCREEN, **context}).new_page()
    page.goto(address)
    return page


@pytest.mark.parametrize("locale", ["en-GB", "fr-FR"])
def test_the_first_screen_has_few_words(browser: Any, address: str, locale: str) -> None:
    page = open_page(browser, address, locale=locale)

    words = page.evaluate(_VISIBLE_WORDS)

    assert 40 < len(words) < MOST_WORDS, " ".join(words)


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("locale", ["en-GB", "fr-FR"])
@pytest.mark.parametrize("path", list(PAGES.values()), ids=list(PAGES))
def test_nothing_is_cut_and_the_page_is_as_wide_as_the_window(
    browser: Any, address: str, path: str, locale: str, width: int
) -> None:
    page = open_page(browser, address + path, locale=locale, viewport={"width": width, "height": 800})
    page.evaluate("document.querySelectorAll('details').forEach((each) => each.open = true)")

    assert page.evaluate("document.documentElement.scrollWidth") == width
    assert page.evaluate(_CUT) == []
    for at in range(page.locator(".scroll").count()):
        table = page.locator(".scroll").nth(at)
        scrolls = table.evaluate("each => each.scrollWidth > each.clientWidth")
        assert table.evaluate("each => each.querySelector('.hint').checkVisibility()") is scrolls
        if scrolls:
            assert table.evaluate("each => (each.scrollLeft = 1e6) && each.scrollLeft > 0")


@pytest.mark.parametrize("path", list(PAGES.values()), ids=list(PAGES))
def test_nothing_is_cut_on_paper(browser: Any, address: str, path: str) -> None:
    page = open_page(browser, address + path, viewport={"width": 703, "height": 1000})  # A4 less its margins
    page.emulate_media(media="print")

    assert page.evaluate(_CUT_ON_PAPER) == []
    assert page.evaluate("document.documentElement.scrollWidth") == 703


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("path", list(PAGES.values()), ids=list(PAGES))
def test_axe_finds_no_violation(browser: Any, address: str, path: str, scheme: str) -> None:
    page = open_page(browser, address + path, color_scheme=scheme, bypass_csp=True)
    page.evaluate("document.querySelectorAll('details').forEach((each) => each.open = true)")

    found = Axe().run(page)

    assert found.violations_count == 0, found.generate_report()


def test_the_first_view_is_light_and_asks_nobody_else(browser: Any, address: str) -> None:
    context = browser.new_context(locale="en-GB")
    page, answers = context.new_page(), list[Any]()

    def note(answer: Any) -> None:
        answers.append(answer)

    page.on("response", note)
    page.goto(address, wait_until="load")
    page.wait_for_timeout(300)

    whole = sum(len(each.body()) for each in answers if "/live" not in each.url)
    assert whole < MOST_BYTES
    assert all(each.url.startswith(address) for each in answers)


def test_a_run_of_days_is_asked_for_in_the_form_without_a_script(browser: Any, address: str) -> None:
    page = open_page(browser, f"{address}/?live=no", java_script_enabled=False)
    page.locator(".free summary").click()
    page.locator("input[name=from]").fill("2025-03-03")
    page.locator("input[name=to]").fill("2025-03-16")
    page.get_by_role("button", name="Show").click()

    assert page.url.endswith("from=2025-03-03&to=2025-03-16")
    assert "3–16 Mar 2025" in page.locator(".shown").inner_text().replace("\u2009", "")
    assert "live=no" in page.url


@pytest.mark.parametrize(
    ("name", "path", "context"),
    [
        ("page", "/", {}),
        ("page-dark", "/", {"color_scheme": "dark"}),
        ("page-french", "/", {"locale": "fr-FR"}),
        ("page-phone", "/", {"viewport": {"width": 390, "height": 844}}),
        ("year", "/?period=rolling_365", {}),
        ("free", "/?from=2025-03-03&to=2025-04-13", {}),
        ("brought", "/brought", {}),
        ("brought-french-phone", "/brought", {"locale": "fr-FR", "viewport": {"width": 390, "height": 844}}),
    ],
)
def test_pictures_for_people_to_look_at(
    browser: Any, address: str, name: str, path: str, context: dict[str, Any]
) -> None:
    page = open_page(browser, address + path, **context)
    PICTURES.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=PICTURES / f"{name}.png")
    page.screenshot(path=PICTURES / f"{name}-whole.png", full_page=True)

    assert (PICTURES / f"{name}.png").stat().st_size > 10_000
