"""Who is one customer: the spellings of one id, and the ids that stand for nobody."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

from service.profiles.nobody import spellings_of_nobody, words_for_nobody

ROUNDED: Final = re.compile(r"[+-]?\d(?:[.,]\d+)?[eE]\+\d{1,3}", re.ASCII)
"""4.477E+11: what a spreadsheet leaves of a long number."""
_UNSEEN: Final = dict.fromkeys(map(ord, "\u200b\u2060\ufeff\u200e\u200f\u00ad"))
"""Characters that take no room, as copying from a page leaves them."""
_IN_BRACKETS: Final = re.compile(r"[^<>]*<\s*([^<>@\s]+@[^<>@\s]+)\s*>")
"""Ann Lee <ann@x.org>."""
_PHONE: Final = re.compile(r"\+\d[\d ().\-/]{5,24}", re.ASCII)
_FEWEST_DIGITS: Final = 6
"""Of a phone number."""
_MARKED: Final = re.compile(r"'[+=@\-\d]", re.ASCII)
"""An apostrophe by which exports keep a spreadsheet from computing: '+41791234567."""
_WHOLE: Final = re.compile(r"(\d+)\.0+", re.ASCII)
_UUID: Final = re.compile(r"\{?([0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12})\}?", re.ASCII)
"""Its letters are digits: capitals and braces are a matter of the program that writes it (RFC 9562)."""


def person(text: str) -> str:
    """The id in its one spelling; "" for nobody.

    Blanks around it go, those within it become one, letters are composed (NFC), e-mail addresses are in small letters,
    17850.0 is 17850, and '+4179 is +4179, with or without blanks in it; Ann <ann@x.org> is ann@x.org. A UUID is in
    small letters, without braces.
    """
    if text.isascii():
        if text.isalnum():
            return "" if text in spellings_of_nobody() else text
    else:
        text = unicodedata.normalize("NFC", text.translate(_UNSEEN))
    text = text.strip()
    if _MARKED.match(text):
        text = text[1:]
    elif text[:2] == '="' and text[-1] == '"':  # a spreadsheet's, to keep the noughts of ="00123"
        text = text[2:-1].strip()
    if not text.isprintable() or "  " in text:
        text = " ".join(text.split(" ")) if _has_control(text) else " ".join(text.split())
    if text in spellings_of_nobody() or text.casefold() in words_for_nobody():
        return ""
    if "@" in text:
        named = _IN_BRACKETS.fullmatch(text)
        return (named[1] if named is not None else text.removeprefix("mailto:")).lower()
    if text[-13:-12] == "-" or text[-14:-13] == "-":
        uuid = _UUID.fullmatch(text)
        if uuid is not None:
            return uuid[1].lower()
    if text[:1] == "+" and _PHONE.fullmatch(text):
        return "+" + "".join(character for character in text if character.isdigit())
    if text.endswith("0") and "." in text:
        whole = _WHOLE.fullmatch(text)
        if whole is not None:
            return whole.group(1) if whole.group(1).strip("0") else ""
    return text


def phone_of(text: str) -> str:
    """A phone number in its one spelling, +4179… or 079…; "" for what is none."""
    digits = "".join(character for character in text if character.isdigit())
    if len(digits) < _FEWEST_DIGITS or not digits.strip("0") or any(map(str.isalpha, text)):
        return ""
    return f"+{digits}" if text.lstrip("' ").startswith("+") else digits


def _has_control(text: str) -> bool:
    """Characters that no id holds: those are left for whoever counts them as unusable."""
    return any(unicodedata.category(character) == "Cc" for character in text)
