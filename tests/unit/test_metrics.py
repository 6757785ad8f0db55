"""The page of metrics as Prometheus sees it; the period gauges: no series for the unknown, one worker that shows
them."""

from __future__ import annotations

import platform
import re
import sys
from collections import Counter
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import msgspec
import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client import Counter as SomebodyElses

from schemas.outputs import PeriodMetrics
from service.build_info import flavour, version
from service.cluster.known_logs import KnownLogs
from service.cluster.log_ends import Ends, Log
from service.config.sections.shop import ShopSettings
from service.delivery.metrics import DeliveryMetrics
from service.domain.calendar import Granularity
from service.domain.periods.numbers import UNITS, Counts, PeriodRow
from service.domain.periods.rows import WINDOWS, RowMaker
from service.domain.policy import Shop
from service.metric_table import DELIVERER, WORKER
from service.streaming.job import Written
from service.streaming.metrics import Metrics
from service.web.app import create_app
from tests.support.engines import OPEN_HOUSE, apply_all, decisions, make_engine, purchase, weekly
from tests.support.made_up_shop import SETTINGS, FakeFacts
from tests.support.promtool import complaints

GRANULARITIES = (*(each.value for each in Granularity), *(f"rolling_{days}" for days in WINDOWS))
TWO_HUNDRED = Counts(
    buyers=210,
    new=30,
    retained=180,
    repeaters=63,
    orders=420,
    revenue_minor=1_050_000,
    nps_promoters=60,
    nps_passives=25,
    nps_detractors=15,
    csat_n=50,
    csat_satisfied=44,
    ces_n=20,
    ces_sum=110,
    ces_favourable=17,
)


def row(granularity: str = "month", now: Counts = TWO_HUNDRED, before: int = 200) -> PeriodRow:
    return RowMaker(Shop()).row(granularity, 20_000, 20_030, 20_040, now=now, before=Counts(buyers=before))


def shown(metrics: Metrics, granularity: str = "month", which: str = "current") -> dict[str, float]:
    """number → value of one period's series."""
    samples = [sample for family in metrics.registry.collect() for sample in family.samples]
    return {
        sample.labels["number"]: sample.value
        for sample in samples
        if sample.name == "churn_alert_period"
        and (sample.labels["granularity"], sample.labels["which"]) == (granularity, which)
    }


@pytest.fixture
def metrics() -> Metrics:
    """Of the worker that owns partition 0."""
    owner = Metrics()
    owner.recovered(0, 10, 0.1)
    return owner


def test_the_gauges_show_the_worked_example_with_numerators_and_margins(metrics: Metrics) -> None:
    metrics.period("last_complete", row())

    numbers = shown(metrics, which="last_complete")
    expected: dict[str, Any] = {
        "customers_at_start": 200, "customers_at_end": 210, "retained": 180, "lost": 20, "new": 30, "returned": 0,
        "retention_rate": 90, "churn_rate": 10, "repeat_purchase_rate": 30, "repeat_customers": 63, "orders": 420,
        "revenue": 10_500, "average_order_value": 25, "purchase_frequency": 2, "nps": 45, "nps_n": 100, "csat": 88,
        "csat_n": 50, "ces": 5.5, "ces_n": 20, "ces_favourable_rate": 85, "ces_favourable": 17,
    }  # fmt: skip
    assert {name: numbers[name] for name in expected} == pytest.approx(expected)
    assert numbers["customer_lifetime_value"] == pytest.approx(10_500 / 210 * 10)
    assert numbers["nps_margin"] == pytest.approx(14.4, abs=0.2)
    assert shown(metrics, which="current") == {}


def test_every_number_of_the_published_record_has_its_gauge() -> None:
    about_the_record = {"granularity", "start", "end", "complete", "currency", "revision"}

    assert set(UNITS) == set(PeriodMetrics.model_fields) - about_the_record


@pytest.mark.parametrize("granularity", GRANULARITIES)
@pytest.mark.parametrize("which", ["current", "last_complete"])
def test_every_granularity_has_all_its_numbers(metrics: Metrics, granularity: str, which: str) -> None:
    metrics.period(which, row(granularity))

    assert set(shown(metrics, granularity, which)) == set(UNITS)


def test_what_is_unknown_has_no_series_and_zero_has_one(metrics: Metrics) -> None:
    metrics.period("current", row(now=Counts(), before=0))

    numbers = shown(metrics)
    unknown = set(UNITS) - set(numbers)
    assert unknown == {
        "retention_rate", "churn_rate", "repeat_purchase_rate", "average_order_value", "purchase_frequency",
        "customer_lifetime_value", "nps", "nps_margin", "csat", "ces", "ces_favourable_rate",
    }  # fmt: skip
    assert set(numbers.values()) == {0.0}


def test_a_number_that_becomes_unknown_again_loses_its_series_and_the_others_stay(metrics: Metrics) -> None:
    metrics.period("current", row())
    metrics.period("current", msgspec.structs.replace(row(), retention_rate=None, nps=None))

    assert set(UNITS) - set(shown(metrics)) == {"retention_rate", "nps"}


def test_a_worker_without_partition_0_shows_no_period_numbers() -> None:
    standby = Metrics()
    standby.recovered(1, 10, 0.1)

    standby.period("current", row())

    assert shown(standby) == {}


def test_a_new_owner_of_partition_0_shows_what_it_knew_already() -> None:
    successor = Metrics()
    successor.period("current", row("year"))
    successor.period("last_complete", row("rolling_7"))

    successor.recovered(0, 10, 0.1)

    assert shown(successor, "year")["lost"] == 20
    assert shown(successor, "rolling_7", "last_complete")["lost"] == 20


def test_who_loses_partition_0_shows_no_period_numbers_any_more_until_it_comes_back(metrics: Metrics) -> None:
    metrics.period("current", row())
    metrics.released(1)
    assert shown(metrics)

    metrics.released(0)
    metrics.period("current", msgspec.structs.replace(row(), lost=7))
    assert shown(metrics) == {}

    metrics.recovered(0, 10, 0.1)
    assert shown(metrics)["lost"] == 7


def test_nothing_is_told_of_a_source_of_a_partition_that_has_gone(metrics: Metrics) -> None:
    metrics.feed(1, stalled=True, delay_s=2.0, silent_sources=["till 7"])
    assert b'churn_alert_source_stalled{partition="1",source="till 7"} 1.0' in generate_latest(metrics.registry)

    metrics.released(1)
    assert b'source_stalled{partition="1"' not in generate_latest(metrics.registry)

    metrics.feed(1, stalled=False, delay_s=2.0, silent_sources=[])
    assert b"till 7" not in generate_latest(metrics.registry)


def test_the_gauges_say_which_period_they_belong_to_in_the_shops_own_days() -> None:
    paris = Metrics(calendar=ShopSettings(timezone="Europe/Paris", day_starts_at="04:00").calendar())
    paris.recovered(0, 10, 0.1)

    paris.period("current", msgspec.structs.replace(row(), start=date(2026, 3, 1), end=date(2026, 4, 1)))

    def told(what: str) -> float | None:
        labels = {"granularity": "month", "which": "current"}
        return paris.registry.get_sample_value(f"churn_alert_period_{what}_timestamp_seconds", labels)

    begins, ends = (datetime(2026, month, 1, 4, tzinfo=ZoneInfo("Europe/Paris")).timestamp() for month in (3, 4))
    assert (told("start"), told("end")) == (begins, ends)
    paris.released(0)
    assert (told("start"), told("end")) == (None, None)


def test_what_can_go_wrong_is_counted_from_nought_so_that_the_first_time_is_a_rise() -> None:
    worker, deliverer = Metrics().registry, DeliveryMetrics("smtp").registry

    assert worker.get_sample_value("churn_alert_dead_letters_total", {"reason": "not_json"}) == 0
    bounced = {"channel": "smtp", "state": "bounced"}
    assert deliverer.get_sample_value("churn_alert_deliver_messages_total", bounced) == 0


def test_a_deliverer_says_what_runs_too_and_prometheus_own_tool_finds_nothing() -> None:
    metrics = DeliveryMetrics("smtp")
    metrics.ended("delivered", sample=False)
    metrics.attempted("delivered", 0.1)
    metrics.standing(0, waiting=1, in_flight=1, memory=1, oldest_s=3.0)
    metrics.lag(0, 1)

    page = generate_latest(metrics.registry).decode()

    assert "churn_alert_build_info{" in page
    assert {row.name for row in DELIVERER} <= {
        line.split()[2] for line in page.splitlines() if line.startswith("# TYPE")
    }
    assert complaints(page) == ""


def test_a_period_that_has_begun_replaces_the_one_before_it(metrics: Metrics) -> None:
    metrics.period("current", row())
    begun = msgspec.structs.replace(row(now=Counts(buyers=1, orders=1)), start=date(2026, 8, 1), end=date(2026, 9, 1))

    metrics.period("current", begun)

    numbers = shown(metrics)
    assert (numbers["orders"], numbers["lost"]) == (1, 200)
    assert "nps" not in numbers


def worked() -> Metrics:
    """A worker's instruments after everything that it tells has happened once."""
    metrics = Metrics()
    engine = make_engine(OPEN_HOUSE)
    later = [purchase(f"other-{day}", float(day)) for day in range(50, 120, 3)]
    decided = decisions(apply_all(engine, [*weekly("a", 8), *later]))
    assert decided
    metrics.turn(0, Written({}, {}, 9, decided, Counter({"not_json": 1}), 3), engine, 0.01, 0.02)
    metrics.positions(0, {"purchases": 5}, {"purchases": Ends(0, Log(1, 0, 9, 9))})
    metrics.recovered(0, 10, 0.1)
    metrics.feed(0, stalled=False, delay_s=0.0)
    logs = KnownLogs()
    logs.lost("purchases", 3, 1)
    metrics.lost(0, logs)
    metrics.assignment(1, 1)
    metrics.period("current", row())
    return metrics


async def page_of(metrics: Metrics, **headers: str) -> str:
    app = create_app(SETTINGS, metrics.registry, FakeFacts())
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://shop") as client:
        return (await client.get("/metrics", headers=headers)).text


async def test_prometheus_own_tool_finds_nothing_to_complain_about() -> None:
    page = await page_of(worked())

    shown = {line.split()[2] for line in page.splitlines() if line.startswith("# TYPE")}
    assert {entry.name for entry in WORKER} <= shown
    assert complaints(page) == ""


@pytest.mark.parametrize("accept", ["text/plain", "application/openmetrics-text;version=1.0.0"])
async def test_no_series_is_followed_by_the_gauge_of_its_birth(accept: str) -> None:
    page = await page_of(worked(), accept=accept)

    assert "churn_alert_records_total" in page
    assert not re.findall(r"^churn_alert_\w*_created.*$", page, re.MULTILINE)
    beside = CollectorRegistry()
    SomebodyElses("other_total", "Of another library in the same process.", registry=beside)
    assert "other_created" in generate_latest(beside).decode(), "the switch of the whole process was turned"


async def test_the_page_says_what_runs_and_what_it_uses() -> None:
    page = await page_of(Metrics())

    build = re.search(
        r'^churn_alert_build_info{compiled="(\w+)",python="([\d.]+)\S*",version="(\S+)"} 1\.0$', page, re.MULTILINE
    )
    assert build is not None
    assert build[1] == ("true" if flavour() == "compiled" else "false")
    assert (build[2], build[3]) == (platform.python_version(), version())
    assert "python_gc_collections_total" in page
    if sys.platform.startswith("linux"):
        used = re.search(r"^process_resident_memory_bytes (\S+)$", page, re.MULTILINE)
        assert used is not None
        assert float(used[1]) > 10_000_000
