"""A state goes on under the zone, the begin of the day and the currency that it was made under, or not at all; who is a
regular is counted again where that is told anew."""

from __future__ import annotations

import pytest

from service.config import Settings
from service.domain.calendar import DAY_US
from service.domain.changelog import MADE_UNDER_KEY, UNFINISHED_KEY
from service.domain.events import Purchase
from service.errors import ConfigurationError, FatalError
from service.streaming.job import PartitionJob
from service.streaming.made_under import MadeUnder
from tests.support.load import START_US, settings_for

SETTINGS = settings_for("nowhere:9092")
Kept = dict[tuple[str, bytes], bytes | None]


def a_life(settings: Settings = SETTINGS) -> Kept:
    """What a partition has written of two customers, one of five visits and one of three."""
    job, kept = PartitionJob(settings, 0), Kept()
    visits = [("anna", day) for day in range(5)] + [("bert", day) for day in range(3)]
    for name, day in sorted(visits, key=lambda visit: visit[1]):
        job.engine.apply(Purchase(f"{name}-{day}", name, START_US + day * DAY_US, 700))
    written = job.drain(8)
    assert written is not None
    for place, records in written.records.items():
        if place.topic not in {settings.kafka.state_topic, settings.kafka.ledger_topic}:
            continue
        kept.update(((place.topic, key), value) for key, value in records if key is not None)
    return kept


def revived(kept: Kept, settings: Settings) -> PartitionJob:
    job = PartitionJob(settings, 0)
    for (topic, key), value in kept.items():
        job.restore(topic, key, value)
    job.restored()
    return job


def test_a_partition_tells_once_what_it_was_made_under() -> None:
    kept = a_life()

    told = kept[SETTINGS.kafka.ledger_topic, MADE_UNDER_KEY]
    again = revived(kept, SETTINGS)
    again.engine.apply(Purchase("late", "anna", START_US + 9 * DAY_US, 700))
    written = again.drain(1)

    assert told is not None
    assert MadeUnder.unpack(told) == MadeUnder("Europe/Paris", "EUR", "00:00", 4)
    assert written is not None
    assert all(key != MADE_UNDER_KEY for records in written.records.values() for key, _ in records)


@pytest.mark.parametrize(
    ("key", "value"), [("timezone", "America/New_York"), ("currency", "JPY"), ("day_starts_at", "05:00")]
)
def test_another_zone_day_or_currency_is_refused_with_both_values(key: str, value: str) -> None:
    kept, changed = a_life(), SETTINGS.changed(shop={key: value})

    with pytest.raises(ConfigurationError) as refused:
        revived(kept, changed)

    assert f"shop.{key} is {value!r}" in str(refused.value)
    assert f"made under {getattr(SETTINGS.shop, key)!r}" in str(refused.value)


def test_a_state_of_an_earlier_release_goes_on_under_what_is_set() -> None:
    kept = a_life()
    del kept[SETTINGS.kafka.ledger_topic, MADE_UNDER_KEY]

    job = revived(kept, SETTINGS.changed(shop={"timezone": "UTC"}))
    job.engine.apply(Purchase("late", "anna", START_US + 9 * DAY_US, 700))
    written = job.drain(1)

    assert written is not None
    told = [value for records in written.records.values() for key, value in records if key == MADE_UNDER_KEY]
    assert [MadeUnder.unpack(value).timezone for value in told if value is not None] == ["UTC"]


def test_who_is_a_regular_is_counted_again() -> None:
    kept = a_life()

    before, after = (revived(kept, SETTINGS.changed(shop={"regular_min_visits": n})).engine for n in (4, 3))

    assert (before.everybody.state.regulars, before.everybody.state.regular_revenue_minor) == (1, 3500)
    assert (after.everybody.state.regulars, after.everybody.state.regular_revenue_minor) == (2, 5600)


def test_commands_read_a_state_under_its_own_settings() -> None:
    made = MadeUnder("Asia/Tokyo", "JPY", "05:00", 3)

    found = made.settings(SETTINGS)

    assert (found.shop.timezone, found.shop.currency, found.shop.minor_digits) == ("Asia/Tokyo", "JPY", 0)
    assert found.kafka == SETTINGS.kafka
    assert MadeUnder.of(SETTINGS).settings(SETTINGS) is SETTINGS


def test_nobody_goes_on_from_a_half() -> None:
    kept = a_life()
    kept[SETTINGS.kafka.state_topic, UNFINISHED_KEY] = b"1"

    with pytest.raises(FatalError, match="is not whole"):
        revived(kept, SETTINGS)

    kept[SETTINGS.kafka.state_topic, UNFINISHED_KEY] = None
    assert revived(kept, SETTINGS).engine.customers.keys() == {"anna", "bert"}


def test_what_is_no_such_record_is_refused() -> None:
    with pytest.raises(ValueError, match="not a record of this release"):
        MadeUnder.unpack(b"\x00")
