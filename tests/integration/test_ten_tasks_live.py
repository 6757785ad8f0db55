"""The ten questions of docs/page.md asked of a worker that runs: in a browser, signed in, by clicks alone, each answer
held against the API of the same worker. `build/ten-tasks.csv` has the clicks and seconds that each took."""

from __future__ import annotations

import csv
import io
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import msgspec
import pytest

from service.cluster import topics
from service.config import Settings, TopicNames
from service.domain.calendar import to_datetime
from service.domain.events import Profile, Purchase, SurveyAnswer
from service.feed.replay import replay
from service.feed.simulate import Cafe, Simulation
from tests.integration.test_ten_tasks import Owner
from tests.support.broker import TestBroker
from tests.support.browser import chromium
from tests.support.live_shop import metric, until
from tests.support.processes import free_port
from tests.support.worker_process import WorkerProcess

pytestmark = [pytest.mark.broker]

TOKEN = "token-of-the-live-test"  # noqa: S105
PARIS = ZoneInfo("Europe/Paris")
DAYS = 500
STORES = ("north", "south", "harbour")
TOOK = Path(__file__).parents[2] / "build" / "ten-tasks.csv"
HEADERS = {"Authorization": f"Bearer {TOKEN}"}


def events() -> Iterator[Purchase | SurveyAnswer | Profile]:
    """A café of three stores, up to now."""
    now_us = time.time_ns() // 1_000
    start = datetime.now(UTC).date() - timedelta(days=DAYS - 1)
    for event in Simulation(Cafe(customers=200, days=DAYS, start=start)).events():
        if event.at_us > now_us:
            return
        if isinstance(event, Purchase):
            store = STORES[sum(map(ord, event.customer_id)) % len(STORES)]
            yield msgspec.structs.replace(event, source=store)
        else:
            yield event


class LiveShop:
    """A worker that has read all of it, and its page."""

    def __init__(self, address: str) -> None:
        self.address = address

    def get(self, path: str) -> Any:
        answer = httpx.get(self.address + path, headers=HEADERS, timeout=60)
        answer.raise_for_status()
        return answer.json()

    def months(self) -> list[dict[str, Any]]:
        """The newest first."""
        found: list[dict[str, Any]] = self.get("/api/v1/periods?granularity=month")["periods"]
        return sorted(found, key=lambda month: month["start"], reverse=True) or [{"start": ""}]

    def knows(self, customer_id: str) -> bool:
        return (
            httpx.get(f"{self.address}/api/v1/customers/{customer_id}", headers=HEADERS, timeout=60).status_code == 200
        )

    def everybody(self, query: str) -> list[dict[str, Any]]:
        """All pages of the list."""
        found: list[dict[str, Any]] = []
        cursor = ""
        while True:
            page = self.get(f"/api/v1/customers?limit=100&{query}{cursor}")
            found += page["customers"]
            if page["next"] is None:
                return found
            cursor = f"&cursor={page['next']}"


@pytest.fixture(scope="module")
def shop(broker: TestBroker) -> Iterator[LiveShop]:
    prefix = f"tasks{time.time_ns() % 10**9}-"
    names = TopicNames(**{name: prefix + topic for name, topic in TopicNames().model_dump().items()})
    port = free_port()
    settings = Settings().changed(
        kafka={"bootstrap_servers": broker.bootstrap_servers, "group": prefix + "group", "topics": names},
        shop={"timezone": "Europe/Paris", "erasure_salt": "a-salt-that-is-long-enough", "name": "Café Anna"},
        time={"clock": "event"},
        outreach={"control_share": 0.3, "messages_are_sent": True},
        web={"token": TOKEN, "port": port, "requests_per_second": 1_000.0},
    )
    topics.create(settings, partitions=1)
    log = list(events())
    sent = replay(log, kafka=settings.kafka, minor_digits=2).events
    address = f"http://127.0.0.1:{port}"
    with WorkerProcess(settings, "tasks", web=True) as worker:
        until(lambda: (metric(address, "churn_alert_records_total") or 0) > 0, "the worker reads", worker)

        def is_read() -> bool:
            text = httpx.get(f"{address}/metrics", timeout=60).text
            read = [
                float(line.split()[-1]) for line in text.splitlines() if line.startswith("churn_alert_records_total")
            ]
            return sum(read) >= sent and httpx.get(f"{address}/readyz", timeout=60).status_code == 200

        until(is_read, "the worker has read everything", worker)
        live = LiveShop(address)
        # The page reads the totals from their topic, and on a machine with much to do long after the worker.
        newest = f"{to_datetime(log[-1].at_us).astimezone(PARIS):%Y-%m}"
        until(lambda: live.months()[0]["start"].startswith(newest), "the page has read the totals", worker)
        yield live


class Timed(Owner):
    """Notes what each task took."""

    def __init__(self, page: Any) -> None:
        super().__init__(page)
        self.rows: list[tuple[str, int, float]] = []

    @contextmanager
    def asks(self, task: str, *, most: int) -> Iterator[None]:
        """From the page of today on, in `most` clicks."""
        self.page.goto(self.page.url.split("/", 3)[0] + "//" + self.page.url.split("/", 3)[2] + "/today")
        self.clicks, began = 0, time.monotonic()
        yield
        self.rows.append((task, self.clicks, time.monotonic() - began))
        assert self.clicks <= most


@pytest.fixture(scope="module")
def owner(shop: LiveShop) -> Iterator[Timed]:
    with chromium() as browser:
        page = browser.new_context(locale="en-GB").new_page()
        page.goto(shop.address + "/")
        page.get_by_role("link", name="People", exact=True).click()
        page.locator("input[type=password]").fill(TOKEN)
        page.locator("main button").click()
        page.wait_for_url(shop.address + "/today")
        asked = Timed(page)
        yield asked
        TOOK.parent.mkdir(exist_ok=True)
        with TOOK.open("w", newline="") as out:
            csv.writer(out).writerows([("task", "clicks", "seconds"), *asked.rows])
        print("\n" + "\n".join(f"{task}: {clicks} clicks, {seconds:.1f} s" for task, clicks, seconds in asked.rows))


def test_who_should_be_called_today_and_why(shop: LiveShop, owner: Timed) -> None:
    with owner.asks("who should I call today and why", most=0):
        first = owner.page.locator("table.people tbody tr").first.inner_text()

    worth_most = shop.get("/api/v1/today")["worth_most"][0]
    known = shop.get(f"/api/v1/customers/{worth_most}")["customer"]
    assert (known["first_name"] or worth_most) in first
    assert "silent for" in first


def test_why_somebody_got_nothing(shop: LiveShop, owner: Timed) -> None:
    refused = next(
        each
        for each in shop.everybody("segment=all&outcome=suppressed")
        if each["last_decision"]["reason"] == "no_consent"
    )
    who = refused["customer_id"]

    with owner.asks("why did customer X get nothing", most=2):
        owner.find(who)
        owner.click(refused["first_name"] or who)
        reads = owner.reads

    assert who in reads
    assert "No message (We miss you): no consent." in reads


def test_what_last_months_messages_brought(shop: LiveShop, owner: Timed) -> None:
    with owner.asks("what did last month’s messages bring", most=1):
        owner.click("Messages")
        month = owner.page.locator("tr.month").first.inner_text().split("\t")

    rows = [row for row in shop.get("/api/v1/outreach/brought")["brought"] if row["kind"] == "all"]
    newest = max((row for row in rows if row["decided_in"] != "all"), key=lambda row: row["decided_in"])
    assert month[1::2][:2] == [str(newest["treated"]["people"]), str(newest["control"]["people"])]


def test_whether_a_month_is_worse_than_the_same_one_of_last_year(owner: Timed) -> None:
    begin = (datetime.now(UTC).date().replace(day=1) - timedelta(days=1)).replace(day=1)
    name = begin.strftime("%B %Y")

    with owner.asks("is a month worse than the same one of last year", most=2):
        owner.click("Numbers")
        owner.click(name)
        reads = owner.reads

    assert name in reads
    assert date(begin.year - 1, begin.month, 1).strftime("on %b %Y") in reads.replace("Sept ", "Sep ")


def test_which_store_loses_regulars(shop: LiveShop, owner: Timed) -> None:
    with owner.asks("which store loses regulars", most=1):
        owner.click("Stores")
        reads = owner.reads

    stores = shop.get("/api/v1/stores")["stores"]
    assert {each["store"] for each in stores} == set(STORES)
    worse = [each["store"] for each in stores if each["beside"] == "worse"]
    assert any(f"{store} loses the most" in reads for store in worse) if worse else "No store loses more" in reads
    for each in stores:
        cells = owner.page.locator("table tbody tr", has_text=each["store"]).first.inner_text().split("\t")
        assert [cells[3], cells[4], cells[5]] == [str(each["quiet"]), str(each["lost"]), str(each["regulars"])]


def test_whether_the_feed_is_alive(shop: LiveShop, owner: Timed) -> None:
    with owner.asks("is the feed alive", most=0):
        says = owner.page.locator(".condition.live").inner_text()

    assert says == "Up to date"
    assert datetime.fromisoformat(shop.get("/api/v1/today")["newest_visit_at"]) > datetime.now(UTC) - timedelta(days=2)


def test_the_list_of_people_at_risk_as_a_file(shop: LiveShop, owner: Timed) -> None:
    with owner.asks("give me the at-risk list as CSV", most=2):
        owner.click("People at risk")
        with owner.page.expect_download() as downloaded:
            owner.clicks += 1
            owner.page.get_by_role("link", name="All of them as CSV").click(no_wait_after=True)
        text = downloaded.value.path().read_text(encoding="utf-8-sig")

    found = [line["customer_id"] for line in csv.DictReader(io.StringIO(text))]
    assert found == [each["customer_id"] for each in shop.everybody("")]
    assert len(found) > 5


def test_what_happens_tonight_at_ten(shop: LiveShop, owner: Timed) -> None:
    with owner.asks("what happens tonight at 22:00", most=1):
        owner.click("Next 24 hours")
        row = owner.page.locator("table.coming tbody tr", has_text="22:00").first.inner_text()

    told = shop.get("/api/v1/coming")
    at_ten = [each for each in told["due"] if datetime.fromisoformat(each["at"]).astimezone(PARIS).hour == 22]
    assert all((each["first_name"] or each["customer_id"]) in row for each in at_ten)
    assert at_ten or row.split("\t")[1] == "–"


def test_who_has_seen_somebodys_page(shop: LiveShop, owner: Timed) -> None:
    who = shop.everybody("")[0]

    with owner.asks("who saw X’s page", most=2):
        owner.find(who["customer_id"])
        owner.click(who["first_name"] or who["customer_id"])
        looks = owner.page.locator("section[aria-labelledby=seen]").inner_text()

    assert "web.token" in looks
    assert "/people/one · 127.0.0.1" in looks


def test_forgetting_somebody(shop: LiveShop, owner: Timed) -> None:
    who = shop.everybody("segment=all")[-1]

    with owner.asks("forget customer Y", most=4):
        owner.find(who["customer_id"])
        owner.click(who["first_name"] or who["customer_id"])
        owner.page.get_by_role("checkbox").check()
        owner.clicks += 1
        owner.click("Forget", "button")
        reads = owner.reads

    assert "being erased" in reads
    until(lambda: not shop.knows(who["customer_id"]), "nothing is known of them any more")
