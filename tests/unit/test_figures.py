"""What a benchmark measures stands on the page with the day, the commit and the machine, and no path of it."""

from __future__ import annotations

import re
import subprocess
from datetime import date
from pathlib import Path

import pytest

from docs.writing.regions import region, regions
from tests.benchmarks.figures import PARTS, VARIABLE, Figures, commit_here, machine_here

ROOT = Path(__file__).parents[2]
SPEED = (ROOT / "docs" / "speed.md").read_text(encoding="utf-8")
NOT_YET = "*Not written here yet: `make figures` does it.*"
MEASURED = re.compile(r"\*Measured on \d{4}-\d\d-\d\d at commit [0-9a-f]{7,}( and changes)?, on .+\.\*$")


def test_every_part_of_the_benchmarks_has_its_place_on_the_page_with_day_and_commit() -> None:
    assert regions(SPEED) == list(PARTS)
    for part in PARTS:
        text = region(SPEED, part)
        assert text == NOT_YET or (text.startswith("```\n") and MEASURED.search(text)), part
        assert "/churn-alert" not in text, part


def test_what_was_measured_replaces_what_stood_there_and_leaves_the_rest(tmp_path: Path) -> None:
    page, figures = tmp_path / "speed.md", Figures(Path("/home/anna/.venv/bin/churn-alert"))
    page.write_text(SPEED, encoding="utf-8")
    figures.tell("cafe", "café; /home/anna/.venv/bin/churn-alert, engine compiled")
    figures.tell("cafe", "and more")

    figures.write(page, date(2026, 3, 1), "0123456789", "a machine")

    written = page.read_text(encoding="utf-8")
    assert region(written, "cafe") == (
        "```\ncafé; engine compiled\nand more\n```\n\n*Measured on 2026-03-01 at commit 0123456789, on a machine.*"
    )
    assert [part for part in PARTS if region(written, part) != region(SPEED, part)] == ["cafe"]


def test_nothing_is_written_unless_it_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    figures = Figures(Path("churn-alert"))
    figures.tell("pile", "measured")

    figures.write_where_asked()

    assert (ROOT / "docs" / "speed.md").read_text(encoding="utf-8") == SPEED


def test_the_commit_says_whether_the_source_has_changed_since(tmp_path: Path) -> None:
    def git(*words: str) -> None:
        subprocess.run(["git", "-C", tmp_path, "-c", "user.name=a", "-c", "user.email=a@b", *words], check=True)

    (tmp_path / "service").mkdir()
    (tmp_path / "service" / "a.py").write_text("1")
    git("init", "-q")
    git("add", "-A")
    git("commit", "-qm", "first")
    clean = commit_here(tmp_path)
    (tmp_path / "README.md").write_text("a page is no source")
    unchanged = commit_here(tmp_path)
    (tmp_path / "service" / "a.py").write_text("2")

    assert re.fullmatch(r"[0-9a-f]{10}", clean)
    assert (unchanged, commit_here(tmp_path)) == (clean, f"{clean} and changes")
    assert "cores, Python 3." in machine_here()
