"""What is in a value that some program writes as an object: MongoDB's ids and numbers, a decimal beside its scale; and
whether anything is in it at all."""

from __future__ import annotations

from typing import Final

from service.wire.connect import exact_of
from service.wire.plain_values import of_mongo
from service.wire.views import View

_NO_DAY: Final = frozenset({"0000-00-00", "0001-01-01", "1970-01-01"})
"""What databases and programs write as a day where they have none: nobody cancels an order or deletes a row on it."""
_DAY: Final = 10


def unwrapped(value: object) -> object:
    """The text or number that it stands for; anything else as it is."""
    if isinstance(value, dict):
        value = of_mongo(value)
    if isinstance(value, dict | View):
        scale, inner = value.get("scale"), value.get("value")
        if scale is not None and inner is not None:
            return exact_of(scale, inner) or value
    return value


def says_nothing(value: object) -> bool:
    """Whether nothing stands there: nothing at all, blanks, nought, an empty list, a time that programs write where
    they have none."""
    value = unwrapped(value)
    if isinstance(value, str):
        text = value.strip()
        return text in ("", "0") or text[:_DAY] in _NO_DAY
    return not isinstance(value, View) and not value
