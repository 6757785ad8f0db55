"""What goes wrong at the command line is one clear sentence with the cause and the cure, an exit code, and never a
traceback."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from service.cluster import topics
from service.config import Settings
from tests.support.broker import TestBroker
from tests.support.load import settings_for
from tests.support.worker_process import ROOT, environment_of


def run(settings: Settings, *words: str, **variables: str) -> tuple[int, str]:
    """(exit code, what was said) of `churn-alert …`; it must end by itself."""
    done = subprocess.run(
        [sys.executable, "-m", "service.cli", *words],
        env=environment_of(settings) | variables,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    said = " ".join((done.stdout + done.stderr).split())
    assert "Traceback" not in said, said
    return done.returncode, said


def test_a_misspelt_setting_is_named(tmp_path: Path) -> None:
    file = tmp_path / "shop.toml"
    file.write_text("[outreach]\nbudgett = 2\n")

    code, said = run(Settings(), "--config", str(file), "config")

    assert code == 2
    assert "outreach.budgett" in said


def test_a_wrong_value_in_the_environment_is_named() -> None:
    code, said = run(Settings(), "config", CHURN_ALERT_SHOP__TIMEZONE="Mars/Olympus")

    assert code == 2
    assert "shop.timezone" in said
    assert "Europe/Paris" in said


def test_a_misspelt_variable_is_not_ignored() -> None:
    code, said = run(Settings(), "config", CHURN_ALERT_KAFKA__GROPU="x")

    assert code == 2
    assert "CHURN_ALERT_KAFKA__GROPU" in said


def test_a_missing_configuration_file_is_named() -> None:
    code, said = run(Settings(), "--config", "no-such.toml", "config")

    assert code == 2
    assert "no-such.toml" in said


def test_a_file_without_the_needed_columns_is_explained(tmp_path: Path) -> None:
    file = tmp_path / "log.csv"
    file.write_text("client,when\n1,2024-01-01\n")

    code, said = run(Settings(), "backtest", str(file), "--out", str(tmp_path / "out"))

    assert code == 2
    assert "customer_id" in said


def test_two_levels_exclude_each_other(tmp_path: Path) -> None:
    file = tmp_path / "log.csv"
    file.write_text("customer_id,timestamp,amount\n1,2024-01-01,3\n")

    code, said = run(Settings(), "backtest", str(file), "--out", str(tmp_path), "--budget", "1", "--multiple", "3")

    assert code == 2
    assert "--budget" in said
    assert "--multiple" in said


def test_an_impossible_level_is_explained(tmp_path: Path) -> None:
    file = tmp_path / "log.csv"
    file.write_text("customer_id,timestamp,amount\n1,2024-01-01,3\n")

    code, said = run(Settings(), "backtest", str(file), "--out", str(tmp_path), "--probability", "3")

    assert code == 2
    assert "probability" in said


@pytest.mark.broker
def test_a_worker_without_topics_says_how_to_make_them(broker: TestBroker, topic_prefix: str) -> None:
    code, said = run(settings_for(broker.bootstrap_servers, topic_prefix), "worker", "--no-web")

    assert code == 2
    assert "topics create" in said


@pytest.mark.broker
def test_a_worker_on_unequal_partition_counts_names_them(broker: TestBroker, topic_prefix: str) -> None:
    settings = settings_for(broker.bootstrap_servers, topic_prefix)
    topics.create(settings, partitions=2)
    other = settings_for(broker.bootstrap_servers, f"{topic_prefix}other-")
    topics.create(other, partitions=3)
    mixed = settings.changed(
        kafka={"topics": settings.kafka.topics.model_copy(update={"surveys": other.kafka.topics.surveys})}
    )

    code, said = run(mixed, "worker", "--no-web")

    assert code == 2
    assert f"{topic_prefix}purchases" in said
    assert "equal partition counts" in said


@pytest.mark.broker
def test_a_port_in_use_is_named_with_the_cure(broker: TestBroker, topic_prefix: str) -> None:
    settings = settings_for(broker.bootstrap_servers, topic_prefix)
    topics.create(settings, partitions=1)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]

        code, said = run(settings.changed(web={"port": port}), "worker")

    assert code == 2
    assert str(port) in said
    assert "web.port" in said


@pytest.mark.broker
def test_an_unknown_customer_is_said_to_be_unknown(broker: TestBroker, topic_prefix: str) -> None:
    settings = settings_for(broker.bootstrap_servers, topic_prefix)
    topics.create(settings, partitions=2)

    code, said = run(settings, "inspect", "nobody")

    assert code == 1
    assert "nobody" in said
