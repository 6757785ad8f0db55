"""Brokers of tests whose data directory need not be formatted by Kafka's own tool each time."""

from __future__ import annotations

import base64
import re
import uuid
from pathlib import Path
from typing import Final

from service.local_broker.broker import LocalKafka

_FILES: Final[dict[str, str]] = {}
"""Of a data directory as Kafka's tool makes it, before any broker was on it; empty until the first."""
_TOLD: Final = "meta.properties"
_IDS: Final = re.compile(r"^(cluster|directory)\.id=.*$", re.MULTILINE)


class QuicklyFormatted(LocalKafka):
    """Kafka's tool is a Java program, which takes most of a second of the processor: it formats the first broker's
    directory of a process, and further ones are copies of it with ids of their own."""

    def _format(self, properties: Path) -> None:
        made = self._require_home() / "log"
        if not _FILES:
            super()._format(properties)
            _FILES.update({file.name: file.read_text("latin-1") for file in made.iterdir()})
            return
        made.mkdir(exist_ok=True)
        for name, text in _FILES.items():
            own = _IDS.sub(lambda line: f"{line[1]}.id={_new_id()}", text) if name == _TOLD else text
            (made / name).write_text(own, "latin-1", newline="")


def _new_id() -> str:
    """As Kafka writes them: 16 bytes in base 64, which must not begin with a dash."""
    return "A" + base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")[1:]
