"""Who is one customer: the spellings of one id, and the ids that stand for nobody."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

_WORDS: Final = (
    "0", "guest", "nan", "null", "none", "n/a", "na", "nil", "undefined", "unknown", "anonymous", "anonym", "walk-in",
    "walk in", "walkin", "walk-in customer", "walk in customer", "walkin customer", "cash customer", "guest customer",
    "no customer", "default customer", "gast", "invité", "invite", "client de passage", "client comptoir", "laufkunde",
    "laufkundschaft", "barverkauf", "invitado", "ospite", "cliente ocasional", "passant", "-", "--", "#n/a", "(none)",
    "(null)", "<na>", "<null>", "nat", "not set", "(not set)", "walk-in guest", "walk-in client", "cash sale", "cash sales",
    "guest checkout", "guest user", "unknown customer", "anonymous user", "anonymous customer", "casual customer", "retail customer",
    "consumidor final", "público en general", "publico en general", "público general", "publico general", "cliente varios",
    "clientes varios", "cliente genérico", "cliente generico", "cliente anónimo", "cliente mostrador", "mostrador", "cliente de paso",
    "cliente final", "consumatore finale", "cliente banco", "client divers", "clients divers", "client anonyme", "client de passage",
    "vente comptoir", "comptoir", "diverse kunden", "kunde diverse", "diverser kunde", "barkunde", "barverkauf kunde", "tageskunde",
    "kassenkunde", "unbekannt", "inconnu", "desconocido", "sconosciuto", "onbekend", "diverse klanten", "contante klant", "gäst", "kontantkund",
    "kontantkunde", "klient detaliczny", "розничный покупатель", "частное лицо", "гость", "perakende müşteri", "misafir", "散客", "游客",
    "零售客户", "一般客", "非会員", "ゲスト", "비회원", "손님", "n.n.", "n. n.",
    "-1", "?", "??", "???", "...", "—", "–", "\\n", "#ref!", "#value!", "#name?", "#null!", "#div/0!", "#num!", "#nv", "#n/v", "#bezug!", "#wert!",
    "00000000-0000-0000-0000-000000000000",
)  # fmt: skip
_FOLDED: Final = frozenset(word.casefold() for word in _WORDS)
NOBODY: Final = frozenset(
    form for word in _WORDS for form in (word, word.upper(), word.capitalize(), word.title())
) | {"NaN", "NaT", "N/a", "0.0"} | {"0" * length for length in range(1, 21)}  # fmt: skip
"""How tills, shops and programs write that they do not know who it was."""
ROUNDED: Final = re.compile(r"[+-]?\d(?:[.,]\d+)?[eE]\+\d{1,3}", re.ASCII)
"""4.477E+11: what a spreadsheet leaves of a long number."""
_UNSEEN: Final = dict.fromkeys(map(ord, "\u200b\u2060\ufeff\u200e\u200f\u00ad"))
"""Characters that take no room, as copying from a page leaves them."""
_IN_BRACKETS: Final = re.compile(r"[^<>]*<\s*([^<>@\s]+@[^<>@\s]+)\s*>")
"""Ann Lee <ann@x.org>."""
_PHONE: Final = re.compile(r"\+\d[\d ().\-/]{5,24}", re.ASCII)
_MARKED: Final = re.compile(r"'[+=@\-\d]", re.ASCII)
"""An apostrophe by which exports keep a spreadsheet from computing: '+41791234567."""
_WHOLE: Final = re.compile(r"(\d+)\.0+", re.ASCII)


def person(text: str) -> str:
    """The id in its one spelling; "" for nobody.

    Blanks around it go, those within it become one, letters are composed (NFC), e-mail addresses are in small letters,
    17850.0 is 17850, and '+4179 is +4179, with or without blanks in it; Ann <ann@x.org> is ann@x.org.
    """
    if text.isascii():
        if text.isalnum():
            return "" if text in NOBODY else text
    else:
        text = unicodedata.normalize("NFC", text.translate(_UNSEEN))
    text = text.strip()
    if _MARKED.match(text):
        text = text[1:]
    elif text[:2] == '="' and text[-1] == '"':  # a spreadsheet's, to keep the noughts of ="00123"
        text = text[2:-1].strip()
    if not text.isprintable() or "  " in text:
        text = " ".join(text.split(" ")) if _has_control(text) else " ".join(text.split())
    if text in NOBODY or text.casefold() in _FOLDED:
        return ""
    if "@" in text:
        named = _IN_BRACKETS.fullmatch(text)
        return (named[1] if named is not None else text.removeprefix("mailto:")).lower()
    if text[:1] == "+" and _PHONE.fullmatch(text):
        return "+" + "".join(character for character in text if character.isdigit())
    if text.endswith("0") and "." in text:
        whole = _WHOLE.fullmatch(text)
        if whole is not None:
            return whole.group(1) if whole.group(1).strip("0") else ""
    return text


def _has_control(text: str) -> bool:
    """Characters that no id holds: those are left for whoever counts them as unusable."""
    return any(unicodedata.category(character) == "Cc" for character in text)
