"""The parts of a customer's state that few customers have, or that few events touch: items, answers, profile.

Plain classes like Customer itself; in its snapshot they are arrays of their `fields`, to which new ones are appended.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, assert_never

from service.domain.events import Item, Profile, Survey, SurveyAnswer

_FAVOURITES: Final = 6
_NAME_LENGTH: Final = 60


class ItemMemory:
    """What the customer usually takes: Space-Saving counters (Metwally et al. 2005) and the last basket."""

    __slots__ = ("counts", "last")

    def __init__(self, counts: dict[str, int], last: list[str]) -> None:
        self.counts = counts
        self.last = last

    def fields(self) -> tuple[object, ...]:
        """In the order of `of`."""
        return (self.counts, self.last)

    @classmethod
    def of(cls, fields: Sequence[Any]) -> ItemMemory:
        """Back from `fields`."""
        return cls(*fields)

    def remember(self, items: tuple[Item, ...]) -> None:
        counts = self.counts
        last: list[str] = []
        for item in items:
            name = item.name or item.sku
            if len(name) > _NAME_LENGTH:
                name = name[:_NAME_LENGTH]
            last.append(name)
            if name in counts:
                counts[name] += 1
            elif len(counts) < _FAVOURITES:
                counts[name] = 1
            else:
                least = min(counts, key=lambda known: (counts[known], known))
                counts[name] = counts.pop(least) + 1
        self.last = last[:3]

    def favourites(self) -> tuple[str, ...]:
        """Up to three names taken more than once, the most frequent first."""
        ranked = sorted(self.counts, key=lambda name: (-self.counts[name], name))
        return tuple(name for name in ranked if self.counts[name] > 1)[:3]


class Answers:
    """The newest answer per survey with its time; None = never asked or never answered."""

    __slots__ = ("ces", "ces_us", "csat", "csat_us", "nps", "nps_us")

    def __init__(
        self,
        nps: int | None = None,
        nps_us: int = 0,
        csat: int | None = None,
        csat_us: int = 0,
        ces: int | None = None,
        ces_us: int = 0,
    ) -> None:
        self.nps = nps
        self.nps_us = nps_us
        self.csat = csat
        self.csat_us = csat_us
        self.ces = ces
        self.ces_us = ces_us

    def fields(self) -> tuple[object, ...]:
        """In the order of `of`."""
        return (self.nps, self.nps_us, self.csat, self.csat_us, self.ces, self.ces_us)

    @classmethod
    def of(cls, fields: Sequence[Any]) -> Answers:
        """Back from `fields`."""
        return cls(*fields)

    def take(self, event: SurveyAnswer) -> None:
        """The newest answer of each survey stays; of two at the same instant the higher, so that their order does not matter."""
        at_us, score = event.at_us, event.score
        match event.survey:
            case Survey.NPS:
                if self.nps is None or (at_us, score) > (self.nps_us, self.nps):
                    self.nps_us, self.nps = at_us, score
            case Survey.CSAT:
                if self.csat is None or (at_us, score) > (self.csat_us, self.csat):
                    self.csat_us, self.csat = at_us, score
            case Survey.CES:
                if self.ces is None or (at_us, score) > (self.ces_us, self.ces):
                    self.ces_us, self.ces = at_us, score
            case _:
                assert_never(event.survey)


class ProfileState:
    """What the shop said of the customer. None = unknown. `said_us` is the time of the newest word."""

    __slots__ = (
        "consent", "consent_us", "crm_id", "email", "first_name", "locale", "phone", "said_us", "timezone",
    )  # fmt: skip

    def __init__(
        self,
        said_us: int = 0,
        first_name: str | None = None,
        locale: str | None = None,
        timezone: str | None = None,
        email: str | None = None,
        phone: str | None = None,
        crm_id: str | None = None,
        consent: bool | None = None,
        consent_us: int = 0,
    ) -> None:
        self.said_us = said_us
        self.first_name = first_name
        self.locale = locale
        self.timezone = timezone
        self.email = email
        self.phone = phone
        self.crm_id = crm_id
        self.consent = consent
        self.consent_us = consent_us

    def fields(self) -> tuple[object, ...]:
        """In the order of `of`."""
        return (
            self.said_us,
            self.first_name,
            self.locale,
            self.timezone,
            self.email,
            self.phone,
            self.crm_id,
            self.consent,
            self.consent_us,
        )

    @classmethod
    def of(cls, fields: Sequence[Any]) -> ProfileState:
        """Back from `fields`."""
        return cls(*fields)

    def take(self, event: Profile) -> None:
        """A newer word replaces, an older one fills gaps; of two words on consent at the same instant the no counts."""
        newer = event.at_us >= self.said_us
        self.said_us = max(self.said_us, event.at_us)
        for name in ("first_name", "locale", "timezone", "email", "phone", "crm_id"):
            value = getattr(event, name)
            if value is not None and (newer or getattr(self, name) is None):
                setattr(self, name, value)
        consent = event.marketing_consent
        if consent is not None and (event.at_us, not consent) >= (self.consent_us, not self.consent):
            self.consent_us, self.consent = event.at_us, consent
