"""A topic that is set otherwise while it is read is told of once, and again when it happens again."""

from __future__ import annotations

from kafka.errors import KafkaError
from structlog.testing import capture_logs

from service.cluster.policy_watch import PolicyWatch

COMPACTED = "Topic purchases has cleanup.policy compact"


async def test_what_loses_records_is_told_once_and_again_when_it_happens_again() -> None:
    answers: list[list[str] | Exception] = [
        [],
        [COMPACTED],
        [COMPACTED],
        KafkaError("away"),
        [COMPACTED],
        [],
        [COMPACTED],
    ]

    def losing() -> list[str]:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    watch = PolicyWatch(losing)
    with capture_logs() as said:
        while answers:
            await watch.look()

    assert [(each["log_level"], each.get("told")) for each in said] == [
        ("error", COMPACTED),
        ("warning", None),
        ("error", COMPACTED),
    ]
