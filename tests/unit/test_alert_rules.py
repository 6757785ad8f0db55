"""The alert rules: made from one source, judged by Prometheus' own tool, and each shown to fire and to end."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import NamedTuple

import pytest

from deploy.monitoring.alerts import ALERTS, RECORDINGS
from deploy.monitoring.dashboards import dashboards
from deploy.monitoring.files import ROOT, made
from deploy.monitoring.rules import anchor
from service.config import Settings
from service.metric_table import METRICS, HistogramRow
from tests.support.promtool import refusal

PARTS = ("_bucket", "_sum", "_count")
SHOWN = {row.name for row in METRICS if not isinstance(row, HistogramRow)} | {
    row.name + part for row in METRICS if isinstance(row, HistogramRow) for part in PARTS
}


class Story(NamedTuple):
    """Series a minute apart, in promtool's notation; minutes at which the alert fires and at which it has ended."""

    series: dict[str, str]
    fires_at: int
    ended_at: int


def worker(name: str, values: str, labels: str = 'partition="0"') -> dict[str, str]:
    return {f'churn_alert_{name}{{{labels},instance="w:1",job="churn-alert-worker"}}': values}


def deliver(name: str, values: str, labels: str = 'partition="0"') -> dict[str, str]:
    return {f'churn_alert_deliver_{name}{{{labels},channel="smtp",instance="d:1",job="churn-alert-deliver"}}': values}


def ingest(name: str, values: str, labels: str) -> dict[str, str]:
    return {f'churn_alert_ingest_{name}{{{labels},instance="i:1",job="churn-alert-ingest"}}': values}


def ends(state: str, values: str) -> dict[str, str]:
    return deliver("messages_total", values, f'state="{state}"')


IN = 'topic="purchases",partition="0"'
RECORDS = worker("records_total", "0+600x200")
STORIES = {
    "ChurnAlertNothingIsProcessed": Story(worker("partitions_ready", "0x5 4x20", 'x=""'), 3, 10),
    "ChurnAlertTargetDown": Story({'up{job="churn-alert-worker",instance="w:1"}': "0x3 1x20"}, 2, 6),
    "ChurnAlertWorkerNotReady": Story(
        worker("partitions_ready", "1x8 2x20", 'x=""') | worker("partitions_assigned", "2x30", 'x=""'), 7, 12
    ),
    "ChurnAlertRecoveryTooLong": Story(worker("recovery_seconds", "61x90"), 10, 75),
    "ChurnAlertLagTooHigh": Story(worker("lag_records", "200000x14 0x20", IN), 12, 20),
    "ChurnAlertLagGrowing": Story(worker("lag_records", "2000+100x30 5000x40", IN), 28, 60),
    "ChurnAlertFeedSilent": Story(worker("feed_stalled", "1x5 0x5"), 2, 8),
    "ChurnAlertSourceSilent": Story(worker("source_stalled", "1x5 0x5", 'source="north",partition="0"'), 2, 8),
    "ChurnAlertBrakeOn": Story(worker("brake_held", "1x5 0x5"), 2, 8),
    "ChurnAlertRecordsRefused": Story(worker("dead_letters_total", "0x5 1x40", 'reason="not_json"'), 8, 30),
    "ChurnAlertSourceStopped": Story(worker("source_stopped", "1x5 0x5", IN), 3, 8),
    "ChurnAlertSchemaWaiting": Story(worker("schema_waiting", "1x6 0x5", 'partition="0"'), 4, 9),
    "ChurnAlertSetAside": Story(worker("set_aside", "1x5 0x5", 'kind="record",partition="0"'), 2, 8),
    "ChurnAlertDeadLetterShare": Story(
        worker("dead_letters_total", "0+60x20 1200x60", 'reason="not_json"') | RECORDS, 12, 45
    ),
    "ChurnAlertTurnsSlow": Story(
        worker("turn_commit_seconds_bucket", "0+1x20 20x60", 'le="1.0"')
        | worker("turn_commit_seconds_bucket", "0+10x20 200x60", 'le="2.0"')
        | worker("turn_commit_seconds_bucket", "0+10x20 200x60", 'le="+Inf"'),
        12,
        40,
    ),
    "ChurnAlertTransactionStalled": Story(worker("open_transaction_records", "3x8 0x20", IN), 7, 12),
    "ChurnAlertBrokerAway": Story(worker("broker_unreachable_since_seconds", "1000x5 0x20", 'x=""'), 3, 8),
    "ChurnAlertStrangers": Story(worker("group_strangers", "1x5 0x20", 'x=""'), 3, 8),
    "ChurnAlertRecordsLost": Story(worker("last_gap_timestamp_seconds", "_x5 300x90", IN), 8, 80),
    "ChurnAlertKeysMisplaced": Story(
        worker("carried_records_total", "0x5 9x90", 'topic="purchases",function="crc32"'), 8, 80
    ),
    "ChurnAlertWrongAlertsBeyondPromise": Story(
        worker("regular_events_total", "0x5 40x40", 'evidence="young",event="wrong_alert"')
        | worker("promised", "1x50", 'promise="budget"')
        # Ten regulars' years at the first, a hundred afterwards: then forty wrong alerts are fewer than promised.
        | worker("healthy_seconds_total", "0x5 315360000x14 3153600000x30", 'evidence="young"'),
        10,
        40,
    ),
    "ChurnAlertDelivererAbsent": Story(deliver("available", "1x5 _x20 1x10", 'x=""'), 20, 35),
    "ChurnAlertDeliverUnavailable": Story(deliver("available", "0x8 1x10", 'x=""'), 7, 12),
    "ChurnAlertDeliverFailures": Story(
        ends("delivered", "0x5 50x120") | ends("bounced", "0x120") | ends("failed", "0x5 10x120"), 10, 80
    ),
    "ChurnAlertDeliverOldestWaiting": Story(deliver("oldest_waiting_seconds", "30000x5 0x10"), 2, 8),
    "ChurnAlertDeliverLag": Story(deliver("lag_records", "5000x20 0x10"), 18, 25),
    "ChurnAlertDeliverBounces": Story(
        ends("delivered", "0x5 100x20 9000x20")
        | ends("bounced", "0x120")
        | deliver("provider_events_total", "0x5 6x120", 'type="bounce",outcome="recorded"'),
        10,
        40,
    ),
    "ChurnAlertDeliverComplaints": Story(
        ends("delivered", "0x5 100x20 90000x20")
        | deliver("provider_events_total", "0x5 2x120", 'type="complaint",outcome="recorded"'),
        10,
        40,
    ),
    "ChurnAlertDeliverSentTwice": Story(deliver("sent_again_total", "0x5 2x90", 'x=""'), 8, 80),
    "ChurnAlertDeliverUnreadable": Story(deliver("unreadable_total", "0x5 2x90", 'x=""'), 8, 80),
    "ChurnAlertIngestNotReady": Story(ingest("ready", "0x8 1x10", 'x=""'), 4, 10),
    "ChurnAlertIngestUnavailable": Story(
        ingest("posts_total", "0+5x12 60x20", 'source="shopify",outcome="unavailable"'), 10, 22
    ),
    "ChurnAlertIngestRefused": Story(
        ingest("posts_total", "0+10x200", 'source="shopify",outcome="taken"')
        | ingest("posts_total", "0x5 60x200", 'source="shopify",outcome="unsigned"'),
        8,
        90,
    ),
    "ChurnAlertPageRestarts": Story(worker("page_restarts_total", "0x5 1x90", 'x=""'), 8, 80),
}


@pytest.mark.parametrize("path", sorted(made()))
def test_what_is_checked_in_is_what_is_made(path: str) -> None:
    assert (ROOT / path).read_text(encoding="utf-8") == made()[path], "run `python -m deploy.monitoring`"


@pytest.mark.files
def test_every_alert_fires_and_ends(tmp_path: Path) -> None:
    assert STORIES.keys() == {alert.name for alert in ALERTS}
    tests = []
    for name, story in STORIES.items():
        firing = f'count(ALERTS{{alertname="{name}",alertstate="firing"}})'
        seen = [
            {"expr": firing, "eval_time": f"{minute}m", "exp_samples": samples}
            for minute, samples in ((story.fires_at, [{"labels": "{}", "value": 1}]), (story.ended_at, []))
        ]
        series = [{"series": name, "values": values} for name, values in story.series.items()]
        tests.append({"interval": "1m", "name": name, "input_series": series, "promql_expr_test": seen})
    file = tmp_path / "rules_test.yml"
    rules = str(ROOT / "deploy/prometheus/rules.yml")
    file.write_text(json.dumps({"rule_files": [rules], "evaluation_interval": "1m", "tests": tests}), encoding="utf-8")

    assert refusal("test", "rules", str(file)) == ""


@pytest.mark.files
def test_prometheus_accepts_its_configuration_and_the_rules() -> None:
    assert refusal("check", "config", str(ROOT / "deploy/prometheus/prometheus.yml")) == ""
    assert refusal("check", "rules", str(ROOT / "deploy/prometheus/rules.yml")) == ""


def test_rules_name_only_metrics_that_are_shown() -> None:
    recorded = {recording.name for recording in RECORDINGS}
    for rule in (*ALERTS, *RECORDINGS):
        named = set(re.findall(r"\bchurn_alert[a-z0-9_:]+", re.sub(r'"[^"]*"', "", rule.expr)))
        assert named <= SHOWN | recorded, rule.name


def test_every_alert_leads_to_a_runbook_that_says_all_three_things() -> None:
    page = made()["docs/runbooks.md"]
    for alert in ALERTS:
        assert f"\n## {alert.name}\n" in page
        assert f'docs/runbooks.md#{anchor(alert)}"' in made()["deploy/prometheus/rules.yml"]
        assert all(len(said) > 20 for said in (alert.means, alert.do, alert.nothing)), alert.name


def test_links_lead_to_the_address_that_the_generator_was_told() -> None:
    address = "https://wiki.example/churn-alert/runbooks"
    files = made(address)

    linked = re.findall(r'runbook_url: "(.*)"', files["deploy/prometheus/rules.yml"])
    assert linked == [f"{address}#{anchor(alert)}" for alert in ALERTS]
    for name, text in files.items():
        if name.endswith(".json"):
            variable = next(each for each in json.loads(text)["templating"]["list"] if each["name"] == "runbooks")
            assert variable["query"] == variable["current"]["value"] == address, name


def test_runbooks_name_settings_that_exist() -> None:
    sections = "|".join(Settings.model_fields)
    named = re.findall(rf"`((?:{sections})\.[a-z_.]+)`", made()["docs/runbooks.md"])

    assert named
    for path in named:
        value: object = Settings()
        for part in path.split("."):
            assert hasattr(value, part), path
            value = getattr(value, part)


@pytest.mark.parametrize("name", sorted(dashboards()))
def test_panels_name_metrics_that_are_shown_and_runbooks_that_exist(name: str) -> None:
    board = json.loads(dashboards()[name])
    recorded = {recording.name for recording in RECORDINGS}
    runbooks = {f"${{runbooks:raw}}#{anchor(alert)}" for alert in ALERTS}

    assert board["panels"]
    for panel in board["panels"]:
        assert panel["description"], panel["title"]
        assert panel["fieldConfig"]["defaults"]["unit"], panel["title"]
        assert {link["url"] for link in panel.get("links", [])} <= runbooks
        for target in panel["targets"]:
            named = set(re.findall(r"\bchurn_alert[a-z0-9_:]+", re.sub(r'"[^"]*"', "", target["expr"])))
            assert named <= SHOWN | recorded, panel["title"]


def test_every_dashboard_speaks_both_languages_and_asks_the_same() -> None:
    for name in sorted(dashboards()):
        if name.endswith(".fr.json"):
            french, english = (json.loads(dashboards()[each]) for each in (name, name.replace(".fr.", ".en.")))
            asked = [
                [[target["expr"] for target in panel["targets"]] for panel in board["panels"]]
                for board in (french, english)
            ]
            assert asked[0] == asked[1]
            assert all(
                a["description"] != b["description"] for a, b in zip(french["panels"], english["panels"], strict=True)
            )
