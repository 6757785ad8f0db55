"""What gradient boosting makes of the same past: who will stay away, learned by LightGBM from how earlier customers
went on. No part of the service; the churn model is held against it (test_risk_quality.py)."""

from __future__ import annotations

import csv
import gzip
from collections import defaultdict
from collections.abc import Iterable
from datetime import date
from pathlib import Path
from typing import Any, Final

import lightgbm
import numpy as np

LAST_DAYS: Final = (7, 14, 30, 60, 90)
INSTANTS: Final = 4
"""At so many instants of the past it sees customers, and what they did within the horizon after."""
FIRST_SHARE: Final = 0.08
"""Of the log: before, hardly anything is known of anybody."""
SETTINGS: Final = {
    "objective": "binary",
    "num_leaves": 15,
    "min_data_in_leaf": 30,
    "learning_rate": 0.05,
    "verbosity": -1,
    "num_threads": 1,
    "seed": 1,
    "deterministic": True,
}
ROUNDS: Final = 150

Days = dict[str, list[int]]
"""Customer → days with a purchase, counted from the first of the log, in order."""


def days_of(file: Path) -> Days:
    """Of a log with the columns customer_id, timestamp and amount. Refunds are no visits."""
    found: dict[str, set[int]] = defaultdict(set)
    with gzip.open(file, "rt", encoding="utf-8") as lines:
        for row in csv.DictReader(lines):
            if not row["amount"].startswith("-"):
                found[row["customer_id"]].add(date.fromisoformat(row["timestamp"][:10]).toordinal())
    first = min(min(days) for days in found.values())
    return {customer: sorted(day - first for day in days) for customer, days in found.items()}


def stays_away(days: Days, customers: Iterable[str], at: int, horizon: int) -> np.ndarray[Any, Any]:
    """1 for each of the customers who does not come in `horizon` days from day `at` on, else 0."""
    return np.array([not any(at <= day < at + horizon for day in days[customer]) for customer in customers], dtype=int)


def chances(days: Days, at: int, horizon: int) -> dict[str, float]:
    """Customer known before day `at` → how likely it is that they do not come in the `horizon` days from then on, by
    what was known before `at` alone."""
    last = max(day for visits in days.values() for day in visits)
    instants = [
        day
        for day in np.linspace(at - horizon, last * FIRST_SHARE, INSTANTS).astype(int).tolist()
        if day >= last * FIRST_SHARE
    ]
    seen, fates = [], []
    for instant in instants:
        known = _known(days, instant)
        seen += [_features(visits, instant) for visits in known.values()]
        fates.append(stays_away(days, known, instant, horizon))
    if not seen:
        raise ValueError(f"no {horizon} days lie before day {at}: nothing can be learned of who stays away")
    model = lightgbm.train(SETTINGS, lightgbm.Dataset(np.array(seen), label=np.concatenate(fates)), ROUNDS)
    now = _known(days, at)
    told = model.predict(np.array([_features(visits, at) for visits in now.values()]))
    return dict(zip(now, map(float, np.asarray(told)), strict=True))


def _known(days: Days, at: int) -> Days:
    """Who came before day `at`, with those days alone."""
    before = {customer: [day for day in visits if day < at] for customer, visits in days.items()}
    return {customer: visits for customer, visits in before.items() if visits}


def _features(visits: list[int], at: int) -> list[float]:
    gaps = np.diff(visits)
    since, age = at - visits[-1], at - visits[0]
    shape = (
        [gaps.mean(), np.median(gaps), gaps.max(), gaps.std(), gaps[-1], since / gaps.mean()]
        if len(gaps)
        else [np.nan] * 6
    )
    newest = [sum(day >= at - span for day in visits) for span in LAST_DAYS]
    return [len(visits), age, since, len(visits) / (age + 1), *shape, *newest]
