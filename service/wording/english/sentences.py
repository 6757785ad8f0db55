"""Why a customer is written to, in English, by kind of message. No pronoun guesses at anyone's gender."""

from __future__ import annotations

from collections.abc import Mapping

from service.domain.findings import Evidence, Kind
from service.wording.english.subjects import ordinal
from service.wording.language import Sentence
from service.wording.rounding import is_few, percent, whole_days


def win_back(seen: Evidence, name: str) -> str:
    number = percent(seen.tail_probability)
    share = "fewer than 0.1%" if number is None else f"{number}%"
    few = "only " if is_few(seen.tail_probability) else ""
    return (
        f"{name} usually comes every {_every(seen.usual_gap_days)} and has not been seen for {_days(seen.gap_days)}; "
        f"{few}{share} of the silences after which such customers came back lasted this long."
    )


def second_visit(seen: Evidence, name: str) -> str:
    ago = f"{_days(seen.gap_days)} ago"
    if seen.visits == 1:
        return f"{name} came once, {ago}, and second visits usually come sooner."
    return f"{name} has come {seen.visits} times, last {ago}, and the next visit usually comes sooner."


def service_recovery(seen: Evidence, name: str) -> str:
    return f"{name} was not satisfied{_low_scores(seen)} and should hear from a person."


def milestone(seen: Evidence, name: str) -> str:
    return f"{name} has come for the {ordinal(seen.visits)} time."


def delight(seen: Evidence, name: str) -> str:
    return f"{name} is among the loyal customers picked for a thank-you, with {seen.visits} visits so far."


def follow_up(seen: Evidence, name: str) -> str:
    first = ", for the first time," if seen.visits == 1 else ""
    return f"{name} came {_days(seen.gap_days)} ago{first} and can be thanked."


def feedback_request(seen: Evidence, name: str) -> str:
    return f"{name} came {_days(seen.gap_days)} ago and can be asked how it was."


def _low_scores(seen: Evidence) -> str:
    """The latest answers, where there are some."""
    told = [f"NPS {seen.latest_nps}"] if seen.latest_nps is not None else []
    told += [f"CSAT {seen.latest_csat}"] if seen.latest_csat is not None else []
    return f" ({', '.join(told)})" if told else ""


def _days(days: float) -> str:
    count = whole_days(days)
    return "1 day" if count == 1 else f"{count} days"


def _every(days: float) -> str:
    """`every` day, or `every` 6 days."""
    return "day" if whole_days(days) == 1 else _days(days)


SENTENCES: Mapping[Kind, Sentence] = {
    Kind.WIN_BACK: win_back,
    Kind.SECOND_VISIT: second_visit,
    Kind.SERVICE_RECOVERY: service_recovery,
    Kind.MILESTONE: milestone,
    Kind.DELIGHT: delight,
    Kind.FOLLOW_UP: follow_up,
    Kind.FEEDBACK_REQUEST: feedback_request,
}
