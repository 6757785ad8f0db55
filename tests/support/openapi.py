"""Writes `docs/openapi.json`: the API's description as it is kept beside the documentation."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

from service.streaming.metrics import Metrics
from service.web.app import create_app
from tests.support.made_up_shop import SETTINGS, FakeFacts

CHECKED_IN: Final = Path(__file__).parents[2] / "docs" / "openapi.json"


def described() -> str:
    """Without the version, which is another in every commit."""
    document = create_app(SETTINGS, Metrics().registry, FakeFacts()).openapi()
    whole = {**document, "info": {**document["info"], "version": "1"}}
    return json.dumps(whole, indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    CHECKED_IN.write_text(described(), encoding="utf-8")
