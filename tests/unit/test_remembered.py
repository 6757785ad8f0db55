"""A deliverer that would remember elsewhere what it has sent, and so know of nothing, does not begin."""

from __future__ import annotations

import pytest

from service.config import KafkaSettings
from service.delivery.remembered import MEMORY_ID, OUTREACH_ID, is_another, other_memory, remembered_in
from service.streaming.topic_ids import TopicNow

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
