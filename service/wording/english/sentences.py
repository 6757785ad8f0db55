"""Why a customer is written to, in English, by kind of message. No pronoun guesses at anyone's gender."""

from __future__ import annotations

from collections.abc import Mapping

from service.domain.events import Survey
from service.domain.findings import Evidence, Kind
from service.wording.english.subjects import ordinal
from service.wording.language import Sentence
from service.wording.rounding import HIGHEST, is_few, percent, whole_days


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
    about = seen.about
    if about is None or about.survey is None:
        return f"{name} was not satisfied, and deserves a word from a person."
    answered = f"{name} gave {about.score} out of {HIGHEST[about.survey]} when asked {_ASKED[about.survey]}"
    if about.step == "resolved":
        return f"{answered}; it has been dealt with since, and {name} should hear how."
    return f"{answered}; that calls for an apology and a person to write to."


def milestone(seen: Evidence, name: str) -> str:
    number = seen.visits if seen.about is None or seen.about.number is None else seen.about.number
    return f"{name} has come for the {ordinal(number)} time."


def delight(seen: Evidence, name: str) -> str:
    return (
        f"{name} has come {_times(seen.visits)} and was drawn by lot this week: a small surprise, for no other reason."
    )


def follow_up(seen: Evidence, name: str) -> str:
    if seen.about is not None and seen.about.step == "first":
        return f"{name} has bought here for the first time, and a thank-you is in order."
    return f"{name} has come {_times(seen.visits)}, and a thank-you for the last purchase is in order."


def feedback_request(seen: Evidence, name: str) -> str:
    asked = "what it was like" if seen.about is None or seen.about.survey is None else _ASKED[seen.about.survey]
    if seen.about is None or seen.about.order_id is None:
        return f"{name} has come {_times(seen.visits)} and has not been asked {asked} for some time."
    return f"{name} has bought here lately and has not been asked {asked} for some time."


_ASKED: Mapping[Survey, str] = {
    Survey.NPS: "whether they would recommend the shop",
    Survey.CSAT: "how satisfied they were",
    Survey.CES: "how easy it was",
}


def _times(visits: int) -> str:
    return "once" if visits == 1 else "twice" if visits == 2 else f"{visits} times"


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
