"""The numbers of a period in words: which are told, how each is written, and what it rests on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Final, assert_never

from service.domain.periods.numbers import UNITS, PeriodRow, Unit
from service.domain.periods.rows import LENGTH_YEARS
from service.wording.formats import DASH, Formats
from service.wording.period_names import before, from_to, window_days

GROUPS: Final[Mapping[str, tuple[str, ...]]] = {
    "come_back": ("retention_rate", "churn_rate", "repeat_purchase_rate"),
    "bring": ("customer_lifetime_value", "revenue", "average_order_value"),
    "say": ("nps", "csat", "ces"),
}
"""The numbers that are told large, by the question they answer."""
OF_ANSWERS: Final = frozenset(GROUPS["say"])
"""Those that come from surveys."""
LESS_IS_BETTER: Final = frozenset({"churn_rate"})
"""Of the numbers of GROUPS; of all others more is better."""
TABLE: Final = (
    "customers_at_start", "retained", "lost", "new", "returned", "customers_at_end", "retention_rate", "churn_rate",
    "repeat_purchase_rate", "orders", "revenue", "average_order_value", "purchase_frequency", "customer_lifetime_value",
)  # fmt: skip
"""Columns of the table of periods, in an order for reading: who was there, who went and came, who is there at the
end."""


def value_of(row: PeriodRow, name: str) -> float | None:
    """For drawing and comparing; None = not enough evidence."""
    value = getattr(row, name)
    return None if value is None else float(value)


def written(name: str, row: PeriodRow, formats: Formats) -> str:
    """A number of the row in its unit."""
    number = getattr(row, name)
    if number is None:
        return formats.say("unknown")
    return in_its_unit(name, number, formats)


def in_its_unit(name: str, value: float | Decimal, formats: Formats) -> str:
    """A value of the number of that name."""
    match UNITS[name]:
        case Unit.COUNT:
            return formats.count(round(value))
        case Unit.PERCENT:
            return formats.percent(float(value))
        case Unit.POINTS:
            return formats.points(float(value))
        case Unit.MEAN:
            return formats.decimal(float(value))
        case Unit.MONEY if name == "customer_lifetime_value":
            return formats.estimate(Decimal(value))
        case Unit.MONEY:
            return formats.money(value if isinstance(value, Decimal) else Decimal(f"{value:.2f}"))
        case unit:
            assert_never(unit)


def cell(name: str, row: PeriodRow, formats: Formats) -> str:
    """As in a table, where a dash stands for what is unknown."""
    return DASH if getattr(row, name) is None else written(name, row, formats)


def rests_on(name: str, row: PeriodRow, formats: Formats) -> str:
    """Numerator and denominator, number of answers, margin; of an unknown number why it is."""
    return basis(name, row, formats) if getattr(row, name) is not None else _why_unknown(name, row, formats)


def basis(name: str, row: PeriodRow, formats: Formats) -> str:
    """What the number rests on; empty where there is nothing."""
    if getattr(row, name) is None:
        return ""
    key = f"basis.{name}" + ("" if row.complete or window_days(row.granularity) else ".running")
    if name == "customer_lifetime_value":
        return formats.say(key) if key.endswith(".running") else _lifetime(row, formats)
    filled = _parts(name, row, formats)
    return formats.catalogue.optional(key, **filled) or formats.say(f"basis.{name}", **filled)


def _parts(name: str, row: PeriodRow, formats: Formats) -> dict[str, str]:
    count = formats.count
    match name:
        case "retention_rate":
            return {"part": count(row.retained), "whole": count(row.customers_at_start)}
        case "churn_rate":
            return {"part": count(row.lost), "whole": count(row.customers_at_start)}
        case "repeat_purchase_rate":
            return {"part": count(row.repeat_customers), "whole": count(row.customers_at_end)}
        case "revenue":
            return {"orders": formats.counted(row.orders, "orders")}
        case "average_order_value":
            return {"orders": formats.measured(row.purchase_frequency or 0.0, "orders")}
        case "nps":
            return {"count": formats.counted(row.nps_n, "answers"), "margin": formats.points(row.nps_margin or 0.0)}
        case "csat":
            return {"part": count(row.csat_satisfied), "count": formats.counted(row.csat_n, "answers")}
        case "ces":
            favourable = formats.percent(row.ces_favourable_rate or 0.0)
            return {"share": favourable, "count": formats.counted(row.ces_n, "answers")}
        case _:
            raise ValueError(f"{name} is no number of GROUPS")


def _lifetime(row: PeriodRow, formats: Formats) -> str:
    """The three factors; empty where an order brought nothing, so that no lifespan can be told from the value."""
    average, value = row.average_order_value, row.customer_lifetime_value
    if not average or not row.purchase_frequency or value is None:
        return ""
    a_year = row.purchase_frequency / float(LENGTH_YEARS[row.granularity])
    return formats.say(
        "basis.customer_lifetime_value",
        average=formats.money(average),
        orders=formats.measured(a_year, "orders"),
        years=formats.measured(float(value / average) / a_year, "years"),
    )


def _why_unknown(name: str, row: PeriodRow, formats: Formats) -> str:
    if name in OF_ANSWERS:
        return formats.say("unknown.answers")
    if name in ("repeat_purchase_rate", "average_order_value") or (
        name == "customer_lifetime_value" and not row.orders
    ):
        return formats.say("unknown.orders")
    return formats.say("unknown.before", of_before=before(row.granularity, "of", formats))


def trend(name: str, rows: Sequence[PeriodRow], formats: Formats) -> str:
    """What a drawing of the rows shows: its span, its lowest and its highest value, of which at least one is known."""
    known = [row for row in rows if getattr(row, name) is not None]
    lowest, highest = (pick(known, key=lambda row: getattr(row, name)) for pick in (min, max))
    granularity = rows[0].granularity
    return formats.say(
        "trend",
        step=formats.say("step.day" if window_days(granularity) else f"step.{granularity}"),
        span=from_to(rows[0], rows[-1], formats),
        low=written(name, lowest, formats),
        high=written(name, highest, formats),
    )
