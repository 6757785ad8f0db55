"""What happens when a setting is changed under a living state: one entry for every setting, beside the settings.

The rule: what is known stays true, or the worker does not start. Decisions that were told are not told again under
other ids, and numbers stay exact.

`churn-alert config --explain` and docs/operations/changed-settings.md say what stands here. What is refused is kept
with the state and compared at the start (streaming/made_under.py), or with the topics (cluster/topic_problems.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final, NamedTuple


class Fate(StrEnum):
    """Of a state whose setting was changed."""

    FREE = "free"
    """What is known stays as it is; what comes is treated otherwise."""
    RECOUNTED = "counted again"
    """What follows from the setting is worked out anew from what is known."""
    ANOTHER = "another one"
    """The setting is a name: another name is another thing, which begins with nothing."""
    REFUSED = "refused"
    """The worker does not start, says which setting, what the state has and what to do (exit code 2)."""


class Change(NamedTuple):
    """What happens."""

    fate: Fate
    text: str
    """One sentence, or a few; begins with a small letter and ends without a stop."""

    def __str__(self) -> str:
        return f"{self.fate.value}: {self.text}"


_AT_THE_START: Final = Change(Fate.FREE, "from the start of the process on; no state rests on it")
_NEXT_VISIT: Final = Change(Fate.FREE, "from each customer's next visit on; dates that are set stay")
_NEXT_DECISION: Final = Change(Fate.FREE, "at the next decision, also on what waits")
_NEXT_EVENT: Final = Change(Fate.FREE, "from the next event on; what was accepted or refused stays so")
_NEXT_OCCASION: Final = Change(
    Fate.FREE,
    "at the next occasion; what waits for a kind that is off is dropped, and no occasion has its message twice",
)
_NEXT_RUNG: Final = Change(
    Fate.FREE, "at the next rung that comes due; a rung that was released keeps its place in its absence"
)
_LEARNING: Final = Change(Fate.FREE, "from now on; what was learned stays, and fades as everything learned does")
_DAYS: Final = Change(
    Fate.REFUSED,
    "visits, gaps and numbers lie on local days of the shop, and on other days they would be others. Begin anew: the "
    "inputs are read again, and deliverers know an absence under the ids that it had on other days",
)
_SECRET: Final = Change(
    Fate.REFUSED,
    "erased customers would not be recognised, and others would be in the control group. It may be set where there was "
    "none: the control group stays as it was drawn",
)
_OTHER_TOPIC: Final = Change(
    Fate.ANOTHER,
    "the positions in a topic of another name begin at 0: all that lies in it is read, and what was contained in the "
    "former one is known by its event_id",
)
_OTHER_OUTPUT: Final = Change(
    Fate.ANOTHER, "from the start on records go there; those of the former topic stay where they are"
)
_PUBLISHED: Final = Change(
    Fate.ANOTHER,
    "what is newest of everybody is published as it changes; whoever reads the topic sees the rest after `churn-alert "
    "state reset`, or keeps reading the former one as well",
)
_TELLS: Final = Change(Fate.FREE, "from the next message on")
_HOW_LONG: Final = Change(
    Fate.FREE, "with `churn-alert topics create`; `topics check` names a topic that is kept otherwise"
)

CHANGES: Final[Mapping[str, Change]] = {
    # ---- whole sections, of which only what stands below by itself is otherwise
    "kafka.*": _AT_THE_START,
    "limits.*": _AT_THE_START,
    "web.*": _AT_THE_START,
    "deliver.*": _AT_THE_START,
    "log.*": _AT_THE_START,
    "inputs.*": _NEXT_EVENT,
    "registry.*": _AT_THE_START,
    "ingest.*": Change(
        Fate.FREE, "from the start of the door on; what it has written is counted once, whatever is set afterwards"
    ),
    "targets.*": Change(Fate.FREE, "at once; they are shown beside the numbers and change none"),
    "files.*": Change(Fate.FREE, "at the next backtest or replay; the worker reads no files"),
    "letter.*": Change(
        Fate.FREE, "at the next letter; a week's letter goes to a mailbox once, on whatever day it was sent"
    ),
    # ---- kafka
    "kafka.group": Change(
        Fate.ANOTHER,
        "another group begins with nothing, at the beginning of the inputs, and decides under the same ids. To take the "
        "state along: `churn-alert state export` and `import`",
    ),
    "kafka.instance_id": Change(
        Fate.ANOTHER, "another member of the group; the partitions of the former name wait until its session ends"
    ),
    "kafka.on_gap": Change(Fate.FREE, "at the next hole that is found"),
    "kafka.partitioner": Change(
        Fate.FREE,
        "what lies elsewhere by the function that is set is carried there; `auto` keeps what was found. A state is "
        "imported under its own function only",
    ),
    "kafka.outreach_retention_days": _HOW_LONG,
    "kafka.decisions_retention_days": _HOW_LONG,
    "kafka.dead_letters_retention_days": _HOW_LONG,
    "kafka.compaction_lag_days": _HOW_LONG,
    "kafka.inputs_retention_days": _HOW_LONG,
    "kafka.topics.purchases": _OTHER_TOPIC,
    "kafka.topics.surveys": _OTHER_TOPIC,
    "kafka.topics.customers": _OTHER_TOPIC,
    "kafka.topics.outreach": Change(
        Fate.ANOTHER,
        "from the start on requests go there, and deliverers read there; what waits in the former is not sent",
    ),
    "kafka.topics.outreach_decisions": _OTHER_OUTPUT,
    "kafka.topics.customer_scores": _PUBLISHED,
    "kafka.topics.period_metrics": Change(
        Fate.RECOUNTED, "all numbers are published in the new topic, from revision 1 on"
    ),
    "kafka.topics.dead_letters": _OTHER_OUTPUT,
    "kafka.topics.deliveries": Change(
        Fate.REFUSED,
        "deliverers remember there what was sent, and would send again what they read again. Copy the records into a topic "
        "of the new name first, or set it back",
    ),
    "kafka.topics.shop_notices": Change(
        Fate.ANOTHER, "what was told is remembered there: the newest state of each threshold is told once more"
    ),
    # ---- limits
    "limits.max_value_bytes": _NEXT_EVENT,
    "limits.max_future_skew_s": _NEXT_EVENT,
    # ---- shop
    "shop.timezone": _DAYS,
    "shop.day_starts_at": _DAYS,
    "shop.currency": Change(
        Fate.REFUSED,
        "amounts are kept in minor units of that currency. Begin anew, with rates for what lies in the topics",
    ),
    "shop.rates": Change(
        Fate.FREE,
        "from the next event on; what was converted stays, unless the same purchase is sent again: then it counts by the "
        "rate of that day. Dead letters of an unknown currency can be sent again",
    ),
    "shop.regular_min_visits": Change(
        Fate.RECOUNTED,
        "who is a regular is counted again at the start; a new regular's first date is set at the next visit",
    ),
    "shop.history_days": Change(
        Fate.REFUSED,
        "longer is refused: what was let go would count twice if it came again. Shorter holds from now on: what is beyond "
        "is let go by and by, and cannot be had back",
    ),
    "shop.erasure_salt": _SECRET,
    "shop.erasure_salt_file": Change(Fate.FREE, "it may lie elsewhere; what it holds is shop.erasure_salt"),
    "shop.max_lifespan_years": Change(
        Fate.RECOUNTED,
        "the lifetime value of every kept period is worked out again, and published with a higher revision",
    ),
    "shop.industry": _AT_THE_START,
    "shop.name": _TELLS,
    "shop.address": _TELLS,
    "shop.url": _TELLS,
    "shop.feedback_url": _TELLS,
    "shop.locale": _TELLS,
    "shop.store_timezones": _NEXT_DECISION,
    # ---- time
    "time.clock": Change(
        Fate.FREE, "from the start on; `wall` has its own defaults of outreach.control_share and messages_are_sent"
    ),
    "time.grace_s": _NEXT_DECISION,
    "time.max_delay_days": _NEXT_DECISION,
    "time.max_jump_days": _NEXT_EVENT,
    "time.jump_confirmations": _NEXT_EVENT,
    "time.feed_silence_hours": _LEARNING,
    # ---- outreach
    "outreach.measure": _NEXT_VISIT,
    "outreach.patience": _NEXT_VISIT,
    "outreach.level": _NEXT_VISIT,
    "outreach.rungs": Change(
        Fate.FREE,
        "at the next rung that comes due; an absence that has had its first step goes on with the second of the new "
        "ladder, so put new steps at the end",
    ),
    "outreach.rungs.name": Change(
        Fate.FREE,
        "at the next rung that comes due; what was released keeps the name it had. It is part of the ids: after a `state "
        "reset` a step of another name is another message",
    ),
    "outreach.rungs.strictness": _NEXT_VISIT,
    "outreach.rungs.offer": _NEXT_RUNG,
    "outreach.rungs.template": _NEXT_RUNG,
    "outreach.consent": _NEXT_DECISION,
    "outreach.shadow": _NEXT_DECISION,
    "outreach.stale_after_days": _NEXT_DECISION,
    "outreach.overdue_per_hour": _NEXT_DECISION,
    "outreach.at_most_per_hour": _NEXT_DECISION,
    "outreach.attribution_days": Change(Fate.FREE, "for what is released from now on"),
    "outreach.expires_after_days": Change(Fate.FREE, "for what comes due or is released from now on"),
    "outreach.second_visit": _NEXT_VISIT,
    "outreach.second_visit_offer": _NEXT_RUNG,
    "outreach.volume_per_100_visits": _NEXT_VISIT,
    "outreach.volume_per_day": _NEXT_VISIT,
    "outreach.volume_for_loyal": _NEXT_DECISION,
    "outreach.messages_are_sent": _LEARNING,
    "outreach.control_share": Change(
        Fate.FREE,
        "at the next decision; a larger share takes further people in and lets nobody out. What was measured stays",
    ),
    "outreach.control_rotates": Change(Fate.FREE, "at the next decision; others are in the control group from then on"),
    "outreach.frequency_caps": _NEXT_DECISION,
    "outreach.frequency_caps.messages": _NEXT_DECISION,
    "outreach.frequency_caps.days": _NEXT_DECISION,
    "outreach.cool_down_days": _NEXT_DECISION,
    "outreach.unhappy_days": _NEXT_DECISION,
    "outreach.unhappy_nps": _NEXT_DECISION,
    "outreach.unhappy_csat": _NEXT_DECISION,
    "outreach.unhappy_ces": _NEXT_DECISION,
    "outreach.min_value": _NEXT_DECISION,
    "outreach.quiet_hours": _NEXT_DECISION,
    "outreach.quiet_days": _NEXT_DECISION,
    "outreach.daily_limit": _NEXT_DECISION,
    "outreach.service_recovery.*": _NEXT_OCCASION,
    "outreach.milestone.*": _NEXT_OCCASION,
    "outreach.delight.*": _NEXT_OCCASION,
    "outreach.follow_up.*": _NEXT_OCCASION,
    "outreach.feedback_request.*": _NEXT_OCCASION,
    # ---- delivery, notices
    "deliver.group": Change(
        Fate.ANOTHER,
        "another group begins where deliver.begin_at says; what was delivered is remembered in kafka.topics.deliveries and "
        "not sent again",
    ),
    "deliver.begin_at": Change(Fate.FREE, "for groups that have never delivered"),
    "deliver.unsubscribe_secret": Change(
        Fate.FREE,
        "at once; links in mails that were sent are taken as long as deliver.unsubscribe_secret_before has the former one",
    ),
    "deliver.unsubscribe_secret_before": Change(
        Fate.FREE, "at once; without it links that it has signed are not taken"
    ),
    "deliver.public_url": _TELLS,
    "deliver.templates": _TELLS,
    "deliver.webhook.name": Change(
        Fate.ANOTHER,
        "another way out, which remembers by itself: everything that is still valid is sent to it. Set deliver.begin_at to "
        "`latest` first where the target has had it already",
    ),
    "notices.*": Change(Fate.FREE, "from the next period that is over on; what was told is not told again"),
    "notices.thresholds.name": Change(
        Fate.ANOTHER, "another threshold: what it finds is told, whatever was told under the former name"
    ),
}
"""By key; `section.*` is everything of a section that has no entry of its own."""
NAMED_EACH: Final = ("shop", "time", "outreach", "kafka.topics")
"""Sections that a state rests on: none has an entry as a whole, so that whoever adds a setting says what becomes of a
state. Tables of `outreach` are sections of their own."""


def on_change(key: str) -> Change | None:
    """Of a setting; None = nobody has said."""
    found = CHANGES.get(key)
    section = key
    while found is None and "." in section:
        section = section.rpartition(".")[0]
        if section in NAMED_EACH:
            return None
        found = CHANGES.get(f"{section}.*")
    return found
