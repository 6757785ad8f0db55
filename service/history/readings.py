"""What is raised where a column can be read in two ways, so that another file may say which is right."""

from __future__ import annotations

from service.errors import ConfigurationError


class TwoReadingsError(ConfigurationError):
    """Both readings of a column fit all of its cells."""

    def __init__(self, message: str, what: str) -> None:
        """`what` is the wish that would decide: dates or decimal."""
        super().__init__(message)
        self.what = what
