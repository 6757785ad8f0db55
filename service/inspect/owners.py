"""Whose the records of an input are: the key says it, unless the settings say that events are keyed otherwise."""

from __future__ import annotations

from typing import Final

from service.config import Settings
from service.registry.learning import learn_now
from service.wire.decoder import Decoder, DecoderSettings
from service.wire.framing import Headers, with_frame
from service.wire.input_topics import INPUT_TOPICS, names_keyed_by_customer, names_of_key_schemas, names_of_schemas


class Owners:
    """Of the inputs of one shop. What the schema registry is asked for is asked once."""

    def __init__(self, settings: Settings) -> None:
        """Raises ConfigurationError where the format of an input cannot be read here."""
        by_customer = names_keyed_by_customer(settings)
        self._otherwise: Final = {
            topic: row.channel.name
            for row in INPUT_TOPICS
            if (topic := row.name(settings.kafka.topics)) not in by_customer
        }
        self._framed, self._framed_keys = names_of_schemas(settings), names_of_key_schemas(settings)
        self._registry = settings.registry
        self._decoder = Decoder(DecoderSettings.of(settings) if self._otherwise else DecoderSettings.of_ours(settings))

    def of(self, topic: str, key: bytes | None, value: bytes | None, headers: Headers) -> str | None:
        """None where a record names nobody. Raises TransientError while a schema registry that must be asked does not
        answer."""
        name = self._otherwise.get(topic)
        if name is None:
            return None if key is None else key.decode(errors="replace")
        if name in self._framed and value:
            keys = [key] if name in self._framed_keys else []
            learn_now(self._registry, self._decoder.schemas, [with_frame(value, headers), *keys])
        return self._decoder.customer_of(name, value, key, headers)
