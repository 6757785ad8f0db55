"""Which message a complaint is about, or mail that came back after the server had taken it.

News of either kind comes as an event on `customers`, hours or days after the message, and again with everything else
that is read from the beginning at each start: so the same news finds the same message however often it is looked at.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

from service.delivery.memory import Entry, Memory, State
from service.domain.calendar import MINUTE_US
from service.domain.events import Profile

CLOCKS_US: Final = MINUTE_US
"""Who reports may have a clock that is so far behind that of the deliverer."""
_REASONS: Final = {State.COMPLAINED: "complaint", State.BOUNCED: "late_bounce"}
_OF_MAIL: Final = "smtp"
_LAST: Final = {
    State.COMPLAINED: frozenset({State.DELIVERED, State.COMPLAINED}),
    State.BOUNCED: frozenset({State.ATTEMPTED, State.DELIVERED, State.BOUNCED, State.COMPLAINED}),
}
"""Among which the last one is looked for: what has the state already, or will get its own, is found and left."""


class Aftermath(NamedTuple):
    """What was said of a message that had been sent."""

    state: State
    """COMPLAINED or BOUNCED."""
    at_us: int
    message: str | None
    """Id of the request, or what the mail server called it; None = the last one that was delivered."""


def aftermath_of(said: Profile) -> Aftermath | None:
    """None = it says nothing of a message."""
    if said.complained:
        return Aftermath(State.COMPLAINED, said.at_us, said.outreach_id)
    return None if said.bounced is None else Aftermath(State.BOUNCED, said.at_us, said.outreach_id)


def changed_by(news: Aftermath, memory: Memory, people: Iterable[str], now_us: int) -> tuple[str, Entry] | None:
    """The id and what is known of it from now on; None = nothing changes.

    `people` are the ids of one person. A bounce is of an address, so it is about mail; a complaint is about whatever
    carried the message. News that is older than requests are kept is about one that is forgotten.
    """
    if news.at_us + memory.kept_us < now_us or (news.state is State.BOUNCED and memory.channel != _OF_MAIL):
        return None
    sent = {
        request_id: entry
        for who in people
        for request_id in memory.of_customer(who)
        if (entry := memory.get(request_id))
    }
    if news.message is None:
        chosen = _last(news, sent)
        changes = chosen is not None and sent[chosen].state is State.DELIVERED
    else:
        # Who names a message knows that it arrived, or that it did not, whatever was known here.
        chosen = _called(news.message, sent)
        changes = chosen is not None and _may_become(sent[chosen], news.state)
    if chosen is None or not changes:
        return None
    before = sent[chosen]
    delivered_us = before.at_us if before.state is State.DELIVERED else before.delivered_us
    at_us = min(max(news.at_us, delivered_us or 0), now_us)
    return chosen, before._replace(
        state=news.state, reason=_REASONS[news.state], at_us=at_us, delivered_us=delivered_us
    )


def _called(name: str, sent: dict[str, Entry]) -> str | None:
    if name in sent:
        return name
    return next((request_id for request_id, entry in sent.items() if entry.provider_id == name), None)


def _last(news: Aftermath, sent: dict[str, Entry]) -> str | None:
    """By when it was delivered: compaction mixes the order in which ids are read."""
    last, last_us = None, 0
    for request_id, entry in sent.items():
        at_us = entry.at_us if entry.delivered_us is None else entry.delivered_us
        if entry.state in _LAST[news.state] and not entry.sample and last_us <= at_us <= news.at_us + CLOCKS_US:
            last, last_us = request_id, at_us
    return last


def _may_become(entry: Entry, state: State) -> bool:
    return entry.state.final and entry.attempts > 0 and entry.state not in {state, State.COMPLAINED}
