"""Minor units as decimal text, exact whatever the size: the one way in which amounts leave the program."""

from __future__ import annotations


def decimal_text(minor: int, digits: int) -> str:
    """1250 with two digits is "12.50", with none "1250"."""
    if digits == 0:
        return str(minor)
    sign = "-" if minor < 0 else ""
    text = str(abs(minor)).rjust(digits + 1, "0")
    return f"{sign}{text[:-digits]}.{text[-digits:]}"
