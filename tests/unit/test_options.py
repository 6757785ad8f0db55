"""Numbers that no option can mean, and files that are none, are one clear sentence at the command line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from typer.main import get_command

from service.cli import app
from service.config import DEFAULT_PARTITIONS
from service.errors import ChurnAlertError

ABSURD = ("-1", "0", "1e999", "nan", "-inf", "", "x", "9" * 30, "1e-320")
COMMAND: Any = get_command(app)
"""Made once: to put all commands together takes longer than to refuse one."""
NOWHERE = "127.0.0.1:1"
"""No broker answers there."""


@pytest.fixture(autouse=True)
def _no_broker(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CHURN_ALERT_KAFKA__BOOTSTRAP_SERVERS", NOWHERE)
    monkeypatch.chdir(tmp_path)
    Path("ok.csv").write_text(
        "customer_id,timestamp,amount\n" + "".join(f"c{n % 7},2024-01-{1 + n // 7:02},3\n" for n in range(140))
    )


def said_to(*words: str) -> Result:
    """One sentence, an exit code of its own, or what was asked for; never a traceback."""
    result = CliRunner().invoke(COMMAND, list(words))
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        assert isinstance(result.exception, ChurnAlertError), f"{words}: {result.exception!r}"
        assert len(str(result.exception).splitlines()) == 1
        assert len(str(result.exception)) < 400
    return result


@pytest.mark.parametrize(
    ("words", "option", "values"),
    [
        (("demo", "ok.csv", "--exit"), "--port", ("-1", "65536", "99999", "nan", "x", "")),
        (("demo", "ok.csv", "--exit"), "--seconds", ("-1", "0", "nan", "inf", "1e999", "x", "")),
        (("demo", "ok.csv", "--exit"), "--partitions", ("-1", "0", "65", "x", "")),
        (("replay", "ok.csv"), "--speed", ("nan", "inf", "x", "")),
        (("replay", "ok.csv"), "--seconds", ("nan", "inf", "x", "")),
        (("backtest", "ok.csv", "--out", "out"), "--partitions", ("-1", "0", "1025", "x", "")),
        (("backtest", "ok.csv", "--out", "out"), "--fit-until", ("-1", "2024-02-30", "x", "")),
        (("simulate", "--out", "sim"), "--customers", ("-1", "0", "9" * 30, "x", "")),
        (("simulate", "--out", "sim"), "--days", ("-1", "0", "99999999", "x", "")),
        (("simulate", "--out", "sim"), "--seed", ("1.5", "nan", "x", "")),
        (("topics", "create", "--wait", "0"), "--partitions", ("-1", "0", "99999999999", "x", "")),
        (("topics", "create", "--wait", "0"), "--replication", ("-1", "0", "99999", "x", "")),
        (("topics", "create"), "--wait", ("-1", "nan", "inf", "x", "")),
        (("topics", "check"), "--wait", ("-1", "nan", "inf", "x", "")),
        (("dead-letters", "list"), "--limit", ("-1", "0", "x", "")),
    ],
    ids=lambda given: given if isinstance(given, str) else None,
)
def test_a_number_out_of_range_is_refused_and_its_option_named(
    words: tuple[str, ...], option: str, values: tuple[str, ...]
) -> None:
    for value in values:
        result = said_to(*words, option, value)

        assert result.exit_code == 2, f"{option} {value!r}: {result.output}"
        assert option in result.output, value


@pytest.mark.parametrize("option", ["--budget", "--probability", "--multiple", "--volume"])
def test_a_level_that_is_none_is_refused_and_its_option_named(option: str) -> None:
    for value in ABSURD:
        result = said_to("backtest", "ok.csv", "--out", "out", option, value)

        if value != "1e-320":  # above 0, and it asks for hardly any alert
            assert result.exit_code in {1, 2}, value
            assert option in f"{result.output}{result.exception}", value


@pytest.mark.parametrize("option", ["--speed", "--seconds"])
def test_a_replay_at_no_speed_is_refused(option: str) -> None:
    for value in ("-1", "0"):
        assert "above 0" in str(said_to("replay", "ok.csv", option, value).exception)


@pytest.mark.parametrize(
    "content", [None, b"", bytes(range(256)) * 50, b"\x1f\x8b\x08\0\0", b"customer_id,timestamp,amount\n"]
)
@pytest.mark.parametrize("name", ["log.csv", "log.csv.gz", "log.parquet", "log.jsonl"])
def test_a_file_that_is_no_log_is_named(name: str, content: bytes | None) -> None:
    if content is None:
        Path(name).mkdir()
    else:
        Path(name).write_bytes(content)

    for words in (
        ("backtest", name, "--out", "out"),
        ("backtest", "ok.csv", "--surveys", name, "--out", "out"),
        ("replay", name),
        ("demo", name, "--exit", "--bootstrap", NOWHERE),
    ):
        result = said_to(*words)
        assert result.exit_code == 1, words
        assert name in str(result.exception), words


@pytest.mark.parametrize(
    "words",
    [("schemas", "export", "ok.csv"), ("simulate", "--out", "ok.csv"), ("backtest", "ok.csv", "--out", "ok.csv")],
)
def test_a_directory_that_cannot_be_one_is_named(words: tuple[str, ...]) -> None:
    assert "ok.csv" in str(said_to(*words).exception)
    assert "cannot be written" in str(said_to(*words).exception)


def test_help_and_pages_agree_with_the_code_on_how_many_partitions_there_are() -> None:
    page = (Path(__file__).parents[2] / "docs" / "running.md").read_text(encoding="utf-8")
    said = " ".join(CliRunner().invoke(COMMAND, ["topics", "create", "--help"], env={"COLUMNS": "200"}).output.split())

    assert DEFAULT_PARTITIONS == 1
    assert "else 1." in said
    assert ".venv/bin/churn-alert topics create  " in page, "the first command asks for no number"
    assert "The topics have one partition, which is right for a small shop" in page
