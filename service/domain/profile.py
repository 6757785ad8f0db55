"""What the shop has said of a customer: name, language, zone, contact, consent."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Final

from service.domain.events import Profile
from service.domain.stored import Stored

_SAID: Final = ("first_name", "locale", "timezone", "email", "phone", "crm_id")
"""What a later word replaces one by one."""


class ProfileState(Stored):
    """None = unknown. Of each field the newest word counts, whatever order they come in."""

    __slots__ = (
        "consent", "consent_us", "crm_id", "email", "first_name", "locale", "phone", "said_us", "times", "timezone",
    )  # fmt: skip
    STORED: ClassVar[tuple[str, ...]] = ("said_us", *_SAID, "consent", "consent_us", "times")

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
        """Time of the word on consent that counts, or of its withdrawal."""
        self.times: list[int] = [0] * len(_SAID)
        """Of the word that counts on each field, or of its withdrawal; 0: nothing was said."""

    def take_fields(self, fields: Sequence[Any]) -> None:
        """Of a record of before times were kept field by field, each known field is as old as the newest word."""
        super().take_fields(fields)
        if len(fields) < len(self.STORED):
            self.times = [0 if getattr(self, name) is None else self.said_us for name in _SAID]

    def take(self, event: Profile) -> None:
        """Of two words on consent at the same instant the no counts, on anything else that which comes later."""
        self.said_us = max(self.said_us, event.at_us)
        for index, name in enumerate(_SAID):
            self._say(index, name, getattr(event, name), event.at_us)
        if event.marketing_consent is not None:
            self._consent(event.marketing_consent, event.at_us)

    def withdraw(self, at_us: int) -> None:
        """The shop has deleted what it said up to then: contact gone, consent unknown."""
        self.said_us = max(self.said_us, at_us)
        for index, name in enumerate(_SAID):
            if at_us >= self.times[index]:
                setattr(self, name, None)
                self.times[index] = at_us
        if at_us >= self.consent_us:
            self.consent, self.consent_us = None, at_us

    def absorb(self, other: ProfileState) -> None:
        """What was said of another id of the same customer was said of this one."""
        self.said_us = max(self.said_us, other.said_us)
        for index, name in enumerate(_SAID):
            value, at_us = getattr(other, name), other.times[index]
            if value is not None:
                self._say(index, name, value, at_us)
            elif at_us > self.times[index]:
                setattr(self, name, None)
                self.times[index] = at_us
        if other.consent is not None:
            self._consent(other.consent, other.consent_us)
        elif other.consent_us > self.consent_us:
            self.consent, self.consent_us = None, other.consent_us

    def _say(self, index: int, name: str, value: str | None, at_us: int) -> None:
        if value is not None and at_us >= self.times[index]:
            setattr(self, name, value)
            self.times[index] = at_us

    def _consent(self, consent: bool, at_us: int) -> None:
        if (at_us, not consent) >= (self.consent_us, not self.consent):
            self.consent, self.consent_us = consent, at_us
