"""The share of silences still open after a given length, when some are open at the time of looking (Kaplan & Meier
1958, JASA 53(282))."""

from __future__ import annotations

from math import fsum


def survival_curve(closed: list[float], censored: list[float]) -> list[float]:
    """The curve at the upper edge of each bin, from weighted counts by bin; of the censored of a bin half count as at
    risk."""
    at_risk = fsum(closed) + fsum(censored)
    survival = 1.0
    curve: list[float] = []
    for ended, open_ in zip(closed, censored, strict=True):
        survival *= 1.0 - min(0.9999, ended / max(1e-9, at_risk - open_ / 2.0))
        at_risk -= ended + open_
        curve.append(survival)
    return curve
