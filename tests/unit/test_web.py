"""The HTTP half against made-up facts: every route, both languages, and nothing about a person without the token."""

from __future__ import annotations

import asyncio
import errno
import json
import re
import socket
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import httpx
import msgspec
import pytest
from prometheus_client.parser import text_string_to_metric_families
from pydantic import SecretStr

from service.config import Settings, WebSettings
from service.domain.outputs import HealthBand, Segment
from service.domain.period_rows import Counts as PeriodCounts
from service.domain.period_rows import PeriodRow, RowMaker
from service.errors import ConfigurationError
from service.metrics import Metrics, documented_metrics
from service.web.app import SECURITY_HEADERS, create_app
from service.web.drawing import bar, sparkline
from service.web.facts import CustomerCounts, PartitionHealth, Readiness
from service.web.recent import KEPT, Decided, RecentDecisions, read_decision
from service.web.server import address_of, serve_app, take_port
from service.web.texts import ENGLISH, FRENCH, tongue_of

TOKEN = "a-long-secret"  # noqa: S105
SETTINGS = Settings().changed(shop={"timezone": "Europe/Paris"}, web={"token": SecretStr(TOKEN)})
HEALTHY = PartitionHealth(recovered=True, caught_up=True, feed_alive=True)
DAY_ZERO = date(1970, 1, 1)


def row(granularity: str, start: date, end: date, *, today: date, retained: int = 60, orders: int = 250) -> PeriodRow:
    now = PeriodCounts(
        buyers=120,
        new=30,
        retained=retained,
        repeaters=48,
        orders=orders,
        revenue_minor=orders * 750,
        nps_promoters=60,
        nps_passives=25,
        nps_detractors=15,
    )
    first, last, through = ((day - DAY_ZERO).days for day in (start, end, today))
    before = PeriodCounts(buyers=100)
    return RowMaker(SETTINGS.policy().shop).row(granularity, first, last, through, now=now, before=before)


TODAY = date(2026, 7, 10)
MONTHS = [
    row("month", date(2026, 5, 1), date(2026, 6, 1), today=TODAY, retained=60),
    row("month", date(2026, 6, 1), date(2026, 7, 1), today=TODAY, retained=63),
    row("month", date(2026, 7, 1), date(2026, 8, 1), today=TODAY, retained=20, orders=90),
]
WINDOWS = [
    row("rolling_30", day - timedelta(days=29), day + timedelta(days=1), today=TODAY, retained=70)
    for day in (TODAY - timedelta(days=1), TODAY)
]


def written(decided_at: str = "2026-07-09T10:00:00Z", **changes: object) -> bytes:
    data = {
        "decision_id": "d1",
        "customer_id": "c-4711",
        "first_name": "Wilhelmina",
        "decided_at": decided_at,
        "kind": "win_back",
        "rung": "remind",
        "outcome": "released",
        "reason": "due",
        "visits": 12,
        "usual_gap_days": 6.2,
        "current_gap_days": 19.4,
        "sentence": "Wilhelmina usually comes every 6 days.",
    }
    return json.dumps({"specversion": "1.0", "type": "outreach.decided", "data": data | changes}).encode()


@dataclass
class FakeFacts:
    """A shop with one good partition of two, three months and two decisions."""

    ready: Readiness = field(default_factory=lambda: Readiness(assigned=True, partitions={0: HEALTHY}))
    known: bool = True
    rows: list[PeriodRow] = field(default_factory=lambda: [*MONTHS, *WINDOWS])
    counts: CustomerCounts = field(
        default_factory=lambda: CustomerCounts(
            {Segment.REGULAR: 1234, Segment.QUIET: 17}, {HealthBand.HEALTHY: 900, HealthBand.AT_RISK: 40}, 1251, 1, 2
        )
    )
    decided: list[Decided] = field(
        default_factory=lambda: [
            read_decision(written()),
            read_decision(written("2026-07-08T10:00:00Z", outcome="converted", reason="returned")),
        ]
    )

    def readiness(self) -> Readiness:
        return self.ready

    def totals_known(self) -> bool:
        return self.known

    def periods(self, granularity: str) -> list[PeriodRow]:
        return [each for each in self.rows if each.granularity == granularity]

    def customers(self) -> CustomerCounts:
        return self.counts

    def decisions(self) -> list[Decided]:
        return self.decided


async def get(
    path: str, facts: FakeFacts | None = None, settings: Settings = SETTINGS, **headers: str
) -> httpx.Response:
    app = create_app(settings, Metrics().registry, facts or FakeFacts())
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://shop") as client:
        return await client.get(path, headers={name.replace("_", "-"): value for name, value in headers.items()})


def visible(response: httpx.Response) -> str:
    """The page's text, blanks joined; no-break spaces become plain ones."""
    without_tags = re.sub(r"<[^>]+>", " ", response.text)
    return re.sub(r"\s+", " ", without_tags)


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
    lacking = replace(HEALTHY, **{what: False})
    facts = FakeFacts(ready=Readiness(assigned=True, partitions={0: HEALTHY, 3: lacking}))

    response = await get("/readyz", facts)

    assert response.status_code == 503
    assert response.json()["missing"] == [f"partition 3: {what}"]
    assert response.json()["partitions"]["0"]["recovered"] is True


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
    entries = {entry.name: entry for entry in documented_metrics()}

    assert len(entries) == len(documented_metrics())
    assert {family.name for family in Metrics().registry.collect()} == {name.removesuffix("_total") for name in entries}
    assert entries["churn_alert_dead_letters_total"][1:3] == ("counter", ("reason",))
    assert entries["churn_alert_period"].labels == ("granularity", "which", "number")
    assert all(entry.help for entry in entries.values())
    assert not [entry for entry in entries.values() if any("customer" in label for label in entry.labels)]


def test_gauges_of_a_partition_that_has_gone_do_not_linger() -> None:
    metrics = Metrics()
    for partition in (0, 1):
        metrics.positions(partition, {"purchases": 5}, {"purchases": (9, 9)})
        metrics.feed(partition, stalled=False)

    metrics.released(0)

    samples = [sample for family in metrics.registry.collect() for sample in family.samples]
    left = {sample.labels["partition"] for sample in samples if "partition" in sample.labels}
    assert left == {"1"}


# ---- API


async def test_periods_are_the_numbers_of_the_contract_oldest_first() -> None:
    response = await get("/api/periods?granularity=month")

    numbers = response.json()["periods"]
    assert [each["start"] for each in numbers] == ["2026-05-01", "2026-06-01", "2026-07-01"]
    assert numbers[1]["retention_rate"] == 63.0
    assert numbers[1]["complete"] is True
    assert Decimal(numbers[1]["revenue"]) == Decimal("1875.00")


async def test_periods_can_be_cut_by_their_first_day() -> None:
    response = await get("/api/periods?granularity=month&from=2026-06-01&to=2026-07-01")

    assert [each["start"] for each in response.json()["periods"]] == ["2026-06-01"]


@pytest.mark.parametrize("query", ["granularity=fortnight", "granularity=month&from=yesterday"])
async def test_a_wrong_parameter_is_refused_in_one_sentence(query: str) -> None:
    response = await get(f"/api/periods?{query}")

    assert response.status_code == 422
    assert re.match(r"(granularity|from): .+\.$", response.json()["detail"])


async def test_periods_are_503_until_all_that_was_written_is_added_up() -> None:
    response = await get("/api/periods", FakeFacts(known=False))

    assert response.status_code == 503
    assert response.headers["retry-after"] == "1"


async def test_decisions_come_whole_to_the_holder_of_the_token() -> None:
    response = await get("/api/decisions?limit=1", authorization=f"Bearer {TOKEN}")

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
            "/api/decisions", headers=[(name.encode(), value.encode("latin-1")) for name, value in header.items()]
        )

    assert response.status_code == 401
    assert response.headers["www-authenticate"].startswith("Bearer")
    assert sentence in response.json()["detail"]
    assert "c-4711" not in response.text


@pytest.mark.parametrize("token", [None, SecretStr("")])
async def test_decisions_stay_closed_where_no_token_is_configured(token: SecretStr | None) -> None:
    settings = SETTINGS.changed(web={"token": token})

    for given in ("", "Bearer ", "Bearer x"):
        response = await get("/api/decisions", settings=settings, authorization=given)
        assert response.status_code == 403
        assert "web.token" in response.json()["detail"]


async def test_the_openapi_document_describes_the_api_with_the_wire_contract() -> None:
    document = (await get("/openapi.json")).json()

    assert {"/api/periods", "/api/decisions", "/healthz", "/readyz", "/metrics"} == set(document["paths"])
    answer = document["paths"]["/api/periods"]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
    item = answer["properties"]["periods"]["items"]
    assert set(item["properties"]) == set(numbers_in(await get("/api/periods")))
    assert "$ref" not in json.dumps(answer)


def numbers_in(response: httpx.Response) -> dict[str, object]:
    first: dict[str, object] = response.json()["periods"][0]
    return first


@pytest.mark.parametrize("path", ["/docs", "/redoc", "/api/nothing", "/static/../app.py"])
async def test_there_is_nothing_else(path: str) -> None:
    assert (await get(path)).status_code == 404


@pytest.mark.parametrize("path", ["/", "/api/periods", "/api/decisions", "/metrics", "/static/page.css", "/nothing"])
async def test_every_answer_carries_the_security_headers(path: str) -> None:
    response = await get(path)

    assert {name: response.headers[name] for name in SECURITY_HEADERS} == SECURITY_HEADERS
    assert response.headers["cache-control"] == ("no-cache" if path.startswith("/static/") else "no-store")


# ---- page


async def test_the_page_shows_the_last_complete_month_its_change_the_running_month_and_30_days() -> None:
    text = visible(await get("/", accept_language="en-GB,en;q=0.8"))

    assert "Retention June 2026 63.0% 63 of 100" in text
    assert "+3.0 points on the month before" in text
    assert "Jul 2026 so far 20.0% last 30 days 70.0%" in text
    assert "as of 10 July 2026" in text
    assert "1,251 regulars · 17 of them quiet now" in text
    assert "Customers on 1 of 2 partitions" in text
    assert "Up to date" in text


async def test_the_page_is_french_for_french_readers() -> None:
    response = await get("/", accept_language="de;q=0.9, fr-CA, en;q=0.5")

    text = visible(response)
    assert response.headers["content-language"] == "fr"
    assert "Accept-Language" in response.headers["vary"]
    assert '<html lang="fr-CA">' in response.text
    assert "Fidélité juin 2026 63,0 % 63 sur 100" in text
    assert "+3,0 points sur un mois" in text
    assert "1 251 habitués · 17 d’entre eux absents" in text
    assert "12 visites, absente depuis 19 jours, d’habitude là tous les 6 jours" in text


async def test_alerts_on_the_page_say_what_happened_and_never_to_whom() -> None:
    response = await get("/", authorization=f"Bearer {TOKEN}")

    text = visible(response)
    assert "A regular of 12 visits, quiet for 19 days, usually every 6 days" in text
    assert "asked back due" in text
    assert "Of the last 2: 1 asked back (due) 1 came back (visited)" in text
    assert "c-4711" not in response.text
    assert "Wilhelmina" not in response.text


async def test_a_message_withdrawn_because_the_customer_came_back_is_counted_and_not_told_twice() -> None:
    cancelled, alone = (
        read_decision(written(outcome="cancelled", reason="returned", decision_id=each)) for each in ("d1", "d2")
    )
    converted = read_decision(written(outcome="converted", reason="returned"))

    response = await get("/", FakeFacts(decided=[cancelled, converted, alone]))

    assert "2 withdrawn (visited)" in visible(response)
    assert response.text.count("<b>withdrawn</b>") == 1


async def test_a_code_newer_than_the_page_is_shown_as_it_is_and_escaped() -> None:
    facts = FakeFacts(decided=[read_decision(written(reason="quiet_hours", outcome="<b>odd</b>"))])

    response = await get("/", facts)

    assert "quiet hours" in response.text
    assert "<b>odd</b>" not in response.text


@pytest.mark.parametrize(
    ("lacking", "english", "french"),
    [
        ("recovered", "Starting", "Démarrage"),
        ("caught_up", "Catching up", "Rattrapage"),
        ("feed_alive", "The feed has fallen silent", "Plus rien n’arrive"),
    ],
)
async def test_the_page_says_when_its_numbers_are_not_of_now(lacking: str, english: str, french: str) -> None:
    facts = FakeFacts(ready=Readiness(assigned=True, partitions={0: HEALTHY, 1: replace(HEALTHY, **{lacking: False})}))

    assert english in visible(await get("/", facts))
    assert french in visible(await get("/", facts, accept_language="fr"))


async def test_a_shop_without_purchases_gets_a_page_that_says_so() -> None:
    facts = FakeFacts(rows=[], decided=[], counts=CustomerCounts({}, {}, 0, 0, None))

    text = visible(await get("/", facts))

    assert "No purchases yet" in text
    assert "Nobody has gone quiet so far" in text


async def test_a_first_running_month_is_shown_as_such_and_unknown_is_not_zero() -> None:
    first = msgspec.structs.replace(MONTHS[2], retention_rate=None, churn_rate=None, nps=None, nps_margin=None)

    text = visible(await get("/", FakeFacts(rows=[first])))

    assert "Retention July 2026 so far not enough data" in text
    assert "NPS July 2026 so far not enough data" in text


async def test_the_page_needs_nothing_from_elsewhere_and_no_script() -> None:
    response = await get("/")

    assert not re.findall(r"(?:src|href)=\"(?!/)", response.text)
    assert "<script" not in response.text
    assert "style=" not in response.text
    for asset in re.findall(r'href="(/static/[^"]+)"', response.text):
        assert (await get(asset)).status_code == 200


def test_every_language_has_every_text_with_the_same_blanks() -> None:
    blanks = {key: sorted(re.findall(r"{\w+}", text)) for key, text in ENGLISH.items()}
    french = {key: sorted(re.findall(r"{\w+}", text)) for key, text in FRENCH.items()}

    assert set(blanks) == set(french)
    assert {key for key in blanks if blanks[key] != french[key]} <= {"every.one", "every.other"}


@pytest.mark.parametrize(
    ("header", "locale"),
    [
        (None, "en"),
        ("", "en"),
        ("de, ja;q=0.5", "en"),
        ("fr", "fr"),
        ("fr-CH, en;q=0.9", "fr_CH"),
        ("en;q=0.4, fr;q=0.8", "fr"),
        ("fr;q=0, en-GB", "en_GB"),
        ("fr-ZZZZZ", "fr"),
        ("fr;q=nonsense", "en"),
        ("*", "en"),
        ("enm, fr;q=0.1", "fr"),
    ],
)
def test_the_best_language_that_ships_is_spoken(header: str | None, locale: str) -> None:
    assert str(tongue_of(header).locale) == locale


# ---- drawings


def test_a_sparkline_spans_its_own_range_and_leaves_gaps() -> None:
    drawn = sparkline([10.0, None, 20.0, 15.0], 'a "trend" <b>')

    assert "M3.0 33.0M105.7 3.0L157.0 18.0" in drawn
    assert "&lt;b&gt;" in drawn
    assert sparkline([None, 5.0], "one") == ""
    assert "18.0" in sparkline([5.0, 5.0], "level")


def test_a_bar_of_nothing_is_empty() -> None:
    assert 'width="0.0"' in bar(0, 0)
    assert 'width="25.0"' in bar(1, 4)


# ---- recent decisions


def test_the_window_keeps_the_newest_decisions_whatever_order_the_partitions_arrive_in() -> None:
    recent = RecentDecisions(SETTINGS.kafka)
    start = datetime(2026, 1, 1, tzinfo=UTC)

    for hour in [*range(1, 400, 2), *range(0, 400, 2)]:
        recent.take(written((start + timedelta(hours=hour)).isoformat()))

    latest = recent.latest()
    assert [decided.decided_at for decided in latest] == [start + timedelta(hours=399 - n) for n in range(KEPT)]


@pytest.mark.parametrize("value", [None, b"", b"\x00\x01", b"{}", b'{"data": {"visits": 1}}', b"[1]"])
def test_what_is_no_decision_is_counted_and_skipped(value: bytes | None) -> None:
    recent = RecentDecisions(SETTINGS.kafka)

    recent.take(value)

    assert recent.unreadable == 1
    assert recent.latest() == []


# ---- the port


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


def test_a_port_in_use_is_told_in_one_sentence_with_the_cure(taken: int) -> None:
    with pytest.raises(ConfigurationError) as caught:
        take_port(WebSettings(port=taken))

    assert f"Port {taken} on 127.0.0.1 is in use" in str(caught.value)
    assert "CHURN_ALERT_WEB__PORT" in str(caught.value)


@pytest.mark.parametrize("host", ["no.such.host.invalid", "192.0.2.1", "a" * 70])
def test_a_host_that_is_not_this_machine_is_told(host: str) -> None:
    with pytest.raises(ConfigurationError, match=r"web\.host .* is no address of this machine"):
        take_port(WebSettings(host=host, port=0))


def test_a_port_that_needs_more_rights_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_listener: socket.socket, _where: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(socket.socket, "bind", refuse)

    with pytest.raises(ConfigurationError, match=r"Port 80 on 127\.0\.0\.1 may not be opened by this user"):
        take_port(WebSettings(port=80))


async def test_the_server_answers_on_its_port_and_ends_when_cancelled() -> None:
    listener = take_port(WebSettings(port=0))
    address = address_of(listener)
    serving = asyncio.create_task(serve_app(create_app(SETTINGS, Metrics().registry, FakeFacts()), listener))
    async with httpx.AsyncClient() as client:
        response = await client.get(f"{address}healthz")

        serving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await serving

    assert response.status_code == 200
    assert "server" not in response.headers
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", int(address.rstrip("/").rsplit(":", 1)[1])), 1)
