"""Events as records of the input topics: they must come in by the same door as everybody else's."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest
from kafka.partitioner.default import DefaultPartitioner

from schemas import inputs
from service.domain.calendar import utc_text
from service.domain.events import Erasure, Event, Item, Profile, Purchase, Survey, SurveyAnswer
from service.feed.partitions import partition_for
from service.feed.records import key_of, value_of

AT_US = 1_709_287_200_000_000  # 2024-03-01T10:00Z
ORDER = Purchase("e1", "ann", AT_US, 1250, order_id="o1", items=(Item("s1", "flat white"),))


def test_a_purchase_carries_what_the_input_schema_asks_for() -> None:
    assert json.loads(value_of(ORDER, 2)) == {
        "event_id": "e1",
        "customer_id": "ann",
        "occurred_at": "2024-03-01T10:00:00Z",
        "amount": "12.50",
        "kind": "purchase",
        "order_id": "o1",
        "items": [{"sku": "s1", "name": "flat white"}],
    }


@pytest.mark.parametrize(
    ("event", "model"),
    [
        (ORDER, inputs.Purchase),
        (Purchase("e2", "ann", AT_US + 1, 5, refund=True), inputs.Purchase),
        (SurveyAnswer("e3", "ann", AT_US, Survey.CES, 7, "o1"), inputs.SurveyAnswer),
        (
            Profile("e4", "ann", AT_US, first_name="Ann", email="a@example.org", marketing_consent=False),
            inputs.CustomerEvent,
        ),
        (Erasure("e5", "ann", AT_US), inputs.CustomerEvent),
    ],
)
def test_every_kind_of_event_passes_the_input_schema(event: Event, model: type[inputs.Purchase]) -> None:
    read = model.model_validate_json(value_of(event, 2))

    assert (read.event_id, read.customer_id) == (event.event_id, "ann")


def test_what_a_profile_does_not_say_is_left_out() -> None:
    assert set(json.loads(value_of(Profile("e", "ann", AT_US), 2))) == {
        "event_id",
        "customer_id",
        "occurred_at",
        "kind",
    }


@pytest.mark.parametrize(
    ("at_us", "text"),
    [(AT_US, "2024-03-01T10:00:00Z"), (AT_US + 1, "2024-03-01T10:00:00.000001Z"), (0, "1970-01-01T00:00:00Z")],
)
def test_times_keep_their_microseconds(at_us: int, text: str) -> None:
    assert utc_text(at_us) == text


def test_a_currency_without_minor_unit_has_no_decimals() -> None:
    assert json.loads(value_of(ORDER, 0))["amount"] == "1250"


@pytest.mark.parametrize("partitions", [1, 4, 7, 64])
def test_the_partition_is_the_one_of_kafkas_default_partitioner(partitions: int) -> None:
    cluster = SimpleNamespace(
        topics=lambda: {"t"},
        partitions_for_topic=lambda _: set(range(partitions)),
        available_partitions_for_topic=lambda _: set(range(partitions)),
    )

    for customer in [*map(str, range(300)), "zoë", "x" * 256]:
        key = key_of(Erasure("e", customer, AT_US))
        assert partition_for(key, partitions) == DefaultPartitioner().partition("t", key, key, None, None, cluster)


def test_the_partition_of_known_keys_is_that_of_the_java_client() -> None:
    # Kafka's own UtilsTest: murmur2("21") = -973932308, murmur2("foobar") = -790332482
    assert partition_for(b"21", 100) == (-973932308 & 0x7FFFFFFF) % 100
    assert partition_for(b"foobar", 100) == (-790332482 & 0x7FFFFFFF) % 100
