"""Whether a deliverer may join its group: not beside a stranger, another shop, another way out, or another secret; but
at once where a former one has ended."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

import pytest
from kafka.errors import CoordinatorNotAvailableError, GroupAuthorizationFailedError
from prometheus_client import generate_latest
from structlog.testing import capture_logs

from service.config import KafkaSettings, Settings
from service.delivery.companions import Companion, is_stranger, refuse_to_join
from service.delivery.group import Company, telling
from service.delivery.metrics import DeliveryMetrics
from service.errors import ConfigurationError, FatalError
from service.streaming.membership import DELIVERER, Member, Process
from service.streaming.whereabouts import here
from tests.support.group_answers import GroupAnswers

GROUP, TOPIC = "shop-deliver", "outreach"
ONE, TWO = "the first of the secrets", "the second of the secrets"
ELSEWHERE = Process("another-host", 7, 1, DELIVERER)


def settings(secret: str = ONE, before: str | None = None, **topics: str) -> Settings:
    deliver = {"unsubscribe_secret": secret, "unsubscribe_secret_before": before}
    return Settings(kafka={"session_timeout_s": 10, "topics": topics}, deliver=deliver)


ME = Companion.of(settings(), "smtp")


def member(process: Process = ELSEWHERE, told: Companion | None = ME) -> Member:
    return Member(process.client_id, "10.0.0.7", None, "m", (TOPIC,), "" if told is None else told.pack().decode())


class Group(GroupAnswers):
    def members(self, _: KafkaSettings, group: str) -> list[Member]:
        assert group == GROUP
        return self.next_answer()

    def remove(self, _: KafkaSettings, members: list[Member], group: str) -> None:
        assert group == GROUP
        self.taken_out += members

    def join(self, mine: Settings | None = None, way: str = "smtp") -> None:
        mine = mine or settings()
        refuse_to_join(mine, GROUP, Companion.of(mine, way), self.said.append, self.members, self.sleep, self.remove)


def test_other_deliverers_of_the_shop_may_be_joined_whatever_their_release() -> None:
    older = member(told=None), Member("aiokafka-0.14.0", "h", None, "m", (TOPIC,))
    group = Group([member(), *older, Member("aiokafka-0.14.0", "h", None, "balancing")])

    group.join()

    assert (group.said, group.slept_s, group.taken_out) == ([], 0.0, [])


@pytest.mark.parametrize(
    "other",
    [
        Member("reporting-job", "10.0.0.9", None, "m", (TOPIC,)),
        Member("aiokafka-0.14.0", "10.0.0.9", None, "m", (TOPIC, "purchases")),
        Member(Process("another-host", 7, 1).client_id, "10.0.0.9", None, "m", ("purchases",)),
    ],
    ids=["another program", "one that reads something else", "a worker"],
)
def test_a_stranger_is_named_and_the_setting_that_helps(other: Member) -> None:
    with pytest.raises(
        FatalError, match=r"consumer group shop-deliver: client id .* on host 10\.0\.0\.9.*deliver\.group"
    ):
        Group([member(), other]).join()


@pytest.mark.parametrize(
    ("theirs", "way", "told"),
    [
        (
            settings(deliveries="other-deliveries"),
            "smtp",
            r"outreach and other-deliveries, and this one outreach and deliveries",
        ),
        (settings(outreach="other-outreach"), "smtp", r"kafka\.group"),
        (settings(), "webhook", r"its way out is webhook and this one's smtp.*deliver\.webhook\.name"),
        (settings(TWO), "smtp", r"another deliver\.unsubscribe_secret.*unsubscribe_secret_before"),
    ],
    ids=["another memory", "another shop", "another way out", "another secret"],
)
def test_beside_whom_it_cannot_work_it_waits_for_the_session_and_refuses(theirs: Settings, way: str, told: str) -> None:
    other = member(told=Companion.of(theirs, way))
    alive, gone = Group([other]), Group([other], [other], [])

    with pytest.raises(ConfigurationError, match=told):
        alive.join()
    gone.join()

    assert alive.slept_s > 10
    assert (gone.slept_s, len(gone.said)) == (1.0, 1)


def test_a_secret_is_changed_one_deliverer_after_the_other_and_back() -> None:
    Group([member(told=Companion.of(settings(ONE), "smtp"))]).join(settings(TWO, before=ONE))
    Group([member(told=Companion.of(settings(TWO, before=ONE), "smtp"))]).join(settings(ONE))


def test_who_makes_no_links_asks_for_no_secret() -> None:
    Group([member(told=Companion.of(settings(ONE), "webhook"))]).join(settings(TWO), "webhook")
    assert Companion.of(settings(), "scores", "customer-scores").secret == ""


def test_what_it_tells_names_no_secret_and_a_later_release_may_tell_more() -> None:
    told = ME.pack().decode()

    assert ONE not in told
    assert Companion.told_by(member()._replace(told=told[:-1] + ',"more":1}')) == ME
    assert Companion.told_by(member()._replace(told="\\xff")) is None
    assert telling(ME).metadata([TOPIC]).user_data == told.encode()
    assert telling(ME).name == "range", "it divides with those of the releases before"


def test_those_that_have_ended_are_taken_out_and_nobody_else() -> None:
    """Its former self, one that was killed, and one whose number a worker has by now; not one that lives, nor one on
    another host of this name, in another container as well."""
    idle = "import sys; print(flush=True); sys.stdin.read()"
    pipe: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with (
        subprocess.Popen([sys.executable, "-c", "", "deliver"]) as ended,
        subprocess.Popen([sys.executable, "-c", idle, "deliver"], **pipe) as lives,
        subprocess.Popen([sys.executable, "-c", idle, "worker"], **pipe) as other,
    ):
        ended.wait()
        for each in (lives, other):
            assert each.stdout is not None
            each.stdout.readline()
        place, pids = str(here()), (ended.pid, other.pid, os.getpid(), lives.pid)
        dead, taken, former, alive = (member(Process(place, pid, 1, DELIVERER)) for pid in pids)
        namesakes = [
            member(Process(str(here()._replace(**{what: "abc"})), pid, 1, DELIVERER))
            for what in ("machine", "namespace")
            for pid in pids
        ]
        group = Group([dead, taken, former, alive, member(), *namesakes])

        group.join()
        for each in (lives, other):
            each.communicate()

    assert group.taken_out == [dead, taken, former]


def test_who_is_seen_to_live_is_not_waited_for() -> None:
    command = [sys.executable, "-c", "import sys; print(flush=True); sys.stdin.read()", "deliver"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as lives:
        assert lives.stdout is not None
        lives.stdout.readline()
        other = member(Process(str(here()), lives.pid, 1, DELIVERER), Companion.of(settings(TWO), "smtp"))
        group = Group([other])
        with pytest.raises(ConfigurationError, match="unsubscribe_secret"):
            group.join()
        lives.communicate()

    assert group.slept_s == 0.0


def test_what_brokers_do_not_tell_keeps_nobody_from_joining() -> None:
    made, hidden = Group(CoordinatorNotAvailableError(), []), Group(GroupAuthorizationFailedError())

    made.join()
    hidden.join()

    assert (made.slept_s, made.said) == (0.5, [])
    assert "cannot be seen" in hidden.said[0]


async def test_who_comes_later_is_told_once_and_forgotten_when_gone() -> None:
    metrics, there = (
        DeliveryMetrics("smtp"),
        [[member()], [stranger := Member("job", "h", None, "m", (TOPIC,))], [stranger], []],
    )
    company = Company(settings(), GROUP, ME, metrics, lambda *_: there.pop(0))
    shown: list[tuple[int, str]] = []

    with capture_logs() as logs:
        while there:
            await company.look()
            line = next(
                one
                for one in generate_latest(metrics.registry).decode().splitlines()
                if one.startswith("churn_alert_group_strangers")
            )
            shown.append((len(company.said()), line.split()[-1]))

    assert shown == [(0, "0.0"), (1, "1.0"), (1, "1.0"), (0, "0.0")]
    assert [line["event"] for line in logs] == ["a stranger is in the consumer group"]
    assert is_stranger(stranger, TOPIC)
