"""A foreign table too big for memory is read twice, and gives what a small one gives."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import gettempdir
from zoneinfo import ZoneInfo

import pytest

from service.domain.calendar import Calendar
from service.domain.events import Purchase
from service.errors import ConfigurationError
from service.history import History, Wishes, grids, open_history, planned, sorting
from service.history.grids import Grid
from service.history.sources import Source

ROWS = 1_600


def shop(path: Path, *, shuffled: bool = False, account: bool = False) -> Path:
    rows = [
        f"A{n},{'till' if account and n % 3 == 0 else f'c{n % 31}'}@x.com,2025-{1 + n // 250:02}-{1 + n // 9 % 28:02} 08:{n % 60:02},"
        f'"1.{n % 1000:03},50",{"Storniert" if n % 50 == 7 else "Abgeschlossen"}'
        for n in range(100, ROWS)
    ]
    if shuffled:
        random.Random(1).shuffle(rows)
    path.write_text("\n".join(["Bestellnummer,E-Mail,Bestelldatum,Gesamtbetrag,Status", *rows]), encoding="utf-8")
    return path


def read(*paths: Path, in_memory_lines: int) -> History:
    return open_history(
        paths,
        calendar=Calendar(ZoneInfo("Europe/Paris")),
        minor_digits=2,
        wishes=Wishes(currency="EUR"),
        in_memory_lines=in_memory_lines,
    )


def all_of(history: History) -> tuple[list[Purchase], list[str], dict[str, int], object]:
    events = list(history.purchases())
    report = history.report
    return events, report.said, dict(report.aside), (report.nobodys_orders, report.nobodys_minor, history.rows)


@pytest.mark.parametrize("shuffled", [False, True])
@pytest.mark.parametrize("account", [False, True])
def test_it_is_what_a_small_one_is(tmp_path: Path, shuffled: bool, account: bool) -> None:
    path = shop(tmp_path / "orders.csv", shuffled=shuffled, account=account)

    big = read(path, in_memory_lines=500)

    assert all_of(big) == all_of(read(path, in_memory_lines=500_000))
    assert list(big.purchases()) == list(big.purchases())


def test_two_of_them_that_overlap_count_once(tmp_path: Path) -> None:
    first, second = shop(tmp_path / "a.csv"), shop(tmp_path / "b.csv")

    big, small = read(first, second, in_memory_lines=500), read(first, second, in_memory_lines=500_000)

    assert list(big.purchases()) == list(small.purchases()) == list(read(first, in_memory_lines=500).purchases())


@pytest.mark.parametrize("files", [1, 2])
def test_its_rows_are_read_twice(tmp_path: Path, files: int, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = [shop(tmp_path / f"{n}.csv") for n in range(files)]
    seen = 0

    @contextmanager
    def counting(source: Source) -> Iterator[Grid]:
        def rows(grid: Grid) -> Iterator[list[str]]:
            nonlocal seen
            for row in grid.rows:
                seen += 1
                yield row

        with grids.open_grid(source) as grid:
            yield Grid(rows(grid), grid.line, grid.encoding, grid.delimiter)

    monkeypatch.setattr(planned, "open_grid", counting)
    history = read(*paths, in_memory_lines=500)
    assert len(list(history.purchases())) > 500
    list(history.purchases())

    assert seen <= files * 2 * (ROWS - 100 + 1)


def test_without_room_for_it_one_sentence_says_where_there_may_be_some(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, run: list[object]) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(sorting, "_write_run", full)

    with pytest.raises(
        ConfigurationError, match=r"cannot be written in .*No space left on device\. The variable TMPDIR"
    ):
        read(shop(tmp_path / "orders.csv"), in_memory_lines=500)


def test_nothing_is_left_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    history = read(shop(tmp_path / "orders.csv"), in_memory_lines=500)
    assert list(Path(gettempdir()).iterdir())

    del history

    assert not list((tmp_path / "temporary").iterdir())
