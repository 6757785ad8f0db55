"""Names within a French phrase: « l’équipe d’Anna », « du Petit Café », « des Deux Moulins »."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

_ARTICLES: Final = {"le ": "du ", "les ": "des "}
_TO_ARTICLES: Final = {"le ": "au ", "les ": "aux "}
"""Which the preposition swallows."""
_NOUNS: Final = {
    **dict.fromkeys(
        ("bar", "bistro", "bistrot", "cafe", "caveau", "chalet", "comptoir", "fournil", "garage", "grand", "jardin", "magasin",
         "marche", "petit", "restaurant", "salon", "studio", "theatre"),
        "du ",
    ),
    **dict.fromkeys(
        ("boucherie", "boulangerie", "boutique", "brasserie", "brulerie", "cave", "cordonnerie", "creperie", "ferme", "fromagerie",
         "grange", "librairie", "maison", "patisserie", "pharmacie", "pizzeria", "table", "taverne"),
        "de la ",
    ),
    **dict.fromkeys(("atelier", "auberge", "epicerie", "herboristerie", "hotel", "institut"), "de l’"),
}  # fmt: skip
"""What a shop is, where its name begins with that: « du Café Anna », « de la Boulangerie Rose »."""
_MUTE_H: Final = re.compile(r"h(?:a[bl]|ar[mp]|e[lru]|i[rsv]|o[mnrst]|u[im]|y)")
"""Beginnings of words whose h is not heard, without accents: hôtel, herbe, histoire, huile. Of others it is."""


def to(name: str) -> str:
    """« à », contracted as the name wants it."""
    for article, contracted in _TO_ARTICLES.items():
        if name.lower().startswith(article) and len(name) > len(article):
            return contracted + name[len(article) :]
    return f"à {name}"


def of(name: str) -> str:
    """« de », elided or contracted as the name wants it."""
    plain = unicodedata.normalize("NFD", name.lower()).encode("ascii", "ignore").decode()
    for article, contracted in _ARTICLES.items():
        if plain.startswith(article) and len(name) > len(article):
            return contracted + name[len(article) :]
    noun, _, rest = plain.partition(" ")
    if rest and noun in _NOUNS:
        return _NOUNS[noun] + name
    if plain[:1] in set("aeiouœæ") or (plain[:1] == "y" and plain[1:2] not in set("aeiou")) or _MUTE_H.match(plain):
        return f"d’{name}"
    return f"de {name}"
