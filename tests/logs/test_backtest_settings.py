"""A backtest takes its policy from the configuration file.

It sends nothing, so it needs no consent unless the file asks for it.
"""

from __future__ import annotations

import csv
from datetime import date, timedelta
from pathlib import Path

from typer.testing import CliRunner

from service.cli import app


def alerts(tmp_path: Path, settings: str) -> list[dict[str, str]]:
    history, config, out = tmp_path / "history.csv", tmp_path / "shop.toml", tmp_path / "out"
    start = date(2024, 1, 1)
    bought = [("anna", 7 * n) for n in range(12)] + [("once", 3)] + [("other", day) for day in range(0, 300, 2)]
    lines = [f"{who},{start + timedelta(days=day)},10.00" for who, day in sorted(bought, key=lambda line: line[1])]
    history.write_text("customer_id,timestamp,amount\n" + "\n".join(lines) + "\n")
    config.write_text(settings)
    words = ["--config", str(config), "backtest", str(history), "--out", str(out)]
    done = CliRunner().invoke(app, words, catch_exceptions=False)
    assert done.exit_code == 0
    with (out / "alerts.csv").open() as file:
        return [*csv.DictReader(file)]


def test_other_settings_leave_consent_to_where_it_is_kept(tmp_path: Path) -> None:
    found = alerts(tmp_path, "[outreach]\nlevel = 2.0\nsecond_visit = true\n")

    assert [(row["customer_id"], row["kind"], row["rung"], row["decision"]) for row in found] == [
        ("anna", "win_back", "remind", "released"),
        ("once", "second_visit", "nudge", "released"),
    ]


def test_a_consent_that_the_file_asks_for_is_asked_for(tmp_path: Path) -> None:
    found = alerts(tmp_path, '[outreach]\nconsent = "required"\n')

    assert [(row["customer_id"], row["decision"], row["reason"]) for row in found] == [
        ("anna", "suppressed", "consent_unknown")
    ]
