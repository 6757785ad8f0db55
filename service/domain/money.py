"""Amounts of money: integer minor units inside, decimal text outside: the one way in which they leave the program."""

from __future__ import annotations


def minor_to_text(minor: int, minor_digits: int) -> str:
    """1250 with two digits → "12.50", with none → "1250"; exact for any amount."""
    if minor_digits == 0:
        return str(minor)
    sign = "-" if minor < 0 else ""
    digits = str(abs(minor)).rjust(minor_digits + 1, "0")
    return f"{sign}{digits[:-minor_digits]}.{digits[-minor_digits:]}"
