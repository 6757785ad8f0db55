"""What the shop has said of a customer: name, language, zone, contact, consent."""

from __future__ import annotations

from typing import ClassVar, Final

from service.domain.events import Profile
from service.domain.stored import Stored

_SAID: Final = ("first_name", "locale", "timezone", "email", "phone", "crm_id")
"""What a later word replaces one by one."""


class ProfileState(Stored):
    """None = unknown."""

    __slots__ = (
        "consent", "consent_us", "crm_id", "email", "first_name", "locale", "phone", "said_us", "timezone",
    )  # fmt: skip
    STORED: ClassVar[tuple[str, ...]] = ("said_us", *_SAID, "consent", "consent_us")

    def __init__(self) -> None:
        self.said_us: int = 0
        """Time of the newest word."""
        self.first_name: str | None = None
        self.locale: str | None = None
        self.timezone: str | None = None
        self.email: str | None = None
        self.phone: str | None = None
        self.crm_id: str | None = None
        self.consent: bool | None = None
        self.consent_us: int = 0
        """Time of the word on consent that counts."""

    def take(self, event: Profile) -> None:
        """A newer word replaces, an older one fills gaps; of two words on consent at the same instant the no counts."""
        newer = event.at_us >= self.said_us
        self.said_us = max(self.said_us, event.at_us)
        for name in _SAID:
            value = getattr(event, name)
            if value is not None and (newer or getattr(self, name) is None):
                setattr(self, name, value)
        consent = event.marketing_consent
        if consent is not None and (event.at_us, not consent) >= (self.consent_us, not self.consent):
            self.consent_us, self.consent = event.at_us, consent
