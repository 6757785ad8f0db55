"""Who else is in the consumer group: strangers, and a second worker under the same kafka.instance_id.

A stranger, another program under our group's name, is given partitions of ours. A twin is worse: the broker gives the
membership to whoever joined last, the other one takes it back with its next heartbeat, and so on for ever. So a worker
looks before it joins, and the one that comes second does not join.

A crashed worker must be able to take its own place back within the session. Its client id tells it from a twin: it
names the place where it runs (whereabouts.py), the process and when that began. Of this place, and the process is gone,
or is this very one (a process that has replaced itself): a predecessor, and so is whoever was in this container before
it began again. Of this place and alive: a twin. Of another place, or another user's whose processes are hidden, nobody
here can see what it is, but a dead member is forgotten by the broker when its session ends: who is still there then is
alive. Two that live, on hosts of one name, never take each other for dead.

A twin ends with the code of a wrong setting, so that no supervisor starts it again and again.

Without an instance id a predecessor is in nobody's place, but the group waits for it: who joins is answered when every
member has joined again, or the session of one that has ended is over. So who finds a predecessor that has ended, be it
its own former self, takes it out of the group before it joins.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, Final, NamedTuple, assert_never

from kafka.admin import MemberToRemove
from kafka.errors import CoordinatorNotAvailableError, KafkaError

from service.config import KafkaSettings
from service.connection import new_admin
from service.errors import ChurnAlertError, ConfigurationError, FatalError, TransientError
from service.errors import told as told_of
from service.streaming.whereabouts import Sight, Whereabouts, here

WORKER: Final = "worker"
DELIVERER: Final = "deliver"
"""What a process of ours is: the command that it runs."""
_OURS: Final = "churn-alert-"
_OF_EARLIER_RELEASES: Final = "faust-"
"""How the client ids of workers begin that do not say which process they are."""
_BEYOND_SESSION_S: Final = 5.0
_PAUSE_S: Final = 0.5
_COORDINATOR_S: Final = 10.0
"""At a group's first start on it, a broker makes the topic that holds the groups' offsets within a second or two."""
_TIMEOUT_MS: Final = 10_000


class Process(NamedTuple):
    """What the client id of a process of ours says of it."""

    host: str
    """Its whereabouts; of an earlier release the host's name."""
    pid: int
    began_ms: int
    what: str = WORKER
    """Its command."""

    @property
    def client_id(self) -> str:
        return f"{_OURS}{self.what}@{self.host}@{self.pid}@{self.began_ms}"


class Member(NamedTuple):
    """One consumer of the group, as the broker tells."""

    client_id: str
    host: str
    instance_id: str | None
    member_id: str = ""
    """What the group calls it."""
    topics: tuple[str, ...] = ()
    """What it reads."""
    told: str = ""
    """What it tells the others beside (delivery/companions.py)."""

    @property
    def process(self) -> Process | None:
        """None where the client id does not say."""
        name, *rest = self.client_id.split("@")
        what = name.removeprefix(_OURS)
        if what not in (WORKER, DELIVERER) or len(rest) != 3 or not (rest[1].isdecimal() and rest[2].isdecimal()):
            return None
        return Process(rest[0], int(rest[1]), int(rest[2]), what)

    @property
    def stranger(self) -> bool:
        """Whether it is no worker."""
        process = self.process
        return (process is None or process.what != WORKER) and not self.client_id.startswith(_OF_EARLIER_RELEASES)

    def __str__(self) -> str:
        return f"client id {self.client_id!r} on host {self.host}"


def this_process(what: str = WORKER) -> Process:
    return Process(str(here()), os.getpid(), time.time_ns() // 1_000_000, what)


def members_of(kafka: KafkaSettings, group: str | None = None) -> list[Member]:
    """Of the workers' group, or another. Raises KafkaError, OSError or ChurnAlertError where the brokers do not
    tell."""
    name = group or kafka.group
    with closing(new_admin(kafka, request_timeout_ms=_TIMEOUT_MS)) as admin:
        try:
            told = admin.describe_groups([name])[name]
        except ValueError as error:  # a member speaks another protocol than consumers do, and what it says is no length
            raise TransientError(f"a member of the consumer group {name} is no consumer: {error}") from error
    return [_member(each) for each in told["members"]]


def _member(told: Mapping[str, Any]) -> Member:
    metadata = told.get("member_metadata")
    read = metadata if isinstance(metadata, dict) else {}  # another protocol's bytes, or none before it is balanced
    return Member(
        told["client_id"],
        told["client_host"].removeprefix("/"),
        told.get("group_instance_id"),
        told["member_id"],
        tuple(read.get("topics") or ()),
        str(read.get("user_data") or ""),
    )


def leave_place(kafka: KafkaSettings) -> None:
    """Gives up a static membership, which would otherwise bring back the partitions that it had, those of a topic that
    is another now left out. Raises as `members_of`."""
    if kafka.instance_id is not None:
        with closing(new_admin(kafka, request_timeout_ms=_TIMEOUT_MS)) as admin:
            admin.remove_group_members(kafka.group, [MemberToRemove(group_instance_id=kafka.instance_id)])


def take_out(kafka: KafkaSettings, members: list[Member], group: str | None = None) -> None:
    """Ends memberships without an instance id. Arguments and what is raised as of `members_of`."""
    gone = [MemberToRemove(member_id=member.member_id) for member in members]
    with closing(new_admin(kafka, request_timeout_ms=_TIMEOUT_MS)) as admin:
        admin.remove_group_members(group or kafka.group, gone)


def strangers_of(members: list[Member]) -> list[Member]:
    return [member for member in members if member.stranger]


def twin_of(me: Process, instance_id: str | None, members: list[Member]) -> Member | None:
    """Whoever else has our place; None: nobody."""
    for member in members:
        if instance_id is not None and member.instance_id == instance_id and member.process != me:
            return member
    return None


def ended_of(me: Process, members: list[Member]) -> list[Member]:
    """Those without an instance id of whom it can be seen from here that they have ended."""
    return [each for each in members if each.instance_id is None and runs(each.process, me) is False]


def about_stranger(group: str, stranger: Member, setting: str = "kafka.group") -> str:
    """`setting`: what gives this service another group."""
    return (
        f"Another program is in the consumer group {group}: {stranger}. Each record reaches one of the two only: "
        f"end it, or give it or this service ({setting}) another group."
    )


def about_twin(kafka: KafkaSettings, twin: Member) -> str:
    return (
        f"Another worker has the kafka.instance_id {kafka.instance_id!r}: {twin}. It goes on, this one ends: give each "
        "worker an instance_id of its own."
    )


def refuse_to_join(
    kafka: KafkaSettings,
    me: Process,
    say: Callable[[str], None],
    members: Callable[[KafkaSettings], list[Member]] = members_of,
    sleep: Callable[[float], None] = time.sleep,
    remove: Callable[[KafkaSettings, list[Member]], None] = take_out,
) -> None:
    """Returns when this process may join the group, of which nobody is waited for that has ended on this host. Raises
    FatalError where a stranger is in it, and ConfigurationError where a living twin is."""
    waited_s, told = 0.0, False
    while True:
        try:
            found = members(kafka)
        except (KafkaError, OSError, ChurnAlertError) as error:
            if isinstance(error, CoordinatorNotAvailableError) and waited_s < _COORDINATOR_S:
                sleep(_PAUSE_S)
                waited_s += _PAUSE_S
                continue
            say(
                f"The members of the consumer group {kafka.group} cannot be seen ({told_of(error)}); joining it unseen."
            )
            return
        for stranger in strangers_of(found):
            raise FatalError(about_stranger(kafka.group, stranger))
        if ended := ended_of(me, found):
            with suppress(KafkaError, OSError, ChurnAlertError):  # the group finds out when their sessions end
                remove(kafka, ended)
        twin = twin_of(me, kafka.instance_id, found)
        lives = None if twin is None else runs(twin.process, me)
        if twin is None or lives is False:
            return
        if lives or waited_s > kafka.session_timeout_s + _BEYOND_SESSION_S:
            raise ConfigurationError(about_twin(kafka, twin))
        if not told:
            told = True
            say(
                f"The kafka.instance_id {kafka.instance_id!r} is taken by {twin}; waiting whether it is gone when its "
                f"session ends, {kafka.session_timeout_s:g} s."
            )
        sleep(_PAUSE_S)
        waited_s += _PAUSE_S


def runs(process: Process | None, me: Process) -> bool | None:
    """Whether that process of ours runs; None: it cannot be seen from here."""
    if process is None:
        return None
    mine, its = Whereabouts.read(me.host), Whereabouts.read(process.host)
    sight = Sight.HIDDEN if mine is None or its is None else mine.sees(its)
    match sight:
        case Sight.HIDDEN:
            return None
        case Sight.GONE:
            return False
        case Sight.SAME:
            return process.pid != me.pid and _is_one(process.pid, process.what)
        case _:
            assert_never(sight)


def _is_one(pid: int, what: str) -> bool | None:
    """Whether there is a process of that command with that number; None: something has it, and what it is cannot be
    seen. One that has ended and was not waited for has no command line."""
    try:
        return what.encode() in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        pass  # there is none, or it is another user's (hidepid), or this system has no such files
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return None
    return True
