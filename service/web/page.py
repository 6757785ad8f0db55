"""What stands on the page: facts turned into words and drawings in the reader's language. Nothing about a person."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from urllib.parse import urlencode

from babel.dates import format_datetime

from service.config import Settings
from service.domain.calendar import Granularity
from service.domain.findings import HealthBand, Kind, Outcome, Segment
from service.domain.periods.numbers import PeriodRow
from service.domain.periods.rows import WINDOWS
from service.domain.policy import Industry
from service.web.cards import GROUPS, Card, History, before_is_partly_unknown, card, history_of, period_name, table
from service.web.drawing import Line, bar
from service.web.promises import Promises, compose_promises
from service.web.recent import Decided
from service.web.shop_view import Condition, CustomerCounts, ShopFacts
from service.web.texts import Tongue, tongue_of
from service.web.yardsticks import YEARLY, Comparison, about, compare
from service.wording.formats import Words, window_days
from service.wording.sentences import Language

GRANULARITIES = (*(each.value for each in Granularity), *(f"rolling_{days}" for days in WINDOWS))
"""In the order of the switch."""
REFRESH_S = 5
_SHOWN_DECISIONS = 12


@dataclass(frozen=True, slots=True)
class View:
    """What the reader has chosen by following links: the page has no script."""

    granularity: str = Granularity.MONTH.value
    language: Language | None = None
    """None = the browser's."""
    live: bool = True

    @property
    def address(self) -> str:
        chosen = {
            "period": None if self.granularity == Granularity.MONTH.value else self.granularity,
            "lang": self.language and self.language.value,
            "live": None if self.live else "no",
        }
        query = urlencode({name: value for name, value in chosen.items() if value is not None})
        return f"/?{query}" if query else "/"

    def tongue(self, accept_language: str | None) -> Tongue:
        """The chosen language, with the browser's habits for numbers where they are of that language."""
        theirs = tongue_of(accept_language)
        return theirs if self.language in (None, theirs.language) else tongue_of(self.language)


@dataclass(frozen=True, slots=True)
class Choice:
    """One link of the switch."""

    label: str
    address: str
    chosen: bool


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
    choices: list[Choice]
    other_language: tuple[str, str]
    """(code, address)"""
    still: str
    """Where the same page does not renew itself; if it does not, where it does."""
    numbers: Numbers | None
    regulars: str
    quiet: str
    partial: str
    segments: list[Line]
    bands: list[Line]
    promises: Promises
    decisions: list[Told]
    decisions_counted: list[tuple[str, str]]
    decisions_of: str


def compose(facts: ShopFacts, settings: Settings, view: View, tongue: Tongue) -> Page:
    """Everything the template prints. Costs some 20 ms: most of it writes numbers the way the reader does."""
    condition = facts.readiness().condition
    shop = settings.shop
    words = Words(shop, tongue)
    history = history_of(facts.periods(view.granularity))
    known = facts.totals_known()
    notice = "" if known and history else tongue.say("totals.empty" if known else "totals.adding_up")
    customers, decisions = facts.customers(), facts.decisions()
    other = Language.EN if tongue.language is Language.FR else Language.FR
    days = _days(facts)
    return Page(
        condition=condition.name.lower(),
        condition_label=tongue.say(f"condition.{condition.name.lower()}"),
        as_of=tongue.say("as_of", day=words.day(days[1])) if days else "",
        notice="" if condition is Condition.STARTING and not known else notice,
        choices=[_choice(granularity, view, words) for granularity in GRANULARITIES],
        other_language=(other.value, replace(view, language=other).address),
        still=replace(view, live=not view.live).address,
        numbers=_numbers(history, facts.periods("rolling_365"), days[0], shop.industry, words)
        if history and days
        else None,
        regulars=words.count(customers.regulars),
        quiet=words.count(customers.segments.get(Segment.QUIET, 0)),
        partial=_partial(customers, tongue),
        segments=_lines("segment", {each.value: customers.segments.get(each, 0) for each in Segment}, words),
        bands=_lines("band", _by_band(customers), words),
        promises=compose_promises(facts.kept(), settings.policy().outreach, words),
        decisions=[_told(decided, words) for decided in _worth_a_line(decisions)[:_SHOWN_DECISIONS]],
        decisions_counted=_counted(decisions, words),
        decisions_of=tongue.say("decisions.last", count=words.count(len(decisions))) if decisions else "",
    )


def _days(facts: ShopFacts) -> tuple[date, date] | None:
    """Local days of the first event and of stream time; None before the first. A window of every day between them has a row."""
    windows = facts.periods("rolling_7")
    return (windows[0].end - timedelta(days=1), windows[-1].end - timedelta(days=1)) if windows else None


def _choice(granularity: str, view: View, words: Words) -> Choice:
    days = window_days(granularity)
    label = words.say(f"period.{granularity}") if days is None else words.say("period.rolling", days=words.count(days))
    return Choice(label, replace(view, granularity=granularity).address, granularity == view.granularity)


def _numbers(history: History, years: list[PeriodRow], first_day: date, industry: Industry, words: Words) -> Numbers:
    shown = history.shown
    partly = before_is_partly_unknown(shown, first_day)
    of_before = words.before(shown.granularity, "of")
    yearly = shown.granularity in YEARLY and industry is not Industry.NONE
    columns, rows = table(history, words)
    return Numbers(
        period=words.period(shown) if window_days(shown.granularity) else period_name(shown, words),
        running=period_name(history.running, words) if history.running else "",
        running_why="" if window_days(shown.granularity) else words.say("running.why"),
        caution=words.say("partly_known", day=words.day(first_day), of_before=of_before) if partly else "",
        groups=[
            (name, words.say(f"group.{name}"), [card(figure, history, words) for figure in figures])
            for name, figures in GROUPS.items()
        ],
        usual=(words.say("yardstick.beside", industry=words.say(f"industry.{industry.value}")), about(industry, words))
        if yearly
        else None,
        comparison=compare(years, first_day, industry, words),
        columns=columns,
        rows=rows,
    )


def _partial(customers: CustomerCounts, tongue: Tongue) -> str:
    if not customers.partial:
        return ""
    if customers.of_partitions is None:
        return tongue.say("partial_unknown", counted=customers.partitions)
    return tongue.say("partial", counted=customers.partitions, all=customers.of_partitions)


def _by_band(customers: CustomerCounts) -> dict[str, int]:
    """With those who have no health yet, so that the bands add up to all customers."""
    bands = {each.value: customers.bands.get(each, 0) for each in HealthBand}
    return bands | {"unknown": max(0, sum(customers.segments.values()) - sum(bands.values()))}


def _lines(group: str, counts: Mapping[str, int], words: Words) -> list[Line]:
    most = max(counts.values())
    return [
        Line(name, words.say(f"{group}.{name}"), words.count(count), bar(count, most)) for name, count in counts.items()
    ]


def _worth_a_line(decisions: list[Decided]) -> list[Decided]:
    """Without the withdrawn messages of customers who came back: that line says it better."""
    came_back = {each.decision_id for each in decisions if each.outcome == Outcome.CONVERTED.value}
    return [each for each in decisions if each.outcome != Outcome.CANCELLED.value or each.decision_id not in came_back]


def _told(decided: Decided, words: Words) -> Told:
    regular = decided.kind == Kind.WIN_BACK.value
    text = words.say(
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


def _counted(decisions: list[Decided], words: Words) -> list[tuple[str, str]]:
    """How many of each outcome and reason, the most frequent first."""
    groups = Counter((decided.outcome, decided.reason) for decided in decisions)
    return [
        (words.count(count), f"{_label('outcome', outcome, words)} ({_label('reason', reason, words)})")
        for (outcome, reason), count in groups.most_common()
    ]


def _label(group: str, code: str, words: Words) -> str:
    """A code that is newer than this page is shown as it is."""
    return words.tongue.optional(f"{group}.{code}") or code.replace("_", " ")
