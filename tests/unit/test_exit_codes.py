"""How a command ends: one code for each fate, said in one place, and an error in the log says no more than it may."""

from __future__ import annotations

import re

import pytest
from typer.testing import CliRunner

from service import cli
from service.errors import (
    ChurnAlertError,
    ConfigurationError,
    ErrorCode,
    ExitCode,
    FatalError,
    NotThereError,
    PoisonError,
    TransientError,
    told,
)
from tests.support.worker_process import ROOT


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ConfigurationError("shop.timezone is wrong"), 2),
        (NotThereError("nobody is known by that name"), 1),
        (TransientError("no broker answers"), 75),
        (FatalError("it cannot go on"), 1),
        (PoisonError(ErrorCode.NOT_JSON, "no JSON"), 1),
        (KeyboardInterrupt(), 130),
    ],
)
def test_an_error_ends_the_command_with_its_code(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], error: BaseException, code: int
) -> None:
    def fail(**_: object) -> None:
        raise error

    monkeypatch.setattr(cli, "app", fail)

    with pytest.raises(SystemExit) as ended:
        cli.main()

    assert ended.value.code == code
    said = capsys.readouterr().err.splitlines()
    assert said == ([f"churn-alert: {error}"] if isinstance(error, ChurnAlertError) else [])


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("frobnicate",), "No such command 'frobnicate'; `churn-alert --help` says what it takes."),
        (("backtest",), "Missing argument 'files'; `churn-alert backtest --help` says what it takes."),
        (
            ("backtest", "x.csv", "--budget", "much"),
            "Invalid value for '--budget': it must be a number; `churn-alert backtest --help` says what it takes.",
        ),
        (
            ("backtest", "x.csv", "--fit-until", "soon"),
            "Invalid value for '--fit-until': 'soon' is no day such as 2026-03-01; `churn-alert backtest --help` says what it takes.",
        ),
        (
            ("simulate", "--out", "x", "--customers", "0"),
            "Invalid value for '--customers': it must be greater than or equal to 1; `churn-alert simulate --help` says what it takes.",
        ),
        (
            ("dead-letters", "list", "--all"),
            "No such option: --all; `churn-alert dead-letters list --help` says what it takes.",
        ),
    ],
)
def test_wrong_use_is_one_sentence_that_says_where_the_right_one_is_found(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], sentence: str
) -> None:
    monkeypatch.setattr("sys.argv", ["churn-alert", *words])

    with pytest.raises(SystemExit) as ended:
        cli.main()

    assert ended.value.code == ExitCode.CONFIGURATION
    assert capsys.readouterr().err.splitlines() == [f"churn-alert: {sentence}"]


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [(("--version",), 0, "churn-alert"), (("topics",), 2, "create"), (("--help",), 0, "Commands")],
)
def test_help_and_version_are_no_errors(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], code: int, said: str
) -> None:
    monkeypatch.setattr("sys.argv", ["churn-alert", *words])

    with pytest.raises(SystemExit) as ended:
        cli.main()

    assert ended.value.code == code
    captured = capsys.readouterr()
    assert said in captured.out + captured.err
    assert "churn-alert:" not in captured.err


def test_topics_are_not_said_to_be_wrong_where_no_broker_answers() -> None:
    done = CliRunner().invoke(cli.app, ["topics", "check"], env={"CHURN_ALERT_KAFKA__BOOTSTRAP_SERVERS": "127.0.0.1:1"})

    assert isinstance(done.exception, TransientError)
    assert done.exception.exit_code == ExitCode.UNAVAILABLE


def test_the_page_lists_the_codes_there_are() -> None:
    page = (ROOT / "docs" / "operations" / "README.md").read_text(encoding="utf-8")

    assert sorted(map(int, re.findall(r"^\| (\d+) \|", page, re.MULTILINE))) == sorted(ExitCode)


def test_an_error_is_told_by_its_sentence_or_by_its_kind_and_place() -> None:
    assert told(FatalError("The broker is gone.")) == "The broker is gone."
    assert told(ValueError("anna@example.org is no number")) == "ValueError"
    assert told(OSError(28, "No space left on device", "/home/anna")) == "OSError: No space left on device"
    with pytest.raises(AttributeError) as raised:
        cli.Context.settings.fget(None)  # type: ignore[attr-defined]
    assert re.fullmatch(r"AttributeError at service/commands/console\.py:\d+", told(raised.value))
