"""`churn-alert deliver smtp` with the plainest of all renderers, for tests that are not about how a mail reads."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any, NamedTuple

from service.commands.deliver import links_of, run
from service.config import load_settings
from service.delivery.smtp import SmtpChannel
from service.logs import configure_logging


class Plain(NamedTuple):
    subject: str
    text: str
    html: str


class PlainRenderer:
    def render(self, data: Mapping[str, Any], unsubscribe_url: str) -> Plain:
        said = f"Hello {data.get('first_name')}, we miss you.\n\n{unsubscribe_url}\n"
        return Plain(f"We miss you, {data.get('first_name')}", said, f"<p>{said}</p>")


def main() -> int:
    settings = load_settings()
    configure_logging(settings.log)
    links = links_of(settings)
    return run(settings, SmtpChannel(settings.deliver.smtp, PlainRenderer(), links), links)


if __name__ == "__main__":
    sys.exit(main())
