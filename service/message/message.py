"""What a renderer is told of the shop, and what it gives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from service.config import ShopSettings


@dataclass(frozen=True, slots=True)
class Message:
    """One message, ready to be sent: a line, plain text, and a page of HTML."""

    subject: str
    text: str
    html: str


@dataclass(frozen=True, slots=True)
class ShopFacts:
    """What every message of the shop names. Empty texts are left out of it."""

    name: str = ""
    address: str = ""
    url: str = ""
    """Where the button leads."""
    feedback_url: str = ""
    """Where the button of a message leads that asks for an opinion; empty: to `url`."""
    locale: str = "en"
    """BCP 47; for customers whose language is not known or has no templates."""
    timezone: str = "UTC"

    @classmethod
    def of(cls, shop: ShopSettings) -> Self:
        return cls(shop.name, shop.address, shop.url, shop.feedback_url, shop.locale, shop.timezone)
