"""What README says can be run: its commands, settings and metrics exist, and none of them is missing."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from typer.core import TyperGroup
from typer.main import get_command
from typer.testing import CliRunner

from service.cli import app
from service.config import Settings
from service.delivery.metrics import DeliveryMetrics
from service.metric_table import METRICS
from service.streaming.metrics import Metrics

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
COMMANDS = sorted(
    {tuple(found.split()) for found in re.findall(r"churn-alert ((?:[a-z][a-z-]+ ?){1,2})(?:[^a-z-]|$)", README)}
)
SETTINGS = README.partition("## Settings")[2].partition("\n## ")[0]
SETTINGS_NAMED = sorted(set(re.findall(r"`([a-z]+\.[a-z_]+)`", SETTINGS)))
SUBCOMMANDS = {
    "topics": {"create", "check"},
    "dead-letters": {"list", "retry"},
    "schemas": {"export", "check"},
    "deliver": {"smtp"},
}


def help_of(*words: str) -> str:
    result = CliRunner().invoke(app, [*words, "--help"])
    assert result.exit_code == 0, f"churn-alert {' '.join(words)} --help: {result.output}"
    return result.output


def test_every_command_the_readme_names_exists_and_has_help() -> None:
    assert len(COMMANDS) >= 10
    for words in COMMANDS:
        command = (
            words[:2] if words[0] in SUBCOMMANDS and words[1:] and words[1] in SUBCOMMANDS[words[0]] else words[:1]
        )
        assert len(help_of(*command)) > 50


def test_every_command_is_in_the_readme() -> None:
    command = get_command(app)
    assert isinstance(command, TyperGroup)
    listed = set(command.commands)
    assert {
        "demo",
        "worker",
        "replay",
        "backtest",
        "inspect",
        "config",
        "simulate",
        "topics",
        "dead-letters",
        "schemas",
    } <= listed

    missing = {name for name in listed if f"churn-alert {name}" not in README and name != "demo"}

    assert not missing


@pytest.mark.parametrize("key", SETTINGS_NAMED)
def test_every_setting_the_readme_names_exists(key: str) -> None:
    section, name = key.split(".")
    if section not in Settings.model_fields:
        pytest.fail(f"{key} names no section of the settings")

    assert hasattr(getattr(Settings(), section), name)


def test_the_metrics_table_is_that_of_the_code() -> None:
    shown = {
        family.name + ("_total" if family.type == "counter" else "")
        for registry in (Metrics().registry, DeliveryMetrics("smtp").registry)
        for family in registry.collect()
        if family.name.startswith("churn_alert_")  # the process's own have the names that every library gives them
    }
    names = {row.name for row in METRICS}
    assert shown == names

    documented = set(re.findall(r"^\| `(churn_alert_[a-z_]+)` \|", README, flags=re.MULTILINE))

    assert documented == names


def test_the_smallest_purchase_of_the_readme_is_accepted() -> None:
    from service.streaming.decoder import Decoder, DecoderSettings

    example = re.search(r"```json\n(\{.*?\})\n```", README, flags=re.DOTALL)
    assert example is not None

    purchase = Decoder(DecoderSettings()).purchase(example[1].encode(), b"c-1", (), 1_900_000_000_000_000)

    assert (purchase.customer_id, purchase.amount_minor) == ("c-1", 1250)
