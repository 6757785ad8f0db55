"""Why a customer is written to, in French, by kind of message. No pronoun guesses at anyone's gender."""

from __future__ import annotations

from collections.abc import Mapping

from service.domain.events import Survey
from service.domain.findings import Evidence, Kind
from service.wording.french.names import of, to
from service.wording.french.subjects import ordinal
from service.wording.language import Sentence
from service.wording.rounding import HIGHEST, is_few, percent, whole_days


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


def service_recovery(seen: Evidence, name: str) -> str:
    about = seen.about
    if about is None or about.survey is None:
        return f"Quelque chose n’a pas plu {to(name)}\u00a0; un mot d’une vraie personne s’impose."
    answered = f"{name} a répondu {about.score} sur {HIGHEST[about.survey]} à la question {_ASKED[about.survey]}"
    if about.step == "resolved":
        return f"{answered}\u00a0; le nécessaire a été fait depuis, il reste à le lui dire."
    return f"{answered}\u00a0; cela mérite des excuses et le nom de quelqu’un à qui écrire."


def milestone(seen: Evidence, name: str) -> str:
    number = seen.visits if seen.about is None or seen.about.number is None else seen.about.number
    return f"C’est la {ordinal(number)}\u00a0visite {of(name)}."


def delight(seen: Evidence, name: str) -> str:
    return f"{name} compte {_visits(seen.visits)} et gagne au tirage au sort de la semaine\u00a0: une petite surprise, sans autre raison."


def follow_up(seen: Evidence, name: str) -> str:
    if seen.about is not None and seen.about.step == "first":
        return f"{name} vient de faire son premier achat, un merci s’impose."
    return f"{name} compte {_visits(seen.visits)}, un merci pour le dernier achat s’impose."


def feedback_request(seen: Evidence, name: str) -> str:
    about = seen.about
    asked = "de savoir comment c’était" if about is None or about.survey is None else _ASKED[about.survey]
    if about is None or about.order_id is None:
        return f"{name} compte {_visits(seen.visits)}, et la question {asked} ne lui a pas été posée depuis longtemps."
    return f"{name} vient de faire un achat, et la question {asked} ne lui a pas été posée depuis longtemps."


_ASKED: Mapping[Survey, str] = {
    Survey.NPS: "de la recommandation",
    Survey.CSAT: "de la satisfaction",
    Survey.CES: "de la facilité",
}


def _visits(visits: int) -> str:
    return "1\u00a0visite" if visits == 1 else f"{visits}\u00a0visites"


def _days(days: float) -> str:
    count = whole_days(days)
    return "1\u00a0jour" if count == 1 else f"{count}\u00a0jours"


def _every(days: float) -> str:
    """« tous les jours », or « tous les 6 jours »."""
    return "tous les jours" if whole_days(days) == 1 else f"tous les {_days(days)}"


SENTENCES: Mapping[Kind, Sentence] = {
    Kind.WIN_BACK: win_back,
    Kind.SECOND_VISIT: second_visit,
    Kind.SERVICE_RECOVERY: service_recovery,
    Kind.MILESTONE: milestone,
    Kind.DELIGHT: delight,
    Kind.FOLLOW_UP: follow_up,
    Kind.FEEDBACK_REQUEST: feedback_request,
}
