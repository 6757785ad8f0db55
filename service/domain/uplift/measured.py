"""What the messages of a kind or of a step have brought, from the sums of both arms.

Nothing is said to have been brought without a control group beside it; while it is too small for an answer, the number
of people that are lacking is told instead.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from service.domain.uplift.intervals import Difference, adjusted, newcombe, welch
from service.domain.uplift.power import people_lacking
from service.domain.uplift.sums import CHANCE_ONE, ArmSums

FEWEST: Final = 30
"""People of each arm, and of these five who returned and five who did not in both together, below which an effect that
seems proven may be chance all the same: the interval's edges are not to be trusted yet."""
_FEWEST_EACH_WAY: Final = 5


class Compared(NamedTuple):
    """One number of both arms."""

    plain: Difference | None
    """None: an arm is (nearly) empty."""
    adjusted: Difference | None
    """The same with what was expected of each person anyway taken into account; None: too few people."""

    def best(self) -> Difference | None:
        """The adjusted one where there is one."""
        return self.adjusted or self.plain


class Measured(NamedTuple):
    """Of one kind and step, or of all."""

    treated: ArmSums
    control: ArmSums
    returns: Compared
    """Shares of people, 0–1."""
    first: Compared
    """Minor units per person: revenue of the first visit."""
    window: Compared
    """Minor units per person: revenue of the window."""
    lacking: int
    """About so many more people have to be followed; 0: the data are enough."""

    @property
    def enough(self) -> bool:
        return self.lacking == 0

    def incremental_visits(self) -> Difference | None:
        """How many of the treated came back who would not have come."""
        return _times(self.returns.best(), self.treated.people)

    def incremental_first(self) -> Difference | None:
        """What came on top of what would have come, minor units; with the first visit."""
        return _times(self.first.best(), self.treated.people)

    def incremental_window(self) -> Difference | None:
        """The same within the whole window."""
        return _times(self.window.best(), self.treated.people)


def measure(treated: ArmSums, control: ArmSums) -> Measured:
    """Both arms compared."""
    returns = Compared(
        newcombe(treated.returned, treated.people, control.returned, control.people),
        _scaled(adjusted(treated.returns(), control.returns()), 1.0 / CHANCE_ONE),
    )
    plain = returns.plain
    narrower = 1.0
    if plain is not None and returns.adjusted is not None:
        narrower = (returns.adjusted.high - returns.adjusted.low) / (plain.high - plain.low)
    lacking = people_lacking(treated.people, treated.returned, control.people, control.returned, narrower)
    if _proven(treated, control, returns.best()):
        lacking = 0
    return Measured(
        treated,
        control,
        returns,
        Compared(
            welch(treated.first_visits(), control.first_visits()),
            adjusted(treated.first_visits(), control.first_visits()),
        ),
        Compared(welch(treated.windows(), control.windows()), adjusted(treated.windows(), control.windows())),
        lacking,
    )


def _proven(treated: ArmSums, control: ArmSums, found: Difference | None) -> bool:
    """Whether there is an effect beyond chance already, larger than the one that the sample is made for."""
    people, returned = treated.people + control.people, treated.returned + control.returned
    if found is None or min(treated.people, control.people) < FEWEST:
        return False
    return min(returned, people - returned) >= _FEWEST_EACH_WAY and (found.low > 0.0 or found.high < 0.0)


def _times(found: Difference | None, people: int) -> Difference | None:
    return _scaled(found, float(people))


def _scaled(found: Difference | None, by: float) -> Difference | None:
    return None if found is None else Difference(found.value * by, found.low * by, found.high * by)
