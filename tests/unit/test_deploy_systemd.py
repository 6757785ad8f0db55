"""The units start what there is, with settings that there are, as their comments and README say."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from service.cli import app
from service.config.loading import load_settings

DEPLOY = Path(__file__).parents[2] / "deploy"
WORKER, DELIVER = DEPLOY / "churn-alert@.service", DEPLOY / "churn-alert-deliver@.service"
INGEST = DEPLOY / "churn-alert-ingest.service"
UNITS = pytest.mark.parametrize("unit", [WORKER, DELIVER, INGEST], ids=lambda unit: unit.name)
WAYS_OUT = ("smtp", "webhook", "letter")
_COMMAND = "/opt/churn-alert/bin/churn-alert"


def values(unit: Path, key: str) -> list[str]:
    return re.findall(rf"^{key}=(.*)$", unit.read_text(encoding="utf-8"), re.MULTILINE)


def analyze(*arguments: str) -> str:
    """What systemd-analyze says of a unit, exit code included; skips, and says so, where there is none."""
    program = shutil.which("systemd-analyze")
    if program is None:
        pytest.skip("no systemd-analyze: what systemd says of the units was NOT tested; install systemd")
    done = subprocess.run([program, *arguments], capture_output=True, text=True, timeout=60, check=False)
    return (done.stdout + done.stderr).strip() + ("" if done.returncode == 0 else f" exit code {done.returncode}")


@UNITS
def test_systemd_finds_nothing_to_say(unit: Path, tmp_path: Path) -> None:
    copy = tmp_path / unit.name.replace("@.", "@smtp." if unit is DELIVER else "@1.")
    executable = shutil.which("true")
    assert executable is not None
    copy.write_text(unit.read_text(encoding="utf-8").replace(_COMMAND, executable), encoding="utf-8")

    assert analyze("verify", str(copy)) == ""


@UNITS
def test_the_units_are_hardened(unit: Path) -> None:
    said = analyze("security", "--offline=true", "--threshold=20", str(unit))

    assert "Overall exposure level" in said
    assert "exit code" not in said


@UNITS
def test_what_a_unit_starts_is_a_command_and_its_variables_are_settings(
    unit: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (line,) = values(unit, "ExecStart")
    program, option, _file, *words = shlex.split(line)
    for way in WAYS_OUT if "$WAY_OUT" in words else ("",):
        command = get_command(app)
        for word in [way if word == "$WAY_OUT" else word for word in words]:
            command = command.commands[word]  # type: ignore[attr-defined]
    spoken = re.findall(r"CHURN_ALERT_[A-Z_]+(?==)", unit.read_text(encoding="utf-8"))
    monkeypatch.setenv("CHURN_ALERT_DELIVER__SMTP__USERNAME", "shop")
    monkeypatch.setenv("CHURN_ALERT_DELIVER__SMTP__PASSWORD", "something-long-enough")
    for name in spoken:
        sources = '[{"kind": "plain", "token": "something-long-enough"}]'
        told = {"PORT": "8090", "SOURCES": sources}.get(name.rpartition("__")[2], "something-long-enough")
        monkeypatch.setenv(name, told)

    load_settings()

    assert (program, option) == (_COMMAND, "--config")
    assert spoken


@UNITS
def test_a_start_without_settings_fails_at_once_and_one_that_cannot_succeed_ends(unit: Path) -> None:
    (line,) = values(unit, "ExecStart")

    assert values(unit, "AssertPathExists") == [shlex.split(line)[2]]
    assert values(unit, "Restart") == ["always"]
    assert int(values(unit, "StartLimitBurst")[0]) * (int(values(unit, "RestartSec")[0]) + 5) < int(
        values(unit, "StartLimitIntervalSec")[0]
    )


def test_the_steps_in_the_comment_make_the_file_that_the_units_read(tmp_path: Path) -> None:
    comment = WORKER.read_text(encoding="utf-8").partition("[Unit]")[0]
    made = CliRunner().invoke(app, ["config"])
    file = tmp_path / "churn-alert.toml"
    file.write_text(made.output, encoding="utf-8")

    assert f"{_COMMAND} config > {values(WORKER, 'AssertPathExists')[0]}" in comment
    assert load_settings(file) == load_settings()
    for name in (WORKER.name, DELIVER.name):
        assert f"deploy/{name}" in comment


def test_two_workers_of_one_machine_share_neither_name_nor_files() -> None:
    assert "CHURN_ALERT_KAFKA__INSTANCE_ID=%H-%i " in values(WORKER, "Environment")[0] + " "
    assert values(WORKER, "StateDirectory") == ["churn-alert/%i"]
    assert values(WORKER, "EnvironmentFile")[-1] == "-/etc/churn-alert/%i.environment"


def test_the_door_has_settings_and_files_of_its_own() -> None:
    assert values(INGEST, "StateDirectory") == ["churn-alert/ingest"]
    assert values(INGEST, "EnvironmentFile")[-1] == "-/etc/churn-alert/ingest.environment"
    assert "%i" not in INGEST.read_text(encoding="utf-8")


def test_two_deliverers_of_one_machine_have_a_way_out_settings_and_files_each() -> None:
    text = DELIVER.read_text(encoding="utf-8").partition("[Unit]")[0]

    assert values(DELIVER, "Environment") == ["WAY_OUT=%i PYTHONUNBUFFERED=1"]
    assert values(DELIVER, "StateDirectory") == ["churn-alert/deliver-%i"]
    assert values(DELIVER, "EnvironmentFile")[-1] == "-/etc/churn-alert/deliver-%i.environment"
    assert all(way in text for way in WAYS_OUT)
