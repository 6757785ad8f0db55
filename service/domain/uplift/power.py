"""How many people it takes before silence about an effect means that there is none worth having.

The sample for comparing two shares (Fleiss, Levin & Paik 2003, Statistical Methods for Rates and Proportions, formula
4.14 for arms of different size), at 5 % and with a power of 80 %, for an effect of a fifth of what comes by itself: 12
% for 10 % takes 3,841 people in each of two equal arms.
"""

from __future__ import annotations

from math import ceil, sqrt
from statistics import NormalDist
from typing import Final

LIFT: Final = 0.2
"""The smallest effect that is worth being told of, as a part of what comes by itself. A smaller one takes more people
than most shops have; a larger one would call messages useless that pay."""
POWER: Final = 0.8
_Z_ERROR: Final = NormalDist().inv_cdf(0.975)
_Z_POWER: Final = NormalDist().inv_cdf(POWER)
_RATE_LOW: Final = 0.01
_RATE_HIGH: Final = 0.8
"""Between these the rate of the control group is believed, so that a group that is still empty asks for no millions."""
_RATE_UNKNOWN: Final = 0.2


def people_needed(rate: float, treated_per_control: float) -> int:
    """People of both arms together. `rate`: the share that comes back by itself, 0–1."""
    k, ours = treated_per_control, min(_RATE_HIGH, max(_RATE_LOW, rate))
    lifted = ours * (1.0 + LIFT)
    pooled = (ours + k * lifted) / (1.0 + k)
    root = _Z_ERROR * sqrt(pooled * (1.0 - pooled) * (1.0 + 1.0 / k)) + _Z_POWER * sqrt(
        lifted * (1.0 - lifted) / k + ours * (1.0 - ours)
    )
    control = ceil((root / (lifted - ours)) ** 2)
    return control + ceil(k * control)


def people_lacking(people: int, returned: int, control: int, control_returned: int, narrower: float) -> int:
    """How many more people have to be followed, in the proportion in which they are; 0: enough.

    `narrower`: width of the adjusted interval as a part of the plain one; the square of it as many people do. While an
    arm is empty the arms are taken to be as nine to one.
    """
    ratio = people / control if people and control else 9.0
    rate = control_returned / control if control else returned / people if people else _RATE_UNKNOWN
    needed = ceil(people_needed(rate, ratio) * min(1.0, narrower) ** 2)
    return max(0, needed - people - control)
