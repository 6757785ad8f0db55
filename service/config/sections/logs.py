"""`[log]`."""

from __future__ import annotations

from typing import Literal

from service.config.sections.section import Section


class LogSettings(Section):
    level: Literal["debug", "info", "warning", "error"] = "info"
    """The least important lines that are written."""
    format: Literal["console", "json"] = "console"
    """`console` for people, `json` for programs: one object a line."""
