"""Makes a consumer of aiokafka read so that nothing it is handed can stop it or eat its memory (service/fetching)."""

from __future__ import annotations

from typing import Any

from aiokafka import AIOKafkaConsumer

from service.fetching import CarefulFetcher, KeepingClient, Limits, Taken


class CarefulConsumer(AIOKafkaConsumer):  # type: ignore[misc]
    """Has a careful fetcher as soon as it has one."""

    limits: Limits
    _careful: Any = None

    @property
    def _fetcher(self) -> Any:
        return self._careful

    @_fetcher.setter
    def _fetcher(self, fetcher: Any) -> None:
        if fetcher is not None:
            fetcher.__class__ = CarefulFetcher
            fetcher.limits, fetcher.taken = self.limits, Taken()
        self._careful = fetcher


def become_careful(consumer: Any, limits: Limits) -> None:
    """A consumer that has not been started."""
    consumer.__class__ = CarefulConsumer
    consumer.limits = limits
    if not isinstance(consumer._client, KeepingClient):
        consumer._client.__class__ = KeepingClient
    consumer._client.laid_aside = {}
