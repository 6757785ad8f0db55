"""Subject lines in French, by kind of message and rung."""

from __future__ import annotations

from collections.abc import Mapping

SUBJECTS: Mapping[str, tuple[str, str]] = {
    "win_back": ("{name}, vous nous manquez", "Vous nous manquez"),
    "win_back.incentive": ("{name}, une petite attention pour vous", "Une petite attention pour vous"),
    "second_visit": ("{name}, au plaisir de vous revoir", "Au plaisir de vous revoir"),
    "service_recovery": ("{name}, toutes nos excuses", "Toutes nos excuses"),
    "service_recovery.resolved": (
        "{name}, vous nous l’aviez dit\u00a0: voici ce que nous avons fait",
        "Vous nous l’aviez dit\u00a0: voici ce que nous avons fait",
    ),
    "milestone": ("{name}, c’était votre {visit}\u00a0visite", "C’était votre {visit}\u00a0visite"),
    "delight": ("{name}, un petit merci de notre part", "Un petit merci de notre part"),
    "feedback_request": ("{name}, comment c’était\u202f?", "Comment c’était\u202f?"),
    "follow_up": ("Merci, {name}", "Merci de votre visite"),
}


def ordinal(number: int) -> str:
    """1re, 2e: of a visit, which is feminine."""
    return "1re" if number == 1 else f"{number}e"
