"""What docker-compose.yml starts is given settings that there are, and ones that it can start with."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from typer.main import get_command

from service.cli import app
from service.commands.deliver import links_of
from service.config import Settings
from service.config.loading import load_settings
from service.delivery.smtp import SmtpChannel
from service.message import Renderer, ShopFacts

FILE = Path(__file__).parents[2] / "docker-compose.yml"
_SERVICE = re.compile(r"^  ([a-z][a-z0-9-]*):$", re.MULTILINE)
_VARIABLE = re.compile(r"^      (CHURN_ALERT_[A-Z_]+): (.+)$", re.MULTILINE)
_DEFAULT = re.compile(r"\$\{\w+:-([^}]*)\}")


def services() -> dict[str, str]:
    """Each service's part of the file."""
    text = FILE.read_text(encoding="utf-8").partition("\nservices:\n")[2].partition("\nvolumes:\n")[0]
    names = list(_SERVICE.finditer(text))
    ends = [each.start() for each in names[1:]] + [len(text)]
    return {each[1]: text[each.end() : end] for each, end in zip(names, ends, strict=True)}


def environment(service: str) -> dict[str, str]:
    found = dict(_VARIABLE.findall(services()[service]))
    return {name: _DEFAULT.sub(r"\1", value).strip("\"'") for name, value in found.items()}


def settings_of(service: str, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """As the service's process would load them; a name that is no setting is refused."""
    for name, value in environment(service).items():
        monkeypatch.setenv(name, value)
    return load_settings()


def words(service: str) -> list[str]:
    """Its command, without options."""
    command = re.search(r"^    command: \[(.+)\]$", services()[service], re.MULTILINE)
    assert command is not None
    return re.findall(r'"([^"]+)"', command[1].partition(', "--')[0])


def test_the_services_are_those_that_a_shop_needs() -> None:
    processes = ["kafka", "topics", "worker", "worker-2", "deliver", "ingest", "mail"]

    assert list(services()) == [*processes, "prometheus", "alertmanager", "grafana", "demo"]
    assert [name for name, text in services().items() if "profiles:" in text] == ["ingest", "demo"]


@pytest.mark.parametrize("service", ["topics", "worker", "worker-2", "deliver", "ingest"])
def test_every_variable_is_a_setting_and_every_command_there_is(service: str, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = settings_of(service, monkeypatch)
    command = get_command(app)
    for word in words(service):
        command = command.commands[word]  # type: ignore[attr-defined]

    assert settings.kafka.bootstrap_servers == "kafka:19092"
    assert len(environment(service)) == services()[service].count("CHURN_ALERT_")


def test_the_deliverer_can_start_and_sends_to_the_catcher(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = settings_of("deliver", monkeypatch)
    renderer = Renderer(ShopFacts.of(settings.shop), settings.deliver.templates)
    renderer.check()
    SmtpChannel(settings.deliver.smtp, renderer, links_of(settings))

    assert settings.deliver.smtp.host == "mail"
    assert settings.deliver.smtp.real_port == 1025  # where mailpit listens
    assert f'"127.0.0.1:{settings.deliver.port}:{settings.deliver.port}"' in services()["deliver"]
    assert settings.deliver.public_url == f"http://127.0.0.1:{settings.deliver.port}"


def test_no_image_is_whatever_is_newest() -> None:
    images = re.findall(r"^    image: (\S+)$", FILE.read_text(encoding="utf-8"), re.MULTILINE)

    assert len(images) == 5
    assert all(re.fullmatch(r"[a-z/]+:v?\d+\.\d+\.\d+", image) for image in images)


def test_nothing_is_open_beyond_this_machine() -> None:
    ports = re.findall(r'^      - "([\d.:]+)"$', FILE.read_text(encoding="utf-8"), re.MULTILINE)

    assert len(ports) == 8
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_every_worker_has_a_name_of_its_own_and_prometheus_finds_them_all_under_one() -> None:
    names = {environment(worker)["CHURN_ALERT_KAFKA__INSTANCE_ID"] for worker in ("worker", "worker-2")}
    scraped = (FILE.parent / "deploy/prometheus/prometheus.yml").read_text(encoding="utf-8")

    assert len(names) == 2
    assert 'aliases: ["worker"]' in services()["worker-2"]
    assert re.findall(r'names: \["(\w+)"\]', scraped) == ["worker", "deliver", "ingest"]


def test_what_is_mounted_is_there() -> None:
    mounted = re.findall(r"^      - \./(\S+?):\S+:ro$", FILE.read_text(encoding="utf-8"), re.MULTILINE)

    assert len(mounted) == 5
    assert all((FILE.parent / path).exists() for path in mounted)


def test_our_own_containers_cannot_write_to_their_root_nor_gain_rights() -> None:
    text = FILE.read_text(encoding="utf-8")
    shared = text.partition("\nservices:\n")[0]

    assert "read_only: true" in shared
    assert 'cap_drop: ["ALL"]' in shared
    ours = [name for name, part in services().items() if "<<: *churn-alert" in part]
    assert ours == ["topics", "worker", "worker-2", "deliver", "ingest", "demo"]
