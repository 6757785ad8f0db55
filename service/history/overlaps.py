"""Several exports of one shop overlap: what stands in more than one of them counts once.

Rows of the same instant, customer and number are one and the same, and the export that reaches furthest has their
newest amounts; of two that reach equally far it is the one that has the order for less, since money goes back more
often than it is asked for. What the newest one that tells it says to have been cancelled counts in none, and what was
paid once more counts. Rows without a number are the same when most of what the files have in common is alike.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from itertools import groupby
from operator import itemgetter
from typing import Final

from service.errors import ConfigurationError
from service.history.lines import PurchaseLine

_ALIKE: Final = 0.5
"""Share of the rows without a number, of the days that files have in common, from which on they are the same rows."""
_FEWEST: Final = 3
Tagged = tuple[int, int, PurchaseLine]
"""at_us, number of the file, line."""
FileAndLine = tuple[int, PurchaseLine]
Withdrawn = tuple[int, str]
"""at_us and number (of the event, else of the order) of what was cancelled."""
Identity = tuple[str, ...]
_KEY: Final = itemgetter(0)
_SEEN: Final = 1_000_000
"""Orders that are looked for in other files."""


class Overlaps:
    """Takes lines out that another file has as well. `look` comes first."""

    def __init__(
        self,
        spans: Sequence[tuple[int, int] | None],
        withdrawn: Sequence[AbstractSet[Withdrawn]] | None = None,
        telling: Sequence[bool] | None = None,
    ) -> None:
        """First and last instant of each file, None for one without lines; what each says was cancelled, and whether it
        would say so of all that was (`telling`; all do, unless it is said)."""
        self._withdrawn = list(withdrawn or [frozenset()] * len(spans))
        self._telling = list(telling or [True] * len(spans))
        spans = [_with_instants(span, more) for span, more in zip(spans, self._withdrawn, strict=True)]
        self._last = [-1 if span is None else span[1] for span in spans]
        known = [span for span in spans if span is not None]
        self.possible = any(
            max(one[0], other[0]) <= min(one[1], other[1])
            for place, one in enumerate(known)
            for other in known[place + 1 :]
        )
        """Whether any two files have an instant in common."""
        self._spans = spans
        self._drops_plain = False
        self.repeated = 0
        """Lines that stand in more than one file."""
        self.cancelled = 0
        """Lines of orders that another file says to have been cancelled."""

    def look(self, tagged: Callable[[], Iterator[Tagged]]) -> None:
        """Reads all lines once, and again where some may be repeated.

        Raises ConfigurationError where files have the same orders at other times.
        """
        alike, common = 0, 0
        numbered = False
        elsewhere = _Elsewhere()
        for at_us, group in groupby(tagged(), key=_KEY):
            lines = [(file, line) for _, file, line in group]
            if len({file for file, _ in lines}) > 1:
                alike += _alike_without_number(lines)
                numbered = numbered or any(_number_of(line) for _, line in lines)
            in_common = [(file, line) for file, line in lines if self._is_common(file, at_us)]
            common += sum(not _number_of(line) for _, line in in_common)
            for file, line in in_common:
                elsewhere.see(file, line)
        elsewhere.check()
        self._drops_plain = alike >= _FEWEST and 2 * alike >= _ALIKE * common
        rows = {True: 0, False: 0}
        for at_us, group in groupby(tagged() if any(self._withdrawn) else (), key=_KEY):
            lines = [(file, line) for _, file, line in group]
            rows[True] += len(lines)
            rows[False] += len(self._standing(at_us, lines))
        self.cancelled = rows[True] - rows[False]
        if self._drops_plain or numbered or self.cancelled:
            self.repeated = sum(1 for _ in tagged()) - sum(1 for _ in self.once(tagged())) - self.cancelled

    def _standing(self, at_us: int, lines: Sequence[FileAndLine]) -> Sequence[FileAndLine]:
        """Those of the lines of an instant that no other file says to have been cancelled since."""
        found: dict[str, bool] = {}
        return [
            (file, line)
            for file, line in lines
            if not any(
                self._is_withdrawn(at_us, number, lines, found)
                for number in dict.fromkeys((line[3], line[4]))
                if number
            )
        ]

    def _is_withdrawn(self, at_us: int, number: str, lines: Sequence[FileAndLine], found: dict[str, bool]) -> bool:
        """Whether the newest file that tells of the order says that it was cancelled. Of two that reach equally far the
        one that says so counts. `found` holds what is known of the instant."""
        known = found.get(number)
        if known is None:
            has = {file for file, line in lines if number in {line[3], line[4]}}
            saying = [file for file, they in enumerate(self._withdrawn) if file not in has and (at_us, number) in they]
            paid = [self._last[file] for file in has if self._telling[file]]
            known = found[number] = bool(saying) and max(map(self._last.__getitem__, saying)) >= max(paid, default=-1)
        return known

    def _is_common(self, file: int, at_us: int) -> bool:
        """Whether another file has the instant within its span."""
        return any(
            span is not None and other != file and span[0] <= at_us <= span[1] for other, span in enumerate(self._spans)
        )

    def once(self, tagged: Iterator[Tagged]) -> Iterator[PurchaseLine]:
        """The lines, each once, in the order in which they came."""
        withdrawn = any(self._withdrawn)
        for at_us, group in groupby(tagged, key=_KEY):
            lines: Sequence[FileAndLine] = [(file, line) for _, file, line in group]
            if withdrawn:
                lines = self._standing(at_us, lines)
            if len(lines) <= 1 or len({file for file, _ in lines}) == 1:
                for _, line in lines:
                    yield line
            else:
                yield from self._of_one_instant(lines)

    def _of_one_instant(self, lines: Sequence[tuple[int, PurchaseLine]]) -> Iterator[PurchaseLine]:
        by_identity: dict[Identity, dict[int, list[PurchaseLine]]] = {}
        for file, line in lines:
            by_identity.setdefault(_identity(line), {}).setdefault(file, []).append(line)
        kept: Counter[tuple[int, PurchaseLine]] = Counter()
        for identity, files in by_identity.items():
            if len(files) == 1 or not (identity[0] or self._drops_plain):
                for file, own in files.items():
                    kept.update((file, line) for line in own)
                continue
            newest = max(files, key=lambda file: (self._last[file], -sum(line[2] for line in files[file]), file))
            kept.update((newest, line) for line in files[newest])
            there = set(files[newest])
            if not identity[0]:
                for file, own in files.items():
                    more = len(own) - len(files[newest])
                    kept.update((file, line) for line in own[: max(0, more)] if file != newest)
                continue
            for file, own in files.items():
                kept.update((file, line) for line in own if file != newest and line[2] < 0 and line not in there)
        for tagged in lines:
            if kept[tagged]:
                kept[tagged] -= 1
                yield tagged[1]


class _Elsewhere:
    """Counts orders that two files have, of the same customer and amount, at different times."""

    def __init__(self) -> None:
        self._seen: dict[tuple[str, str], tuple[int, PurchaseLine]] = {}
        self._numbered = 0
        self._elsewhere = 0

    def see(self, file: int, line: PurchaseLine) -> None:
        """Takes a line into account."""
        number = line[4] or line[3]
        if not number:
            return
        self._numbered += 1
        if len(self._seen) < _SEEN:
            other, first = self._seen.setdefault((line[1], number), (file, line))
            self._elsewhere += other != file and first[0] != line[0] and first[2] == line[2] > 0

    def check(self) -> None:
        """Raises ConfigurationError where that is so of most of what the files have in common."""
        if self._elsewhere >= _FEWEST and 4 * self._elsewhere >= self._numbered:
            raise ConfigurationError(
                f"{self._elsewhere:,} orders stand in two of the files, of the same customer, number and amount but at different times, as where one file "
                "has only days or another column of dates: they would count twice. Leave one of the two files out, or export both in the same way."
            )


def _with_instants(span: tuple[int, int] | None, more: AbstractSet[Withdrawn]) -> tuple[int, int] | None:
    instants = [*(span or ()), *(at_us for at_us, _ in more)]
    return (min(instants), max(instants)) if instants else None


def _number_of(line: PurchaseLine) -> str:
    return line[3] or line[4]


def _identity(line: PurchaseLine) -> Identity:
    """What two rows must share to be one: with a number all but the money, of which they share the sign, for a sale is
    no refund of it; else everything. Begins with the number."""
    _, customer, amount, event_id, order_id, sku, name, source = line
    if event_id or order_id:
        return (f"{event_id} {order_id}", customer, event_id, order_id, sku, name, "-" if amount < 0 else "")
    return ("", customer, str(amount), sku, name, source)


def _alike_without_number(lines: Sequence[tuple[int, PurchaseLine]]) -> int:
    """Rows without a number that another file has at the same instant, counted once for each pair."""
    counts: dict[PurchaseLine, Counter[int]] = {}
    for file, line in lines:
        if not _number_of(line):
            counts.setdefault(line, Counter())[file] += 1
    return sum(sum(files.values()) - max(files.values()) for files in counts.values())
