"""A deliverer that would remember elsewhere what it has sent, and so know of nothing, does not begin."""

from __future__ import annotations

import pytest

from service.config import KafkaSettings
from service.delivery.remembered import other_memory, remembered_in

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
