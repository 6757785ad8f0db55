"""The leader of a log has moved when it is asked where the log begins: then it is asked anew who leads. It was not for
five minutes, and nothing was fetched meanwhile from the broker that was asked in vain."""

from __future__ import annotations

from typing import Any

import pytest
from aiokafka.errors import KafkaError, NotLeaderForPartitionError, RequestTimedOutError
from aiokafka.protocol.offset import OffsetResponse_v1

from service.fetching import CarefulFetcher

EARLIEST = -2
NOT_LEADER = 6


class Client:
    """Answers with that error, or not at all."""

    def __init__(self, error: int | None) -> None:
        self._error = error
        self.asked_who_leads = 0

    async def send(self, node_id: int, request: object) -> OffsetResponse_v1:
        if self._error is None:
            raise RequestTimedOutError
        return OffsetResponse_v1([("purchases", [(0, self._error, -1, 40)])])

    def force_metadata_update(self) -> None:
        self.asked_who_leads += 1


class Asking(CarefulFetcher):
    def __init__(self, client: Client) -> None:
        self._client: Any = client
        self._isolation_level = 1


async def begins_at(client: Client) -> Any:
    return await Asking(client)._proc_offset_request(2, {"purchases": [(0, EARLIEST)]})


@pytest.mark.parametrize(("error", "raised"), [(NOT_LEADER, NotLeaderForPartitionError), (None, RequestTimedOutError)])
async def test_whoever_asked_in_vain_asks_who_leads(error: int | None, raised: type[KafkaError]) -> None:
    client = Client(error)

    with pytest.raises(raised):
        await begins_at(client)

    assert client.asked_who_leads == 1


async def test_an_answer_is_no_reason_to_ask() -> None:
    client = Client(0)

    ((offset, _),) = (await begins_at(client)).values()

    assert offset == 40
    assert client.asked_who_leads == 0
