"""What messages have brought, for the page: both groups side by side, or how many people are lacking."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from service.config import Settings
from service.domain.uplift.intervals import Difference
from service.domain.uplift.measured import Measured
from service.domain.uplift.sums import ArmSums
from service.streaming.brought_totals import WHOLE, BroughtRow
from service.wording.formats import DASH, Formats

_PERCENT = 100.0


@dataclass(frozen=True, slots=True)
class WhatWasBrought:
    """Sentences and a table, ready to print."""

    sentences: list[str]
    columns: list[str]
    rows: list[tuple[str, list[str]]]
    """(step, cells); the first is of all kinds. Empty: there is nothing to compare yet."""


def what_was_brought(found: Sequence[BroughtRow], settings: Settings, formats: Formats) -> WhatWasBrought:
    """`found`: as `ShopFacts.brought` gives it."""
    outreach, unit = settings.policy().outreach, Decimal(1).scaleb(-settings.shop.minor_digits)
    whole = [row for row in found if row.month == WHOLE]
    days = formats.days(outreach.attribution_days)
    if not whole:
        share = formats.share(outreach.control_share)
        said = "brought.no_control" if outreach.control_share <= 0.0 else "brought.waits"
        return WhatWasBrought([formats.say(said, share=share, days=days)], [], [])
    columns = ("people", "returned", "control_people", "control_returned", "difference", "visits", "revenue")
    return WhatWasBrought(
        [_told(whole[0].measured, unit, days, formats)],
        [formats.say("brought.step"), *(formats.say(f"brought.{name}") for name in columns)],
        [(_name(row, formats), _cells(row.measured, unit, formats)) for row in whole],
    )


def _told(measured: Measured, unit: Decimal, days: str, formats: Formats) -> str:
    """The one sentence that a shop owner reads."""
    visits, revenue = measured.incremental_visits(), measured.incremental_window()
    if not measured.enough or visits is None:
        return formats.say("brought.thin", days=days, lacking=formats.count(_rounded(measured.lacking)))
    return formats.say(
        "brought.told",
        days=days,
        visits=_spread(visits, formats),
        revenue=DASH if revenue is None else _money(revenue, unit, formats),
        people=formats.count(measured.treated.people),
    )


def _rounded(lacking: int) -> int:
    """To two digits: it is an estimate."""
    step: int = 10 ** max(0, len(str(lacking)) - 2)
    return -(-lacking // step) * step


def _name(row: BroughtRow, formats: Formats) -> str:
    if row.kind == WHOLE:
        return formats.say("brought.all")
    return row.rung if row.rung == row.kind else f"{row.kind} · {row.rung}"


def _cells(measured: Measured, unit: Decimal, formats: Formats) -> list[str]:
    lacking = formats.say("brought.lacking", count=formats.count(_rounded(measured.lacking)))
    visits, revenue = measured.incremental_visits(), measured.incremental_window()
    points = measured.returns.best()
    return [
        formats.count(measured.treated.people),
        _share(measured.treated, formats),
        formats.count(measured.control.people),
        _share(measured.control, formats),
        DASH if points is None else _points(points, formats),
        _spread(visits, formats) if measured.enough and visits is not None else lacking,
        _money(revenue, unit, formats) if measured.enough and revenue is not None else DASH,
    ]


def _share(arm: ArmSums, formats: Formats) -> str:
    return formats.share(arm.returned / arm.people if arm.people else None)


def _points(found: Difference, formats: Formats) -> str:
    value, low, high = (formats.points(_PERCENT * each) for each in found)
    return formats.say("brought.interval", value=value, low=low, high=high)


def _spread(found: Difference, formats: Formats) -> str:
    value, low, high = (formats.count(round(each)) for each in found)
    return formats.say("brought.interval", value=value, low=low, high=high)


def _money(found: Difference, unit: Decimal, formats: Formats) -> str:
    value, low, high = (formats.money(round(each) * unit) for each in found)
    return formats.say("brought.interval", value=value, low=low, high=high)
