"""The plainest of all messages, for tests that are not about how a mail reads."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple


class Plain(NamedTuple):
    subject: str
    text: str
    html: str


class PlainRenderer:
    def render(self, data: Mapping[str, Any], unsubscribe_url: str) -> Plain:
        said = f"Hello {data.get('first_name')}, we miss you.\n\n{unsubscribe_url}\n"
        return Plain(f"We miss you, {data.get('first_name')}", said, f"<p>{said}</p>")
