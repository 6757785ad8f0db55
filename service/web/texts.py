"""What the page says, in the languages that ship. Every language has every text (a test compares them)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from babel import Locale, UnknownLocaleError

from service.domain.sentence import Language, language_of

_NBSP, _THIN = "\u00a0", "\u202f"

ENGLISH: Mapping[str, str] = {
    "title": "Who comes back, who goes quiet",
    "as_of": "as of {day}",
    "condition.starting": "Starting: the state is being read back. Numbers may be missing for a moment.",
    "condition.catching_up": "Catching up: purchases are waiting in the log, so the numbers below are older than now.",
    "condition.stalled": "The feed has fallen silent. Alerts wait, because nobody has “gone quiet” while no purchases arrive. Check the source.",
    "condition.live": "Up to date",
    "totals.adding_up": "The period numbers are being added up.",
    "totals.empty": "No purchases yet. The numbers appear with the first ones.",
    "number.retention_rate": "Retention",
    "number.churn_rate": "Churn",
    "number.repeat_purchase_rate": "Repeat purchases",
    "number.customer_lifetime_value": "Lifetime value",
    "number.nps": "NPS",
    "explain.retention_rate": "buyers of the month before who came again",
    "explain.churn_rate": "buyers of the month before who did not come",
    "explain.repeat_purchase_rate": "buyers with two visits or more",
    "explain.customer_lifetime_value": "at the pace of that month, until they leave",
    "explain.nps": "promoters less detractors, in points",
    "so_far": "{period} so far",
    "rolling_30": "last 30 days",
    "change": "{change} on the month before",
    "points": "{number} points",
    "no_change": "no change",
    "fraction": "{part} of {whole}",
    "answers": "{count} answers ± {margin}",
    "unknown": "not enough data",
    "trend": "{name}, month by month",
    "customers": "Customers",
    "regulars": "regulars",
    "quiet_now": "of them quiet now",
    "partial": "Customers on {counted} of {all} partitions: those of this worker.",
    "partial_unknown": "Customers on {counted} partitions: those of this worker.",
    "by_segment": "By segment",
    "by_band": "By health",
    "segment.new": "New",
    "segment.returning": "Returning",
    "segment.regular": "Regular",
    "segment.vip": "VIP",
    "segment.slowing": "Slowing",
    "segment.quiet": "Quiet",
    "segment.lost": "Lost",
    "band.healthy": "Healthy",
    "band.watch": "To watch",
    "band.at_risk": "At risk",
    "decisions": "Latest decisions",
    "decisions.none": "Nobody has gone quiet so far.",
    "decisions.last": "Of the last {count}:",
    "decisions.private": "Names and ids are shown only by the API, to those who hold the token.",
    "decision.regular": "A regular of {visits} visits, quiet for {gap}, usually every {usual}",
    "decision.other": "A customer of {visits} visits, last seen {gap} ago",
    "days.one": "{count} day",
    "days.other": "{count} days",
    "every.one": "day",
    "every.other": "{count} days",
    "outcome.released": "asked back",
    "outcome.withheld": "withheld",
    "outcome.deferred": "waiting",
    "outcome.suppressed": "not asked",
    "outcome.cancelled": "withdrawn",
    "outcome.expired": "expired",
    "outcome.converted": "came back",
    "reason.due": "due",
    "reason.shadow": "trial run, nothing is sent",
    "reason.no_consent": "no consent",
    "reason.consent_unknown": "consent unknown",
    "reason.erased": "erased",
    "reason.stale": "already long gone at the start",
    "reason.release_rate": "spread over time",
    "reason.volume": "limit reached",
    "reason.returned": "visited",
    "feet.metrics": "Metrics",
    "feet.periods": "Period numbers (JSON)",
    "feet.openapi": "API description",
    "feet.refresh": "This page renews itself every {seconds} seconds.",
}  # fmt: skip

FRENCH: Mapping[str, str] = {
    "title": "Qui revient, qui ne donne plus signe",
    "as_of": "au {day}",
    "condition.starting": "Démarrage : relecture de l’état en cours. Des chiffres peuvent manquer un instant.",
    "condition.catching_up": "Rattrapage en cours : des achats attendent encore, les chiffres ci-dessous ont du retard.",
    "condition.stalled": "Plus rien n’arrive de la caisse. Les alertes attendent : sans achats reçus, personne n’est « absent ». Vérifiez la source.",
    "condition.live": "À jour",
    "totals.adding_up": "Les chiffres des périodes sont en cours d’addition.",
    "totals.empty": "Pas encore d’achats. Les chiffres apparaîtront avec les premiers.",
    "number.retention_rate": "Fidélité",
    "number.churn_rate": "Attrition",
    "number.repeat_purchase_rate": "Réachat",
    "number.customer_lifetime_value": "Valeur vie client",
    "number.nps": "NPS",
    "explain.retention_rate": "acheteurs du mois précédent qui sont revenus",
    "explain.churn_rate": "acheteurs du mois précédent qui ne sont pas venus",
    "explain.repeat_purchase_rate": "acheteurs venus au moins deux fois",
    "explain.customer_lifetime_value": "au rythme de ce mois, jusqu’au départ",
    "explain.nps": "promoteurs moins détracteurs, en points",
    "so_far": "{period}, à ce jour",
    "rolling_30": "30 derniers jours",
    "change": "{change} sur un mois",
    "points": "{number} points",
    "no_change": "stable",
    "fraction": "{part} sur {whole}",
    "answers": "{count} réponses ± {margin}",
    "unknown": "pas assez de données",
    "trend": "{name}, mois par mois",
    "customers": "Clients",
    "regulars": "habitués",
    "quiet_now": "d’entre eux absents",
    "partial": "Clients de {counted} partitions sur {all} : celles de ce processus.",
    "partial_unknown": "Clients de {counted} partitions : celles de ce processus.",
    "by_segment": "Par segment",
    "by_band": "Par santé",
    "segment.new": "Nouveaux",
    "segment.returning": "De retour",
    "segment.regular": "Habitués",
    "segment.vip": "VIP",
    "segment.slowing": "En recul",
    "segment.quiet": "Absents",
    "segment.lost": "Perdus",
    "band.healthy": "En forme",
    "band.watch": "À suivre",
    "band.at_risk": "À risque",
    "decisions": "Dernières décisions",
    "decisions.none": "Personne n’a cessé de venir jusqu’ici.",
    "decisions.last": "Sur les {count} dernières :",
    "decisions.private": "Noms et identifiants ne sont donnés que par l’API, à qui détient le jeton.",
    "decision.regular": "Une personne habituée, {visits} visites, absente depuis {gap}, d’habitude là {usual}",
    "decision.other": "Une personne, {visits} visites, vue il y a {gap}",
    "days.one": "{count} jour",
    "days.other": "{count} jours",
    "every.one": "tous les jours",
    "every.other": "tous les {count} jours",
    "outcome.released": "message demandé",
    "outcome.withheld": "retenu",
    "outcome.deferred": "en attente",
    "outcome.suppressed": "pas de message",
    "outcome.cancelled": "message retiré",
    "outcome.expired": "périmé",
    "outcome.converted": "de retour",
    "reason.due": "le moment est venu",
    "reason.shadow": "essai, rien n’est envoyé",
    "reason.no_consent": "pas de consentement",
    "reason.consent_unknown": "consentement inconnu",
    "reason.erased": "effacé",
    "reason.stale": "absence déjà longue au départ",
    "reason.release_rate": "étalé dans le temps",
    "reason.volume": "limite atteinte",
    "reason.returned": "visite",
    "feet.metrics": "Métriques",
    "feet.periods": "Chiffres par période (JSON)",
    "feet.openapi": "Description de l’API",
    "feet.refresh": "Cette page se renouvelle toutes les {seconds} secondes.",
}  # fmt: skip

TEXTS: Mapping[Language, Mapping[str, str]] = {Language.EN: ENGLISH, Language.FR: FRENCH}


@dataclass(frozen=True, slots=True)
class Tongue:
    """A language with the reader's own habits for numbers and dates."""

    language: Language
    locale: Locale

    def say(self, key: str, /, **filled: object) -> str:
        return self.optional(key, **filled) or key

    def optional(self, key: str, /, **filled: object) -> str | None:
        """None for a text that does not exist: a code that is newer than this page."""
        text = TEXTS[self.language].get(key)
        return None if text is None else _typeset(self.language, text).format(**filled)


def _typeset(language: Language, text: str) -> str:
    """French keeps : ; ! ? and « » together with their words."""
    if language is not Language.FR:
        return text
    joined = (
        text.replace("« ", f"«{_NBSP}").replace(" »", f"{_NBSP}»").replace(" :", f"{_NBSP}:").replace(" %", f"{_NBSP}%")
    )
    return joined.replace(" ;", f"{_THIN};").replace(" ?", f"{_THIN}?").replace(" !", f"{_THIN}!")


def tongue_of(accept_language: str | None) -> Tongue:
    """The reader's best shipped language (RFC 9110, Accept-Language); English where none of theirs ships."""
    wishes = [_wish(part) for part in (accept_language or "")[:500].split(",")]
    for tag, quality in sorted(wishes, key=lambda wish: -wish[1]):
        language = language_of(tag, Language.EN)
        ships = language is language_of(tag, Language.FR)  # else each gives its own fallback
        if quality > 0 and ships:
            return Tongue(language, _locale(tag, language))
    return Tongue(Language.EN, Locale("en"))


def _wish(part: str) -> tuple[str, float]:
    tag, _, parameter = part.strip().partition(";")
    try:
        quality = float(parameter.strip().removeprefix("q=")) if parameter else 1.0
    except ValueError:
        quality = 0.0
    return tag.strip(), quality


def _locale(tag: str, language: Language) -> Locale:
    try:
        return Locale.parse(tag, sep="-")
    except (UnknownLocaleError, ValueError):
        return Locale(language.value)
