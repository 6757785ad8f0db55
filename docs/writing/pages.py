"""Every region of every page, and what makes it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from docs.writing import anna, events, metrics, privacy, settings
from docs.writing.regions import filled

DOCS: Final = Path(__file__).resolve().parents[1]
MADE: Final[Mapping[str, Mapping[str, Callable[[], str]]]] = {
    "settings.md": {"settings": settings.tables},
    "metrics.md": {"metrics": metrics.tables},
    "events.md": {"inputs": events.inputs_page, "outputs": events.outputs_page},
    "PRIVACY.md": {"privacy": privacy.topics},
    "operations/changed-settings.md": {"changes": settings.changes},
}
"""Page → region → its maker."""


DRAWN: Final[Mapping[str, Callable[[], str]]] = {"pictures/anna.svg": anna.picture}
"""Pictures → what draws them."""


def written() -> dict[str, str]:
    """Page or picture → its whole text as it ought to be, from what is written by hand there and what the code says."""
    pages = {name: draw() for name, draw in DRAWN.items()}
    for name, makers in MADE.items():
        text = (DOCS / name).read_text(encoding="utf-8")
        for region, make in makers.items():
            text = filled(text, region, make())
        pages[name] = text
    return pages
