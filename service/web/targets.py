"""What the shop wants its numbers to be, beside what they are."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from service.config import Settings
from service.config.sections.targets import OF_THE_PERIOD
from service.domain.periods.beyond_chance import is_off_target
from service.domain.periods.numbers import UNITS, PeriodRow, Unit
from service.web.shop_view import Expected
from service.wording.formats import Formats
from service.wording.period_numbers import LESS_IS_BETTER

LIFETIME = "lifetime_value"


@dataclass(frozen=True, slots=True)
class Target:
    """Ready to print."""

    text: str
    mood: str
    """good or bad where the number lies beyond chance on one side of it, else flat."""


def target_of(name: str, row: PeriodRow, settings: Settings, formats: Formats) -> Target | None:
    """None: none is set, or for another length of period."""
    wanted = getattr(settings.targets, name)
    if wanted is None or (name in OF_THE_PERIOD and row.granularity != settings.targets.period):
        return None
    value = getattr(row, name)
    if value is None:
        return Target(formats.say("target", target=_written(name, wanted, formats)), "flat")
    beyond = row.complete and is_off_target(name, row, float(wanted))
    return _target(name, float(value), wanted, formats, beyond=beyond)


def lifetime_target(expected: Expected | None, settings: Settings, formats: Formats) -> Target | None:
    wanted = settings.targets.lifetime_value
    if wanted is None:
        return None
    if expected is None or not expected.customers:
        return Target(formats.say("target", target=_written(LIFETIME, wanted, formats)), "flat")
    value = expected.value_minor / expected.customers / 10**settings.shop.minor_digits
    return _target(LIFETIME, value, wanted, formats, beyond=False)


def _target(name: str, value: float, wanted: float | Decimal, formats: Formats, *, beyond: bool) -> Target:
    reached = value <= float(wanted) if name in LESS_IS_BETTER else value >= float(wanted)
    text = formats.say("target.reached" if reached else "target.missed", target=_written(name, wanted, formats))
    return Target(text, ("good" if reached else "bad") if beyond else "flat")


def _written(name: str, wanted: float | Decimal, formats: Formats) -> str:
    if name == LIFETIME:
        return formats.estimate(Decimal(wanted))
    if UNITS[name] is Unit.MONEY:
        return formats.money(Decimal(wanted))
    if UNITS[name] is Unit.PERCENT:
        return formats.percent(float(wanted))
    return formats.plain(float(wanted)).replace("-", "−")
