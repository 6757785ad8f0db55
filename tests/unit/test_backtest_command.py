"""What the backtest says at a terminal: errors of one sentence before the work, counts that agree with their nouns."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from service.cli import app, main
from service.errors import ConfigurationError

WEEKLY = ("2026-01-05", "2026-01-12", "2026-01-19", "2026-01-26")


def history(directory: Path, *rows: str) -> Path:
    path = directory / "history.csv"
    path.write_text("customer_id,timestamp,amount\n" + "".join(f"{row}\n" for row in rows))
    return path


def backtest(*words: object) -> Result:
    return CliRunner().invoke(app, ["backtest", *map(str, words)], catch_exceptions=False)


def test_a_directory_that_cannot_be_made_is_said_before_the_log_is_read(tmp_path: Path) -> None:
    in_the_way = history(tmp_path, f"anna,{WEEKLY[0]},1")

    with pytest.raises(ConfigurationError, match=rf"history\.csv cannot be written: {os.strerror(errno.EEXIST)}\."):
        backtest(tmp_path / "there is no such log", "--out", in_the_way)


def test_a_file_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    log = history(tmp_path, f"anna,{WEEKLY[0]},1")
    (tmp_path / "out" / "periods.csv").mkdir(parents=True)

    with pytest.raises(ConfigurationError, match=rf"out/periods\.csv cannot be written: {os.strerror(errno.EISDIR)}\."):
        backtest(log, "--out", tmp_path / "out")


def test_the_first_line_counts_in_the_singular_and_is_not_empty(tmp_path: Path) -> None:
    once = history(tmp_path, f"anna,{WEEKLY[0]},1")

    assert backtest(once, "--out", tmp_path).output.startswith("1 event, 1 customer, 0 regulars; 0 alerts.\n")

    others = [f"{who},2026-03-02,1" for who in ("bob", "eve", "tom")]
    weekly = history(tmp_path, *(f"anna,{day},1" for day in WEEKLY), *others)

    said = backtest(weekly, "--out", tmp_path, "--multiple", "2").output
    assert said.startswith("7 events, 4 customers, 1 regular; 1 alert, 0 of them came back later by themselves.\n")


def test_brackets_in_broken_rows_and_names_are_printed_as_they_are(tmp_path: Path) -> None:
    rows = ("[/b],[/b],1", "[red],2026-01-05,1", "[red],2026-01-12,x")
    log, out = history(tmp_path, *rows), tmp_path / "out[dim]"

    done = backtest(log, "--out", out)

    assert done.exit_code == 0
    assert "[/b]" in done.output
    assert str(out / "report.html") in done.output


def test_an_error_quotes_brackets_too(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.argv", ["churn-alert", "backtest", str(tmp_path / "[/b].csv"), "--out", str(tmp_path)])

    with pytest.raises(SystemExit, match="2"):
        main()

    assert "[/b].csv cannot be read" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("day", "said"),
    [("2025-01-20", "nothing was learned, since the log begins on 2026-01-05."),
     ("2026-01-05", "nothing was learned, since the log begins on 2026-01-05."), ("2026-01-26", ""),
     ("2026-01-27", "learning never stopped, since the log ends on 2026-01-26.")],
)  # fmt: skip
def test_a_last_day_of_learning_outside_of_the_log_is_said(tmp_path: Path, day: str, said: str) -> None:
    log = history(tmp_path, *(f"anna,{one},1" for one in WEEKLY))

    output = backtest(log, "--out", tmp_path, "--fit-until", day).output

    assert (f"--fit-until {day}: {said}" in output) if said else ("--fit-until" not in output)


def test_nudges_are_told_of_where_no_regular_was_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHURN_ALERT_OUTREACH__SECOND_VISIT", "true")
    log = history(tmp_path, "anna,2026-01-05,1", *(f"c{n},2026-03-{n + 2:02},1" for n in range(8)))

    said = backtest(log, "--out", tmp_path).output

    assert "; 1 message of kind second_visit." in said
    assert "Besides, 1 nudge" in (tmp_path / "report.html").read_text(encoding="utf-8")
