"""The purchase logs of real shops, wherever they lie below the directory named by CHURN_ALERT_TEST_LOGS."""

from __future__ import annotations

import os
from pathlib import Path

LOGS = os.environ.get("CHURN_ALERT_TEST_LOGS")
MISSING = "CHURN_ALERT_TEST_LOGS names no directory with real logs (*.csv.gz)"


def real_logs(*names: str) -> list[Path]:
    """All of them, or those of these names that are there; empty: none is."""
    found = sorted(Path(LOGS).rglob("*.csv.gz")) if LOGS else []
    logs = {path.name.removesuffix(".csv.gz"): path for path in found if not path.name.endswith("_survey.csv.gz")}
    return [path for name, path in logs.items() if not names or name in names]
