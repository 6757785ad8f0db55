"""Where the records of an epoch end, asked of whoever leads."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka.errors import KafkaConnectionError

from service.cluster import leader_epochs
from service.cluster.leader_epochs import _AskEpochEnds, _EpochEndRequest, ends_of_epochs
from service.cluster.log_ends import SourcePartition
from service.config import Settings
from service.domain.changelog import POSITION_KEY, pack_positions
from service.streaming.job import PartitionJob

STATE = "churn-alert-state"
ONE, TWO = SourcePartition("purchases", 1), SourcePartition("surveys", 1)


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leader_epochs, "_PAUSE_S", 0.0)


class Brokers:
    """aiokafka's client. `purchases` is led by broker 1, `surveys` by 2; each answers the next of its list, an error
    code with an offset, or an exception."""

    def __init__(self, **answers: list[Any]) -> None:
        self.cluster = SimpleNamespace(brokers=lambda: [SimpleNamespace(nodeId=1), SimpleNamespace(nodeId=2)])
        self._answers = {"purchases": [], "surveys": [], **answers}
        self.asked: list[tuple[int, Any]] = []

    async def send(self, node: int, request: Any) -> Any:
        if not isinstance(request, _AskEpochEnds):
            told = [(0, 0, 9, 0), (0, 1, 1, 0)], [(0, 1, 2, 0)]
            names = ("purchases", "surveys")
            return SimpleNamespace(
                topics=[(0, name, bytes(16), False, each, 0, {}) for name, each in zip(names, told, strict=True)]
            )
        topics = request.build(_EpochEndRequest).topics
        self.asked.append((node, topics))
        found = []
        for name, partitions in topics:
            answer = self._answers[name].pop(0)
            if isinstance(answer, BaseException):
                raise answer
            found.append((name, [(answer[0], partitions[0][0], 5, answer[1])]))
        return SimpleNamespace(topics=found)


async def test_each_leader_is_asked_for_what_it_leads() -> None:
    brokers = Brokers(purchases=[(0, 40)], surveys=[(0, -1)])

    found = await ends_of_epochs(brokers, {ONE: 4, TWO: 6}, 10.0)

    assert found == {ONE: 40, TWO: None}
    assert sorted(brokers.asked) == [(1, [("purchases", [(1, -1, 4)])]), (2, [("surveys", [(1, -1, 6)])])]


async def test_who_does_not_lead_any_more_is_asked_again_and_so_is_who_does_not_answer() -> None:
    brokers = Brokers(purchases=[(6, -1), KafkaConnectionError(), (0, 40)])

    assert await ends_of_epochs(brokers, {ONE: 4}, 10.0) == {ONE: 40}


@pytest.mark.parametrize("answer", [NotImplementedError(), (29, -1)], ids=["too old", "not allowed"])
async def test_nothing_is_known_where_nobody_will_ever_tell(answer: Any) -> None:
    assert await ends_of_epochs(Brokers(purchases=[answer]), {ONE: 4}, 10.0) == {ONE: None}


async def test_who_is_not_answered_in_time_hears_that() -> None:
    with pytest.raises(TimeoutError):
        await ends_of_epochs(Brokers(purchases=[(6, -1)] * 10_000), {ONE: 4}, 0.02)


def test_the_leader_of_what_was_read_is_known_over_restarts_until_the_log_is_another_one() -> None:
    job, again, later = (PartitionJob(Settings(), 0) for _ in range(3))
    job.positions.update(purchases=12, surveys=0)
    job.epochs.led("purchases", 7)
    job.epochs.led("purchases", 5)
    job.epochs.led("surveys", 7)
    written = job.epochs.kept(job.positions)
    again.restore(STATE, POSITION_KEY, pack_positions(job.positions | written))
    known = again.epochs.of("purchases"), again.epochs.of("surveys")
    again.lost("purchases", 3, 1)
    later.restore(STATE, POSITION_KEY, pack_positions({"purchases": 30, **written}))

    assert written == {"epoch:7:purchases": 12}
    assert known == (7, -1)
    assert again.positions["purchases"] == 12
    assert again.positions.keys() == job.positions.keys()
    assert again.epochs.of("purchases") == -1
    assert later.epochs.of("purchases") == -1, "a release that does not know it has moved on"


def test_the_question_is_what_a_broker_reads() -> None:
    """Version 3: replica, topics, of each its partitions with the epochs of today and of then."""
    asked = _AskEpochEnds({ONE: 4}).build(_EpochEndRequest).encode()

    assert asked == (b"\xff\xff\xff\xff\0\0\0\1\0\x09purchases\0\0\0\1\0\0\0\1\xff\xff\xff\xff\0\0\0\4")
