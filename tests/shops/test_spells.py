"""People who come in spells, with nothing set: their breaks are their rhythm, and who stays beyond them is asked."""

from __future__ import annotations

from random import Random

from service.domain.findings import Outcome
from service.domain.policy import ConsentRule, Measure, OutreachPolicy
from tests.support.engines import EVENT_TIME, apply_all, at, decisions, make_engine, purchase

NOTHING_SET = OutreachPolicy(consent=ConsentRule.EXTERNAL, measure=Measure.PATIENCE)
WEEKS = 45
KNOWN = 105.0
"""Days after which everybody has had breaks enough."""


def test_who_comes_every_third_week_is_not_missed_in_the_others_and_asked_when_gone() -> None:
    """Each break brought a message: 30 per 100 visits, of which 96 were wrong."""
    random, visits, left = Random(9), list[tuple[float, str]](), dict[str, float]()
    for number in range(90):
        who, gone = f"c{number}", random.uniform(120.0, 260.0) if number % 4 == 0 else 1e9
        for day in range(7 * WEEKS):
            if (day // 7 + number) % 3 == 0 and random.random() < 0.6 and day < gone:
                visits.append((day + random.uniform(0.3, 0.8), who))
                if gone < 1e9:
                    left[who] = visits[-1][0]
    told = decisions(
        apply_all(make_engine(NOTHING_SET, EVENT_TIME), [purchase(who, day) for day, who in sorted(visits)])
    )
    sent = [one for one in told if one.outcome is Outcome.RELEASED and one.decided_us > at(KNOWN)]

    wrong = [one for one in sent if one.customer_id not in left or one.decided_us < at(left[one.customer_id])]
    breaks = 90 * (WEEKS - 15) / 3
    assert len(wrong) < 0.2 * breaks
    asked = {one.customer_id for one in sent if one.decided_us >= at(left.get(one.customer_id, 1e6))}
    assert len(asked) >= 0.9 * len(left)
