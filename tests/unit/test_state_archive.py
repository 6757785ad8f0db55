"""The file of a state: whole or refused, for its owner's eyes only, and read back as it was written."""

from __future__ import annotations

import gzip
import json
import re
import stat
from pathlib import Path

import pytest

from service.carrying.archive import Archive, Entry, Header, InputRead, Summary, write_archive
from service.errors import ConfigurationError
from service.streaming.made_under import MadeUnder

HEADER = Header(
    made_by="0.1",
    exported_at="2026-01-01T00:00:00Z",
    group="cafe",
    cluster="abc",
    partitions=2,
    partitioner="murmur2",
    made_under=MadeUnder("Europe/Paris", "EUR", "05:00", 4),
    secret="",
    keyed="AAAA",
    compacted={"deliveries": "deliveries"},
)
SUMMARY = Summary({"purchases": InputRead("shop-purchases", [7, 9])})
ENTRIES = [
    Entry("state", 0, b"anna", b"\x00\xff\n"),
    Entry("ledger", 0, b"\x00\x00\x00\x07", b"x" * 5000),
    Entry("state", 1, "jürgen".encode(), b""),
]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    write_archive(tmp_path / "state.gz", HEADER, ENTRIES, lambda: SUMMARY)
    return tmp_path / "state.gz"


def test_a_file_gives_back_what_was_written(path: Path) -> None:
    archive = Archive(path)

    assert archive.header == HEADER
    assert archive.inputs == SUMMARY.inputs
    assert list(archive.entries()) == ENTRIES
    assert archive.records == len(ENTRIES)


def test_only_its_owner_may_read_it_and_it_says_that_it_names_persons(path: Path) -> None:
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert json.loads(gzip.decompress(path.read_bytes()).splitlines()[0])["names_persons"] is True
    assert list(path.parent.iterdir()) == [path]


def test_a_file_that_is_there_is_not_written_over(path: Path) -> None:
    before = path.read_bytes()

    with pytest.raises(ConfigurationError, match="there already"):
        write_archive(path, HEADER, ENTRIES, lambda: SUMMARY)

    assert path.read_bytes() == before


def test_a_file_that_cannot_be_finished_leaves_nothing(tmp_path: Path) -> None:
    def broken() -> list[Entry]:
        raise ConfigurationError("the broker is away")

    with pytest.raises(ConfigurationError, match="away"):
        write_archive(tmp_path / "state.gz", HEADER, (entry for _ in range(1) for entry in broken()), lambda: SUMMARY)
    with pytest.raises(ConfigurationError, match="cannot be written"):
        write_archive(tmp_path / "no" / "state.gz", HEADER, ENTRIES, lambda: SUMMARY)

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("kept", [0, 1, 40, 200, -1])
def test_what_is_cut_off_is_refused(path: Path, kept: int) -> None:
    path.write_bytes(path.read_bytes()[:kept])

    with pytest.raises(ConfigurationError, match=re.escape(f"{path} cannot be imported")):
        Archive(path)


def test_what_was_changed_is_refused(path: Path) -> None:
    lines = gzip.decompress(path.read_bytes()).splitlines(keepends=True)
    for number in range(len(lines)):
        left = [line for index, line in enumerate(lines) if index != number]
        path.write_bytes(gzip.compress(b"".join(left)))
        with pytest.raises(ConfigurationError, match="cannot be imported"):
            Archive(path)
    path.write_bytes(gzip.compress(b"".join(lines).replace(b"Paris", b"Berli")))
    with pytest.raises(ConfigurationError, match="cannot be imported"):
        Archive(path)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("customer_id,timestamp", "no gzip"),
        ('{"format":"x"}', "no state"),
        ("[1]", "no such record"),
        ('{"format":"churn-alert-state","version":2}', "newer release"),
    ],
)
def test_another_file_is_told_as_what_it_is_not(tmp_path: Path, content: str, said: str) -> None:
    path = tmp_path / "other"
    path.write_bytes(content.encode() if "gzip" in said else gzip.compress(f"{content}\n{{}}\n".encode()))

    with pytest.raises(ConfigurationError, match=said):
        Archive(path)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="No such file"):
        Archive(tmp_path / "none")
