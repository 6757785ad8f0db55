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
    "letter.subject": "{shop} : votre semaine, {week}",
    "letter.your_shop": "Votre commerce",
    "letter.opening": "Votre semaine, {week}",
    "letter.week": "La semaine",
    "letter.month": "Le mois : {month}",
    "letter.item": "{name} : {value}",
    "letter.before": "{before} la semaine précédente",
    "letter.people": "À rappeler",
    "letter.people.intro": "Des habitués qui ne viennent plus, et ce qui est en jeu avec chacun : ce qu’il rapporterait en un an, multiplié par la probabilité de son départ. Les plus grosses sommes d’abord.",
    "letter.nobody": "Aucun habitué dont l’absence pèserait lourd.",
    "letter.page": "Tous les chiffres",
    "letter.foot": "Cette lettre est réservée à votre commerce et nomme des clients : merci de ne pas la transmettre. Pour ne plus la recevoir : letter.enabled = false.",
}  # fmt: skip
