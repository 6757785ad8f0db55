"""The kinds of message, one a file: those that a silence brings (silence.py says what they answer), and those that an
occasion brings, such as a purchase or an answer (occasion.py).

A new one is a file here with a class that answers those questions, and a line below; its switch is in config/, its name
in schemas/kinds.py, and its sentence in each language of service/wording/.

| kind | brought by | one message is identified by |
| --- | --- | --- |
| service_recovery | a low answer, and the word that it was dealt with | the answer (survey, time) and the step |
| win_back | the silence of a regular | the absence (day of the last visit) and the rung |
| second_visit | the silence of a newcomer | the absence |
| milestone | every n-th visit | the number of the visit |
| delight | a lot drawn each week | the ISO week |
| follow_up | a purchase | the day of the visit |
| feedback_request | a purchase | its order, else its instant |

The customer and the kind belong to the identity of every one. Of what one customer has occasion to hear at one instant
the first in `occasion_kinds` is decided first, and a silence last. One visit is celebrated, delighted or thanked for,
the first of these, not all three.
"""

from __future__ import annotations

from service.domain.learning.everybody import Everybody
from service.domain.outreach.kinds.delight import Delight
from service.domain.outreach.kinds.feedback_request import FeedbackRequest
from service.domain.outreach.kinds.follow_up import FollowUp
from service.domain.outreach.kinds.milestone import Milestone
from service.domain.outreach.kinds.occasion import OccasionKind
from service.domain.outreach.kinds.second_visit import SecondVisit
from service.domain.outreach.kinds.service_recovery import ServiceRecovery
from service.domain.outreach.kinds.silence import SilenceKind
from service.domain.outreach.kinds.win_back import WinBack
from service.domain.outreach.tolerance import Tolerance
from service.domain.policy import OutreachPolicy


def silence_kinds(policy: OutreachPolicy, everybody: Everybody, tolerance: Tolerance) -> list[SilenceKind]:
    """All of them, switched on or not: what went out before one was switched off is still known by its name."""
    return [WinBack(policy, everybody, tolerance), SecondVisit(policy, everybody)]


def occasion_kinds(policy: OutreachPolicy, key: bytes) -> list[OccasionKind]:
    """The same of those that an occasion brings, the most urgent first. `key`: of the hash that lots are drawn by."""
    own = policy.occasions
    return [
        ServiceRecovery(own.service_recovery),
        Milestone(own.milestone),
        Delight(own.delight, key),
        FollowUp(own.follow_up),
        FeedbackRequest(own.feedback_request),
    ]
