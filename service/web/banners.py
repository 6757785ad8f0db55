"""What has to be known before reading the numbers, each with what to do about it; the worst first."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from service.web.shop_view import Condition, Readiness
from service.wording.formats import Formats


@dataclass(frozen=True, slots=True)
class Banner:
    """One of them, ready to print."""

    name: str
    """The class of its element."""
    text: str
    cure: str
    """What to do; empty where there is nothing to be done."""


def banners(readiness: Readiness, misspelt: Mapping[str, str], formats: Formats) -> list[Banner]:
    """At least one: `live` where all is well."""
    found = [_banner(condition, readiness, formats) for condition in readiness.conditions]
    if misspelt:
        fields = ", ".join(sorted(misspelt))
        meant = ", ".join(f"{field} → {ours}" for field, ours in sorted(misspelt.items()))
        if found[-1].name == Condition.LIVE.name.lower():
            found.pop()
        found.append(
            Banner(
                "misspelt",
                formats.say("condition.misspelt", fields=fields),
                formats.say("cure.misspelt", meant=meant),
            )
        )
    return found


def _banner(condition: Condition, readiness: Readiness, formats: Formats) -> Banner:
    name = condition.name.lower()
    sources = {"sources": ", ".join(readiness.silent_sources)} if condition is Condition.PART_SILENT else {}
    return Banner(
        name, formats.say(f"condition.{name}", **sources), formats.catalogue.optional(f"cure.{name}", **sources) or ""
    )
