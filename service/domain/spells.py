"""Who comes in spells: a week in three, seven days on and seven off. A break as long as all others before it is their
rhythm, and a message in each of them tells them that nobody has noticed.

Told by a customer's own visit days: of their newest gaps some are long and alike, and none lies between those and the
others. Gaps that come by chance hardly look so: of the visits of people whose gaps are exponential one in 300 does.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Final

NEWEST: Final = 40
"""Visit days that are looked at: of two weeks on and two off, three breaks."""
_BREAKS: Final = 3
"""So many make a rhythm."""
_PART: Final = 0.1
_MOST: Final = 1.0 / 3.0
"""Of the gaps, at the least and at the most: a shop that shuts between terms gives few breaks beside many gaps, and a
spell is of three visits or more on average."""
_LEAST_DAYS: Final = 4
"""Shorter breaks are those of a week."""
_APART: Final = 2.5
"""How much longer the shortest break is than the longest of the other gaps."""
_ALIKE: Final = 1.6
"""The longest break beside the shortest."""
_ODD: Final = 1
"""Longer ones that are left aside: a journey, an illness."""


def break_days(newest_days: Sequence[int]) -> int:
    """How many days the breaks last, at most, of a customer who comes in spells; 0: they do not. `newest_days`: their
    visit days, newest first."""
    gaps = sorted((later - earlier for later, earlier in pairwise(newest_days)), reverse=True)
    least = max(_BREAKS, _PART * len(gaps))
    for odd in range(min(_ODD + 1, len(gaps))):
        longest = gaps[odd]
        breaks = sum(gap * _ALIKE >= longest for gap in gaps[odd:])
        if not least <= breaks <= _MOST * len(gaps):
            continue
        shortest, longest_of_others = gaps[odd + breaks - 1], gaps[odd + breaks]
        if shortest >= max(_LEAST_DAYS, _APART * longest_of_others):
            return longest
    return 0
