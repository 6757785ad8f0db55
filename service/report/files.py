"""What a backtest found, as files: CSV files, what their columns mean, and report.html."""

from __future__ import annotations

import csv
import textwrap
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from service.backtest.evaluation import Evaluation, evaluate
from service.backtest.run import Result
from service.domain.findings import Scores
from service.domain.periods.rows import to_csv_row
from service.report.assembly import write_report
from service.report.columns import readme
from service.report.csv_rows import COLUMNS, alert_rows, customer_rows, quiet_rows
from service.report.material import Asked, CustomerTally, Facts, by_stake
from service.report.ordered import in_order
from service.report.proposed import proposed_of

README = "README-columns.md"
_TELL_EVERY = 1000
"""Customers."""


@dataclass(frozen=True)
class Written:
    """The files, and what they were made from."""

    paths: list[Path]
    facts: Facts


def write_files(
    result: Result,
    directory: Path,
    asked: Asked | None = None,
    evaluation: Evaluation | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> Written:
    """Writes the CSV files, what their columns mean, and the report.

    `evaluation` is that of this result, where it has been made already. `on_progress` is told the customers written so
    far and how many there are, since they take the longest.
    """
    directory.mkdir(parents=True, exist_ok=True)
    asked = asked or Asked()
    tally = CustomerTally(evaluated=result.visits.evaluated, with_names=asked.with_customers)
    facts = Facts(result, [*result.periods()], tally, evaluation or evaluate(result), asked)
    paths = [
        _write(directory / "alerts.csv", alert_rows(result)),
        _write(directory / "periods.csv", map(to_csv_row, facts.periods)),
        _write_customers(directory / "customers.csv", facts, on_progress),
    ]
    if asked.with_customers:
        paths.append(_write(directory / "quiet.csv", quiet_rows(result, tally.quiet.named)))
    explained = directory / README
    explained.write_text(readme(facts, [path.name for path in paths]), encoding="utf-8")
    return Written([*paths, explained, write_report(directory / "report.html", facts)], facts)


def _watched(result: Result, on_progress: Callable[[int, int], None] | None) -> Iterator[Scores]:
    known = sum(len(engine.customers) for engine in result.engines)
    for count, scores in enumerate(result.customers()):
        if on_progress is not None and count % _TELL_EVERY == 0:
            on_progress(count, known)
        yield scores


def write_suggestion(facts: Facts, sentence: str, directory: Path) -> list[Path]:
    """The proposed policy as a part of the configuration, with the reason above it. No file without a proposal."""
    proposed = proposed_of(facts)
    if proposed is None:
        return []
    path = directory / "suggested.toml"
    reason = "\n".join(f"# {line}" for line in textwrap.wrap(sentence, 110))
    path.write_text(f"{reason}\n{proposed.lines}\n", encoding="utf-8")
    return [path]


def _write(path: Path, rows: Iterable[Sequence[Any]]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(COLUMNS[path.name])
        writer.writerows(rows)
    return path


def _write_customers(path: Path, facts: Facts, on_progress: Callable[[int, int], None] | None) -> Path:
    """Who matters most first."""
    result = facts.result
    keys: list[tuple[int, int, int]] = []

    def noted() -> Iterator[Scores]:
        for scores in facts.customers.counted(_watched(result, on_progress)):
            keys.append(by_stake(scores))
            yield scores

    rows = ((keys.pop(), row) for row in customer_rows(result, noted()))
    with path.open("wb") as stream:
        stream.write((",".join(COLUMNS[path.name]) + "\n").encode())
        stream.writelines(in_order(rows))
    return path
