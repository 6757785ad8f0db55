"""A deliverer that would remember elsewhere what it has sent, and so know of nothing, does not begin."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from kafka.errors import (
    CoordinatorNotAvailableError,
    GroupAuthorizationFailedError,
    KafkaConnectionError,
    KafkaError,
    NotCoordinatorError,
)

from service.cluster.topic_ids import TopicNow
from service.config import KafkaSettings
from service.delivery import remembered
from service.delivery.remembered import MEMORY_ID, OUTREACH_ID, is_another, other_memory, remembered_in
from service.errors import TransientError

NOW = KafkaSettings()
BEFORE = NOW.model_copy(update={"topics": NOW.topics.model_copy(update={"deliveries": "sent"})})


@pytest.mark.parametrize(
    ("told", "other"),
    [
        ([], None),
        (["", None], None),
        ([remembered_in(NOW), ""], None),
        ([remembered_in(BEFORE)], "sent"),
        ([remembered_in(BEFORE), remembered_in(NOW)], None),
        (["a word of another program"], None),
    ],
    ids=["nothing", "a release before", "the same", "another", "both, since it was copied", "not ours"],
)
def test_the_topic_is_told_with_the_offsets(told: list[str | None], other: str | None) -> None:
    assert other_memory(NOW, told) == other


OLD, OTHER = TopicNow(b"old-old-old-old-", 1), TopicNow(b"new-new-new-new-", 1)


def test_offsets_say_which_topics_they_are_of_as_far_as_brokers_tell() -> None:
    names = NOW.topics
    told = remembered_in(NOW, {names.deliveries: OLD, names.outreach: OTHER})

    assert other_memory(NOW, [told]) is None
    assert not is_another(MEMORY_ID, OLD, [told, None, remembered_in(NOW)])
    assert is_another(MEMORY_ID, OTHER, [told])
    assert not is_another(OUTREACH_ID, OTHER, [told])
    assert is_another(OUTREACH_ID, OLD, [told])


def test_where_either_id_is_not_known_nothing_is_another() -> None:
    told = remembered_in(NOW, {NOW.topics.deliveries: OLD})

    assert not is_another(MEMORY_ID, TopicNow(b"", 1), [told])
    assert not is_another(MEMORY_ID, None, [told])
    assert not is_another(OUTREACH_ID, OTHER, [told])
    assert not is_another(MEMORY_ID, OTHER, [remembered_in(NOW), None, ""])


class Admin:
    """What answers come, one after the other; the last one again and again."""

    def __init__(self, *answers: KafkaError | Mapping[str, str]) -> None:
        self._answers = list(answers)

    def list_group_offsets(self, groups: Mapping[str, None]) -> dict[str, Mapping[str, str]]:
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if isinstance(answer, KafkaError):
            raise answer
        return dict.fromkeys(groups, answer)


@pytest.fixture
def slept_s(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long was waited for answers."""
    waits: list[float] = []
    monkeypatch.setattr("time.sleep", waits.append)
    monkeypatch.setattr("time.monotonic", lambda: sum(waits))
    return waits


def test_a_broker_that_does_not_know_yet_is_asked_again(slept_s: list[float]) -> None:
    admin = Admin(CoordinatorNotAvailableError(), NotCoordinatorError(), KafkaConnectionError(), {"outreach-0": "told"})

    assert remembered._committed(NOW, admin, "g") == {"outreach-0": "told"}
    assert len(slept_s) == 3


def test_without_an_answer_nothing_begins(slept_s: list[float]) -> None:
    """To take silence for a group that has never sent would send everything again."""
    with pytest.raises(TransientError, match=r"group 'g' has committed \(CoordinatorNotAvailableError\): try again"):
        remembered._committed(NOW, Admin(CoordinatorNotAvailableError()), "g")
    assert 30.0 < sum(slept_s) < 31.0


def test_a_missing_right_is_no_matter_of_waiting(slept_s: list[float]) -> None:
    with pytest.raises(GroupAuthorizationFailedError):
        remembered._committed(NOW, Admin(GroupAuthorizationFailedError()), "g")
    assert not slept_s
