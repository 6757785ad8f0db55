"""Why a customer is on a list: their rhythm and their silence, in one sentence. Page and letter say the same."""

from __future__ import annotations

from dataclasses import dataclass

from service.wording.formats import Formats


@dataclass(frozen=True, slots=True)
class Silence:
    """Of somebody who has visited. Days may be fractions."""

    days: float
    """Since the last visit, now."""
    judged_days: float
    """The same when it was last judged: `tail_probability` is of that moment."""
    usual_gap_days: float | None
    tail_probability: float | None
    """Share of such pauses that last at least `judged_days`; None = too few visits."""
    visits: int


def why(silence: Silence, formats: Formats) -> str:
    """In the reader's language. A share is said only where it was judged beyond the usual gap: a pause that has lasted
    on since is longer than at least as many."""
    gap = formats.days(silence.days)
    if silence.usual_gap_days is None:
        return formats.say("why.once", gap=gap)
    usual = formats.days(silence.usual_gap_days, "every")
    if silence.tail_probability is None:
        return formats.say("why.few", usual=usual, gap=gap, visits=formats.counted(silence.visits, "visit"))
    if silence.days <= silence.usual_gap_days:
        return formats.say("why.in_time", usual=usual, gap=gap)
    if silence.judged_days <= silence.usual_gap_days:
        return formats.say("why.overdue", usual=usual, gap=gap)
    return formats.say("why.late", usual=usual, gap=gap, share=formats.share(1.0 - silence.tail_probability))
