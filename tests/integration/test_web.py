"""Two real workers on a real broker share a shop; each of them answers over HTTP for all of it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from service.cluster import topics
from service.config import Settings, TopicNames
from service.feed.replay import replay
from service.feed.simulate import Cafe, Simulation
from service.metric_table import WORKER
from service.processes.tethered import Tethered
from tests.support.broker import TestBroker
from tests.support.browser import chromium
from tests.support.live_shop import until
from tests.support.processes import free_port
from tests.support.promtool import complaints
from tests.support.worker_process import ROOT, environment_of

pytestmark = pytest.mark.broker
PARTITIONS = 3
TOKEN = "token-of-the-test"  # noqa: S105


@dataclass
class Shop:
    """Two workers that have taken in `events` events."""

    workers: list[Tethered]
    addresses: list[str]
    logs: list[Path]
    events: int

    def get(self, path: str, worker: int = 0, **headers: str) -> httpx.Response:
        return httpx.get(self.addresses[worker] + path, headers=headers, timeout=60)

    @property
    def log(self) -> str:
        return "\n".join(self.state(worker) for worker in range(len(self.workers)))

    def state(self, worker: int) -> str:
        """What a failing test wants to know of a worker."""
        code = self.workers[worker].poll()
        if code is not None:
            return f"worker {worker} has ended with {code}\n{self.logs[worker].read_text()[-3000:]}"
        lines = re.findall(
            r"^churn_alert_(?:records_total|lag|dead).*", self.get("/metrics", worker).text, re.MULTILINE
        )
        return "\n".join([f"worker {worker}: {self.get('/readyz', worker).text}", *lines])


def command(settings: Settings, port: int) -> tuple[list[str], dict[str, str]]:
    return [sys.executable, "-m", "service.cli", "worker"], environment_of(settings.changed(web={"port": port}))


@pytest.fixture(scope="module")
def settings(broker: TestBroker) -> Settings:
    prefix = f"web{os.getpid()}-{time.time_ns() % 10**9}-"
    names = TopicNames(**{name: prefix + topic for name, topic in TopicNames().model_dump().items()})
    return Settings().changed(
        kafka={"bootstrap_servers": broker.bootstrap_servers, "group": prefix + "group", "topics": names},
        shop={"timezone": "Europe/Paris", "erasure_salt": "a-salt-that-is-long-enough"},
        time={"clock": "event"},
        outreach={"consent": "external"},
        web={"token": TOKEN, "requests_per_second": 1_000.0},
    )


@pytest.fixture(scope="module")
def shop(settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    topics.create(settings, partitions=PARTITIONS)
    with ExitStack() as processes:
        begun = Shop([], [], [], 0)
        for port in (free_port(), free_port()):
            line, environment = command(settings, port)
            log = tmp_path_factory.mktemp("worker") / "log"
            with log.open("wb") as output:
                worker = Tethered(line, output=output, environment=environment, directory=ROOT)
            processes.callback(worker.end, signal.SIGKILL, 10)
            begun.workers.append(worker)
            begun.addresses.append(f"http://127.0.0.1:{port}")
            begun.logs.append(log)
        until(lambda: sum(partitions_of(begun, each) for each in (0, 1)) == PARTITIONS, "every partition has an owner")
        until(lambda: all(partitions_of(begun, each) for each in (0, 1)), "each worker has partitions")
        sent = replay(
            Simulation(Cafe(customers=300, days=240)).events(),
            kafka=settings.kafka,
            minor_digits=2,
        )
        done = replace(begun, events=sent.events)
        until(
            lambda: sum(int(records_of(done, each)) for each in (0, 1)) == sent.events, "every event is processed", done
        )
        yield done


def partitions_of(shop: Shop, worker: int) -> int:
    """Partitions of a worker that is ready."""
    response = shop.get("/readyz", worker)
    return len(response.json()["partitions"]) if response.status_code == 200 else 0


def records_of(shop: Shop, worker: int) -> float:
    families = text_string_to_metric_families(shop.get("/metrics", worker).text)
    samples = [sample for family in families for sample in family.samples]
    return sum(sample.value for sample in samples if sample.name == "churn_alert_records_total")


def test_both_workers_are_ready_when_everything_is_applied(shop: Shop) -> None:
    until(lambda: all(shop.get("/readyz", each).status_code == 200 for each in (0, 1)), "both are ready")

    assert all(shop.get("/healthz", each).status_code == 200 for each in (0, 1))


def test_metrics_parse_and_have_every_documented_name(shop: Shop) -> None:
    families = {family.name: family for family in text_string_to_metric_families(shop.get("/metrics").text)}

    expected = {entry.name.removesuffix("_total"): entry for entry in WORKER}
    assert expected.keys() <= families.keys()
    for name, entry in expected.items():
        assert families[name].type == entry.type
        for sample in families[name].samples:
            assert set(sample.labels) - {"le"} == set(entry.labels)


def test_prometheus_own_tool_has_nothing_to_say_of_a_worker_at_work(shop: Shop) -> None:
    page = shop.get("/metrics").text

    assert re.search(r"^process_resident_memory_bytes \d", page, re.MULTILINE) or not sys.platform.startswith("linux")
    assert "_created" not in page
    assert complaints(page) == ""


def test_the_owner_of_partition_0_alone_shows_the_current_and_the_last_complete_period(shop: Shop) -> None:
    def periods(worker: int) -> Counter[tuple[str, str]]:
        families = text_string_to_metric_families(shop.get("/metrics", worker).text)
        samples = [sample for family in families if family.name == "churn_alert_period" for sample in family.samples]
        return Counter((sample.labels["granularity"], sample.labels["which"]) for sample in samples)

    owner = next(each for each in (0, 1) if "0" in shop.get("/readyz", each).json()["partitions"])
    until(lambda: {("month", "current"), ("month", "last_complete")} <= periods(owner).keys(), "months are shown")
    names = ("week", "month", "quarter", "year", "rolling_7", "rolling_30", "rolling_90", "rolling_365")
    assert {granularity for granularity, which in periods(owner) if which == "current"} == set(names)
    assert not periods(1 - owner)


def test_either_worker_answers_for_the_whole_shop(shop: Shop) -> None:
    def answers(path: str) -> list[str]:
        return [shop.get(path, each, Authorization=f"Bearer {TOKEN}").text for each in (0, 1)]

    def orders() -> int:
        return sum(each["orders"] for each in shop.get("/api/v1/periods?granularity=month").json()["periods"])

    accepted = sum(purchases_of(shop, each) for each in (0, 1))
    assert accepted > 1_000
    until(lambda: orders() == accepted, "every accepted purchase is added up")
    for path in ("/api/v1/periods?granularity=month", "/api/v1/periods?granularity=rolling_30"):
        until(lambda path=path: len(set(answers(path))) == 1, f"both say the same to {path}")  # type: ignore[misc]
    until(lambda: decided(shop, 0) == decided(shop, 1) != [], "both know the same decisions")


def test_either_worker_tells_any_run_of_days_and_what_is_expected_of_all_customers(shop: Shop) -> None:
    def numbers(worker: int, query: str = "from=2025-02-03&to=2025-03-30") -> dict[str, Any]:
        answer: dict[str, Any] = shop.get(f"/api/v1/numbers?{query}", worker).json()
        return answer

    for worker in (0, 1):
        until(
            lambda worker=worker: (numbers(worker).get("lifetime_value") or {}).get("customers", 0) > 100,  # type: ignore[misc]
            "the records of the customers are read",
        )
    until(lambda: numbers(0) == numbers(1), "both say the same")
    eight_weeks, months = numbers(0)["period"], numbers(0, "from=2025-02-01&to=2025-03-31")["period"]
    weeks = shop.get("/api/v1/periods?granularity=week&from=2025-02-03&to=2025-03-31").json()["periods"]
    assert (eight_weeks["granularity"], eight_weeks["start"], eight_weeks["end"]) == (
        "free",
        "2025-02-03",
        "2025-03-31",
    )
    for name in ("orders", "new", "nps_n"):
        assert eight_weeks[name] == sum(each[name] for each in weeks) > 0
    assert months["orders"] > eight_weeks["orders"]
    assert eight_weeks["retained"] + eight_weeks["lost"] == eight_weeks["customers_at_start"]


def decided(shop: Shop, worker: int) -> list[str]:
    """Ids and outcomes; those of one moment may stand in any order."""
    response = shop.get("/api/v1/decisions?limit=100", worker, Authorization=f"Bearer {TOKEN}")
    return sorted(f"{each['decision_id']} {each['outcome']}" for each in response.json()["decisions"])


def purchases_of(shop: Shop, worker: int) -> int:
    families = text_string_to_metric_families(shop.get("/metrics", worker).text)
    samples = [sample for family in families for sample in family.samples if sample.name == "churn_alert_events_total"]
    return int(sum(sample.value for sample in samples if sample.labels["type"] == "purchase"))


def test_the_page_shows_numbers_and_nobody(shop: Shop) -> None:
    until(lambda: "Up to date" in shop.get("/").text, "the page is up to date")

    response = shop.get("/", Authorization=f"Bearer {TOKEN}")

    assert re.search(r'<p class="value">\d+\.\d%</p>', response.text)
    assert re.search(r"\d+ of \d+ not back", response.text)
    assert re.search(r"A regular of \d+ visits, quiet for \d+ days, usually every", response.text)
    assert re.search(rf"Customers on [12] of {PARTITIONS} partitions", response.text)
    known = shop.get("/api/v1/decisions?limit=200", Authorization=f"Bearer {TOKEN}").json()["decisions"]
    assert known
    assert not [each for each in known if each["customer_id"] in response.text]


@pytest.fixture
def browser() -> Iterator[Any]:
    """A real Chromium. Without one the tests that look at the page are skipped, and say so."""
    with chromium() as started:
        yield started


@pytest.mark.parametrize(("width", "locale"), [(360, "fr-FR"), (360, "en-GB"), (1280, "en-GB")])
def test_a_browser_shows_every_length_of_period_without_overflow_or_complaint(
    shop: Shop, browser: Any, width: int, locale: str
) -> None:
    until(lambda: 'class="cards"' in shop.get("/").text, "the numbers are there")
    complaints: list[str] = []
    page = browser.new_context(viewport={"width": width, "height": 800}, locale=locale).new_page()
    page.on("console", lambda message: complaints.append(message.text))
    page.goto(shop.addresses[0] + "/?live=no")
    labels = page.locator("nav a").all_inner_texts()

    for label in labels:
        page.get_by_role("link", name=label, exact=True).click()
        page.wait_for_load_state()  # its style too
        assert page.locator("[aria-current=page]").inner_text() == label
        assert page.evaluate("document.documentElement.scrollWidth") == width, f"{label} is wider than the window"
        assert page.locator("article.card").count() == 9
        assert page.evaluate("[...document.querySelectorAll('h1,h2,h3')].every(each => each.offsetHeight > 0)")
        small = page.evaluate("[...document.querySelectorAll('nav a')].filter(each => each.offsetHeight < 24).length")
        assert small == 0, "too small for a finger"
    assert len(labels) == 8
    assert page.get_attribute("html", "lang") == locale
    assert complaints == []


def test_a_browser_renews_the_page_by_itself_and_keeps_what_was_chosen(shop: Shop, browser: Any) -> None:
    page = browser.new_page()
    page.goto(shop.addresses[0] + "/?period=quarter&lang=fr")
    page.evaluate(
        "window.stayed = true; scrollTo(0, 300); document.querySelector('footer a').focus({preventScroll: true})"
    )
    page.evaluate("dispatchEvent(new Event('pagehide')); document.querySelector('.value').textContent = 'old'")
    page.wait_for_timeout(2_500)  # while nobody looks
    assert page.locator(".value").first.inner_text() == "old"
    page.evaluate("dispatchEvent(new Event('pageshow'))")
    page.locator(".value", has_text="old").wait_for(state="detached", timeout=120_000)

    assert page.evaluate("window.stayed && scrollY === 300 && document.activeElement.matches('footer a')")
    assert page.url.endswith("/?period=quarter&lang=fr")
    assert page.locator("[aria-current=page]").inner_text() == "Trimestre"


def test_a_person_is_shown_to_nobody_without_the_token(shop: Shop) -> None:
    assert shop.get("/api/v1/decisions").status_code == 401


# ---- persons


def customers_of(shop: Shop, worker: int, query: str = "segment=all&limit=1000") -> dict[str, Any]:
    signed = {"Authorization": f"Bearer {TOKEN}"}
    until(lambda: shop.get("/api/v1/customers", worker, **signed).status_code == 200, "everybody is known", shop)
    answer: dict[str, Any] = shop.get(f"/api/v1/customers?{query}", worker, **signed).json()
    return answer


def test_either_worker_lists_everybody_and_tells_decisions_of_those_whom_the_other_holds(shop: Shop) -> None:
    signed = {"Authorization": f"Bearer {TOKEN}"}
    until(lambda: customers_of(shop, 0)["customers"] == customers_of(shop, 1)["customers"], "both list the same", shop)
    everybody = customers_of(shop, 0)["customers"]
    decided = [each["customer_id"] for each in everybody if each["last_decision"] is not None][:12]
    told = [shop.get(f"/api/v1/customers/{each}", worker, **signed).json() for each in decided for worker in (0, 1)]

    assert len(everybody) == 300
    assert customers_of(shop, 0, "limit=1")["total"] > 0
    assert {each["segment"] for each in everybody} >= {"quiet", "lost", "regular"}
    for first, second in zip(told[::2], told[1::2], strict=True):
        assert first["decisions"] == second["decisions"] != []
        assert first["decisions"][0]["outcome"] == first["customer"]["last_decision"]["outcome"]
        assert sorted([first["detail"] is None, second["detail"] is None]) == [False, True]  # one of them holds them
        held = first["detail"] or second["detail"]
        assert held["visit_days"][-12:] == first["customer"]["visit_days"] or not first["customer"]["visit_days"]
        assert "state" not in held


def test_a_browser_signs_in_sees_who_is_at_risk_and_has_one_of_them_left_alone_and_forgotten(
    shop: Shop, browser: Any
) -> None:
    customers_of(shop, 1)
    context = browser.new_context(java_script_enabled=False, locale="en-US")
    page = context.new_page()
    page.goto(shop.addresses[1] + "/people?segment=all")
    page.get_by_label("Token").fill(TOKEN)
    page.get_by_role("button", name="Sign in").click()
    assert page.url.endswith("/people?segment=all")
    cookie = context.cookies()[0]
    assert (cookie["httpOnly"], cookie["sameSite"], cookie["secure"]) == (True, "Strict", False)
    page.get_by_role("link", name="Today").click()
    assert page.get_by_role("heading", level=1).inner_text() == "Today"
    page.get_by_role("link", name=re.compile("People at risk \\(")).click()
    with page.expect_download() as download:
        page.get_by_role("link", name="All of them as CSV").click()
    listed = Path(download.value.path()).read_text(encoding="utf-8")
    at_risk = [line.partition(",")[0] for line in listed.splitlines()][1:]
    page.locator("tbody th a").first.click()
    customer_id = at_risk[0]
    assert f"id={customer_id}" in page.url
    assert page.get_by_role("heading", name="Every decision").is_visible()

    page.get_by_role("button", name="Do not contact").click()
    assert "not written to any more" in page.locator("p.notice").inner_text()
    until(lambda: _consent_of(shop, 0, customer_id) is False, "the other worker's page knows it", shop)
    page.get_by_label("Yes, for good").check()
    page.get_by_role("button", name="Forget").click()
    signed = {"Authorization": f"Bearer {TOKEN}"}
    for worker in (0, 1):
        until(
            lambda at=worker: shop.get(f"/api/v1/customers/{customer_id}", at, **signed).status_code == 404,  # type: ignore[misc]
            "nobody knows them any more",
            shop,
        )
    page.get_by_role("button", name="Sign out").click()
    page.goto(shop.addresses[1] + "/today")
    assert "/sign-in" in page.url
    context.close()


def test_who_signs_out_at_one_worker_is_let_in_by_no_other(shop: Shop) -> None:
    with httpx.Client(timeout=60, follow_redirects=False) as browser:
        answer = browser.post(f"{shop.addresses[0]}/sign-in", data={"token": TOKEN, "to": "/today"})
        cookie = {"cookie": answer.headers["set-cookie"].partition(";")[0]}
        page = shop.get("/people", 1, **cookie)
        proof = re.search(r'name="proof" value="([^"]+)"', page.text)
        assert page.status_code == 200
        assert proof is not None

        out = httpx.post(f"{shop.addresses[0]}/sign-out", data={"proof": proof[1]}, headers=cookie, timeout=60)

    assert out.status_code == 303
    until(lambda: shop.get("/people", 1, **cookie).status_code == 303, "the other worker has heard of it", shop)
    assert shop.get("/people", 0, **cookie).status_code == 303
    assert shop.get("/api/v1/decisions", 1, **cookie).status_code == 401


def _consent_of(shop: Shop, worker: int, customer_id: str) -> object:
    answer = shop.get(f"/api/v1/customers/{customer_id}", worker, Authorization=f"Bearer {TOKEN}")
    return answer.json()["customer"]["marketing_consent"] if answer.status_code == 200 else None


# ---- its end: nothing comes after it, for the shop has lost a worker then


def test_a_worker_whose_port_is_in_use_says_so_and_ends(shop: Shop, settings: Settings) -> None:
    port = int(shop.addresses[0].rsplit(":", 1)[1])
    line, environment = command(settings, port)

    ended = subprocess.run(line, env=environment, cwd=ROOT, capture_output=True, text=True, timeout=240, check=False)

    assert ended.returncode == 2
    assert f"Port {port} on 127.0.0.1 is in use" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_worker_that_serves_open_connections_still_leaves_in_time(shop: Shop) -> None:
    with httpx.Client(base_url=shop.addresses[1], timeout=60) as kept_alive:
        assert kept_alive.get("/healthz").status_code == 200
        shop.workers[1].send_signal(signal.SIGTERM)

        assert shop.workers[1].wait(180) == 0

    said = shop.logs[1].read_text()
    assert '"stopped"' in said, "it came to its end"
    assert "in time" not in said, "after nine seconds it would have given up"
