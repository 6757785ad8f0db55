"""Runs one backtest over a file, and measures its time and its memory. A process of its own.

    python -m tests.benchmarks.looking_back FILE

Prints one line: RESULT {…}, the fields of `Measured`. Time is CPU time of `service.backtest.run.backtest`: reading the
file, deciding, noting what the alerts are judged by. The judging and the files written afterwards are not in it.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from service.backtest.run import backtest
from service.config import Settings
from service.domain import customer as customer_module
from service.domain.policy import ConsentRule


@dataclass
class Measured:
    compiled: bool
    rows: int
    events: int
    customers: int
    decisions: int
    cpu_s: float
    peak_bytes: int
    """Resident memory at its highest, less what the process had before."""

    def rate(self) -> float:
        """Purchases a second on one core."""
        return self.events / self.cpu_s


def resident_peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def main() -> None:
    settings = Settings().changed(outreach={"consent": ConsentRule.EXTERNAL})
    before, began = resident_peak(), time.process_time()
    result = backtest(settings, [Path(sys.argv[1])])
    measured = Measured(
        compiled=not customer_module.__file__.endswith(".py"),
        rows=result.report.rows,
        events=result.events,
        customers=sum(len(engine.customers) for engine in result.engines),
        decisions=result.alerts.decided,
        cpu_s=time.process_time() - began,
        peak_bytes=resident_peak() - before,
    )
    print("RESULT " + json.dumps(asdict(measured)))


if __name__ == "__main__":
    main()
