"""What of a customer is followed after a message, and from when on their history teaches nothing.

A side object that few customers have: everybody else pays for it with an empty field.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Final

from service.domain.acyclic import mypyc_attr
from service.domain.calendar import NEVER
from service.domain.stored import Stored
from service.domain.stumbling import hold

MOST_OPEN: Final = 16
"""More followings than there are kinds and rungs are never open at once; a policy that changes daily may make more."""
NOT_BACK: Final = -(1 << 40)
"""Local day of a visit that has not happened."""
_FOLLOWING: Final = (
    "kind", "rung", "control", "at_us", "ends_us", "since_day", "chance", "worth", "first_day", "first", "window",
)  # fmt: skip


class Following(Stored):
    """One decision whose window is open; times are µs, money minor units."""

    __slots__ = _FOLLOWING
    STORED: ClassVar[tuple[str, ...]] = _FOLLOWING

    def __init__(self) -> None:
        self.kind: str = ""
        """Empty: of all kinds together."""
        self.rung: str = ""
        """Empty: of all kinds together."""
        self.control: bool = False
        """Whether the message was withheld for the control group."""
        self.at_us: int = 0
        """The decision."""
        self.ends_us: int = NEVER
        """The last instant that belongs to the window."""
        self.since_day: int = NOT_BACK
        """Local day of the last visit before the decision: what is bought on it is that visit's."""
        self.chance: int = 0
        """To return within the window, as it was expected at the decision; in parts of CHANCE_ONE."""
        self.worth: int = 0
        """Revenue that was expected within the window."""
        self.first_day: int = NOT_BACK
        """Local day of the first visit within the window."""
        self.first: int = 0
        """What that visit brought."""
        self.window: int = 0
        """What the window has brought so far, net of refunds."""

    @property
    def returned(self) -> bool:
        return self.first_day != NOT_BACK

    def take(self, at_us: int, day: int, minor: int, *, visit: bool) -> None:
        """Money of that instant: an order (`visit`), a refund or a correction, which are negative or not. The order in
        which things become known does not matter."""
        if not self.at_us <= at_us <= self.ends_us or day <= self.since_day:
            return
        self.window += minor
        if visit and (self.first_day == NOT_BACK or day < self.first_day):
            self.first_day, self.first = day, minor
        elif day == self.first_day:
            self.first += minor


@mypyc_attr(acyclic=True)
class Followed:
    """All of one customer."""

    __slots__ = ("ends_us", "open", "taught")

    def __init__(self) -> None:
        self.open: list[Following] = []
        self.ends_us: int = NEVER
        """When the first of them is over."""
        self.taught: list[int] | None = None
        """Visits, the last of them and the instant (µs) at the first message that was sent to this customer: what came
        after it may be its work. None: nobody learns from the visits of this one, or none was sent."""

    @property
    def empty(self) -> bool:
        return not self.open and self.taught is None

    def settle(self) -> None:
        """What is open has changed."""
        ends_us = NEVER
        for following in self.open:
            ends_us = min(ends_us, following.ends_us)
        self.ends_us = ends_us

    def fields(self) -> tuple[object, ...]:
        """As it is stored, for `of`."""
        return ([following.fields() for following in self.open], self.taught)

    @classmethod
    def of(cls, fields: Sequence[Any]) -> Followed:
        """Back from `fields`. Raises LaterReleaseError where there is more."""
        hold(fields, 2, "what is followed")
        followed = Followed()
        for values in fields[0]:
            following = Following()
            following.take_fields(values)
            followed.open.append(following)
        if len(fields) > 1:
            followed.taught = fields[1]
        followed.settle()
        return followed
