"""Whether a number has changed by more than chance: 95 % intervals of the difference between two periods.

    shares (retention, churn,   Newcombe 1998, method 10 (uplift/intervals.py). Many customers are in both
    repeat purchases, CSAT)     periods and alike in both: the true interval is narrower, so this one is careful
    NPS                         root of the sum of squares of both adjusted-Wald margins (Bonett & Price 2012)
    CES                         the sums tell the mean and not the spread. On a scale from 1 to 7 the variance of
                                answers of mean m is at most (7 − m)(m − 1) (Bhatia & Davis 2000, American Mathematical
                                Monthly 107(4)); that is taken, with an answer of each end added, and
                                Student's t
    revenue                     days as units, each less what its weekday brings in both periods: ordinary least squares
                                on weekday and period, Student's t. It asks whether a day brings more, so that a longer
                                month is not a better one
    average order               ratio of two sums over days (Cochran 1977, "Sampling Techniques", section 2.11)

A change whose interval holds 0 is shown without a colour. Many numbers are looked at: of twenty that stay as they
are, one is coloured by chance.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import hypot, sqrt

from service.domain.calendar import to_day
from service.domain.periods.numbers import PeriodRow
from service.domain.uplift.intervals import Difference, Z, newcombe, t_quantile, wilson

_UPPER = 0.975
_WEEK = 7
_LOWEST_CES, _HIGHEST_CES = 1, 7

Money = tuple[int, int, int]
"""Day, orders and revenue in minor units."""
MoneyByDay = Callable[[int, int], Sequence[Money]]
"""From a day on, before another."""


@dataclass(frozen=True, slots=True)
class Change:
    """Of a number, from one period to another; points, or of money percent."""

    value: float
    beyond_chance: bool
    interval: Difference | None
    """95 % interval; of revenue that of a day. None: it cannot be told."""


def change_of(name: str, now: PeriodRow, then: PeriodRow, days: MoneyByDay) -> Change | None:
    """`then`: another period of the same length. None where one of them has no number to compare."""
    new, old = getattr(now, name), getattr(then, name)
    if new is None or old is None:
        return None
    if name in ("revenue", "average_order_value"):
        if old <= 0:
            return None
        value = 100.0 * (float(new) / float(old) - 1.0)
        ours, theirs = ([*days(to_day(row.start), to_day(row.end))] for row in (now, then))
        found = a_day(ours, theirs) if name == "revenue" else an_order(ours, theirs)
    else:
        value, found = float(new) - float(old), _points(name, now, then)
    return Change(value, _is_beyond(value, found), found)


def _is_beyond(value: float, found: Difference | None) -> bool:
    """The difference that is shown and the one that the interval is of must point the same way."""
    return found is not None and ((found.low > 0.0 and value > 0.0) or (found.high < 0.0 and value < 0.0))


def _points(name: str, now: PeriodRow, then: PeriodRow) -> Difference | None:
    match name:
        case "retention_rate":
            return _shares(now.retained, now.customers_at_start, then.retained, then.customers_at_start)
        case "churn_rate":
            return _shares(now.lost, now.customers_at_start, then.lost, then.customers_at_start)
        case "repeat_purchase_rate":
            return _shares(now.repeat_customers, now.customers_at_end, then.repeat_customers, then.customers_at_end)
        case "csat":
            return _shares(now.csat_satisfied, now.csat_n, then.csat_satisfied, then.csat_n)
        case "nps":
            margin = hypot(now.nps_margin or 0.0, then.nps_margin or 0.0)
            return _around((now.nps or 0.0) - (then.nps or 0.0), margin)
        case "ces":
            freedom = now.ces_n + then.ces_n - 2
            if freedom < 1:
                return None
            variance = _variance_of_ces(now.ces_sum, now.ces_n) + _variance_of_ces(then.ces_sum, then.ces_n)
            half = t_quantile(_UPPER, float(freedom)) * sqrt(variance)
            return _around((now.ces or 0.0) - (then.ces or 0.0), half)
        case _:
            return None


def is_off_target(name: str, row: PeriodRow, target: float) -> bool:
    """Whether the number lies on one side of its target by more than chance. Money of a period is what it is: no sample
    of something else, so nothing is said of it here."""
    match name:
        case "retention_rate":
            return _outside(row.retained, row.customers_at_start, target)
        case "churn_rate":
            return _outside(row.lost, row.customers_at_start, target)
        case "repeat_purchase_rate":
            return _outside(row.repeat_customers, row.customers_at_end, target)
        case "csat":
            return _outside(row.csat_satisfied, row.csat_n, target)
        case "nps":
            return row.nps is not None and abs(row.nps - target) > (row.nps_margin or 0.0)
        case "ces":
            return row.ces is not None and abs(row.ces - target) > Z * sqrt(_variance_of_ces(row.ces_sum, row.ces_n))
        case _:
            return False


def _outside(hits: int, people: int, target: float) -> bool:
    """Of the 95 % interval of Wilson 1927; `target` in percent."""
    if not people:
        return False
    low, high = wilson(hits, people)
    return not 100.0 * low <= target <= 100.0 * high


def _shares(hits: int, people: int, hits_before: int, people_before: int) -> Difference | None:
    found = newcombe(hits, people, hits_before, people_before)
    return None if found is None else Difference(*(100.0 * each for each in found))


def _around(value: float, half: float) -> Difference:
    return Difference(value, value - half, value + half)


def _variance_of_ces(total: int, answers: int) -> float:
    """Of the mean, at most."""
    n = answers + 2
    mean = (total + _LOWEST_CES + _HIGHEST_CES) / n
    return (_HIGHEST_CES - mean) * (mean - _LOWEST_CES) / n


def a_day(now: Sequence[Money], then: Sequence[Money]) -> Difference | None:
    """How much more a day brings than before, in percent of what it brought. None: too few days, or nothing varies."""
    rows = [(day % _WEEK, 1.0, float(minor)) for day, _, minor in now]
    rows += [(day % _WEEK, 0.0, float(minor)) for day, _, minor in then]
    usual = sum(minor for _, _, minor in then) / len(then) if then else 0.0
    by_weekday: dict[int, list[tuple[float, float]]] = defaultdict(list)
    for weekday, period, minor in rows:
        by_weekday[weekday].append((period, minor))
    xx = xy = yy = 0.0
    for pairs in by_weekday.values():
        x_mean, y_mean = (sum(each) / len(pairs) for each in zip(*pairs, strict=True))
        for x, y in pairs:
            xx += (x - x_mean) ** 2
            xy += (x - x_mean) * (y - y_mean)
            yy += (y - y_mean) ** 2
    freedom = len(rows) - len(by_weekday) - 1
    if freedom < 1 or xx <= 0.0 or usual <= 0.0:
        return None
    slope = xy / xx
    variance = max(0.0, yy - slope * xy) / freedom / xx
    if variance <= 0.0:
        return None
    half = t_quantile(_UPPER, float(freedom)) * sqrt(variance)
    return Difference(*(100.0 * each / usual for each in (slope, slope - half, slope + half)))


def an_order(now: Sequence[Money], then: Sequence[Money]) -> Difference | None:
    """How much more an order brings than before, in percent. None: too few days with orders, or nothing varies."""
    new, old = _ratio(now), _ratio(then)
    if new is None or old is None or old[0] <= 0.0:
        return None
    variance, freedom = new[1] + old[1], new[2] + old[2]
    if variance <= 0.0:
        return None
    half = t_quantile(_UPPER, float(freedom)) * sqrt(variance)
    value = new[0] - old[0]
    return Difference(*(100.0 * each / old[0] for each in (value, value - half, value + half)))


def _ratio(days: Sequence[Money]) -> tuple[float, float, int] | None:
    """Revenue by order, the variance of that, and degrees of freedom."""
    some = [(orders, minor) for _, orders, minor in days if orders or minor]
    orders = sum(each for each, _ in some)
    if len(some) < 2 or not orders:
        return None
    ratio = sum(minor for _, minor in some) / orders
    squares = sum((minor - ratio * each) ** 2 for each, minor in some)
    n = len(some)
    return ratio, n / (n - 1) * squares / orders**2, n - 1
