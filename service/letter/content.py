"""What the letter of a week says: pure; records of the compacted topics in, texts ready to be printed out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

import msgspec

from service.config import Settings
from service.domain.periods.beyond_chance import change_of
from service.domain.periods.numbers import PeriodRow
from service.wording.catalogue import catalogue_in
from service.wording.formats import Formats
from service.wording.languages import DEFAULT, language_of
from service.wording.period_names import period_name
from service.wording.period_numbers import LESS_IS_BETTER, in_its_unit, rests_on
from service.wording.whys import Silence, why

OF_THE_WEEK: Final = ("revenue", "orders", "customers_at_end", "new")
OF_THE_MONTH: Final = ("retention_rate", "repeat_purchase_rate", "nps", "csat", "ces")
_WORTH_A_CALL: Final = frozenset({"quiet", "slowing", "lost"})
_DAY_S: Final = 86_400

Key = tuple[str, date]
"""Granularity and first day."""


@dataclass(frozen=True, slots=True)
class Line:
    """One number."""

    name: str
    value: str
    told: str
    """Name and value in one line of text."""
    basis: str
    change: str
    """Against the period before; empty: there is nothing to compare, or it is chance."""
    good: bool | None
    """Whether that change is a good one; None: there is none."""


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody worth a call."""

    customer_id: str
    why: str
    at_risk: str
    """Money a year."""
    told: str
    """All of it in one line of text."""


@dataclass(frozen=True, slots=True)
class Letter:
    """Everything that is printed."""

    language: str
    subject: str
    shop: str
    opening: str
    week_title: str
    week: tuple[Line, ...]
    month_title: str
    """Empty where no month is over yet."""
    month: tuple[Line, ...]
    people_title: str
    people_intro: str
    people: tuple[Person, ...]
    nobody: str
    """Said where there is nobody; empty otherwise."""
    page: str
    """Where the page is; empty: it is not known from outside."""
    page_label: str
    page_told: str
    foot: str


def row_of(data: Mapping[str, Any]) -> PeriodRow:
    """Of the data of a record of `period-metrics`."""
    fields = {name: data[name] for name in PeriodRow.__struct_fields__ if name in data}
    return msgspec.convert(fields, PeriodRow)


def letter_of(
    settings: Settings,
    week_start: date,
    rows: Mapping[Key, PeriodRow],
    scores: Iterable[Mapping[str, Any]],
    now_s: float,
) -> Letter | None:
    """The letter of the ISO week that began on `week_start`; None while its numbers are not there, or not whole.

    `scores`: the data of the newest record of each customer.
    """
    week = rows.get(("week", week_start))
    if week is None or not week.complete:
        return None
    shop = settings.shop
    language = language_of(shop.locale) or DEFAULT
    formats = Formats(shop, catalogue_in(language, shop.locale))
    months = [
        row for (granularity, _), row in rows.items() if granularity == "month" and row.complete and row.end <= week.end
    ]
    month = max(months, key=lambda row: row.start, default=None)
    people = worth_a_call(settings, scores, now_s, formats)
    named, say = period_name(week, formats), formats.say
    return Letter(
        language=language.code,
        subject=say("letter.subject", shop=shop.name or say("letter.your_shop"), week=named),
        shop=shop.name,
        opening=say("letter.opening", week=named),
        week_title=say("letter.week", week=named),
        week=tuple(_line(name, week, rows, formats) for name in OF_THE_WEEK),
        month_title="" if month is None else say("letter.month", month=period_name(month, formats)),
        month=()
        if month is None
        else tuple(_line(name, month, rows, formats) for name in OF_THE_MONTH if getattr(month, name) is not None),
        people_title=say("letter.people"),
        people_intro=say("letter.people.intro") if people else "",
        people=people,
        nobody="" if people or not settings.letter.people else say("letter.nobody"),
        page=settings.deliver.public_url or "",
        page_label=say("letter.page"),
        page_told=say("letter.item", name=say("letter.page"), value=settings.deliver.public_url or ""),
        foot=say("letter.foot"),
    )


def _line(name: str, row: PeriodRow, rows: Mapping[Key, PeriodRow], formats: Formats) -> Line:
    value = getattr(row, name)
    label = formats.catalogue.optional(f"number.{name}") or formats.say(f"column.{name}")
    before = next(
        (each for each in rows.values() if each.granularity == row.granularity and each.end == row.start), None
    )
    change, good = "", None
    found = None if before is None or name in OF_THE_WEEK else change_of(name, row, before, lambda *_: ())
    if found is not None and found.beyond_chance:
        change = formats.signed(found.value, percent=False)
        good = (found.value > 0.0) != (name in LESS_IS_BETTER)
    elif before is not None and name in OF_THE_WEEK and getattr(before, name) is not None:
        change = formats.say("letter.before", before=in_its_unit(name, float(getattr(before, name)), formats))
    basis = rests_on(name, row, formats) if name in OF_THE_MONTH else ""
    written = in_its_unit(name, float(value or 0), formats)
    return Line(label, written, formats.say("letter.item", name=label, value=written), basis, change, good)


def worth_a_call(
    settings: Settings, scores: Iterable[Mapping[str, Any]], now_s: float, formats: Formats
) -> tuple[Person, ...]:
    """Those for whom most is at stake: regulars who have gone quiet or slower, and have not said no to being written
    to."""
    found: list[tuple[Decimal, str, Mapping[str, Any]]] = []
    for data in scores:
        if data.get("segment") not in _WORTH_A_CALL or data.get("marketing_consent") is False:
            continue
        if data["visits"] < settings.shop.regular_min_visits or data["value_at_risk"] is None:
            continue
        found.append((Decimal(data["value_at_risk"]), data["customer_id"], data))
    found.sort(key=lambda each: (-each[0], each[1]))
    return tuple(
        _person(customer_id, formats.estimate(worth), _why(data, now_s, formats), formats)
        for worth, customer_id, data in found[: settings.letter.people]
    )


def _person(customer_id: str, at_risk: str, why: str, formats: Formats) -> Person:
    told = formats.say("letter.item", name=f"{customer_id} ({at_risk})", value=why)
    return Person(customer_id, why, at_risk, told)


def _why(data: Mapping[str, Any], now_s: float, formats: Formats) -> str:
    """In one sentence, as the list of the page has it."""
    last, judged = (datetime.fromisoformat(data[name]).timestamp() for name in ("last_visit_at", "as_of"))
    return why(
        Silence(
            days=max(0.0, now_s - last) / _DAY_S,
            judged_days=(judged - last) / _DAY_S,
            usual_gap_days=data["usual_gap_days"],
            tail_probability=data["tail_probability"],
            visits=data["visits"],
        ),
        formats,
    )


def week_before(day: date) -> date:
    """Monday of the last ISO week that is over on that day."""
    return day - timedelta(days=day.weekday() + 7)
