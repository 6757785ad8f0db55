"""The kinds of message that a silence brings, one a file.

A new one is a file here with a class that answers the questions of `SilenceKind` (silence.py), and a line in
`silence_kinds`; its switch is in config/sections.py, its name in schemas/kinds.py, and its sentence in each language of
service/wording/.
"""

from __future__ import annotations

from service.domain.learning.everybody import Everybody
from service.domain.outreach.kinds.second_visit import SecondVisit
from service.domain.outreach.kinds.silence import SilenceKind
from service.domain.outreach.kinds.win_back import WinBack
from service.domain.outreach.tolerance import Tolerance
from service.domain.policy import OutreachPolicy


def silence_kinds(policy: OutreachPolicy, everybody: Everybody, tolerance: Tolerance) -> list[SilenceKind]:
    """All of them, switched on or not: what went out before one was switched off is still known by its name."""
    return [WinBack(policy, everybody, tolerance), SecondVisit(policy, everybody)]
