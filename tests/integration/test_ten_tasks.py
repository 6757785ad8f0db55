"""What an owner asks who has never seen the page, asked in a real browser by clicks alone, each within three but
for forgetting, which takes four: it asks whether one is sure. Answers are held against the made-up shop; no
worker and no broker runs."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import SecretStr

from service.domain.findings import Outcome
from service.streaming.metrics import Metrics
from service.web.access import Access
from service.web.app import create_app
from service.web.people.stores import stores_of
from tests.support.browser import chromium
from tests.support.made_up_people import FakePeople, a_few, coming_of_tonight
from tests.support.made_up_shop import MONTHS, SETTINGS, TOKEN, FakeFacts
from tests.support.served_app import served_app
from tests.unit.test_brought_on_every_surface import shop

SENT, SENT_BACK, WITHHELD, WITHHELD_BACK = 880, 448, 770, 156
MESSAGES = shop((False, SENT, SENT_BACK), (True, WITHHELD, WITHHELD_BACK))


@pytest.fixture(scope="module")
def people() -> FakePeople:
    made_up = a_few()
    made_up.ahead = coming_of_tonight()
    for number in range(40):
        made_up.scores(
            f"n-{number}", silent_days=3.0, segment="quiet" if number < 12 else "regular", value_at_risk="1.00"
        )
        made_up.scores(f"s-{number}", silent_days=3.0, segment="regular", value_at_risk="1.00", store="south")
    return made_up


@pytest.fixture(scope="module")
def address(people: FakePeople) -> Iterator[str]:
    settings = SETTINGS.changed(web={"port": 0, "token": SecretStr(TOKEN), "requests_per_second": 1_000.0})
    access = Access(settings.web)
    app = create_app(settings, Metrics().registry, FakeFacts(messages=MESSAGES), access, people=people)
    with served_app(app, settings.web, access) as found:
        yield found


class Owner:
    """Begins on the page of today, signed in, and counts the clicks."""

    def __init__(self, page: Any) -> None:
        self.page = page
        self.clicks = 0

    def click(self, name: str, role: str = "link", *, exact: bool = True) -> None:
        self.clicks += 1
        self.page.get_by_role(role, name=name, exact=exact).first.click()
        self.page.wait_for_load_state()

    def find(self, text: str) -> None:
        self.page.locator("input[name=q]").fill(text)
        self.click("Find anybody", "button")

    @property
    def reads(self) -> str:
        return str(self.page.locator("body").inner_text()).replace("\u00a0", " ").replace("\u202f", " ")


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as started:
        yield started


@pytest.fixture(params=[True, False], ids=["script", "no-script"])
def owner(browser: Any, address: str, request: pytest.FixtureRequest) -> Iterator[Owner]:
    context = browser.new_context(locale="en-GB", java_script_enabled=request.param)
    page = context.new_page()
    page.goto(address + "/sign-in")
    page.locator("input[type=password]").fill(TOKEN)
    page.locator("main button").click()
    page.wait_for_url(address + "/today")
    yield Owner(page)
    context.close()


def test_who_should_be_called_today_and_why(owner: Owner, people: FakePeople) -> None:
    first = owner.page.locator("table.people tbody tr").first.inner_text()

    roll = people.roll
    quiet = {
        customer_id: roll.value_at_risk[row]
        for customer_id, row in roll.rows()
        if (standing := roll.standing(customer_id)) is not None and standing.segment == "quiet"
    }
    assert (roll.name_of(max(quiet, key=lambda each: quiet[each])) or "?") in first
    assert "Comes every 6 days, silent for 20 days" in first
    assert owner.clicks == 0


def test_why_somebody_got_nothing(owner: Owner, people: FakePeople) -> None:
    owner.find("c-2")
    owner.click("c-2")

    last = people.roll.last_decision("c-2")
    assert last is not None
    assert (last.outcome, last.reason) == (Outcome.SUPPRESSED.value, "no_consent")
    assert "No message (We miss you): no consent." in owner.reads
    assert owner.clicks <= 3


def test_what_the_messages_have_brought(owner: Owner) -> None:
    owner.click("Messages")

    assert owner.page.get_by_role("heading", level=1).inner_text() == "What the messages brought"
    month = owner.page.locator("tr.month").first.inner_text().split("\t")
    sent_back, withheld_back = (
        f"{100 * back / people:.1f}%" for back, people in ((SENT_BACK, SENT), (WITHHELD_BACK, WITHHELD))
    )
    assert month[:5] == ["March 2026", str(SENT), sent_back, str(WITHHELD), withheld_back]
    assert owner.clicks == 1


def test_how_a_month_stands_beside_the_one_of_last_year(owner: Owner) -> None:
    owner.click("Numbers")
    owner.click("May 2026")

    assert owner.page.locator("p.shown").inner_text() == "May 2026"
    assert f"{MONTHS[0].retained} of {MONTHS[0].customers_at_start} came back" in owner.reads
    assert owner.clicks == 2


def test_which_store_loses_regulars(owner: Owner, people: FakePeople) -> None:
    owner.click("Stores")

    worst = next(each for each in stores_of(people.roll, SETTINGS.shop.regular_min_visits) if each.beside == "worse")
    assert f"{worst.store} loses the most: {worst.quiet + worst.lost} of {worst.regulars} regulars" in owner.reads
    owner.click(worst.store)
    assert owner.page.locator("table.people tbody tr").count() == worst.quiet
    assert owner.clicks == 2


def test_whether_the_feed_is_alive(owner: Owner) -> None:
    assert owner.page.locator(".condition.live").inner_text() == "Up to date"
    assert "newest purchase 07/07/2026, 14:00" in owner.reads
    assert owner.clicks == 0


def test_the_list_of_people_at_risk_as_a_file(owner: Owner, people: FakePeople) -> None:
    owner.click("People at risk")
    with owner.page.expect_download() as downloaded:
        owner.clicks += 1
        owner.page.get_by_role("link", name="All of them as CSV").click(no_wait_after=True)

    text = downloaded.value.path().read_text(encoding="utf-8-sig")
    roll = people.roll
    lines = {line["customer_id"] for line in csv.DictReader(io.StringIO(text))}
    assert lines == {customer_id for customer_id, row in roll.rows() if roll.is_at_risk(row)}
    assert owner.clicks == 2


def test_what_happens_tonight_at_ten(owner: Owner) -> None:
    owner.click("Next 24 hours")

    row = owner.page.locator("table.coming tbody tr", has_text="22:00").inner_text()
    assert "c-2" in row
    assert "“incentive” comes due" in row
    assert owner.clicks == 1


def test_who_has_seen_somebodys_page(owner: Owner) -> None:
    owner.find("c-1")
    owner.click("Wilhelmina")

    looks = owner.page.locator("section[aria-labelledby=seen]").inner_text()
    assert "web.token" in looks
    assert "/people/one · 127.0.0.1" in looks
    assert owner.clicks == 2


def test_forgetting_somebody(owner: Owner, people: FakePeople) -> None:
    people.said.clear()
    owner.find("s-7")
    owner.page.get_by_role("link", name="s-7", exact=True).click()
    owner.page.get_by_role("checkbox").check()
    owner.click("Forget", "button")

    assert people.said == [("forget", "s-7")]
    assert "being erased" in owner.reads
