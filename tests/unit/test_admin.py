"""What kafka-python's admin client raises where a broker goes in the middle of a question is a broker that went."""

from __future__ import annotations

from typing import Any

import pytest
from kafka.errors import KafkaConnectionError
from kafka.net.transport import KafkaTCPTransport

from service.connection import admin


class Closing:
    """A connection whose transport is closed and has bytes that are still to be written."""

    def send_request(self, _request: object, request_timeout_ms: int | None = None) -> Any:
        transport = object.__new__(KafkaTCPTransport)
        transport._closed, transport._write = True, True
        transport.write(b"a question")


def test_a_question_over_a_connection_that_is_closing_fails_as_one_over_a_lost_connection() -> None:
    manager = object.__new__(admin._Manager)
    manager.get_connection = lambda _node_id: Closing()

    answer = manager.send("a question", node_id=1)

    assert answer.failed()
    with pytest.raises(KafkaConnectionError, match="closed for writes"):
        raise answer.exception
