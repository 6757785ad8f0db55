"""The lines of a file in order of time, with bounded memory.

They are streamed if the file is sorted and quick to read, and kept in temporary files, sorted runs, if not.
"""

from __future__ import annotations

import heapq
import shutil
import weakref
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import chain, islice, pairwise
from operator import itemgetter
from pathlib import Path
from tempfile import mkdtemp
from typing import Any, Generic, TypeVar

import msgspec

from service.domain.calendar import DAY_US
from service.errors import ConfigurationError
from service.history.left_out import ReadReport
from service.history.lines import Span

Line = TypeVar("Line", bound=tuple[Any, ...])

IN_MEMORY_LINES = 500_000
"""About 150 MB of lines. Smaller files are read once; bigger ones get a quick look at their order first, and are sorted
in such runs."""
_BYTES_PER_LINE = 40
_BYTES_PER_PACKED_LINE = 10
"""Usual sizes of a line, which tell from a file's size whether it may fit into memory. Being wrong only costs time."""
_BLOCK = 2_000
"""Lines per record of a run file."""
_BY_TIME = itemgetter(0)


@dataclass
class SortedLines(Generic[Line]):
    """One file in order of time, ties in the file's order. `lines()` can be called again and again."""

    path: Path
    read: Callable[[ReadReport], Iterator[Line]]
    """Opens the file and yields its lines in its own order, counting into the report."""
    look: Callable[[], Span]
    """Opens the file and looks at the lines' times only."""
    line_type: Any
    """The tuple type, to read runs back."""
    in_memory: int = IN_MEMORY_LINES
    rows: int | None = None
    """How many there are, where that is known; None = told from the file's size."""
    keeps_runs: bool = False
    """It is slow to read, so its lines are read once and kept in temporary files, also where they are in order."""
    report: ReadReport = field(default_factory=ReadReport)
    """Of the last complete reading; for a file too big to keep, complete only after its lines were read."""
    count: int = 0
    """Lines; for a file too big to keep, those with a readable time."""
    first_us: int | None = None
    """None for a file without usable rows."""
    last_us: int | None = None
    is_sorted: bool = True
    customers: dict[str, int] = field(default_factory=dict)
    """Rows of each as they are written, of a file too big to keep."""
    days: dict[int, int] = field(default_factory=dict)
    """Rows of each day, of a file too big to keep."""
    kept: list[Line] | None = None
    """The whole file in order of time, if it is small."""
    _runs: list[Path] | None = None
    """Files that are removed with this object."""
    _tests: list[Callable[[Line], bool]] = field(default_factory=list)
    """What lines of the runs have to pass."""

    def look_through(self) -> None:
        """Counts, finds the span and whether the order holds; keeps a small file."""
        if self._is_too_big():
            self._look_at_all()
            return
        head = list(islice(self.read(self.report), self.in_memory + 1))
        if len(head) > self.in_memory:
            del head
            self._look_at_all()
            return
        self.count = len(head)
        self.is_sorted = all(a[0] <= b[0] for a, b in pairwise(head))
        if not self.is_sorted:
            head.sort(key=_BY_TIME)
        if head:
            self.first_us, self.last_us = head[0][0], head[-1][0]
        self.kept = head

    def _is_too_big(self) -> bool:
        if self.rows is not None:
            return self.rows > self.in_memory
        per_line = _BYTES_PER_PACKED_LINE if self.path.suffix == ".gz" else _BYTES_PER_LINE
        return self.path.is_file() and self.path.stat().st_size > self.in_memory * per_line

    def _look_at_all(self) -> None:
        if self.keeps_runs:
            self._keep_runs()
        else:
            self._look_at_times()

    def _look_at_times(self) -> None:
        span = self.look()
        self.count, self.first_us, self.last_us, self.is_sorted = (
            span.count,
            span.first_us,
            span.last_us,
            span.is_sorted,
        )
        self.customers, self.days = span.customers, span.days

    def keep_only(self, counts: Callable[[Line], bool]) -> None:
        """Drops lines that turn out not to count; a big file that is read again leaves them out while it is."""
        if self._runs is not None:
            self._tests.append(counts)
            self.count, self.first_us, self.last_us = 0, None, None
            for line in self.lines():
                self.count += 1
                self.first_us = line[0] if self.first_us is None else self.first_us
                self.last_us = line[0]
        if self.kept is not None:
            self.kept = [line for line in self.kept if counts(line)]
            self.count = len(self.kept)
            self.first_us = self.kept[0][0] if self.kept else None
            self.last_us = self.kept[-1][0] if self.kept else None

    def lines(self) -> Iterator[Line]:
        """All lines in order of time."""
        if self.kept is not None:
            return iter(self.kept)
        if self._runs is None and self.is_sorted:
            self.report = ReadReport()
            return self.read(self.report)
        if self._runs is None:
            self._keep_runs()
        read = [_read_run(path, self.line_type) for path in self._runs or ()]
        lines: Iterator[Line] = chain.from_iterable(read) if self.is_sorted else heapq.merge(*read, key=_BY_TIME)
        for counts in self._tests:
            lines = filter(counts, lines)
        return lines

    @property
    def can_be_looked_at(self) -> bool:
        """Whether its lines stand where they are quickly read again."""
        return self.kept is not None or self._runs is not None

    @property
    def has_runs(self) -> bool:
        """Whether they stand in temporary files."""
        return self._runs is not None

    def _keep_runs(self) -> None:
        """Reads the file once, and all that is to be known of its lines with it.

        Raises ConfigurationError where there is no room for them.
        """
        runs: list[Path] = []
        self.report, last = ReadReport(), -1
        self.count, self.first_us, self.is_sorted = 0, None, True
        directory = Path(mkdtemp(prefix="churn-alert-sort-"))
        weakref.finalize(self, shutil.rmtree, directory, ignore_errors=True)
        lines = self.read(self.report)
        while run := list(islice(lines, self.in_memory)):
            for line in run:
                at_us, customer, day = line[0], line[1], line[0] // DAY_US
                self.customers[customer] = self.customers.get(customer, 0) + 1
                self.days[day] = self.days.get(day, 0) + 1
                self.is_sorted = self.is_sorted and at_us >= last
                last = at_us
            run.sort(key=_BY_TIME)
            self.count += len(run)
            self.first_us = run[0][0] if self.first_us is None else min(self.first_us, run[0][0])
            self.last_us = run[-1][0] if self.last_us is None else max(self.last_us, run[-1][0])
            runs.append(directory / f"run-{len(runs)}")
            try:
                _write_run(runs[-1], run)
            except OSError as error:
                raise ConfigurationError(
                    f"{self.path} is read over temporary files, which cannot be written in {directory}: {error.strerror or error}. "
                    "The variable TMPDIR says where there is room."
                ) from error
            del run
        self._runs = runs


def _write_run(path: Path, run: list[Line]) -> None:
    encode = msgspec.msgpack.Encoder().encode
    with path.open("wb") as file:
        for start in range(0, len(run), _BLOCK):
            block = encode(run[start : start + _BLOCK])
            file.write(len(block).to_bytes(4, "big") + block)


def _read_run(path: Path, line_type: Any) -> Iterator[Any]:
    decode = msgspec.msgpack.Decoder(list[line_type]).decode
    with path.open("rb") as file:
        while size := file.read(4):
            yield from decode(file.read(int.from_bytes(size, "big")))
