"""Why a customer is written to, in French, by kind of message. No pronoun guesses at anyone's gender."""

from __future__ import annotations

from collections.abc import Mapping

from service.domain.findings import Evidence, Kind
from service.wording.french.names import of
from service.wording.french.subjects import ordinal
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


def service_recovery(seen: Evidence, name: str) -> str:
    return f"{name} nous a donné une note basse{_low_scores(seen)} et attend une réponse personnelle."


def milestone(seen: Evidence, name: str) -> str:
    return f"{name} a fait sa {ordinal(seen.visits)}\u00a0visite."


def delight(seen: Evidence, name: str) -> str:
    visits = "1\u00a0visite" if seen.visits == 1 else f"{seen.visits}\u00a0visites"
    return f"{name} fait partie des fidèles choisis pour un petit merci, avec {visits} à ce jour."


def follow_up(seen: Evidence, name: str) -> str:
    which = "sa première visite" if seen.visits == 1 else "une visite"
    return f"{name} a fait {which} il y a {_days(seen.gap_days)}\u00a0: c’est le moment de dire merci."


def feedback_request(seen: Evidence, name: str) -> str:
    return f"La dernière visite {of(name)} remonte à {_days(seen.gap_days)}\u00a0: c’est le moment de demander un avis."


def _low_scores(seen: Evidence) -> str:
    """The latest answers, where there are some."""
    told = [f"NPS {seen.latest_nps}"] if seen.latest_nps is not None else []
    told += [f"CSAT {seen.latest_csat}"] if seen.latest_csat is not None else []
    return f" ({', '.join(told)})" if told else ""


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
