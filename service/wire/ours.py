"""Records of the topics that we write, for who reads them: somebody else may have written there too."""

from __future__ import annotations

from typing import Any, Final

import msgspec

NOT_OURS: Final = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
"""What msgspec raises for bytes that are no JSON, no text, nested beyond all measure, or of another form."""


def data_of(value: bytes | None) -> dict[str, Any] | None:
    """The data of one of our events; None for whatever else."""
    try:
        event = msgspec.json.decode(value or b"")
    except NOT_OURS:
        return None
    data = event.get("data") if isinstance(event, dict) else None
    return data if isinstance(data, dict) else None
