"""What the shop itself is sent, in French: notices and the weekly letter."""

from __future__ import annotations

from collections.abc import Mapping

POST: Mapping[str, str] = {
    "notice.below.begins": "{period} : {number} à {value}, sous le seuil de {limit}.",
    "notice.below.ends": "{period} : {number} à {value}, de nouveau au-dessus du seuil de {limit}.",
    "notice.above.begins": "{period} : {number} à {value}, au-dessus du seuil de {limit}.",
    "notice.above.ends": "{period} : {number} à {value}, de nouveau sous le seuil de {limit}.",
    "notice.falls": "{period} : {number} à {value}, contre {before} pour {then} ; une baisse que le hasard n’explique pas.",
    "notice.rises": "{period} : {number} à {value}, contre {before} pour {then} ; une hausse que le hasard n’explique pas.",
}  # fmt: skip
