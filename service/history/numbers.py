"""Numbers that a program has written, whose point is the decimal one."""

from __future__ import annotations


def decimal_text(text: str) -> str:
    """A number that ends after exactly three decimals gets a nought, so that its point is not taken for one between
    thousands."""
    return text + "0" if text[-4:-3] == "." and text[-3:].isdigit() else text


def bytes_text(value: bytes) -> str:
    """Letters where the bytes are some, as Spark and old writers of Parquet leave them; else the bytes themselves."""
    try:
        text = value.decode("utf-8")
    except UnicodeDecodeError:
        return value.hex()
    return text if text.isprintable() else value.hex()
