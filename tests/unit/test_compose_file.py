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
_SERVICE = re.compile(r"^  ([a-z]+):$", re.MULTILINE)
_VARIABLE = re.compile(r"^      (CHURN_ALERT_[A-Z_]+): (.+)$", re.MULTILINE)
_DEFAULT = re.compile(r"\$\{\w+:-(.*)\}")


def services() -> dict[str, str]:
    """Each service's part of the file."""
    text = FILE.read_text(encoding="utf-8").partition("\nservices:\n")[2].partition("\nvolumes:\n")[0]
    names = list(_SERVICE.finditer(text))
    ends = [each.start() for each in names[1:]] + [len(text)]
    return {each[1]: text[each.end() : end] for each, end in zip(names, ends, strict=True)}


def environment(service: str) -> dict[str, str]:
    found = dict(_VARIABLE.findall(services()[service]))
    return {name: _DEFAULT.sub(r"\1", value).strip('"') for name, value in found.items()}


def settings_of(service: str, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """As the service's process would load them; a name that is no setting is refused."""
    for name, value in environment(service).items():
        monkeypatch.setenv(name, value)
    return load_settings()


def words(service: str) -> list[str]:
    """Its command."""
    command = re.search(r"^    command: \[(.+)\]$", services()[service], re.MULTILINE)
    assert command is not None
    return re.findall(r'"([^"]+)"', command[1])


def test_the_services_are_those_that_a_shop_needs() -> None:
    assert list(services()) == ["kafka", "topics", "worker", "deliver", "mail"]


@pytest.mark.parametrize("service", ["topics", "worker", "deliver"])
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

    assert len(images) == 2
    assert all(re.fullmatch(r"[a-z/]+:v?\d+\.\d+\.\d+", image) for image in images)


def test_nothing_is_open_beyond_this_machine() -> None:
    ports = re.findall(r'^      - "([\d.:]+)"$', FILE.read_text(encoding="utf-8"), re.MULTILINE)

    assert len(ports) == 4
    assert all(port.startswith("127.0.0.1:") for port in ports)
