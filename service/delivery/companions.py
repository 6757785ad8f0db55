"""Who else is in a delivery group, and whether one can work beside them.

A stranger, another program under the group's name, is given requests that nobody sends then. A deliverer of another
shop, or of another way out, does the same with those of ours, and fences whoever writes for the same partition; one
that signs its links with another secret makes links that this one does not take. So a deliverer looks before it joins,
as a worker does (streaming/membership.py), and again while it runs. What it has to tell the others travels with its
membership: brokers hand it on, and change nothing.
"""

from __future__ import annotations

import hmac
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Final

import msgspec
from kafka.errors import CoordinatorNotAvailableError, KafkaError
from pydantic import SecretStr

from service.build_info import version
from service.config import KafkaSettings, Settings
from service.errors import ChurnAlertError, ConfigurationError, FatalError
from service.errors import told as told_of
from service.streaming.membership import (
    DELIVERER,
    Member,
    about_stranger,
    ended_of,
    members_of,
    runs,
    take_out,
    this_process,
)
from service.wire.ours import NOT_OURS

GROUP_SETTING: Final = "deliver.group"
_OF_EARLIER_RELEASES: Final = "aiokafka-"
"""How the client ids of deliverers begin that do not say which process they are."""
_BEYOND_SESSION_S: Final = 5.0
_PAUSE_S: Final = 0.5
_COORDINATOR_S: Final = 10.0


class Companion(msgspec.Struct, frozen=True):
    """What a member of a delivery group tells the others of itself; new fields have defaults."""

    release: str
    way: str
    """smtp, or what is posted by a webhook."""
    reads: str
    remembers: str
    """Topics; empty = it remembers nothing."""
    secret: str = ""
    """Tells the one that signs its links from others, and not what it is; empty = it makes none."""
    secret_before: str = ""
    """The same of the one whose links it still takes."""

    @classmethod
    def of(cls, settings: Settings, way: str, reads: str | None = None) -> Companion:
        """Of this process. `reads`: the topic of a feed, which remembers nothing and makes no links."""
        names, deliver = settings.kafka.topics, settings.deliver
        if reads is not None:
            return cls(version(), way, reads, "")
        signs = way == "smtp"
        return cls(
            version(),
            way,
            names.outreach,
            names.deliveries,
            _mark(deliver.unsubscribe_secret) if signs else "",
            _mark(deliver.unsubscribe_secret_before) if signs else "",
        )

    def pack(self) -> bytes:
        return msgspec.json.encode(self)

    @classmethod
    def told_by(cls, member: Member) -> Companion | None:
        """None where it tells nothing, as an earlier release."""
        try:
            return msgspec.json.decode(member.told, type=cls)
        except NOT_OURS:
            return None

    def why_not_beside(self, other: Companion) -> str:
        """What keeps the two from working side by side; empty = nothing does."""
        if self.way != other.way:
            return (
                f"its way out is {other.way} and this one's {self.way}, so each message would go one of the two ways only: "
                f"give them groups of their own by deliver.webhook.name, or by {GROUP_SETTING}"
            )
        if (self.reads, self.remembers) != (other.reads, other.remembers):
            mine, its = (" and ".join(name for name in (each.reads, each.remembers) if name) for each in (self, other))
            return f"it uses the topics {its}, and this one {mine}: give each shop a kafka.group, or a {GROUP_SETTING}, of its own"
        if self.secret != other.secret and not (
            other.secret == self.secret_before or self.secret == other.secret_before
        ):
            return (
                "it signs its links with another deliver.unsubscribe_secret, and neither takes the other's: let them have the "
                "same, or say the former one in deliver.unsubscribe_secret_before"
            )
        return ""


def is_stranger(member: Member, topic: str) -> bool:
    """Whether it is no process that delivers what lies in the topic."""
    process = member.process
    if process is not None:
        return process.what != DELIVERER
    earlier = member.client_id.startswith(
        _OF_EARLIER_RELEASES
    )  # while the group is balanced nobody knows what it reads
    return not (earlier and member.topics in ((topic,), ()))


def strangers_among(members: list[Member], me: Companion, group: str) -> dict[Member, str]:
    """Who should not be in the group beside this one, each with a sentence about it."""
    found: dict[Member, str] = {}
    for member in members:
        other = Companion.told_by(member)
        if is_stranger(member, me.reads):
            found[member] = about_stranger(group, member, GROUP_SETTING)
        elif other is not None and (why := me.why_not_beside(other)):
            found[member] = f"Another deliverer is in the consumer group {group}, {member} ({other.release}): {why}."
    return found


def refuse_to_join(
    settings: Settings,
    group: str,
    me: Companion,
    say: Callable[[str], None],
    members: Callable[[KafkaSettings, str], list[Member]] = members_of,
    sleep: Callable[[float], None] = time.sleep,
    remove: Callable[[KafkaSettings, list[Member], str], None] = take_out,
) -> None:
    """Returns when this process may join. Nobody is waited for in the group that can be seen to have ended, be it a
    former self of this process.

    Raises FatalError where a stranger is there, so that a supervisor tries again; ConfigurationError where somebody is
    beside whom this one cannot work, and is not gone when its session is over."""
    kafka, process = settings.kafka, this_process(DELIVERER)
    waited_s, said = 0.0, False
    while True:
        try:
            found = members(kafka, group)
        except (KafkaError, OSError, ChurnAlertError) as error:
            if isinstance(error, CoordinatorNotAvailableError) and waited_s < _COORDINATOR_S:
                sleep(_PAUSE_S)
                waited_s += _PAUSE_S
                continue
            say(f"The members of the consumer group {group} cannot be seen ({told_of(error)}); joining it unseen.")
            return
        if ended := ended_of(process, found):
            with suppress(KafkaError, OSError, ChurnAlertError):  # the group finds out when their sessions end
                remove(kafka, ended, group)
        there = strangers_among([each for each in found if each not in ended], me, group)
        if not there:
            return
        for member, sentence in there.items():
            if is_stranger(member, me.reads):
                raise FatalError(sentence)
            if runs(member.process, process) or waited_s > kafka.session_timeout_s + _BEYOND_SESSION_S:
                raise ConfigurationError(sentence)
            if not said:
                said = True
                say(f"{sentence} Waiting whether it is gone when its session ends, {kafka.session_timeout_s:g} s.")
        sleep(_PAUSE_S)
        waited_s += _PAUSE_S


def _mark(secret: SecretStr | None) -> str:
    if secret is None:
        return ""
    return hmac.digest(secret.get_secret_value().encode(), b"which unsubscribe secret", "sha256").hex()[:16]
