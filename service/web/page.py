"""What stands on the page: facts turned into words and figures in the reader's language. Nothing about a person."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Final

from service.config import Settings
from service.domain.findings import HealthBand, Segment
from service.domain.policy import Industry
from service.web.banners import Banner, banners
from service.web.brought import WhatWasBrought, what_was_brought
from service.web.cards import LIFETIME, Card, card, lifetime_card, table
from service.web.decision_list import DecisionList, list_decisions
from service.web.legend import Term, legend
from service.web.promised_and_kept import PromisedAndKept, promised_and_kept
from service.web.shop_view import Condition, CustomerCounts, ShopFacts
from service.web.shown import NoSuchDaysError, Shown, known_days, shown_days, shown_period
from service.web.targets import lifetime_target, target_of
from service.web.view import Choice, Translation, View, period_choices, translations
from service.web.yardsticks import YEARLY, Comparison, about, compare
from service.wording.catalogue import Catalogue
from service.wording.figures import BarLine, bar_lines
from service.wording.formats import Formats
from service.wording.period_names import name_with_state, period_name, window_days
from service.wording.shown_periods import caution

GROUPS: Final[Mapping[str, tuple[str, ...]]] = {
    "come_back": ("retention_rate", "churn_rate", "repeat_purchase_rate"),
    "bring": (LIFETIME, "revenue", "average_order_value"),
    "say": ("nps", "csat", "ces"),
}
"""The numbers that are told large, by the question they answer."""


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
    comparison: Comparison | None
    columns: list[str]
    rows: list[tuple[str, list[str]]]
    row_addresses: list[str]
    """Where the page shows the period of each row large."""


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
class FreeDays:
    """The form that asks for any run of days."""

    first: str
    last: str
    """As a date field holds them."""
    newest: str
    """The newest day that can be asked for; empty where none can."""
    hidden: list[tuple[str, str]]
    """What else the address holds."""
    shown: bool
    """Whether such days are shown, or were asked for in vain."""
    why_not: str


@dataclass(frozen=True, slots=True)
class Page:
    banners: list[Banner]
    as_of: str
    notice: str
    choices: list[Choice]
    free: FreeDays
    translations: list[Translation]
    still: str
    """Where the same page does not renew itself; if it does not, where it does."""
    itself: str
    brought_address: str
    numbers: Numbers | None
    customers: Customers
    promises: PromisedAndKept
    brought: WhatWasBrought
    decisions: DecisionList
    legend: list[Term]


def compose(facts: ShopFacts, settings: Settings, view: View, catalogue: Catalogue) -> Page:
    """Everything the template prints. Costs some 20 ms: most of it writes numbers the way the reader does."""
    formats = Formats(settings.shop, catalogue)
    readiness = facts.readiness()
    days, shown, why_not = known_days(facts), None, ""
    try:
        shown = _shown(facts, view)
    except NoSuchDaysError as error:
        why_not = formats.say(
            f"free.{error.reason}",
            first=formats.day(days[0]) if days else "",
            newest=formats.day(days[1]) if days else "",
        )
    return Page(
        banners=banners(readiness, facts.misspelt(), formats),
        as_of=formats.say("as_of", day=formats.day(days[1])) if days else "",
        notice=why_not or _notice(readiness.condition, facts.totals_known(), shown, formats),
        choices=period_choices(view, formats),
        free=_free(view, days, why_not),
        translations=translations(view, catalogue.language),
        still=replace(view, live=not view.live).address,
        itself=view.address,
        brought_address=View(language=view.language, live=view.live).address_of("/brought"),
        numbers=_numbers(shown, days[0], facts, settings, view, formats) if shown and days else None,
        customers=_customers(facts.customers(), formats),
        promises=promised_and_kept(facts.kept(), settings.policy().outreach, formats),
        brought=what_was_brought(facts.brought(), settings, formats),
        decisions=list_decisions(facts.decisions(), formats),
        legend=legend(formats),
    )


def _shown(facts: ShopFacts, view: View) -> Shown | None:
    if view.since is None:
        return shown_period(facts, view.granularity)
    return shown_days(facts, view.since, view.until)


def _free(view: View, days: tuple[date, date] | None, why_not: str) -> FreeDays:
    kept = {"lang": view.language.code if view.language else "", "live": "" if view.live else "no"}
    return FreeDays(
        first=view.since.isoformat() if view.since else "",
        last=view.until.isoformat() if view.until else "",
        newest=days[1].isoformat() if days else "",
        hidden=[(name, value) for name, value in kept.items() if value],
        shown=view.since is not None or bool(why_not),
        why_not=why_not,
    )


def _notice(condition: Condition, known: bool, shown: Shown | None, formats: Formats) -> str:
    """Why there are no numbers; empty where there are, and where the condition says it already."""
    if known:
        return "" if shown else formats.say("totals.empty")
    return "" if condition is Condition.STARTING else formats.say("totals.adding_up")


def _numbers(of: Shown, first_day: date, facts: ShopFacts, settings: Settings, view: View, formats: Formats) -> Numbers:
    periods, industry = of.periods, settings.shop.industry
    shown = periods.shown
    is_window = window_days(shown.granularity) is not None
    columns, rows = table(periods.listed, formats)
    return Numbers(
        period=period_name(shown, formats) if is_window else name_with_state(shown, formats),
        running=name_with_state(periods.running, formats) if periods.running else "",
        running_why="" if is_window else formats.say("running.why"),
        caution=caution(shown, first_day, formats),
        groups=[
            (
                group,
                formats.say(f"group.{group}"),
                [_card(name, of, facts, settings, formats) for name in names],
            )
            for group, names in GROUPS.items()
        ],
        usual=_usual(shown.granularity, industry, formats) if shown.complete else None,
        comparison=compare(shown, first_day, industry, formats),
        columns=columns,
        rows=rows,
        row_addresses=[
            replace(view, since=row.start, until=row.end - timedelta(days=1)).address for row in periods.listed
        ],
    )


def _card(name: str, of: Shown, facts: ShopFacts, settings: Settings, formats: Formats) -> Card:
    if name == LIFETIME:
        expected = facts.expected()
        unit = Decimal(1).scaleb(-settings.shop.minor_digits)
        return lifetime_card(expected, lifetime_target(expected, settings, formats), unit, formats)
    target = target_of(name, of.periods.shown, settings, formats)
    return card(name, of, target, facts.money_by_day, formats)


def _usual(granularity: str, industry: Industry, formats: Formats) -> tuple[str, str] | None:
    if granularity not in YEARLY or industry is Industry.NONE:
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
