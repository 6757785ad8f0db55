"""The envelope of every output but dead letters (`schemas/envelope.py`), and how numbers and times stand in it."""

from __future__ import annotations

from typing import Final

import msgspec

from service.domain.calendar import utc_text

Fields = dict[str, object]

SOURCE: Final = "churn-alert"
"""`source` of every event, a URI reference."""
_PLACES: Final = 6
"""Decimals of days and probabilities: a tenth of a second, and finer than any model is right."""
_encode = msgspec.json.Encoder().encode


def cloud_event(kind: str, event_id: str, subject: str, at_us: int, fields: Fields) -> bytes:
    """The envelope, and `fields` as its data."""
    return _encode(
        {
            "specversion": "1.0",
            "id": event_id,
            "source": SOURCE,
            "type": kind,
            "subject": subject,
            "time": utc_text(at_us),
            "datacontenttype": "application/json",
            "data": fields,
        }
    )


def rounded(value: float | None) -> float | None:
    return None if value is None else round(value, _PLACES)


def time_or_none(at_us: int | None) -> str | None:
    return None if at_us is None else utc_text(at_us)
