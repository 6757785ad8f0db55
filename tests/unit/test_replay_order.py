"""At a pace nothing can be read before what came before it, whichever topic that lies in."""

from __future__ import annotations

import pytest

from service.config import Settings
from service.domain.events import Event, Survey, SurveyAnswer
from service.feed import replay as room
from service.feed.replay import Pace, replay
from tests.support.engines import at, purchase


class Sent:
    """What becomes of a record."""

    is_done = True

    def get(self, timeout: float) -> None:
        """It is acknowledged."""


class Producer:
    """Notes in which order records are sent and waited for."""

    def __init__(self) -> None:
        self.done: list[str] = []

    def partitions_for(self, _: str) -> set[int]:
        return {0}

    def send(self, topic: str, **_: object) -> Sent:
        self.done.append(topic)
        return Sent()

    def flush(self, timeout: float) -> None:
        self.done.append("waited")

    def close(self, timeout: float) -> None: ...


LOG: list[Event] = [
    purchase("anna", 1.0),
    purchase("ben", 1.1),
    SurveyAnswer("s", "ben", at(1.2), Survey.NPS, 9),
    purchase("anna", 1.3),
]


@pytest.mark.parametrize(
    ("pace", "done"),
    [
        (Pace(1e9), ["purchases", "purchases", "waited", "surveys", "waited", "purchases", "waited"]),
        (Pace(), ["purchases", "purchases", "surveys", "purchases", "waited"]),
    ],
    ids=["paced", "at-full-speed"],
)
def test_before_another_topic_is_written_to_at_a_pace_all_that_was_sent_has_arrived(
    pace: Pace, done: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    producer = Producer()
    monkeypatch.setattr(room, "_connect", lambda _: producer)

    replay(LOG, kafka=Settings().kafka, minor_digits=2, pace=pace)

    assert producer.done == done
