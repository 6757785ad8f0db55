"""Section "What to do": who is quiet, the policy proposed, what it would have cost and caught, and whether it pays.

Nothing here says that a message brings anybody back: in the log nobody was written to.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from service.report.business import (
    POINTS,
    Ahead,
    Expected,
    Numbers,
    break_even_points,
    expected,
    left_over,
    per_year,
)
from service.report.csv_rows import silent_days
from service.report.material import Facts, value_a_year_minor
from service.report.proposed import Proposed, ahead_at_alerts, proposed_of
from service.wording.formats import DASH, Formats

NAMES_SHOWN = 15
"""Of the quiet; quiet.csv has them all."""

Cell = tuple[str, str]
"""(as shown, raw)"""


@dataclass(frozen=True, slots=True)
class Policy:
    sentences: list[str]
    """What it is, costs and catches; or why none is proposed."""
    lines: str
    """Of the settings file; empty without a proposal."""
    how: str


@dataclass(frozen=True, slots=True)
class Pays:
    sentences: list[str]
    columns: list[str]
    rows: list[tuple[str, list[tuple[str, str, str]]]]
    """(effect, cells as (shown, raw, range)); empty where there is too little to go by."""
    note: str


@dataclass(frozen=True, slots=True)
class Names:
    title: str
    columns: list[str]
    rows: list[tuple[str, list[Cell]]]
    note: str


@dataclass(frozen=True, slots=True)
class Todo:
    headline: str
    explained: str
    tiles: list[tuple[str, str, str]]
    """(what, number as shown, raw number)"""
    names: Names | None
    policy: Policy
    pays: Pays


def compose(facts: Facts, formats: Formats) -> Todo:
    quiet = facts.customers.quiet
    return Todo(
        headline(facts, formats),
        _explained(facts, formats),
        list(_tiles(facts, formats)),
        _names(facts, formats) if facts.asked.with_customers and quiet.people else None,
        _policy(facts, formats),
        _pays(facts, formats),
    )


def in_words(facts: Facts, formats: Formats) -> list[str]:
    """The same for a terminal."""
    told = [f"{headline(facts, formats)} {_explained(facts, formats)}".strip()]
    told += [" ".join(_policy(facts, formats).sentences), " ".join(_pays(facts, formats).sentences)]
    return told


# ---- who is quiet


def headline(facts: Facts, formats: Formats) -> str:
    quiet = facts.customers.quiet
    if not quiet.people:
        return formats.say("todo.nobody", day=formats.local_day(facts.result.last_us))
    form, people = formats.form(quiet.people), formats.counted(quiet.people, "todo.regulars")
    if facts.has_amounts:
        worth = _estimate(quiet.value_a_year_minor, facts, formats)
        return formats.say(f"todo.quiet.{form}", people=people, worth=worth)
    orders = formats.counted(round(quiet.orders_a_year), "todo.orders")
    return formats.say(f"todo.quiet_unpriced.{form}", people=people, orders=orders)


def _explained(facts: Facts, formats: Formats) -> str:
    return f"{_worth_explained(facts, formats)} {_held(facts, formats)}".strip()


def _held(facts: Facts, formats: Formats) -> str:
    """That at the end of the file nobody would be written to any more, and why; empty where that is not so."""
    since_us = facts.result.held_since_us
    return "" if since_us is None else formats.say("todo.held", day=formats.local_day(since_us))


def _worth_explained(facts: Facts, formats: Formats) -> str:
    quiet, day = facts.customers.quiet, formats.local_day(facts.result.last_us)
    if not quiet.people:
        return ""
    if not facts.has_amounts:
        return formats.say("todo.explained_unpriced", day=day)
    return formats.say("todo.explained", day=day, at_risk=_estimate(quiet.value_at_risk_minor, facts, formats))


def _tiles(facts: Facts, formats: Formats) -> Iterator[tuple[str, str, str]]:
    """What the headline does not say yet."""
    quiet, proposed = facts.customers.quiet, proposed_of(facts)
    if facts.has_amounts and quiet.people:
        at_risk = _amount(quiet.value_at_risk_minor, facts)
        yield formats.say("todo.tile.at_risk"), formats.estimate(at_risk), str(at_risk)
    if proposed is not None:
        chosen = proposed.what
        needless = chosen.performance.needless_share
        yield formats.say("todo.tile.per_week"), formats.decimal(chosen.per_week), repr(chosen.per_week)
        yield formats.say("todo.tile.needless"), formats.share(needless), repr(needless)
        yield formats.say("todo.tile.captured"), formats.share(chosen.captured), repr(chosen.captured)


def _names(facts: Facts, formats: Formats) -> Names:
    quiet = facts.customers.quiet
    priced = facts.has_amounts
    columns = ["last", "silent", "usual", "visits", *(["worth", "at_risk"] if priced else [])]
    rows = []
    for scores in quiet.named[:NAMES_SHOWN]:
        last_us, silent, usual = scores.last_visit_us, silent_days(scores), scores.usual_gap_days
        cells = [
            (DASH, "") if last_us is None else (formats.label(formats.date_of(last_us), "yMMMd"), str(last_us)),
            (formats.days(silent), repr(silent)),
            (DASH, "") if usual is None else (formats.days(usual), repr(usual)),
            (formats.count(scores.visits), str(scores.visits)),
        ]
        if priced:
            stakes = (value_a_year_minor(scores), scores.value_at_risk_minor or 0)
            cells += [(_estimate(minor, facts, formats), str(_amount(minor, facts))) for minor in stakes]
        rows.append((scores.customer_id, cells))
    return Names(
        formats.say("todo.names", shown=formats.count(len(rows)), people=formats.count(quiet.people)),
        [formats.say("todo.column.customer"), *(formats.say(f"todo.column.{name}") for name in columns)],
        rows,
        formats.say("todo.names.note"),
    )


# ---- the policy proposed


def _policy(facts: Facts, formats: Formats) -> Policy:
    proposed = proposed_of(facts)
    if proposed is None:
        return Policy([formats.say("budget.unknown")], "", "")
    said = policy_sentences(proposed, formats)
    if not proposed.within:
        said.append(formats.say("todo.irregular"))
    return Policy(said, proposed.lines, formats.say("todo.as_it_is" if proposed.is_tried else "todo.set"))


def policy_sentences(proposed: Proposed, formats: Formats) -> list[str]:
    """What it is, costs and catches."""
    chosen, budget = proposed.what, proposed.budget
    needless = chosen.performance.needless_share
    if budget is None:
        policy = formats.say("todo.policy.default")
    else:
        policy = formats.say(
            f"todo.policy.{formats.form(Decimal(str(budget)).normalize())}", budget=formats.plain(budget)
        )
    return [
        policy,
        formats.say(
            "todo.costs",
            alerts=formats.measured(chosen.per_week, "todo.messages"),
            needless=formats.share(needless),
        ),
        formats.say(
            "todo.catches",
            captured=formats.share(chosen.captured),
            visits=formats.measured(chosen.per_alert, "visit"),
        ),
    ]


# ---- whether it pays


def _pays(facts: Facts, formats: Formats) -> Pays:
    numbers, proposed = facts.asked.numbers, proposed_of(facts)
    if not facts.has_amounts:
        return _untold("todo.pays.no_amounts", formats)
    if numbers is None:
        return _untold("todo.pays.ask", formats)
    ahead = None if proposed is None else ahead_at_alerts(facts, proposed)
    if proposed is None or ahead is None:
        return _untold("todo.pays.unknown", formats)
    messages = per_year(proposed.what.per_week)
    return Pays(
        [_break_even(ahead, numbers, facts, formats)],
        [formats.say(f"todo.pays.{name}") for name in ("effect", "people", "sales", "left")],
        [_row(expected(ahead, messages, points), messages, numbers, facts, formats) for points in POINTS],
        formats.say("todo.pays.note", messages=formats.count(round(messages))),
    )


def _untold(key: str, formats: Formats) -> Pays:
    return Pays([formats.say(key)], [], [], "")


def _break_even(ahead: Ahead, numbers: Numbers, facts: Facts, formats: Formats) -> str:
    points = break_even_points(ahead.mean_minor, numbers)
    given = {
        "margin": formats.share(numbers.margin, whole=round(100 * numbers.margin, 1).is_integer()),
        "cost": formats.money(_amount(numbers.offer_cost_minor, facts)),
        "sales": formats.estimate(_amount(ahead.mean_minor, facts)),
    }
    if points is None or points > 100.0:
        return formats.say("todo.pays.never", **given)
    return formats.say("todo.pays.from", points=formats.decimal(points), **given)


def _row(
    found: Expected, messages: float, numbers: Numbers, facts: Facts, formats: Formats
) -> tuple[str, list[tuple[str, str, str]]]:
    left = left_over(found, messages, numbers)

    def cell(minor: float, low: float, high: float) -> tuple[str, str, str]:
        spread = formats.say(
            "todo.pays.range", low=_estimate(low, facts, formats), high=_estimate(high, facts, formats)
        )
        return _estimate(minor, facts, formats), str(_amount(minor, facts)), spread

    effect = formats.say("todo.pays.points", points=formats.count(found.points))
    return effect, [
        (formats.count(round(found.people)), repr(found.people), ""),
        cell(found.revenue_minor, found.low_minor, found.high_minor),
        cell(left.minor, left.low_minor, left.high_minor),
    ]


def _amount(minor: float, facts: Facts) -> Decimal:
    return Decimal(round(minor)).scaleb(-facts.result.settings.shop.minor_digits)


def _estimate(minor: float, facts: Facts, formats: Formats) -> str:
    return formats.estimate(_amount(minor, facts))
