"""NPS, CSAT and CES from counts of answers. None everywhere means: nobody answered."""

from __future__ import annotations

from math import sqrt

NPS_PROMOTER = 9
"""Lowest promoter score on the scale 0–10 (Reichheld 2003, "The one number you need to grow", HBR 81(12))."""
NPS_PASSIVE = 7
"""Lowest passive score; below it lies a detractor (same source)."""
CSAT_SATISFIED = 4
"""Lowest satisfied answer on the scale 1–5: the usual "top two boxes"."""
CES_FAVOURABLE = 5
"""Lowest favourable answer on the scale 1–7: "made it easy" is agreed with at least somewhat
(Dixon, Toman & DeLisi 2013, "The Effortless Experience": CES 2.0)."""
_Z_95 = 1.959963984540054
"""97.5 % quantile of the standard normal distribution: two-sided 95 %."""


def nps(promoters: int, passives: int, detractors: int) -> float | None:
    """Net Promoter Score, −100 to 100: % of answers 9–10 less % of answers 0–6 (Reichheld 2003).

    >>> nps(60, 25, 15)
    45.0
    """
    n = promoters + passives + detractors
    return 100 * (promoters - detractors) / n if n else None


def nps_margin(promoters: int, passives: int, detractors: int) -> float | None:
    """Half the width, in points, of the adjusted-Wald 95 % interval of the NPS.

    3 is added to the number of answers, 3/4 each to promoters and detractors (Bonett & Price 2012, doi:10.3102/1076998611411915;
    found the best of six methods by Rocks 2016, "Interval estimation for the Net Promoter Score", The American Statistician 70(4)):
    margin = z · √((p + d − (p − d)²) / (n + 3)) with the adjusted shares p and d. Reliable from n = 4 on, never zero
    when all agree. All but the root is done in integers (every count times four).
    """
    n = promoters + passives + detractors
    if not n:
        return None
    total, p, d = 4 * n + 12, 4 * promoters + 3, 4 * detractors + 3
    return 100 * _Z_95 * sqrt(4 * ((p + d) * total - (p - d) ** 2) / total**3)


def csat(satisfied: int, n: int) -> float | None:
    """Share of satisfied answers (4–5 of 5), in percent."""
    return 100 * satisfied / n if n else None


def ces_mean(total: int, n: int) -> float | None:
    """Mean Customer Effort Score, 1 (hard) to 7 (easy); `total` is the sum of the answers."""
    return total / n if n else None


def ces_favourable(favourable: int, n: int) -> float | None:
    """Share of favourable answers (5–7 of 7), in percent."""
    return 100 * favourable / n if n else None
