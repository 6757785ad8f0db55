"""Section "Customers": how many stand where, at the end of the log."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from service.domain.findings import HealthBand, RiskBand, Segment
from service.report.material import Facts
from service.web.drawing import Line, bar
from service.wording.formats import Words


@dataclass(frozen=True, slots=True)
class Group:
    title: str
    column: str
    lines: list[Line]


@dataclass(frozen=True, slots=True)
class Customers:
    groups: list[Group]


def compose(facts: Facts, words: Words) -> Customers:
    tally = facts.customers
    healths = {each.value: tally.bands[each.value] for each in HealthBand}
    healths["unknown"] = tally.customers - sum(healths.values())
    return Customers(
        [
            _group("segment", {each.value: tally.segments[each.value] for each in Segment}, words),
            _group("band", healths, words),
            _group("risk", {each.value: tally.risk_bands[each.value] for each in RiskBand}, words),
        ]
    )


def _group(name: str, counts: Mapping[str, int], words: Words) -> Group:
    most = max(counts.values())
    lines = [
        Line(key, words.say(f"{name}.{key}"), words.count(count), bar(count, most)) for key, count in counts.items()
    ]
    return Group(words.say(f"customers.by_{name}"), words.say(f"column.{name}"), lines)
