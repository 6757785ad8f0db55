"""One absence, from a visit to the next: the dates stored for it, and what outreach has done in it.

The rules in words:

- A visit ends the absence before it and begins a new one, whatever had been decided.
- Where somebody follows the customer, a date is stored on which the next rung is looked at. It may move, because more
  has been learned meanwhile, or because the whole feed was silent, which is nobody's absence.
- A rung that has come due is decided at once, or waits: for a slot, because what comes late, after an outage, does not
  go out all at once; or because far more come due than usual. While it waits, the date on which it came due stays, and
  feed silence moves nothing.
- A rung is decided at most once an absence. When none is left, the stored date is the one on which the absence counts
  as lost, where somebody learns from that; after it there is nothing to wait for.

MOVES is the same as a table; a test holds the engine's every step against it.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from typing import Any, Final

from service.domain.acyclic import mypyc_attr
from service.domain.calendar import NEVER
from service.domain.stumbling import hold


class State(Enum):
    """Where an absence stands."""

    UNWATCHED = "unwatched"
    """Nobody follows it: no date is stored."""
    WATCHED = "watched"
    """The next rung has a date."""
    DEFERRED = "deferred"
    """A rung has come due and waits."""
    DECIDED = "decided"
    """Every rung has been decided; the date is when the absence counts as lost, if any."""


MOVES: Final[dict[str, dict[State, tuple[State, ...]]]] = {
    "watch": {State.UNWATCHED: (State.WATCHED,), State.WATCHED: (State.WATCHED,)},
    "pause": {State.WATCHED: (State.WATCHED,), State.DECIDED: (State.DECIDED,)},
    "defer": {State.WATCHED: (State.DEFERRED,), State.DEFERRED: (State.DEFERRED,)},
    "decide": {
        State.WATCHED: (State.WATCHED, State.DECIDED),
        State.DEFERRED: (State.WATCHED, State.DECIDED),
    },
    "drop": {
        State.UNWATCHED: (State.UNWATCHED,),
        State.WATCHED: (State.WATCHED,),
        State.DEFERRED: (State.WATCHED,),
        State.DECIDED: (State.DECIDED,),
    },
    "unwatch": {
        State.WATCHED: (State.UNWATCHED,),
        State.DEFERRED: (State.UNWATCHED,),
        State.DECIDED: (State.DECIDED,),
    },
    "begin": dict.fromkeys(State, (State.UNWATCHED,)),
}
"""Move → the states it starts from → those it may lead to. `begin` opens the next absence."""


RARE: Final = (
    "alerted_us", "detected_us", "earlier_releases", "names", "released_rung", "released_us", "sent_as", "sent_until_us",
    "stopped_us", "waiting", "waiting_rung", "waits_for", "withheld",
)  # fmt: skip
"""What of an absence is nothing unless outreach has acted in it."""
_APART: Final = ("names", "withheld", "stopped_us", "waiting", "waiting_rung")
"""Those of them that are stored apart from the rest, in this order."""


@mypyc_attr(acyclic=True)
class Acted:
    """What outreach has done in an absence, or is about to do. Most absences have nothing of it."""

    __slots__ = RARE

    def __init__(self) -> None:
        self.detected_us: int = 0
        self.released_us: int = 0
        self.released_rung: int = 0
        self.earlier_releases: list[int] | None = None
        self.alerted_us: int = 0
        self.sent_as: str = ""
        self.sent_until_us: int = 0
        self.waits_for: str = ""
        self.names: tuple[str, ...] | None = None
        self.withheld: tuple[int, ...] | None = None
        self.stopped_us: int = 0
        self.waiting: str = ""
        self.waiting_rung: int = 0

    def copy(self) -> Acted:
        """Its own where something has been done."""
        if self is _NOTHING:
            return self
        copy = Acted()
        for name in RARE:
            value = getattr(self, name)
            setattr(copy, name, value.copy() if isinstance(value, list) else value)
        return copy


_SAME_NAMES: Final[dict[tuple[str, ...], tuple[str, ...]]] = {}
_MOST_SAME: Final = 4096


def _shared_names(names: tuple[str, ...]) -> tuple[str, ...]:
    """The same for everybody to whom steps of the same names were sent. A policy makes a few dozen; what a policy that
    changes daily makes beyond is not shared."""
    known = _SAME_NAMES.get(names)
    if known is not None:
        return known
    if len(_SAME_NAMES) < _MOST_SAME:
        _SAME_NAMES[names] = names
    return names


_NOTHING: Final = Acted()
"""Of every absence in which nothing has been done; never written to."""


@mypyc_attr(acyclic=True)
class Episode:
    """The present absence of one customer; times are µs. Cost: one small object per customer, and a second where
    outreach has acted."""

    __slots__ = ("_acted", "due_us", "paused_us", "rung", "stalled_us")

    def __init__(self) -> None:
        self.due_us: int = NEVER
        """When the next rung is looked at; at the latest when it comes due by what was known when this was stored.
        After the last rung, where a volume learns from silences: when this one counts as lost."""
        self.rung: int = 0
        """Rungs decided so far."""
        self.stalled_us: int = 0
        """Feed silence (running total of the clock) already added to the dates."""
        self.paused_us: int = 0
        """Feed silence added to the dates of this absence."""
        self._acted: Acted = _NOTHING

    # ---- what has been done in it

    @property
    def detected_us(self) -> int:
        """When the rung that is deferred came due; 0 if none is."""
        return self._acted.detected_us

    @property
    def released_us(self) -> int:
        """Release of the newest rung, or when it was withheld for the control group; 0 if there was none."""
        return self._acted.released_us

    @property
    def released_rung(self) -> int:
        """Number of that rung."""
        return self._acted.released_rung

    @property
    def earlier_releases(self) -> list[int] | None:
        """Releases before the newest: rung, time, rung, time …; None: there are none."""
        return self._acted.earlier_releases

    @property
    def alerted_us(self) -> int:
        """When the first rung came due, if it was chosen; 0: not yet, or not chosen."""
        return self._acted.alerted_us

    @property
    def sent_as(self) -> str:
        """The id under which releases up to `sent_until_us` went out, where it was another one than the customer has;
        empty: all went out under the customer's."""
        return self._acted.sent_as

    @property
    def sent_until_us(self) -> int:
        return self._acted.sent_until_us

    @property
    def waits_for(self) -> str:
        """The reason for which the rung that is deferred waits; empty if none is, or if an older release deferred
        it."""
        return self._acted.waits_for

    @property
    def names(self) -> tuple[str, ...] | None:
        """What the steps that were released or withheld were called, the oldest first. None: there are none, or an
        older release of this program sent the first."""
        return self._acted.names

    @property
    def withheld(self) -> tuple[int, ...] | None:
        """Which of the steps were withheld for the control group; None: none."""
        return self._acted.withheld

    @property
    def sent_first_us(self) -> int:
        """When the first message of this absence was sent, those that were withheld not counted; 0: none was."""
        if not self._acted.released_us:
            return 0
        for rung, at_us in reversed(self.releases()):
            if not self.is_withheld(rung):
                return at_us
        return 0

    def is_withheld(self, rung: int) -> bool:
        """Whether that step was decided as if it went out, and did not."""
        withheld = self._acted.withheld
        return withheld is not None and rung in withheld

    @property
    def stopped_us(self) -> int:
        """What went out up to then is void: the customer does not want it any more. 0: nothing is."""
        return self._acted.stopped_us

    @property
    def waiting(self) -> str:
        """What the step that is deferred is called; empty if none is, or if an older release deferred it."""
        return self._acted.waiting

    @property
    def waiting_rung(self) -> int:
        """Number of that step."""
        return self._acted.waiting_rung

    def has_sent(self, name: str) -> bool:
        """Whether a step of that name went out, or was withheld."""
        names = self._acted.names
        return names is not None and name in names

    def name_of(self, rung: int) -> str:
        """What the step was called when it went out; empty: an older release has not noted it."""
        names = self._acted.names
        if names is not None:
            for (number, _), name in zip(self.releases(), reversed(names), strict=True):
                if number == rung:
                    return name
        return ""

    def rare(self) -> tuple[object, ...]:
        """What of an absence is stored apart, since few customers have it; empty: nothing."""
        acted = self._acted
        if acted.names is None and not acted.waiting and not acted.stopped_us:
            return ()
        return (acted.names, acted.withheld, acted.stopped_us, acted.waiting, acted.waiting_rung)

    def take_rare(self, fields: Sequence[Any]) -> None:
        """Takes over what `rare` gave. Raises LaterReleaseError where there is more."""
        hold(fields, len(_APART), "an absence")
        for name, value in zip(_APART, fields, strict=False):
            if name == "names" and value:
                self._own().names = _shared_names(tuple(value))
            elif name == "withheld" and value:
                self._own().withheld = tuple(value)
            else:
                self.restore(name, value)

    def restore(self, name: str, value: Any) -> None:
        """Takes over a field as it was stored."""
        if name not in RARE:
            setattr(self, name, value)
        elif value:
            setattr(self._own(), name, value)

    def _own(self) -> Acted:
        """Of this absence alone, to be written to."""
        if self._acted is _NOTHING:
            self._acted = Acted()
        return self._acted

    # ---- moves

    def state(self, rungs: int) -> State:
        """Where the absence stands, on a ladder of so many rungs."""
        if self.detected_us:
            return State.DEFERRED
        if self.rung >= rungs:
            return State.DECIDED
        return State.UNWATCHED if self.due_us >= NEVER else State.WATCHED

    @property
    def untouched(self) -> bool:
        """Whether no rung has come due yet."""
        return self.rung == 0 and self.detected_us == 0

    def begin(self, stalled_us: int) -> None:
        """A visit: the next absence, of which no date is known yet. `stalled_us`: the clock's total of feed silence at
        that visit."""
        self.due_us = NEVER
        self.rung = self.paused_us = 0
        self.stalled_us = stalled_us
        self._acted = _NOTHING

    def watch(self, due_us: int) -> None:
        """The date on which the next rung is looked at is known, or known better."""
        self.due_us = due_us

    def pause(self, stalled_us: int) -> None:
        """The feed has been silent: the dates move by what the clock's total has grown."""
        paused = stalled_us - self.stalled_us
        self.due_us += paused
        self.paused_us += paused
        self.stalled_us = stalled_us

    def leave(self, stalled_us: int) -> None:
        """The absence goes on in another partition, whose clock has a total of its own."""
        paused = max(0, stalled_us - self.stalled_us)
        if self.due_us < NEVER and not self.detected_us:
            self.due_us += paused
        self.paused_us += paused
        self.stalled_us = stalled_us

    def defer(self, detected_us: int, retry_us: int, waits_for: str, waiting: str, waiting_rung: int) -> None:
        """The rung that came due at `detected_us`, of that name and number, waits until `retry_us`, for the reason
        given."""
        acted = self._own()
        acted.detected_us, acted.waits_for = detected_us, waits_for
        acted.waiting, acted.waiting_rung = waiting, waiting_rung
        self.due_us = retry_us

    def alerted(self, at_us: int) -> None:
        """The first rung has come due at `at_us` and was chosen."""
        self._own().alerted_us = at_us

    def release(self, rung: int, at_us: int, name: str, *, withheld: bool = False) -> None:
        """The rung goes out, or would if the customer were not in the control group (`withheld`). `decide` follows."""
        acted = self._own()
        if acted.names is not None or not acted.released_us:
            acted.names = _shared_names((*(acted.names or ()), name))
        if withheld:
            acted.withheld = (*(acted.withheld or ()), rung)
        if acted.released_us:
            acted.earlier_releases = [*(acted.earlier_releases or []), acted.released_rung, acted.released_us]
        acted.released_us, acted.released_rung = at_us, rung

    def decide(self, rungs: int, due_us: int) -> None:
        """So many rungs are decided; the next date is known."""
        self._waits_no_more()
        self.rung, self.due_us = rungs, due_us

    def stop(self, at_us: int) -> None:
        """What has gone out so far is void."""
        self._own().stopped_us = at_us

    def drop(self) -> None:
        """The rung that waits, if one does, will not go out; a new date follows."""
        self._waits_no_more()

    def unwatch(self) -> None:
        """There is nothing to wait for any more."""
        self._waits_no_more()
        self.due_us = NEVER

    def _waits_no_more(self) -> None:
        if self._acted.detected_us:
            acted = self._own()
            acted.detected_us, acted.waits_for = 0, ""
            acted.waiting, acted.waiting_rung = "", 0

    def take_over(self, other: Episode, other_id: str) -> None:
        """The absence is the one that another id of the same customer is in."""
        self.due_us, self.rung = other.due_us, other.rung
        self.stalled_us, self.paused_us = other.stalled_us, other.paused_us
        self._acted = other._acted.copy()
        if self.released_us and not self.sent_as:
            acted = self._own()
            acted.sent_as, acted.sent_until_us = other_id, acted.released_us

    def releases(self) -> list[tuple[int, int]]:
        """(rung, time) of what went out in this absence, the newest first."""
        if not self.released_us:
            return []
        earlier = self.earlier_releases or []
        return [
            (self.released_rung, self.released_us),
            *((earlier[at], earlier[at + 1]) for at in range(len(earlier) - 2, -1, -2)),
        ]
