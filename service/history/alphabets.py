"""Text that is no UTF-8: in which encoding its letters are those of one language.

A byte is one letter in Windows-1252 and another in Windows-1250, and both readings are text. But "ø", "ì" and "è" are
of no one language of the West, while "ř", "ě" and "č" are all Czech.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import Final

_WEST: Final = (
    "äöüß", "àâæçèéêëîïôœùûü", "áéíñóúü", "ãáàâçéêíóôõú", "àèéìíîòóù", "ëéèïöüá", "åäöé", "æøåé", "äöåšž", "áðéíóúýþæö",
    "àçèéíïòóúü",
)  # fmt: skip
"""German, French, Spanish, Portuguese, Italian, Dutch, Swedish, Danish and Norwegian, Finnish, Icelandic, Catalan."""
_LATIN: Final[dict[str, tuple[str, ...]]] = {
    "cp1252": _WEST,
    "cp1250": ("ąćęłńóśźż", "áčďéěíňóřšťúůýž", "áäčďéíĺľňóôŕšťúýž", "áéíóöőúüű", "ăâîşţ", "čćđšž"),
    "cp1254": ("çğıöşüâî",),
    "cp1257": ("ąčęėįšųūž", "āčēģīķļņšūž"),
    "cp850": _WEST,
    "mac-roman": _WEST,
}  # fmt: skip
"""Encoding → letters beyond ASCII of the languages that are written in it with ASCII's."""
_OTHERS: Final[dict[str, tuple[str, ...]]] = {
    "cp1255": ("אבגדהוזחטיךכלםמןנסעףפץצקרשת",),
    "cp1256": ("ءآأؤإئابةتثجحخدذرزسشصضطظعغفقكلمنهوىيپچژگ",),
    "cp1253": ("αβγδεζηθικλμνξοπρσςτυφχψωάέήίόύώϊϋ",),
    "cp1251": ("абвгдежзийклмнопрстуфхцчшщъыьэюяё", "абвгґдеєжзиіїйклмнопрстуфхцчшщьюя"),
    "koi8-r": ("абвгдежзийклмнопрстуфхцчшщъыьэюяё",),
}
"""The same of other scripts; of two that fit alike the first one is it."""
_EAST: Final[dict[str, tuple[str, str, int]]] = {
    "cp949": ("euc-kr", "\uac00-\ud7a3", 0xC8),
    "cp932": ("shift-jis", "\u3041-\u30ff\u4e00-\u9fa5", 0xFF),
    "big5": ("big5", "\u4e00-\u9fa5", 0xC6),
    "gb18030": ("gb2312", "\u4e00-\u9fa5", 0xD7),
}
"""Encoding → the one of everyday writing within it, its letters, and the first byte of the last frequent ones."""
_ENOUGH: Final = 0.95
"""Of the letters that are those of one language."""
_EVERYDAY: Final = 0.85
_FAR_BETTER: Final = 0.1
_ALIKE: Final = 0.02
_FEWEST: Final = 3
_SHORTEST: Final = 3
"""Letters of a word; shorter runs may be signs, such as a quote and a dash."""
_WORD: Final = re.compile(rb"[A-Za-z]?[\x80-\xff]+[A-Za-z]?")
_IN_A_WORD: Final = re.compile(rb"(?<=[A-Za-z])[\x80-\xff](?=[A-Za-z])")
_MONEY_OF_CP1250: Final = re.compile(rb"\d[ \xa0]?(?:z\xb3|K\xe8)(?![A-Za-z\x80-\xff])")
"""12,50 zł and 12,50 Kč, as they are written there; names beside them may be of any language."""
_BETWEEN_DIGITS: Final = re.compile(rb"(?<=\d)\xa0(?=\d{3}(?!\d))")
"""1 234,50 with the blank that Windows keeps together: the letter that DOS has there stands in no number."""
_APOSTROPHES: Final = "’·"


def encoding_by_letters(sample: bytes) -> str:
    """The encoding of lines that are no UTF-8; "" = they do not show it, or it is that of the West."""
    east = _of_east(sample)
    if east:
        return east
    if len(_MONEY_OF_CP1250.findall(sample)) >= _FEWEST:
        return "cp1250"
    sample = _BETWEEN_DIGITS.sub(b" ", sample)
    words = _WORD.findall(sample)
    among_ascii = sum(len(word) - 1 for word in words if word[:1].isalpha() or word[-1:].isalpha())
    alone = sum(
        len(word) for word in words if len(word) >= _SHORTEST and not word[:1].isalpha() and not word[-1:].isalpha()
    )
    high = Counter(byte for byte in sample if byte >= 0x80)
    if high.total() < _FEWEST:
        return ""
    if among_ascii >= alone:
        inner = Counter(found[0] for found in _IN_A_WORD.findall(sample))
        shares = {name: _share(name, high, inner, of) for name, of in _LATIN.items()}
        name = max(shares, key=shares.__getitem__)
        return name if shares[name] >= max(_ENOUGH, shares["cp1252"] + _FAR_BETTER) else ""
    shares = {name: _share(name, high, Counter(), of) for name, of in _OTHERS.items() if _is_mostly_small(name, high)}
    best = max(shares.values(), default=0.0)
    return next((name for name, share in shares.items() if share >= max(_ENOUGH, best - _ALIKE)), "")


def _share(encoding: str, high: Counter[int], inner: Counter[int], alphabets: tuple[str, ...]) -> float:
    """Which share of the letters one language has; what stands within a word is one."""
    letters: Counter[str] = Counter()
    for byte, count in high.items():
        try:
            letter = bytes((byte,)).decode(encoding)
        except UnicodeDecodeError:
            return 0.0
        if not letter.isprintable() and letter != "\u00a0":
            return 0.0
        if letter.isalpha():
            letters["ı" if letter == "İ" else letter.lower()] += count
        elif letter not in _APOSTROPHES:
            letters[letter] += inner[byte]
    total = letters.total()
    return max(sum(letters[one] for one in alphabet) for alphabet in alphabets) / total if total else 0.0


def _is_mostly_small(encoding: str, high: Counter[int]) -> bool:
    letters = [(bytes((byte,)).decode(encoding, errors="ignore"), count) for byte, count in high.items()]
    return 2 * sum(count for letter, count in letters if letter == letter.lower()) >= high.total()


def _of_east(sample: bytes) -> str:
    """An encoding of two bytes a letter: all of it can be read, in everyday letters that stand by themselves."""
    found: dict[str, float] = {}
    for encoding, (everyday, letters, last) in _EAST.items():
        try:
            text = sample.decode(encoding)
        except UnicodeDecodeError:
            continue
        wide = re.findall(r"[A-Za-z]?[^\x00-\x7f\u3000-\u303f\uff01-\uff5e]+[A-Za-z]?", text)
        alone = sum(not (word[0].isascii() or word[-1].isascii()) for word in wide)
        if not wide or 2 * alone <= len(wide):
            continue
        seen = [letter for word in wide for letter in word if not letter.isascii() and letter.isalpha()]
        usual = sum(_is_usual(letter, everyday, last) for letter in re.findall(f"[{letters}]", "".join(seen)))
        found[encoding] = usual / len(seen) if seen else 0.0
    best = max(found.values(), default=0.0)
    return next((name for name, share in found.items() if share >= max(_EVERYDAY, best - _ALIKE)), "")


def _is_usual(letter: str, everyday: str, last: int) -> bool:
    try:
        written = letter.encode(everyday)
    except UnicodeEncodeError:
        return False
    return len(written) == 2 and written[0] <= last
