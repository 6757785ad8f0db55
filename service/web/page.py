"""What stands on the page: facts turned into words and drawings in the reader's language. Nothing about a person.

Rates are shown for the last complete month, because a month that has just begun looks like a disaster; the running month
and the last 30 days stand beside it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum, auto
from typing import assert_never

from babel.dates import format_date, format_datetime, format_skeleton
from babel.numbers import format_currency, format_decimal, format_percent
from markupsafe import Markup

from service.config import ShopSettings
from service.domain.outputs import HealthBand, Kind, Outcome, Segment
from service.domain.period_rows import PeriodRow
from service.web.drawing import bar, sparkline
from service.web.facts import Condition, CustomerCounts, ShopFacts
from service.web.recent import Decided
from service.web.texts import Tongue

REFRESH_S = 5
_TREND_MONTHS = 13
"""A year, and the same month of the year before."""
_SHOWN_DECISIONS = 12
_ROUGHLY = 0.05
"""A change that would be shown as 0.0 is none."""


class Unit(Enum):
    PERCENT = auto()
    POINTS = auto()
    MONEY = auto()


@dataclass(frozen=True, slots=True)
class Headline:
    """One of the numbers on top. `better` +1: more is good, −1: less is."""

    name: str
    unit: Unit
    better: int
    part: str | None = None
    whole: str | None = None
    """Fields of the row that hold numerator and denominator."""


HEADLINES = (
    Headline("retention_rate", Unit.PERCENT, 1, "retained", "customers_at_start"),
    Headline("churn_rate", Unit.PERCENT, -1, "lost", "customers_at_start"),
    Headline("repeat_purchase_rate", Unit.PERCENT, 1, "repeat_customers", "customers_at_end"),
    Headline("customer_lifetime_value", Unit.MONEY, 1),
    Headline("nps", Unit.POINTS, 1),
)


@dataclass(frozen=True, slots=True)
class Card:
    """A headline, ready to print. Empty strings are left out by the template."""

    title: str
    explained: str
    value: str
    period: str
    basis: str
    change: str
    mood: str
    """good, bad or flat: the class of the change."""
    beside: list[tuple[str, str]]
    trend: Markup


@dataclass(frozen=True, slots=True)
class Line:
    """One category with its number and bar."""

    name: str
    label: str
    count: str
    bar: Markup


@dataclass(frozen=True, slots=True)
class Told:
    """One decision without the person."""

    when: str
    text: str
    outcome: str
    outcome_label: str
    reason: str


@dataclass(frozen=True, slots=True)
class Page:
    condition: str
    condition_label: str
    as_of: str
    notice: str
    cards: list[Card]
    regulars: str
    quiet: str
    partial: str
    segments: list[Line]
    bands: list[Line]
    decisions: list[Told]
    decisions_counted: list[tuple[str, str]]
    decisions_of: str


def compose(facts: ShopFacts, shop: ShopSettings, tongue: Tongue) -> Page:
    """Everything the template prints. Costs milliseconds: one pass over the period rows."""
    condition = facts.readiness().condition
    words = _Words(shop, tongue)
    months, windows = facts.periods("month"), facts.periods("rolling_30")
    known = facts.totals_known()
    notice = "" if known and months else tongue.say("totals.empty" if known else "totals.adding_up")
    customers, decisions = facts.customers(), facts.decisions()
    return Page(
        condition=condition.name.lower(),
        condition_label=tongue.say(f"condition.{condition.name.lower()}"),
        as_of=_as_of(windows, tongue),
        notice="" if condition is Condition.STARTING and not known else notice,
        cards=[_card(headline, months, windows, words) for headline in HEADLINES] if months else [],
        regulars=words.count(customers.regulars),
        quiet=words.count(customers.segments.get(Segment.QUIET, 0)),
        partial=_partial(customers, tongue),
        segments=_lines("segment", {each.value: customers.segments.get(each, 0) for each in Segment}, words),
        bands=_lines("band", {each.value: customers.bands.get(each, 0) for each in HealthBand}, words),
        decisions=[_told(decided, words) for decided in _worth_a_line(decisions)[:_SHOWN_DECISIONS]],
        decisions_counted=_counted(decisions, words),
        decisions_of=tongue.say("decisions.last", count=words.count(len(decisions))) if decisions else "",
    )


class _Words:
    """Numbers as this reader writes them."""

    def __init__(self, shop: ShopSettings, tongue: Tongue) -> None:
        self.tongue = tongue
        self.zone = shop.zone
        self._currency = shop.currency
        self._locale = tongue.locale
        whole = tongue.locale.percent_formats[None].pattern
        self._percent = whole.replace("#,##0", "#,##0.0")

    def count(self, number: int) -> str:
        return str(format_decimal(number, locale=self._locale))

    def days(self, number: float, of: str = "days") -> str:
        count = max(1, round(number))
        return self.tongue.say(f"{of}.{'one' if count == 1 else 'other'}", count=self.count(count))

    def value(self, headline: Headline, row: PeriodRow | None) -> str:
        number = None if row is None else getattr(row, headline.name)
        if number is None:
            return self.tongue.say("unknown")
        match headline.unit:
            case Unit.PERCENT:
                return str(format_percent(number / 100, self._percent, locale=self._locale))
            case Unit.POINTS:
                return str(format_decimal(number, "#,##0", locale=self._locale))
            case Unit.MONEY:
                return str(format_currency(number, self._currency, locale=self._locale))
            case _:
                assert_never(headline.unit)

    def change(self, headline: Headline, before: float, after: float) -> tuple[str, str]:
        """(how much, mood). Money in percent, everything else in points."""
        relative = headline.unit is Unit.MONEY
        if relative and before <= 0:
            return "", "flat"
        difference = (after / before - 1) * 100 if relative else after - before
        if abs(difference) < _ROUGHLY:
            return self.tongue.say("no_change"), "flat"
        number = format_decimal(difference, "+#,##0.0;-#,##0.0", locale=self._locale)
        percent = self._percent.replace("#,##0.0", "{}").replace("\u202f", "\u00a0")
        size = percent.format(number) if relative else self.tongue.say("points", number=number)
        return self.tongue.say("change", change=size), "good" if difference * headline.better > 0 else "bad"

    def margin(self, number: float) -> str:
        return str(format_decimal(number, "#,##0", locale=self._locale))

    def month(self, row: PeriodRow, *, short: bool = False) -> str:
        return str(format_skeleton("yMMM" if short else "yMMMM", row.start, locale=self._locale))


def _card(headline: Headline, months: list[PeriodRow], windows: list[PeriodRow], words: _Words) -> Card:
    complete = [row for row in months if row.complete]
    shown = complete[-1] if complete else months[-1]
    say = words.tongue.say
    beside = []
    if complete and not months[-1].complete:
        beside.append((say("so_far", period=words.month(months[-1], short=True)), words.value(headline, months[-1])))
    window = next((row for row in reversed(windows) if row.complete), None)
    if window is not None:
        beside.append((say("rolling_30"), words.value(headline, window)))
    history = [getattr(row, headline.name) for row in complete[-_TREND_MONTHS:]]
    change, mood = "", "flat"
    if len(history) > 1 and history[-2] is not None and history[-1] is not None:
        change, mood = words.change(headline, float(history[-2]), float(history[-1]))
    title = say(f"number.{headline.name}")
    return Card(
        title=title,
        explained=say(f"explain.{headline.name}"),
        value=words.value(headline, shown),
        period=words.month(shown) if complete else say("so_far", period=words.month(shown)),
        basis=_basis(headline, shown, words),
        change=change,
        mood=mood,
        beside=beside,
        trend=sparkline([None if value is None else float(value) for value in history], say("trend", name=title)),
    )


def _basis(headline: Headline, row: PeriodRow, words: _Words) -> str:
    """What the number rests on."""
    if headline.part and headline.whole:
        part, whole = getattr(row, headline.part), getattr(row, headline.whole)
        return words.tongue.say("fraction", part=words.count(part), whole=words.count(whole)) if whole else ""
    if headline.unit is Unit.POINTS and row.nps_margin is not None:
        return words.tongue.say("answers", count=words.count(row.nps_n), margin=words.margin(row.nps_margin))
    return ""


def _as_of(windows: list[PeriodRow], tongue: Tongue) -> str:
    """The local day of stream time; empty before the first event."""
    if not windows:
        return ""
    today = windows[-1].end - timedelta(days=1)
    return tongue.say("as_of", day=format_date(today, "long", locale=tongue.locale))


def _partial(customers: CustomerCounts, tongue: Tongue) -> str:
    if not customers.partial:
        return ""
    if customers.of_partitions is None:
        return tongue.say("partial_unknown", counted=customers.partitions)
    return tongue.say("partial", counted=customers.partitions, all=customers.of_partitions)


def _lines(group: str, counts: dict[str, int], words: _Words) -> list[Line]:
    most = max(counts.values())
    label: Callable[[str], str] = words.tongue.say
    return [
        Line(name, label(f"{group}.{name}"), words.count(count), bar(count, most)) for name, count in counts.items()
    ]


def _worth_a_line(decisions: list[Decided]) -> list[Decided]:
    """Without the withdrawn messages of customers who came back: that line says it better."""
    came_back = {each.decision_id for each in decisions if each.outcome == Outcome.CONVERTED.value}
    return [each for each in decisions if each.outcome != Outcome.CANCELLED.value or each.decision_id not in came_back]


def _told(decided: Decided, words: _Words) -> Told:
    regular = decided.kind == Kind.WIN_BACK.value
    text = words.tongue.say(
        "decision.regular" if regular else "decision.other",
        visits=words.count(decided.visits),
        gap=words.days(decided.current_gap_days),
        usual=words.days(decided.usual_gap_days, "every"),
    )
    local = decided.decided_at.astimezone(words.zone)
    return Told(
        when=str(format_datetime(local, "short", locale=words.tongue.locale)),
        text=text,
        outcome=decided.outcome,
        outcome_label=_label("outcome", decided.outcome, words),
        reason=_label("reason", decided.reason, words),
    )


def _counted(decisions: list[Decided], words: _Words) -> list[tuple[str, str]]:
    """How many of each outcome and reason, the most frequent first."""
    groups = Counter((decided.outcome, decided.reason) for decided in decisions)
    return [
        (words.count(count), f"{_label('outcome', outcome, words)} ({_label('reason', reason, words)})")
        for (outcome, reason), count in groups.most_common()
    ]


def _label(group: str, code: str, words: _Words) -> str:
    """A code that is newer than this page is shown as it is."""
    return words.tongue.optional(f"{group}.{code}") or code.replace("_", " ")
