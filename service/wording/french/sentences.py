"""Why a customer is written to, in French, by kind of message. No pronoun guesses at anyone's gender."""

from __future__ import annotations

from collections.abc import Mapping

from service.domain.findings import Evidence, Kind
from service.wording.language import Sentence
from service.wording.rounding import is_few, percent, whole_days


def win_back(seen: Evidence, name: str) -> str:
    number = percent(seen.tail_probability)
    share = "moins de 0,1\u00a0%" if number is None else f"{number.replace('.', ',')}\u00a0%"
    few = " seulement" if is_few(seen.tail_probability) else ""
    return (
        f"{name} passe d’habitude {_every(seen.usual_gap_days)} et ne donne plus signe depuis "
        f"{_days(seen.gap_days)}\u00a0; {share}{few} des silences suivis d’un retour, chez de tels clients, ont duré aussi longtemps."
    )


def second_visit(seen: Evidence, name: str) -> str:
    ago = f"il y a {_days(seen.gap_days)}"
    if seen.visits == 1:
        return f"{name} a fait une seule visite, {ago}, et la deuxième vient d’habitude plus tôt."
    return f"{name} a fait {seen.visits}\u00a0visites, la dernière {ago}, et la suivante vient d’habitude plus tôt."


def _days(days: float) -> str:
    count = whole_days(days)
    return "1\u00a0jour" if count == 1 else f"{count}\u00a0jours"


def _every(days: float) -> str:
    """« tous les jours », or « tous les 6 jours »."""
    return "tous les jours" if whole_days(days) == 1 else f"tous les {_days(days)}"


SENTENCES: Mapping[Kind, Sentence] = {
    Kind.WIN_BACK: win_back,
    Kind.SECOND_VISIT: second_visit,
}
