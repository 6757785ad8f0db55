"""What stands on the page: facts turned into words and figures in the reader's language. Nothing about a person."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta

from service.config import Settings
from service.domain.findings import HealthBand, Segment
from service.domain.periods.numbers import PeriodRow
from service.domain.policy import Industry
from service.web.brought import WhatWasBrought, what_was_brought
from service.web.cards import Card, card, table
from service.web.decision_list import DecisionList, list_decisions
from service.web.promised_and_kept import PromisedAndKept, promised_and_kept
from service.web.shop_view import Condition, CustomerCounts, ShopFacts
from service.web.view import Choice, Translation, View, period_choices, translations
from service.web.yardsticks import YEARLY, Comparison, about, compare
from service.wording.catalogue import Catalogue
from service.wording.figures import BarLine, bar_lines
from service.wording.formats import Formats
from service.wording.period_names import name_with_state, period_name, window_days
from service.wording.period_numbers import GROUPS
from service.wording.shown_periods import ShownPeriods, caution, choose_periods


@dataclass(frozen=True, slots=True)
class Numbers:
    """The part of the page that depends on the period."""

    period: str
    running: str
    """Name of the running period; empty where it is the one shown large."""
    running_why: str
    """Why it looks bad; empty for windows, which are always full."""
    caution: str
    groups: list[tuple[str, str, list[Card]]]
    """(name, heading, cards)"""
    usual: tuple[str, str] | None
    """(what, about how much) to stand in the retention card of a yearly period."""
    comparison: Comparison
    columns: list[str]
    rows: list[tuple[str, list[str]]]


@dataclass(frozen=True, slots=True)
class Customers:
    """How many stand where."""

    regulars: str
    quiet: str
    partial: str
    """Which customers are counted where it is not all of them; else empty."""
    segments: list[BarLine]
    bands: list[BarLine]


@dataclass(frozen=True, slots=True)
class Page:
    condition: str
    condition_label: str
    as_of: str
    notice: str
    choices: list[Choice]
    translations: list[Translation]
    still: str
    """Where the same page does not renew itself; if it does not, where it does."""
    itself: str
    numbers: Numbers | None
    customers: Customers
    promises: PromisedAndKept
    brought: WhatWasBrought
    decisions: DecisionList


def compose(facts: ShopFacts, settings: Settings, view: View, catalogue: Catalogue) -> Page:
    """Everything the template prints. Costs some 20 ms: most of it writes numbers the way the reader does."""
    formats = Formats(settings.shop, catalogue)
    readiness = facts.readiness()
    condition = readiness.condition
    periods = choose_periods(facts.periods(view.granularity))
    days = _days(facts)
    numbers = None
    if periods and days:
        numbers = _numbers(periods, facts.periods("rolling_365"), days[0], settings.shop.industry, formats)
    return Page(
        condition=condition.name.lower(),
        condition_label=formats.say(
            f"condition.{condition.name.lower()}",
            **({"sources": ", ".join(readiness.silent_sources)} if condition is Condition.PART_SILENT else {}),
        ),
        as_of=formats.say("as_of", day=formats.day(days[1])) if days else "",
        notice=_notice(condition, facts.totals_known(), periods, formats),
        choices=period_choices(view, formats),
        translations=translations(view, catalogue.language),
        still=replace(view, live=not view.live).address,
        itself=view.address,
        numbers=numbers,
        customers=_customers(facts.customers(), formats),
        promises=promised_and_kept(facts.kept(), settings.policy().outreach, formats),
        brought=what_was_brought(facts.brought(), settings, formats),
        decisions=list_decisions(facts.decisions(), formats),
    )


def _days(facts: ShopFacts) -> tuple[date, date] | None:
    """Local days of the first event and of stream time; None before the first.

    Between them every day has a row of its window.
    """
    windows = facts.periods("rolling_7")
    return (windows[0].end - timedelta(days=1), windows[-1].end - timedelta(days=1)) if windows else None


def _notice(condition: Condition, known: bool, periods: ShownPeriods | None, formats: Formats) -> str:
    """Why there are no numbers; empty where there are, and where the condition says it already."""
    if known:
        return "" if periods else formats.say("totals.empty")
    return "" if condition is Condition.STARTING else formats.say("totals.adding_up")


def _numbers(
    periods: ShownPeriods, years: list[PeriodRow], first_day: date, industry: Industry, formats: Formats
) -> Numbers:
    shown = periods.shown
    is_window = window_days(shown.granularity) is not None
    columns, rows = table(periods, formats)
    return Numbers(
        period=period_name(shown, formats) if is_window else name_with_state(shown, formats),
        running=name_with_state(periods.running, formats) if periods.running else "",
        running_why="" if is_window else formats.say("running.why"),
        caution=caution(shown, first_day, formats),
        groups=[
            (group, formats.say(f"group.{group}"), [card(name, periods, formats) for name in names])
            for group, names in GROUPS.items()
        ],
        usual=_usual(shown, industry, formats),
        comparison=compare(years, first_day, industry, formats),
        columns=columns,
        rows=rows,
    )


def _usual(shown: PeriodRow, industry: Industry, formats: Formats) -> tuple[str, str] | None:
    if shown.granularity not in YEARLY or industry is Industry.NONE:
        return None
    what = formats.say("yardstick.beside", industry=formats.say(f"industry.{industry.value}"))
    return what, about(industry, formats)


def _customers(customers: CustomerCounts, formats: Formats) -> Customers:
    return Customers(
        regulars=formats.count(customers.regulars),
        quiet=formats.count(customers.segments.get(Segment.QUIET, 0)),
        partial=_partial(customers, formats),
        segments=bar_lines("segment", {each.value: customers.segments.get(each, 0) for each in Segment}, formats),
        bands=bar_lines("band", _by_band(customers), formats),
    )


def _partial(customers: CustomerCounts, formats: Formats) -> str:
    if not customers.partial:
        return ""
    if customers.of_partitions is None:
        return formats.say("partial_unknown", counted=customers.partitions)
    return formats.say("partial", counted=customers.partitions, all=customers.of_partitions)


def _by_band(customers: CustomerCounts) -> Mapping[str, int]:
    """With those who have no health yet, so that the bands add up to all customers."""
    bands = {each.value: customers.bands.get(each, 0) for each in HealthBand}
    return bands | {"unknown": max(0, sum(customers.segments.values()) - sum(bands.values()))}
