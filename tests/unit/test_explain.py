"""`churn-alert config --explain`: what every setting does, in what unit, its default and range, with an example."""

from __future__ import annotations

import tomllib

import pytest
from typer.testing import CliRunner

from service.cli import app
from service.config import Settings
from service.config.explain import Explanation, explained, settings_explained
from service.errors import ConfigurationError

EVERYTHING = settings_explained()


def ids(each: Explanation) -> str:
    return each.key


def test_every_setting_of_every_section_is_among_them() -> None:
    keys = {each.key for each in EVERYTHING}

    for section in Settings.model_fields:
        for name in type(getattr(Settings(), section)).model_fields:
            assert any(key == f"{section}.{name}" or key.startswith(f"{section}.{name}.") for key in keys)
    assert {
        "kafka.topics.purchases",
        "outreach.rungs",
        "outreach.rungs.strictness",
        "outreach.frequency_caps.days",
    } <= keys
    assert len(keys) == len(EVERYTHING)


@pytest.mark.parametrize("each", EVERYTHING, ids=ids)
def test_each_says_what_it_does_and_gives_a_default_and_an_example(each: Explanation) -> None:
    assert len(each.text) >= 12, "write a line below the setting"
    assert each.text.endswith("."), each.text
    assert each.default
    assert each.example


@pytest.mark.parametrize("each", [each for each in EVERYTHING if each.example.startswith("[")], ids=ids)
def test_each_example_is_a_line_of_a_file(each: Explanation) -> None:
    section, _, line = each.example.removeprefix("[").partition("] ")

    content = tomllib.loads(f"[{section}]\n{line}\n")

    assert "…" not in line, "an example says what one would write"
    for part in each.key.split(".")[:-1]:
        content = content[part]
    assert each.key.rpartition(".")[2] in content


@pytest.mark.parametrize(
    ("key", "unit", "default", "allowed"),
    [
        ("outreach.cool_down_days", "days", "7.0", "at least 0, at most 366"),
        ("outreach.shadow", "", "false", "true, false"),
        ("outreach.measure", "", "unset", "patience, budget, probability, multiple"),
        ("outreach.patience", "needless messages per 100 visits of regulars", "5.0", "more than 0, at most 20"),
        ("outreach.daily_limit", "messages per day", "unset", "at least 1, at most 1,000,000,000"),
        ("kafka.session_timeout_s", "seconds", "30.0", "more than 0, at most 86,400"),
    ],
)
def test_unit_default_and_range_are_those_of_the_code(key: str, unit: str, default: str, allowed: str) -> None:
    (found,) = explained(key)

    assert (found.unit, found.default, found.range) == (unit, default, allowed)


def test_a_key_may_be_given_without_its_section_or_as_the_environment_has_it_and_a_section_as_a_whole() -> None:
    assert [each.key for each in explained("quiet_hours")] == ["outreach.quiet_hours"]
    assert [each.key for each in explained("CHURN_ALERT_OUTREACH__QUIET_HOURS")] == ["outreach.quiet_hours"]
    assert {each.key.partition(".")[0] for each in explained("shop")} == {"shop"}


def test_of_a_name_that_is_none_the_nearest_are_told() -> None:
    with pytest.raises(
        ConfigurationError, match=r"outreach\.quiet_hour is no setting; the nearest are outreach\.quiet_hours"
    ):
        explained("outreach.quiet_hour")
    with pytest.raises(ConfigurationError, match="churn-alert config"):
        explained("xyzzy")


def test_the_command_says_it() -> None:
    done = CliRunner().invoke(app, ["config", "--explain", "outreach.frequency_caps"])

    assert done.exit_code == 0
    assert "all kinds together" in " ".join(done.output.split())
    assert "CHURN_ALERT_OUTREACH__FREQUENCY_CAPS" in done.output
    assert CliRunner().invoke(app, ["config", "--explain", "frequency_cups"]).exit_code != 0
