"""One sentence for a person: why this customer is written to. Never a pronoun that guesses at someone's gender."""

from __future__ import annotations

from enum import StrEnum
from typing import assert_never

from service.domain.findings import Evidence, Kind

_FEW = 0.25
"""Shares below it are called few."""


class Language(StrEnum):
    EN = "en"
    FR = "fr"


def language_of(locale: str | None, fallback: Language = Language.EN) -> Language:
    """The shipped language of a BCP 47 locale; `fallback` where it is unknown or not shipped."""
    primary = (locale or "").replace("_", "-").split("-", 1)[0].lower()
    return Language(primary) if primary in tuple(Language) else fallback


def sentence(kind: Kind, evidence: Evidence, customer_id: str, language: Language = Language.EN) -> str:
    """The reason in `language`, from the same numbers that the decision rests on.

    The share is that of customers with a rhythm of the same kind (silences.py): a single one has too few silences for a share of their own.
    """
    match language:
        case Language.EN:
            return _english(kind, evidence, evidence.first_name or f"Customer {customer_id}")
        case Language.FR:
            return _french(kind, evidence, evidence.first_name or f"Client {customer_id}")
        case _:
            assert_never(language)


def _english(kind: Kind, seen: Evidence, name: str) -> str:
    match kind:
        case Kind.WIN_BACK:
            percent = _percent(seen.tail_probability)
            share = "fewer than 0.1%" if percent is None else f"{percent}%"
            few = "only " if _is_few(seen.tail_probability) else ""
            return (
                f"{name} usually comes every {_days_en(seen.usual_gap_days, bare_one=True)} and has not been seen for "
                f"{_days_en(seen.gap_days)}; {few}{share} of the silences after which such customers came back lasted this long."
            )
        case Kind.SECOND_VISIT:
            if seen.visits == 1:
                return f"{name} came once, {_days_en(seen.gap_days)} ago, and second visits usually come sooner."
            return f"{name} has come {_times_en(seen.visits)}, last {_days_en(seen.gap_days)} ago, and the next visit usually comes sooner."
        case Kind.SERVICE_RECOVERY:
            return f"{name} was not happy{_answers(seen, ' (', 'NPS {} of 10', 'satisfaction {} of 5', ')')} and deserves an answer."
        case Kind.MILESTONE:
            return f"{name} has come {_times_en(seen.visits)}."
        case Kind.DELIGHT:
            return f"{name} has come {_times_en(seen.visits)}, and a small surprise now and then keeps that so."
        case Kind.FEEDBACK_REQUEST:
            return f"{name} has just bought and has not been asked for an opinion lately."
        case _:
            assert_never(kind)


def _french(kind: Kind, seen: Evidence, name: str) -> str:
    match kind:
        case Kind.WIN_BACK:
            percent = _percent(seen.tail_probability)
            share = "moins de 0,1\u00a0%" if percent is None else f"{percent.replace('.', ',')}\u00a0%"
            few = " seulement" if _is_few(seen.tail_probability) else ""
            rhythm = _days_fr(seen.usual_gap_days, every=True)
            return (
                f"{name} passe d’habitude {rhythm} et ne donne plus signe depuis {_days_fr(seen.gap_days)}\u00a0; "
                f"{share}{few} des silences suivis d’un retour, chez de tels clients, ont duré aussi longtemps."
            )
        case Kind.SECOND_VISIT:
            if seen.visits == 1:
                return f"{name} a fait une seule visite, il y a {_days_fr(seen.gap_days)}, et la deuxième vient d’habitude plus tôt."
            return f"{name} a fait {_visits_fr(seen.visits)}, la dernière il y a {_days_fr(seen.gap_days)}, et la suivante vient d’habitude plus tôt."
        case Kind.SERVICE_RECOVERY:
            answers = _answers(seen, " (", "NPS {} sur 10", "satisfaction {} sur 5", ")")
            return f"La dernière visite a déçu {name}{answers}\u00a0; une réponse s’impose."
        case Kind.MILESTONE:
            return f"{name} en est à {_visits_fr(seen.visits)}."
        case Kind.DELIGHT:
            return f"{name} en est à {_visits_fr(seen.visits)}\u00a0: une petite surprise de temps en temps entretient la fidélité."
        case Kind.FEEDBACK_REQUEST:
            return f"{name} vient de faire un achat et n’a pas donné son avis récemment."
        case _:
            assert_never(kind)


def _days_en(days: float, *, bare_one: bool = False) -> str:
    """`6 days`, `1 day`; with `bare_one` just `day`, as in `every day`."""
    count = max(1, round(days))
    if count == 1:
        return "day" if bare_one else "1 day"
    return f"{count} days"


def _days_fr(days: float, *, every: bool = False) -> str:
    """« 6 jours », « 1 jour »; with `every` « tous les 6 jours », « tous les jours »."""
    count = max(1, round(days))
    if count == 1:
        return "tous les jours" if every else "1\u00a0jour"
    return f"{'tous les ' if every else ''}{count}\u00a0jours"


def _times_en(visits: int) -> str:
    return "once" if visits == 1 else f"{visits} times"


def _visits_fr(visits: int) -> str:
    return f"{visits}\u00a0visite{'s' if visits > 1 else ''}"


def _percent(probability: float) -> str | None:
    """Whole percents, one decimal below 1 %; None below 0.1 %, which would read as none."""
    percent = probability * 100
    if percent < 0.1:
        return None
    return f"{percent:.0f}" if percent >= 0.95 else f"{percent:.1f}"


def _is_few(probability: float) -> bool:
    """Whether the share is few, and not already said to be fewer than anything."""
    return _percent(probability) is not None and probability < _FEW


def _answers(seen: Evidence, lead: str, nps: str, csat: str, end: str) -> str:
    """The latest answers that are known, between `lead` and `end`; empty where there are none."""
    said = []
    if seen.latest_nps is not None:
        said.append(nps.format(seen.latest_nps))
    if seen.latest_csat is not None:
        said.append(csat.format(seen.latest_csat))
    return lead + ", ".join(said) + end if said else ""
