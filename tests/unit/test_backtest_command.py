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

    assert (
        backtest(once, "--out", tmp_path).output.splitlines()[3]
        == "1 purchase, refund or answer; 1 customer, 0 regulars; 0 alerts."
    )

    others = [f"{who},2026-03-02,1" for who in ("bob", "eve", "tom")]
    weekly = history(tmp_path, *(f"anna,{day},1" for day in WEEKLY), *others)

    said = backtest(weekly, "--out", tmp_path, "--multiple", "2").output
    assert "\n7 purchases, refunds and answers; 4 customers, 1 regular; 1 alert.\n" in said


def test_brackets_in_broken_rows_and_names_are_printed_as_they_are(tmp_path: Path) -> None:
    rows = ("[/b],[/b],1", "[red],2026-01-05,1", "[red],2026-01-12,x")
    log, out = history(tmp_path, *rows), tmp_path / "out[dim]"

    done = backtest(log, "--out", out, "--accept-losses")

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


def test_a_file_of_which_much_cannot_be_read_ends_with_a_code_of_its_own_and_a_report_all_the_same(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    log, out = history(tmp_path, *(f"anna,{day},1" for day in WEEKLY), "anna,soon,1"), tmp_path / "out"
    monkeypatch.setattr("sys.argv", ["churn-alert", "backtest", str(log), "--out", str(out)])

    with pytest.raises(SystemExit, match="3"):
        main()

    assert "1 of 5 rows (20 %) could not be read" in capsys.readouterr().err
    assert (out / "report.html").exists()


def test_a_dry_run_says_what_was_understood_and_writes_nothing(tmp_path: Path) -> None:
    log = tmp_path / "verkauf.csv"
    log.write_text("Kunde;Datum;Betrag\nanna;13.01.2026;1.250,00\nanna;14.01.2026;3,50\n", encoding="cp1252")

    said = backtest(log, "--dry-run").output

    assert "read by a guess; customer_id = Kunde, timestamp = Datum, amount = Betrag" in said
    assert "days before months, decimal comma" in said
    assert "customer_id=anna, timestamp=13.01.2026, amount=1.250,00" in said
    assert "1 person, 2 orders, 1,253.50 EUR." in said
    assert list(tmp_path.iterdir()) == [log]


def test_of_many_files_what_matters_is_said_first_and_that_there_is_more(tmp_path: Path) -> None:
    files = [tmp_path / f"verkauf{month}.csv" for month in range(1, 6)]
    for month, file in enumerate(files, 1):
        file.write_text(
            f"Kunde;Datum;Betrag\nanna;13.0{month}.2026;1.250,00 {'GBP' if month == 5 else 'USD'}\nbob;14.0{month}.2026;3,50 USD\n"
        )

    said = backtest(*files, "--dry-run", "--accept-losses").output

    assert "verkauf5.csv has several currencies: 1 × GBP, 1 × USD." in said
    assert "lines more, which the report has: fewer files at once say all here." in said
    assert len(said.splitlines()) < 40


def test_what_the_user_says_of_the_columns_counts_by_option_and_by_setting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = tmp_path / "log.csv"
    log.write_text("wer,Date de commande,wert,total\nanna,2026-01-05,1,9\n", encoding="utf-8")

    by_option = backtest(log, "--dry-run", "--map", 'customer_id=wer,timestamp="Date de commande",amount=wert').output
    monkeypatch.setenv(
        "CHURN_ALERT_FILES__COLUMNS", '{"customer_id": "wer", "timestamp": "Date de commande", "amount": "wert"}'
    )
    by_setting = backtest(log, "--dry-run").output

    assert by_option == by_setting
    assert "1 person, 1 order, 1.00 EUR." in by_option
    with pytest.raises(ConfigurationError, match="there is no field 'who'"):
        backtest(log, "--dry-run", "--map", "who=wer")
    with pytest.raises(
        ConfigurationError, match="has no column 'nobody'; there are: wer, Date de commande, wert, total"
    ):
        backtest(log, "--dry-run", "--map", "customer_id=nobody")


@pytest.mark.parametrize(("margin", "cost"), [("40", "2.50"), ("40%", "2,50"), ("40,5 %", "€2.50"), ("40", "2.50 €")])
def test_numbers_of_the_business_case_may_be_written_as_people_do(margin: str, cost: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="no such log"):
        backtest("no such log", "--out", tmp_path / "out", "--margin", margin, "--offer-cost", cost)


def test_a_number_that_is_none_is_said_to_be_none(tmp_path: Path) -> None:
    said = backtest("log", "--out", tmp_path / "out", "--margin", "forty", "--offer-cost", "2")

    assert said.exit_code != 0
    assert "'forty' is no number such as 40 or 2.50" in " ".join(said.output.replace("│", " ").split())


def test_what_to_do_is_said_before_how_good_it_was_and_once(tmp_path: Path) -> None:
    others = [f"{who},2026-03-02,1" for who in ("bob", "eve", "tom")]
    weekly = history(tmp_path, *(f"anna,{day},1" for day in WEEKLY), *others)

    said = backtest(weekly, "--out", tmp_path, "--suggest").output

    places = [said.index(words) for words in ("4 customers, 1 regular", "regular is quiet", "Churn risk of")]
    assert places == sorted(places)
    proposed = next(line for line in said.splitlines() if "propose" in line.lower())
    assert said.count(proposed) == 1


def test_orders_without_amounts_are_not_said_to_be_worth_nothing(tmp_path: Path) -> None:
    said = backtest(history(tmp_path, *(f"anna,{day}," for day in WEEKLY)), "--dry-run").output

    assert "1 person, 4 orders. They hold no amounts.\n" in said
    assert "By month: 2026-01 4\n" in said
