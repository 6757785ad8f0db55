"""Probes, metrics and the API against made-up facts; nothing about a person without the token."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from decimal import Decimal
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from structlog.testing import capture_logs

from service.cluster.log_ends import Ends, Log
from service.metric_table import WORKER
from service.streaming.metrics import Metrics
from service.web.app import create_app
from service.web.audit import Audit
from service.web.responses import SECURITY_HEADERS
from service.web.shop_view import Readiness
from tests.support.made_up_shop import (
    HEALTHY,
    SETTINGS,
    TOKEN,
    FakeFacts,
    get,
)
from tests.support.openapi import CHECKED_IN, described

# ---- probes


async def test_healthz_answers_as_long_as_the_process_works() -> None:
    starting = FakeFacts(ready=Readiness(assigned=False, partitions={}))

    assert (await get("/healthz", starting)).status_code == 200


async def test_readyz_is_200_when_every_partition_is_recovered_caught_up_and_fed() -> None:
    response = await get("/readyz")

    assert response.status_code == 200
    assert response.json() == {
        "ready": True,
        "missing": [],
        "details": [],
        "assigned": True,
        "partitions": {"0": {"assigned": True, "recovered": True, "caught_up": True, "feed_alive": True}},
    }


async def test_a_standby_without_partitions_is_ready_once_the_group_has_said_so() -> None:
    standby = FakeFacts(ready=Readiness(assigned=True, partitions={}))
    newcomer = FakeFacts(ready=Readiness(assigned=False, partitions={}))

    assert (await get("/readyz", standby)).status_code == 200
    response = await get("/readyz", newcomer)
    assert response.status_code == 503
    assert response.json()["missing"] == ["assigned"]


@pytest.mark.parametrize("what", ["recovered", "caught_up", "feed_alive"])
async def test_readyz_names_what_is_missing_in_which_partition(what: str) -> None:
    change: dict[str, Any] = {what: False}
    lacking = replace(HEALTHY, **change)
    facts = FakeFacts(ready=Readiness(assigned=True, partitions={0: HEALTHY, 3: lacking}))

    response = await get("/readyz", facts)

    assert response.status_code == 503
    assert response.json()["missing"] == [f"partition 3: {what}"]
    assert response.json()["partitions"]["0"]["recovered"] is True


async def test_readyz_is_503_while_no_broker_answers_and_says_since_when() -> None:
    away = FakeFacts(ready=Readiness(assigned=True, partitions={0: HEALTHY}, unreachable_since_s=1_700_000_000.0))

    response = await get("/readyz", away)

    assert response.status_code == 503
    assert response.json()["missing"] == ["broker"]
    assert response.json()["details"] == ["no broker has answered since 2023-11-14T22:13:20Z"]


async def test_readyz_says_what_was_carried_and_is_ready_all_the_same() -> None:
    said = "6 records lay in partitions that their keys do not belong to"
    facts = FakeFacts(ready=Readiness(assigned=True, partitions={0: HEALTHY}, misplaced=said))

    response = await get("/readyz", facts)

    assert response.status_code == 200
    assert response.json()["details"] == [said]


async def test_readyz_says_what_waits_behind_an_open_transaction() -> None:
    behind = replace(HEALTHY, caught_up=False, behind_transactions={"purchases": 3})

    response = await get("/readyz", FakeFacts(ready=Readiness(assigned=True, partitions={2: behind})))

    assert response.json()["details"] == [
        "purchases-2: 3 records wait behind a producer's open transaction, and absences with them"
    ]


# ---- metrics


async def test_metrics_are_prometheus_text_with_its_content_type() -> None:
    response = await get("/metrics")

    assert response.headers["content-type"].startswith("text/plain; version=")
    families = {family.name for family in text_string_to_metric_families(response.text)}
    assert "churn_alert_partitions_assigned" in families


async def test_metrics_are_openmetrics_for_a_scraper_that_asks_for_it() -> None:
    response = await get("/metrics", accept="application/openmetrics-text; version=1.0.0")

    assert response.headers["content-type"].startswith("application/openmetrics-text")
    assert response.text.endswith("# EOF\n")


def test_documented_metrics_name_every_metric_once_with_type_labels_and_help() -> None:
    entries = {entry.name: entry for entry in WORKER}

    assert len(entries) == len(WORKER)
    shown = {family.name for family in Metrics().registry.collect()}
    ours = {name for name in shown if not name.startswith(("process_", "python_gc_"))}
    assert ours == {name.removesuffix("_total") for name in entries}
    refused = entries["churn_alert_dead_letters_total"]
    assert (refused.type, refused.labels) == ("counter", ("reason",))
    assert entries["churn_alert_period"].labels == ("granularity", "which", "number")
    assert all(entry.help for entry in entries.values())
    assert not [entry for entry in entries.values() if any("customer" in label for label in entry.labels)]


def test_gauges_of_a_partition_that_has_gone_do_not_linger() -> None:
    metrics = Metrics()
    for partition in (0, 1):
        metrics.positions(partition, {"purchases": 5}, {"purchases": Ends(9, Log(1, 0, 9, 9))})
        metrics.feed(partition, stalled=False, delay_s=0.0)

    metrics.released(0)

    samples = [sample for family in metrics.registry.collect() if family.type == "gauge" for sample in family.samples]
    left = {sample.labels["partition"] for sample in samples if "partition" in sample.labels}
    assert left == {"1"}


# ---- API


async def test_periods_are_the_numbers_of_the_contract_oldest_first() -> None:
    response = await get("/api/v1/periods?granularity=month")

    numbers = response.json()["periods"]
    assert [each["start"] for each in numbers] == ["2026-05-01", "2026-06-01", "2026-07-01"]
    assert numbers[1]["retention_rate"] == 63.0
    assert numbers[1]["complete"] is True
    assert Decimal(numbers[1]["revenue"]) == Decimal("1875.00")


async def test_periods_can_be_limited_to_the_newest() -> None:
    response = await get("/api/v1/periods?granularity=month&to=2026-07-01&limit=1")

    assert [each["start"] for each in response.json()["periods"]] == ["2026-06-01"]


async def test_periods_have_numerators_margins_and_favourable_shares() -> None:
    june = (await get("/api/v1/periods?granularity=month")).json()["periods"][1]

    assert (june["retained"], june["lost"], june["repeat_customers"]) == (63, 37, 48)
    assert (june["nps"], june["nps_promoters"], june["nps_detractors"]) == (45, 60, 15)
    assert june["nps_margin"] == pytest.approx(14.4, abs=0.2)
    assert (june["csat_satisfied"], june["ces_sum"], june["ces_favourable"], june["ces_favourable_rate"]) == (
        44,
        110,
        17,
        85,
    )


async def test_periods_can_be_cut_by_their_first_day() -> None:
    response = await get("/api/v1/periods?granularity=month&from=2026-06-01&to=2026-07-01")

    assert [each["start"] for each in response.json()["periods"]] == ["2026-06-01"]


@pytest.mark.parametrize("query", ["granularity=fortnight", "granularity=month&from=yesterday", "limit=0"])
async def test_a_wrong_parameter_is_refused_in_one_sentence(query: str) -> None:
    response = await get(f"/api/v1/periods?{query}")

    assert response.status_code == 422
    assert re.match(r"(granularity|from|limit): .+\.$", response.json()["detail"])


async def test_periods_are_503_until_all_that_was_written_is_added_up() -> None:
    response = await get("/api/v1/periods", FakeFacts(known=False))

    assert response.status_code == 503
    assert response.headers["retry-after"] == "1"


async def test_decisions_come_whole_to_the_holder_of_the_token() -> None:
    response = await get("/api/v1/decisions?limit=1", authorization=f"Bearer {TOKEN}")

    assert response.status_code == 200
    assert [each["customer_id"] for each in response.json()["decisions"]] == ["c-4711"]


@pytest.mark.parametrize(
    ("header", "sentence"),
    [
        ({}, "Authorization: Bearer"),
        ({"authorization": "Bearer wrong"}, "wrong"),
        ({"authorization": "Bearer é"}, "wrong"),
        ({"authorization": f"Basic {TOKEN}"}, "Authorization: Bearer"),
    ],
)
async def test_decisions_are_401_without_the_right_token(header: dict[str, str], sentence: str) -> None:
    app = create_app(SETTINGS, Metrics().registry, FakeFacts())
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://shop") as client:
        response = await client.get(
            "/api/v1/decisions", headers=[(name.encode(), value.encode("latin-1")) for name, value in header.items()]
        )

    assert response.status_code == 401
    assert response.headers["www-authenticate"].startswith("Bearer")
    assert sentence in response.json()["detail"]
    assert "c-4711" not in response.text


async def test_decisions_stay_closed_where_no_token_is_configured() -> None:
    settings = SETTINGS.changed(web={"token": None})

    for given in ("", "Bearer ", "Bearer x"):
        response = await get("/api/v1/decisions", settings=settings, authorization=given)
        assert response.status_code == 403
        assert "web.token" in response.json()["detail"]


async def test_the_openapi_document_describes_the_api_with_the_wire_contract() -> None:
    document = (await get("/openapi.json")).json()

    assert {
        "/api/v1/periods",
        "/api/v1/outreach/brought",
        "/api/v1/promises",
        "/api/v1/decisions",
        "/api/v1/numbers",
        "/api/v1/today",
        "/api/v1/customers",
        "/api/v1/customers/{customer_id}",
        "/api/v1/customers/{customer_id}/do-not-contact",
        "/api/v1/customers/{customer_id}/forget",
        "/api/v1/customers/{customer_id}/export",
        "/api/v1/customers/{customer_id}/looks",
        "/api/v1/stores",
        "/api/v1/coming",
        "/healthz",
        "/readyz",
        "/metrics",
    } == set(document["paths"])
    answer = document["paths"]["/api/v1/periods"]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
    item = answer["properties"]["periods"]["items"]
    assert set(item["properties"]) == set(numbers_in(await get("/api/v1/periods")))
    assert "$ref" not in json.dumps(answer)


def test_the_checked_in_description_is_what_the_api_says_of_itself() -> None:
    document = json.loads(CHECKED_IN.read_text(encoding="utf-8"))

    assert document == json.loads(described()), "python -m tests.support.openapi"
    assert document["openapi"].startswith("3.1.")
    assert document["components"]["schemas"].keys() == {
        "GranularityName", "Kind", "Outcome", "Problem", "SegmentChoice", "Sort",
    }  # fmt: skip
    for path in ("/api/v1/periods", "/api/v1/decisions", "/api/v1/customers"):
        answers = document["paths"][path]["get"]["responses"].items()
        refusals = {status: list(each["content"]) for status, each in answers if status != "200"}
        assert "422" in refusals
        assert set(map(tuple, refusals.values())) == {("application/problem+json",)}


def numbers_in(response: httpx.Response) -> dict[str, object]:
    first: dict[str, object] = response.json()["periods"][0]
    return first


@pytest.mark.parametrize("path", ["/docs", "/redoc", "/api/v1/nothing", "/static/../app.py"])
async def test_there_is_nothing_else(path: str) -> None:
    assert (await get(path)).status_code == 404


@pytest.mark.parametrize(
    "path", ["/", "/api/v1/periods", "/api/v1/decisions", "/metrics", "/static/page.css", "/nothing"]
)
async def test_every_answer_carries_the_security_headers(path: str) -> None:
    response = await get(path)

    wanted = dict(SECURITY_HEADERS)
    if path == "/":  # has a form that asks for it again
        wanted["Content-Security-Policy"] = wanted["Content-Security-Policy"].replace(
            "form-action 'none'", "form-action 'self'"
        )
    assert {name: response.headers[name] for name in SECURITY_HEADERS} == wanted
    assert response.headers["cache-control"] == ("no-cache" if path.startswith("/static/") else "no-store")


async def test_a_view_of_persons_is_on_record_without_their_names() -> None:
    with capture_logs() as logged:
        await get("/api/v1/decisions?limit=1", authorization=f"Bearer {TOKEN}")
        await get("/api/v1/decisions", authorization="Bearer wrong-and-long-enough")

    viewed = [line for line in logged if line["event"] == "persons viewed"]
    assert len(viewed) == 1
    assert viewed[0]["customers"] == [Audit(SETTINGS).hash_of("c-4711")]
    assert viewed[0]["path"] == "/api/v1/decisions"
    assert "4711" not in str(viewed)
    assert TOKEN not in str(viewed)
    assert "Wilhelmina" not in str(viewed)


async def test_wrong_tokens_of_a_client_are_looked_at_ten_times_a_minute() -> None:
    app = create_app(SETTINGS, Metrics().registry, FakeFacts())
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://shop") as client:
        wrong = [await client.get("/api/v1/decisions", headers={"authorization": f"Bearer {n:020}"}) for n in range(11)]
        right = await client.get("/api/v1/decisions", headers={"authorization": f"Bearer {TOKEN}"})

    assert [each.status_code for each in wrong] == [401] * 10 + [429]
    assert right.status_code == 429
    assert int(right.headers["retry-after"]) <= 60


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/nowhere", 404),
        ("/static/../app.py", 404),
        ("/static/", 404),
        ("/api/v1/periods?limit=0", 422),
        ("/api/v1/decisions", 401),
    ],
)
async def test_every_refusal_is_a_problem_document(path: str, status: int) -> None:
    response = await get(path)

    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["status"] == status
    assert response.json()["type"] == "about:blank"
