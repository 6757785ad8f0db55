"""Who does what the first page says under "Connect your Kafka" has a worker that counts the history and the purchase.

Its commands are run as they stand there, in their order.
"""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest
from kafka import KafkaProducer

from tests.support.broker import TestBroker
from tests.support.load import settings_for
from tests.support.processes import free_port
from tests.support.worker_process import environment_of

pytestmark = pytest.mark.broker

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
PART = README.partition("## Connect your Kafka")[2].partition("\n## ")[0]
HISTORY = "customer_id,timestamp,amount\n" + "".join(
    f"c{n % 5},2026-0{1 + n // 20}-{1 + n % 20:02},4.50\n" for n in range(40)
)
ANSWERS = "Café Anna\nEurope/Paris\nEUR\n\n\n"
COMMANDS = {"init", "backtest", "topics", "replay", "worker"}


def block(language: str) -> str:
    """Of the part, the only one in that language."""
    (found,) = re.findall(rf"```{language}\n(.*?)```", PART, re.DOTALL)
    return str(found)


def test_the_commands_of_the_first_page_work_in_their_order(
    broker: TestBroker, topic_prefix: str, tmp_path: Path
) -> None:
    (tmp_path / "history.csv").write_text(HISTORY, encoding="utf-8")
    settings = settings_for(broker.bootstrap_servers, topic_prefix, web={"port": free_port()})
    environment = environment_of(settings)  # where this broker is, and topics that no other test has
    environment = {name: value for name, value in environment.items() if "__SHOP__" not in name}
    lines = [shlex.split(line, comments=True) for line in block("sh").splitlines()]
    commands = [words[1:] for words in lines if words[0] == ".venv/bin/churn-alert"]
    names = [next(word for word in words if word in COMMANDS) for words in commands]
    assert names == ["init", "backtest", "topics", "replay", "worker"]

    for words in commands[:-1]:
        subprocess.run(
            [sys.executable, "-m", "service.cli", *words],
            cwd=tmp_path,
            env=environment,
            check=True,
            timeout=300,
            input=ANSWERS if "init" in words else None,
            text=True,
        )
    assert "Café Anna" in (tmp_path / "shop.toml").read_text(encoding="utf-8")
    assert (tmp_path / "report" / "report.html").stat().st_size > 10_000
    worker = subprocess.Popen([sys.executable, "-m", "service.cli", *commands[-1]], cwd=tmp_path, env=environment)
    try:
        with KafkaProducer(bootstrap_servers=broker.bootstrap_servers) as producer:
            producer.send(settings.kafka.topics.purchases, key=b"c-1", value=block("json").strip().encode())
        page = f"http://127.0.0.1:{settings.web.port}"
        wanted = r"^churn_alert_events_total\{type=\"purchase\"\} 41\.0$"
        deadline, metrics = time.monotonic() + 300, ""
        while not re.search(wanted, metrics, re.MULTILINE):
            assert worker.poll() is None
            assert time.monotonic() < deadline, [line for line in metrics.splitlines() if "events_total" in line]
            time.sleep(0.3)
            try:
                metrics = httpx.get(f"{page}/metrics", timeout=60).text
            except httpx.TransportError:
                continue
        assert httpx.get(page, timeout=60).status_code == 200
    finally:
        worker.terminate()
        worker.wait(180)
