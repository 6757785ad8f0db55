"""One customer for a person at a terminal: history, judgement, today's curve, the next dates."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from itertools import pairwise

from rich.console import Console
from rich.table import Table

from service.config import Settings
from service.domain.calendar import to_day
from service.domain.findings import LatestAnswer
from service.domain.money import minor_to_text
from service.inspect.lookup import Inspection, inspect_customer, local_time
from service.inspect.lookup import as_json as inspection_json

_VISIT_DAYS = 60
_GAPS = 20
"""Newest gaps that are listed."""
_BAR = 20
"""Width of a full bar."""

Row = tuple[str, str]
"""A name and its value."""


def show_customer(settings: Settings, customer_id: str, console: Console, *, as_json: bool) -> None:
    """One customer for a person, or for programs."""
    found = inspect_customer(settings, customer_id)
    if as_json:
        console.print(inspection_json(found), highlight=False, soft_wrap=True)
        return
    table = Table(title=f"Customer {customer_id}", show_header=False, title_justify="left")
    for name, value in (*_known(found, settings), *_judged(found, settings), *_days(found)):
        table.add_row(name, value)
    console.print(table)
    told = found.in_words()
    if told is not None:
        console.print(told, highlight=False, soft_wrap=True)
    if found.curve:
        console.print(_curve(found))


def _known(found: Inspection, settings: Settings) -> list[Row]:
    """Who they are to the shop, and their rhythm."""
    scores = found.scores
    return [
        ("as of", f"{found.now:%Y-%m-%d %H:%M} (stream time of partition {found.partition})"),
        ("segment", scores.segment.value),
        ("health", "not enough evidence" if scores.health is None else f"{scores.health:.0f} of 100 ({scores.band})"),
        *((f"  {part.name}", f"{part.points:.1f} of {part.of:.1f}") for part in scores.health_parts),
        ("visits, orders", f"{scores.visits:,}, {scores.orders:,}"),
        ("revenue", _money(scores.revenue_minor, settings)),
        ("usual gap", "unknown" if scores.usual_gap_days is None else f"{scores.usual_gap_days:.1f} days"),
        ("spread of gaps", "unknown" if scores.gap_spread is None else f"{scores.gap_spread:.2f} (log)"),
    ]


def _judged(found: Inspection, settings: Settings) -> list[Row]:
    """The present silence, and what is expected of them."""
    scores, items = found.scores, found.customer.items
    return [
        (
            "present silence",
            "not judged"
            if scores.tail_probability is None
            else f"lasts longer than {100 - 100 * scores.tail_probability:.1f} % of healthy gaps",
        ),
        ("decided in it", _decided(found, settings)),
        *_signs(found, settings),
        ("favourites", ", ".join(items.favourites()) if items else ""),
        *(row for answer in scores.answers for row in _answer_rows(answer, settings)),
        (
            "churn risk",
            "unknown"
            if scores.churn_risk is None
            else f"{100 * scores.churn_risk:.0f} % gone for good ({scores.churn_risk_band})",
        ),
        ("next 365 days", _expected(found, settings)),
    ]


def _days(found: Inspection) -> list[Row]:
    """The next dates, and the days they came on."""
    return [
        *((what, f"{when:%Y-%m-%d %H:%M}") for what, when in found.dates),
        ("visit days", " ".join(found.visit_days[-_VISIT_DAYS:])),
        ("gaps in days", " ".join(_gaps(found)) or "none yet"),
    ]


def _decided(found: Inspection, settings: Settings) -> str:
    """What the present silence has led to so far."""
    episode, zone = found.customer.episode, settings.shop.zone

    def on(at_us: int) -> str:
        return f"{local_time(at_us, zone):%Y-%m-%d %H:%M}"

    if episode.detected_us:
        return f"came due on {on(episode.detected_us)}, waits to be sent"
    if found.released is not None and episode.is_withheld(episode.released_rung):
        return f"{found.released} withheld on {on(episode.released_us)}: in the control group"
    if found.released is not None:
        return f"{found.released} asked for on {on(episode.released_us)}"
    if episode.alerted_us:
        return f"came due on {on(episode.alerted_us)}, nothing sent; outreach-decisions says why"
    if episode.rung:
        return "came due, nothing sent; outreach-decisions says why"
    return "nothing yet"


def _signs(found: Inspection, settings: Settings) -> list[Row]:
    """A sign of life in the present silence that is no visit."""
    sign_us = found.customer.sign_us
    if not sign_us:
        return []
    when = f"{local_time(sign_us, settings.shop.zone):%Y-%m-%d %H:%M}"
    return [
        ("sign of life", f"{when}, a purchase that was refused or an order sent again: what is due waits from then")
    ]


def _expected(found: Inspection, settings: Settings) -> str:
    scores = found.scores
    if scores.expected_purchases_365d is None or scores.expected_value_365d_minor is None:
        return "unknown"
    expected, at_risk = scores.expected_value_365d_minor, scores.value_at_risk_minor or 0
    return (
        f"{scores.expected_purchases_365d:.1f} orders, {_money(expected, settings)} expected; "
        f"{_money(at_risk, settings)} at risk"
    )


def _money(minor: int, settings: Settings) -> str:
    """With the minor digits of the currency: 1,234.50 EUR, 1,234 JPY."""
    return f"{Decimal(minor_to_text(minor, settings.shop.minor_digits)):,} {settings.shop.currency}"


def _gaps(found: Inspection) -> list[str]:
    """The newest gaps between visit days that are still kept, oldest first."""
    days = [to_day(date.fromisoformat(day)) for day in found.visit_days]
    return [str(later - earlier) for earlier, later in pairwise(days)][-_GAPS:]


def _curve(found: Inspection) -> Table:
    """The present silence, longer and longer, and what it would mean by then."""
    table = Table(title="If the silence lasts", title_justify="left")
    for name in ("days", "until", "healthy gaps that last so long", "gone for good", ""):
        table.add_column(name, justify="right" if name == "days" else "left")
    told: dict[str, list[str]] = {}
    for what, when in [("now", found.now), *found.dates]:
        told.setdefault(f"{when:%Y-%m-%d %H:%M}", []).append(what)
    for when, point in found.curve:
        at = f"{when:%Y-%m-%d %H:%M}"
        table.add_row(
            f"{point.silence_days:.1f}",
            at,
            "not judged" if point.tail_probability is None else _bar(point.tail_probability),
            _bar(point.churn_risk),
            ", ".join(told.get(at, [])),
            style="bold" if "now" in told.get(at, []) else None,
        )
    return table


def _bar(share: float) -> str:
    return f"{100 * share:5.1f} % " + "█" * round(_BAR * share)


def _answer_rows(answer: LatestAnswer, settings: Settings) -> list[tuple[str, str]]:
    """An answer and, below it, the order it is about."""
    zone = settings.shop.zone
    rows = [
        (f"newest {answer.survey.value}", f"{answer.score} on {local_time(answer.answered_us, zone):%Y-%m-%d %H:%M}")
    ]
    if answer.order_id is not None:
        order = answer.order_id
        if answer.ordered_us is None or answer.order_minor is None:
            about = f"{order}, not known"
        else:
            amount = _money(answer.order_minor, settings)
            about = f"{order} of {local_time(answer.ordered_us, zone):%Y-%m-%d %H:%M}, {amount}"
        rows.append(("  about order", about))
    return rows
