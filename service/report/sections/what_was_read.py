"""Section "What was read": events, customers, days, rows left out, and the policy that was tried."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from decimal import Decimal

from service.config import OutreachSettings
from service.domain.calendar import Granularity
from service.domain.policy import Measure
from service.history.doubts import OfPeople
from service.history.left_out import UNUSABLE_ID, BadRow
from service.report.material import Facts
from service.wording.formats import Formats

_EXAMPLES = 3
_REASONS = 8


@dataclass(frozen=True, slots=True)
class Read:
    tiles: list[tuple[str, str, str]]
    """(what, number as shown, raw number)"""
    span: str
    policy: str
    better_day: str
    """What setting would keep evenings whole; empty where none is cut in two."""
    beside: list[str]
    """What the files hold besides: orders of nobody, orders that are none, another currency."""
    how: list[str]
    """How the files were understood; what quotes ids only where names were asked for."""
    skipped: list[str]
    examples: list[str]


def compose(facts: Facts, formats: Formats) -> Read:
    result = facts.result
    report, engines = result.report, result.engines
    regulars = sum(engine.everybody.state.regulars for engine in engines)
    outreach = result.settings.outreach
    rule, level = tried(outreach, formats)
    noticed = "absences" if rule == outreach.rule.value else "alerts"
    counts = {
        "events": result.events,
        "customers": facts.customers.customers,
        "regulars": regulars,
        noticed: sum(1 for _ in result.alerts.first()),
    }
    return Read(
        tiles=[(formats.say(f"read.{name}"), formats.count(number), str(number)) for name, number in counts.items()],
        span=formats.say(
            "read.span",
            first=formats.local_day(result.first_us),
            last=formats.local_day(result.last_us),
        ),
        policy=formats.say(
            "read.policy",
            rule=formats.say(f"read.policy.{rule}", level=level),
            visits=result.settings.shop.regular_min_visits,
        ),
        better_day=""
        if result.better_day_start is None
        else formats.say(
            "read.better_day", start=result.settings.shop.day_starts_at, better_start=result.better_day_start
        ),
        beside=list(_beside(facts, formats)),
        how=[one.strip() for one in report.said if facts.asked.with_customers or not isinstance(one, OfPeople)],
        skipped=[f"{formats.count(number)} × {reason}" for reason, number in report.skipped.most_common()],
        examples=[_shown(example, facts) for example in report.examples[:_EXAMPLES]],
    )


def _beside(facts: Facts, formats: Formats) -> Iterator[str]:
    report, shop = facts.result.report, facts.result.settings.shop
    if report.nobodys_orders:
        amount = Decimal(int(report.nobodys_minor.to_integral_value())).scaleb(-shop.minor_digits)
        said = {"orders": formats.counted(report.nobodys_orders, "todo.orders"), "amount": formats.money(amount)}
        yield formats.say("read.nobody", **said)
    if report.aside:
        reasons = ", ".join(
            f"{formats.count(count)} {reason}" for reason, count in report.aside.most_common(_REASONS) if count
        )
        yield formats.say("read.aside", reasons=reasons)
    if len(report.own_totals) == 1:
        revenue = sum(row.revenue for row in facts.periods if row.granularity == Granularity.YEAR.value)
        own, nobodys = (
            Decimal(int(each.__round__())).scaleb(-shop.minor_digits)
            for each in (report.own_totals[0], report.nobodys_minor)
        )
        read = formats.money(revenue + nobodys)
        yield formats.say("read.own_total", own=formats.money(own), read=read)
    if report.currency:
        yield formats.say("read.currency", found=report.currency, shop=shop.currency)


def _shown(example: BadRow, facts: Facts) -> str:
    """Where a row that was left out is, and why. An id is told where names were asked for alone."""
    if facts.asked.with_customers or not example.reason.startswith(UNUSABLE_ID):
        return str(example)
    return str(replace(example, reason=UNUSABLE_ID))


def tried(outreach: OutreachSettings, formats: Formats) -> tuple[str, str]:
    """What the first alert of an absence goes by, and its level.

    Under a limit of messages that is the limit, whatever the measure.
    """
    for name in ("volume_per_100_visits", "volume_per_day"):
        limit = getattr(outreach, name)
        if limit is not None:
            return name, formats.setting(limit)
    if outreach.rule is Measure.PATIENCE:
        return outreach.rule.value, formats.setting(outreach.patience)
    if outreach.rule is Measure.PROBABILITY:
        return outreach.rule.value, formats.share(outreach.promise)
    return outreach.rule.value, formats.setting(outreach.promise)
