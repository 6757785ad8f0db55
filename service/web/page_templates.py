"""The templates of all pages, compiled once in a process."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import jinja2

from service.web.assets import shipped_assets


@cache
def page_templates() -> jinja2.Environment:
    """Those of pages about persons lie below `people/`."""
    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.globals["asset"] = shipped_assets().address
    return made
