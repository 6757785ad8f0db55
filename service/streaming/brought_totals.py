"""What messages have brought, of the whole shop: the parts of all partitions, from the ledger topic, as period numbers
are; and their records on `period-metrics`."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final, NamedTuple

from service.domain.money import minor_to_text
from service.domain.outreach.brought import Key, rows_of
from service.domain.uplift.intervals import Difference
from service.domain.uplift.measured import Measured, measure
from service.domain.uplift.sums import ArmSums

WHOLE: Final = "all"
"""Instead of a month, of a kind and of a rung: all of them."""
_PERCENT: Final = 100.0


class BroughtRow(NamedTuple):
    """One line of what is told."""

    kind: str
    rung: str
    month: str
    """Local month of the decisions, YYYY-MM; `all`: since the first."""
    measured: Measured


class BroughtTotals:
    """The sum of all partitions. Only what has a control group beside it is told."""

    def __init__(self) -> None:
        self._parts: dict[tuple[int, int], dict[Key, ArmSums]] = {}
        self._rows: list[BroughtRow] | None = []

    def take(self, partition: int, month: int, value: bytes) -> None:
        """A partition's sums of a month."""
        self._parts[partition, month] = rows_of(value)
        self._rows = None

    def rows(self) -> list[BroughtRow]:
        """All kinds together first, then by kind, step and month, the whole time before the months."""
        if self._rows is None:
            sums: dict[tuple[str, str, str], tuple[ArmSums, ArmSums]] = {}
            for (_, month), rows in self._parts.items():
                for (kind, rung, control), part in rows.items():
                    for named in (WHOLE, f"{month // 12:04d}-{month % 12 + 1:02d}"):
                        key = (kind or WHOLE, rung or WHOLE, named)
                        sums.setdefault(key, (ArmSums(), ArmSums()))[control].add(part)
            self._rows = [
                BroughtRow(*key, measure(*sums[key]))
                for key in sorted(sums, key=lambda key: (key[0] != WHOLE, key[:2], key[2] != WHOLE, key[2]))
                if sums[key][1].people
            ]
        return self._rows


def brought_key(row: BroughtRow) -> bytes:
    """One record per kind, step and month, revised in place."""
    return f"outreach:{row.kind}:{row.rung}:{row.month}".encode()


def numbers_of_brought(row: BroughtRow, currency: str, minor_digits: int) -> dict[str, Any]:
    """The data of the record, but for its revision. Money as decimal text."""
    measured = row.measured

    def money(minor: float) -> str:
        return minor_to_text(round(minor), minor_digits)

    def arm(sums: ArmSums) -> dict[str, object]:
        return {
            "people": sums.people,
            "returned": sums.returned,
            "return_rate": _PERCENT * sums.returned / sums.people if sums.people else None,
            "expected_return_rate": sums.chance / sums.people / 10_000 if sums.people else None,
            "first_visit_revenue": money(sums.first),
            "window_revenue": money(sums.window),
        }

    def points(found: Difference | None) -> dict[str, float] | None:
        return None if found is None else {name: _PERCENT * value for name, value in found._asdict().items()}

    def visits(found: Difference | None) -> dict[str, float] | None:
        return None if found is None or not measured.enough else dict(found._asdict())

    def amounts(found: Difference | None) -> dict[str, str] | None:
        return None if found is None else {name: money(value) for name, value in found._asdict().items()}

    enough = measured.enough
    return {
        "kind": row.kind,
        "rung": row.rung,
        "decided_in": row.month,
        "currency": currency,
        "treated": arm(measured.treated),
        "control": arm(measured.control),
        "return_rate_difference": points(measured.returns.plain),
        "return_rate_difference_adjusted": points(measured.returns.adjusted),
        "first_visit_revenue_difference": amounts(measured.first.plain),
        "first_visit_revenue_difference_adjusted": amounts(measured.first.adjusted),
        "window_revenue_difference": amounts(measured.window.plain),
        "window_revenue_difference_adjusted": amounts(measured.window.adjusted),
        "enough_data": enough,
        "people_lacking": measured.lacking,
        "incremental_visits": visits(measured.incremental_visits()),
        "incremental_first_visit_revenue": amounts(measured.incremental_first()) if enough else None,
        "incremental_window_revenue": amounts(measured.incremental_window()) if enough else None,
    }


def gauges_of(row: BroughtRow, minor_digits: int) -> Mapping[tuple[str, str], float]:
    """(arm, number) → what Prometheus is shown of the whole time; arm `difference` compares both."""
    measured, unit = row.measured, float(Decimal(1).scaleb(-minor_digits))
    shown: dict[tuple[str, str], float] = {}
    for arm, sums in (("treated", measured.treated), ("control", measured.control)):
        shown[arm, "people"] = float(sums.people)
        shown[arm, "returned"] = float(sums.returned)
        shown[arm, "first_visit_revenue"] = unit * sums.first
        shown[arm, "window_revenue"] = unit * sums.window
    found = measured.returns.best()
    if found is not None:
        shown.update((("difference", f"return_share_{name}"), value) for name, value in found._asdict().items())
    shown["difference", "people_lacking"] = float(measured.lacking)
    return shown
