"""What messages have brought, for the page: both groups side by side, or how many people are lacking; and in full, by
kind, step and month."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
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
    """What the page says in short."""

    sentences: list[str]
    known: bool
    """Whether there is anything to compare yet."""


@dataclass(frozen=True, slots=True)
class OfKind:
    """One kind of message."""

    name: str
    heading: str
    rows: list[tuple[str, bool, list[str]]]
    """(step or month, whether it is a month, cells); a step, and then its months, newest first."""


@dataclass(frozen=True, slots=True)
class BroughtView:
    """All of it, ready to print."""

    notices: list[tuple[str, str]]
    """(why nothing can be known yet, what to do); empty where it can."""
    told: str
    columns: list[str]
    kinds: list[OfKind]


def what_was_brought(found: Sequence[BroughtRow], settings: Settings, formats: Formats) -> WhatWasBrought:
    """`found`: as `ShopFacts.brought` gives it."""
    whole = _whole(found)
    if whole is None:
        return WhatWasBrought([_nothing_yet(settings, formats)[0]], known=False)
    outreach, unit = settings.policy().outreach, _unit(settings)
    return WhatWasBrought([_told(whole.measured, unit, formats.days(outreach.attribution_days), formats)], known=True)


def brought_view(found: Sequence[BroughtRow], settings: Settings, formats: Formats) -> BroughtView:
    """`found`: as `ShopFacts.brought` gives it."""
    outreach, unit = settings.policy().outreach, _unit(settings)
    whole = _whole(found)
    notices = []
    if outreach.shadow:
        notices.append((formats.say("brought.shadow"), formats.say("brought.shadow.cure")))
    if whole is None:
        notices.append(_nothing_yet(settings, formats))
    elif not whole.measured.enough:
        lacking = formats.count(_rounded(whole.measured.lacking))
        days = formats.days(outreach.attribution_days)
        notices.append(
            (formats.say("brought.thin", days=days, lacking=lacking), formats.say("brought.thin.cure", days=days))
        )
    enough = whole is not None and whole.measured.enough
    told = _told(whole.measured, unit, formats.days(outreach.attribution_days), formats) if whole and enough else ""
    by_kind: dict[str, list[BroughtRow]] = {}
    for row in found:
        by_kind.setdefault(row.kind, []).append(row)
    return BroughtView(
        notices,
        told,
        [formats.say(f"brought.{name}") for name in ("step", *COLUMNS)],
        [OfKind(kind, kind_name(kind, formats), _rows(rows, unit, formats)) for kind, rows in by_kind.items()],
    )


COLUMNS = ("people", "returned", "control_people", "control_returned", "difference", "visits", "revenue")


def _rows(rows: Sequence[BroughtRow], unit: Decimal, formats: Formats) -> list[tuple[str, bool, list[str]]]:
    by_rung: dict[str, list[BroughtRow]] = {}
    for row in rows:
        by_rung.setdefault(row.rung, []).append(row)
    told = []
    for found in by_rung.values():
        whole = [row for row in found if row.month == WHOLE]
        months = sorted((row for row in found if row.month != WHOLE), key=lambda row: row.month, reverse=True)
        told += [(_step_name(row, formats), False, _cells(row.measured, unit, formats)) for row in whole]
        told += [(_month_name(row.month, formats), True, _cells(row.measured, unit, formats)) for row in months]
    return told


def _whole(found: Sequence[BroughtRow]) -> BroughtRow | None:
    """Of all kinds and months together."""
    return next((row for row in found if row.month == WHOLE and row.kind == WHOLE), None)


def _nothing_yet(settings: Settings, formats: Formats) -> tuple[str, str]:
    """Why, and what to do."""
    outreach = settings.policy().outreach
    share, days = formats.share(outreach.control_share), formats.days(outreach.attribution_days)
    said = "brought.no_control" if outreach.control_share <= 0.0 else "brought.waits"
    return formats.say(said, share=share, days=days), formats.say(f"{said}.cure", days=days)


def _unit(settings: Settings) -> Decimal:
    return Decimal(1).scaleb(-settings.shop.minor_digits)


def kind_name(kind: str, formats: Formats) -> str:
    """A kind that is newer than this page is shown as it is."""
    if kind == WHOLE:
        return formats.say("brought.all")
    return formats.catalogue.optional(f"brought.kind.{kind}") or kind.replace("_", " ")


def _step_name(row: BroughtRow, formats: Formats) -> str:
    return formats.say("brought.since_begin") if row.rung in (WHOLE, row.kind) else row.rung


def _month_name(month: str, formats: Formats) -> str:
    return formats.label(date.fromisoformat(f"{month}-01"), "yMMMM")


def _told(measured: Measured, unit: Decimal, days: str, formats: Formats) -> str:
    """The one sentence that a shop owner reads."""
    visits, revenue = measured.incremental_visits(), measured.incremental_window()
    if not measured.enough or visits is None:
        return formats.say("brought.thin", days=days, lacking=formats.count(_rounded(measured.lacking)))
    sure = visits.low > 0.0 or visits.high < 0.0
    return formats.say(
        "brought.told" if visits.low > 0.0 else "brought.told.fewer" if sure else "brought.told.chance",
        days=days,
        visits=_spread(visits, formats),
        revenue=DASH if revenue is None else _money(revenue, unit, formats),
        people=formats.count(measured.treated.people),
    )


def _rounded(lacking: int) -> int:
    """To two digits: it is an estimate."""
    step: int = 10 ** max(0, len(str(lacking)) - 2)
    return -(-lacking // step) * step


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


def _signed(written: str) -> str:
    """With the sign that is as wide as a figure, and that no line ends with."""
    return written.replace("-", "−\u2060")


def _spread(found: Difference, formats: Formats) -> str:
    value, low, high = (_signed(formats.count(round(each))) for each in found)
    return formats.say("brought.interval", value=value, low=low, high=high)


def _money(found: Difference, unit: Decimal, formats: Formats) -> str:
    value, low, high = (_signed(formats.estimate(round(each) * unit)) for each in found)
    return formats.say("brought.interval", value=value, low=low, high=high)
