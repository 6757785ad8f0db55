"""What the shop has said of a customer: name, language, zone, contact, consent."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Final

from service.domain.events import Profile
from service.domain.stored import Stored

_SAID: Final = ("first_name", "locale", "timezone", "email", "phone", "crm_id")
"""What a later word replaces one by one."""
_EMAIL: Final = _SAID.index("email")
_WITH_TIMES: Final = len(_SAID) + 4
"""Elements of a record that keeps times field by field."""
_MOST_BOUNCED: Final = 4
"""Addresses remembered to which mail came back."""


class ProfileState(Stored):
    """None = unknown. Of each field the newest word counts, whatever order they come in."""

    __slots__ = (
        "bounced", "consent", "consent_us", "crm_id", "email", "first_name", "locale", "phone", "said_us", "times", "timezone",
    )  # fmt: skip
    STORED: ClassVar[tuple[str, ...]] = ("said_us", *_SAID, "consent", "consent_us", "times", "bounced")

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
        self.bounced: dict[str, int] | None = None
        """Addresses, in small letters, to which mail came back for good, and when; at most four. An empty one is
        whichever was known then. None: there never was one."""

    @property
    def reachable_email(self) -> str | None:
        """The address, unless mail to it has bounced; None: there is none to write to."""
        return None if self.has_bounced else self.email

    @property
    def reachable(self) -> bool:
        """Whether anything is known by which a message arrives."""
        return self.reachable_email is not None or self.phone is not None or self.crm_id is not None

    @property
    def has_bounced(self) -> bool:
        """Whether mail to the address that is known came back: nothing is sent to it until another is said."""
        email, bounced = self.email, self.bounced
        if email is None or bounced is None:
            return False
        return email.lower() in bounced or bounced.get("", -1) >= self.times[_EMAIL]

    def take_fields(self, fields: Sequence[Any]) -> None:
        """Of a record of before times were kept field by field, each known field is as old as the newest word."""
        super().take_fields(fields)
        if len(fields) < _WITH_TIMES:
            self.times = [0 if getattr(self, name) is None else self.said_us for name in _SAID]

    def take(self, event: Profile) -> None:
        """Of two words on consent at the same instant the no counts, on anything else that which comes later."""
        self.said_us = max(self.said_us, event.at_us)
        if event.email is not None:
            self._settle_bounce(event.at_us)
        for index, name in enumerate(_SAID):
            self._say(index, name, getattr(event, name), event.at_us)
        if event.marketing_consent is not None:
            self._consent(event.marketing_consent, event.at_us)
        if event.bounces_lifted:
            self._lift(event.at_us)
        if event.bounced is not None:
            self._bounce(event.bounced.lower(), event.at_us)

    def withdraw(self, at_us: int) -> None:
        """The shop has deleted what it said up to then: contact gone, consent unknown."""
        self.said_us = max(self.said_us, at_us)
        for index, name in enumerate(_SAID):
            if at_us >= self.times[index]:
                setattr(self, name, None)
                self.times[index] = at_us
        if at_us >= self.consent_us:
            self.consent, self.consent_us = None, at_us
        self._lift(at_us)

    def absorb(self, other: ProfileState) -> None:
        """What was said of another id of the same customer was said of this one."""
        self.said_us = max(self.said_us, other.said_us)
        if other.email is not None:
            other._settle_bounce(self.times[_EMAIL])
            self._settle_bounce(other.times[_EMAIL])
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
        for address, at_us in (other.bounced or {}).items():
            self._bounce(address, at_us)

    def _say(self, index: int, name: str, value: str | None, at_us: int) -> None:
        if value is not None and at_us >= self.times[index]:
            setattr(self, name, value)
            self.times[index] = at_us

    def _consent(self, consent: bool, at_us: int) -> None:
        if (at_us, not consent) >= (self.consent_us, not self.consent):
            self.consent, self.consent_us = consent, at_us

    def _bounce(self, address: str, at_us: int) -> None:
        """Mail to `address`, in small letters, came back; empty: to the one known at that time."""
        bounced = {} if self.bounced is None else self.bounced
        bounced[address] = max(at_us, bounced.get(address, 0))
        if len(bounced) > _MOST_BOUNCED:
            kept = ("", "" if self.email is None else self.email.lower())
            del bounced[min([each for each in bounced if each not in kept], key=lambda each: (bounced[each], each))]
        self.bounced = bounced

    def _settle_bounce(self, until_us: int) -> None:
        """A word on the address comes, of `until_us`: mail that came back before, to the one known then, came back from
        the present one."""
        bounced, email = self.bounced, self.email
        if bounced is None or email is None:
            return
        at_us = bounced.get("", -1)
        if self.times[_EMAIL] <= at_us < until_us:
            del bounced[""]
            self._bounce(email.lower(), at_us)

    def _lift(self, at_us: int) -> None:
        """Bounces up to then count no more."""
        if self.bounced is not None:
            self.bounced = {address: since for address, since in self.bounced.items() if since > at_us} or None
