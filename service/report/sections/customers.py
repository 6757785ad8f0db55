"""Section "Customers": how many stand where, at the end of the log."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from service.domain.findings import HealthBand, RiskBand, Segment
from service.report.material import Facts
from service.wording.figures import BarLine, bar_lines
from service.wording.formats import Formats


@dataclass(frozen=True, slots=True)
class Group:
    title: str
    column: str
    lines: list[BarLine]


@dataclass(frozen=True, slots=True)
class Customers:
    groups: list[Group]


def compose(facts: Facts, formats: Formats) -> Customers:
    tally = facts.customers
    healths = {each.value: tally.bands[each.value] for each in HealthBand}
    healths["unknown"] = tally.customers - sum(healths.values())
    return Customers(
        [
            _group("segment", {each.value: tally.segments[each.value] for each in Segment}, formats),
            _group("band", healths, formats),
            _group("risk", {each.value: tally.risk_bands[each.value] for each in RiskBand}, formats),
        ]
    )


def _group(name: str, counts: Mapping[str, int], formats: Formats) -> Group:
    title = formats.say(f"customers.by_{name}")
    return Group(title, formats.say(f"column.{name}"), bar_lines(name, counts, formats))
