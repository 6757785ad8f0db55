"""A customer's own rhythm: gaps in, usual gap, base and spread out. O(1) per visit, four numbers per customer.

The usual gap is a clipped, slowly forgetting geometric mean of the customer's gaps, shrunk towards the population:

    y = min(ln g, ln û + ln 3)      one long absence must not redefine the rhythm; a second one as long in a row does:
                                    ln g counts up to the gap before it, if that was longer than 3 û
    w ← 0.95 w + 1,  a ← 0.95 a + y
    û = exp((2 μ0 + a) / (2 + w))   μ0 = mean log gap of the population

The base b = û · (min(n, 40) / 10)^0.3 adds patience with evidence: loyal customers return from longer silences.
On seven real logs this beat fixed days, own mean, own median and P(alive) at equal alerts (docs/deciding.md).
"""

from __future__ import annotations

from math import exp, log, sqrt
from typing import Final

from service.domain.calendar import DAY_US
from service.domain.customer import Customer

FORGETTING: Final = 0.95
"""Weight of the past at each visit: the memory is about 20 gaps. Lower forgets rhythm, higher misses a change of
pace."""
SHRINKAGE: Final = 2.0
"""The population counts like this many gaps of the customer's own."""
CLIP: Final = log(3.0)
"""A gap counts as at most three usual gaps, unless the one before it was longer too."""
PATIENCE_POWER: Final = 0.3
PATIENCE_CAP: Final = 40
LEAST_GAP_DAYS: Final = 0.5
"""Two visits on neighbouring days can be minutes apart; their logarithm must not run away."""
RECENT: Final = 0.7
"""Forgetting of the fast mean that the trend is read from: about three gaps."""
LEAST_MEMORY_DAYS: Final = 105.0
MEMORY_GAPS: Final = 7.5
"""What is learned from everybody's silences halves over this many of the shop's usual gaps, and over 105 days at least:
flat from 90 to 120 where customers come weekly. Longer drifts behind a shop that changes, shorter follows chance, or
forgets a long gap before it has closed."""
HEALTHY_BASES: Final = 6.0
"""A gap that closes within this many bases is rhythm, a longer one an absence."""

_PATIENCE: Final[list[float]] = [1.0] + [pow(n / 10.0, PATIENCE_POWER) for n in range(1, PATIENCE_CAP + 1)]

_LOG_PATIENCE: Final = [log(factor) for factor in _PATIENCE]


def patience(visits: int) -> float:
    """Factor by which the base exceeds the usual gap; 1 at ten visits."""
    return _PATIENCE[min(PATIENCE_CAP, visits)]


def log_patience(visits: int) -> float:
    return _LOG_PATIENCE[min(PATIENCE_CAP, visits)]


def usual_gap_days(customer: Customer) -> float:
    return exp(customer.log_usual)


def usual_gap_days_at(customer: Customer, mu0: float) -> float:
    """What the usual gap would be if the customer came now: by the pace of today, not by that of their last visit,
    which in a young shop was only supposed."""
    return exp((SHRINKAGE * mu0 + customer.gap_total) / (SHRINKAGE + customer.gap_weight))


def base_days(customer: Customer) -> float:
    """Unit in which this customer's silences are measured."""
    return exp(customer.log_usual) * patience(customer.visits)


def gap_days(since_us: int, until_us: int) -> float:
    gap = (until_us - since_us) / DAY_US
    return max(LEAST_GAP_DAYS, gap)


def memory_days(mu0: float) -> float:
    """Half-life of what is learned from everybody's silences, in days."""
    return max(LEAST_MEMORY_DAYS, MEMORY_GAPS * exp(mu0))


def observe_gap(customer: Customer, gap: float, mu0: float, gap_before: float) -> None:
    """Takes in one closed gap, in days; `gap_before` is the one before it, 0 if there was none. Cost: two
    logarithm-sized operations."""
    y = log(gap)
    customer.log_gap_sum += y
    usual = customer.log_usual
    deviation = y - usual
    weight = customer.gap_weight
    first = weight == 0.0
    if deviation > CLIP:
        deviation = CLIP
        if not first:  # before it there is no rhythm of their own that an absence could redefine
            most = usual + CLIP
            if gap_before > 0.0:
                most = max(most, log(gap_before))
            y = min(y, most)
    customer.gap_weight = weight = FORGETTING * weight + 1.0
    customer.gap_total = total = FORGETTING * customer.gap_total + y
    customer.gap_square = FORGETTING * customer.gap_square + deviation * deviation
    customer.log_recent = y if first else RECENT * customer.log_recent + (1.0 - RECENT) * y
    customer.log_usual = (SHRINKAGE * mu0 + total) / (SHRINKAGE + weight)


def recent_mean(recent: float, completed: int) -> float:
    """The fast mean of what completed visits brought, with one more; `recent` below 0: it is the first."""
    return float(completed) if recent < 0.0 else RECENT * recent + (1.0 - RECENT) * completed


def restart(customer: Customer, mu0: float) -> None:
    """No gap seen: the rhythm is the population's."""
    customer.gap_weight = customer.gap_total = customer.gap_square = customer.log_gap_sum = 0.0
    customer.log_usual = customer.log_recent = mu0


def gap_spread(customer: Customer) -> float | None:
    """Standard deviation of the log gaps around the usual gap; None with fewer than three gaps."""
    if customer.visits < 4:
        return None
    return sqrt(customer.gap_square / customer.gap_weight)


def own_mean_log_gap(customer: Customer) -> float:
    """The customer's vote for μ0: the plain mean, so that long gaps count in full; defined from the first gap on."""
    return customer.log_gap_sum / (customer.visits - 1)
