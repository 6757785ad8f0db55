"""The weekly letter to the shop itself: `[letter]`. `churn-alert deliver letter` sends it."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from service.config.sections.section import Section, is_mailbox

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


class LetterSettings(Section):
    """The numbers of the week and whom to call, as mail to the shop, in its language."""

    enabled: bool = False
    """Whether a letter is sent each week."""
    to: Annotated[list[str], Field(max_length=50)] = []
    """Mailboxes of the shop that get it, each a mail of its own. It names customers."""
    weekday: Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"] = "monday"
    """Day on which it goes out, in the shop's time zone; it tells of the last week that is over."""
    at: Annotated[str, Field(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")] = "08:00"
    """Time of day, in the shop's time zone."""
    people: Annotated[int, Field(ge=0, le=100)] = 10
    """How many people worth a call it names at most; 0: it has numbers only."""

    @field_validator("to")
    @classmethod
    def _are_mailboxes(cls, to: list[str]) -> list[str]:
        for each in to:
            if not is_mailbox(each):
                raise ValueError(f"{each[:100]!r} is no address such as Anna <anna@cafe.example>")
        return to

    @model_validator(mode="after")
    def _has_a_reader(self) -> Self:
        if self.enabled and not self.to:
            raise ValueError("enabled needs somebody in to: whom shall the letter go to?")
        return self
