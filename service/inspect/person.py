"""All that is held of one person, read from every topic, as the person may ask for it."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from service.cluster.reader import Reader
from service.cluster.tail import open_reader, partitions_of, records_until_now
from service.config import Settings
from service.domain.changelog import MERGED_PREFIX
from service.errors import ConfigurationError
from service.inspect.lookup import as_json, inspect_customer
from service.inspect.owners import Owners
from service.wire.input_topics import INPUT_TOPICS
from service.wire.ours import NOT_OURS, data_of

_OUTPUTS: Final = ("outreach", "outreach_decisions", "customer_scores")
"""Keyed by the customer, like the inputs."""


def export_person(settings: Settings, customer_id: str) -> dict[str, Any]:
    """What the topics hold at this instant of a customer and of the ids that were merged into theirs.

    `state` and `scores` are as `churn-alert inspect --json` gives them, None for who is not known (any more); the rest
    are lists of records, oldest first within a partition, each with the place it lies at. It takes as long as the
    topics are large: each is read once. Raises ConfigurationError when no input topic exists, or none of the group's
    state, and TransientError when no broker answers.
    """
    kafka, names = settings.kafka, settings.kafka.topics
    held: dict[str, Any] = {"customer_id": customer_id, "as_of": datetime.now(UTC).isoformat()}
    with open_reader(kafka) as reader:
        topics = reader.topics()
        inputs = {row.channel.name: row.name(names) for row in INPUT_TOPICS}
        if not topics & set(inputs.values()):
            raise ConfigurationError(
                f"None of the input topics exists at {kafka.bootstrap_servers}: run `churn-alert topics create`."
            )
        if kafka.state_topic not in topics:
            raise ConfigurationError(
                f"The topic {kafka.state_topic} does not exist; is kafka.group = {kafka.group!r} right? Without it what is "
                "known of a customer would be missing."
            )
        owners = Owners(settings)
        ids = {customer_id, *_merged_into(reader, kafka.state_topic, customer_id)}
        held["also_known_as"] = sorted(ids - {customer_id})
        for each, topic in (inputs | {name: getattr(names, name) for name in _OUTPUTS}).items():
            held[each] = [
                _shown(record)
                for record in _records(reader, topic)
                if owners.of(topic, record.key, record.value, record.headers) in ids
            ]
        held["deliveries"] = [
            _shown(record) for record in _records(reader, names.deliveries) if _told_of(record.value, ids)
        ]
        held["dead_letters"] = [
            _shown(record) for record in _records(reader, names.dead_letters) if _refused_of(record.value, ids, owners)
        ]
    try:
        held["state"] = msgspec.json.decode(as_json(inspect_customer(settings, customer_id)))
    except ConfigurationError:
        held["state"] = None
    return held


def _merged_into(reader: Reader, state_topic: str, customer_id: str) -> set[str]:
    """Ids that are this customer's since a merge."""
    found: dict[bytes, bytes | None] = {}
    for record in _records(reader, state_topic):
        if record.key is not None and record.key.startswith(MERGED_PREFIX):
            found[record.key] = record.value
    return {_text(key.removeprefix(MERGED_PREFIX)) for key, into in found.items() if into == customer_id.encode()}


def _records(reader: Reader, topic: str) -> Iterator[Any]:
    """All of a topic; none where there is no such topic."""
    partitions = partitions_of(reader, topic)
    if partitions:
        yield from records_until_now(reader, partitions)


def _shown(record: Any) -> dict[str, Any]:
    """A record with its place; a value that is no JSON as base64, None for a tombstone."""
    value = record.value
    shown: Any = None
    if value is not None:
        try:
            shown = msgspec.json.decode(value)
        except NOT_OURS:
            shown = {"base64": base64.b64encode(value).decode()}
    at = datetime.fromtimestamp(record.timestamp / 1000, UTC).isoformat() if record.timestamp > 0 else None
    return {"partition": record.partition, "offset": record.offset, "written_at": at, "value": shown}


def _told_of(value: bytes | None, ids: set[str]) -> bool:
    """Whether a record of `deliveries` is of one of these customers."""
    customer_id = (data_of(value) or {}).get("customer_id")
    return isinstance(customer_id, str) and customer_id in ids


def _refused_of(value: bytes | None, ids: set[str], owners: Owners) -> bool:
    """Whether a dead letter has one of these customers as its key, or in the record it holds."""
    try:
        letter = msgspec.json.decode(value or b"")
        key, held = (base64.b64decode(letter.get(name) or "") for name in ("key_base64", "value_base64"))
        headers = [(each["name"], base64.b64decode(each["value_base64"] or "")) for each in letter.get("headers") or ()]
    except (*NOT_OURS, AttributeError, KeyError, TypeError, ValueError):  # a tombstone, or no letter
        return False
    if _text(key) in ids or owners.of(str(letter.get("source_topic")), key, held, headers) in ids:
        return True
    try:
        refused = msgspec.json.decode(held)
    except NOT_OURS:
        return False
    if not isinstance(refused, dict):
        return False
    data = refused.get("data")
    said = (refused.get("customer_id"), data.get("customer_id") if isinstance(data, dict) else None)
    return any(isinstance(each, str) and each in ids for each in said)


def _text(key: bytes) -> str:
    return key.decode(errors="replace")
