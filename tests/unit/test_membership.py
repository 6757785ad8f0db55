"""Whether a worker may join the group: not beside a stranger, nor a living twin; but in the place of its own
predecessor."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from kafka.errors import CoordinatorNotAvailableError, GroupAuthorizationFailedError

from service.config import KafkaSettings
from service.errors import ConfigurationError, FatalError
from service.streaming import membership
from service.streaming.membership import (
    Member,
    Process,
    refuse_to_join,
    this_process,
    twin_of,
)
from service.streaming.whereabouts import here
from tests.support.group_answers import GroupAnswers

KAFKA = KafkaSettings(instance_id="till", session_timeout_s=10)
ME = this_process()
ELSEWHERE = Process("other-host", 7, 1)


def place_of(process: Process, instance_id: str | None = "till") -> Member:
    return Member(process.client_id, "10.0.0.7", instance_id)


class Group(GroupAnswers):
    def members(self, kafka: KafkaSettings) -> list[Member]:
        return self.next_answer()

    def refuse(self, kafka: KafkaSettings = KAFKA) -> None:
        refuse_to_join(kafka, ME, self.said.append, self.members, self.sleep, self.remove)

    def remove(self, kafka: KafkaSettings, members: list[Member]) -> None:
        self.taken_out += members


@pytest.fixture
def neighbour() -> Iterator[Process]:
    """A living process whose command line is that of a worker."""
    command = [sys.executable, "-c", "import sys; print(flush=True); sys.stdin.read()", "worker"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        child.stdout.readline()  # it runs
        yield Process(ME.host, child.pid, 1)
        child.communicate()


def test_a_client_id_tells_host_process_and_when_it_began() -> None:
    assert place_of(ME).process == ME
    assert Member("churn-alert-worker@h@x@1", "h", None).process is None
    assert Member("reporting@h@1@1", "h", None).process is None


def test_an_empty_group_and_other_workers_of_ours_may_be_joined() -> None:
    Group([]).refuse()
    Group([place_of(ELSEWHERE, "another"), place_of(ELSEWHERE, None), Member("faust-0.15.3", "h", None)]).refuse()


def test_a_stranger_is_named_by_client_id_and_host() -> None:
    group = Group([place_of(ELSEWHERE, "another"), Member("reporting-job", "10.0.0.9", None)])

    with pytest.raises(FatalError, match=r"client id 'reporting-job' on host 10\.0\.0\.9"):
        group.refuse()


def test_a_living_twin_of_this_host_is_left_alone_at_once(neighbour: Process) -> None:
    group = Group([place_of(neighbour)])

    with pytest.raises(
        ConfigurationError, match=r"kafka\.instance_id 'till'.*on host 10\.0\.0\.7\. It goes on, this one ends"
    ):
        group.refuse()
    assert group.slept_s == 0.0


def test_a_predecessor_of_this_host_that_has_ended_is_followed_at_once() -> None:
    with subprocess.Popen([sys.executable, "-c", "", "worker"]) as ended:
        ended.wait()
    group = Group([place_of(Process(ME.host, ended.pid, 1))])

    group.refuse()

    assert (group.slept_s, group.said) == (0.0, [])


def test_a_process_that_has_replaced_itself_follows_itself() -> None:
    Group([place_of(Process(ME.host, os.getpid(), 1))]).refuse()


def test_a_process_that_is_no_worker_has_taken_the_number_of_one_that_ended() -> None:
    with subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE) as other:
        Group([place_of(Process(ME.host, other.pid, 1))]).refuse()
        other.communicate()


def test_a_member_of_another_host_that_the_broker_forgets_with_its_session_was_a_predecessor() -> None:
    group = Group(*[[place_of(ELSEWHERE)]] * 12, [])

    group.refuse()

    assert group.slept_s == 6.0
    assert len(group.said) == 1


def test_a_member_of_another_host_that_outlives_the_session_is_a_twin() -> None:
    group = Group([place_of(ELSEWHERE)])

    with pytest.raises(ConfigurationError, match="on host 10"):
        group.refuse()
    assert KAFKA.session_timeout_s < group.slept_s < KAFKA.session_timeout_s + 10


def test_a_hidden_process_of_another_user_is_waited_for_until_its_session_is_over(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As two units of systemd are to each other: each has a user of its own, and sees no other's processes."""

    def is_not_ours(pid: int, _number: int) -> None:
        raise PermissionError(pid)

    monkeypatch.setattr(os, "kill", is_not_ours)
    beyond = int(Path("/proc/sys/kernel/pid_max").read_text(encoding="ascii")) + 1
    hidden = place_of(Process(ME.host, beyond, 1))
    alive, gone = Group([hidden]), Group(*[[hidden]] * 5, [])

    with pytest.raises(ConfigurationError):
        alive.refuse()
    gone.refuse()

    assert alive.slept_s > KAFKA.session_timeout_s
    assert gone.slept_s == 2.5


def test_a_group_whose_coordinator_is_being_made_is_waited_for_silently() -> None:
    group = Group(CoordinatorNotAvailableError(), CoordinatorNotAvailableError(), [])

    group.refuse()

    assert (group.slept_s, group.said) == (1.0, [])


def test_who_may_not_see_the_group_joins_it_unseen_and_says_so() -> None:
    group = Group(GroupAuthorizationFailedError())

    group.refuse()

    assert "cannot be seen" in group.said[0]


def test_whoever_has_ended_on_this_host_is_taken_out_of_the_group_and_nobody_else(neighbour: Process) -> None:
    with subprocess.Popen([sys.executable, "-c", "", "worker"]) as ended:
        ended.wait()
    dead, former = (place_of(Process(ME.host, pid, 1), None) for pid in (ended.pid, os.getpid()))
    others = [place_of(neighbour, None), place_of(ELSEWHERE, None), Member("faust-0.15.3", "h", None)]
    group = Group([dead, *others, former, place_of(Process(ME.host, ended.pid, 1), "another")])

    group.refuse(KafkaSettings())

    assert group.taken_out == [dead, former]


def test_who_may_not_take_a_member_out_joins_beside_it(monkeypatch: pytest.MonkeyPatch) -> None:
    group = Group([place_of(Process(ME.host, os.getpid(), 1), None)])

    def may_not(*_: object) -> None:
        raise GroupAuthorizationFailedError

    monkeypatch.setattr(group, "remove", may_not)
    group.refuse(KafkaSettings())

    assert group.said == []


@pytest.mark.parametrize("elsewhere", ["namespace", "machine"])
def test_of_two_hosts_of_one_name_neither_takes_the_other_for_dead(elsewhere: str) -> None:
    """Its process has the number of this one, or one that nobody has here: it is another container, or machine."""
    there = here()._replace(**{elsewhere: "abc"})
    lives = [place_of(Process(str(there), pid, 1), None) for pid in (os.getpid(), 2**22 + 1)]
    theirs = [place_of(Process(here().name, os.getpid(), 1), None)]  # a release that tells no more than its name
    group = Group([*lives, *theirs])

    group.refuse(KafkaSettings())

    assert group.taken_out == []


def test_nor_is_its_place_taken_while_it_lives() -> None:
    there = here()._replace(namespace="abc", container="")
    group = Group([place_of(Process(str(there), os.getpid(), 1))])

    with pytest.raises(ConfigurationError, match="It goes on, this one ends"):
        group.refuse()


def test_a_container_that_begins_again_follows_who_was_in_it_at_once() -> None:
    mine, before = here()._replace(container="c1"), here()._replace(container="c1", namespace="abc")
    me, former = Process(str(mine), 1, 2), place_of(Process(str(before), 7, 1))
    group = Group([former, former._replace(instance_id=None)])

    refuse_to_join(KAFKA, me, group.said.append, group.members, group.sleep, group.remove)

    assert (group.said, group.slept_s) == ([], 0.0)
    assert group.taken_out == [former._replace(instance_id=None)]


def test_a_group_of_another_protocol_is_joined_unseen_and_is_no_error_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    """The client reads what its members say as if they were consumers, and finds a length that none has."""

    class Admin:
        def describe_groups(self, _: list[str]) -> None:
            raise ValueError("Invalid value 34359738367")

        def close(self) -> None: ...

    monkeypatch.setattr(membership, "new_admin", lambda *_, **__: Admin())
    said: list[str] = []

    refuse_to_join(KAFKA, ME, said.append)

    assert "is no consumer" in said[0]


def test_without_an_instance_id_nobody_is_a_twin() -> None:
    assert twin_of(ME, None, [place_of(ELSEWHERE, None)]) is None
    assert twin_of(ME, "till", [place_of(ME)]) is None
