"""Parts of an event that are made alike, whichever way it is read: by the models, or the quick way."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from service.domain.events import Survey

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
SURVEYS: Final = {survey.value: survey for survey in Survey}
"""By the word for them."""
NO_TIME: Final = -1
"""Of a time without an offset, which has no place on the line; so have times before 1970, and both are left to the
models."""


def microseconds(moment: datetime) -> int:
    """Since 1970; less than 0 for a time before that, and for one without an offset."""
    if moment.tzinfo is None:
        return NO_TIME
    since = moment - EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def clean(name: str | None) -> str | None:
    """A name as it may stand in a subject line: control characters become spaces; None where nothing is left."""
    if name is None:
        return None
    if not name.isprintable():
        name = "".join([letter if letter.isprintable() else " " for letter in name])
    return name.strip() or None
