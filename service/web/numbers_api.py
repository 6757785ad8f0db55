"""One period for programs: its numbers, what they are compared with, by how much they differ, and their targets."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Annotated, Any

from fastapi import FastAPI, HTTPException, Query, Response

from schemas.outputs import PeriodMetrics
from service.config import Settings
from service.config.sections.targets import OF_THE_PERIOD, TargetSettings
from service.domain.money import minor_to_text
from service.domain.periods.beyond_chance import change_of
from service.domain.periods.numbers import UNITS, PeriodRow, Unit
from service.domain.periods.span import FREE, NOT_ALWAYS_KNOWN
from service.web.api import V1, refuse_while_adding_up
from service.web.described import documented
from service.web.responses import json_answer
from service.web.shop_view import ShopFacts
from service.web.shown import NoSuchDaysError, Shown, shown_days, shown_period
from service.web.view import GRANULARITIES, MONTH, GranularityName
from service.wire.period_records import numbers_of

COMPARED = (
    "retention_rate", "churn_rate", "repeat_purchase_rate", "revenue", "average_order_value", "nps", "csat", "ces",
)  # fmt: skip
NUMBERS = f"{V1}/numbers"
LIFETIME_DAYS = 365


def add_numbers(app: FastAPI, settings: Settings, facts: ShopFacts) -> None:
    item = documented(PeriodMetrics, "revision")
    fields = item["properties"]
    fields["granularity"] = {"type": "string", "enum": [*GRANULARITIES, FREE]}
    for name in NOT_ALWAYS_KNOWN:
        fields[name] = {"anyOf": [fields[name], {"type": "null"}]}
    maybe = {"anyOf": [item, {"type": "null"}]}
    listed = {"type": "object", "additionalProperties": {"type": "object"}}
    schema: dict[str, Any] = {
        "type": "object",
        "properties": {
            "period": item,
            "unknown": {"type": "array", "items": {"type": "string"}},
            "before": maybe,
            "last_year": maybe,
            "changes": {"type": "object", "properties": {"before": listed, "last_year": listed}},
            "lifetime_value": {"anyOf": [{"type": "object"}, {"type": "null"}]},
            "targets": {"type": "object"},
        },
    }
    schema["required"] = [*schema["properties"]]

    @app.get(
        NUMBERS,
        summary="The last period of a length that is over, or any run of days, beside the one before and the same one of "
        "last year",
        description="`unknown` names the numbers that cannot be told exactly of so many days; they are null. `changes` "
        "are in points, of money in percent, each with its 95 % interval; `beyond_chance` is false where that holds 0.",
        responses={
            200: {"content": {"application/json": {"schema": schema}}},
            404: {"description": "There are no purchases yet."},
            503: {"description": "The numbers are still being added up."},
        },
        tags=["numbers"],
    )
    async def numbers(
        granularity: Annotated[GranularityName, Query(description="Length of the period.")] = MONTH,
        first: Annotated[
            date | None, Query(alias="from", description="First day of any run of days, in place of a period.")
        ] = None,
        last: Annotated[
            date | None, Query(alias="to", description="Last day of it, which is part of it; today where left out.")
        ] = None,
    ) -> Response:
        refuse_while_adding_up(facts)
        if first is None and last is not None:
            raise HTTPException(422, "from: without a first day there is no last one.")
        try:
            shown = shown_period(facts, granularity.value) if first is None else shown_days(facts, first, last)
        except NoSuchDaysError as error:
            raise HTTPException(422, f"from, to: {error}") from error
        if shown is None:
            raise HTTPException(404, "There are no purchases yet.")
        return json_answer(_told(shown, settings, facts))


def _told(of: Shown, settings: Settings, facts: ShopFacts) -> dict[str, Any]:
    periods, currency = of.periods, settings.shop.currency
    others = {"before": periods.before, "last_year": periods.last_year}
    return {
        "period": numbers_of(periods.shown, currency),
        "unknown": sorted(of.unknown),
        **{name: None if row is None else numbers_of(row, currency) for name, row in others.items()},
        "changes": {name: _changes(periods.shown, row, facts) for name, row in others.items()},
        "lifetime_value": _lifetime(settings, facts),
        "targets": _targets(settings.targets, periods.shown),
    }


def _changes(now: PeriodRow, then: PeriodRow | None, facts: ShopFacts) -> dict[str, object]:
    """Of every number that both periods have, where the shown one is over."""
    if then is None or not now.complete:
        return {}
    found = ((name, change_of(name, now, then, facts.money_by_day)) for name in COMPARED)
    return {
        name: {
            "change": change.value,
            "unit": "percent" if UNITS[name] is Unit.MONEY else "points",
            "low": change.interval and change.interval.low,
            "high": change.interval and change.interval.high,
            "beyond_chance": change.beyond_chance,
        }
        for name, change in found
        if change is not None
    }


def _lifetime(settings: Settings, facts: ShopFacts) -> dict[str, object] | None:
    """What the model expects of a customer; None while it is not known."""
    expected = facts.expected()
    if expected is None or not expected.customers:
        return None
    digits = settings.shop.minor_digits
    return {
        "days": LIFETIME_DAYS,
        "currency": settings.shop.currency,
        "per_customer": minor_to_text(round(Decimal(expected.value_minor) / expected.customers), digits),
        "of_all": minor_to_text(expected.value_minor, digits),
        "customers": expected.customers,
    }


def _targets(targets: TargetSettings, shown: PeriodRow) -> dict[str, object]:
    """Those that hold for this length of period."""
    names = [name for name in TargetSettings.model_fields if name != "period"]
    return {
        name: str(value) if isinstance(value, Decimal) else value
        for name in names
        if (value := getattr(targets, name)) is not None
        and (name not in OF_THE_PERIOD or shown.granularity == targets.period)
    }
